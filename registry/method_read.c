/* method_read: lookup, services, stats: answered from memory at once. */
#include "common/clock.h"
#include "common/rpc_write.h"
#include "registry/blame.h"
#include "registry/catalog.h"
#include "registry/drain.h"
#include "registry/keeper.h"
#include "registry/method.h"
#include "registry/past.h"
#include "registry/writer.h"

#include <stdlib.h>
#include <string.h>

enum { SERVICES_MAX = 1000 };

static void method_set_revision(xmlrpc_env *env, xmlrpc_value *to, const struct catalog *catalog,
				uint64_t revision)
{
	char text[CATALOG_POSITION_SIZE];

	catalog_position_print(catalog, (struct catalog_position){revision, revision}, text);
	rpc_set_string(env, to, "revision", text);
}

/* ---- lookup ---- */

struct lookup {
	const char *service, *zone, *version, *at;
	struct rpc_strings tags, status;
	bool zone_given, version_given;
};

static bool method_is_status(const char *text)
{
	return instance_status_parse(text) >= 0;
}

#define LOOKUP(member) .name = #member, .offset = offsetof(struct lookup, member)

static const struct rpc_field lookup_fields[] = {
	{LOOKUP(service), .type = RPC_STRING, .required = true, .min = 1, .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_service_is_valid,
	 .allowed = "a name of at most 128 letters, digits, '.', '_' and '-'"},
	{LOOKUP(zone), .type = RPC_STRING, .max = INSTANCE_TEXT_MAX,
	 .given = RPC_GIVEN(struct lookup, zone_given)},
	{LOOKUP(version), .type = RPC_STRING, .max = INSTANCE_TEXT_MAX,
	 .given = RPC_GIVEN(struct lookup, version_given)},
	{LOOKUP(tags), .type = RPC_STRINGS, .max = INSTANCE_TAGS_MAX},
	{LOOKUP(status), .type = RPC_STRINGS, .min = 1, .max = INSTANCE_STATUS_COUNT,
	 .is_valid = method_is_status,
	 .allowed = "\"up\", \"starting\", \"draining\", \"maintenance\" or \"down\""},
	{LOOKUP(at), .type = RPC_STRING, .min = 1, .max = 128,
	 .allowed = "a revision, or a time like \"2026-01-31T23:59:59Z\""},
};

enum { LOOKUP_FIELDS = sizeof(lookup_fields) / sizeof(lookup_fields[0]) };

static bool lookup_has_tags(const struct instance *in, const struct rpc_strings *tags)
{
	for (size_t i = 0; i < tags->count; i++) {
		size_t k = 0;

		while (k < in->tag_count && strcmp(in->tags[k], tags->items[i]) != 0)
			k++;
		if (k == in->tag_count)
			return false;
	}
	return true;
}

static bool lookup_matches(const struct lookup *want, unsigned statuses, const struct instance *in)
{
	if (!(statuses & 1u << in->status))
		return false;
	if (want->zone_given && strcmp(want->zone, in->zone) != 0)
		return false;
	if (want->version_given && strcmp(want->version, in->version) != 0)
		return false;
	return lookup_has_tags(in, &want->tags);
}

static unsigned lookup_statuses(const struct lookup *want)
{
	unsigned bits = 0;

	if (!want->status.count)
		return 1u << INSTANCE_UP;
	for (size_t i = 0; i < want->status.count; i++)
		bits |= 1u << instance_status_parse(want->status.items[i]);
	return bits;
}

static size_t lookup_count(const struct lookup *want, unsigned statuses,
			   const struct catalog_view *view)
{
	size_t count = 0;

	for (size_t i = 0; view && i < view->count; i++)
		count += lookup_matches(want, statuses, &view->records[i]->in);
	return count;
}

static bool lookup_is_plain(const struct lookup *want)
{
	return !want->zone_given && !want->version_given && !want->tags.count &&
	       !want->status.count && !want->at;
}

/* With what gateways say of it, if they say something; what the registry itself knows goes first.
 */
static void lookup_write_instance(struct call *call, const struct instance *in)
{
	unsigned failures = blame_count(call->registry->blame, in->service, in->id, clock_ms());
	struct instance told = *in;
	const char *detail;

	if (!failures) {
		rpc_write_instance(&call->text, in);
		return;
	}
	detail = arena_printf(&call->arena, "%s%sgateways saw %u failure%s in the last minute",
			      in->detail, *in->detail ? "; " : "", failures,
			      failures == 1 ? "" : "s");
	if (detail && strlen(detail) <= INSTANCE_VALUE_MAX)
		told.detail = detail;
	rpc_write_instance(&call->text, &told);
}

/* True when it may be kept for others: it says nothing that changes without a revision. */
static bool lookup_write(struct call *call, const struct lookup *want,
			 const struct catalog_answer *found)
{
	const struct catalog_view *view = found->view;
	unsigned statuses = lookup_statuses(want);
	bool blamed = !want->at && blame_has(call->registry->blame, want->service, clock_ms());
	char revision[CATALOG_POSITION_SIZE];
	struct buf *to = &call->text;
	size_t count = 0;
	uint64_t at = view ? view->revision : found->revision;

	catalog_position_print(call->registry->catalog, (struct catalog_position){at, at},
			       revision);
	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_set_string(to, "revision", revision);
	rpc_write_member(to, "instances");
	rpc_write_array(to);
	for (size_t i = 0; view && i < view->count; i++) {
		if (!lookup_matches(want, statuses, &view->records[i]->in))
			continue;
		if (blamed)
			lookup_write_instance(call, &view->records[i]->in);
		else
			rpc_write_instance(to, &view->records[i]->in);
		count++;
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_set_bool(to, "held", found->held);
	if (!count)
		rpc_write_set_string(to, "reason", catalog_reason(view));
	rpc_write_struct_end(to);
	rpc_write_end(to);
	return !blamed;
}

/* Most lookups ask the same of a service that has not changed. */
static bool lookup_from_text(struct call *call, const struct lookup *want)
{
	const struct catalog_text *text;

	if (call->room || !lookup_is_plain(want) ||
	    blame_has(call->registry->blame, want->service, clock_ms()))
		return false;
	text = catalog_look_text(call->registry->catalog, want->service, CATALOG_TEXT_LOOKUP);
	if (!text)
		return false;
	(void)buf_append(&call->text, text->data, text->len); /* shows in failed */
	catalog_text_unref(&text);
	call_answer_text(call);
	return true;
}

/* As it was: `found` then holds that view. False with the fault answered. */
static bool lookup_then(struct call *call, const struct lookup *want, struct catalog_answer *found)
{
	struct err e = {0};
	uint64_t revision;

	*found = (struct catalog_answer){0};
	if (!call_takes_room(call, CALL_ROOM_OF_SEARCH))
		return false;
	if (past_parse(call->registry, "registry.lookup: at", want->at, &revision, &e) == 0)
		found->view = past_look(call->registry, want->service, revision, &e);
	if (found->view)
		return true;
	call_err(call, &e);
	return false;
}

static void lookup_run(struct call *call, const struct lookup *want)
{
	struct catalog *catalog = call->registry->catalog;
	struct catalog_answer found;
	bool lasting;

	atomic_fetch_add_explicit(&call->registry->lookups, 1, memory_order_relaxed);
	if (lookup_from_text(call, want))
		return;
	if (want->at) {
		if (!lookup_then(call, want, &found))
			return;
	} else if (catalog_look(catalog, want->service, &found) == CATALOG_NO_MEMORY) {
		call_answer(call, NULL);
		return;
	}
	if (call->room &&
	    !call_takes_room(call, lookup_count(want, lookup_statuses(want), found.view))) {
		catalog_view_unref(&found.view);
		return;
	}
	lasting = lookup_write(call, want, &found);
	if (lasting && lookup_is_plain(want) && !call->text.failed)
		catalog_keep_text(catalog, CATALOG_TEXT_LOOKUP, &found, call->text.data,
				  call->text.len);
	catalog_view_unref(&found.view);
	call_answer_text(call);
}

static const struct lookup lookup_defaults = {.service = "", .zone = "", .version = ""};

void method_lookup(struct call *call)
{
	struct lookup want = lookup_defaults;

	if (call_params(call, lookup_fields, LOOKUP_FIELDS, &want))
		lookup_run(call, &want);
}

bool method_lookup_quick(struct call *call, struct rpc_quick *in)
{
	struct lookup want = lookup_defaults;

	if (!rpc_quick_struct(in, lookup_fields, LOOKUP_FIELDS, &want) || !rpc_quick_close(in))
		return false;
	if (call_begin(call))
		lookup_run(call, &want);
	return true;
}

/* ---- services ---- */

struct services {
	const char *prefix, *after;
	int limit;
};

static const struct rpc_field services_fields[] = {
	{.name = "prefix",
	 .type = RPC_STRING,
	 .offset = offsetof(struct services, prefix),
	 .max = INSTANCE_NAME_MAX},
	{.name = "after",
	 .type = RPC_STRING,
	 .offset = offsetof(struct services, after),
	 .max = INSTANCE_NAME_MAX},
	{.name = "limit",
	 .type = RPC_INT,
	 .offset = offsetof(struct services, limit),
	 .min = 1,
	 .max = SERVICES_MAX,
	 .allowed = "an int from 1 to 1000"},
};

static xmlrpc_value *services_build(xmlrpc_env *env, const struct catalog *catalog,
				    const struct catalog_summary *all, size_t count)
{
	xmlrpc_value *list = rpc_new_array(env);

	for (size_t i = 0; i < count; i++) {
		xmlrpc_value *one = rpc_new_struct(env);

		rpc_set_string(env, one, "name", all[i].name);
		rpc_set_int(env, one, "instances", (int)all[i].instances);
		rpc_set_int(env, one, "up", (int)all[i].up);
		method_set_revision(env, one, catalog, all[i].revision);
		rpc_append(env, list, one);
	}
	return list;
}

void method_services(struct call *call)
{
	struct services want = {.prefix = "", .after = "", .limit = 100};
	struct catalog *catalog = call->registry->catalog;
	struct catalog_summary *all = NULL;
	xmlrpc_value *out;
	uint64_t revision;
	xmlrpc_env env;
	long count;

	if (call_param_count(call) && !call_params(call, services_fields, 3, &want))
		return;
	all = malloc((size_t)want.limit * sizeof(*all));
	count = all ? catalog_services(catalog, want.prefix, want.after, all, (size_t)want.limit,
				       &revision)
		    : -1;
	if (count < 0) {
		free(all);
		call_answer(call, NULL);
		return;
	}
	if (!call_takes_room(call, (size_t)count)) {
		free(all);
		return;
	}
	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	method_set_revision(&env, out, catalog, revision);
	rpc_set_value(&env, out, "services", services_build(&env, catalog, all, (size_t)count));
	free(all);
	call_answer_env(call, &env, out);
}

/* ---- stats ---- */

/* The standard int has 32 bits: large counters stop at its end. */
static void stats_set(xmlrpc_env *env, xmlrpc_value *to, const char *name, uint64_t value)
{
	rpc_set_int(env, to, name, value > INT32_MAX ? INT32_MAX : (int)value);
}

void method_stats(struct call *call)
{
	struct registry *r = call->registry;
	struct catalog_stats catalog;
	struct writer_stats writer;
	xmlrpc_value *out;
	xmlrpc_env env;

	if (call_param_count(call) && !call_params(call, NULL, 0, &catalog))
		return;
	catalog_stats(r->catalog, &catalog);
	writer_stats(r->writer, &writer);
	xmlrpc_env_init(&env);
	out = rpc_new_struct(&env);
	method_set_revision(&env, out, r->catalog, catalog.revision);
	rpc_set_string(&env, out, "version", MICROREG_VERSION);
	stats_set(&env, out, "uptime_s", (clock_ms() - r->started_ms) / 1000);
	stats_set(&env, out, "services", catalog.services);
	stats_set(&env, out, "instances", catalog.instances);
	stats_set(&env, out, "expired", catalog.expired);
	stats_set(&env, out, "held", catalog.held);
	stats_set(&env, out, "watchers", keeper_waiting(r->keeper));
	stats_set(&env, out, "gateways", drain_gateways(r->drain, clock_ms()));
	stats_set(&env, out, "calls", atomic_load(&r->calls));
	stats_set(&env, out, "faults", atomic_load(&r->faults));
	stats_set(&env, out, "heartbeats", atomic_load(&r->beats));
	stats_set(&env, out, "lookups", atomic_load(&r->lookups));
	stats_set(&env, out, "writes", writer.operations);
	stats_set(&env, out, "commits", writer.batches);
	stats_set(&env, out, "store_failures", writer.failures);
	call_answer_env(call, &env, out);
}
