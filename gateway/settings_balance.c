/* settings_balance: the `balance` key of a service. */
#include "gateway/balance.h"
#include "gateway/settings_parts.h"

#include <string.h>

#define HOUR_MS (3600 * UINT64_C(1000))

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

/* ---- Of a map ---- */

static void settings_read_kind(struct settings_reader *r, const struct settings_node *node,
			       void *to)
{
	struct settings_balance *balance = to;

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

static void settings_read_hash(struct settings_reader *r, const struct settings_node *node,
			       void *to)
{
	struct settings_balance *balance = to;

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

static void settings_read_cookie(struct settings_reader *r, const struct settings_node *node,
				 void *to)
{
	const char *text = settings_table_text(r, node);

	if (text && !http_is_token(text, strlen(text)))
		settings_file_mistake(r->file, node,
				      "\"%.60s\" can't be a cookie's name; write one like instance",
				      text);
	else if (text)
		((struct settings_sticky *)to)->cookie = settings_table_copy(r, text);
}

/* RFC 6265 4.1.1: no control characters and no semicolon. */
static void settings_read_cookie_path(struct settings_reader *r, const struct settings_node *node,
				      void *to)
{
	const char *text = settings_table_text(r, node);
	bool wrong = text && *text != '/';

	for (const char *at = text; at && *at; at++)
		wrong |= *at <= ' ' || *at > '~' || *at == ';';
	if (wrong)
		settings_file_mistake(r->file, node,
				      "\"%.60s\" can't be a cookie's path; write one like /shop",
				      text);
	else if (text)
		((struct settings_sticky *)to)->path = settings_table_copy(r, text);
}

static const struct settings_name settings_same_sites[] = {
	{"lax", SAME_SITE_LAX}, {"strict", SAME_SITE_STRICT}, {"none", SAME_SITE_NONE}, {NULL, 0}};

static const struct settings_name settings_secures[] = {
	{"auto", SECURE_AUTO}, {"true", SECURE_ALWAYS}, {"false", SECURE_NEVER}, {NULL, 0}};

static const struct settings_key settings_sticky_keys[] = {
	{.name = "cookie",
	 .type = SETTINGS_CUSTOM,
	 .required = true,
	 .custom = settings_read_cookie,
	 .form = "name",
	 .help = "The cookie's name"},
	{.name = "key",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_sticky, key),
	 .min = 16,
	 .max = 256,
	 .form = "text",
	 .help = "Secret that the cookie's value is made with, the same in all gateways; without "
		 "it, who guesses an instance's id can tell by the cookie that it is right"},
	{.name = "ttl",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_sticky, ttl_ms),
	 .fallback_shown = "until the browser ends",
	 .min = 1000,
	 .max = 366 * 24 * HOUR_MS,
	 .help = "How long a client keeps its instance, from the reply that sets the cookie on"},
	{.name = "path",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "/",
	 .custom = settings_read_cookie_path,
	 .form = "/path",
	 .help = "For which paths clients send it"},
	{.name = "secure",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_sticky, secure),
	 .fallback = "auto",
	 .names = settings_secures,
	 .help = "Over TLS only; `auto`: when the client came so"},
	{.name = "http_only",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_sticky, http_only),
	 .fallback = "true",
	 .help = "Hidden from scripts"},
	{.name = "same_site",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_sticky, same_site),
	 .fallback = "lax",
	 .names = settings_same_sites,
	 .help = "Whether it comes with requests from other sites' pages"},
};

static void settings_sticky_done(struct settings_reader *r, const struct settings_node *map,
				 void *to)
{
	const struct settings_sticky *sticky = to;

	if (map && sticky->same_site == SAME_SITE_NONE && sticky->secure == SECURE_NEVER)
		settings_file_mistake(r->file, map,
				      "browsers refuse same_site: none without secure; remove "
				      "secure: false");
}

static const struct settings_table settings_sticky_table = {
	SETTINGS_KEYS(settings_sticky_keys), sizeof(struct settings_sticky), settings_sticky_done};

static const struct settings_key settings_balance_keys[] = {
	{.name = "kind",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_kind,
	 .fallback_shown = "round_robin",
	 .form = "`round_robin`, `least_request` or `random`",
	 .help = "How an instance is chosen"},
	{.name = "hash",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_hash,
	 .form = "`client` (its address), `path`, `{header: NAME}` or `{cookie: NAME}`",
	 .help = "In the place of `kind`: requests that have this in common go to the same "
		 "instance"},
	{.name = "sticky",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_balance, sticky),
	 .table = &settings_sticky_table,
	 .help = "A cookie brings clients back to their instance while it takes requests; then "
		 "another one is chosen, and told by a new cookie"},
};

static void settings_balance_done(struct settings_reader *r, const struct settings_node *map,
				  void *to)
{
	(void)to;
	if (settings_node_get(map, "kind") && settings_node_get(map, "hash"))
		settings_file_mistake(r->file, map,
				      "kind and hash are both here; remove one of them");
}

const struct settings_table settings_balance_table = {SETTINGS_KEYS(settings_balance_keys),
						      sizeof(struct settings_balance),
						      settings_balance_done};

void settings_read_balance(struct settings_reader *r, const struct settings_node *node, void *to)
{
	if (node->kind == SETTINGS_MAP)
		settings_table_read(r, &settings_balance_table, node, to);
	else
		settings_read_kind(r, node, to);
}
