/* settings_addresses: what the file says of addresses: where to listen, whom to trust, whom to ask.
 */
#include "gateway/settings_parts.h"

#include "common/cidr.h"
#include "common/url.h"
#include "gateway/tls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	SETTINGS_CERTIFICATES_MAX = 256,
	SETTINGS_LISTEN_MAX = 64,
	SETTINGS_URLS_MAX = 16,
	SETTINGS_NETWORKS_MAX = 1024
};

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

void settings_read_address(struct settings_reader *r, const struct settings_node *node, void *out)
{
	struct settings_address *to = out;
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

static const struct settings_key settings_certificate_keys[] = {
	{.name = "cert",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_certificate, cert),
	 .required = true,
	 .help = "File with the certificate and those that lead to the root, PEM"},
	{.name = "key",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_certificate, key),
	 .required = true,
	 .help = "File with its private key, PEM"},
};

static const struct settings_table settings_certificate_table = {
	SETTINGS_KEYS(settings_certificate_keys), sizeof(struct settings_certificate), NULL};

/* ---- hsts ---- */

#define HOUR_MS (3600 * UINT64_C(1000))

static const struct settings_key settings_hsts_keys[] = {
	{.name = "max_age",
	 .type = SETTINGS_MS64,
	 .at = offsetof(struct settings_hsts, max_age_ms),
	 .fallback = "8760h",
	 .max = 17520 * HOUR_MS,
	 .help = "How long browsers remember it; 0s has them forget it"},
	{.name = "subdomains",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_hsts, subdomains),
	 .fallback = "false",
	 .help = "It also holds for every name below"},
	{.name = "preload",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_hsts, preload),
	 .fallback = "false",
	 .help = "Browsers may have it built in (hstspreload.org)"},
};

static void settings_hsts_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct settings_hsts *hsts = to;
	char text[80];

	if (!map)
		return;
	(void)snprintf(text, sizeof(text), "max-age=%" PRId64 "%s%s", hsts->max_age_ms / 1000,
		       hsts->subdomains ? "; includeSubDomains" : "",
		       hsts->preload ? "; preload" : "");
	hsts->text = settings_table_copy(r, text);
}

static const struct settings_table settings_hsts_table = {
	SETTINGS_KEYS(settings_hsts_keys), sizeof(struct settings_hsts), settings_hsts_done};

/* `cert` and `key` go before the list, which may be missing. */
static void settings_join_certificates(struct settings_reader *r, struct settings_tls *tls)
{
	struct settings_certificate *items =
		settings_table_alloc(r, tls->count + 1, sizeof(*items));

	if (!items)
		return;
	items[0] = tls->first;
	if (tls->count)
		memcpy(items + 1, tls->items, tls->count * sizeof(*items));
	tls->items = items;
	tls->count++;
}

/* The files are read here too, so that --check finds what is wrong with them. */
static void settings_check_tls(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct settings_tls *tls = to;
	struct tls_door *door;
	struct err e = {0};

	if (!map)
		return;
	if (!tls->first.cert != !tls->first.key) {
		settings_file_mistake(r->file, map, "`cert` and `key` go together; write both");
		return;
	}
	if (tls->first.cert)
		settings_join_certificates(r, tls);
	if (!tls->count) {
		settings_file_mistake(r->file, map,
				      "there is no certificate; write `cert` and `key`");
		return;
	}
	for (size_t i = 0; i < tls->count; i++)
		if (!tls->items[i].cert || !tls->items[i].key)
			return; /* noted already */
	door = tls_door_new(tls, &e);
	if (!door)
		settings_file_mistake(r->file, map, "%s", e.text);
	tls_door_unref(&door);
}

static const struct settings_key settings_tls_keys[] = {
	{.name = "cert",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_tls, first.cert),
	 .help = "File with the certificate and those that lead to the root, PEM"},
	{.name = "key",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_tls, first.key),
	 .help = "File with its private key, PEM"},
	{.name = "certificates",
	 .type = SETTINGS_LISTED,
	 .at = offsetof(struct settings_tls, items),
	 .count_at = offsetof(struct settings_tls, count),
	 .max = SETTINGS_CERTIFICATES_MAX,
	 .table = &settings_certificate_table,
	 .help = "More certificates; the first that is for the name a client asks for is shown, "
		 "else the first of all"},
	{.name = "client_ca",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_tls, client_ca),
	 .fallback_shown = "none: clients need no certificate",
	 .help = "File with the roots that certificates of clients must lead to, PEM"},
	{.name = "hsts",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_tls, hsts),
	 .table = &settings_hsts_table,
	 .help = "Answers tell browsers to come by https only (Strict-Transport-Security); `{}` "
		 "is enough"},
};

static const struct settings_table settings_tls_table = {
	SETTINGS_KEYS(settings_tls_keys), sizeof(struct settings_tls), settings_check_tls};

static const struct settings_key settings_listen_keys[] = {
	{.name = "address",
	 .type = SETTINGS_CUSTOM,
	 .required = true,
	 .custom = settings_read_address,
	 .form = "ADDRESS:PORT",
	 .help = "The same as the text alone, when there is more to say of it"},
	{.name = "tls",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_address, tls),
	 .table = &settings_tls_table,
	 .help = "TLS 1.2 and 1.3 on this address; files are read again on every reload"},
	{.name = "to_https",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_address, to_https),
	 .max = 65535,
	 .form = "port",
	 .fallback_shown = "0: routes answer",
	 .help = "Whatever is asked here is sent on, by 308, to the same URL with https and this "
		 "port, usually 443"},
	{.name = "proxy_protocol",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_address, proxy_protocol),
	 .fallback = "false",
	 .help = "Whether each connection begins with the PROXY protocol's header, version 1 or 2, "
		 "which tells the client's address; only `trusted_proxies` may connect then"},
};

static void settings_listen_done(struct settings_reader *r, const struct settings_node *map,
				 void *to)
{
	const struct settings_address *address = to;

	if (map && address->to_https && address->tls.count)
		settings_file_mistake(r->file, map,
				      "`to_https` is for addresses without `tls`; remove one");
}

const struct settings_table settings_listen_table = {
	SETTINGS_KEYS(settings_listen_keys), sizeof(struct settings_address), settings_listen_done};

/* Port 0 is another port for each, so that is what tells them apart. */
static void settings_rank_listen(struct settings_address *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i && !all[i].port && all[i].host; k++)
			all[i].rank += !all[k].port && all[k].host &&
				       strcmp(all[k].host, all[i].host) == 0;
}

void settings_read_listen(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings *s = to;
	size_t count =
		node->kind == SETTINGS_MAP ? 1 : settings_item_count(r, node, SETTINGS_LISTEN_MAX);
	struct settings_address *all = settings_table_alloc(r, count, sizeof(*all)), *at = all;
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
	settings_rank_listen(all, count);
}

/* ---- Others' ---- */

void settings_read_networks(struct settings_reader *r, const struct settings_node *node, void *to)
{
	const struct settings_node *item = settings_item_first(node);
	struct settings_networks *networks = to;
	struct cidr *items;
	size_t n = 0;

	if (node->kind == SETTINGS_LIST && node->count == 0)
		return;
	items = settings_table_alloc(r, settings_item_count(r, node, SETTINGS_NETWORKS_MAX),
				     sizeof(*items));
	for (; items && item; item = settings_item_next(node, item)) {
		const char *text = settings_table_text(r, item);

		if (text && cidr_parse(&items[n], text) == 0)
			n++;
		else if (text)
			settings_file_mistake(
				r->file, item,
				"\"%.60s\" is no network; write one like 10.0.0.0/8 or "
				"fd00::/8",
				text);
	}
	*networks = (struct settings_networks){items, n};
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
