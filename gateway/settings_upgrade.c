/* settings_upgrade: the `upgrade` key of a route. */
#include "gateway/settings_parts.h"

#include <string.h>

enum { SETTINGS_UPGRADES_MAX = 16 };

/* RFC 9110 7.8: protocol = token ["/" token]. */
static bool settings_is_protocol(const char *text)
{
	size_t name = strcspn(text, "/");

	if (!http_is_token(text, name))
		return false;
	return !text[name] || http_is_token(text + name + 1, strlen(text + name + 1));
}

/* HTTP itself would carry requests in it that no route has seen. */
static bool settings_is_http(const char *text)
{
	static const char *const names[] = {"h2c", "h2", "http", "tls"};
	size_t len = strcspn(text, "/");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http_equal_nocase(text, len, names[i], strlen(names[i])))
			return true;
	return false;
}

static const char *settings_upgrade(struct settings_reader *r, const struct settings_node *node)
{
	const char *text = settings_table_text(r, node);

	if (!text)
		return NULL;
	if (!settings_is_protocol(text)) {
		settings_file_mistake(
			r->file, node,
			"\"%.60s\" is no protocol; write one like websocket, or off for none",
			text);
		return NULL;
	}
	if (settings_is_http(text)) {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" is not passed on: the requests in it would go "
				      "past the routes; remove it",
				      text);
		return NULL;
	}
	/* Its name is compared without case; this is how it is written to instances. */
	return settings_table_copy(
		r, http_equal_nocase(text, strlen(text), "websocket", 9) ? "websocket" : text);
}

void settings_read_upgrade(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t room = node->kind == SETTINGS_LIST ? node->count : 1, n = 0;
	struct settings_strings *protocols = to;
	const char **items;

	if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "off") == 0)
		return;
	if (room == 0 || room > SETTINGS_UPGRADES_MAX) {
		settings_file_mistake(r->file, node,
				      "there are %zu protocols; write 1 to %d, or off for none",
				      room, SETTINGS_UPGRADES_MAX);
		return;
	}
	items = settings_table_alloc(r, room, sizeof(*items));
	if (!items)
		return;
	for (; item; item = item == node ? NULL : item->next) {
		const char *protocol = settings_upgrade(r, item);

		if (protocol)
			items[n++] = protocol;
	}
	*protocols = (struct settings_strings){items, n};
}
