/* table: built once per reload. */
#include "gateway/table.h"
#include "gateway/bridge_signature.h"
#include "gateway/consumers.h"
#include "gateway/tally.h"
#include "gateway/gateway.h"
#include "gateway/issuer.h"
#include "gateway/openapi.h"
#include "gateway/programs.h"
#include "gateway/tls.h"
#include "gateway/tls_origin.h"
#include "gateway/signer.h"

#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t table_serials;

static int table_add_services(struct table *table, struct services *services)
{
	const struct settings *settings = table->settings;

	table->services = calloc(settings->service_count + 1, sizeof(struct service *));
	if (!table->services)
		return -1;
	for (size_t i = 0; i < settings->service_count; i++) {
		table->services[i] = services_get(services, settings->services[i].name);
		if (!table->services[i])
			return -1;
	}
	return 0;
}

static int table_add_rows(struct table *table, struct services *services)
{
	const struct settings *settings = table->settings;

	table->tallies = services_tallies(services);
	tallies_set_max(table->tallies, settings->limits.metrics);
	table->rows = calloc(settings->route_count + 1, sizeof(struct tally_row *));
	if (!table->rows)
		return -1;
	for (size_t i = 0; i < settings->route_count; i++)
		table->rows[i] =
			tallies_hold(table->tallies, TALLY_ROUTE, "", settings->routes[i].name);
	return 0;
}

struct tally *table_tally(const struct table *table, const struct settings_route *route,
			  unsigned worker)
{
	return &table->rows[route - table->settings->routes]->tallies[worker];
}

static int table_add_doors(struct table *table, struct err *e)
{
	const struct settings *settings = table->settings;

	table->doors = calloc(settings->listen_count + 1, sizeof(struct tls_door *));
	if (!table->doors)
		return err_set(e, "route table: out of memory");
	for (size_t i = 0; i < settings->listen_count; i++) {
		if (!settings->listen[i].tls.count)
			continue;
		table->doors[i] = tls_door_new(&settings->listen[i].tls, e);
		if (!table->doors[i])
			return -1;
	}
	return 0;
}

static int table_add_issuers(struct table *table, struct issuers *all, struct err *e)
{
	const struct settings *settings = table->settings;

	table->issuers = calloc(settings->issuer_count + 1, sizeof(struct issuer *));
	if (!table->issuers)
		return err_set(e, "route table: out of memory");
	for (size_t i = 0; i < settings->issuer_count; i++) {
		table->issuers[i] = issuer_get(all, &settings->issuers[i], e);
		if (!table->issuers[i])
			return -1;
	}
	return 0;
}

static bool table_is_plain(const struct settings_origin_tls *tls)
{
	return !tls->ca && !tls->server_name && !tls->pair.cert && tls->verify;
}

/* A context costs more than a service, so those that say nothing have one together. */
static int table_add_origins(struct table *table, struct err *e)
{
	const struct settings *settings = table->settings;
	struct tls_origin *usual = NULL;

	table->origins = calloc(settings->service_count + 1, sizeof(struct tls_origin *));
	if (!table->origins)
		return err_set(e, "route table: out of memory");
	for (size_t i = 0; i < settings->service_count; i++) {
		const struct settings_origin_tls *tls = &settings->services[i].tls;

		if (usual && table_is_plain(tls)) {
			table->origins[i] = tls_origin_ref(usual);
			continue;
		}
		table->origins[i] = tls_origin_new(tls, e);
		if (!table->origins[i])
			return -1;
		if (table_is_plain(tls))
			usual = table->origins[i];
	}
	return 0;
}

/* Only when a route shows it. */
static int table_add_openapi(struct table *table, struct err *e)
{
	const struct settings *settings = table->settings;

	for (size_t i = 0; i < settings->route_count && !table->openapi; i++)
		if (settings->routes[i].openapi && !(table->openapi = openapi_new(settings, e)))
			return -1;
	return 0;
}

static int table_add_signer(struct table *table, struct err *e)
{
	if (table->settings->sign.key_file)
		table->signer = signer_new(&table->settings->sign, e);
	return table->settings->sign.key_file && !table->signer ? -1 : 0;
}

uint64_t table_next_serial(void)
{
	return atomic_fetch_add_explicit(&table_serials, 1, memory_order_relaxed);
}

struct table *table_new(struct settings *settings, const struct gateway *gateway, struct err *e)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table) {
		settings_free(&settings);
		(void)err_set(e, "route table: out of memory");
		return NULL;
	}
	atomic_init(&table->refs, 1);
	table->serial = table_next_serial();
	table->settings = settings;
	table->router = router_new(settings->routes, settings->route_count, e);
	table->consumers = consumers_new(settings->consumers, settings->consumer_count);
	table->signatures = bridge_signatures_new(settings->route_count);
	if (!table->router || !table->consumers || !table->signatures ||
	    table_add_services(table, gateway->services) < 0 ||
	    table_add_rows(table, gateway->services) < 0) {
		(void)err_set(e, "route table: out of memory");
		table_unref(&table);
		return NULL;
	}
	if (table_add_doors(table, e) < 0 || table_add_origins(table, e) < 0 ||
	    table_add_issuers(table, gateway->issuers, e) < 0 || table_add_signer(table, e) < 0 ||
	    !(table->programs = programs_new(table->settings, e)) ||
	    table_add_openapi(table, e) < 0)
		table_unref(&table);
	return table;
}

/* Its place in the settings; their count: it is not there any more. */
static size_t table_find(const struct table *table, const struct settings_address *address)
{
	const struct settings *settings = table->settings;
	size_t i = 0;

	for (; i < settings->listen_count; i++) {
		const struct settings_address *there = &settings->listen[i];

		if (there->port == address->port && there->rank == address->rank &&
		    strcmp(there->host, address->host) == 0)
			break;
	}
	return i;
}

struct tls_door *table_door(const struct table *table, const struct settings_address *address)
{
	size_t i = table_find(table, address);

	return i < table->settings->listen_count ? table->doors[i] : NULL;
}

unsigned table_to_https(const struct table *table, const struct settings_address *address)
{
	size_t i = table_find(table, address);

	return i < table->settings->listen_count ? table->settings->listen[i].to_https : 0;
}

bool table_trusts(const struct table *table, const struct sockaddr_storage *peer)
{
	const struct settings_networks *trusted = &table->settings->trusted_proxies;

	for (size_t i = 0; i < trusted->count; i++)
		if (cidr_contains(&trusted->items[i], (const struct sockaddr *)peer))
			return true;
	return false;
}

struct table *table_ref(struct table *table)
{
	(void)atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
	return table;
}

void table_unref(struct table **table)
{
	struct table *t = *table;

	*table = NULL;
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; t->doors && i < t->settings->listen_count; i++)
		tls_door_unref(&t->doors[i]);
	free(t->doors);
	for (size_t i = 0; t->origins && i < t->settings->service_count; i++)
		tls_origin_unref(&t->origins[i]);
	free(t->origins);
	for (size_t i = 0; t->rows && i < t->settings->route_count; i++)
		tallies_release(t->tallies, &t->rows[i]);
	free(t->rows);
	openapi_free(&t->openapi);
	programs_free(&t->programs);
	router_free(&t->router);
	signer_free(&t->signer);
	consumers_free(&t->consumers);
	bridge_signatures_free(&t->signatures);
	for (size_t i = 0; t->issuers && i < t->settings->issuer_count; i++)
		issuer_unref(&t->issuers[i]);
	free(t->issuers);
	settings_free(&t->settings);
	free(t->services);
	free(t);
}
