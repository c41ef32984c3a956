/* explain_service: where a service runs, and which instances are left out. */
#include "client-lib/microreg.h"
#include "common/instance.h"
#include "gateway/endpoint.h"
#include "gateway/explain.h"
#include "gateway/registry.h"

#include <string.h>

enum { EXPLAIN_REGISTRY_MS = 3000, EXPLAIN_INSTANCES_MAX = 50 };

/* Failures of writing stick in the buf, here and below. */
static void explain_address(const char *host, uint16_t port, struct buf *out)
{
	bool v6 = strchr(host, ':') != NULL;

	(void)buf_printf(out, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", (unsigned)port);
}

static void explain_listed(const struct settings_service *service, struct buf *out)
{
	(void)buf_puts(out, "instances, from the settings:\n");
	for (size_t i = 0; i < service->instance_count && i < EXPLAIN_INSTANCES_MAX; i++)
		(void)buf_printf(out, "  %s  weight %u  takes requests\n",
				 service->instances[i].text, service->instances[i].weight);
	if (service->instance_count > EXPLAIN_INSTANCES_MAX)
		(void)buf_printf(out, "  and %zu more\n",
				 service->instance_count - EXPLAIN_INSTANCES_MAX);
}

static bool explain_instance(const struct microreg_instance *in, struct buf *out)
{
	bool up = strcmp(in->status, "up") == 0, served = instance_scheme_is_served(in->scheme);

	(void)buf_printf(out, "  %s  %s", in->id, strcmp(in->scheme, "https") ? "" : "https://");
	explain_address(in->host, in->port, out);
	(void)buf_printf(out, "  weight %u  %s", in->weight,
			 up && served ? "takes requests" : "left out: ");
	if (!up)
		(void)buf_printf(out, "it is %s", in->status);
	else if (!served)
		(void)buf_printf(out, "its scheme is %s", in->scheme);
	if (in->detail[0])
		(void)buf_printf(out, " (%s)", in->detail);
	(void)buf_puts(out, "\n");
	return up && served;
}

static void explain_instances(const struct microreg_service *found, struct buf *out)
{
	size_t used = 0;

	if (!found->count) {
		(void)buf_printf(out, "instances: the registry has none (%s)\n",
				 found->reason[0] ? found->reason : "no reason given");
		return;
	}
	(void)buf_printf(out, "instances, from the registry at revision %s:\n", found->revision);
	for (size_t i = 0; i < found->count && i < EXPLAIN_INSTANCES_MAX; i++)
		used += explain_instance(&found->instances[i], out);
	if (found->count > EXPLAIN_INSTANCES_MAX)
		(void)buf_printf(out, "  and %zu more\n", found->count - EXPLAIN_INSTANCES_MAX);
	else if (!used)
		(void)buf_puts(out, endpoint_is_panic(found)
					    ? "  none is up: those down by checks are tried\n"
					    : "  none takes requests\n");
	if (found->held)
		(void)buf_puts(out, "  the registry holds expiry back: some may be gone\n");
	(void)buf_puts(out, "  a running gateway also leaves out, for a while, instances that keep "
			    "failing\n");
}

static void explain_where(const struct settings *settings, const struct settings_service *service,
			  struct buf *out)
{
	static const char *const all[] = {"up", "starting", "draining", "maintenance", "down"};
	const struct microreg_query query = {.service = service->name,
					     .status = all,
					     .status_count = sizeof(all) / sizeof(all[0])};
	const struct microreg_service *found = NULL;
	struct microreg_error error = {0};
	char name[REGISTRY_NAME_SIZE];
	struct microreg *handle;
	struct err e = {0};

	if (service->instance_count) {
		explain_listed(service, out);
		return;
	}
	registry_name(name);
	handle = registry_connect(&settings->registry, name, EXPLAIN_REGISTRY_MS, NULL, &e);
	if (handle)
		found = microreg_lookup(handle, &query, &error);
	if (found)
		explain_instances(found, out);
	else if (error.code == MICROREG_UNKNOWN)
		(void)buf_puts(out, "instances: the registry does not know the service\n");
	else
		(void)buf_printf(out, "instances: the registry can't be asked: %s%s%s\n",
				 handle ? error.text : e.text,
				 settings->registry.snapshot
					 ? "; a gateway that starts now takes those of "
					 : "",
				 settings->registry.snapshot ? settings->registry.snapshot : "");
	microreg_service_unref(&found);
	microreg_close(&handle);
}

/* How its instances must show who they are; only where there are such, or something is said. */
static void explain_tls(const struct settings_service *service, struct buf *out)
{
	const struct settings_origin_tls *tls = &service->tls;
	bool any = tls->ca || tls->server_name || tls->pair.cert || !tls->verify;

	for (size_t i = 0; i < service->instance_count && !any; i++)
		any = service->instances[i].https;
	if (!any)
		return;
	(void)buf_printf(out, "  over https %s%s%s%s%s\n",
			 tls->verify ? "certificates must lead to " : "any certificate will do",
			 !tls->verify ? ""
			 : tls->ca    ? tls->ca
				      : "the system's roots",
			 tls->server_name ? ", for the name " : "",
			 tls->server_name ? tls->server_name : "",
			 tls->pair.cert ? "; the gateway shows its own" : "");
}

void explain_service(const struct settings *settings, const struct settings_service *service,
		     struct buf *out)
{
	explain_where(settings, service, out);
	explain_tls(service, out);
	if (service->balance.sticky.cookie)
		(void)buf_printf(out, "  the cookie %s brings clients back to their instance\n",
				 service->balance.sticky.cookie);
	(void)buf_printf(out, "  at most %u requests at once; %u more wait for at most %u ms\n",
			 service->max_in_flight, service->max_waiting, service->max_wait_ms);
	if (service->max_per_instance)
		(void)buf_printf(out, "  at most %u of them at one instance\n",
				 service->max_per_instance);
}
