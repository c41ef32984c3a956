/* flight: shards of flights under way, and of what is remembered of keys. */
#include "gateway/flight.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	FLIGHT_SHARDS = 16,
	FLIGHT_BUCKETS = 64, /* of a shard */
	FLIGHT_MARKS = 256,  /* of a shard, of each kind */
};

struct flight {
	struct flight *next, **link; /* in its bucket */
	struct flight_shard *shard;
	struct flight_waiter *waiters;
	struct cache_key key;
	char text[];
};

/* Listed, it is in its flight's list, under the shard's lock; else told, or about to be. */
struct flight_waiter {
	struct loop_message message; /* first: it is what the loop gives back */
	struct flight_ticket ticket;
	struct flight_waiter *next, **link;
	struct flight_shard *shard;
	struct wheel_timer timer;
	enum flight_outcome outcome;
	bool listed;
	bool left; /* its own thread's: nobody is told any more */
};

/* That nobody should wait for this key, until then. */
struct flight_mark {
	uint64_t hash, until_ms; /* 0: none */
};

/* That its origin fails. */
struct flight_probe {
	uint64_t hash, until_ms; /* 0: none */
	const void *origin;	 /* compared, never looked into */
	unsigned pause_ms;
	bool asking; /* the prober is */
};

struct flight_shard {
	_Alignas(64) pthread_mutex_t lock; /* guards everything here */
	struct flight *buckets[FLIGHT_BUCKETS];
	struct flight_mark marks[FLIGHT_MARKS];
	struct flight_probe probes[FLIGHT_MARKS];
};

struct flights {
	struct flight_shard shards[FLIGHT_SHARDS];
	atomic_uint probes; /* entries of all: none while all is well, and then no lock is taken */
};

struct flights *flights_new(void)
{
	struct flights *flights = aligned_alloc(_Alignof(struct flights), sizeof(*flights));

	if (!flights)
		return NULL;
	memset(flights, 0, sizeof(*flights));
	for (unsigned i = 0; i < FLIGHT_SHARDS; i++)
		if (pthread_mutex_init(&flights->shards[i].lock, NULL) != 0) {
			while (i--)
				(void)pthread_mutex_destroy(&flights->shards[i].lock);
			free(flights);
			return NULL;
		}
	return flights;
}

void flights_free(struct flights **flights)
{
	struct flights *f = *flights;

	*flights = NULL;
	for (unsigned i = 0; f && i < FLIGHT_SHARDS; i++)
		(void)pthread_mutex_destroy(&f->shards[i].lock);
	free(f);
}

/* The lowest bits choose the shard, the next ones the place in it. */
static struct flight_shard *flight_shard_of(struct flights *flights, uint64_t hash)
{
	return &flights->shards[hash % FLIGHT_SHARDS];
}

static size_t flight_place(uint64_t hash, size_t places)
{
	return (size_t)(hash / FLIGHT_SHARDS) & (places - 1);
}

/* ---- Together ---- */

static struct flight *flight_find_locked(struct flight *f, const struct cache_key *key)
{
	while (f && (f->key.hash != key->hash || f->key.text.len != key->text.len ||
		     memcmp(f->text, key->text.at, key->text.len) != 0))
		f = f->next;
	return f;
}

static struct flight *flight_new_locked(struct flight_shard *shard, struct flight **bucket,
					const struct cache_key *key)
{
	struct flight *f = calloc(1, sizeof(*f) + key->text.len);

	if (!f)
		return NULL;
	memcpy(f->text, key->text.at, key->text.len);
	f->key = (struct cache_key){.text = {f->text, key->text.len}, .hash = key->hash};
	f->shard = shard;
	f->next = *bucket;
	f->link = bucket;
	if (f->next)
		f->next->link = &f->next;
	*bucket = f;
	return f;
}

static void flight_tell(struct flight_waiter *w)
{
	struct flight_ticket ticket = w->ticket;
	enum flight_outcome outcome = w->outcome;

	loop_timer_clear(ticket.loop, &w->timer);
	free(w);
	ticket.landed(ticket.arg, outcome);
}

static void flight_deliver(struct loop_message *message)
{
	struct flight_waiter *w = (struct flight_waiter *)(void *)message;

	if (w->left)
		free(w);
	else
		flight_tell(w);
}

static void flight_unlist_locked(struct flight_waiter *w)
{
	w->listed = false;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
}

/* False: it is told already, and its message is under way. */
static bool flight_unlist(struct flight_waiter *w)
{
	bool listed;

	pthread_mutex_lock(&w->shard->lock);
	listed = w->listed;
	if (listed)
		flight_unlist_locked(w);
	pthread_mutex_unlock(&w->shard->lock);
	return listed;
}

/* It has waited long enough. */
static void flight_on_time(struct wheel_timer *timer)
{
	struct flight_waiter *w =
		(struct flight_waiter *)(void *)((char *)timer -
						 offsetof(struct flight_waiter, timer));

	if (!flight_unlist(w))
		return;
	w->outcome = FLIGHT_FAILED;
	flight_tell(w);
}

static struct flight_waiter *flight_wait_locked(struct flight *f,
						const struct flight_ticket *ticket)
{
	struct flight_waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->message.deliver = flight_deliver;
	w->timer.on_time = flight_on_time;
	w->ticket = *ticket;
	w->shard = f->shard;
	w->listed = true;
	w->next = f->waiters;
	w->link = &f->waiters;
	if (w->next)
		w->next->link = &w->next;
	f->waiters = w;
	return w;
}

enum flight_part flight_join(struct flights *flights, const struct cache_key *key,
			     const struct flight_ticket *ticket, struct flight **flight,
			     struct flight_waiter **waiter)
{
	struct flight_shard *shard = flight_shard_of(flights, key->hash);
	struct flight **bucket = &shard->buckets[flight_place(key->hash, FLIGHT_BUCKETS)];
	struct flight_mark *mark = &shard->marks[flight_place(key->hash, FLIGHT_MARKS)];
	struct flight *found;

	*flight = NULL;
	*waiter = NULL;
	pthread_mutex_lock(&shard->lock);
	found = flight_find_locked(*bucket, key);
	if (found)
		*waiter = ticket->landed ? flight_wait_locked(found, ticket) : NULL;
	else if (!ticket->landed || mark->hash != key->hash ||
		 mark->until_ms <= loop_now_ms(ticket->loop))
		*flight = flight_new_locked(shard, bucket, key);
	pthread_mutex_unlock(&shard->lock);
	/* Its message can't come before this: it comes by this thread's own loop. */
	if (*waiter)
		loop_timer_set(ticket->loop, &(*waiter)->timer, ticket->wait_ms);
	if (*flight)
		return FLIGHT_LEADS;
	return *waiter ? FLIGHT_WAITS : FLIGHT_ALONE;
}

void flight_end(struct flight **flight, enum flight_outcome outcome, uint64_t now_ms)
{
	struct flight *f = *flight;
	struct flight_waiter *told;

	*flight = NULL;
	if (!f)
		return;
	pthread_mutex_lock(&f->shard->lock);
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	told = f->waiters;
	for (struct flight_waiter *w = told; w; w = w->next) {
		w->listed = false;
		w->outcome = outcome;
	}
	if (outcome == FLIGHT_PRIVATE)
		f->shard->marks[flight_place(f->key.hash, FLIGHT_MARKS)] =
			(struct flight_mark){f->key.hash, now_ms + FLIGHT_ALONE_MS};
	pthread_mutex_unlock(&f->shard->lock);
	while (told) {
		struct flight_waiter *w = told;

		told = w->next; /* once it is posted it is its loop's */
		loop_post(w->ticket.loop, &w->message);
	}
	free(f);
}

void flight_leave(struct flight_waiter **waiter)
{
	struct flight_waiter *w = *waiter;

	*waiter = NULL;
	if (!w)
		return;
	loop_timer_clear(w->ticket.loop, &w->timer);
	if (flight_unlist(w))
		free(w);
	else
		w->left = true;
}

/* ---- One prober ---- */

static struct flight_probe *flight_probe_of(struct flight_shard *shard, uint64_t hash)
{
	return &shard->probes[flight_place(hash, FLIGHT_MARKS)];
}

bool flight_is_quiet(const struct flights *flights)
{
	return !atomic_load_explicit(&flights->probes, memory_order_relaxed);
}

bool flight_is_held(struct flights *flights, const struct cache_key *key, const void *origin,
		    uint64_t hold_ms, uint64_t now_ms)
{
	struct flight_shard *shard = flight_shard_of(flights, key->hash);
	struct flight_probe *probe = flight_probe_of(shard, key->hash);
	bool held = false;

	if (flight_is_quiet(flights))
		return false;
	pthread_mutex_lock(&shard->lock);
	if (probe->until_ms && probe->hash == key->hash) {
		held = probe->origin == origin && now_ms < probe->until_ms;
		if (!held) {
			probe->origin = origin;
			probe->until_ms = now_ms + hold_ms;
			probe->asking = true;
		}
	}
	pthread_mutex_unlock(&shard->lock);
	return held;
}

void flight_succeeded(struct flights *flights, const struct cache_key *key)
{
	struct flight_shard *shard = flight_shard_of(flights, key->hash);
	struct flight_probe *probe = flight_probe_of(shard, key->hash);

	if (flight_is_quiet(flights))
		return;
	pthread_mutex_lock(&shard->lock);
	if (probe->until_ms && probe->hash == key->hash) {
		*probe = (struct flight_probe){0};
		(void)atomic_fetch_sub_explicit(&flights->probes, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&shard->lock);
}

/* The pause grows with each prober that fails, not with each of the many requests that were under
 * way when the origin began to. */
static void flight_failed_locked(struct flight_probe *probe, uint64_t now_ms)
{
	if (probe->asking && probe->pause_ms < FLIGHT_PROBE_MOST)
		probe->pause_ms *= 2;
	if (probe->asking || !probe->until_ms)
		probe->until_ms = now_ms + probe->pause_ms;
	probe->asking = false;
}

void flight_failed(struct flights *flights, const struct cache_key *key, const void *origin,
		   uint64_t now_ms)
{
	struct flight_shard *shard = flight_shard_of(flights, key->hash);
	struct flight_probe *probe = flight_probe_of(shard, key->hash);

	pthread_mutex_lock(&shard->lock);
	if (!probe->until_ms)
		(void)atomic_fetch_add_explicit(&flights->probes, 1, memory_order_relaxed);
	if (!probe->until_ms || probe->hash != key->hash)
		*probe = (struct flight_probe){.hash = key->hash, .pause_ms = FLIGHT_PROBE_MS};
	probe->origin = origin;
	flight_failed_locked(probe, now_ms);
	pthread_mutex_unlock(&shard->lock);
}
