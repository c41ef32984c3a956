/* params: members one after the other; the registry judges their values. */
#include "client-lib/tool/params.h"

#include <assert.h>
#include <stdio.h>

static struct microreg_value *params_add(struct params *params, const char *name,
					 enum microreg_type type)
{
	struct microreg_value *member = &params->members[params->count++];

	assert(params->count <= PARAMS_MAX);
	*member = (struct microreg_value){.type = type, .name = name};
	return member;
}

void params_text(struct params *params, const char *name, const char *text)
{
	if (text)
		params_add(params, name, MICROREG_TYPE_STRING)->text = text;
}

void params_number(struct params *params, const char *name, unsigned number)
{
	params_add(params, name, MICROREG_TYPE_INT)->number = (int)number;
}

void params_items(struct params *params, const char *name, enum microreg_type type,
		  const struct microreg_value *items, size_t count)
{
	struct microreg_value *member;

	if (!count)
		return;
	member = params_add(params, name, type);
	member->items = items;
	member->count = count;
}

int params_list(struct params *params, struct tool *tool, const char *name,
		const struct tool_list *list)
{
	struct microreg_value *items =
		arena_zalloc(&tool->arena, (list->count + 1) * sizeof(*items));

	if (!items) {
		(void)fprintf(stderr, "microreg: out of memory\n");
		return -1;
	}
	for (size_t i = 0; i < list->count; i++)
		items[i].text = list->items[i];
	params_items(params, name, MICROREG_TYPE_ARRAY, items, list->count);
	return 0;
}

const struct microreg_value *params_value(struct params *params)
{
	params->value = (struct microreg_value){
		.type = MICROREG_TYPE_STRUCT, .items = params->members, .count = params->count};
	return &params->value;
}
