/* setup: the table of keys. The reference is printed from it. */
#include "registry/setup.h"
#include "common/daemon.h"
#include "common/instance.h"
#include "common/settings_table.h"
#include "common/settings_token.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETUP_ARENA_MAX = 4 << 20 };

static const struct settings_name setup_levels[] = {
	{"debug", LOG_DEBUG}, {"info", LOG_INFO}, {"warn", LOG_WARN},
	{"error", LOG_ERROR}, {NULL, 0},
};

static const struct settings_key setup_log_keys[] = {
	{.name = "level",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct setup_log, level),
	 .fallback = "info",
	 .names = setup_levels,
	 .help = "what is logged to standard error: this and worse"},
};

static const struct settings_table setup_log_table = {SETTINGS_KEYS(setup_log_keys),
						      sizeof(struct setup_log), NULL};

static const struct settings_key setup_limits_keys[] = {
	{.name = "instances",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, instances),
	 .fallback = "1000000",
	 .min = 1,
	 .max = 10000000,
	 .help = "registered at once, expired records included; one more is fault 429"},
	{.name = "services",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, services),
	 .fallback = "100000",
	 .min = 1,
	 .max = 10000000,
	 .help = "known at once; one more is fault 429"},
	{.name = "consumers",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, consumers),
	 .fallback = "100000",
	 .min = 1,
	 .max = 10000000,
	 .help = "of all gateways, kept at once; one more is fault 429"},
	{.name = "watchers",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, watchers),
	 .fallback = "5000",
	 .min = 1,
	 .max = 1000000,
	 .help = "watches that wait at once; one more is fault 429"},
	{.name = "connections",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, connections),
	 .fallback = "10000",
	 .min = 1,
	 .max = 1000000,
	 .help = "open at once; more wait to be accepted"},
	{.name = "quotas",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, quotas),
	 .fallback = "1000000",
	 .min = 1,
	 .max = 10000000,
	 .help = "callers whose use of a quota is counted, each for each period; what more of them "
		 "use only their own gateways count"},
	{.name = "connections_per_address",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, connections_per_address),
	 .fallback = "0",
	 .max = 1000000,
	 .help = "open at once from one address; one more is closed; 0: any number"},
	{.name = "calls_per_address",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_limits, calls_per_address),
	 .fallback = "0",
	 .max = 1000000,
	 .help = "calls a second from one address (IPv6: one /64), and as many at once, a "
		 "system.multicall being one; one more is fault 429; 0: any number"},
	{.name = "answers",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct setup_limits, answers_bytes),
	 .fallback = "64MiB",
	 .max = UINT64_C(1) << 40,
	 .help = "memory for answers to lookups and watches, so that those of a service that has "
		 "not "
		 "changed are not written again; 0 keeps none"},
};

static const struct settings_table setup_limits_table = {SETTINGS_KEYS(setup_limits_keys),
							 sizeof(struct setup_limits), NULL};

static const struct settings_key setup_history_keys[] = {
	{.name = "events",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_history, events),
	 .fallback = "100000",
	 .max = 10000000,
	 .help = "kept at most; 0: no history"},
	{.name = "age",
	 .type = SETTINGS_MS64,
	 .at = offsetof(struct setup_history, age_ms),
	 .fallback = "168h",
	 .min = 1000,
	 .help = "how long an event is kept at most"},
};

static const struct settings_table setup_history_table = {SETTINGS_KEYS(setup_history_keys),
							  sizeof(struct setup_history), NULL};

static const struct settings_key setup_checks_keys[] = {
	{.name = "interval",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct setup_checks, interval_ms),
	 .fallback = "5s",
	 .min = 50,
	 .max = 3600000,
	 .help = "how often instances of original clients, and those with a check, are asked"},
	{.name = "timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct setup_checks, timeout_ms),
	 .fallback = "1s",
	 .min = 10,
	 .max = 60000,
	 .help = "how long an answer may take, where the check does not say"},
	{.name = "failures",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_checks, failures),
	 .fallback = "2",
	 .min = 1,
	 .max = 100,
	 .help = "in a row mark an instance of an original client down; one success brings it "
		 "back"},
	{.name = "rise",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_checks, rise),
	 .fallback = "2",
	 .min = 1,
	 .max = 100,
	 .help = "successes in a row bring an instance with a check back that was down; its first "
		 "one "
		 "makes it up"},
	{.name = "fall",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup_checks, fall),
	 .fallback = "3",
	 .min = 1,
	 .max = 100,
	 .help = "failures in a row mark an instance with a check down"},
	{.name = "keep",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct setup_checks, keep_ms),
	 .fallback = "24h",
	 .min = 1,
	 .help = "how long an instance of an original client is kept while it is down"},
};

static const struct settings_table setup_checks_table = {SETTINGS_KEYS(setup_checks_keys),
							 sizeof(struct setup_checks), NULL};

static const struct settings_key setup_tls_keys[] = {
	{.name = "cert",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct httpd_tls_names, cert),
	 .required = true,
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "the certificate and those between it and its CA, PEM"},
	{.name = "key",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct httpd_tls_names, key),
	 .required = true,
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "its private key, PEM, without a password"},
	{.name = "client_ca",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct httpd_tls_names, client_ca),
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "only clients with a certificate of this CA may call, PEM"},
};

static const struct settings_table setup_tls_table = {SETTINGS_KEYS(setup_tls_keys),
						      sizeof(struct httpd_tls_names), NULL};

static const struct settings_key setup_token_keys[] = {
	{.name = "name",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct access_token, name),
	 .required = true,
	 .min = 1,
	 .max = INSTANCE_NAME_MAX,
	 .help = "who has it, as the history and the log call them"},
	{.name = "role",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct access_token, role),
	 .fallback = "read",
	 .names = access_roles,
	 .help = "read: lookups and watches; gateway: those, quotas, and the consumers with the "
		 "hashes of their keys; register: reads, and instances of `services`; admin: all"},
	{.name = "services",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct access_token, services),
	 .fallback_shown = "every service",
	 .max = 100,
	 .help = "what the role register covers: names, in which * stands for any characters"},
	{.name = "calls",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct access_token, calls),
	 .fallback = "0",
	 .max = 1000000,
	 .help = "a second, and as many at once; one more is fault 429; 0: any number"},
	{.name = "hash",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct access_token, hash_text),
	 .required = true,
	 .min = 1,
	 .max = 100,
	 .help = "\"sha256:\" and 64 hex digits, as `microreg-registry --new-token NAME` prints "
		 "it; the secret itself is kept nowhere"},
};

static void setup_token_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct access_token *token = to;
	const struct settings_token checked = {token->name, token->hash_text, token->hash,
					       "microreg-registry"};
	const struct settings_node *node = settings_node_get(map, "services");

	settings_token_check(r, map, &checked);
	for (size_t i = 0; i < token->services.count; i++)
		if (strspn(token->services.items[i],
			   "*._-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") !=
		    strlen(token->services.items[i]))
			settings_file_mistake(r->file, node,
					      "\"%.80s\"; names of services, with * for any "
					      "characters",
					      token->services.items[i]);
	if (node && token->role != ACCESS_REGISTER)
		settings_file_mistake(r->file, node,
				      "only the role register has services; role: register, or "
				      "leave them out");
}

static const struct settings_table setup_token_table = {
	SETTINGS_KEYS(setup_token_keys), sizeof(struct access_token), setup_token_done};

static const struct settings_key setup_keys[] = {
	{.name = "listen",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct setup, listen),
	 .fallback = "127.0.0.1:8000",
	 .min = 1,
	 .max = 100,
	 .help = "the address of XML-RPC, /health and /metrics; port 0: any free one"},
	{.name = "data_dir",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct setup, data_dir),
	 .fallback_shown = "/var/lib/microreg where writable, else ./microreg-data",
	 .min = 1,
	 .max = 1000,
	 .help = "where registry.db and backups are kept; made when missing"},
	{.name = "insecure",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct setup, insecure),
	 .fallback = "false",
	 .help = "listen on other addresses than this machine's own without access control"},
	{.name = "threads",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct setup, threads),
	 .fallback = "2",
	 .min = 1,
	 .max = 64,
	 .help = "that read calls and answer lookups"},
	{.name = "legacy_strict",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct setup, legacy_strict),
	 .fallback = "false",
	 .help = "answer false, as the original did, when an original client registers a name that "
		 "is taken; else it adds an instance"},
	{.name = "tls",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct setup, tls),
	 .table = &setup_tls_table,
	 .help = "speak TLS at the door; without it HTTP"},
	{.name = "tokens",
	 .type = SETTINGS_LISTED,
	 .at = offsetof(struct setup, tokens),
	 .count_at = offsetof(struct setup, token_count),
	 .table = &setup_token_table,
	 .max = ACCESS_TOKENS_MAX,
	 .help = "who may call; without any, whoever reaches the door may do everything"},
	{.name = "limits",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct setup, limits),
	 .table = &setup_limits_table,
	 .help = "what may be there at most"},
	{.name = "history",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct setup, history),
	 .table = &setup_history_table,
	 .help = "how far back registry.history and lookups of then go"},
	{.name = "checks",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct setup, checks),
	 .table = &setup_checks_table,
	 .help = "asking instances whether they are there"},
	{.name = "log",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct setup, log),
	 .table = &setup_log_table,
	 .help = "what the registry tells its operator"},
};

static void setup_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	const struct setup *settings = to;
	const struct settings_node *node = settings_node_get(map, "listen");
	struct url_address address;
	struct err e;

	if (settings->token_count)
		settings_token_check_names(r, settings_node_get(map, "tokens"),
					   &settings->tokens[0].name, sizeof(settings->tokens[0]),
					   settings->token_count);
	if (settings->listen && url_parse_address(&address, settings->listen, &e) < 0)
		settings_file_mistake(r->file, node ? node : map, "%s", e.text);
}

static const struct settings_table setup_table = {SETTINGS_KEYS(setup_keys), sizeof(struct setup),
						  setup_done};

struct setup *setup_read(const char *name, struct buf *mistakes)
{
	struct setup *settings = calloc(1, sizeof(*settings));
	struct settings_file *file =
		name ? settings_file_read(name) : settings_file_read_text("defaults", "", 0);
	struct settings_reader reader = {.file = file};

	if (!settings || !file) {
		(void)buf_puts(mistakes, "out of memory\n"); /* failing here says the same */
		goto fail;
	}
	arena_init(&settings->arena, SETUP_ARENA_MAX);
	reader.arena = &settings->arena;
	if (file->root)
		settings_table_read(&reader, &setup_table, file->root, settings);
	if (settings_file_has_mistakes(file)) {
		settings_file_print_mistakes(file, mistakes);
		goto fail;
	}
	settings_file_free(&file);
	return settings;
fail:
	settings_file_free(&file);
	setup_free(&settings);
	return NULL;
}

void setup_free(struct setup **settings)
{
	if (!*settings)
		return;
	arena_fini(&(*settings)->arena);
	free(*settings);
	*settings = NULL;
}

const char *setup_data_dir(void)
{
	return access("/var/lib/microreg", W_OK | X_OK) == 0 ? "/var/lib/microreg"
							     : "./microreg-data";
}

static bool setup_is_loopback(const struct url_address *address)
{
	return address->ipv6 ? strcmp(address->host, "::1") == 0
			     : strncmp(address->host, "127.", 4) == 0;
}

bool setup_is_local(const struct setup *settings)
{
	struct url_address address;
	struct err e;

	return url_parse_address(&address, settings->listen, &e) == 0 &&
	       setup_is_loopback(&address);
}

int setup_address(const struct setup *settings, struct url_address *out, struct err *e)
{

	if (url_parse_address(out, settings->listen, e) < 0) {
		e->code = DAEMON_EXIT_SETTINGS;
		return -1;
	}
	if (setup_is_loopback(out) || settings->insecure || settings->token_count ||
	    settings->tls.client_ca)
		return 0;
	return err_code(
		e, DAEMON_EXIT_LISTEN,
		"won't listen on %s: anybody who reaches it could change the registry; give "
		"tokens in the settings (see --new-token), listen on 127.0.0.1, or say "
		"--insecure where the network keeps strangers out",
		settings->listen);
}

void setup_print_reference(struct buf *out)
{
	settings_table_print(&setup_table, out);
}
