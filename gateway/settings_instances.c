/*
 * settings_instances: where the instances of a service are, when the file says
 * so, and how connections to them are made and kept.
 */
#include "gateway/settings_parts.h"

#include "common/instance.h"
#include "common/url.h"
#include "gateway/tls_origin.h"

#include <string.h>
#include <sys/un.h>

enum { SETTINGS_INSTANCES_MAX = 10000 };

#define HOUR_MS (3600 * UINT64_C(1000))

/* "unix:/run/app.sock", as nginx has it. */
static void settings_read_socket(struct settings_reader *r, const struct settings_node *node,
				 const char *text, struct settings_instance *instance)
{
	const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
	const char *path = text + strlen("unix:");

	if (path[0] != '/' || path[1] == '/')
		settings_file_mistake(
			r->file, node,
			"\"%.200s\" names no socket; write unix: and its whole path, like "
			"unix:/run/app.sock",
			text);
	else if (strlen(path) > max)
		settings_file_mistake(r->file, node,
				      "\"%.200s\": the path of a socket has at most %zu bytes",
				      text, max);
	else
		instance->host = settings_table_copy(r, path);
}

static void settings_read_instance_url(struct settings_reader *r, const struct settings_node *node,
				       void *to)
{
	struct settings_instance *instance = to;
	const char *text = settings_table_text(r, node);
	struct err e = {0};
	struct url url;

	if (!text)
		return;
	instance->text = settings_table_copy(r, text);
	if (strncmp(text, "unix:", 5) == 0) {
		settings_read_socket(r, node, text, instance);
		return;
	}
	if (url_parse(&url, text, &e) < 0) {
		settings_file_mistake(r->file, node, "%s", e.text);
		return;
	}
	if (url.path[0] && url.path[1])
		settings_file_mistake(
			r->file, node,
			"\"%.200s\" has a path, but an instance is asked for the path "
			"of the request; write http%s://HOST:PORT",
			text, url.tls ? "s" : "");
	instance->host = settings_table_copy(r, url.host);
	instance->port = url.port;
	instance->https = url.tls;
}

static const struct settings_key settings_instance_keys[] = {
	{.name = "url",
	 .type = SETTINGS_CUSTOM,
	 .required = true,
	 .custom = settings_read_instance_url,
	 .form = "http://HOST:PORT, https://HOST:PORT or unix:/PATH",
	 .help = "Where it runs"},
	{.name = "weight",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_instance, weight),
	 .fallback = "1",
	 .min = 1,
	 .max = INSTANCE_WEIGHT_MAX,
	 .help = "Its share of the requests, beside that of the others"},
	{.name = "zone",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_instance, zone),
	 .min = 1,
	 .max = INSTANCE_TEXT_MAX,
	 .form = "text",
	 .help = "Where it is; see the gateway's `zone`"},
};

const struct settings_table settings_instance_table = {SETTINGS_KEYS(settings_instance_keys),
						       sizeof(struct settings_instance), NULL};

void settings_read_instances(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_service *service = to;
	struct settings_instance *at;

	if (node->kind != SETTINGS_LIST || node->count > SETTINGS_INSTANCES_MAX) {
		settings_file_mistake(r->file, node,
				      "this is no list of at most %d addresses; write "
				      "[\"http://HOST:PORT\", …]",
				      SETTINGS_INSTANCES_MAX);
		return;
	}
	at = settings_table_alloc(r, node->count, sizeof(*at));
	if (!at)
		return;
	service->instances = at;
	service->instance_count = node->count;
	for (const struct settings_node *item = node->first; item; item = item->next, at++) {
		at->weight = 1;
		if (item->kind == SETTINGS_MAP)
			settings_table_read(r, &settings_instance_table, item, at);
		else
			settings_read_instance_url(r, item, at);
	}
}

/* ---- How they are connected to ---- */

static const struct settings_key settings_pool_keys[] = {
	{.name = "idle",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_pool, idle),
	 .fallback = "1024",
	 .max = 100000,
	 .help = "Idle connections kept to each instance, per worker; 0: each request has one of "
		 "its own"},
	{.name = "idle_timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_pool, idle_ms),
	 .fallback = "4s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "How long one is kept idle, when the instance says nothing of it (`Keep-Alive: "
		 "timeout=N`); shorter than the instance does, or requests meet connections that "
		 "just ended"},
	{.name = "max_age",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_pool, max_age_ms),
	 .fallback = "1h",
	 .max = 24 * HOUR_MS,
	 .help = "How old one may become, so that a host whose addresses change is looked up "
		 "again; 0s: any"},
	{.name = "max_requests",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_pool, max_requests),
	 .fallback = "0",
	 .max = 1000000000,
	 .help = "How many requests one may serve; 0: any"},
};

const struct settings_table settings_pool_table = {SETTINGS_KEYS(settings_pool_keys),
						   sizeof(struct settings_pool), NULL};

/* The files are read here too, so that --check finds what is wrong with them. */
static void settings_check_origin_tls(struct settings_reader *r, const struct settings_node *map,
				      void *to)
{
	const struct settings_origin_tls *tls = to;
	struct tls_origin *origin;
	struct err e = {0};

	if (!map)
		return;
	if (!tls->pair.cert != !tls->pair.key) {
		settings_file_mistake(r->file, map, "`cert` and `key` go together; write both");
		return;
	}
	if (tls->server_name && !instance_host_is_valid(tls->server_name)) {
		settings_file_mistake(
			r->file, map,
			"server_name: \"%.200s\" is neither a host name nor an address",
			tls->server_name);
		return;
	}
	if (tls->ca && !tls->verify)
		settings_file_mistake(r->file, map,
				      "`ca` is not looked at with `verify: false`; remove one");
	origin = tls_origin_new(tls, &e);
	if (!origin)
		settings_file_mistake(r->file, map, "%s", e.text);
	tls_origin_unref(&origin);
}

static const struct settings_key settings_origin_tls_keys[] = {
	{.name = "ca",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_origin_tls, ca),
	 .fallback_shown = "the system's roots",
	 .help = "File with the roots that certificates of the instances must lead to, PEM"},
	{.name = "server_name",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_origin_tls, server_name),
	 .min = 1,
	 .max = INSTANCE_HOST_MAX,
	 .fallback_shown = "the instance's host",
	 .help = "The name or address that their certificates must be for, and that is asked for "
		 "(SNI)"},
	{.name = "cert",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_origin_tls, pair.cert),
	 .fallback_shown = "none is shown",
	 .help = "File with the gateway's own certificate, for instances that ask for one, and "
		 "those that lead to its root, PEM"},
	{.name = "key",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_origin_tls, pair.key),
	 .help = "File with its private key, PEM"},
	{.name = "verify",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_origin_tls, verify),
	 .fallback = "true",
	 .help = "`false`: whatever certificate is shown will do, also that of whoever listens in "
		 "between"},
};

const struct settings_table settings_origin_tls_table = {SETTINGS_KEYS(settings_origin_tls_keys),
							 sizeof(struct settings_origin_tls),
							 settings_check_origin_tls};
