/* quota: quotas, reset-quota: what callers have used, and letting one start anew. */
#include "client-lib/tool/params.h"
#include "client-lib/tool/print.h"

#include <stdio.h>

enum { QUOTA_LIST_MAX = 1000 };

static int quota_done(const struct microreg_value **reply, int failed)
{
	microreg_value_free(reply);
	if (!failed)
		return TOOL_OK;
	(void)fprintf(stderr, "microreg: can't print: no memory, or the output is closed\n");
	return TOOL_SYSTEM;
}

static int quota_print(const struct tool *tool, const struct microreg_value *list)
{
	static const char *const titles[] = {"QUOTA", "KEY", "PERIOD", "USED", "LEFT", "OF"};
	static const char *const members[] = {"name", "key", "period", "used", "left", "quota"};
	struct print_table table;

	print_table_init(&table, titles, sizeof(titles) / sizeof(titles[0]), tool->color);
	for (size_t i = 0; list && i < list->count; i++)
		for (size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++) {
			const struct microreg_value *cell =
				microreg_value_find(&list->items[i], members[k]);

			if (cell && cell->type == MICROREG_TYPE_INT)
				print_cell_number(&table, cell->number);
			else
				print_cell(&table, cell ? cell->text : NULL);
		}
	return print_table_end(&table);
}

int quota_list(struct tool *tool)
{
	const struct microreg_value *reply;
	struct params params = {0};
	struct microreg_error error;
	unsigned limit = 0;
	int code = tool_number(tool, TOOL_OPTION_LIMIT, QUOTA_LIST_MAX, &limit);

	if (code)
		return code;
	params_text(&params, "name", tool->word_count > 0 ? tool->words[0] : NULL);
	params_text(&params, "key", tool->word_count > 1 ? tool->words[1] : NULL);
	if (limit)
		params_number(&params, "limit", limit);
	reply = microreg_call(tool->registry, "registry.quota_list", params_value(&params), 0,
			      &error);
	if (!reply)
		return tool_fail(tool, &error);
	return quota_done(&reply,
			  tool->json ? print_json(reply)
				     : quota_print(tool, microreg_value_find(reply, "quotas")));
}

int quota_reset(struct tool *tool)
{
	const struct microreg_value *reply, *used, *existed;
	struct params params = {0};
	struct microreg_error error;

	params_text(&params, "name", tool->words[0]);
	params_text(&params, "key", tool->words[1]);
	reply = microreg_call(tool->registry, "registry.quota_reset", params_value(&params), 0,
			      &error);
	if (!reply)
		return tool_fail(tool, &error);
	existed = microreg_value_find(reply, "existed");
	if (existed && !existed->number) {
		microreg_value_free(&reply);
		(void)fprintf(
			stderr,
			"microreg reset-quota: nobody has used that quota by that key today or "
			"this month; `microreg quotas` lists who has\n");
		return TOOL_NO;
	}
	if (tool->json)
		return quota_done(&reply, print_json(reply));
	used = microreg_value_find(reply, "used");
	return quota_done(&reply, printf("%d were used\n", used ? used->number : 0) < 0);
}
