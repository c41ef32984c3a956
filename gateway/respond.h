/*
 * respond: every answer leaves here: an instance's reply, a kept one, a
 * problem. Writes into the client's buffer; client.c sends.
 */
#ifndef MICROREG_GATEWAY_RESPOND_H
#define MICROREG_GATEWAY_RESPOND_H

#include "gateway/exchange.h"
#include "gateway/problem.h"

/* An interim head of an instance (RFC 9110 15.2); the reply follows. */
void respond_interim(struct exchange *x, const struct http1_head *head);

/* An instance's 101 to x->upgrade: what follows is the tunnel's. */
void respond_switch(struct exchange *x, const struct http1_head *head);

/* The head of an instance's reply, framed anew. Its body follows. */
void respond_head(struct exchange *x, const struct http1_head *head);
void respond_body(struct exchange *x, struct span piece);
/* The reply is whole. May free the exchange and its client. */
void respond_end(struct exchange *x);

/* Whole answers. Each may free the exchange and its client. `fields` are lines with their CRLF, or
 * empty. */
void respond_kept(struct exchange *x, const struct cache_entry *entry,
		  const struct cache_status *status);
void respond_problem(struct exchange *x, enum problem problem, const char *detail,
		     const char *fields);
void respond_default(struct exchange *x, const struct settings_fallback *fallback);
void respond_fixed(struct exchange *x, const struct settings_fallback *answer);
/* A part of a composed answer failed, and with it the answer. */
struct respond_part {
	enum problem problem;
	struct problem_part part;
	const char *service; /* that was asked */
	const char *detail;
	const char *fields;
};
void respond_part(struct exchange *x, const struct respond_part *answer);
/* What was made of a service's reply, or of a kept one, and the reply's own status, version and
 * lines of fields. Lines and body must stay until the exchange ends. A client that has it already
 * gets a 304. */
struct respond_remade {
	unsigned status, minor;
	struct span lines;
	const struct cache_entry *kept; /* the reply; NULL: it just came */
	struct span body;
	const char *type; /* of the body; NULL: it is what it was */
};
void respond_remade(struct exchange *x, const struct respond_remade *made);
/* JSON that the gateway has made; it must stay until the exchange ends. */
void respond_composed(struct exchange *x, unsigned status, struct span body, const char *fields);
/* The same of any type, with 200; `fields` may be NULL. */
void respond_made(struct exchange *x, const char *type, struct span body, const char *fields);
/* What a service says that was asked about the caller; `fields` are whole lines, its Content-Type
 * among them. */
void respond_foreign(struct exchange *x, unsigned status, struct span body, const char *fields);
/* Without a body; `fields` are whole lines. */
void respond_empty(struct exchange *x, unsigned status, const char *fields);
void respond_redirect(struct exchange *x);
void respond_to_https(struct exchange *x, unsigned port);	/* the same URL, by https */
void respond_preflight(struct exchange *x, const char *fields); /* CORS */
void respond_options(struct exchange *x);			/* to OPTIONS * */

/* 100 Continue, if the client waits for it. */
void respond_continue(struct exchange *x);

#endif
