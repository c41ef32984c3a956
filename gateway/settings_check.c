/* settings_check: what only shows when all keys are read. */
#include "gateway/settings_parts.h"

#include "common/siphash.h"
#include "common/suggest.h"
#include "gateway/router.h"

#include <inttypes.h>
#include <string.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#include <uthash.h>

/* ---- Addresses ---- */

/* `other` is the key whose address `before` is. */
static void settings_check_address(struct settings_reader *r, const struct settings_address *a,
				   const struct settings_address *before, const char *other,
				   const struct settings_node *at)
{
	if (!a->host || !before->host || a->port == 0 || a->port != before->port ||
	    strcmp(a->host, before->host) != 0)
		return;
	if (before->line)
		settings_file_mistake(r->file, at,
				      "%s is given twice, first on line %u; remove one", a->text,
				      before->line);
	else
		settings_file_mistake(r->file, at,
				      "%s is what `%s` takes when it is not given; choose another "
				      "for one of them",
				      a->text, other);
}

static void settings_check_addresses(struct settings_reader *r, const struct settings *s)
{
	const struct settings_node *listen = settings_node_get(r->file->root, "listen");
	const struct settings_node *admin = settings_node_get(r->file->root, "admin");
	const struct settings_node *at = listen;

	if (listen && listen->kind == SETTINGS_LIST)
		at = listen->first;
	for (size_t i = 0; at && i < s->listen_count; i++, at = at->next) {
		if (s->listen[i].proxy_protocol && !s->trusted_proxies.count)
			settings_file_mistake(r->file, at,
					      "proxy_protocol lets nobody in without "
					      "trusted_proxies; list who may speak it there");
		for (size_t k = 0; k < i; k++)
			settings_check_address(r, &s->listen[i], &s->listen[k], "listen", at);
		if (!admin)
			settings_check_address(r, &s->listen[i], &s->admin.address, "admin", at);
	}
	for (size_t i = 0; admin && i < s->listen_count; i++)
		settings_check_address(r, &s->admin.address, &s->listen[i], "listen", admin);
}

/* ---- Services ---- */

struct settings_known {
	const char *name;
	size_t index;
	bool bad; /* its mistake is noted */
	UT_hash_handle hh;
};

struct settings_services {
	struct settings_known *known; /* by name: the listed ones and those of routes */
	struct settings_service *all; /* room for one more per route and per listed one */
	size_t count;
};

static struct settings_known *settings_know(struct settings_reader *r, struct settings_services *v,
					    const char *name, size_t index)
{
	struct settings_known *k = arena_zalloc(&r->file->arena, sizeof(*k)), *found = NULL;

	if (k) {
		k->name = name;
		k->index = index;
		HASH_ADD_KEYPTR(hh, v->known, k->name, strlen(k->name), k);
		HASH_FIND(hh, v->known, name, strlen(name), found); /* not there: no memory */
	}
	if (!found)
		r->file->no_memory = true;
	return found;
}

static void settings_refuse_service(struct settings_reader *r, const struct settings *s,
				    const char *name, const struct settings_node *at)
{
	struct suggest near = {.name = name};

	for (size_t i = 0; i < s->service_listed; i++)
		suggest_offer(&near, s->services[i].name);
	if (near.best)
		settings_file_mistake(
			r->file, at,
			"no service \"%s\" is listed; did you mean \"%s\"? (If not, list "
			"it under services: \"%s: {}\")",
			name, near.best, name);
	else if (!s->registry.given)
		settings_file_mistake(
			r->file, at,
			"no service \"%s\" is listed, and there is no registry to ask; list "
			"it under services with its instances, or write registry: {urls: "
			"[…]}",
			name);
}

/* A service that only routes name: the registry knows it, and it has the defaults. */
static struct settings_known *settings_add_service(struct settings_reader *r, struct settings *s,
						   struct settings_services *v, const char *name,
						   const struct settings_node *at)
{
	size_t before = r->file->mistake_count;
	struct settings_service *service = &v->all[v->count];
	struct settings_known *k = settings_know(r, v, name, v->count);

	if (!k)
		return NULL;
	settings_refuse_service(r, s, name, at);
	k->bad = r->file->mistake_count > before;
	settings_table_read(r, &settings_service_table, NULL, service);
	service->name = name;
	service->line = at->line;
	v->count++;
	return k;
}

static void settings_check_listed(struct settings_reader *r, const struct settings *s,
				  struct settings_services *v)
{
	const struct settings_node *services = settings_node_get(r->file->root, "services");
	const struct settings_node *at = services ? services->first : NULL;

	for (size_t i = 0; i < s->service_listed && at; i++, at = at->next) {
		if (!v->all[i].name) /* it had a mistake, but it is listed */
			v->all[i].name = at->key;
		(void)settings_know(r, v, v->all[i].name, i); /* the failure is noted */
		if (!s->registry.given && !settings_node_get(at, "instances"))
			settings_file_mistake(
				r->file, at,
				"it has no instances, and there is no registry to ask; "
				"write instances: [\"http://HOST:PORT\"], or registry: "
				"{urls: […]}");
	}
}

/* The index of a service that a route names on that node. */
static size_t settings_use_service(struct settings_reader *r, struct settings *s,
				   struct settings_services *v, const char *name,
				   const struct settings_node *node)
{
	struct settings_known *k = NULL;

	if (!name) /* there is none, or it had a mistake */
		return 0;
	HASH_FIND(hh, v->known, name, strlen(name), k);
	if (!k)
		k = settings_add_service(r, s, v, name, node);
	else if (k->bad) /* each line is told */
		settings_refuse_service(r, s, name, node);
	return k ? k->index : 0;
}

static void settings_use_call_services(struct settings_reader *r, struct settings *s,
				       struct settings_services *v, struct settings_route *route,
				       const struct settings_node *map)
{
	struct settings_call *calls =
		(struct settings_call *)(uintptr_t)route->compose.calls; /* ours still */
	const struct settings_node *all =
		settings_node_get(settings_node_get(map, "compose"), "calls");
	const struct settings_node *at = all ? all->first : NULL;

	for (size_t i = 0; i < route->compose.call_count && at; i++, at = at->next)
		calls[i].service = settings_use_service(r, s, v, calls[i].service_name,
							settings_node_get(at, "service"));
}

static void settings_use_forward_services(struct settings_reader *r, struct settings *s,
					  struct settings_services *v, struct settings_route *route,
					  const struct settings_node *map)
{
	const struct settings_auth *auth = &route->policy.auth;

	for (size_t i = 0; i < auth->count; i++) {
		struct settings_forward *forward = auth->methods[i].forward;
		const struct settings_node *node =
			settings_forward_node(settings_node_get(map, "auth"), i);

		if (forward && node)
			forward->service =
				settings_use_service(r, s, v, forward->service_name, node);
	}
}

static void settings_use_services(struct settings_reader *r, struct settings *s,
				  struct settings_services *v, struct settings_route *route,
				  const struct settings_node *map)
{
	struct settings_share *shares =
		(struct settings_share *)(uintptr_t)route->split.shares; /* ours still */
	const struct settings_node *split = settings_node_get(map, "split");
	const struct settings_node *at = split ? split->first : NULL;

	route->service = settings_use_service(r, s, v, route->service_name,
					      settings_node_get(map, "service"));
	route->mirror.service = settings_use_service(
		r, s, v, route->mirror.service_name,
		settings_node_get(settings_node_get(map, "mirror"), "service"));
	for (size_t i = 0; i < route->split.count && at; i++, at = at->next)
		shares[i].service = settings_use_service(r, s, v, shares[i].service_name,
							 settings_node_get(at, "service"));
	settings_use_call_services(r, s, v, route, map);
	settings_use_forward_services(r, s, v, route, map);
}

static void settings_check_backups(struct settings_reader *r, struct settings *s,
				   struct settings_services *v)
{
	const struct settings_node *services = settings_node_get(r->file->root, "services");
	const struct settings_node *at = services ? services->first : NULL;

	for (size_t i = 0; i < s->service_listed && at; i++, at = at->next) {
		const struct settings_node *node = settings_node_get(at, "backup");
		const char *name = v->all[i].backup_name;

		if (!name || !node)
			continue;
		if (strcmp(name, v->all[i].name) == 0) {
			settings_file_mistake(r->file, node,
					      "it can't be its own backup; name another service");
			continue;
		}
		v->all[i].backup = settings_use_service(r, s, v, name, node);
	}
}

static void settings_check_services(struct settings_reader *r, struct settings *s,
				    struct settings_route *routes)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;
	struct settings_services v = {.count = s->service_listed};
	size_t room = 2 * s->service_count; /* each may name a backup */

	for (size_t i = 0; i < s->route_count; i++)
		room += 2 + routes[i].split.count + routes[i].compose.call_count +
			routes[i].policy.auth.count;
	v.all = settings_table_alloc(r, room, sizeof(*v.all));
	if (!v.all)
		return;
	if (s->service_listed)
		memcpy(v.all, s->services, s->service_listed * sizeof(*v.all));
	s->services = v.all;
	settings_check_listed(r, s, &v);
	for (size_t i = 0; i < s->route_count && at; i++, at = at->next)
		settings_use_services(r, s, &v, &routes[i], at);
	settings_check_backups(r, s, &v);
	HASH_CLEAR(hh, v.known);
	s->service_count = v.count;
}

/* ---- Routes ---- */

/* Routes that may be equal: those of one path, and of one of their hosts. */
struct settings_group {
	const char *key;
	struct settings_twin *first;
	UT_hash_handle hh;
};

struct settings_twin {
	size_t route;
	const struct settings_node *at;
	struct settings_twin *next;
};

/* The path without the names of its parameters, a space, and the host. No path holds a space. */
static const char *settings_group_key(struct arena *arena, const struct settings_route *route,
				      const char *host)
{
	const char *key;
	struct buf text;

	buf_init(&text, 2 * ROUTE_PATTERN_BYTES_MAX);
	for (size_t i = 0; i < route->path.count; i++) {
		const struct route_segment *s = &route->path.segments[i];

		(void)buf_puts(&text, s->kind == ROUTE_LITERAL	   ? "/"
				      : s->kind == ROUTE_PARAMETER ? "/{}"
								   : "/*");
		if (s->kind == ROUTE_LITERAL)
			(void)buf_puts(&text, s->text);
	}
	(void)buf_printf(&text, " %s", host);
	key = buf_str(&text) ? arena_strndup(arena, text.data, text.len) : NULL;
	buf_fini(&text);
	return key;
}

static struct settings_group *settings_group_get(struct settings_reader *r,
						 struct settings_group **groups,
						 const struct settings_route *route,
						 const char *host)
{
	const char *key = settings_group_key(&r->file->arena, route, host);
	struct settings_group *g = NULL, *found = NULL;

	if (key)
		HASH_FIND(hh, *groups, key, strlen(key), found);
	if (found)
		return found;
	g = key ? arena_zalloc(&r->file->arena, sizeof(*g)) : NULL;
	if (g) {
		g->key = key;
		HASH_ADD_KEYPTR(hh, *groups, g->key, strlen(g->key), g);
		HASH_FIND(hh, *groups, key, strlen(key), found); /* not there: no memory */
	}
	if (!found)
		r->file->no_memory = true;
	return found;
}

/* True when its twin is noted. */
static bool settings_check_twins(struct settings_reader *r, struct settings_group **groups,
				 const struct settings_route *routes, size_t i, const char *host,
				 const struct settings_node *at)
{
	struct settings_group *g = settings_group_get(r, groups, &routes[i], host);
	struct settings_twin *twin, *self;

	if (!g)
		return true; /* out of memory, which is told in the place of all */
	for (twin = g->first; twin; twin = twin->next)
		if (twin->route != i && router_routes_are_equal(&routes[twin->route], &routes[i]))
			break;
	if (twin) {
		settings_file_mistake(
			r->file, at,
			"requests can't tell it from routes[%zu] on line %u: path, hosts, "
			"conditions and methods meet; change or remove one",
			twin->route, routes[twin->route].line);
		return true;
	}
	self = arena_alloc(&r->file->arena, sizeof(*self));
	if (!self) {
		r->file->no_memory = true;
		return true;
	}
	*self = (struct settings_twin){.route = i, .at = at, .next = g->first};
	g->first = self;
	return false;
}

static void settings_check_routes(struct settings_reader *r, const struct settings *s)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;
	struct settings_group *groups = NULL;

	for (size_t i = 0; i < s->route_count && at; i++, at = at->next) {
		const struct settings_route *route = &s->routes[i];
		bool told = false;

		if (route->path.count == 0) /* it had a mistake */
			continue;
		if (route->hosts.count == 0 && !settings_node_get(at, "hosts"))
			told = settings_check_twins(r, &groups, s->routes, i, "", at);
		for (size_t k = 0; k < route->hosts.count && !told; k++)
			told = settings_check_twins(r, &groups, s->routes, i, route->hosts.items[k],
						    at);
	}
	HASH_CLEAR(hh, groups);
}

static void settings_count_program(struct settings *s, struct settings_program *program)
{
	if (program->text)
		program->index = s->program_count++;
}

static void settings_count_programs(struct settings *s, struct settings_route *route)
{
	struct settings_view *views = (struct settings_view *)(uintptr_t)route->views; /* ours */

	settings_count_program(s, &route->compose.join.program);
	settings_count_program(s, &route->request_edits.body.program);
	settings_count_program(s, &route->reply_edits.body.program);
	for (size_t i = 0; i < route->view_count; i++)
		settings_count_program(s, &views[i].program);
}

const struct settings_name settings_timings[] = {
	{"false", TIMING_OFF}, {"true", TIMING_ON}, {"asked", TIMING_ASKED}, {NULL, 0}};

const struct settings_name settings_trailers_names[] = {
	{"drop", TRAILERS_DROP}, {"pass", TRAILERS_PASS}, {NULL, 0}};

/* What a route does not say is the top level's. */
void settings_inherit(const struct settings *s, struct settings_route *route)
{
	if (route->limits.body_bytes == 0)
		route->limits.body_bytes = s->limits.body_bytes;
	if (route->timing == TIMING_UNSET)
		route->timing = s->timing;
	if (route->trailers == TRAILERS_UNSET)
		route->trailers = s->trailers;
	settings_inherit_paths(s, route);
	if (!route->security.given)
		route->security = s->security;
}

void settings_check(struct settings_reader *r, struct settings *s)
{
	struct settings_route *routes = (struct settings_route *)(uintptr_t)s->routes;

	settings_check_addresses(r, s);
	for (size_t i = 0; i < s->route_count; i++)
		settings_inherit(s, &routes[i]);
	settings_check_paths(r, s);
	settings_check_grants(r, s);
	settings_check_consumers(r, s);
	settings_check_issuers(r, s, routes);
	settings_check_limits(r, s, routes);
	settings_check_policies(r, s, routes);
	for (size_t i = 0; i < s->route_count; i++)
		settings_count_programs(s, &routes[i]);
	settings_check_services(r, s, routes);
	settings_check_routes(r, s);
	settings_check_rpc(r, s);
}
