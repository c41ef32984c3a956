/* auth_query: credentials in a query, which must not be passed on or logged. */
#include "gateway/auth.h"
#include "gateway/query.h"
#include "gateway/worker.h"

#include <string.h>

static bool auth_query_has(struct span query, const char *name)
{
	struct span value;

	return query_find(query, name, &value);
}

int auth_query_without(struct exchange *x, const char *name)
{
	struct span rest = x->request.query, key, value;
	char *query, *at;

	if (!auth_query_has(rest, name))
		return 0;
	query = at = arena_alloc(&x->arena, rest.len + 1);
	if (!query)
		return -1;
	while (query_next(&rest, &key, &value)) {
		size_t len = (size_t)(value.at + value.len - key.at);

		if (query_equal(key, name))
			continue;
		if (at > query)
			*at++ = '&';
		memcpy(at, key.at, len);
		at += len;
	}
	x->request.query = (struct span){query, (size_t)(at - query)};
	x->request.has_query = at > query;
	return 0;
}

static bool auth_query_is_secret(const struct settings_strings *secrets, struct span name)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (query_equal(name, secrets->items[i]))
			return true;
	return false;
}

struct span auth_url_shown(struct exchange *x, struct span url)
{
	const struct settings_strings *secrets = &x->table->table->settings->secret_parameters;
	const char *mark = secrets->count && url.len ? memchr(url.at, '?', url.len) : NULL;
	struct span rest, name, value;
	char *shown, *at;

	if (!mark)
		return url;
	rest = (struct span){mark + 1, url.len - (size_t)(mark - url.at) - 1};
	shown = at = arena_alloc(&x->arena, 4 * url.len);
	if (!shown)
		return (struct span){url.at, (size_t)(mark - url.at)};
	memcpy(at, url.at, (size_t)(mark + 1 - url.at));
	at += mark + 1 - url.at;
	while (query_next(&rest, &name, &value)) {
		bool secret = auth_query_is_secret(secrets, name);
		size_t len = (size_t)(value.at + (secret ? 0 : value.len) - name.at);

		memcpy(at, name.at, len);
		at += len;
		if (secret) {
			memcpy(at, "***", 3);
			at += 3;
		}
		if (rest.len)
			*at++ = '&';
	}
	return (struct span){shown, (size_t)(at - shown)};
}
