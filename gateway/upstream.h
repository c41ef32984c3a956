/*
 * upstream: one connection to an instance, and on it one request at a time:
 * HTTP/1.1 over TCP or a Unix socket, plain or under TLS. What happens is told to the owner by its
 * events.
 *
 *   CONNECTING --connected--> BUSY --reply ended, both sides whole--> IDLE (in the pool)
 *       |                      |  ^                                    |
 *       +-- failed             |  +------------- upstream_begin -------+
 *                              +-- failed, or a 101 --> SWITCHED, to its end
 */
#ifndef MICROREG_GATEWAY_UPSTREAM_H
#define MICROREG_GATEWAY_UPSTREAM_H

#include "gateway/endpoint.h"
#include "gateway/http1_body.h"
#include "gateway/http1_head.h"
#include "gateway/stream.h"

struct dial;
struct resolver_answer;
struct splice_move;
struct stats_worker;
struct tls_origin;
struct upstream;

/* How an attempt failed; what may be retried depends on it. */
enum upstream_failure {
	UPSTREAM_CONNECT,   /* no connection: nothing was sent */
	UPSTREAM_STALE,	    /* from the pool, and ended without a byte: it had died of age */
	UPSTREAM_DIED,	    /* a new one that ended without a byte: its process ended, say */
	UPSTREAM_RESET,	    /* ended before a whole head came */
	UPSTREAM_MALFORMED, /* what came is no HTTP reply */
	UPSTREAM_CUT,	    /* ended within the body */
	UPSTREAM_TIMEOUT,   /* told by the owner's clock */
	/* These are kinds of CONNECT: see upstream_is_unsent. */
	UPSTREAM_CONNECT_TIMEOUT,
	UPSTREAM_NAME,		  /* its host's name has no address */
	UPSTREAM_TLS_CERTIFICATE, /* the instance's can't be trusted, or is another's */
	UPSTREAM_TLS_PROTOCOL,
	UPSTREAM_TLS_ALERT, /* the instance refused in the handshake */
};

/* True when no connection came to be: nothing that was sent is being worked on. */
bool upstream_is_unsent(enum upstream_failure failure);

/* All are called from the loop, never from within a call of the owner's. */
struct upstream_events {
	/* A final head came, or a 101 that was asked for. It lives in `arena` of upstream_begin. */
	void (*on_head)(void *owner, const struct http1_head *head);
	/* A piece of the body, borrowed for the call. */
	void (*on_body)(void *owner, struct span piece);
	/* The reply is complete. The connection is no longer the owner's. */
	void (*on_end)(void *owner);
	/* No connection, or it broke. It is no longer the owner's. `reason` is for the log. */
	void (*on_fail)(void *owner, enum upstream_failure failure, const char *reason);
	/* What was written has gone out: more may be written. */
	void (*on_drain)(void *owner);
	/* An interim head came, which is to be passed on (RFC 9110 15.2); lives as on_head's. */
	void (*on_interim)(void *owner, const struct http1_head *head);
	/* After a 101 was told by on_head, the only one: the stream, and `in` and `out`, are the
	 * owner's to read and write, and one of the two may now be possible. */
	void (*on_ready)(void *owner);
	/* This round of pieces is over: a good moment to send on what was collected. */
	void (*on_pause)(void *owner);
	/* Much of the body is to come, of which nothing was read: the owner may take it from the
	 * plain socket itself, at most `left`. False: it is read, and comes by on_body. NULL: that
	 * always. */
	bool (*on_move)(void *owner, struct stream *from, struct splice_move *move);
};

enum upstream_state { UPSTREAM_CONNECTING = 0, UPSTREAM_BUSY, UPSTREAM_IDLE, UPSTREAM_SWITCHED };

struct upstream {
	struct stream stream;
	struct endpoint *endpoint; /* held */
	struct loop *loop;
	struct stats_worker *stats; /* of the worker */
	enum upstream_state state;
	struct wheel_timer timer; /* connect deadline, idle deadline */
	/* The request under way: */
	const struct upstream_events *events;
	void *owner; /* NULL when nobody waits */
	struct arena *arena;
	struct buf in, out;
	size_t out_at;
	uint64_t received, sent; /* bytes of this request */
	struct http1_reader reader;
	struct http1_body body;
	bool request_complete; /* all of it was written to `out` */
	bool head_done;
	bool keep; /* the reply allows another request */
	bool paused;
	bool moving;	/* some of the body went by on_move */
	bool moved;	/* of the last one */
	bool upgrading; /* a 101 is an answer; set after upstream_begin */
	bool entered; /* one of its callbacks is on the stack: the memory stays until it returns */
	bool dead;    /* freed meanwhile; closed already */
	unsigned interim;	/* 1xx heads seen */
	struct loop_task task;	/* read on, from the loop */
	unsigned requests;	/* begun on this connection */
	bool reached;		/* the socket is connected; TLS may not be */
	struct dial *dial;	/* while it tries several addresses */
	struct tls_origin *tls; /* what its TLS was made by, held; NULL: plain */
	uint64_t born_ms;
	bool counted;	     /* a request is, in the endpoint's tally */
	uint64_t begun_us;   /* when it was */
	uint64_t keep_ms;    /* how long it may idle */
	uint64_t connect_us; /* how long connecting took; 0: it was open already */
	/* pool.c's: */
	bool pooled;
	struct upstream *idle_next, *idle_prev;
};

/* How much of a request may wait here before its sender must pause. */
enum { UPSTREAM_HELD_MAX = 64 << 10 };

/* Starts connecting: to the endpoint's own address, or, when its host is a name, to the addresses
 * that were found for it. `timeout_ms` bounds all of it, TLS's handshake too. NULL with errno when
 * even that fails; else the result comes by the owner's events (after upstream_begin). */
struct upstream *upstream_connect(struct loop *loop, struct stats_worker *stats,
				  struct endpoint *ep, const struct resolver_answer *answer,
				  unsigned timeout_ms);

/* Hands the connection (new or from the pool) to an owner for one request. */
void upstream_begin(struct upstream *up, const struct upstream_events *events, void *owner,
		    struct arena *arena, enum http_method method,
		    const struct http1_limits *limits);

/* Writes bytes of the request; they leave with upstream_flush. -1: no memory. */
int upstream_write(struct upstream *up, const void *data, size_t len);
struct buf *upstream_out(struct upstream *up); /* to write a head into */
void upstream_flush(struct upstream *up, bool request_complete);
bool upstream_is_full(const struct upstream *up);

/* The owner can take no more of the body now; resume calls on_body again from the loop. */
void upstream_pause(struct upstream *up);
void upstream_resume(struct upstream *up);
bool upstream_is_paused(const struct upstream *up);

/* From now on what happens is told to another owner, by the same events. The request was sent. */
void upstream_hand_over(struct upstream *up, void *owner);

/* The connection is there, and a request is under way. */
bool upstream_is_busy(const struct upstream *up);

/* Gives up the request and the connection; no event comes any more. *up becomes NULL. */
void upstream_cancel(struct upstream **up);

void upstream_set_timer(struct upstream *up, uint64_t in_ms);
void upstream_free(struct upstream **up);

#endif
