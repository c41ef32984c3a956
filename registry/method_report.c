/* method_report: registry.report: what a gateway uses, and has seen fail. */
#include "common/clock.h"
#include "registry/blame.h"
#include "registry/catalog.h"
#include "registry/drain.h"
#include "registry/method.h"
#include "registry/method_quota.h"
#include "registry/method_watcher.h"

enum { REPORT_MAX = 1000 };

struct report {
	const char *revision, *sender;
	int sequence;
	xmlrpc_value *watcher, *instances, *quotas;
};

struct report_use {
	const char *service, *id;
	int in_flight, failures;
};

static const struct rpc_field report_fields[] = {
	{.name = "watcher",
	 .type = RPC_STRUCT,
	 .required = true,
	 .offset = offsetof(struct report, watcher)},
	{.name = "revision",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct report, revision),
	 .max = 128},
	{.name = "instances",
	 .type = RPC_ARRAY,
	 .offset = offsetof(struct report, instances),
	 .max = REPORT_MAX},
	{.name = "sender",
	 .type = RPC_STRING,
	 .offset = offsetof(struct report, sender),
	 .min = 1,
	 .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_text_is_valid},
	{.name = "sequence",
	 .type = RPC_INT,
	 .offset = offsetof(struct report, sequence),
	 .min = 1},
	{.name = "quotas",
	 .type = RPC_ARRAY,
	 .offset = offsetof(struct report, quotas),
	 .max = REPORT_QUOTAS_MAX},
};

static const struct rpc_field report_use_fields[] = {
	{.name = "service",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct report_use, service),
	 .min = 1,
	 .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_service_is_valid},
	{.name = "id",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct report_use, id),
	 .min = 1,
	 .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_id_is_valid},
	{.name = "in_flight", .type = RPC_INT, .offset = offsetof(struct report_use, in_flight)},
	{.name = "failures", .type = RPC_INT, .offset = offsetof(struct report_use, failures)},
};

/* The array's structs in the call's arena; NULL with `e` set. */
static struct drain_use *report_uses(struct call *call, xmlrpc_value *list, size_t *count,
				     struct err *e)
{
	struct drain_use *uses = NULL;
	xmlrpc_env env;
	int n;

	xmlrpc_env_init(&env);
	n = xmlrpc_array_size(&env, list);
	*count = n > 0 ? (size_t)n : 0;
	uses = arena_zalloc(&call->arena, (*count + 1) * sizeof(*uses));
	if (!uses)
		(void)err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
	for (size_t i = 0; uses && i < *count; i++) {
		struct report_use use = {0};
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, list, (unsigned)i, &item);
		if (env.fault_occurred) {
			uses = NULL;
			(void)err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
			break;
		}
		if (rpc_read_struct("registry.report: instances", item, report_use_fields, 4,
				    &call->arena, &use, e) < 0)
			uses = NULL;
		else
			uses[i] = (struct drain_use){use.service, use.id, (unsigned)use.in_flight};
		if (uses && use.failures > 0)
			blame_note(call->registry->blame, use.service, use.id,
				   (unsigned)use.failures, clock_ms());
		xmlrpc_DECREF(item); /* the array keeps it */
	}
	xmlrpc_env_clean(&env);
	return uses;
}

static void report_answer(struct call *call)
{
	struct catalog *catalog = call->registry->catalog;
	char revision[CATALOG_POSITION_SIZE];
	struct catalog_position now;
	xmlrpc_value *out;
	xmlrpc_env env;

	now.at = now.base = catalog_revision(catalog);
	catalog_position_print(catalog, now, revision);
	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	rpc_set_string(&env, out, "revision", revision);
	call_answer_env(call, &env, out);
}

void method_report(struct call *call)
{
	struct catalog_position position;
	struct quotas_report *quotas = NULL;
	struct watcher watcher;
	struct report report = {0};
	struct drain_use *uses = NULL;
	struct err e = {0};
	size_t count = 0;

	if (!call_params(call, report_fields, sizeof(report_fields) / sizeof(report_fields[0]),
			 &report))
		return;
	if (report.quotas) {
		quotas = quota_read_report(call, report.quotas, report.sender, report.sequence, &e);
		if (!quotas) {
			call_err(call, &e);
			return;
		}
	}
	if (report.instances)
		uses = report_uses(call, report.instances, &count, &e);
	else if (!report.quotas)
		(void)err_code(&e, RPC_FAULT_PARAMS, "registry.report: instances is missing");
	if ((!uses && !report.quotas) || e.code ||
	    watcher_read("registry.report: watcher", report.watcher, &call->arena, &watcher, &e) <
		    0) {
		call_err(call, &e);
		return;
	}
	if (uses && catalog_position_parse(call->registry->catalog, report.revision, &position))
		drain_report(call->registry->drain, watcher.name, position.at, uses, count,
			     clock_ms());
	if (quotas)
		quota_run_report(call, quotas);
	else
		report_answer(call);
}
