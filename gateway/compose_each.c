/*
 * compose_each: a call for each distinct value of a list, so many at a time;
 * or, in batches, one for several. The result is an object: value -> reply.
 */
#include "common/json_check.h"
#include "common/json_write.h"
#include "common/siphash.h"
#include "gateway/compose_parts.h"

#include <string.h>

struct each_item {
	struct span value;		/* in the list */
	struct span name;		/* the member's, with its quotes; what makes it distinct */
	struct span result;		/* len 0: none */
	struct buf body;		/* `result` lies in one of these */
	const struct cache_entry *kept; /* held */
};

struct each_slot {
	struct call call;
	struct compose_each *each;
	size_t first, count; /* the items that it asks for */
};

struct compose_each {
	struct compose_part *part;
	struct each_item *items;
	size_t count, room;
	uint32_t *table; /* of the names: indexes into items, from 1 */
	size_t table_size;
	struct each_slot *slots;
	size_t slot_count, step; /* step: items of one request */
	size_t next;		 /* the first item that nobody asked for yet */
	unsigned running;
	size_t bytes; /* of all results */
	bool starting, stale;
	bool lacks; /* a value has no reply of its own */
	struct buf result;
};

/* ---- The values ---- */

/* As a member's name: 1 and "1" are the same. False: out of memory. */
static bool each_name(struct compose_each *each, struct span value, struct span *name)
{
	struct arena *arena = &each->part->compose->x->arena;
	struct json_writer j;
	struct buf text, out;
	char *copy = NULL;

	buf_init(&text, value.len + 1);
	buf_init(&out, 6 * value.len + 8);
	if (json_kind(value) == JSON_KIND_STRING)
		json_string_decode(value, &text);
	else
		(void)buf_append(&text, value.at, value.len); /* sticks */
	json_write_init(&j, &out);
	if (!text.failed)
		json_write_string_n(&j, text.len ? text.data : "", text.len);
	if (!text.failed && !out.failed)
		copy = arena_strndup(arena, out.data, out.len);
	*name = (struct span){copy, copy ? out.len : 0};
	buf_fini(&text);
	buf_fini(&out);
	return copy != NULL;
}

/* The place of a name in the table: an item's index + 1, or 0 where it belongs. */
static uint32_t *each_find(struct compose_each *each, struct span name)
{
	uint64_t at = siphash_process(name.at, name.len);

	for (;; at++) {
		uint32_t *place = &each->table[at % each->table_size];

		if (!*place)
			return place;
		if (each->items[*place - 1].name.len == name.len &&
		    memcmp(each->items[*place - 1].name.at, name.at, name.len) == 0)
			return place;
	}
}

static bool each_make_room(struct compose_each *each)
{
	struct arena *arena = &each->part->compose->x->arena;
	size_t room = each->room ? each->room * 4 : 16;
	struct each_item *items = arena_zalloc(arena, room * sizeof(*items));
	uint32_t *table = arena_zalloc(arena, room * 2 * sizeof(*table));

	if (!items || !table)
		return false;
	if (each->count)
		memcpy(items, each->items, each->count * sizeof(*items));
	each->items = items;
	each->room = room;
	each->table = table;
	each->table_size = room * 2;
	for (size_t i = 0; i < each->count; i++)
		*each_find(each, items[i].name) = (uint32_t)i + 1;
	return true;
}

/* PROBLEM_NONE, or why not. */
static enum problem each_add(struct compose_each *each, struct span value)
{
	struct span name;
	uint32_t *place;

	if (each->count == each->room && !each_make_room(each))
		return PROBLEM_NO_MEMORY;
	if (!each_name(each, value, &name))
		return PROBLEM_NO_MEMORY;
	place = each_find(each, name);
	if (*place)
		return PROBLEM_NONE;
	if (each->count == each->part->settings->each.values_max)
		return PROBLEM_PART_TOO_LARGE;
	each->items[each->count] = (struct each_item){.value = value, .name = name};
	*place = (uint32_t)++each->count;
	return PROBLEM_NONE;
}

/* Nulls ask for nothing. */
static enum problem each_collect(struct compose_each *each)
{
	const struct settings_each *settings = &each->part->settings->each;
	struct span list = each->part->compose->results[settings->call], value;
	enum problem problem = PROBLEM_NONE;
	struct json_path_iter iter;

	if (!list.len)
		return PROBLEM_NONE;
	json_path_start(&iter, &settings->list, 1, list);
	while (problem == PROBLEM_NONE && json_path_next(&iter, &value)) {
		enum json_kind kind = json_kind(value);

		if (kind == JSON_KIND_OBJECT || kind == JSON_KIND_ARRAY)
			return PROBLEM_PART_LACKS;
		if (kind != JSON_KIND_NULL)
			problem = each_add(each, value);
	}
	return problem;
}

/* ---- The end ---- */

void compose_each_free(struct compose_each **each)
{
	struct compose_each *e = *each;

	if (!e)
		return;
	for (size_t i = 0; i < e->slot_count; i++)
		call_fini(&e->slots[i].call);
	e->slot_count = 0;
	for (size_t i = 0; i < e->count; i++) {
		buf_fini(&e->items[i].body);
		cache_unref(&e->items[i].kept);
	}
	buf_fini(&e->result);
}

void compose_each_count(const struct compose_each *each, size_t *good, size_t *all)
{
	*good = 0;
	*all = each->count;
	for (size_t i = 0; i < each->count; i++)
		*good += each->items[i].result.len > 0;
}

bool compose_each_is_whole(const struct compose_each *each)
{
	return !each->lacks;
}

static void each_fail(struct compose_each *each, enum problem problem, unsigned status,
		      const char *reason)
{
	for (size_t i = 0; i < each->slot_count; i++)
		call_fini(&each->slots[i].call);
	each->running = 0;
	part_fail(each->part, problem, status, reason);
}

static void each_finish(struct compose_each *each)
{
	struct buf *out = &each->result;
	bool comma = false;

	buf_init(out, (size_t)each->part->compose->settings->answer_bytes);
	(void)buf_putc(out, '{'); /* failures stick, here and below */
	for (size_t i = 0; i < each->count; i++) {
		const struct each_item *item = &each->items[i];

		if (!item->result.len)
			continue;
		(void)buf_append(out, ",", comma);
		(void)buf_append(out, item->name.at, item->name.len);
		(void)buf_putc(out, ':');
		(void)buf_append(out, item->result.at, item->result.len);
		comma = true;
	}
	(void)buf_putc(out, '}');
	if (out->failed)
		each_fail(each, PROBLEM_PART_TOO_LARGE, 0, "the replies are too large together");
	else
		part_succeed(each->part, each->stale ? PART_STALE : PART_GOOD, 200,
			     (struct span){out->data, out->len});
}

/* ---- Replies ---- */

/* An item has none. False: the part failed by it. */
static bool each_lack(struct compose_each *each, struct each_item *item, enum problem problem,
		      unsigned status, const char *reason)
{
	const struct settings_call *settings = each->part->settings;

	each->lacks = true;
	if (settings->require == REQUIRE_OPTIONAL)
		return true;
	if (settings->require == REQUIRE_DEFAULT) {
		item->result = settings->otherwise;
		return true;
	}
	each_fail(each, problem, status, reason);
	return false;
}

/* The elements of a batch's reply, each to its item; or the members, by their names. */
static void each_deal(struct compose_each *each, struct each_slot *slot, struct span reply)
{
	const struct json_path *key = &each->part->settings->each.batch_key;
	struct span name, value, found;
	struct json_iter iter;
	uint32_t *place;

	json_iter_init(&iter, reply);
	while (json_iter_next(&iter, &name, &value)) {
		if (name.len)
			found = name;
		else if (!json_path_find(key, 0, value, &found))
			continue;
		if (json_kind(found) == JSON_KIND_OBJECT || json_kind(found) == JSON_KIND_ARRAY ||
		    !each_name(each, found, &name))
			continue;
		place = each_find(each, name);
		if (*place && *place - 1 >= slot->first && *place - 1 < slot->first + slot->count)
			each->items[*place - 1].result = value;
	}
}

/* What the replies lie in goes from the call to its first item. */
static void each_hold(struct each_item *item, struct call *call)
{
	item->body = call->gathered;
	buf_init(&call->gathered, 0);
	item->kept = call->kept;
	call->kept = NULL;
}

/* False: the part failed. */
static bool each_take(struct compose_each *each, struct each_slot *slot)
{
	struct call *call = &slot->call;
	bool batch = each->part->settings->each.batch > 0, good;
	enum problem problem;
	const char *reason;
	struct span value;
	unsigned status;

	good = part_reply(call, &value, &problem, &reason) == 0;
	status = good || problem == PROBLEM_PART_FAILED ? call->status : 0;
	each->stale |= good && call->outcome == CALL_STALE;
	each->bytes += good ? value.len : 0;
	if (good)
		each_hold(&each->items[slot->first], call);
	call_fini(call);
	if (each->bytes > each->part->compose->settings->answer_bytes) {
		each_fail(each, PROBLEM_PART_TOO_LARGE, 0, "the replies are too large together");
		return false;
	}
	if (good && batch)
		each_deal(each, slot, value);
	else if (good)
		each->items[slot->first].result = value;
	if (good) {
		problem = PROBLEM_PART_LACKS;
		reason = "a value of the batch is not in the reply";
		status = 0;
	}
	for (size_t i = slot->first; i < slot->first + slot->count; i++)
		if (!each->items[i].result.len &&
		    !each_lack(each, &each->items[i], problem, status, reason))
			return false;
	return true;
}

/* ---- The requests ---- */

/* Asks for the next items by this slot. False: the part failed. */
static bool each_ask(struct compose_each *each, struct each_slot *slot)
{
	struct span *values;
	enum problem problem = PROBLEM_NO_MEMORY;
	const char *reason = NULL;
	int over = -1;

	slot->first = each->next;
	slot->count = each->count - each->next < each->step ? each->count - each->next : each->step;
	each->next += slot->count;
	values = arena_alloc(&each->part->compose->x->arena, slot->count * sizeof(*values));
	for (size_t i = 0; values && i < slot->count; i++)
		values[i] = each->items[slot->first + i].value;
	if (values)
		over = part_call(each->part, &slot->call, values, slot->count, &problem, &reason);
	if (over > 0)
		return each_take(each, slot);
	if (over == 0) {
		each->running++;
		return true;
	}
	for (size_t i = slot->first; i < slot->first + slot->count; i++)
		if (!each_lack(each, &each->items[i], problem, 0, reason))
			return false;
	return true;
}

/* Keeps the slot busy. False: the part failed. */
static bool each_feed(struct compose_each *each, struct each_slot *slot)
{
	while (each->next < each->count && !slot->call.x)
		if (!each_ask(each, slot))
			return false;
	return true;
}

static void each_on_call(struct call *call)
{
	struct each_slot *slot =
		(struct each_slot *)(void *)((char *)call - offsetof(struct each_slot, call));
	struct compose_each *each = slot->each;
	struct compose_part *part = each->part;

	each->running--;
	if (each_take(each, slot) && each_feed(each, slot) && !each->running &&
	    each->next == each->count)
		each_finish(each);
	if (part->state == PART_DONE)
		compose_go_on(part->compose);
}

static bool each_make_slots(struct compose_each *each)
{
	const struct settings_each *settings = &each->part->settings->each;
	size_t requests;

	each->step = settings->batch ? settings->batch : 1;
	requests = (each->count + each->step - 1) / each->step;
	if (requests > settings->concurrency)
		requests = settings->concurrency;
	each->slots =
		arena_zalloc(&each->part->compose->x->arena, (requests + 1) * sizeof(*each->slots));
	if (!each->slots)
		return false;
	each->slot_count = requests;
	for (size_t i = 0; i < requests; i++) {
		each->slots[i].each = each;
		each->slots[i].call.on_done = each_on_call;
	}
	return true;
}

/* What may be told of a list that can't be asked for. */
static const char *each_reason(const struct compose_each *each, enum problem problem)
{
	if (problem == PROBLEM_PART_TOO_LARGE)
		return arena_printf(&each->part->compose->x->arena,
				    "the list has more than %u distinct values",
				    each->part->settings->each.values_max);
	return problem == PROBLEM_PART_LACKS ? "a value of the list is no text and no number"
					     : NULL;
}

void compose_each_start(struct compose_part *part)
{
	struct compose_each *each = arena_zalloc(&part->compose->x->arena, sizeof(*each));
	enum problem problem = PROBLEM_NO_MEMORY;

	if (each) {
		each->part = part;
		part->each = each;
		problem = each_collect(each);
		if (problem == PROBLEM_NONE && !each_make_slots(each))
			problem = PROBLEM_NO_MEMORY;
	}
	if (problem != PROBLEM_NONE) {
		part_fail(part, problem, 0, each ? each_reason(each, problem) : NULL);
		return;
	}
	for (size_t i = 0; i < each->slot_count; i++)
		if (!each_feed(each, &each->slots[i]))
			return;
	if (!each->running)
		each_finish(each);
}
