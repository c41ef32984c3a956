/* read: services, lookup, stats, history: what the registry knows. */
#include "client-lib/tool/params.h"
#include "client-lib/tool/print.h"
#include "common/json_write.h"
#include "common/suggest.h"

#include <stdio.h>
#include <string.h>

enum { READ_PAGE = 1000, READ_HISTORY_MAX = 1000 };

static const char *read_text(const struct microreg_value *in, const char *name)
{
	const struct microreg_value *member = microreg_value_find(in, name);

	return member && member->type == MICROREG_TYPE_STRING ? member->text : "";
}

static int read_number(const struct microreg_value *in, const char *name)
{
	const struct microreg_value *member = microreg_value_find(in, name);

	return member ? member->number : 0;
}

static int read_printed(int failed)
{
	if (failed == 0)
		return TOOL_OK;
	(void)fprintf(stderr, "microreg: can't print: no memory, or the output is closed\n");
	return TOOL_SYSTEM;
}

/* ---- services ---- */

/* A page of at most `page` services after `after`; NULL: failed. */
static const struct microreg_value *read_services_page(struct tool *tool, const char *after,
						       unsigned page, struct microreg_error *error)
{
	struct params params = {0};

	params_text(&params, "prefix", tool->given[TOOL_OPTION_PREFIX]);
	params_text(&params, "after", after);
	params_number(&params, "limit", page);
	return microreg_call(tool->registry, "registry.services", params_value(&params), 0, error);
}

struct read_services {
	struct print_table table;
	struct json_writer j;
	struct buf out;
};

static void read_services_add(const struct tool *tool, struct read_services *to,
			      const struct microreg_value *one)
{
	if (tool->json) {
		print_json_value(&to->j, one);
		return;
	}
	print_cell(&to->table, read_text(one, "name"));
	print_cell_number(&to->table, read_number(one, "instances"));
	print_cell_number(&to->table, read_number(one, "up"));
	print_cell(&to->table, read_text(one, "revision"));
}

/* Page after page. 0, or an exit code. */
static int read_services_all(struct tool *tool, struct read_services *to, unsigned limit)
{
	struct microreg_error error;
	const char *after = NULL;
	size_t count;

	do {
		unsigned page = limit < READ_PAGE ? limit : READ_PAGE;
		const struct microreg_value *reply = read_services_page(tool, after, page, &error),
					    *list = microreg_value_find(reply, "services");

		if (!reply)
			return tool_fail(tool, &error);
		count = list ? list->count : 0;
		for (size_t i = 0; i < count; i++)
			read_services_add(tool, to, &list->items[i]);
		if (count) {
			const char *last = read_text(&list->items[count - 1], "name");

			after = arena_strndup(&tool->arena, last, strlen(last));
		}
		microreg_value_free(&reply);
		limit -= count < limit ? (unsigned)count : limit;
		if (count < page)
			break;
	} while (limit && after);
	return TOOL_OK;
}

int read_services(struct tool *tool)
{
	static const char *const titles[] = {"SERVICE", "INSTANCES", "UP", "REVISION"};
	unsigned limit = UINT32_MAX;
	struct read_services to;
	int code = tool_number(tool, TOOL_OPTION_LIMIT, INT32_MAX, &limit);

	if (code)
		return code;
	print_table_init(&to.table, titles, sizeof(titles) / sizeof(titles[0]), tool->color);
	buf_init(&to.out, PRINT_BYTES_MAX);
	json_write_init(&to.j, &to.out);
	json_write_array(&to.j);
	code = read_services_all(tool, &to, limit);
	json_write_array_end(&to.j);
	(void)buf_putc(&to.out, '\n');
	if (code == TOOL_OK && tool->json)
		code = read_printed(print_out(&to.out));
	else if (code == TOOL_OK)
		code = read_printed(print_table_end(&to.table));
	buf_fini(&to.out);
	buf_fini(&to.table.cells);
	return code;
}

/* ---- lookup ---- */

static void read_cell_joined(struct print_table *table, struct arena *arena,
			     const struct microreg_value *list)
{
	const char *text = "";

	for (size_t i = 0; text && list && i < list->count; i++) {
		const struct microreg_value *item = &list->items[i];
		const char *name = item->name ? item->name : "";

		text = arena_printf(arena, "%s%s%s%s%s", text, *text ? "," : "", name,
				    *name ? "=" : "", item->text ? item->text : "");
	}
	print_cell(table, text);
}

static int read_lookup_print(struct tool *tool, const struct microreg_value *list)
{
	static const char *const titles[] = {"ID",	"ADDRESS", "STATUS", "WEIGHT", "ZONE",
					     "VERSION", "TAGS",	   "META",   "DETAIL"};
	struct print_table table;

	print_table_init(&table, titles, sizeof(titles) / sizeof(titles[0]), tool->color);
	for (size_t i = 0; i < list->count; i++) {
		const struct microreg_value *in = &list->items[i];
		const char *host = read_text(in, "host");
		bool v6 = strchr(host, ':') != NULL;

		print_cell(&table, read_text(in, "id"));
		print_cell(&table, arena_printf(&tool->arena, "%s://%s%s%s:%d",
						read_text(in, "scheme"), v6 ? "[" : "", host,
						v6 ? "]" : "", read_number(in, "port")));
		print_cell(&table, read_text(in, "status"));
		print_cell_number(&table, read_number(in, "weight"));
		print_cell(&table, read_text(in, "zone"));
		print_cell(&table, read_text(in, "version"));
		read_cell_joined(&table, &tool->arena, microreg_value_find(in, "tags"));
		read_cell_joined(&table, &tool->arena, microreg_value_find(in, "meta"));
		print_cell(&table, read_text(in, "detail"));
	}
	return read_printed(print_table_end(&table));
}

enum { READ_STATUS_COUNT = 5 };

static const char *const read_statuses[READ_STATUS_COUNT] = {"up", "starting", "draining",
							     "maintenance", "down"};

/* Looks up; of every status, or of those asked for: that of --status, or the registry's own choice.
 * NULL, with an exit code in `code`, when there is no reply. */
static const struct microreg_value *read_lookup_call(struct tool *tool, bool all, int *code)
{
	struct microreg_value items[READ_STATUS_COUNT] = {{0}};
	const struct microreg_value *reply;
	struct params params = {0};
	struct microreg_error error;
	size_t count = 0;

	params_text(&params, "service", tool->words[0]);
	params_text(&params, "zone", tool->given[TOOL_OPTION_ZONE]);
	params_text(&params, "version", tool->given[TOOL_OPTION_VERSION]);
	params_text(&params, "at", tool->given[TOOL_OPTION_AT]);
	if (tool->given[TOOL_OPTION_STATUS])
		items[count++].text = tool->given[TOOL_OPTION_STATUS];
	for (size_t i = 0; all && !tool->given[TOOL_OPTION_STATUS] && i < READ_STATUS_COUNT; i++)
		items[count++].text = read_statuses[i];
	params_items(&params, "status", MICROREG_TYPE_ARRAY, items, count);
	*code = TOOL_SYSTEM;
	if (params_list(&params, tool, "tags", &tool->tags) < 0)
		return NULL;
	reply = microreg_call(tool->registry, "registry.lookup", params_value(&params), 0, &error);
	*code = reply ? TOOL_OK : tool_fail(tool, &error);
	return reply;
}

/* "no instance of files is up: 1 starting". False, and nothing is said, when that is not why. */
static bool read_lookup_say_statuses(struct tool *tool)
{
	const struct microreg_value *reply, *list;
	int code;
	bool some;

	if (tool->given[TOOL_OPTION_ALL] || tool->given[TOOL_OPTION_STATUS])
		return false;
	reply = read_lookup_call(tool, true, &code);
	list = microreg_value_find(reply, "instances");
	some = list && list->count;
	if (some)
		(void)fprintf(stderr, "microreg: no instance of %s is up:", tool->words[0]);
	for (size_t k = 0, said = 0; some && k < READ_STATUS_COUNT; k++) {
		size_t count = 0;

		for (size_t i = 0; i < list->count; i++)
			count +=
				strcmp(read_text(&list->items[i], "status"), read_statuses[k]) == 0;
		if (count)
			(void)fprintf(stderr, "%s %zu %s", said++ ? "," : "", count,
				      read_statuses[k]);
	}
	if (some)
		(void)fprintf(stderr, "; --all shows %s\n", list->count == 1 ? "it" : "them");
	microreg_value_free(&reply);
	return some;
}

/* Why there is none, and what to try. */
static void read_lookup_say_none(struct tool *tool, const char *reason)
{
	struct suggest suggest = {.name = tool->words[0]};
	const struct microreg_value *reply = NULL, *list;
	bool is_unknown = strcmp(reason, "unknown_service") == 0;

	if (!is_unknown && read_lookup_say_statuses(tool))
		return;
	if (is_unknown)
		reply = read_services_page(tool, NULL, READ_PAGE, NULL);
	list = microreg_value_find(reply, "services");
	for (size_t i = 0; list && i < list->count; i++)
		suggest_offer(&suggest, read_text(&list->items[i], "name"));
	(void)fprintf(stderr, "microreg: no instance of %s: %s", tool->words[0], reason);
	if (suggest.best)
		(void)fprintf(stderr, "; did you mean %s?", suggest.best);
	else if (strcmp(reason, "filtered") == 0)
		(void)fprintf(stderr, "; it has some, but none that the options ask for");
	(void)fprintf(stderr, "\n");
	microreg_value_free(&reply);
}

int read_lookup(struct tool *tool)
{
	const struct microreg_value *reply, *list;
	int code;

	reply = read_lookup_call(tool, tool->given[TOOL_OPTION_ALL] != NULL, &code);
	if (!reply)
		return code;
	list = microreg_value_find(reply, "instances");
	if (tool->json)
		code = read_printed(print_json(reply));
	else if (list && list->count)
		code = read_lookup_print(tool, list);
	else
		code = TOOL_OK;
	if (read_number(reply, "held"))
		(void)fprintf(stderr, "microreg: the registry holds expiry back: some of these may "
				      "be gone\n");
	if (!list || !list->count) {
		read_lookup_say_none(tool, read_text(reply, "reason"));
		code = code ? code : TOOL_NO;
	}
	microreg_value_free(&reply);
	return code;
}

/* ---- stats, history ---- */

int read_stats(struct tool *tool)
{
	static const char *const titles[] = {"COUNTER", "VALUE"};
	struct microreg_error error;
	const struct microreg_value *reply =
		microreg_call(tool->registry, "registry.stats", NULL, 0, &error);
	struct print_table table;
	int code;

	if (!reply)
		return tool_fail(tool, &error);
	if (tool->json) {
		code = read_printed(print_json(reply));
		microreg_value_free(&reply);
		return code;
	}
	print_table_init(&table, titles, 2, tool->color);
	for (size_t i = 0; i < reply->count; i++) {
		print_cell(&table, reply->items[i].name);
		if (reply->items[i].type == MICROREG_TYPE_STRING)
			print_cell(&table, reply->items[i].text);
		else
			print_cell_number(&table, reply->items[i].number);
	}
	microreg_value_free(&reply);
	return read_printed(print_table_end(&table));
}

int read_history(struct tool *tool)
{
	static const char *const titles[] = {"TIME", "REVISION", "EVENT", "SERVICE",
					     "ID",   "ACTOR",	 "DETAIL"};
	static const char *const members[] = {"time", "revision", "event", "service",
					      "id",   "actor",	  "detail"};
	const struct microreg_value *reply, *events;
	struct params params = {0};
	struct microreg_error error;
	struct print_table table;
	unsigned limit = 0;
	int code = tool_number(tool, TOOL_OPTION_LIMIT, READ_HISTORY_MAX, &limit);

	if (code)
		return code;
	params_text(&params, "service", tool->word_count ? tool->words[0] : NULL);
	params_text(&params, "since", tool->given[TOOL_OPTION_SINCE]);
	if (limit)
		params_number(&params, "limit", limit);
	reply = microreg_call(tool->registry, "registry.history", params_value(&params), 0, &error);
	if (!reply)
		return tool_fail(tool, &error);
	events = microreg_value_find(reply, "events");
	if (tool->json) {
		code = read_printed(print_json(reply));
	} else {
		print_table_init(&table, titles, 7, tool->color);
		for (size_t i = 0; events && i < events->count; i++)
			for (size_t k = 0; k < 7; k++)
				print_cell(&table, read_text(&events->items[i], members[k]));
		code = read_printed(print_table_end(&table));
	}
	microreg_value_free(&reply);
	return code;
}
