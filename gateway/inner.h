/*
 * inner: requests that an exchange makes to the gateway itself, one after the
 * other: over a pair of sockets, whose other end is a client like any other.
 * So they are routed, and every policy of the route that takes them applies, as
 * if the exchange's own client had sent them: with its fields, from its
 * address, with the certificate that it has shown.
 *
 * The replies are read whole. Nothing else is a way into the pipeline.
 */
#ifndef MICROREG_GATEWAY_INNER_H
#define MICROREG_GATEWAY_INNER_H

#include "gateway/http1_body.h"
#include "gateway/http1_head.h"
#include "gateway/stream.h"

struct client;
struct exchange;

enum inner_outcome {
	INNER_REPLIED = 0,
	INNER_REFUSED,	 /* no connection: there are too many */
	INNER_TOO_LARGE, /* the reply is over `reply_max` */
	INNER_BROKEN,	 /* the reply did not come whole */
	INNER_NO_MEMORY,
};

/* Part of whatever makes the requests; zeroed before inner_init. */
struct inner {
	struct exchange *x;
	void (*on_done)(struct inner *inner, enum inner_outcome outcome);
	struct client *client; /* the other end; NULL: there is none */
	bool open, busy;
	struct stream stream;
	struct loop_task task; /* tells of an outcome that was clear at once */
	enum inner_outcome outcome;
	struct buf in, out;
	size_t out_at;
	struct http1_reader reader;
	struct http1_body framing;
	bool head_done;
	size_t reply_max;
	/* The reply, while on_done is told: */
	struct http1_head head; /* in the exchange's arena */
	struct buf body;
};

struct inner_request {
	const char *method;
	struct span target; /* path, and query behind a '?' */
	struct span body;   /* JSON; len 0: none */
	size_t reply_max;   /* of the reply's body */
};

/* on_done is always called from the loop, once for each request; it may ask again, or end the
 * exchange. */
void inner_init(struct inner *inner, struct exchange *x,
		void (*on_done)(struct inner *inner, enum inner_outcome outcome));
void inner_ask(struct inner *inner, const struct inner_request *request);

/* Gives up what is under way: whoever works on it is told, as by a client that leaves. */
void inner_fini(struct inner *inner);

/* ---- For the client at the other end ---- */

/* In whose name it asks. */
const struct client *inner_asker(const struct inner *inner);
/* What the asker has shown to its own route is no service's to see, whichever route this is. -1: no
 * memory. Harmless for an exchange of no inner client. */
int inner_strip(struct exchange *x);
/* It has ended. Harmless with NULL; leaves NULL. */
void inner_client_gone(struct inner **inner);

#endif
