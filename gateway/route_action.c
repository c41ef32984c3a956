/* route_action: renders the route's templates for one request. */
#include "gateway/route_action.h"
#include "common/siphash.h"
#include "gateway/caller.h"
#include "gateway/client.h"
#include "gateway/forward_head.h"
#include "gateway/http1_write.h"
#include "gateway/identity.h"
#include "gateway/query.h"
#include "gateway/template.h"
#include "gateway/worker.h"

#include <string.h>

enum {
	ROUTE_ACTION_TARGET_MAX = 64 << 10, /* values at the limits of a head, escaped */
	ROUTE_ACTION_FIELDS_MAX = 64 << 10,
};

static size_t route_action_service(const struct exchange *x, struct span client)
{
	static const uint8_t key[16] = "microreg-splits";
	const struct settings_split *split = &x->route->split;
	uint64_t number;
	size_t i = 0;

	if (!split->count)
		return x->route->service;
	number = split->by == SPLIT_BY_CLIENT ? siphash(key, client.at, client.len)
					      : worker_random(x->worker);
	for (number %= split->total; number >= split->shares[i].weight; i++)
		number -= split->shares[i].weight;
	return split->shares[i].service;
}

void route_action_choose(struct exchange *x, struct span client)
{
	x->service = route_action_service(x, client);
	x->service_chosen = true;
}

struct template_values route_action_values(struct exchange *x)
{
	return (struct template_values){
		.request = &x->request,
		.path = x->rewritten ? x->asked_path : x->path,
		.query = x->rewritten ? x->asked_query : x->request.query,
		.match = &x->match,
		.id = x->id,
		.address = caller_of(x)->text,
		.identity = x->identity,
	};
}

/* Moves what was written to the arena. */
static int route_action_keep(struct exchange *x, struct buf *text, struct span *kept)
{
	char *copy = text->failed
			     ? NULL
			     : arena_strndup(&x->arena, text->len ? text->data : "", text->len);

	*kept = (struct span){copy, copy ? text->len : 0};
	return copy ? 0 : -1;
}

int route_action_render(struct exchange *x, const struct template *t, struct span *text,
			const char **reason)
{
	struct template_values values = route_action_values(x);
	struct buf out;
	int result;

	*text = (struct span){"", 0};
	buf_init(&out, ROUTE_ACTION_TARGET_MAX);
	result = template_render(t, &values, &out, reason);
	if (result == 0)
		result = route_action_keep(x, &out, text);
	buf_fini(&out);
	return result;
}

static int route_action_rewrite(struct exchange *x, const char **reason)
{
	const struct template *t = x->route->rewrite;
	const char *question;
	struct span target;

	if (route_action_render(x, t, &target, reason) < 0)
		return -1;
	x->rewritten = true;
	x->asked_path = x->path;
	x->asked_query = x->request.query;
	x->path = target;
	question = memchr(target.at, '?', target.len);
	if (!question) /* the template has none, and values' are escaped */
		return 0;
	x->path.len = (size_t)(question - target.at);
	x->request.query = (struct span){question + 1, target.len - x->path.len - 1};
	x->request.has_query = x->request.query.len > 0;
	return 0;
}

int route_action_strip(struct exchange *x, struct span *query)
{
	const char *param = x->route->fields.param;
	struct span rest = x->request.query, name, value;
	char *text, *at;

	*query = x->request.query;
	if (!query_find(rest, param, &value))
		return 0;
	text = at = arena_alloc(&x->arena, rest.len + 1);
	if (!text)
		return -1;
	while (query_next(&rest, &name, &value)) {
		size_t len = (size_t)(value.at + value.len - name.at);

		if (query_equal(name, param))
			continue;
		if (at > text)
			*at++ = '&';
		memcpy(at, name.at, len);
		at += len;
	}
	*query = (struct span){text, (size_t)(at - text)};
	return 0;
}

/* A query that the route has written itself is meant so. */
static int route_action_strip_query(struct exchange *x)
{
	struct span query;

	if (x->route->rewrite && template_has_query(x->route->rewrite))
		return 0;
	if (route_action_strip(x, &query) < 0)
		return -1;
	if (query.at == x->request.query.at)
		return 0;
	if (!x->rewritten) {
		x->rewritten = true;
		x->asked_path = x->path;
		x->asked_query = x->request.query;
	}
	x->request.query = query;
	x->request.has_query = query.len > 0;
	return 0;
}

/* Its own authority, since what came of Host is a client's words. */
static int route_action_host(struct exchange *x, const char **reason)
{
	if (route_action_render(x, x->route->request_edits.host, &x->host, reason) < 0)
		return -1;
	if (http1_authority_is_valid(x->host))
		return 0;
	*reason = "the host that the route sets is malformed";
	return -1;
}

int route_action_prepare(struct exchange *x, const char **reason)
{
	const struct settings_edits *edits = &x->route->request_edits;
	struct buf extra;
	int result;

	*reason = NULL;
	if (x->route->rewrite && route_action_rewrite(x, reason) < 0)
		return -1;
	if (x->route->fields.given && route_action_strip_query(x) < 0)
		return -1;
	if (edits->host && route_action_host(x, reason) < 0)
		return -1;
	if (!edits->set_count && !edits->add_count)
		return 0;
	buf_init(&extra, ROUTE_ACTION_FIELDS_MAX);
	route_action_write(x, edits, &extra);
	result = route_action_keep(x, &extra, &x->extra);
	buf_fini(&extra);
	return result;
}

unsigned route_action_status(const struct exchange *x, unsigned status)
{
	const struct settings_statuses *statuses = &x->route->reply_edits.statuses;

	if (!statuses->count || status == 204 || status == 205 || status == 206 || status == 304 ||
	    status == 416)
		return status;
	for (size_t i = 0; i < statuses->count; i++)
		if (status >= statuses->items[i].first && status <= statuses->items[i].last)
			return statuses->items[i].to;
	return status;
}

static bool route_action_is_named(const struct settings_field *fields, size_t count,
				  struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].name_len == name.len && identity_name_is(name, fields[i].name))
			return true;
	return false;
}

bool route_action_drops(const struct settings_edits *edits, struct span name)
{
	for (size_t i = 0; i < edits->remove.count; i++)
		if (identity_name_is(name, edits->remove.items[i]))
			return true;
	return route_action_is_named(edits->set, edits->set_count, name);
}

bool route_action_is_empty(const struct settings_edits *edits)
{
	return !edits->set_count && !edits->add_count && !edits->remove.count;
}

static void route_action_write_field(const struct template_values *values,
				     const struct settings_field *field, struct buf *value,
				     struct buf *out)
{
	const char *reason; /* text refuses nothing */

	buf_reset(value);
	if (template_render(field->value, values, value, &reason) < 0)
		out->failed = true;
	else if (value->len)
		http1_write_field(out, field->name, value->data, value->len);
}

void route_action_write(struct exchange *x, const struct settings_edits *edits, struct buf *out)
{
	struct template_values values = route_action_values(x);
	struct buf value;

	buf_init(&value, ROUTE_ACTION_FIELDS_MAX);
	for (size_t i = 0; i < edits->set_count; i++)
		route_action_write_field(&values, &edits->set[i], &value, out);
	for (size_t i = 0; i < edits->add_count; i++)
		route_action_write_field(&values, &edits->add[i], &value, out);
	buf_fini(&value);
}

/* Services that are told who asks may answer each otherwise. */
static struct span route_action_cache_caller(const struct exchange *x)
{
	if (!x->identity || x->route->cache.shared)
		return (struct span){"", 0};
	return x->identity->fields;
}

struct span route_action_cache_name(struct exchange *x)
{
	const char *name = x->table->table->settings->services[x->service].name;
	struct span caller = route_action_cache_caller(x), proto = forward_head_secure(x);
	struct span parts[] = {{name, strlen(name)}, proto, x->host, x->extra, caller};
	size_t len = 0;
	char *text, *at;

	if (!x->extra.len && !x->host.len && !caller.len && !proto.len)
		return parts[0];
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		len += parts[i].len + 1;
	text = at = arena_alloc(&x->arena, len);
	if (!text)
		return (struct span){0};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].len)
			memcpy(at, parts[i].at, parts[i].len);
		at += parts[i].len;
		*at++ = '\n';
	}
	return (struct span){text, len};
}
