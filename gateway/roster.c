/* roster: reads what the registry told, and leaves out what is the settings'. */
#include "gateway/roster.h"
#include "client-lib/microreg.h"
#include "common/arena.h"
#include "gateway/consumers.h"
#include "gateway/roster_read.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROSTER_ARENA_MAX ((size_t)1 << 30)

struct roster_held {
	struct roster roster; /* first: what others see of it */
	atomic_uint refs;
	struct arena arena;
};

static struct roster_held *roster_held(struct roster *roster)
{
	return (struct roster_held *)(void *)roster;
}

static void roster_leave_out(struct roster *roster, const char *name, const char *why)
{
	if (!roster->left_out++) {
		roster->first = name;
		roster->reason = why;
	}
}

/* Without the keys that are the settings'. */
static void roster_drop_keys(struct roster *roster, const struct consumers *first,
			     struct settings_consumer *consumer)
{
	struct settings_secret *keys = (struct settings_secret *)(uintptr_t)consumer->keys;
	const struct settings_secret *secret;
	size_t kept = 0;

	for (size_t i = 0; i < consumer->key_count; i++)
		if (!consumers_by_key(first, keys[i].sha256, &secret))
			keys[kept++] = keys[i];
	if (kept < consumer->key_count)
		roster_leave_out(roster, consumer->name, "a key of it is in the settings");
	consumer->key_count = kept;
}

/* -1: out of memory. */
static int roster_add(struct roster_held *held, const struct consumers *first,
		      const struct microreg_value *value, struct settings_consumer *to)
{
	struct roster *roster = &held->roster;
	const char *why;

	if (roster_read(&held->arena, value, to, &why) < 0) {
		if (why)
			roster_leave_out(roster, to->name, why);
		return why ? 0 : -1;
	}
	if (consumers_by_name(first, (struct span){to->name, strlen(to->name)})) {
		roster_leave_out(roster, to->name, "the settings have one of that name");
	} else if (consumers_by_id(first, (struct span){to->id, strlen(to->id)})) {
		roster_leave_out(roster, to->name, "the settings have one of that id");
	} else {
		roster_drop_keys(roster, first, to);
		roster->count++;
	}
	return 0;
}

struct roster *roster_new(const struct microreg_consumers *set, const struct consumers *first)
{
	struct roster_held *held = calloc(1, sizeof(*held));
	size_t count = microreg_consumers_count(set);
	struct settings_consumer *items;
	struct roster *roster;
	int failed;

	if (!held) {
		microreg_consumers_unref(&set);
		return NULL;
	}
	roster = &held->roster;
	atomic_init(&held->refs, 1);
	arena_init(&held->arena, ROSTER_ARENA_MAX);
	roster->set = set;
	items = arena_zalloc(&held->arena, (count + 1) * sizeof(*items));
	failed = items ? 0 : -1;
	for (size_t i = 0; !failed && i < count; i++)
		failed = roster_add(held, first, microreg_consumers_at(set, i),
				    &items[roster->count]);
	if (!failed)
		roster->consumers = consumers_new(items, roster->count);
	if (!roster->consumers)
		roster_unref(&roster);
	return roster;
}

struct roster *roster_ref(struct roster *roster)
{
	if (roster)
		(void)atomic_fetch_add_explicit(&roster_held(roster)->refs, 1,
						memory_order_relaxed);
	return roster;
}

void roster_unref(struct roster **roster)
{
	struct roster_held *held = roster_held(*roster);

	*roster = NULL;
	if (!held || atomic_fetch_sub_explicit(&held->refs, 1, memory_order_acq_rel) != 1)
		return;
	consumers_free(&held->roster.consumers);
	microreg_consumers_unref(&held->roster.set);
	arena_fini(&held->arena);
	free(held);
}
