/*
 * forward: gets one reply for one request from a service: picks an instance,
 * tries, tries others, and gives up when semantics say so. It knows nothing
 * of clients: a routed request uses it, and so will any other call.
 *
 *   a place -> pick -> connect or reuse -> send -> head -> body -> end
 *               ^          |                |       |
 *               +----------+--- retry? -----+-------+   (never after a head was told)
 */
#ifndef MICROREG_GATEWAY_FORWARD_H
#define MICROREG_GATEWAY_FORWARD_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/wheel.h"
#include "gateway/balance.h"
#include "gateway/http1_head.h"
#include "gateway/resolver.h"
#include "gateway/upstream.h"

#include <stdbool.h>
#include <stdint.h>

struct bulkhead_waiter;
struct room_waiter;
struct forward_hedge;
struct settings_hedge;
struct worker;
struct settings_service;
struct forward;

/* Why no reply came. */
enum forward_failure {
	FORWARD_NONE = 0,
	FORWARD_NO_INSTANCE, /* none is known, or none is up */
	FORWARD_CONNECT,     /* every instance refused, or could not be reached */
	FORWARD_RESET,	     /* closed before a whole head came */
	FORWARD_MALFORMED,   /* what came is no HTTP reply */
	FORWARD_TIMEOUT,
	FORWARD_OVERLOAD, /* too many requests in flight to this service */
	FORWARD_BREAKER,  /* the service fails, and is left alone for a while */
	FORWARD_MEMORY,
	/* These are kinds of CONNECT, of the last instance tried: see forward_is_unsent. */
	FORWARD_CONNECT_TIMEOUT,
	FORWARD_NAME, /* its host's name has no address */
	FORWARD_TLS_CERTIFICATE,
	FORWARD_TLS_PROTOCOL,
	FORWARD_TLS_ALERT,
};

/* True when no connection came to be: nothing that was sent is being worked on. */
bool forward_is_unsent(enum forward_failure failure);

/* True when the service is to blame. Of the others nothing was asked: they say nothing of it. */
bool forward_is_service_failure(enum forward_failure failure);

/* What the starter of a forward learns. All are called from the loop; any may end the forward by
 * forward_cancel. */
struct forward_sink {
	void (*on_head)(struct forward *fwd, const struct http1_head *head);
	/* An interim head (103 Early Hints, say): another follows. NULL: passed over. */
	void (*on_interim)(struct forward *fwd, const struct http1_head *head);
	void (*on_body)(struct forward *fwd, struct span piece);
	void (*on_end)(struct forward *fwd);
	/* No reply: nothing was told before. */
	void (*on_fail)(struct forward *fwd, enum forward_failure failure);
	/* The reply was cut short after its head was told. */
	void (*on_abort)(struct forward *fwd);
	/* More of the request's body may be given. */
	void (*on_want)(struct forward *fwd);
	/* A round of pieces is over. */
	void (*on_flush)(struct forward *fwd);
	/* See upstream.h's; NULL: the reply comes by on_body alone. */
	bool (*on_move)(struct forward *fwd, struct stream *from, struct splice_move *move);
};

enum forward_state {
	FORWARD_OFF = 0,
	FORWARD_QUEUED, /* for a place at the service, or at one of its instances */
	FORWARD_RESOLVING,
	FORWARD_WAITING,  /* for the backoff before another try */
	FORWARD_TRYING,	  /* an attempt is under way, no head was told */
	FORWARD_FLOWING,  /* a head was told */
	FORWARD_SWITCHED, /* a 101 was told: `up` is whoever's takes it over */
};

struct forward {
	enum forward_state state;
	const struct forward_sink *sink;
	struct worker *worker;
	struct arena *arena;
	struct endpoint_set *set;
	const struct settings_service *settings;
	struct http1_limits limits; /* of a reply's head */
	unsigned timeout_ms;	    /* for the whole reply, from the end of the request on */
	unsigned whole_ms; /* what it would be had nobody before used some; 0: timeout_ms */
	/* The request: */
	enum http_method method;
	struct buf head;	       /* as it goes out, framing and empty line included */
	const struct upgrade *upgrade; /* NULL: no other protocol is asked for in it */
	bool chunked;
	bool body_done;	     /* all of the body was given */
	bool body_lost;	     /* more was given than is held: it can't be sent again */
	struct buf held;     /* the body so far, for another try */
	struct buf trailers; /* lines that follow it when all of it was given; each try gets them */
	bool keyed; /* `key` is the hash of what tells requests apart; else it has no such */
	uint64_t key;
	bool stuck; /* it asks for the instance called `stick` */
	uint64_t stick;
	/* The attempts: */
	struct upstream *up;
	struct endpoint *endpoint; /* held; of the last attempt */
	struct balance_tried tried;
	size_t tried_room;
	uint64_t number;   /* see balance_pick */
	unsigned attempts; /* that sent something, this one included */
	bool retrying;	   /* counted in the set's retry budget */
	bool fresh;	   /* the next attempt must not reuse a connection */
	bool using;	   /* counted in the endpoint's usage */
	bool placed;	   /* has a place at the service */
	bool impatient;	   /* does not wait for one */
	struct bulkhead_waiter *waiter;
	struct room_waiter *room_waiter; /* for a place at one of its instances */
	unsigned ticket;		 /* the breaker's, until the result is told to it; else 0 */
	enum forward_failure failure;	 /* of the last attempt */
	bool excused;			 /* which the client may have brought about */
	const char *failure_reason;	 /* static text, for the log */
	const struct settings_hedge *hedging; /* NULL: no second request is sent */
	uint64_t hedge_at_ms;		      /* when it is; 0: not, or it was */
	struct forward_hedge *hedge;	      /* it is under way */
	bool hedged;			      /* it was sent */
	/* Clocks: */
	struct wheel_timer timer;
	uint64_t deadline_ms;	  /* 0: the request is still being sent */
	uint64_t try_deadline_ms; /* 0: none */
	uint64_t wait_until_ms;	  /* while it waits for room: how long */
	uint64_t active_ms;	  /* when something flowed last */
	uint64_t delivered;	  /* bytes the instance had taken when it was last looked */
	uint64_t paused_ms;	  /* since when the reply waits for its reader; 0: it flows */
	uint64_t held_up_ms;	  /* how long it did before */
	uint64_t started_us, tried_us, head_us;
	uint64_t resolving_us, resolve_us; /* when a name was last asked for; all time of that */
	uint64_t connect_us;		   /* of the attempt that brought the head */
	uint64_t queued_us, queue_us;	   /* when it last joined the queue; all time in it */
	struct resolver_query query;	   /* for the addresses of an endpoint that has a name */
	/* What is told from the loop instead of from within a call: */
	struct loop_task task;
	enum forward_failure failure_soon;
};

/* Before filling it in: empty buffers, no state. */
void forward_init(struct forward *fwd, struct worker *worker, struct arena *arena,
		  const struct forward_sink *sink);

/* Starts. set, settings, limits, timeout_ms, method, head, chunked and body_done must be set. The
 * result comes by the sink, never from within this call. */
void forward_start(struct forward *fwd);

/* The reply that was told is taken, whatever its status: the request's body is needed no more. */
void forward_commit(struct forward *fwd);

/* True when the same request may go to another service, after this failure, or after a reply of
 * which only the head was told (FORWARD_RESET): nobody did it yet, or doing it twice is harmless;
 * and its body is still held. */
bool forward_may_restart(const struct forward *fwd, enum forward_failure failure);

/* Cancels, and starts the same request anew, with another set and settings. What is left of its
 * time is kept. */
void forward_restart(struct forward *fwd, struct endpoint_set *set,
		     const struct settings_service *settings);

/* Holds a body that is there whole, whatever of clients' bodies may be held for another try. -1: no
 * memory, which sticks in `held`. */
int forward_hold(struct forward *fwd, struct span body);

/* The request that goes out is another one's, whose body was given whole and is held: body,
 * trailers and framing, without the head. -1: no memory. */
int forward_copy_body(struct forward *copy, const struct forward *from);

/* A piece of the request's body, and its end. */
void forward_body(struct forward *fwd, struct span piece);
void forward_body_end(struct forward *fwd);
bool forward_is_full(const struct forward *fwd);

/* The sink can take no more of the reply, or again. */
void forward_pause(struct forward *fwd);
void forward_resume(struct forward *fwd);

/* Gives up what is under way; the sink hears nothing any more. Harmless when over. */
void forward_cancel(struct forward *fwd);

/* Cancels and frees. */
void forward_fini(struct forward *fwd);

#endif
