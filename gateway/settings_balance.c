/* settings_balance: the `balance` key of a service. */
#include "gateway/balance.h"
#include "gateway/settings_parts.h"

#include <string.h>

static const char settings_balance_forms[] =
	"write round_robin, least_request, random, or {hash: client}, {hash: path}, "
	"{hash: {header: NAME}}, {hash: {cookie: NAME}}";

/* `header: NAME` or `cookie: NAME`. */
static void settings_read_hash_name(struct settings_reader *r, const struct settings_node *node,
				    struct settings_balance *balance)
{
	const struct settings_node *key = node->first;
	const char *text;

	if (node->count != 1 ||
	    (strcmp(key->key, "header") != 0 && strcmp(key->key, "cookie") != 0)) {
		settings_file_mistake(r->file, node, "this is no key to hash; %s",
				      settings_balance_forms);
		return;
	}
	text = settings_table_text(r, key);
	if (!text)
		return;
	if (!http_is_token(text, strlen(text))) {
		settings_file_mistake(r->file, key,
				      "\"%.60s\" can't be a name here; write one like X-User",
				      text);
		return;
	}
	balance->by = strcmp(key->key, "header") == 0 ? HASH_BY_HEADER : HASH_BY_COOKIE;
	balance->name = settings_table_copy(r, text);
}

static void settings_read_hash(struct settings_reader *r, const struct settings_node *node,
			       struct settings_balance *balance)
{
	balance->kind = BALANCE_HASH;
	if (node->kind == SETTINGS_MAP)
		settings_read_hash_name(r, node, balance);
	else if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "client") == 0)
		balance->by = HASH_BY_CLIENT;
	else if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "path") == 0)
		balance->by = HASH_BY_PATH;
	else
		settings_file_mistake(r->file, node, "this is no key to hash; %s",
				      settings_balance_forms);
}

void settings_read_balance(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_balance *balance = to;
	const struct settings_node *hash = settings_node_get(node, "hash");

	if (hash && node->count == 1) {
		settings_read_hash(r, hash, balance);
		return;
	}
	for (unsigned i = 0; node->kind == SETTINGS_SCALAR && i < BALANCE_KIND_COUNT; i++)
		if (i != BALANCE_HASH && strcmp(node->text, balance_algorithms[i].name) == 0) {
			balance->kind = (enum settings_balance_kind)i;
			return;
		}
	if (node->kind == SETTINGS_SCALAR)
		settings_file_mistake(r->file, node, "\"%.60s\" is no way to balance; %s",
				      node->text, settings_balance_forms);
	else
		settings_file_mistake(r->file, node, "this is no way to balance; %s",
				      settings_balance_forms);
}
