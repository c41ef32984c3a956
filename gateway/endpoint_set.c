/* endpoint_set: turns lists of instances into endpoints, keeping what stays. */
#include "gateway/endpoint.h"
#include "client-lib/microreg.h"
#include "common/instance.h"
#include "common/siphash.h"
#include "gateway/balance.h"
#include "gateway/balance_sticky.h"
#include "gateway/health.h"
#include "gateway/pool.h"
#include "gateway/settings.h"
#include "gateway/tally.h"
#include "gateway/tls_origin.h"
#include "gateway/usage.h"

#include <stdlib.h>
#include <string.h>

/* More instances of one service than this are left out: the schedule's indexes are 16 bits. */
enum { ENDPOINTS_MAX = 65535 };

void endpoint_set_init(struct endpoint_set *set, struct service *service)
{
	*set = (struct endpoint_set){.service = service};
}

/* The instance is gone: no new requests, and its idle connections are of no use. */
static void endpoint_unlist(struct endpoint *ep)
{
	ep->listed = false;
	ep->up = false;
	pool_close_idle(ep);
	endpoint_unref(&ep);
}

static void endpoint_set_drop(struct endpoint **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		endpoint_unlist(items[i]);
	free(items);
}

void endpoint_set_fini(struct endpoint_set *set)
{
	endpoint_set_drop(set->items, set->count);
	free(set->picks);
	free(set->schedule);
	free(set->names);
	free(set->zone);
	tls_origin_unref(&set->tls);
	microreg_service_unref(&set->from);
	*set = (struct endpoint_set){0};
}

int endpoint_set_configure(struct endpoint_set *set, const struct settings_service *service,
			   const char *zone, struct tls_origin *tls)
{
	char *copy = zone ? strdup(zone) : NULL;

	if (zone && !copy)
		return -1;
	free(set->zone);
	set->zone = copy;
	set->pool = service->pool;
	tls = tls ? tls_origin_ref(tls) : NULL;
	tls_origin_unref(&set->tls);
	set->tls = tls;
	set->wanted = service->balance.kind;
	set->slow_start_ms = service->slow_start_ms;
	set->per_instance = service->max_per_instance;
	set->sticky = service->balance.sticky.cookie != NULL;
	if (set->sticky)
		balance_sticky_key(&service->balance.sticky, service->name, set->sticky_key);
	/* Also because another reading of the file may have other instances at one address. */
	set->changed = true;
	return 0;
}

static bool endpoint_is_at(const struct endpoint *ep, const struct endpoint_place *place)
{
	return ep->port == place->port && ep->https == place->https &&
	       strcmp(ep->id, place->id) == 0 && strcmp(ep->host, place->host) == 0;
}

/* ---- Finding those of before ---- */

/* Lists keep their order, so an instance usually stands right behind the last one found. For the
 * others there is a table by id, made when the first of them is asked for. */
struct endpoint_finder {
	const struct endpoint_set *old;
	size_t hint;
	uint32_t *slots; /* 1 and up: places in old->items; open addressing */
	size_t mask;
};

/* Ids come from whoever may register, so they are hashed with a key. */
static size_t endpoint_finder_slot(const struct endpoint_finder *f, const char *id)
{
	return (size_t)siphash_process(id, strlen(id)) & f->mask;
}

static int endpoint_finder_build(struct endpoint_finder *f)
{
	size_t room = 16;

	while (room < 2 * f->old->count)
		room *= 2;
	f->slots = calloc(room, sizeof(*f->slots));
	if (!f->slots)
		return -1;
	f->mask = room - 1;
	for (size_t i = 0; i < f->old->count; i++) {
		size_t at = endpoint_finder_slot(f, f->old->items[i]->id);

		while (f->slots[at])
			at = (at + 1) & f->mask;
		f->slots[at] = (uint32_t)i + 1;
	}
	return 0;
}

/* Where it stands among those of before; their count: nowhere. */
static int endpoint_finder_find(struct endpoint_finder *f, const struct endpoint_place *place,
				size_t *found)
{
	const struct endpoint_set *old = f->old;

	*found = f->hint;
	if (f->hint < old->count && endpoint_is_at(old->items[f->hint], place))
		return 0;
	*found = old->count;
	if (!old->count)
		return 0;
	if (!f->slots && endpoint_finder_build(f) < 0)
		return -1;
	for (size_t at = endpoint_finder_slot(f, place->id); f->slots[at]; at = (at + 1) & f->mask)
		if (endpoint_is_at(old->items[f->slots[at] - 1], place)) {
			*found = f->slots[at] - 1;
			break;
		}
	return 0;
}

/* The endpoint of before for this instance, or a new one. NULL: no memory. */
static struct endpoint *endpoint_keep(struct endpoint_finder *f, const struct endpoint_place *place)
{
	struct endpoint *ep;
	size_t at;

	if (endpoint_finder_find(f, place, &at) < 0)
		return NULL;
	if (at == f->old->count)
		return endpoint_new(place);
	f->hint = at + 1;
	ep = endpoint_ref(f->old->items[at]);
	ep->weight = place->weight ? place->weight : 1;
	return ep;
}

static void endpoint_set_count(const struct endpoint_set *set, struct endpoint *ep)
{
	if (!ep->tally && ep->usage && ep->usage->row) {
		ep->tally = &ep->usage->row->tallies[set->worker];
		tally_set(ep->tally, TALLY_EJECTED_UNTIL_MS, 0); /* one of before may have been */
	}
	if (set->service && set->service->row)
		ep->service_tally = &set->service->row->tallies[set->worker];
}

/* What may change about an endpoint that stays. */
static void endpoint_set_refresh(const struct endpoint_set *set, struct endpoint *ep, bool up,
				 const char *zone, uint64_t now_ms)
{
	bool shown_before = set->from || set->count; /* else all are new, and none slower */

	endpoint_set_count(set, ep);
	endpoint_configure(ep, &set->pool, set->tls);
	if (up && !ep->up) /* a check passed, say: what was held against it is of before */
		health_recovered(ep);
	if (up && !ep->up && shown_before)
		balance_warm(set, ep, now_ms);
	ep->up = up;
	ep->near = set->zone && zone && strcmp(set->zone, zone) == 0;
}

/* Puts the new list in the place of the old one. */
static int endpoint_set_swap(struct endpoint_set *set, struct endpoint **items, size_t count,
			     uint64_t now_ms)
{
	struct endpoint_set next = *set;

	next.items = items;
	next.count = count;
	next.up_count = next.ejected = 0;
	next.picks = NULL;
	next.schedule = NULL;
	next.schedule_len = 0;
	next.balance = next.wanted;
	next.changed = false;
	for (size_t i = 0; i < count; i++) {
		next.up_count += items[i]->up;
		next.ejected += items[i]->ejected_until_ms != 0;
	}
	if (balance_sticky_build(&next) < 0)
		return -1;
	if (balance_build(&next, now_ms) < 0) {
		free(next.schedule);
		free(next.names);
		return -1;
	}
	for (size_t i = 0; i < set->count; i++)
		set->items[i]->listed = false;
	for (size_t i = 0; i < count; i++)
		items[i]->listed = true;
	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i]->listed)
			endpoint_unref(&set->items[i]);
		else
			endpoint_unlist(set->items[i]);
	}
	free(set->items);
	free(set->picks);
	free(set->schedule);
	free(set->names);
	*set = next;
	if (set->service) /* of those that came */
		room_call(&set->service->room);
	return 0;
}

static void endpoint_set_undo(struct endpoint **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		endpoint_unref(&items[i]);
	free(items);
}

/* ---- From the registry, from the settings ---- */

bool endpoint_is_panic(const struct microreg_service *from)
{
	bool down = false;

	for (size_t i = 0; from && i < from->count; i++) {
		if (strcmp(from->instances[i].status, "up") == 0)
			return false;
		down |= strcmp(from->instances[i].status, "down") == 0;
	}
	return down;
}

/* Registries of before let instances say any scheme. */
static bool endpoint_takes_requests(const struct microreg_instance *in, bool panic)
{
	return strcmp(in->status, panic ? "down" : "up") == 0 &&
	       instance_scheme_is_served(in->scheme);
}

int endpoint_set_update(struct endpoint_set *set, const struct microreg_service *from,
			struct usages *usages, uint64_t now_ms)
{
	struct endpoint_finder finder = {.old = set};
	size_t count = from ? from->count : 0;
	bool panic;
	struct endpoint **items;

	if (set->from == from && !set->from_settings && !set->changed && (from || !set->count))
		return 0;
	panic = endpoint_is_panic(from);
	if (count > ENDPOINTS_MAX)
		count = ENDPOINTS_MAX;
	items = calloc(count + 1, sizeof(struct endpoint *));
	if (!items)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct microreg_instance *in = &from->instances[i];
		const struct endpoint_place place = {.id = in->id,
						     .host = in->host,
						     .port = in->port,
						     .https = strcmp(in->scheme, "https") == 0,
						     .weight = in->weight};

		items[i] = endpoint_keep(&finder, &place);
		if (!items[i]) {
			endpoint_set_undo(items, i);
			free(finder.slots);
			return -1;
		}
		if (!items[i]->usage)
			items[i]->usage = usage_get(usages, from->name, in->id);
		endpoint_set_refresh(set, items[i], endpoint_takes_requests(in, panic), in->zone,
				     now_ms);
		if (set->panic && !panic && items[i]->up)
			health_recovered(items[i]);
	}
	free(finder.slots);
	if (endpoint_set_swap(set, items, count, now_ms) < 0) {
		endpoint_set_undo(items, count);
		return -1;
	}
	microreg_service_unref(&set->from);
	set->from = from ? microreg_service_ref(from) : NULL;
	set->from_settings = NULL;
	set->panic = panic;
	return 0;
}

int endpoint_set_update_settings(struct endpoint_set *set, const struct settings_service *from,
				 struct usages *usages, uint64_t now_ms)
{
	struct endpoint_finder finder = {.old = set};
	struct endpoint **items;

	if (set->from_settings == from && !set->changed)
		return 0;
	items = calloc(from->instance_count + 1, sizeof(struct endpoint *));
	if (!items)
		return -1;
	for (size_t i = 0; i < from->instance_count; i++) {
		const struct settings_instance *in = &from->instances[i];
		const struct endpoint_place place = {.id = in->text,
						     .host = in->host,
						     .port = in->port,
						     .https = in->https,
						     .weight = in->weight};

		items[i] = endpoint_keep(&finder, &place);
		if (!items[i]) {
			endpoint_set_undo(items, i);
			free(finder.slots);
			return -1;
		}
		if (!items[i]->usage)
			items[i]->usage = usage_get(usages, from->name, in->text);
		endpoint_set_refresh(set, items[i], true, in->zone, now_ms);
	}
	free(finder.slots);
	if (endpoint_set_swap(set, items, from->instance_count, now_ms) < 0) {
		endpoint_set_undo(items, from->instance_count);
		return -1;
	}
	microreg_service_unref(&set->from);
	set->from_settings = from;
	set->panic = false;
	return 0;
}
