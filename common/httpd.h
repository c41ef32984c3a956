/*
 * httpd: libmicrohttpd wrapped once, for the registry and the gateway's admin
 * door. Not the gateway's public door: that is its own codec.
 *
 * A handler gets each request once its body is complete. It answers at once,
 * or suspends the request and has it answered later from any thread; a
 * suspended request holds no thread. libmicrohttpd does not notice that the
 * client of a suspended request left, so every suspension has a deadline, set
 * by whoever suspends.
 */
#ifndef MICROREG_COMMON_HTTPD_H
#define MICROREG_COMMON_HTTPD_H

#include "common/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct httpd;
struct httpd_request;
struct httpd_shared;
struct inherited;

/* Where the certificates are: PEM files. */
struct httpd_tls_names {
	const char *cert, *key; /* NULL: no TLS */
	const char *client_ca;	/* NULL: clients need no certificate */
};

/* What was in them. */
struct httpd_tls {
	char *cert, *key, *client_ca;
};

/* Reads and tries them. -1 with e->code DAEMON_EXIT_SETTINGS and a text that names the setting, the
 * file and the reason. Blocks for the disk. */
int httpd_tls_load(struct httpd_tls *tls, const struct httpd_tls_names *names, struct err *e);
void httpd_tls_fini(struct httpd_tls *tls);

struct httpd_options {
	const char *address; /* IPv4 or IPv6 literal, no brackets */
	uint16_t port;	     /* 0: the kernel chooses; see httpd_port */
	/* Where a socket for the address may lie that another process opened; NULL: open one. */
	struct inherited *inherited;
	unsigned threads;      /* at least 1 */
	size_t body_max_bytes; /* a longer body is answered 413 without the handler */
	unsigned connections_max;
	unsigned connections_per_address; /* 0: as many as there may be */
	unsigned idle_timeout_s;
	/* Of each connection, 0: 32 KiB. A head may take about half of it, or it is refused with a
	 * 4xx; a body comes in pieces. MHD zeroes all of it after each answer, and where most
	 * connections wait for their first, touching its pages costs more than the answer. */
	size_t pool_bytes;
	struct httpd_tls tls; /* taken when it starts; all NULL: plain HTTP */
	/* Called on one of httpd's threads; must call httpd_reply or httpd_suspend, or both. */
	void (*handler)(void *arg, struct httpd_request *request);
	void *arg;
};

/* NULL with e->code DAEMON_EXIT_LISTEN when the address can't be listened on (the text names it
 * and why), DAEMON_EXIT_SYSTEM otherwise. */
struct httpd *httpd_start(const struct httpd_options *options, struct err *e);

/* Stops accepting, answers what is still suspended with 503, waits for the handlers, frees. The
 * caller makes sure first that nobody will call httpd_reply for a suspended request any more:
 * whoever keeps lists of suspended requests empties them with a reply. */
void httpd_stop(struct httpd **httpd);

/* Stops accepting new connections; those that are open go on. Does nothing to a socket that other
 * processes hold too: with shutdown(2) it would end for them as well. */
void httpd_quiesce(struct httpd *httpd);

/* The listening socket, to pass it on to another process. From then on it counts as one that others
 * hold too. */
int httpd_share(struct httpd *httpd);

uint16_t httpd_port(const struct httpd *httpd);

/* Other certificates, for connections from now on. Of an httpd that speaks TLS. Any thread. -1: the
 * ones before stay. */
int httpd_set_tls(struct httpd *httpd, const struct httpd_tls *tls, struct err *e);

/* Of a request, borrowed until it is answered. */
const char *httpd_method(const struct httpd_request *request);
const char *httpd_path(const struct httpd_request *request);
const char *httpd_header(const struct httpd_request *request, const char *name); /* or NULL */
const char *httpd_query(const struct httpd_request *request, const char *name);	 /* or NULL */
bool httpd_has_query(const struct httpd_request *request);
const char *httpd_body(const struct httpd_request *request, size_t *len);
const struct sockaddr *httpd_peer(const struct httpd_request *request);
/* The peer's address; an IPv4 address in IPv6 is one of IPv4; "" when there is none. */
void httpd_peer_text(const struct httpd_request *request, char out[INET6_ADDRSTRLEN]);
/* What to count a peer by: its address, or of IPv6 its /64. Returns its length. */
enum { HTTPD_NETWORK_SIZE = 8 };
size_t httpd_peer_network(const struct httpd_request *request,
			  unsigned char key[HTTPD_NETWORK_SIZE]);

/* Says that the answer comes later. Call it on the handler's thread, BEFORE the request is handed
 * to whoever will answer it. */
void httpd_suspend(struct httpd_request *request);

/* A header for the answer; copied. Before httpd_reply. */
int httpd_add_header(struct httpd_request *request, const char *name, const char *value);

/* Answers; any thread, exactly once; the request is gone afterwards. The body is copied, or with
 * httpd_reply_take owned: freed with free(3) when sent. `type` NULL: no body type. */
void httpd_reply(struct httpd_request *request, unsigned status, const char *type, const void *body,
		 size_t len);
void httpd_reply_take(struct httpd_request *request, unsigned status, const char *type, void *body,
		      size_t len);

/* A body that many answers share, copied once; counted. NULL when out of memory. Any thread. */
struct httpd_shared *httpd_shared_new(const char *type, const void *body, size_t len);
void httpd_shared_unref(struct httpd_shared **shared);
/* As httpd_reply, with a body that the request keeps a reference to, and no headers of its own. */
void httpd_reply_shared(struct httpd_request *request, unsigned status,
			struct httpd_shared *shared);

#endif
