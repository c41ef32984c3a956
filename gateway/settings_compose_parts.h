/*
 * settings_compose_parts: what the files that read composed routes share.
 * Nobody else's.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_COMPOSE_PARTS_H
#define MICROREG_GATEWAY_SETTINGS_COMPOSE_PARTS_H

#include "gateway/settings_parts.h"
#include "gateway/template.h"

enum { SETTINGS_CALL_NAME_MAX = 64 };

extern const struct settings_table settings_call_table;

/* Does nothing: its node is looked up when all calls are known. */
void settings_read_later(struct settings_reader *r, const struct settings_node *node, void *to);

/* What is wrong with a name of what stands in templates and as a variable of jq; NULL: nothing. */
const char *settings_call_name_wrong(const char *name);

/* While the calls of one route are read. */
struct settings_calls {
	struct settings_reader *r;
	struct settings_compose *compose;
	struct settings_call *call; /* the one at hand */
	struct template_scope scope;
};

extern const struct settings_table settings_join_table;

/* `reply`; `node` NULL: it is not given. */
void settings_read_join(struct settings_calls *c, const struct settings_node *node,
			struct settings_join *join);

/* The call of that name; false after noting that there is none. */
bool settings_find_call(struct settings_calls *c, const struct settings_node *node,
			struct span name, size_t *index);

/* -1 after noting what is wrong. */
int settings_call_path(struct settings_calls *c, const struct settings_node *node, const char *text,
		       struct json_path *path);

#endif
