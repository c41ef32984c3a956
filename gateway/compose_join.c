/*
 * compose_join: the declared join: members of the replies are copied as the
 * bytes they are, so that numbers keep their digits and nothing is built.
 */
#include "gateway/compose_parts.h"

#include <string.h>

struct joiner {
	struct compose *c;
	const struct settings_join *join;
	struct buf *out;
	uint64_t written; /* bit i: set[i] is there already */
	bool comma;
};

static void join_member(struct joiner *j, struct span name, struct span value)
{
	(void)buf_append(j->out, j->comma ? "," : "{", 1); /* sticks, here and below */
	(void)buf_append(j->out, name.at, name.len);
	(void)buf_putc(j->out, ':');
	(void)buf_append(j->out, value.at, value.len);
	j->comma = true;
}

static void join_set(struct joiner *j, size_t i)
{
	const struct settings_join_value *set = &j->join->set[i];
	struct span result = j->c->results[set->call], value;

	if (j->written & UINT64_C(1) << i)
		return;
	j->written |= UINT64_C(1) << i;
	if (result.len && json_path_find(&set->within, 1, result, &value))
		join_member(j, set->name, value);
}

/* The index in `set` or `drop` of a member of `from`; the count: none. */
static size_t join_find_set(const struct joiner *j, struct span name)
{
	size_t i = 0;

	while (i < j->join->set_count && json_string_compare(j->join->set[i].name, name) != 0)
		i++;
	return i;
}

static size_t join_find_drop(const struct joiner *j, struct span name)
{
	size_t i = 0;

	while (i < j->join->drop_count && !json_string_is(name, j->join->drop[i]))
		i++;
	return i;
}

/* True when `from` has the member that set[i] sets. */
static bool join_is_in_from(const struct joiner *j, struct span from, size_t i)
{
	struct json_iter iter;
	struct span name, value;

	json_iter_init(&iter, from);
	while (json_iter_next(&iter, &name, &value))
		if (json_string_compare(j->join->set[i].name, name) == 0)
			return true;
	return false;
}

/* The first member that is set takes the place of the first that is dropped, and so on: a customer
 * stands where its key stood. */
static void join_from(struct joiner *j, struct span from)
{
	struct json_iter iter;
	struct span name, value;

	json_iter_init(&iter, from);
	while (json_iter_next(&iter, &name, &value)) {
		size_t set = join_find_set(j, name), drop = join_find_drop(j, name);

		if (set < j->join->set_count)
			join_set(j, set);
		else if (drop == j->join->drop_count)
			join_member(j, name, value);
		else if (drop < j->join->set_count && !join_is_in_from(j, from, drop))
			join_set(j, drop);
	}
}

int compose_join(struct compose *c)
{
	const struct settings_join *join = &c->settings->join;
	struct joiner j = {.c = c, .join = join, .out = &c->answer};
	struct span from = join->has_from ? c->results[join->from] : (struct span){NULL, 0};

	if (from.len && json_kind(from) != JSON_KIND_OBJECT) {
		c->problem = PROBLEM_JOIN_FAILED;
		c->detail = arena_printf(&c->x->arena, "the reply of \"%s\" is no object",
					 c->parts[join->from].settings->name);
		return -1;
	}
	if (from.len)
		join_from(&j, from);
	for (size_t i = 0; i < join->set_count; i++)
		join_set(&j, i);
	(void)buf_append(&c->answer, j.comma ? "}" : "{}", j.comma ? 1 : 2);
	if (!c->answer.failed)
		return 0;
	c->problem = c->answer.full ? PROBLEM_JOIN_FAILED : PROBLEM_NO_MEMORY;
	c->detail = c->answer.full ? "the answer is too large" : NULL;
	return -1;
}
