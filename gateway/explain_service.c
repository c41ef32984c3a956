/* explain_service: where a service runs, and which instances are left out. */
#include "client-lib/microreg.h"
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
	bool up = strcmp(in->status, "up") == 0, plain = strcmp(in->scheme, "http") == 0;

	(void)buf_printf(out, "  %s  ", in->id);
	explain_address(in->host, in->port, out);
	(void)buf_printf(out, "  weight %u  %s", in->weight,
			 up && plain ? "takes requests" : "left out: ");
	if (!up)
		(void)buf_printf(out, "it is %s", in->status);
	else if (!plain)
		(void)buf_printf(out, "its scheme is %s", in->scheme);
	if (in->detail[0])
		(void)buf_printf(out, " (%s)", in->detail);
	(void)buf_puts(out, "\n");
	return up && plain;
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
		(void)buf_printf(out, "instances: the registry can't be asked: %s\n",
				 handle ? error.text : e.text);
	microreg_service_unref(&found);
	microreg_close(&handle);
}

void explain_service(const struct settings *settings, const struct settings_service *service,
		     struct buf *out)
{
	explain_where(settings, service, out);
	if (service->balance.sticky.cookie)
		(void)buf_printf(out, "  the cookie %s brings clients back to their instance\n",
				 service->balance.sticky.cookie);
	(void)buf_printf(out, "  at most %u requests at once; %u more wait for at most %u ms\n",
			 service->max_in_flight, service->max_waiting, service->max_wait_ms);
}
