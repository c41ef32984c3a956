/* write: register, deregister, status, backup: what changes the registry. */
#include "client-lib/tool/params.h"
#include "client-lib/tool/print.h"
#include "client-lib/tool/registration.h"

#include <stdio.h>
#include <string.h>

/* Prints a reply: as JSON, or a line of "name: value" for each member. */
static int write_print(const struct tool *tool, const struct microreg_value **reply)
{
	const struct microreg_value *value = *reply;
	struct buf out;
	int failed;

	if (tool->json) {
		failed = print_json(value);
		microreg_value_free(reply);
		return failed ? TOOL_SYSTEM : TOOL_OK;
	}
	buf_init(&out, PRINT_BYTES_MAX);
	for (size_t i = 0; i < value->count; i++) {
		const struct microreg_value *member = &value->items[i];

		(void)buf_printf(&out, "%s: ", member->name);
		if (member->type == MICROREG_TYPE_STRING && !*member->text &&
		    strcmp(member->name, "expires") == 0)
			(void)buf_puts(&out, "never");
		else if (member->type == MICROREG_TYPE_STRING)
			print_safe(&out, member->text);
		else if (member->type == MICROREG_TYPE_BOOL)
			(void)buf_puts(&out, member->number ? "yes" : "no");
		else if (member->type == MICROREG_TYPE_INT)
			(void)buf_printf(&out, "%d", member->number);
		for (size_t k = 0; k < member->count; k++) { /* of an array: its texts */
			(void)buf_puts(&out, k ? ", " : "");
			print_safe(&out, member->items[k].text ? member->items[k].text : "?");
		}
		(void)buf_putc(&out, '\n');
	}
	failed = print_out(&out);
	buf_fini(&out);
	microreg_value_free(reply);
	return failed ? TOOL_SYSTEM : TOOL_OK;
}

int write_call(struct tool *tool, const char *method, struct params *params, unsigned wait_ms)
{
	struct microreg_error error;
	const struct microreg_value *reply = microreg_call(
		tool->registry, method, params ? params_value(params) : NULL, wait_ms, &error);

	return reply ? write_print(tool, &reply) : tool_fail(tool, &error);
}

int write_call_known(struct tool *tool, const char *method, struct params *params,
		     const char *unknown)
{
	struct microreg_error error;
	const struct microreg_value *reply =
		microreg_call(tool->registry, method, params_value(params), 0, &error);
	const struct microreg_value *existed;

	if (!reply)
		return tool_fail(tool, &error);
	existed = microreg_value_find(reply, "existed");
	if (!existed || existed->number)
		return write_print(tool, &reply);
	microreg_value_free(&reply);
	(void)fprintf(stderr, "microreg %s: %s\n", tool->command->name, unknown);
	return TOOL_NO;
}

/* ---- register ---- */

enum { WRITE_CHECK_MAX = 5 };

static void write_add_check(const struct microreg_check *check,
			    struct microreg_value items[WRITE_CHECK_MAX], struct params *params)
{
	size_t count = 0;

	if (!check->type)
		return;
	items[count++] = (struct microreg_value){.name = "type", .text = check->type};
	if (check->path)
		items[count++] = (struct microreg_value){.name = "path", .text = check->path};
	if (check->status)
		items[count++] = (struct microreg_value){.name = "status", .text = check->status};
	if (check->interval_ms)
		items[count++] = (struct microreg_value){.type = MICROREG_TYPE_INT,
							 .name = "interval_ms",
							 .number = (int)check->interval_ms};
	if (check->timeout_ms)
		items[count++] = (struct microreg_value){.type = MICROREG_TYPE_INT,
							 .name = "timeout_ms",
							 .number = (int)check->timeout_ms};
	params_items(params, "check", MICROREG_TYPE_STRUCT, items, count);
}

static int write_add_registration(struct tool *tool, const struct microreg_registration *me,
				  struct params *params)
{
	struct microreg_value *meta =
		arena_zalloc(&tool->arena, (me->meta_count + 1) * sizeof(*meta));

	if (!meta) {
		(void)fprintf(stderr, "microreg: out of memory\n");
		return TOOL_SYSTEM;
	}
	for (size_t i = 0; i < me->meta_count; i++)
		meta[i] = (struct microreg_value){.name = me->meta[i].name,
						  .text = me->meta[i].value};
	params_text(params, "service", me->service);
	params_number(params, "port", me->port);
	params_text(params, "host", me->host);
	params_text(params, "id", me->id);
	params_text(params, "scheme", me->scheme);
	params_text(params, "zone", me->zone);
	params_text(params, "version", me->version);
	params_text(params, "status", me->status);
	if (me->ttl_ms)
		params_number(params, "ttl_ms", me->ttl_ms);
	if (me->weight)
		params_number(params, "weight", me->weight);
	params_items(params, "meta", MICROREG_TYPE_STRUCT, meta, me->meta_count);
	if (params_list(params, tool, "tags", &tool->tags) < 0 ||
	    params_list(params, tool, "routes", &tool->routes) < 0)
		return TOOL_SYSTEM;
	return TOOL_OK;
}

int write_register(struct tool *tool)
{
	struct microreg_value check[WRITE_CHECK_MAX];
	struct microreg_registration me;
	struct params params = {0};
	int code = registration_read(tool, tool->words[0], NULL, &me);

	if (code == TOOL_OK)
		code = write_add_registration(tool, &me, &params);
	if (code != TOOL_OK)
		return code;
	write_add_check(&me.check, check, &params);
	return write_call(tool, "registry.register", &params, 0);
}

/* ---- deregister, status, backup ---- */

int write_deregister(struct tool *tool)
{
	const struct microreg_value *reply, *existed;
	struct params params = {0};
	struct microreg_error error;
	unsigned wait_ms = 0;
	int code = tool_duration(tool, TOOL_OPTION_WAIT, &wait_ms);
	bool did_exist;

	if (code)
		return code;
	params_text(&params, "service", tool->words[0]);
	params_text(&params, "id", tool->words[1]);
	params_text(&params, "lease", tool->given[TOOL_OPTION_LEASE]);
	if (wait_ms)
		params_number(&params, "wait_ms", wait_ms);
	reply = microreg_call(tool->registry, "registry.deregister", params_value(&params), wait_ms,
			      &error);
	if (!reply)
		return tool_fail(tool, &error);
	existed = microreg_value_find(reply, "existed");
	did_exist = existed && existed->number;
	code = write_print(tool, &reply);
	if (did_exist)
		return code;
	(void)fprintf(stderr,
		      "microreg: no instance \"%s\" of %s; see `microreg lookup %s --all`\n",
		      tool->words[1], tool->words[0], tool->words[0]);
	return code ? code : TOOL_NO;
}

int write_status(struct tool *tool)
{
	struct params params = {0};
	unsigned wait_ms = 0;
	int code = tool_duration(tool, TOOL_OPTION_WAIT, &wait_ms);

	if (code)
		return code;
	params_text(&params, "service", tool->words[0]);
	params_text(&params, "id", tool->words[1]);
	params_text(&params, "status", tool->words[2]);
	params_text(&params, "reason", tool->given[TOOL_OPTION_REASON]);
	params_text(&params, "lease", tool->given[TOOL_OPTION_LEASE]);
	if (wait_ms)
		params_number(&params, "wait_ms", wait_ms);
	return write_call(tool, "registry.set_status", &params, wait_ms);
}

int write_backup(struct tool *tool)
{
	unsigned wait_ms = 600000; /* a large database takes its time; --timeout bounds it */

	if (tool->given[TOOL_OPTION_TIMEOUT])
		wait_ms = 0;
	return write_call(tool, "registry.backup", NULL, wait_ms);
}
