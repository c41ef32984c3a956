/* settings_conditions: `headers` and `query` of a route and of a view. */
#include "gateway/settings_parts.h"

#include <string.h>

enum { SETTINGS_CONDITIONS_MAX = 16 };

/* `name: value`, or `name: true` for any value. */
static void settings_read_conditions(struct settings_reader *r, const struct settings_node *node,
				     struct settings_conditions *to, bool tokens)
{
	struct settings_condition *items;
	size_t n = 0;

	if (node->kind != SETTINGS_MAP || node->count > SETTINGS_CONDITIONS_MAX) {
		settings_file_mistake(
			r->file, node,
			"this is no map of at most %d conditions; write {NAME: \"value\"}, "
			"or {NAME: true} for any value",
			SETTINGS_CONDITIONS_MAX);
		return;
	}
	items = settings_table_alloc(r, node->count, sizeof(*items));
	if (!items)
		return;
	for (const struct settings_node *m = node->first; m; m = m->next) {
		const char *text = settings_table_text(r, m);

		if (!text)
			continue;
		if (tokens ? !http_is_token(m->key, strlen(m->key)) : !*m->key) {
			settings_file_mistake(r->file, m, "\"%.60s\" can't be a name here", m->key);
			continue;
		}
		items[n].name = settings_table_copy(r, m->key);
		if (!m->plain || strcmp(text, "true") != 0)
			items[n].value = settings_table_copy(r, text);
		n++;
	}
	*to = (struct settings_conditions){items, n};
}

void settings_read_headers(struct settings_reader *r, const struct settings_node *node, void *to)
{
	settings_read_conditions(r, node, to, true);
}

void settings_read_query(struct settings_reader *r, const struct settings_node *node, void *to)
{
	settings_read_conditions(r, node, to, false);
}
