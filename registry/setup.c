/* setup: the table of keys. The reference is printed from it. */
#include "registry/setup.h"
#include "common/daemon.h"
#include "common/settings_table.h"

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
	 .help = "in a row mark an instance down"},
	{.name = "keep",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct setup_checks, keep_ms),
	 .fallback = "24h",
	 .min = 1,
	 .help = "how long an instance of an original client is kept while it is down"},
};

static const struct settings_table setup_checks_table = {SETTINGS_KEYS(setup_checks_keys),
							 sizeof(struct setup_checks), NULL};

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
	{.name = "limits",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct setup, limits),
	 .table = &setup_limits_table,
	 .help = "what may be there at most"},
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

int setup_address(const struct setup *settings, struct url_address *out, struct err *e)
{
	bool loopback;

	if (url_parse_address(out, settings->listen, e) < 0) {
		e->code = DAEMON_EXIT_SETTINGS;
		return -1;
	}
	loopback = out->ipv6 ? strcmp(out->host, "::1") == 0 : strncmp(out->host, "127.", 4) == 0;
	if (loopback || settings->insecure)
		return 0;
	return err_code(
		e, DAEMON_EXIT_LISTEN,
		"won't listen on %s: anybody who reaches it could change the registry; listen "
		"on 127.0.0.1, or say --insecure where the network keeps strangers out",
		settings->listen);
}

void setup_print_reference(struct buf *out)
{
	settings_table_print(&setup_table, out);
}
