/* claimed_routes: collects claims, sorts them, and makes routes of those that may be. */
#include "gateway/claimed_routes.h"
#include "client-lib/microreg.h"
#include "common/route_claim.h"
#include "common/siphash.h"

#include <stdlib.h>
#include <string.h>

/* ---- What is claimed ---- */

struct claimed {
	const char *service, *text;	    /* of the snapshot */
	const struct settings_grant *grant; /* the first of this service */
};

struct claimed_list {
	struct claimed items[CLAIMED_ROUTES_MAX];
	size_t count;
};

/* '*' is any text; names are short, so trying every place is no matter. */
static bool claimed_matches(const char *pattern, const char *name)
{
	for (; *pattern && *pattern != '*'; pattern++, name++)
		if (*pattern != *name)
			return false;
	if (!*pattern)
		return !*name;
	for (;; name++) {
		if (claimed_matches(pattern + 1, name))
			return true;
		if (!*name)
			return false;
	}
}

static const struct settings_grant *claimed_grant(const struct settings *settings,
						  const char *service)
{
	for (size_t i = 0; i < settings->grant_count; i++)
		if (claimed_matches(settings->grants[i].service, service))
			return &settings->grants[i];
	return NULL;
}

static int claimed_compare(const void *a, const void *b)
{
	const struct claimed *x = a, *y = b;
	int by_service = strcmp(x->service, y->service);

	return by_service ? by_service : strcmp(x->text, y->text);
}

/* Instances of one service mostly claim the same: those that the one before had are passed over. */
static void claimed_collect_service(struct claimed_list *list, const struct microreg_service *s,
				    const struct settings_grant *grant)
{
	size_t first = list->count;

	for (size_t i = 0; i < s->count; i++) {
		const struct microreg_instance *in = &s->instances[i];

		for (size_t k = 0; k < in->route_count; k++) {
			size_t same = first;

			while (same < list->count &&
			       strcmp(list->items[same].text, in->routes[k]) != 0)
				same++;
			if (same == list->count && list->count < CLAIMED_ROUTES_MAX)
				list->items[list->count++] = (struct claimed){
					.service = s->name, .text = in->routes[k], .grant = grant};
		}
	}
}

/* NULL: out of memory. The caller frees. */
static struct claimed_list *claimed_collect(const struct settings *settings,
					    const struct microreg_snapshot *snapshot)
{
	struct claimed_list *list = calloc(1, sizeof(*list));
	const struct microreg_service *s;
	size_t at = 0;

	while (list && settings->grant_count && snapshot &&
	       (s = microreg_snapshot_next(snapshot, &at)) != NULL) {
		bool some = false;

		for (size_t i = 0; i < s->count && !some; i++)
			some = s->instances[i].route_count > 0;
		if (some)
			claimed_collect_service(list, s, claimed_grant(settings, s->name));
	}
	if (list && list->count)
		qsort(list->items, list->count, sizeof(list->items[0]), claimed_compare);
	return list;
}

uint64_t claimed_routes_digest(const struct settings *settings,
			       const struct microreg_snapshot *snapshot)
{
	struct claimed_list *list = claimed_collect(settings, snapshot);
	uint64_t digest = 0;

	for (size_t i = 0; list && i < list->count; i++) {
		uint64_t parts[3] = {
			digest,
			siphash_process(list->items[i].service, strlen(list->items[i].service)),
			siphash_process(list->items[i].text, strlen(list->items[i].text))};

		digest = siphash_process(parts, sizeof(parts));
	}
	free(list);
	return digest;
}

/* ---- What becomes of it ---- */

/* Routes by path, to find those of one path; in a sorted array. */
struct claimed_path {
	uint64_t key;
	const struct settings_route *route;
};

struct claimed_build {
	struct settings *settings;
	struct claimed_path *paths; /* of the file's, sorted; then of the claims taken */
	size_t sorted, count;
	struct settings_route *routes;
	size_t route_count;
	struct settings_service *services;
	size_t service_count;
};

static uint64_t claimed_key(const struct route_pattern *path)
{
	char key[ROUTE_CLAIM_KEY_SIZE];

	route_claim_key(path, key);
	return siphash_process(key, strlen(key));
}

static int claimed_compare_paths(const void *a, const void *b)
{
	const struct claimed_path *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static bool claimed_is_plain(const struct settings_route *route)
{
	return !route->hosts.count && !route->headers.count && !route->query.count;
}

/* Takes away the methods that a route of this path has already. Why nothing is left; NULL:
 * something is. */
static const char *claimed_reduce(const struct claimed_build *b, struct route_claim *claim,
				  const char *service)
{
	uint64_t key = claimed_key(&claim->path);
	const char *why = NULL;
	size_t low = 0, high = b->sorted;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (b->paths[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low; i < b->count; i++) {
		const struct settings_route *route = b->paths[i].route;

		if (i < b->sorted && b->paths[i].key != key) {
			i = b->sorted - 1; /* on with the claims */
			continue;
		}
		if (b->paths[i].key != key || !(route->methods & claim->methods) ||
		    !claimed_is_plain(route) || !route_pattern_equal(&route->path, &claim->path))
			continue;
		claim->methods &= ~route->methods;
		if (!route->claimed)
			why = "the settings have a route for it";
		else if (strcmp(route->service_name, service) != 0)
			why = "another service has claimed it";
		else
			why = "an instance of the service claims it in other words";
	}
	return claim->methods ? NULL : why;
}

static bool claimed_is_granted(const struct settings *settings, const struct claimed *c,
			       const struct route_pattern *path,
			       const struct settings_grant **grant)
{
	for (size_t i = 0; i < settings->grant_count; i++) {
		*grant = &settings->grants[i];
		if (!claimed_matches((*grant)->service, c->service))
			continue;
		for (size_t k = 0; k < (*grant)->paths.count; k++)
			if (route_claim_covers(&(*grant)->patterns[k], path))
				return true;
	}
	return false;
}

/* The index of a service, which is added with the defaults when it is not there. */
static size_t claimed_service(struct claimed_build *b, const char *name)
{
	size_t i = 0;

	while (i < b->service_count && strcmp(b->services[i].name, name) != 0)
		i++;
	if (i == b->service_count) {
		b->services[i] = b->settings->default_service;
		b->services[i].name = name;
		b->service_count++;
	}
	return i;
}

static void claimed_take(struct claimed_build *b, const struct settings_grant *grant,
			 const struct route_claim *claim, const struct settings_claim *as)
{
	const struct settings *settings = b->settings;
	struct settings_route *route = &b->routes[b->route_count++];
	const char *space = strchr(as->text, ' ');
	struct err e;

	*route = grant->like ? settings->routes[grant->like_route] : settings->default_route;
	(void)route_pattern_parse(&route->path, space ? space + 1 : as->text, &e); /* it was one */
	route->pattern = route->name = space ? space + 1 : as->text;
	route->methods = claim->methods;
	route->hosts = (struct settings_strings){0};
	route->headers = route->query = (struct settings_conditions){0};
	route->service_name = as->service;
	route->service = claimed_service(b, as->service);
	route->line = grant->line;
	route->claimed = true;
	b->paths[b->count++] =
		(struct claimed_path){.key = claimed_key(&route->path), .route = route};
}

/* Decides about one claim. */
static void claimed_decide(struct claimed_build *b, const struct claimed *c,
			   struct settings_claim *as)
{
	const struct settings_grant *grant;
	struct route_claim claim;
	struct err e;

	if (route_claim_parse(&claim, as->text, &e) < 0)
		as->reason = "it is no route";
	else if (!claimed_is_granted(b->settings, c, &claim.path, &grant))
		as->reason = c->grant ? "its path is not within those of registry_routes"
				      : "registry_routes lets the service bring none";
	else
		as->reason = claimed_reduce(b, &claim, as->service);
	if (!as->reason)
		claimed_take(b, grant, &claim, as);
}

static int claimed_prepare(struct claimed_build *b, size_t claims)
{
	struct settings *s = b->settings;

	b->routes = arena_zalloc(&s->arena, (s->route_count + claims) * sizeof(*b->routes));
	b->services = arena_zalloc(&s->arena, (s->service_count + claims) * sizeof(*b->services));
	b->paths = calloc(s->route_count + claims + 1, sizeof(*b->paths));
	if (!b->routes || !b->services || !b->paths)
		return -1;
	for (size_t i = 0; i < s->route_count; i++) {
		b->routes[i] = s->routes[i];
		b->paths[i] = (struct claimed_path){claimed_key(&s->routes[i].path), &s->routes[i]};
	}
	if (s->service_count)
		memcpy(b->services, s->services, s->service_count * sizeof(*b->services));
	b->route_count = b->sorted = b->count = s->route_count;
	b->service_count = s->service_count;
	qsort(b->paths, b->sorted, sizeof(*b->paths), claimed_compare_paths);
	return 0;
}

/* Strings of the settings' own. */
static struct settings_claim *claimed_copy(struct settings *s, const struct claimed_list *list)
{
	struct settings_claim *claims = arena_zalloc(&s->arena, list->count * sizeof(*claims));

	for (size_t i = 0; claims && i < list->count; i++) {
		const struct claimed *c = &list->items[i];

		claims[i].service =
			i && strcmp(c->service, claims[i - 1].service) == 0
				? claims[i - 1].service
				: arena_strndup(&s->arena, c->service, strlen(c->service));
		claims[i].text = arena_strndup(&s->arena, c->text, strlen(c->text));
		if (!claims[i].service || !claims[i].text)
			return NULL;
	}
	return claims;
}

int claimed_routes_add(struct settings *settings, const struct microreg_snapshot *snapshot,
		       struct err *e)
{
	struct claimed_list *list = claimed_collect(settings, snapshot);
	struct claimed_build b = {.settings = settings};
	struct settings_claim *claims = list ? claimed_copy(settings, list) : NULL;
	int result = list && (claims || !list->count) ? 0 : -1;

	if (result == 0 && list->count && claimed_prepare(&b, list->count) < 0)
		result = -1;
	for (size_t i = 0; result == 0 && i < list->count; i++)
		claimed_decide(&b, &list->items[i], &claims[i]);
	if (result == 0 && list->count) {
		settings->routes = b.routes;
		settings->route_count = b.route_count;
		settings->services = b.services;
		settings->service_count = b.service_count;
		settings->claims = claims;
		settings->claim_count = list->count;
	}
	if (result < 0)
		(void)err_set(e, "routes of registrations: out of memory");
	free(b.paths);
	free(list);
	return result;
}

size_t claimed_routes_taken(const struct settings *settings)
{
	size_t taken = 0;

	for (size_t i = 0; i < settings->claim_count; i++)
		taken += settings->claims[i].reason == NULL;
	return taken;
}
