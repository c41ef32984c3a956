/* report: what a gateway tells the registry of its use (registry.report), and what it hears. */
#include "client-lib/call.h"
#include "client-lib/handle.h"
#include "common/arena.h"
#include "common/rpc.h"

#include <limits.h>
#include <string.h>

enum { REPORT_USES_MAX = 100000, REPORT_QUOTAS_MAX = 500, REPORT_ARENA_MAX = 16 << 20 };

/* ---- Out ---- */

/* XML-RPC's ints end there. */
static int report_int(unsigned number)
{
	return (int)(number & INT_MAX);
}

static xmlrpc_value *report_build_uses(xmlrpc_env *env, const struct microreg_report *report)
{
	xmlrpc_value *array = rpc_new_array(env);

	for (size_t i = 0; i < report->count && !env->fault_occurred; i++) {
		const struct microreg_use *from = &report->uses[i];
		xmlrpc_value *use = rpc_new_struct(env);

		rpc_set_string(env, use, "service", from->service);
		rpc_set_string(env, use, "id", from->id);
		rpc_set_int(env, use, "in_flight", report_int(from->in_flight));
		rpc_set_int(env, use, "failures", report_int(from->failures));
		rpc_append(env, array, rpc_built(env, use));
	}
	return rpc_built(env, array);
}

static xmlrpc_value *report_build_quotas(xmlrpc_env *env, const struct microreg_report *report)
{
	xmlrpc_value *array = rpc_new_array(env);

	for (size_t i = 0; i < report->quota_count && !env->fault_occurred; i++) {
		const struct microreg_quota *from = &report->quotas[i];
		xmlrpc_value *quota = rpc_new_struct(env);

		rpc_set_string(env, quota, "name", from->name);
		rpc_set_string(env, quota, "key", from->key);
		rpc_set_string(env, quota, "period", from->period);
		rpc_set_int(env, quota, "used", report_int(from->used));
		rpc_set_int(env, quota, "quota", report_int(from->quota));
		rpc_append(env, array, rpc_built(env, quota));
	}
	return rpc_built(env, array);
}

static xmlrpc_value *report_build(const struct microreg *m, const struct microreg_report *report)
{
	xmlrpc_value *param, *watcher;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	param = rpc_new_struct(&env);
	watcher = rpc_new_struct(&env);
	rpc_set_string(&env, watcher, "name", m->name);
	rpc_set_string(&env, watcher, "kind", m->kind);
	rpc_set_value(&env, param, "watcher", rpc_built(&env, watcher));
	rpc_set_string(&env, param, "revision", report->revision ? report->revision : "");
	if (report->uses || !report->sender)
		rpc_set_value(&env, param, "instances", report_build_uses(&env, report));
	if (report->sender) {
		rpc_set_string(&env, param, "sender", report->sender);
		rpc_set_int(&env, param, "sequence", report_int(report->sequence));
		rpc_set_value(&env, param, "quotas", report_build_quotas(&env, report));
	}
	param = rpc_built(&env, param);
	xmlrpc_env_clean(&env);
	return param;
}

/* ---- In ---- */

struct report_total {
	const char *name, *key, *period;
	int used;
	bool counted;
};

#define REPORT(member) .name = #member, .offset = offsetof(struct report_total, member)

static const struct rpc_field report_total_fields[] = {
	{REPORT(name), .type = RPC_STRING, .required = true},
	{REPORT(key), .type = RPC_STRING, .required = true},
	{REPORT(period), .type = RPC_STRING, .required = true},
	{REPORT(used), .type = RPC_INT, .required = true},
	{REPORT(counted), .type = RPC_BOOL, .required = true},
};

struct report_reply {
	xmlrpc_value *quotas;
	int gateways;
};

static const struct rpc_field report_fields[] = {
	{.name = "quotas",
	 .type = RPC_ARRAY,
	 .required = true,
	 .offset = offsetof(struct report_reply, quotas)},
	{.name = "gateways",
	 .type = RPC_INT,
	 .required = true,
	 .offset = offsetof(struct report_reply, gateways)},
};

/* They come in the order in which they were sent. -1 with the reason. */
static int report_read_total(xmlrpc_value *item, struct arena *arena, struct microreg_quota *quota,
			     struct err *reason)
{
	struct report_total total = {0};

	if (rpc_read_reply("registry.report: quotas", item, report_total_fields,
			   sizeof(report_total_fields) / sizeof(report_total_fields[0]), arena,
			   &total, reason) < 0)
		return -1;
	if (strcmp(total.name, quota->name) != 0 || strcmp(total.key, quota->key) != 0 ||
	    strcmp(total.period, quota->period) != 0)
		return err_set(reason, "registry.report: quotas: not those that were asked about");
	quota->total = (unsigned)total.used;
	quota->counted = total.counted;
	return 0;
}

static int report_read(xmlrpc_value *result, struct microreg_report *report, struct err *reason)
{
	struct report_reply reply = {0};
	struct arena arena;
	xmlrpc_env env;
	int failed;

	arena_init(&arena, REPORT_ARENA_MAX);
	xmlrpc_env_init(&env);
	failed =
		rpc_read_reply("registry.report", result, report_fields, 2, &arena, &reply, reason);
	if (!failed && xmlrpc_array_size(&env, reply.quotas) != (int)report->quota_count)
		failed = err_set(reason, "registry.report: quotas: fewer or more than were sent");
	for (size_t i = 0; !failed && i < report->quota_count; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, reply.quotas, (unsigned)i, &item);
		failed = item ? report_read_total(item, &arena, &report->quotas[i], reason)
			      : err_set(reason, "out of memory");
		if (item)
			xmlrpc_DECREF(item);
	}
	report->gateways = (unsigned)reply.gateways;
	xmlrpc_env_clean(&env);
	arena_fini(&arena);
	return failed;
}

/* ---- Both ---- */

int microreg_report_quotas(struct microreg *registry, struct microreg_report *report,
			   struct microreg_error *error)
{
	xmlrpc_value *param, *result = NULL;
	struct err reason = {0};
	int failed;

	error_clear(error);
	if (!registry || !report || report->count > REPORT_USES_MAX ||
	    report->quota_count > REPORT_QUOTAS_MAX)
		return error_set(
			error, MICROREG_BAD_ARGUMENT,
			"registry or report: NULL, or count over %d, or quota_count over %d",
			REPORT_USES_MAX, REPORT_QUOTAS_MAX);
	if ((report->count && !report->uses) || (report->quota_count && !report->quotas))
		return error_set(error, MICROREG_BAD_ARGUMENT, "report: uses or quotas: NULL");
	if (report->sender ? !report->sequence : report->quota_count != 0)
		return error_set(error, MICROREG_BAD_ARGUMENT,
				 "report: quotas need a sender and a sequence from 1");
	param = report_build(registry, report);
	if (!param)
		return error_memory(error);
	failed = call_run(registry,
			  &(struct call){.method = "registry.report",
					 .param = param,
					 .timeout_ms = registry->timeout_ms,
					 .reply_max = CALL_REPLY_SMALL},
			  &result, error);
	xmlrpc_DECREF(param);
	if (failed)
		return failed;
	if (report->sender && report_read(result, report, &reason) < 0)
		failed = call_bad_reply(registry, reason.text, error);
	xmlrpc_DECREF(result);
	return failed;
}

int microreg_report(struct microreg *registry, const char *revision,
		    const struct microreg_use *uses, size_t count, struct microreg_error *error)
{
	return microreg_report_quotas(
		registry,
		&(struct microreg_report){.revision = revision, .uses = uses, .count = count},
		error);
}
