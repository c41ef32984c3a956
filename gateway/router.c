/*
 * router: the search. Depth first, the more specific branch first, so the
 * first route that takes the request is the most specific one.
 *
 * A path that fails deep below a literal is tried again below the parameter
 * beside it. That can't run away: each node of the tree is reached by one way
 * only, at one depth, so it is looked at once at most, and at most two
 * branches leave a segment.
 */
#include "gateway/router.h"

#include "gateway/query.h"
#include "gateway/router_build.h"

#include <string.h>

/* A host name is at most 253 bytes (RFC 1035), of 127 labels. */
enum { ROUTER_HOST_MAX = 255, ROUTER_DOTS_MAX = 128 };
/* One of each line, and one of who wants none. */
enum { ROUTER_ROWS_MAX = HTTP1_FIELDS_MAX + 1 };

struct router_segment {
	struct span text;
	uint32_t hash;
};

struct router_search {
	const struct router *router;
	const struct http1_head *request;
	struct span path;
	struct router_match *match;
	struct router_segment segments[ROUTE_PATTERN_SEGMENTS_MAX + 1];
	size_t count; /* of segments; one more than the longest pattern has stands for any more */
	/* The host in lower case without its port, and the hashes of what follows each dot. */
	char host[ROUTER_HOST_MAX + 1];
	size_t host_len;
	uint32_t host_hash;
	struct {
		size_t at;
		uint32_t hash;
	} dots[ROUTER_DOTS_MAX];
	size_t dot_count; /* the last one first */
};

/* ---- What is searched for ---- */

static void router_split_path(struct router_search *s)
{
	const char *at = s->path.at + 1, *end = s->path.at + s->path.len;

	while (s->count <= s->router->depth) {
		struct router_segment *segment = &s->segments[s->count++];
		uint32_t hash = ROUTER_HASH_START;
		const char *c = at;

		for (; c < end && *c != '/'; c++)
			hash = router_hash_step(hash, *c);
		*segment = (struct router_segment){{at, (size_t)(c - at)}, hash};
		if (c == end)
			return;
		at = c + 1;
	}
}

/* Leaves the length 0, which no route's host has, for a host that is too long. */
static void router_split_host(struct router_search *s)
{
	struct span host = s->request->authority;
	const char *colon = host.len ? memrchr(host.at, ':', host.len) : NULL;
	uint32_t hash = ROUTER_HASH_START;

	if (host.len && host.at[0] == '[') { /* [::1]:80 */
		const char *close = memchr(host.at, ']', host.len);

		host.len = close ? (size_t)(close - host.at) - 1 : 0;
		host.at++;
	} else if (colon) {
		host.len = (size_t)(colon - host.at);
	}
	if (host.len && host.at[host.len - 1] == '.') /* a fully qualified name is the same name */
		host.len--;
	if (host.len > ROUTER_HOST_MAX)
		return;
	for (size_t i = 0; i < host.len; i++) {
		char c = host.at[i];

		s->host[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	s->host_len = host.len;
	s->host_hash = router_hash(s->host, s->host_len);
	for (size_t i = s->host_len; i-- > 0;) {
		hash = router_hash_step(hash, s->host[i]);
		if (s->host[i] == '.' && i > 0 && s->dot_count < ROUTER_DOTS_MAX) {
			s->dots[s->dot_count].at = i;
			s->dots[s->dot_count++].hash = hash;
		}
	}
}

/* ---- Conditions ---- */

bool router_header_is_there(const struct http1_head *request, const struct settings_condition *c)
{
	size_t name_len = strlen(c->name), value_len = c->value ? strlen(c->value) : 0;

	for (size_t i = 0; i < request->field_count; i++) {
		const struct http1_field *f = &request->fields[i];

		if (http_equal_nocase(f->name.at, f->name.len, c->name, name_len) &&
		    (!c->value ||
		     (f->value.len == value_len && memcmp(f->value.at, c->value, value_len) == 0)))
			return true;
	}
	return false;
}

bool router_query_is_there(const struct http1_head *request, const struct settings_condition *c)
{
	struct span rest = request->query, name, value;

	while (query_next(&rest, &name, &value))
		if (query_equal(name, c->name) && (!c->value || query_equal(value, c->value)))
			return true;
	return false;
}

static bool router_conditions_hold(const struct settings_route *route,
				   const struct http1_head *request)
{
	for (size_t i = 0; i < route->headers.count; i++)
		if (!router_header_is_there(request, &route->headers.items[i]))
			return false;
	for (size_t i = 0; i < route->query.count; i++)
		if (!router_query_is_there(request, &route->query.items[i]))
			return false;
	return true;
}

bool router_host_is_taken(const struct settings_route *route, const struct http1_head *request)
{
	struct router_search s = {.request = request};

	router_split_host(&s);
	for (size_t i = 0; i < route->hosts.count; i++) {
		const char *host = route->hosts.items[i];
		bool suffix = host[0] == '*';
		size_t len = strlen(host + suffix);

		if ((suffix ? s.host_len > len : s.host_len == len) &&
		    memcmp(s.host + s.host_len - len, host + suffix, len) == 0)
			return true;
	}
	return route->hosts.count == 0;
}

/* ---- The search ---- */

static bool router_try(struct router_search *s, const struct router_candidate *c)
{
	if (!router_conditions_hold(c->route, s->request))
		return false;
	if (c->route->methods & (unsigned)s->request->method) {
		s->match->route = c->route;
		return true;
	}
	s->match->allow |= c->route->methods;
	return false;
}

/* Those of a list that can take the request, each the first of a row: of who wants no value of its
 * field, and of who wants what a line of it says. Returns how many. A client may send very many
 * lines. */
static size_t router_look_up(const struct router_search *s, const struct router_list *list,
			     const struct router_candidate *rows[ROUTER_ROWS_MAX])
{
	size_t len = strlen(list->header), count = 0;

	if (list->others)
		rows[count++] = list->others;
	for (size_t i = 0; i < s->request->field_count && count < ROUTER_ROWS_MAX; i++) {
		const struct http1_field *f = &s->request->fields[i];
		const struct router_candidate *first;
		bool again = false;

		if (!http_equal_nocase(f->name.at, f->name.len, list->header, len))
			continue;
		first = router_table_find(&s->router->table, list->id, f->value.at, f->value.len,
					  router_hash(f->value.at, f->value.len));
		for (size_t k = 0; k < count; k++)
			again |= rows[k] == first;
		if (first && !again)
			rows[count++] = first;
	}
	return count;
}

/* Takes the most specific one off the rows; NULL when they are empty. */
static const struct router_candidate *router_take(const struct router_candidate **rows,
						  size_t *count)
{
	const struct router_candidate *found;
	size_t best = 0;

	if (!*count)
		return NULL;
	for (size_t i = 1; i < *count; i++)
		if (rows[i]->rank < rows[best]->rank)
			best = i;
	found = rows[best];
	rows[best] = found->next_alike;
	if (!rows[best])
		rows[best] = rows[--*count];
	return found;
}

static bool router_try_list(struct router_search *s, const struct router_list *list)
{
	const struct router_candidate *rows[ROUTER_ROWS_MAX], *c;
	size_t count;

	if (!list)
		return false;
	if (!list->header) {
		for (c = list->first; c; c = c->next)
			if (router_try(s, c))
				return true;
		return false;
	}
	count = router_look_up(s, list, rows);
	while ((c = router_take(rows, &count)) != NULL)
		if (router_try(s, c))
			return true;
	return false;
}

static bool router_try_leaf(struct router_search *s, const struct router_leaf *leaf)
{
	const struct router_table *t = &s->router->table;

	if (!leaf)
		return false;
	if (leaf->has_hosts &&
	    router_try_list(s, router_table_find(t, leaf->id, s->host, s->host_len, s->host_hash)))
		return true;
	if (leaf->has_suffixes)
		for (size_t i = s->dot_count; i-- > 0;)
			if (router_try_list(s, router_table_find(t, leaf->id + 1,
								 s->host + s->dots[i].at,
								 s->host_len - s->dots[i].at,
								 s->dots[i].hash)))
				return true;
	return router_try_list(s, &leaf->any);
}

static bool router_try_node(struct router_search *s, const struct router_node *node, size_t depth)
{
	const struct router_segment *segment = &s->segments[depth];
	const struct router_node *child;

	if (depth == s->count)
		return router_try_leaf(s, node->here);
	child = router_table_find(&s->router->table, node->id, segment->text.at, segment->text.len,
				  segment->hash);
	if (child && router_try_node(s, child, depth + 1))
		return true;
	if (node->parameter && segment->text.len && router_try_node(s, node->parameter, depth + 1))
		return true;
	return router_try_leaf(s, node->rest);
}

static void router_fill(struct router_search *s)
{
	const struct route_pattern *path = &s->match->route->path;
	const char *end = s->path.at + s->path.len;

	for (size_t i = 0; i < path->count; i++) {
		const struct route_segment *part = &path->segments[i];
		struct span value = s->segments[i].text;

		if (part->kind == ROUTE_PARAMETER)
			s->match->parameters[s->match->parameter_count++] =
				(struct router_parameter){{part->text, part->len}, value};
		else if (part->kind == ROUTE_REST)
			s->match->rest = (struct span){value.at, (size_t)(end - value.at)};
	}
}

enum router_outcome router_find(const struct router *router, const struct http1_head *request,
				struct span path, struct router_match *match)
{
	struct router_search s;

	/* The search is over a kilobyte: only what is read before it is written is set. */
	s.router = router;
	s.request = request;
	s.path = path;
	s.match = match;
	s.count = s.host_len = s.dot_count = 0;
	s.host_hash = 0;
	match->route = NULL;
	match->parameter_count = 0;
	match->rest = (struct span){NULL, 0};
	match->allow = 0;
	if (path.len == 0 || path.at[0] != '/')
		return ROUTER_NO_ROUTE;
	router_split_path(&s);
	if (router->has_hosts)
		router_split_host(&s);
	if (!router_try_node(&s, &router->root, 0))
		return match->allow ? ROUTER_NO_METHOD : ROUTER_NO_ROUTE;
	router_fill(&s);
	match->allow = 0;
	return ROUTER_FOUND;
}
