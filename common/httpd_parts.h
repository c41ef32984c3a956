/*
 * httpd_parts: what httpd's two files share. Everybody else includes httpd.h.
 */
#ifndef MICROREG_COMMON_HTTPD_PARTS_H
#define MICROREG_COMMON_HTTPD_PARTS_H

#include "common/buf.h"
#include "common/httpd.h"

#include <microhttpd.h>
#include <pthread.h>

enum { HTTPD_HEADERS_MAX = 16 }; /* of one answer */

struct httpd_pair {
	char *name, *value;
};

struct httpd_request {
	struct httpd *httpd;
	struct MHD_Connection *connection;
	const char *method, *path; /* MHD's, as long as the request */
	struct buf body;
	uint64_t dropped; /* bytes of a body that is too long */
	struct httpd_pair headers[HTTPD_HEADERS_MAX];
	unsigned header_count;
	bool too_large;
	bool handled;	/* the handler has been called */
	bool suspended; /* ever; owned by the handler's thread */
	bool answered;	/* written before the resume, read after it */
	bool queued;
	unsigned status;
	struct MHD_Response *response;	    /* NULL though answered: out of memory */
	struct httpd_shared *shared;	    /* whose the response is; NULL: the request's own */
	struct httpd_request *next, **link; /* of httpd.suspended, under its lock; NULL: not in */
};

struct httpd_credentials;

struct httpd {
	struct httpd_options options;
	struct MHD_Daemon *daemon;
	uint16_t port;
	pthread_mutex_t lock;
	pthread_cond_t changed;		 /* in_handler or busy fell */
	struct httpd_request *suspended; /* under lock */
	unsigned in_handler;		 /* under lock: handlers running */
	unsigned busy; /* under lock: requests handed to the handler, not completed */
	bool stopping; /* under lock */
	int listen_fd; /* MHD's, which closes it */
	bool shared;   /* other processes hold the listening socket too */
	struct httpd_credentials *credentials; /* under lock; NULL: plain HTTP */
};

/* Gives up the response, which MHD may hold on to. */
void httpd_drop_response(struct httpd_request *request);

void httpd_credentials_unref(struct httpd_credentials **credentials); /* NULL does no harm */

/* MHD's notice of connections, of TLS. */
void httpd_tls_notify(void *arg, struct MHD_Connection *connection, void **slot,
		      enum MHD_ConnectionNotificationCode code);
/* Has the client shown a certificate of the client CA, if it needs one? Verified once for each
 * connection. */
bool httpd_tls_trusts(struct MHD_Connection *connection);

/* Answers with a problem document of that status (RFC 9457). */
void httpd_problem(struct httpd_request *request, unsigned status);

#endif
