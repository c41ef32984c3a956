/*
 * call: one request of the gateway's own to one service, whose reply is
 * gathered whole: a part of a composed answer, or a question about a caller.
 * It goes the way of a routed request: the cache, then resolve, balance, retry, breaker, backup.
 *
 * It belongs to an exchange, whose worker and arena it uses; how its head is
 * made from the client's is call_head's.
 */
#ifndef MICROREG_GATEWAY_CALL_H
#define MICROREG_GATEWAY_CALL_H

#include "common/buf.h"
#include "gateway/cache.h"
#include "gateway/cache_rules.h"
#include "gateway/forward.h"
#include "gateway/problem.h"

#include <stdbool.h>
#include <stdint.h>

struct call;
struct exchange;
struct settings_cache;

enum call_outcome {
	CALL_PENDING = 0,
	CALL_REPLIED, /* whatever its status: see `status` and `reply` */
	CALL_STALE,   /* no good reply came; `reply` is a kept one */
	CALL_FAILED,  /* see `problem` */
};

/* What all calls of one exchange share of their heads. */
struct call_base {
	struct http1_field *fields; /* the client's that are passed on, and ours */
	size_t field_count;
	struct span about; /* lines that tell who the client is */
	struct span trace; /* lines that take part in its trace */
};

struct call {
	/* Set before call_start: */
	struct exchange *x;
	const struct call_base *base;
	void (*on_done)(struct call *call); /* from the loop; may end the call */
	/* With the head of the reply that is being gathered, which is gone after it; may be NULL.
	 * Not of a kept one. */
	void (*on_head)(struct call *call, const struct http1_head *head);
	size_t service; /* index into settings.services */
	const struct settings_cache *cache;
	bool stale; /* a kept reply will do when it fails */
	uint64_t reply_max;
	unsigned timeout_ms;	       /* for the whole, its body too */
	unsigned whole_ms;	       /* as forward's; 0: timeout_ms */
	struct http1_head head;	       /* as call_head_make has made it */
	const struct http1_field *own; /* fields of its own, which are in the cache's key too */
	size_t own_count;
	struct span body; /* of the request */
	/* While it runs: */
	struct forward forward;
	struct wheel_timer timer; /* of the reply's body */
	struct cache_key key;
	struct cache_use use;
	struct cache_writer *keep;
	struct buf gathered;
	uint64_t sent_ms;
	bool cached; /* the key is made */
	bool began;  /* the forward is set up */
	bool backup; /* it went to the backup service */
	/* When it is over: */
	enum call_outcome outcome;
	unsigned status;
	struct span reply;
	const struct cache_entry *kept; /* held; `reply` may lie in it */
	enum problem problem;
	const char *reason; /* static text, for the log; or NULL */
};

/* True when it is over at once: the cache had it, or there is no memory. Else on_done is called,
 * once, never from within this call. */
bool call_start(struct call *call);

/* Gives up what is under way and frees; harmless when zeroed. What `reply` is in is gone. */
void call_fini(struct call *call);

/* ---- call_head.c ---- */

/* True of a field that is about the client's own request: what is made of it does not have it. */
bool call_head_drops(const struct http1_field *field);

/* 0, or -1: no memory. */
int call_base_make(struct call_base *base, struct exchange *x);

/* The same, with the fields that `wants` says in the place of the usual ones, of those that may be
 * passed on at all. */
int call_base_choose(struct call_base *base, struct exchange *x,
		     bool (*wants)(const struct http1_field *field, const void *arg),
		     const void *arg);

/* Fills call->head for the method and target ("/a?b"). `own` are fields in the place of the base's
 * of the same name, which ends in a NUL; one without a value is left out. -1: no memory. */
int call_head_make(struct call *call, const char *method, struct span target,
		   const struct http1_field *own, size_t own_count);

/* Writes it, for a reply within timeout_ms. Errors stick in the buf. */
void call_head_write(struct call *call, struct buf *out);

#endif
