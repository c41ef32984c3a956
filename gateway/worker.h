/*
 * worker: a thread with its own loop, listening sockets, clients and
 * connections to instances. What it shares it is handed: a table at each
 * reload, the registry's snapshot at each change.
 *
 * Unless said otherwise a function here is for the worker's own thread.
 */
#ifndef MICROREG_GATEWAY_WORKER_H
#define MICROREG_GATEWAY_WORKER_H

#include "common/err.h"
#include "common/loop.h"
#include "gateway/endpoint.h"
#include "gateway/gateway.h"
#include "gateway/listener.h"
#include "gateway/splice.h"
#include "gateway/table.h"

#include <pthread.h>

struct client;
struct exchange;
struct guard;
struct microreg_snapshot;
struct jq_pool;
struct mirror;
struct refresh;
struct roster;
struct resolver;
struct stats_worker;

/* A table as this worker uses it. Exchanges hold it, so that a reload leaves them theirs. */
struct worker_table {
	struct table *table;	    /* a reference */
	struct roster *roster;	    /* likewise; NULL: the registry has told of no consumers */
	uint64_t serial;	    /* of no other table and roster together */
	struct endpoint_set **sets; /* as settings->services; the sets belong to the worker */
	unsigned users;		    /* the worker itself, and each exchange */
};

struct worker_set;

struct worker {
	unsigned index;
	struct gateway *gateway;
	struct stats_worker *stats;
	struct loop *loop;
	struct resolver *resolver;
	struct guard *guard;
	pthread_t thread;
	bool started;
	struct worker_table *table;
	atomic_bool roster_lost; /* no memory for the last roster: main posts it again */
	const struct microreg_snapshot *snapshot; /* NULL without a registry */
	struct worker_set *sets;		  /* by service, for as long as the worker lives */
	struct listener *listeners;
	size_t listener_count;
	struct client *clients; /* all of them */
	struct exchange *spare; /* for reuse */
	unsigned spare_count;
	struct splice_pool splices;
	struct jq_pool *jq_pool;
	uint64_t jq_logged_ms;	/* when a program's message was logged last */
	struct mirror *mirrors; /* copies of requests under way */
	unsigned mirror_count;
	size_t mirror_held;	   /* bytes of their bodies */
	struct refresh *refreshes; /* of kept replies, under way */
	unsigned refresh_count;
	bool draining;
	bool tunnels_over; /* the drain has come to them */
	bool full;	   /* over limits.memory, when that was last looked at */
	uint64_t full_ms;  /* which was then */
	uint64_t random[2];
	char date[32]; /* the Date field's value, of `date_s` */
	uint64_t date_s;
	/* Mail that is under way; one of a kind at a time. */
	struct loop_message snapshot_mail;
	atomic_bool snapshot_mailed;
};

/* Main's thread. The listeners are taken over when it succeeds. */
struct worker *worker_new(unsigned index, struct gateway *gateway, struct table *table,
			  struct listener *listeners, size_t listener_count, struct err *e);
int worker_start(struct worker *worker, struct err *e);
void worker_free(struct worker **worker); /* after worker_join */

/* Any thread: these post to the worker's loop. */
int worker_post_table(struct worker *worker, struct table *table);    /* takes its own reference */
int worker_post_roster(struct worker *worker, struct roster *roster); /* likewise */
bool worker_lost_roster(struct worker *worker);	     /* it could not take one over; told once */
void worker_post_snapshot(struct worker *worker);    /* the registry's snapshot changed */
int worker_post_drain(struct worker *worker);	     /* no more accepting; idle clients go */
int worker_post_tunnels_over(struct worker *worker); /* they are ended, in good order */
int worker_post_stop(struct worker *worker);	     /* whatever runs is cut */
/* Calls it on the worker's thread, after what was posted before. */
int worker_post_call(struct worker *worker, void (*call)(void *arg), void *arg);
/* For worker_post_call, with the worker: requests that wait for an issuer go on. */
void worker_tell_news(void *worker);
/* Likewise: those that wait for what is left of their quota. */
void worker_tell_quota(void *worker);
void worker_join(struct worker *worker);

/* An instance of a service is let back in, if it was ejected (health_restore). */
void worker_restore(struct worker *worker, const char *service, const char *instance);

/* The set of a service of `wt`, brought up to date from the snapshot or the settings. */
struct endpoint_set *worker_resolve(struct worker *w, struct worker_table *wt, size_t index);

/* Brings a set of the registry's up to date; for a request that goes on trying for a while. */
void worker_refresh(struct worker *worker, struct endpoint_set *set);

/* With room for the table's sets; no references are taken. NULL: out of memory, here and below. */
struct worker_table *worker_table_alloc(struct table *table);
/* The same table with another roster. Takes its own references. */
struct worker_table *worker_table_with(const struct worker_table *of, struct roster *roster);
struct worker_table *worker_table_ref(struct worker_table *wt);
void worker_table_unref(struct worker_table **wt);

struct loop *worker_loop(const struct worker *worker);
struct resolver *worker_resolver(const struct worker *worker);
const struct settings *worker_settings(const struct worker *worker);
uint64_t worker_idle_timeout_ms(const struct worker *worker);
uint64_t worker_random(struct worker *worker);	/* not for secrets */
const char *worker_date(struct worker *worker); /* RFC 9110 5.6.7 */

#endif
