/* waiters: a list for each service, one for all, and a wheel. */
#include "registry/waiters.h"
#include "common/siphash.h"

#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#define HASH_KEYCMP(a, b, len)	      memcmp((a), (b), (len))
#include <uthash.h>

struct waiters_topic {
	UT_hash_handle hh;
	struct waiter *list;
	char service[];
};

struct waiters {
	struct wheel wheel;
	struct waiters_topic *topics; /* by service; only those that are waited for */
	struct waiter *all;	      /* waiting for any */
	size_t count;
};

struct waiters *waiters_new(uint64_t now_ms)
{
	struct waiters *w = calloc(1, sizeof(*w));

	if (w)
		wheel_init(&w->wheel, now_ms);
	return w;
}

void waiters_free(struct waiters **waiters)
{
	free(*waiters);
	*waiters = NULL;
}

static struct waiters_topic *waiters_topic(struct waiters *w, const char *service)
{
	struct waiters_topic *topic, *found;
	size_t len = strlen(service);

	HASH_FIND(hh, w->topics, service, len, topic);
	if (topic)
		return topic;
	topic = calloc(1, sizeof(*topic) + len + 1);
	if (!topic)
		return NULL;
	memcpy(topic->service, service, len + 1);
	HASH_ADD(hh, w->topics, service, len, topic);
	HASH_FIND(hh, w->topics, service, len, found);
	if (found)
		return topic;
	free(topic);
	return NULL;
}

/* Out of its list; a topic nobody waits for goes. */
static void waiters_unlink(struct waiters *w, struct waiter *waiter)
{
	struct waiters_topic *topic = waiter->topic;

	wheel_clear(&w->wheel, &waiter->timer);
	*waiter->link = waiter->next;
	if (waiter->next)
		waiter->next->link = waiter->link;
	waiter->link = NULL;
	w->count--;
	if (topic && !topic->list) {
		HASH_DEL(w->topics, topic);
		free(topic);
	}
}

static void waiters_on_time(struct wheel_timer *timer)
{
	struct waiter *waiter = (void *)((char *)timer - offsetof(struct waiter, timer));

	waiters_unlink(waiter->of, waiter);
	waiter->wake(waiter);
}

int waiters_add(struct waiters *waiters, struct waiter *waiter, const char *service)
{
	struct waiter **list = &waiters->all;

	waiter->topic = NULL;
	if (*service) {
		waiter->topic = waiters_topic(waiters, service);
		if (!waiter->topic)
			return -1;
		list = &waiter->topic->list;
	}
	waiter->of = waiters;
	waiter->first_ms = 0;
	waiter->timer = (struct wheel_timer){.on_time = waiters_on_time};
	waiter->next = *list;
	waiter->link = list;
	if (*list)
		(*list)->link = &waiter->next;
	*list = waiter;
	waiters->count++;
	wheel_set(&waiters->wheel, &waiter->timer, waiter->deadline_ms);
	return 0;
}

void waiters_touch(struct waiters *waiters, struct waiter *waiter, uint64_t changed_ms,
		   uint64_t now_ms)
{
	uint64_t at = changed_ms + WAITERS_QUIET_MS;

	if (!waiter->first_ms)
		waiter->first_ms = now_ms;
	if (at > waiter->first_ms + WAITERS_LATE_MS)
		at = waiter->first_ms + WAITERS_LATE_MS;
	if (at > waiter->deadline_ms)
		at = waiter->deadline_ms;
	wheel_set(&waiters->wheel, &waiter->timer, at);
}

void waiters_changed_topic(struct waiters *waiters, const char *topic, uint64_t now_ms)
{
	struct waiters_topic *found;

	HASH_FIND(hh, waiters->topics, topic, strlen(topic), found);
	for (struct waiter *w = found ? found->list : NULL; w; w = w->next)
		waiters_touch(waiters, w, now_ms, now_ms);
}

void waiters_changed(struct waiters *waiters, const char *service, uint64_t now_ms)
{
	struct waiters_topic *topic, *next;

	for (struct waiter *w = waiters->all; w; w = w->next)
		waiters_touch(waiters, w, now_ms, now_ms);
	if (service) {
		waiters_changed_topic(waiters, service, now_ms);
		return;
	}
	HASH_ITER(hh, waiters->topics, topic, next)
	{
		for (struct waiter *w = topic->list; w; w = w->next)
			waiters_touch(waiters, w, now_ms, now_ms);
	}
}

void waiters_advance(struct waiters *waiters, uint64_t now_ms)
{
	wheel_advance(&waiters->wheel, now_ms);
}

uint64_t waiters_wait_ms(struct waiters *waiters, uint64_t now_ms, uint64_t most_ms)
{
	return wheel_wait_ms(&waiters->wheel, now_ms, most_ms);
}

void waiters_flush(struct waiters *waiters)
{
	struct waiter *waiter;

	while ((waiter = waiters->all) || waiters->topics) {
		if (!waiter)
			waiter = waiters->topics->list;
		waiters_unlink(waiters, waiter);
		waiter->wake(waiter);
	}
}

size_t waiters_count(const struct waiters *waiters)
{
	return waiters->count;
}
