/* settings_admin: the admin door: where it is, who may come, by what certificate. */
#include "common/instance.h"
#include "common/settings_token.h"
#include "gateway/settings_parts.h"

#include <string.h>

enum { SETTINGS_ADMIN_TOKENS_MAX = 1000 };

/* ---- tls ---- */

/* The files are read here too, so that --check finds what is wrong with them. */
static void settings_admin_tls_done(struct settings_reader *r, const struct settings_node *map,
				    void *to)
{
	const struct httpd_tls_names *names = to;
	struct httpd_tls tls;
	struct err e;

	if (!map || !names->cert || !names->key) /* noted already */
		return;
	if (httpd_tls_load(&tls, names, &e) < 0)
		settings_file_mistake(r->file, map, "%s", e.text);
	httpd_tls_fini(&tls);
}

static const struct settings_key settings_admin_tls_keys[] = {
	{.name = "cert",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct httpd_tls_names, cert),
	 .required = true,
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "File with the certificate and those that lead to the root, PEM"},
	{.name = "key",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct httpd_tls_names, key),
	 .required = true,
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "File with its private key, PEM"},
	{.name = "client_ca",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct httpd_tls_names, client_ca),
	 .fallback_shown = "none: clients need no certificate",
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "File with the roots that certificates of clients must lead to, PEM"},
};

static const struct settings_table settings_admin_tls_table = {
	SETTINGS_KEYS(settings_admin_tls_keys), sizeof(struct httpd_tls_names),
	settings_admin_tls_done};

/* ---- tokens ---- */

static const struct settings_name settings_admin_roles[] = {
	{"read", ADMIN_ROLE_READ}, {"admin", ADMIN_ROLE_ADMIN}, {NULL, 0}};

static const struct settings_key settings_admin_token_keys[] = {
	{.name = "name",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_admin_token, name),
	 .required = true,
	 .min = 1,
	 .max = INSTANCE_NAME_MAX,
	 .help = "Who has it, as the log calls them"},
	{.name = "role",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_admin_token, role),
	 .fallback = "read",
	 .names = settings_admin_roles,
	 .help = "`read`: every page; `admin`: changes too"},
	{.name = "hash",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_admin_token, hash_text),
	 .required = true,
	 .min = 1,
	 .max = 100,
	 .help = "\"sha256:\" and 64 hex digits, as `microreg-gateway --new-token NAME` prints it; "
		 "the secret itself is kept nowhere"},
};

static void settings_admin_token_done(struct settings_reader *r, const struct settings_node *map,
				      void *to)
{
	struct settings_admin_token *token = to;
	const struct settings_token checked = {token->name, token->hash_text, token->hash,
					       "microreg-gateway"};

	settings_token_check(r, map, &checked);
}

static const struct settings_table settings_admin_token_table = {
	SETTINGS_KEYS(settings_admin_token_keys), sizeof(struct settings_admin_token),
	settings_admin_token_done};

/* ---- The door ---- */

static const struct settings_name settings_admin_open_names[] = {{"health", ADMIN_OPEN_HEALTH},
								 {"ready", ADMIN_OPEN_READY},
								 {"metrics", ADMIN_OPEN_METRICS},
								 {"none", 0},
								 {NULL, 0}};

static const struct settings_key settings_admin_keys[] = {
	{.name = "address",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_admin, address),
	 .fallback = "127.0.0.1:8081",
	 .custom = settings_read_address,
	 .form = "ADDRESS:PORT",
	 .help = "Where the operator is listened to; the same as the text alone"},
	{.name = "tls",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_admin, tls),
	 .table = &settings_admin_tls_table,
	 .help = "TLS 1.2 and 1.3; files are read again on every reload"},
	{.name = "tokens",
	 .type = SETTINGS_LISTED,
	 .at = offsetof(struct settings_admin, tokens),
	 .count_at = offsetof(struct settings_admin, token_count),
	 .table = &settings_admin_token_table,
	 .max = SETTINGS_ADMIN_TOKENS_MAX,
	 .help = "Who may come, by `Authorization: Bearer` or the password of Basic; without any, "
		 "whoever reaches the door may read everything and change nothing"},
	{.name = "open",
	 .type = SETTINGS_FLAGS,
	 .at = offsetof(struct settings_admin, open),
	 .fallback = "health, ready",
	 .names = settings_admin_open_names,
	 .help = "Pages that no token is needed for"},
	{.name = "failures",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_admin, failures),
	 .fallback = "30",
	 .max = 10000,
	 .help = "Tokens that are none, a minute from one address (IPv6: one /64); then it is "
		 "answered 429 whatever it shows; 0: any number"},
	{.name = "insecure",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_admin, insecure),
	 .fallback = "false",
	 .help = "Listen on other addresses than this machine's own without tokens or "
		 "`client_ca`"},
};

static void settings_admin_done(struct settings_reader *r, const struct settings_node *map,
				void *to)
{
	const struct settings_admin *admin = to;

	if (admin->token_count)
		settings_token_check_names(r, settings_node_get(map, "tokens"),
					   &admin->tokens[0].name, sizeof(admin->tokens[0]),
					   admin->token_count);
}

const struct settings_table settings_admin_table = {
	SETTINGS_KEYS(settings_admin_keys), sizeof(struct settings_admin), settings_admin_done};

static bool settings_admin_is_local(const struct settings_admin *admin)
{
	const char *host = admin->address.host;

	return strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

void settings_read_admin(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_admin *admin = to;

	if (node->kind == SETTINGS_SCALAR && strcmp(node->text, "off") == 0) {
		admin->address = (struct settings_address){.text = "off", .line = node->line};
		return;
	}
	/* Of a text: what is the default of a map's other keys. */
	settings_table_read(r, &settings_admin_table, node->kind == SETTINGS_MAP ? node : NULL,
			    admin);
	if (node->kind != SETTINGS_MAP) {
		admin->address = (struct settings_address){0};
		settings_read_address(r, node, &admin->address);
	}
	if (admin->address.host && !settings_admin_is_local(admin) && !admin->insecure &&
	    !admin->token_count && !admin->tls.client_ca)
		settings_file_mistake(
			r->file, node,
			"anybody who reaches %s could read everything about the gateway; give "
			"`tokens` (see --new-token), listen on 127.0.0.1, or say `insecure: true` "
			"where the network keeps strangers out",
			admin->address.text);
}
