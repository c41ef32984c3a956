/*
 * router_index: of a long list of routes with one path and host, those that can take a request,
 * by the value that one header field has in it: the tenant's, say, of a route for each.
 *
 * The field is the one that most of them want first. Routes that want no value of it stand in a
 * list of their own; the search goes through both in the order of the whole list.
 */
#include "gateway/router_build.h"

#include <string.h>

/* Fewer are tried one by one as fast. */
enum { ROUTER_INDEX_LEAST = 16 };

static bool router_index_is(const char *name, const char *other)
{
	return http_equal_nocase(name, strlen(name), other, strlen(other));
}

/* The value that the route wants of that field, of any field when the name is NULL; or NULL. */
static const struct settings_condition *router_index_wanted(const struct settings_route *route,
							    const char *name)
{
	for (size_t i = 0; i < route->headers.count; i++) {
		const struct settings_condition *c = &route->headers.items[i];

		if (c->value && (!name || router_index_is(c->name, name)))
			return c;
	}
	return NULL;
}

/* The field that more than half want first, if there is one, by one count up and down (Boyer and
 * Moore's vote). */
static const char *router_index_choose(const struct router_list *list)
{
	const char *chosen = NULL;
	size_t votes = 0, wanted = 0;

	for (const struct router_candidate *c = list->first; c; c = c->next) {
		const struct settings_condition *first = router_index_wanted(c->route, NULL);

		if (!first)
			continue;
		if (votes == 0)
			chosen = first->name;
		if (router_index_is(first->name, chosen))
			votes++;
		else
			votes--;
	}
	for (const struct router_candidate *c = list->first; c && chosen; c = c->next)
		wanted += router_index_wanted(c->route, chosen) != NULL;
	return wanted < ROUTER_INDEX_LEAST ? NULL : chosen;
}

/* From the last one on, each goes before those that came before it here. */
static void router_index_put(struct router *r, struct router_list *list, struct router_candidate *c)
{
	const struct settings_condition *wanted = router_index_wanted(c->route, list->header);
	struct router_slot *slot;
	size_t len;

	if (!wanted) {
		c->next_alike = list->others;
		list->others = c;
		return;
	}
	len = strlen(wanted->value);
	slot = router_table_add(&r->table, list->id, wanted->value, len,
				router_hash(wanted->value, len));
	c->next_alike = slot->value;
	slot->value = c;
}

int router_index(struct router *r, struct router_list *list)
{
	struct router_candidate **order;
	uint32_t count = 0;

	list->header = router_index_choose(list);
	if (!list->header)
		return 0;
	list->id = r->ids++;
	for (struct router_candidate *c = list->first; c; c = c->next)
		c->rank = count++;
	order = arena_alloc(&r->arena, count * sizeof(struct router_candidate *));
	if (!order)
		return -1;
	for (struct router_candidate *c = list->first; c; c = c->next)
		order[c->rank] = c;
	while (count > 0)
		router_index_put(r, list, order[--count]);
	return 0;
}
