/* consumer: who may call through the gateways: list, get, put, delete, new-key, revoke-key. */
#include "client-lib/tool/limit.h"
#include "client-lib/tool/print.h"
#include "common/clock.h"
#include "common/json_write.h"
#include "common/suggest.h"

#include <stdio.h>
#include <string.h>

enum { CONSUMER_PAGE = 500 };

static const char *consumer_text(const struct microreg_value *in, const char *name)
{
	const struct microreg_value *member = microreg_value_find(in, name);

	return member && member->type == MICROREG_TYPE_STRING ? member->text : "";
}

static int consumer_number(const struct microreg_value *in, const char *name)
{
	const struct microreg_value *member = microreg_value_find(in, name);

	return member ? member->number : 0;
}

static int consumer_printed(int failed)
{
	if (failed == 0)
		return TOOL_OK;
	(void)fprintf(stderr, "microreg: can't print: no memory, or the output is closed\n");
	return TOOL_SYSTEM;
}

static int consumer_no_memory(void)
{
	(void)fprintf(stderr, "microreg: out of memory\n");
	return TOOL_SYSTEM;
}

/* ---- What people read ---- */

/* Texts, or pairs, with commas. "" when there are none. */
static const char *consumer_joined(struct tool *tool, const struct microreg_value *list)
{
	const char *text = "";

	for (size_t i = 0; text && list && i < list->count; i++) {
		const struct microreg_value *item = &list->items[i];
		bool pair = list->type == MICROREG_TYPE_STRUCT;

		text = arena_printf(&tool->arena, "%s%s%s%s%s", text, *text ? "," : "",
				    pair ? item->name : "", pair ? "=" : "",
				    item->text ? item->text : "");
	}
	return text;
}

/* "100/1000ms by consumer", "10000/month by consumer"; a name of its own comes before it. */
static const char *consumer_limits(struct tool *tool, const struct microreg_value *list)
{
	const char *text = "";

	for (size_t i = 0; text && list && i < list->count; i++) {
		const struct microreg_value *one = &list->items[i];
		int concurrent = consumer_number(one, "concurrent");
		int quota = consumer_number(one, "quota");
		const char *by = consumer_text(one, "by"), *name = consumer_text(one, "name");
		bool named = *name && strcmp(name, "default") != 0;

		text = arena_printf(&tool->arena, "%s%s%s%s", text, *text ? ", " : "",
				    named ? name : "", named ? "=" : "");
		if (!text)
			break;
		if (quota)
			text = arena_printf(&tool->arena, "%s%d/%s by %s", text, quota,
					    consumer_text(one, "per"), by);
		else if (concurrent)
			text = arena_printf(&tool->arena, "%s%d at once by %s", text, concurrent,
					    by);
		else
			text = arena_printf(&tool->arena, "%s%d/%dms by %s", text,
					    consumer_number(one, "rate"),
					    consumer_number(one, "per_ms"), by);
	}
	return text;
}

/* ---- list ---- */

static void consumer_add_row(struct tool *tool, struct print_table *table,
			     const struct microreg_value *one)
{
	const struct microreg_value *keys = microreg_value_find(one, "keys");

	print_cell(table, consumer_text(one, "name"));
	print_cell(table, consumer_text(one, "id"));
	print_cell(table, consumer_joined(tool, microreg_value_find(one, "groups")));
	print_cell_number(table, keys ? (long)keys->count : 0);
	print_cell(table, consumer_number(one, "password") ? "yes" : "no");
	print_cell(table, consumer_limits(tool, microreg_value_find(one, "limits")));
	print_cell(table, consumer_text(one, "created"));
}

/* Page after page, into the table or the JSON. 0, or an exit code. */
static int consumer_list_all(struct tool *tool, struct print_table *table, struct json_writer *j,
			     unsigned limit)
{
	const struct microreg_value *reply, *list;
	struct microreg_error error;
	const char *after = NULL;
	bool more;

	do {
		struct params params = {0};

		params_text(&params, "prefix", tool->given[TOOL_OPTION_PREFIX]);
		params_text(&params, "after", after);
		params_number(&params, "limit", limit < CONSUMER_PAGE ? limit : CONSUMER_PAGE);
		reply = microreg_call(tool->registry, "registry.consumer_list",
				      params_value(&params), 0, &error);
		if (!reply)
			return tool_fail(tool, &error);
		list = microreg_value_find(reply, "consumers");
		for (size_t i = 0; list && i < list->count; i++) {
			if (tool->json)
				print_json_value(j, &list->items[i]);
			else
				consumer_add_row(tool, table, &list->items[i]);
			after = consumer_text(&list->items[i], "name");
		}
		after = after ? arena_strndup(&tool->arena, after, strlen(after)) : NULL;
		limit -= list && list->count < limit ? (unsigned)list->count : limit;
		more = consumer_number(reply, "more") && after && limit;
		microreg_value_free(&reply);
	} while (more);
	return TOOL_OK;
}

static int consumer_list(struct tool *tool)
{
	static const char *const titles[] = {"NAME",	 "ID",	   "GROUPS", "KEYS",
					     "PASSWORD", "LIMITS", "CREATED"};
	unsigned limit = UINT32_MAX;
	struct print_table table;
	struct json_writer j;
	struct buf out;
	int code = tool_number(tool, TOOL_OPTION_LIMIT, INT32_MAX, &limit);

	if (code)
		return code;
	print_table_init(&table, titles, sizeof(titles) / sizeof(titles[0]), tool->color);
	buf_init(&out, PRINT_BYTES_MAX);
	json_write_init(&j, &out);
	json_write_array(&j);
	code = consumer_list_all(tool, &table, &j, limit);
	json_write_array_end(&j);
	(void)buf_putc(&out, '\n');
	if (code == TOOL_OK && tool->json)
		code = consumer_printed(print_out(&out));
	else if (code == TOOL_OK)
		code = consumer_printed(print_table_end(&table));
	buf_fini(&out);
	buf_fini(&table.cells);
	return code;
}

/* ---- get ---- */

static void consumer_line(struct buf *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	(void)buf_printf(out, "%s: ", name); /* failure sticks, here and below */
	print_safe(out, text);
	(void)buf_putc(out, '\n');
}

static int consumer_print(struct tool *tool, const struct microreg_value *one)
{
	static const char *const titles[] = {"KEY", "LABEL", "CREATED", "EXPIRES"};
	const struct microreg_value *keys = microreg_value_find(one, "keys");
	const struct microreg_value *ip = microreg_value_find(one, "ip");
	static const char *const lists[] = {"groups", "certificates", "meta"};
	struct print_table table;
	struct buf out;
	int failed;

	buf_init(&out, PRINT_BYTES_MAX);
	consumer_line(&out, "name", consumer_text(one, "name"));
	consumer_line(&out, "id", consumer_text(one, "id"));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		consumer_line(&out, lists[i],
			      consumer_joined(tool, microreg_value_find(one, lists[i])));
	consumer_line(&out, "limits", consumer_limits(tool, microreg_value_find(one, "limits")));
	consumer_line(&out, "allow", consumer_joined(tool, microreg_value_find(ip, "allow")));
	consumer_line(&out, "deny", consumer_joined(tool, microreg_value_find(ip, "deny")));
	consumer_line(&out, "password", consumer_number(one, "password") ? "yes" : "no");
	consumer_line(&out, "created", consumer_text(one, "created"));
	consumer_line(&out, "revision", consumer_text(one, "revision"));
	if (keys && keys->count)
		(void)buf_putc(&out, '\n');
	failed = print_out(&out);
	buf_fini(&out);
	if (failed || !keys || !keys->count)
		return consumer_printed(failed);
	print_table_init(&table, titles, sizeof(titles) / sizeof(titles[0]), tool->color);
	for (size_t i = 0; i < keys->count; i++) {
		print_cell(&table, consumer_text(&keys->items[i], "id"));
		print_cell(&table, consumer_text(&keys->items[i], "label"));
		print_cell(&table, consumer_text(&keys->items[i], "created"));
		print_cell(&table, consumer_text(&keys->items[i], "expires"));
	}
	return consumer_printed(print_table_end(&table));
}

static int consumer_get(struct tool *tool)
{
	const struct microreg_value *reply;
	struct microreg_error error;
	struct params params = {0};
	int code;

	params_text(&params, "name", tool->words[1]);
	reply = microreg_call(tool->registry, "registry.consumer_get", params_value(&params), 0,
			      &error);
	if (!reply)
		return tool_fail(tool, &error);
	code = tool->json ? consumer_printed(print_json(reply)) : consumer_print(tool, reply);
	microreg_value_free(&reply);
	return code;
}

/* ---- put ---- */

static int consumer_add_limits(struct tool *tool, struct params *params)
{
	struct microreg_value *limits =
		arena_zalloc(&tool->arena, (tool->limits.count + 1) * sizeof(*limits));
	int code = limits ? TOOL_OK : consumer_no_memory();

	for (size_t i = 0; code == TOOL_OK && i < tool->limits.count; i++)
		code = limit_read(tool, tool->limits.items[i], &limits[i]);
	if (code == TOOL_OK)
		params_items(params, "limits", MICROREG_TYPE_ARRAY, limits, tool->limits.count);
	return code;
}

static int consumer_add_meta(struct tool *tool, struct params *params)
{
	struct microreg_value *meta =
		arena_zalloc(&tool->arena, (tool->metas.count + 1) * sizeof(*meta));

	if (!meta)
		return consumer_no_memory();
	for (size_t i = 0; i < tool->metas.count; i++) {
		const char *text = tool->metas.items[i], *equal = strchr(text, '=');

		if (!equal || equal == text)
			return tool_usage(tool, "--meta %s: allowed: NAME=VALUE", text);
		meta[i].name = arena_strndup(&tool->arena, text, (size_t)(equal - text));
		meta[i].text = equal + 1;
		if (!meta[i].name)
			return consumer_no_memory();
	}
	params_items(params, "meta", MICROREG_TYPE_STRUCT, meta, tool->metas.count);
	return TOOL_OK;
}

static int consumer_put(struct tool *tool)
{
	struct params params = {0}, ip = {0};
	int code;

	params_text(&params, "name", tool->words[1]);
	params_text(&params, "id", tool->given[TOOL_OPTION_ID]);
	params_text(&params, "password_hash", tool->given[TOOL_OPTION_PASSWORD_HASH]);
	if (params_list(&params, tool, "groups", &tool->groups) < 0 ||
	    params_list(&params, tool, "certificates", &tool->certificates) < 0 ||
	    params_list(&ip, tool, "allow", &tool->allows) < 0 ||
	    params_list(&ip, tool, "deny", &tool->denies) < 0)
		return TOOL_SYSTEM;
	params_items(&params, "ip", MICROREG_TYPE_STRUCT, ip.members, ip.count);
	code = consumer_add_limits(tool, &params);
	if (code == TOOL_OK)
		code = consumer_add_meta(tool, &params);
	return code ? code : write_call(tool, "registry.consumer_put", &params, 0);
}

/* ---- delete and keys ---- */

static int consumer_delete(struct tool *tool)
{
	struct params params = {0};
	const char *unknown = arena_printf(&tool->arena, "no consumer \"%s\"", tool->words[1]);

	params_text(&params, "name", tool->words[1]);
	return unknown ? write_call_known(tool, "registry.consumer_delete", &params, unknown)
		       : consumer_no_memory();
}

static int consumer_revoke_key(struct tool *tool)
{
	struct params params = {0};
	const char *unknown =
		arena_printf(&tool->arena,
			     "\"%s\" has no key \"%s\"; `microreg consumer get` lists those it has",
			     tool->words[1], tool->words[2]);

	params_text(&params, "name", tool->words[1]);
	params_text(&params, "key", tool->words[2]);
	return unknown ? write_call_known(tool, "registry.consumer_key_revoke", &params, unknown)
		       : consumer_no_memory();
}

/* In 90d, or at a time; what an int holds is reckoned by the registry's clock. */
static int consumer_add_expires(struct tool *tool, struct params *params)
{
	const char *text = tool->given[TOOL_OPTION_EXPIRES];
	char *time = arena_alloc(&tool->arena, CLOCK_RFC3339_SIZE);
	uint64_t ms;
	int64_t at;

	if (!text)
		return TOOL_OK;
	if (!time)
		return consumer_no_memory();
	if (limit_duration(text, &ms)) {
		if (ms && ms <= INT32_MAX) {
			params_number(params, "ttl_ms", (unsigned)ms);
			return TOOL_OK;
		}
		clock_rfc3339(clock_wall_ms() + (int64_t)ms, time);
		params_text(params, "expires", time);
		return TOOL_OK;
	}
	if (strlen(text) == 10) /* a day alone begins at midnight */
		text = arena_printf(&tool->arena, "%sT00:00:00Z", text);
	if (!text)
		return consumer_no_memory();
	if (!clock_read_rfc3339(text, &at))
		return tool_usage(tool,
				  "--expires %s: allowed: a time from now like 90d or 12h, a day "
				  "like 2027-01-31, or a time like 2027-01-31T12:00:00Z",
				  tool->given[TOOL_OPTION_EXPIRES]);
	params_text(params, "expires", text);
	return TOOL_OK;
}

static int consumer_new_key(struct tool *tool)
{
	const char *grace = tool->given[TOOL_OPTION_GRACE];
	struct params params = {0};
	uint64_t ms;
	int code;

	params_text(&params, "name", tool->words[1]);
	params_text(&params, "label", tool->given[TOOL_OPTION_LABEL]);
	if (grace && strcmp(grace, "0") == 0)
		params_number(&params, "grace_ms", 0);
	else if (grace && limit_duration(grace, &ms) && ms <= INT32_MAX)
		params_number(&params, "grace_ms", (unsigned)ms);
	else if (grace)
		return tool_usage(tool, "--grace %s: allowed: 0, or a time up to 24d like 1d",
				  grace);
	code = consumer_add_expires(tool, &params);
	return code ? code : write_call(tool, "registry.consumer_key_new", &params, 0);
}

/* ---- The actions ---- */

static const struct consumer_action {
	const char *name;
	size_t words; /* with itself */
	const char *takes;
	uint64_t accepts; /* of the options of `consumer` */
	int (*run)(struct tool *tool);
} consumer_actions[] = {
	{"list", 1, "list", TOOL_ACCEPTS(PREFIX) | TOOL_ACCEPTS(LIMIT), consumer_list},
	{"get", 2, "get NAME", 0, consumer_get},
	{"put", 2, "put NAME",
	 TOOL_ACCEPTS(ID) | TOOL_ACCEPTS(GROUP) | TOOL_ACCEPTS(LIMIT) | TOOL_ACCEPTS(ALLOW) |
		 TOOL_ACCEPTS(DENY) | TOOL_ACCEPTS(CERTIFICATE) | TOOL_ACCEPTS(PASSWORD_HASH) |
		 TOOL_ACCEPTS(META),
	 consumer_put},
	{"delete", 2, "delete NAME", 0, consumer_delete},
	{"new-key", 2, "new-key NAME",
	 TOOL_ACCEPTS(LABEL) | TOOL_ACCEPTS(EXPIRES) | TOOL_ACCEPTS(GRACE), consumer_new_key},
	{"revoke-key", 3, "revoke-key NAME KEY", 0, consumer_revoke_key},
};

enum { CONSUMER_ACTION_COUNT = sizeof(consumer_actions) / sizeof(consumer_actions[0]) };

/* An option of another action would be ignored: a key that was to expire would not. */
static int consumer_check_options(const struct tool *tool, const struct consumer_action *action)
{
	uint64_t wrong = tool_given(tool) & tool->command->accepts & ~action->accepts;
	uint64_t one = wrong & -wrong;
	char owners[64] = "";

	if (!wrong)
		return TOOL_OK;
	for (size_t i = 0; i < CONSUMER_ACTION_COUNT; i++) {
		size_t used = strlen(owners);

		if (consumer_actions[i].accepts & one)
			(void)snprintf(owners + used, sizeof(owners) - used, "%s%s",
				       used ? " and " : "", consumer_actions[i].name);
	}
	return tool_usage(tool, "--%s belongs to %s", tool_option_name(one), owners);
}

int consumer_run(struct tool *tool)
{
	struct suggest suggest = {.name = tool->words[0]};

	for (size_t i = 0; i < CONSUMER_ACTION_COUNT; i++) {
		const struct consumer_action *action = &consumer_actions[i];
		int code;

		suggest_offer(&suggest, action->name);
		if (strcmp(action->name, tool->words[0]) != 0)
			continue;
		if (tool->word_count != action->words && action->words == 1)
			return tool_usage(tool, "list takes no NAME; use get or --prefix");
		if (tool->word_count != action->words)
			return tool_usage(tool, "it takes %s", action->takes);
		code = consumer_check_options(tool, action);
		return code ? code : action->run(tool);
	}
	return tool_usage(tool, "\"%s\" is nothing to do with consumers%s%s%s", tool->words[0],
			  suggest.best ? "; did you mean \"" : "", suggest.best ? suggest.best : "",
			  suggest.best ? "\"?" : "");
}
