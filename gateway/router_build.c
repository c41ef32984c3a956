/* router_build: compiles the routes into the tree. */
#include "gateway/router_build.h"

#include <stdlib.h>
#include <string.h>

/* Nodes, leaves and candidates are small; the settings file bounds how many there are. */
static const size_t router_arena_max = (size_t)256 << 20;

static unsigned router_methods_named(const struct settings_route *route)
{
	return route->methods & HTTP_GET ? route->methods & ~(unsigned)HTTP_HEAD : route->methods;
}

unsigned router_method_count(const struct settings_route *route)
{
	return (unsigned)__builtin_popcount(router_methods_named(route));
}

static size_t router_condition_count(const struct settings_route *route)
{
	return route->headers.count + route->query.count;
}

/* More conditions first, then fewer methods. */
static bool router_comes_before(const struct settings_route *a, const struct settings_route *b)
{
	if (router_condition_count(a) != router_condition_count(b))
		return router_condition_count(a) > router_condition_count(b);
	return router_method_count(a) < router_method_count(b);
}

static int router_list_add(struct router *r, struct router_list *list,
			   const struct settings_route *route)
{
	struct router_candidate *c = arena_alloc(&r->arena, sizeof(*c)), **at = &list->first;

	if (!c)
		return -1;
	if (!list->first) {
		list->next = r->lists;
		r->lists = list;
	}
	while (*at && !router_comes_before(route, (*at)->route))
		at = &(*at)->next;
	*c = (struct router_candidate){.route = route, .next = *at};
	*at = c;
	return 0;
}

static struct router_leaf *router_leaf_get(struct router *r, struct router_leaf **leaf)
{
	if (*leaf)
		return *leaf;
	*leaf = arena_zalloc(&r->arena, sizeof(**leaf));
	if (*leaf) {
		(*leaf)->id = r->ids;
		r->ids += 2;
	}
	return *leaf;
}

static struct router_node *router_node_new(struct router *r)
{
	struct router_node *node = arena_zalloc(&r->arena, sizeof(*node));

	if (node)
		node->id = r->ids++;
	return node;
}

static struct router_node *router_child_get(struct router *r, struct router_node *node,
					    const struct route_segment *s)
{
	struct router_slot *slot;

	if (s->kind == ROUTE_PARAMETER) {
		if (!node->parameter)
			node->parameter = router_node_new(r);
		return node->parameter;
	}
	slot = router_table_add(&r->table, node->id, s->text, s->len, router_hash(s->text, s->len));
	if (!slot->value)
		slot->value = router_node_new(r);
	return slot->value;
}

static struct router_leaf *router_path_get(struct router *r, const struct route_pattern *path)
{
	struct router_node *node = &r->root;

	if (path->count > r->depth)
		r->depth = path->count;
	for (size_t i = 0; i < path->count; i++) {
		if (path->segments[i].kind == ROUTE_REST)
			return router_leaf_get(r, &node->rest);
		node = router_child_get(r, node, &path->segments[i]);
		if (!node)
			return NULL;
	}
	return router_leaf_get(r, &node->here);
}

static int router_host_add(struct router *r, struct router_leaf *leaf, const char *host,
			   const struct settings_route *route)
{
	bool suffix = host[0] == '*';
	const char *text = host + suffix;
	size_t len = strlen(text);
	uint32_t hash = suffix ? router_hash_backwards(text, len) : router_hash(text, len);
	struct router_slot *slot = router_table_add(&r->table, leaf->id + suffix, text, len, hash);

	if (!slot->value)
		slot->value = arena_zalloc(&r->arena, sizeof(struct router_list));
	if (!slot->value)
		return -1;
	r->has_hosts = true;
	leaf->has_hosts = leaf->has_hosts || !suffix;
	leaf->has_suffixes = leaf->has_suffixes || suffix;
	return router_list_add(r, slot->value, route);
}

static int router_add(struct router *r, const struct settings_route *route)
{
	struct router_leaf *leaf = router_path_get(r, &route->path);

	if (!leaf)
		return -1;
	if (route->hosts.count == 0)
		return router_list_add(r, &leaf->any, route);
	for (size_t i = 0; i < route->hosts.count; i++)
		if (router_host_add(r, leaf, route->hosts.items[i], route) < 0)
			return -1;
	return 0;
}

struct router *router_new(const struct settings_route *routes, size_t count, struct err *e)
{
	struct router *r = calloc(1, sizeof(*r));
	size_t entries = 0;

	if (!r)
		goto fail;
	arena_init(&r->arena, router_arena_max);
	r->ids = 1; /* the root is 0 */
	for (size_t i = 0; i < count; i++)
		entries += routes[i].path.count + routes[i].hosts.count +
			   (routes[i].hosts.count ? routes[i].hosts.count : 1);
	if (router_table_init(&r->table, &r->arena, entries) < 0)
		goto fail;
	for (size_t i = 0; i < count; i++)
		if (router_add(r, &routes[i]) < 0)
			goto fail;
	for (struct router_list *list = r->lists; list; list = list->next)
		if (router_index(r, list) < 0)
			goto fail;
	return r;
fail:
	router_free(&r);
	(void)err_set(e, "there is not enough memory for %zu routes", count);
	return NULL;
}

void router_free(struct router **router)
{
	if (!*router)
		return;
	arena_fini(&(*router)->arena);
	free(*router);
	*router = NULL;
}

/* ---- Can a request tell them apart? ---- */

static bool router_condition_is_in(const struct settings_condition *c,
				   const struct settings_conditions *in, bool nocase)
{
	for (size_t i = 0; i < in->count; i++) {
		const struct settings_condition *d = &in->items[i];
		bool same = nocase ? http_equal_nocase(c->name, strlen(c->name), d->name,
						       strlen(d->name))
				   : strcmp(c->name, d->name) == 0;

		if (same && (c->value == NULL) == (d->value == NULL) &&
		    (!c->value || strcmp(c->value, d->value) == 0))
			return true;
	}
	return false;
}

static bool router_conditions_are_equal(const struct settings_conditions *a,
					const struct settings_conditions *b, bool nocase)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!router_condition_is_in(&a->items[i], b, nocase))
			return false;
	return true;
}

static bool router_hosts_meet(const struct settings_strings *a, const struct settings_strings *b)
{
	if (a->count == 0 || b->count == 0)
		return a->count == b->count;
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < b->count; k++)
			if (strcmp(a->items[i], b->items[k]) == 0)
				return true;
	return false;
}

bool router_routes_are_equal(const struct settings_route *a, const struct settings_route *b)
{
	return (router_methods_named(a) & router_methods_named(b)) != 0 &&
	       router_method_count(a) == router_method_count(b) &&
	       route_pattern_equal(&a->path, &b->path) && router_hosts_meet(&a->hosts, &b->hosts) &&
	       router_conditions_are_equal(&a->headers, &b->headers, true) &&
	       router_conditions_are_equal(&a->query, &b->query, false);
}
