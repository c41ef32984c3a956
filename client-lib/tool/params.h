/*
 * params: the parameters of a call, put together from the command line.
 */
#ifndef MICROREG_TOOL_PARAMS_H
#define MICROREG_TOOL_PARAMS_H

#include "client-lib/tool/tool.h"

enum { PARAMS_MAX = 24 };

/* A struct under construction. Names and texts are borrowed. */
struct params {
	struct microreg_value members[PARAMS_MAX];
	struct microreg_value value; /* the struct, for microreg_call: see params_value */
	size_t count;
};

void params_text(struct params *params, const char *name, const char *text); /* NULL: left out */
void params_number(struct params *params, const char *name, unsigned number);
void params_items(struct params *params, const char *name, enum microreg_type type,
		  const struct microreg_value *items, size_t count); /* 0: left out */
/* An array of strings, in the tool's arena. -1: no memory, said. */
int params_list(struct params *params, struct tool *tool, const char *name,
		const struct tool_list *list);

const struct microreg_value *params_value(struct params *params);

#endif
