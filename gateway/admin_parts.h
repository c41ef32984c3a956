/*
 * admin_parts: what the admin door's files share; nobody else includes this.
 * admin.c starts, ends and shows pages, admin_access.c lets in, admin_change.c
 * does what is asked for by POST, admin_restore.c one of it.
 */
#ifndef MICROREG_GATEWAY_ADMIN_PARTS_H
#define MICROREG_GATEWAY_ADMIN_PARTS_H

#include "common/httpd.h"
#include "common/json_write.h"
#include "gateway/admin.h"
#include "gateway/admin_pages.h"
#include "gateway/problem.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
	ADMIN_DETAIL_MAX = 600,
	ADMIN_NAME_MAX = 256, /* of a service or an instance */
};

struct admin_reload_call;
struct rate;

struct admin {
	struct httpd *httpd;
	struct gateway *gateway;
	int64_t started_wall_ms;
	uint64_t started_ms;
	struct rate *failures;
	atomic_uint_fast64_t denied;
	pthread_mutex_t lock; /* guards what follows */
	struct table *table;
	struct table *rules;   /* whose settings say who may come: the newest with this address */
	struct roster *roster; /* may be NULL */
	struct admin_reload reload;
	struct admin_owner owner;
	struct admin_reload_call *calls; /* that main has not done yet */
	bool stopping;
	bool draining; /* the gateway ends */
	bool held;     /* an administrator has taken it out */
};

/* A change that is asked for. */
struct admin_change {
	struct admin *admin;
	struct httpd_request *request;
	const struct admin_view *view;
	const char *token;    /* whose */
	json_t *in;	      /* what was sent; NULL: nothing */
	struct buf out;	      /* members of the answer … */
	struct json_writer j; /* … written by this */
	enum problem problem; /* NONE: it was done */
	char detail[ADMIN_DETAIL_MAX];
	char did[ADMIN_DETAIL_MAX]; /* for the audit */
	bool later;		    /* somebody else answers */
};

void admin_problem(struct httpd_request *request, enum problem problem, const char *detail);

/* ---- admin_access.c ---- */

/* May this request do what needs `role`? False, with the refusal answered. `token` is whose it is,
 * borrowed from the view's rules; NULL: nobody's. */
bool admin_lets_in(struct admin *admin, struct httpd_request *request,
		   const struct admin_view *view, enum settings_admin_role role,
		   const struct settings_admin_token **token);

/* ---- admin_change.c ---- */

/* Is this the path of a change? */
bool admin_change_is(const char *path);
/* Makes and answers it, if it may be made. */
void admin_change_answer(struct admin *admin, struct httpd_request *request,
			 const struct admin_view *view);
/* Notes why it is not done. */
void admin_change_fail(struct admin_change *c, enum problem problem, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Nobody answers them any more: httpd_stop does. Main's thread. */
void admin_change_forget(struct admin *admin);
/* Rows of admin_print_reference. */
void admin_change_print_reference(struct buf *out);

/* ---- admin_restore.c ---- */

bool admin_restore_is(const char *path);
void admin_restore(struct admin_change *c);

#endif
