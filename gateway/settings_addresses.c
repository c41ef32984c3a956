/* settings_addresses: what the file says of addresses: where to listen, whom to trust, whom to ask.
 */
#include "gateway/settings_parts.h"

#include "common/cidr.h"
#include "common/url.h"

#include <string.h>

enum { SETTINGS_LISTEN_MAX = 64, SETTINGS_URLS_MAX = 16, SETTINGS_NETWORKS_MAX = 1024 };

/* A list's items one after the other; a value that is no list is its only item. */
static const struct settings_node *settings_item_first(const struct settings_node *node)
{
	return node->kind == SETTINGS_LIST ? node->first : node;
}

static const struct settings_node *settings_item_next(const struct settings_node *node,
						      const struct settings_node *item)
{
	return item == node ? NULL : item->next;
}

/* How many there are; 0 after noting that there are none or too many. */
static size_t settings_item_count(struct settings_reader *r, const struct settings_node *node,
				  size_t max)
{
	size_t count = node->kind == SETTINGS_LIST ? node->count : 1;

	if (count == 0)
		settings_file_mistake(r->file, node,
				      "the list is empty; write some, or remove the key");
	if (count <= max)
		return count;
	settings_file_mistake(r->file, node, "there are %zu of them; at most %zu are allowed",
			      count, max);
	return 0;
}

static void settings_read_address(struct settings_reader *r, const struct settings_node *node,
				  struct settings_address *to)
{
	const char *text = settings_table_text(r, node);
	struct url_address address;
	struct err e = {0};

	if (!text)
		return;
	if (url_parse_address(&address, text, &e) < 0) {
		settings_file_mistake(r->file, node, "%s", e.text);
		return;
	}
	to->text = settings_table_copy(r, text);
	to->host = settings_table_copy(r, address.host);
	to->port = address.port;
	to->line = node->line;
}

/* ---- listen ---- */

static void settings_read_listen_address(struct settings_reader *r,
					 const struct settings_node *node, void *to)
{
	settings_read_address(r, node, to);
}

static void settings_refuse_tls(struct settings_reader *r, const struct settings_node *node,
				void *to)
{
	(void)to;
	settings_file_mistake(r->file, node,
			      "TLS is not yet supported by this version; remove it, or put a "
			      "server that speaks TLS in front");
}

static const struct settings_key settings_listen_keys[] = {
	{.name = "address",
	 .type = SETTINGS_CUSTOM,
	 .required = true,
	 .custom = settings_read_listen_address,
	 .form = "ADDRESS:PORT",
	 .help = ""},
	{.name = "tls", .type = SETTINGS_CUSTOM, .hidden = true, .custom = settings_refuse_tls},
};

static const struct settings_table settings_listen_table = {SETTINGS_KEYS(settings_listen_keys),
							    sizeof(struct settings_address), NULL};

void settings_read_listen(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings *s = to;
	size_t count =
		node->kind == SETTINGS_MAP ? 1 : settings_item_count(r, node, SETTINGS_LISTEN_MAX);
	struct settings_address *at = settings_table_alloc(r, count, sizeof(*at));
	const struct settings_node *item = settings_item_first(node);

	if (!at)
		return;
	s->listen = at;
	s->listen_count = count;
	for (; item; item = settings_item_next(node, item), at++) {
		if (item->kind == SETTINGS_MAP)
			settings_table_read(r, &settings_listen_table, item, at);
		else
			settings_read_address(r, item, at);
	}
}

void settings_read_admin(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings *s = to;

	if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "off") == 0) {
		s->admin = (struct settings_address){.text = "off", .line = node->line};
		return;
	}
	settings_read_address(r, node, &s->admin);
}

/* ---- Others' ---- */

void settings_read_networks(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *item = settings_item_first(node);

	if (node->kind == SETTINGS_LIST && node->count == 0)
		return;
	if (settings_item_count(r, node, SETTINGS_NETWORKS_MAX) == 0)
		return;
	for (; item; item = settings_item_next(node, item)) {
		struct cidr range;

		if (item->kind == SETTINGS_SCALAR && !item->null &&
		    cidr_parse(&range, item->text) < 0)
			settings_file_mistake(
				r->file, item,
				"\"%.60s\" is no network; write one like 10.0.0.0/8 or "
				"fd00::/8",
				item->text);
	}
	settings_table_strings(r, node, to); /* which notes what is no text */
}

void settings_read_urls(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *item = settings_item_first(node);

	if (settings_item_count(r, node, SETTINGS_URLS_MAX) == 0)
		return;
	for (; item; item = settings_item_next(node, item)) {
		struct err e = {0};
		struct url url;

		if (item->kind == SETTINGS_SCALAR && !item->null &&
		    url_parse(&url, item->text, &e) < 0)
			settings_file_mistake(r->file, item, "%s", e.text);
	}
	settings_table_strings(r, node, to); /* which notes what is no text */
}
