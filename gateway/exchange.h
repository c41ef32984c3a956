/*
 * exchange: one request and its reply, from the head's last byte to the log
 * line. Its memory is one arena; a worker keeps a few exchanges for reuse.
 */
#ifndef MICROREG_GATEWAY_EXCHANGE_H
#define MICROREG_GATEWAY_EXCHANGE_H

#include "common/arena.h"
#include "gateway/forward.h"
#include "gateway/http1_body.h"
#include "gateway/http1_head.h"
#include "gateway/router.h"

#include <stdbool.h>
#include <stdint.h>

struct cache_entry;
struct cache_writer;
struct client;
struct worker;
struct worker_table;

enum { EXCHANGE_ID_MAX = 128, EXCHANGE_FLAGS_MAX = 8 };

struct exchange {
	struct exchange *next; /* in the worker's spare list */
	struct worker *worker;
	struct client *client; /* whose request it is */
	struct worker_table *table; /* held */
	struct arena arena;
	/* The request: */
	struct http1_head request;
	struct span path; /* normalized: what is matched, forwarded, and the cache's key */
	struct router_match match;
	const struct settings_route *route; /* NULL until routed */
	struct http1_body body;
	bool body_done; /* all of it came */
	uint64_t body_max;
	struct span id; /* X-Request-Id */
	/* Where it is: */
	struct forward forward;
	bool replied;	 /* the reply's head was written */
	bool reply_done; /* all of it was */
	bool close;	 /* the connection ends after this reply */
	bool chunked;	 /* how the reply is framed */
	bool bodiless;	 /* HEAD, 204, 304: whatever comes is not sent on */
	/* The cache: */
	struct span cache_key;
	const struct cache_entry *stale; /* a kept reply that will do when no other comes; held */
	struct cache_writer *keep;	 /* the reply is being kept */
	const char *cache_word;		 /* for the log: "hit", "stale", "miss", … */
	/* For the log: */
	uint64_t started_us;
	unsigned status;
	uint64_t bytes_in, bytes_out;
	char flags[EXCHANGE_FLAGS_MAX]; /* Envoy's, space-separated */
	const char *detail;		/* why, when something failed */
};

/* From the spare list or new; NULL when out of memory. */
struct exchange *exchange_new(struct client *client);

/* Gives up whatever is under way, and gives back. */
void exchange_free(struct exchange **x);

/* The memory of the worker's spare ones. */
void exchange_free_spare(struct worker *worker);

void exchange_flag(struct exchange *x, const char *flag);

/* The client's own X-Request-Id if it is a sane one, else a new one of 32 hex digits. */
void exchange_choose_id(struct exchange *x);

#endif
