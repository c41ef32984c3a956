/* method_quota: quotas in registry.report; registry.quota_list and registry.quota_reset. */
#include "registry/method_quota.h"
#include "common/clock.h"
#include "common/period.h"
#include "common/rpc_write.h"
#include "registry/catalog.h"
#include "registry/drain.h"
#include "registry/note.h"
#include "registry/quotas.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

enum { QUOTA_LIST_MAX = 1000, QUOTA_DEFAULT_LIST = 100 };

static bool quota_is_period(const char *text)
{
	struct period period;

	return period_parse(&period, text) == 0;
}

#define QUOTA_NAME_FIELDS(of)                                                                     \
	{.name = "name",                                                                          \
	 .type = RPC_STRING,                                                                      \
	 .required = true,                                                                        \
	 .offset = offsetof(of, name),                                                            \
	 .min = 1,                                                                                \
	 .max = QUOTAS_NAME_MAX,                                                                  \
	 .is_valid = instance_text_is_valid},                                                     \
	{                                                                                         \
		.name = "key", .type = RPC_STRING, .required = true, .offset = offsetof(of, key), \
		.min = 1, .max = QUOTAS_KEY_MAX, .is_valid = instance_text_is_valid               \
	}

/* XML-RPC's ints end there. */
static int quota_int(uint64_t number)
{
	return number < INT_MAX ? (int)number : INT_MAX;
}

static void quota_write(struct buf *to, const struct store_quota *quota)
{
	rpc_write_set_string(to, "name", quota->name);
	rpc_write_set_string(to, "key", quota->key);
	rpc_write_set_string(to, "period", quota->period);
	rpc_write_set_int(to, "used", quota_int(quota->used));
	rpc_write_set_int(to, "left",
			  quota_int(quota->used < quota->quota ? quota->quota - quota->used : 0));
}

/* ---- report ---- */

struct quota_use {
	const char *name, *key, *period;
	int used, quota;
};

static const struct rpc_field quota_use_fields[] = {
	QUOTA_NAME_FIELDS(struct quota_use),
	{.name = "period",
	 .type = RPC_STRING,
	 .required = true,
	 .offset = offsetof(struct quota_use, period),
	 .is_valid = quota_is_period,
	 .allowed = "a day or a month, like \"2026-01-31\" or \"2026-01\""},
	{.name = "used",
	 .type = RPC_INT,
	 .required = true,
	 .offset = offsetof(struct quota_use, used)},
	{.name = "quota",
	 .type = RPC_INT,
	 .required = true,
	 .offset = offsetof(struct quota_use, quota),
	 .min = 1},
};

static int quota_read_use(struct call *call, xmlrpc_value *list, size_t i, struct quotas_use *out,
			  struct err *e)
{
	struct quota_use use = {0};
	xmlrpc_value *item = NULL;
	xmlrpc_env env;
	int failed;

	xmlrpc_env_init(&env);
	xmlrpc_array_read_item(&env, list, (unsigned)i, &item);
	if (env.fault_occurred)
		failed = err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
	else
		failed = rpc_read_struct("registry.report: quotas", item, quota_use_fields,
					 sizeof(quota_use_fields) / sizeof(quota_use_fields[0]),
					 &call->arena, &use, e);
	if (item)
		xmlrpc_DECREF(item); /* the array keeps it */
	xmlrpc_env_clean(&env);
	*out = (struct quotas_use){.name = use.name,
				   .key = use.key,
				   .period = use.period,
				   .used = (unsigned)use.used,
				   .quota = (unsigned)use.quota};
	return failed;
}

struct quotas_report *quota_read_report(struct call *call, xmlrpc_value *list, const char *sender,
					int sequence, struct err *e)
{
	struct quotas_report *report = arena_zalloc(&call->arena, sizeof(*report));
	xmlrpc_env env;
	int n;

	if (!sender || sequence < 1) {
		(void)err_code(e, RPC_FAULT_PARAMS,
			       "registry.report: quotas: %s is missing: it tells a report that "
			       "comes again from a new one",
			       sender ? "sequence" : "sender");
		return NULL;
	}
	xmlrpc_env_init(&env);
	n = xmlrpc_array_size(&env, list);
	xmlrpc_env_clean(&env);
	if (report && n > 0) {
		report->count = (size_t)n;
		report->uses = arena_zalloc(&call->arena, report->count * sizeof(*report->uses));
		report->items = arena_zalloc(&call->arena, report->count * sizeof(*report->items));
	}
	if (!report || (report->count && (!report->uses || !report->items))) {
		(void)err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
		return NULL;
	}
	if (report->count && !call_has_role(call, "registry.report: quotas", ACCESS_GATEWAY, e))
		return NULL;
	report->quotas = call->registry->quotas;
	report->sender = sender;
	report->sequence = sequence;
	report->owner = call;
	for (size_t i = 0; i < report->count; i++)
		if (quota_read_use(call, list, i, &report->uses[i], e) < 0)
			return NULL;
	return report;
}

static void quota_report_finish(struct quotas_report *report)
{
	struct call *call = report->owner;
	struct catalog_position now;
	char revision[CATALOG_POSITION_SIZE];
	struct buf *to = &call->text;

	if (report->op.err.code) {
		call_err(call, &report->op.err);
		return;
	}
	now.at = now.base = catalog_revision(call->registry->catalog);
	catalog_position_print(call->registry->catalog, now, revision);
	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_set_string(to, "revision", revision);
	rpc_write_set_int(to, "gateways",
			  quota_int(drain_gateways(call->registry->drain, clock_ms())));
	rpc_write_member(to, "quotas");
	rpc_write_array(to);
	for (size_t i = 0; i < report->count; i++) {
		const struct quotas_use *use = &report->uses[i];

		rpc_write_struct(to);
		quota_write(to, &(struct store_quota){.name = use->name,
						      .key = use->key,
						      .period = use->period,
						      .used = use->total,
						      .quota = use->quota});
		rpc_write_set_bool(to, "counted", use->counted);
		rpc_write_struct_end(to);
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

void quota_run_report(struct call *call, struct quotas_report *report)
{
	struct err e = {0};

	report->wall_ms = clock_wall_ms();
	report->finish = quota_report_finish;
	call_suspend(call);
	if (quotas_report(call->registry->writer, report, &e) < 0)
		call_err(call, &e);
}

/* ---- quota_list ---- */

struct quota_list {
	const char *name, *key;
	int limit;
};

static const struct rpc_field quota_list_fields[] = {
	{.name = "name",
	 .type = RPC_STRING,
	 .offset = offsetof(struct quota_list, name),
	 .min = 1,
	 .max = QUOTAS_NAME_MAX},
	{.name = "key",
	 .type = RPC_STRING,
	 .offset = offsetof(struct quota_list, key),
	 .min = 1,
	 .max = QUOTAS_KEY_MAX},
	{.name = "limit",
	 .type = RPC_INT,
	 .offset = offsetof(struct quota_list, limit),
	 .min = 1,
	 .max = QUOTA_LIST_MAX,
	 .allowed = "an int from 1 to 1000"},
};

static void quota_list_write(void *arg, const struct store_quota *quota)
{
	struct buf *to = arg;

	rpc_write_struct(to);
	quota_write(to, quota);
	rpc_write_set_int(to, "quota", (int)quota->quota);
	rpc_write_struct_end(to);
}

void method_quota_list(struct call *call)
{
	struct quota_list want = {.limit = QUOTA_DEFAULT_LIST};
	struct quotas_query query;
	struct buf *to = &call->text;

	if (call_param_count(call) && !call_params(call, quota_list_fields, 3, &want))
		return;
	if (!call_takes_room(call, (size_t)want.limit))
		return;
	query = (struct quotas_query){want.name, want.key, (size_t)want.limit};
	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_member(to, "quotas");
	rpc_write_array(to);
	if (quotas_list(call->registry->quotas, &query, quota_list_write, to) < 0) {
		call_answer(call, NULL);
		return;
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

/* ---- quota_reset ---- */

struct quota_target {
	const char *name, *key;
};

static const struct rpc_field quota_target_fields[] = {QUOTA_NAME_FIELDS(struct quota_target)};

static void quota_reset_finish(struct quotas_reset *reset)
{
	struct call *call = reset->owner;
	struct buf *to = &call->text;
	char detail[160];

	if (reset->op.err.code) {
		call_err(call, &reset->op.err);
		return;
	}
	(void)snprintf(detail, sizeof(detail), "%.32s of %.80s: %" PRIu64 " were used", reset->name,
		       reset->key, reset->used);
	if (reset->existed)
		note_tell(call->registry, &(struct note){.event = "quota_reset",
							 .service = "",
							 .id = "",
							 .token = call_actor(call),
							 .address = call->peer,
							 .detail = detail});
	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_set_bool(to, "existed", reset->existed);
	rpc_write_set_int(to, "used", quota_int(reset->used));
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}

void method_quota_reset(struct call *call)
{
	struct quotas_reset *reset = arena_zalloc(&call->arena, sizeof(*reset));
	struct quota_target target = {0};
	struct err e = {0};

	if (!reset) {
		call_answer(call, NULL);
		return;
	}
	if (!call_params(call, quota_target_fields, 2, &target))
		return;
	reset->quotas = call->registry->quotas;
	reset->name = target.name;
	reset->key = target.key;
	reset->wall_ms = clock_wall_ms();
	reset->finish = quota_reset_finish;
	reset->owner = call;
	call_suspend(call);
	if (quotas_reset(call->registry->writer, reset, &e) < 0)
		call_err(call, &e);
}
