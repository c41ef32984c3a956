/*
 * settings_compose: the calls of a composed route. A call may name any other of
 * its route, before or after it, so most is read when all names are known:
 * settings_compose_done.
 */
#include "gateway/settings_compose_parts.h"

#include "common/suggest.h"
#include "gateway/body_template.h"
#include "gateway/template.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)

enum { SETTINGS_CALL_FIELDS_MAX = 32, SETTINGS_WHEN_MAX = 8 };

/* ---- What needs the names of all calls ---- */

/* The client's body is waited for before all calls. */
static void settings_call_uses(struct settings_calls *c, uint32_t results)
{
	uint32_t body = UINT32_C(1) << c->compose->call_count;

	c->compose->needs_body |= (results & body) != 0;
	c->call->after |= results & ~body;
}

static const struct template *settings_call_template(struct settings_calls *c,
						     const struct settings_node *node,
						     enum template_kind kind)
{
	const char *text = settings_table_text(c->r, node);
	const struct template *t;
	struct err e = {0};

	if (!text || !c->scope.path)
		return NULL;
	t = template_parse(c->r->arena, text, kind, &c->scope, &e);
	if (!t)
		settings_file_mistake(c->r->file, node, "%s", e.text);
	else
		settings_call_uses(c, template_results(t));
	return t;
}

static void settings_read_call_fields(struct settings_calls *c, const struct settings_node *node)
{
	struct settings_field *fields;
	size_t n = 0;

	if (node->kind != SETTINGS_MAP || node->count > SETTINGS_CALL_FIELDS_MAX) {
		settings_file_mistake(
			c->r->file, node,
			"this is no map of at most %d fields; write {NAME: \"value\"}",
			SETTINGS_CALL_FIELDS_MAX);
		return;
	}
	fields = settings_table_alloc(c->r, node->count, sizeof(*fields));
	for (const struct settings_node *m = node->first; m && fields; m = m->next) {
		const struct template *value;

		if (!settings_field_is_editable(c->r, m, m->key, false))
			continue;
		value = settings_call_template(c, m, TEMPLATE_TEXT);
		if (value)
			fields[n++] = (struct settings_field){settings_table_copy(c->r, m->key),
							      strlen(m->key), value};
	}
	c->call->fields = fields;
	c->call->field_count = n;
}

bool settings_find_call(struct settings_calls *c, const struct settings_node *node,
			struct span name, size_t *index)
{
	struct suggest near;
	char text[SETTINGS_CALL_NAME_MAX + 1];
	size_t len = name.len < sizeof(text) ? name.len : sizeof(text) - 1;

	memcpy(text, name.at, len);
	text[len] = '\0';
	near = (struct suggest){.name = text};
	for (size_t i = 0; i < c->scope.result_count; i++) {
		if (strlen(c->scope.results[i]) == name.len &&
		    memcmp(c->scope.results[i], name.at, name.len) == 0) {
			*index = i;
			return true;
		}
		suggest_offer(&near, c->scope.results[i]);
	}
	if (near.best)
		settings_file_mistake(c->r->file, node,
				      "there is no call \"%s\"; did you mean \"%s\"?", text,
				      near.best);
	else
		settings_file_mistake(c->r->file, node,
				      "there is no call \"%s\"; write the name of one under "
				      "`calls`",
				      text);
	return false;
}

int settings_call_path(struct settings_calls *c, const struct settings_node *node, const char *text,
		       struct json_path *path)
{
	struct err e = {0};

	if (json_path_parse(path, c->r->arena, text, &e) == 0)
		return 0;
	settings_file_mistake(c->r->file, node, "%s", e.text);
	return -1;
}

static void settings_read_each(struct settings_calls *c, const struct settings_node *map)
{
	const struct settings_node *node = settings_node_get(map, "for_each");
	const struct settings_node *key = settings_node_get(map, "key");
	struct settings_each *each = &c->call->each;
	const char *text = settings_table_text(c->r, node);

	each->given = true;
	if (text && settings_call_path(c, node, text, &each->list) == 0) {
		if (each->list.steps[0].kind != JSON_STEP_NAME)
			settings_file_mistake(c->r->file, node,
					      "a path begins with a call, like .orders[].product");
		else if (settings_find_call(c, node, each->list.steps[0].name, &each->call))
			settings_call_uses(c, UINT32_C(1) << each->call);
	}
	text = key ? settings_table_text(c->r, key) : "id";
	if (text)
		(void)settings_call_path(c, key, text, &each->batch_key); /* noted */
}

static void settings_check_each(struct settings_calls *c, const struct settings_node *map)
{
	static const char *const of_each[] = {"concurrency", "values", "batch", "key"};
	const struct settings_node *key = settings_node_get(map, "key");

	if (settings_node_get(map, "for_each")) {
		settings_read_each(c, map);
		if (key && !c->call->each.batch)
			settings_file_mistake(c->r->file, key,
					      "there is no `batch`; remove it, or write batch: 50");
		return;
	}
	for (size_t i = 0; i < sizeof(of_each) / sizeof(of_each[0]); i++)
		if (settings_node_get(map, of_each[i]))
			settings_file_mistake(c->r->file, settings_node_get(map, of_each[i]),
					      "there is no `for_each`; remove it");
}

/* ---- when ---- */

/* "{a} == b": the template in front of the comparison. */
static void settings_read_condition(struct settings_calls *c, const struct settings_node *node,
				    struct settings_when *when)
{
	const char *text = settings_table_text(c->r, node), *sign, *other;
	struct settings_node value = *node;

	if (!text)
		return;
	when->other = (struct span){"", 0};
	sign = strstr(text, " == ");
	if (!sign)
		sign = strstr(text, " != ");
	if (sign) {
		when->test = sign[1] == '=' ? WHEN_EQUAL : WHEN_NOT_EQUAL;
		other = settings_table_copy(c->r, sign + 4);
		when->other = (struct span){other, strlen(sign + 4)};
		value.text = arena_strndup(c->r->arena, text, (size_t)(sign - text));
		if (!value.text || !other) {
			c->r->file->no_memory = true;
			return;
		}
	}
	when->value = settings_call_template(c, &value, TEMPLATE_TEXT);
}

static void settings_read_when(struct settings_calls *c, const struct settings_node *node)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t count = node->kind == SETTINGS_LIST ? node->count : 1, n = 0;
	struct settings_when *when;

	if (count == 0 || count > SETTINGS_WHEN_MAX) {
		settings_file_mistake(c->r->file, node, "there are %zu conditions; write 1 to %d",
				      count, SETTINGS_WHEN_MAX);
		return;
	}
	when = settings_table_alloc(c->r, count, sizeof(*when));
	for (; item && when; item = item == node ? NULL : item->next)
		settings_read_condition(c, item, &when[n++]);
	c->call->when = when;
	c->call->when_count = n;
}

/* ---- json ---- */

static void settings_read_body(struct settings_calls *c, const struct settings_node *node)
{
	const char *json = settings_json_text(c->r, node);
	struct err e = {0};

	if (c->call->method == HTTP_GET || c->call->method == HTTP_HEAD)
		settings_file_mistake(c->r->file, node,
				      "a %s has no body; write method: POST, or remove it",
				      c->call->method_text);
	if (!json || !c->scope.path)
		return;
	c->call->body = body_template_parse(c->r->arena, json, &c->scope, &e);
	if (c->call->body)
		settings_call_uses(c, body_template_results(c->call->body));
	else
		settings_file_mistake(c->r->file, node, "%s", e.text);
}

/* ---- All calls ---- */

static void settings_read_call_rest(struct settings_calls *c, const struct settings_node *map)
{
	const struct settings_node *path = settings_node_get(map, "path");
	const struct settings_node *headers = settings_node_get(map, "headers");
	const struct settings_node *when = settings_node_get(map, "when");
	const struct settings_node *json = settings_node_get(map, "json");

	settings_check_each(c, map);
	if (when)
		settings_read_when(c, when);
	c->scope.item = c->call->each.given && !c->call->each.batch;
	c->scope.items = c->call->each.given && c->call->each.batch;
	if (path && c->call->path_text)
		c->call->path = settings_call_template(c, path, TEMPLATE_TARGET);
	if (c->call->path && c->call->each.given && !template_has_item(c->call->path))
		settings_file_mistake(c->r->file, path,
				      c->scope.items ? "a batch has {items} in its path"
						     : "a call for each value has {item} in its "
						       "path");
	if (headers)
		settings_read_call_fields(c, headers);
	if (json)
		settings_read_body(c, json);
	c->scope.item = c->scope.items = false;
}

/* Calls that wait for each other in a circle never run. */
static void settings_check_circles(struct settings_calls *c, const struct settings_node *calls)
{
	const struct settings_compose *compose = c->compose;
	uint32_t done = 0;
	const struct settings_node *at;
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < compose->call_count; i++) {
			uint32_t self = UINT32_C(1) << i;

			if ((done & self) || (compose->calls[i].after & ~done))
				continue;
			done |= self;
			more = true;
		}
	}
	at = calls->first;
	for (size_t i = 0; i < compose->call_count && at; i++, at = at->next)
		if (!(done & UINT32_C(1) << i)) {
			settings_file_mistake(
				c->r->file, at,
				"it waits for a call that waits for it, or for itself; "
				"take one of the values from elsewhere");
			return;
		}
}

static void settings_check_call_names(struct settings_calls *c, const struct settings_node *calls)
{
	const struct route_pattern *path = c->scope.path;

	for (const struct settings_node *at = calls->first; at; at = at->next)
		for (size_t i = 0; path && i < path->count; i++)
			if (path->segments[i].kind == ROUTE_PARAMETER &&
			    strcmp(path->segments[i].text, at->key) == 0)
				settings_file_mistake(
					c->r->file, at,
					"a parameter of the route's path has this name; choose "
					"another for one of them");
}

static void settings_compose_done(struct settings_reader *r, const struct settings_node *map,
				  void *to)
{
	const struct settings_node *calls = settings_node_get(map, "calls"), *at;
	const struct settings_route *route = r->arg;
	struct settings_compose *compose = to;
	struct settings_call *all = (struct settings_call *)(uintptr_t)compose->calls; /* ours */
	const char **names;
	struct settings_calls c = {.r = r, .compose = compose};

	if (calls && calls->kind == SETTINGS_MAP && !calls->count)
		settings_file_mistake(r->file, calls,
				      "there are no calls; write {NAME: {service: …, path: …}}");
	if (!map || !calls || calls->kind != SETTINGS_MAP || !compose->call_count)
		return;
	names = settings_table_alloc(r, compose->call_count + 1, sizeof(*names));
	if (!names)
		return;
	for (size_t i = 0; i < compose->call_count; i++)
		names[i] = all[i].name ? all[i].name : "";
	names[compose->call_count] = "body";
	c.scope = (struct template_scope){.path = route ? &route->path : NULL,
					  .results = names,
					  .result_count = compose->call_count + 1};
	settings_check_call_names(&c, calls);
	at = calls->first;
	for (size_t i = 0; i < compose->call_count && at; i++, at = at->next) {
		c.call = &all[i];
		settings_read_call_rest(&c, at);
	}
	settings_check_circles(&c, calls);
	c.scope.result_count = compose->call_count;
	settings_read_join(&c, settings_node_get(map, "reply"), &compose->join);
}

static const struct settings_key settings_compose_keys[] = {
	{.name = "calls",
	 .type = SETTINGS_NAMED,
	 .at = offsetof(struct settings_compose, calls),
	 .count_at = offsetof(struct settings_compose, call_count),
	 .required = true,
	 .min = 1,
	 .max = SETTINGS_CALLS_MAX,
	 .table = &settings_call_table,
	 .help = "What is asked; each goes the way of a routed request"},
	{.name = "reply",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .table = &settings_join_table,
	 .form = "map, or a jq program",
	 .fallback_shown = "an object with the reply of each call",
	 .help = "How the replies become one answer; a program's input is `{CALL: reply, …}`, and "
		 "each call is a `$CALL` too"},
	{.name = "answer",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_compose, answer_bytes),
	 .fallback = "8MiB",
	 .min = 1,
	 .max = 256 * MIB,
	 .help = "Largest answer; a longer one is a 502"},
};

const struct settings_table settings_compose_table = {SETTINGS_KEYS(settings_compose_keys),
						      sizeof(struct settings_compose),
						      settings_compose_done};
