/* method_history: registry.history: what happened, by whom. */
#include "common/clock.h"
#include "common/rpc_write.h"
#include "registry/catalog.h"
#include "registry/method.h"
#include "registry/past.h"
#include "registry/store.h"

#include <stdio.h>
#include <string.h>

enum { HISTORY_MAX = CALL_ROOM_OF_SEARCH, HISTORY_DETAIL_MAX = 1024 };

struct history {
	const char *service, *since;
	int limit;
};

static const struct rpc_field history_fields[] = {
	{.name = "service",
	 .type = RPC_STRING,
	 .offset = offsetof(struct history, service),
	 .min = 1,
	 .max = INSTANCE_NAME_MAX,
	 .is_valid = instance_service_is_valid,
	 .allowed = "a name of at most 128 letters, digits, '.', '_' and '-'"},
	{.name = "since",
	 .type = RPC_STRING,
	 .offset = offsetof(struct history, since),
	 .min = 1,
	 .max = 128,
	 .allowed = "a revision, or a time like \"2026-01-31T23:59:59Z\""},
	{.name = "limit",
	 .type = RPC_INT,
	 .offset = offsetof(struct history, limit),
	 .min = 1,
	 .max = HISTORY_MAX,
	 .allowed = "an int from 1 to 1000"},
};

static int history_write(void *arg, const struct store_event *event)
{
	struct call *call = arg;
	struct buf *to = &call->text;
	char text[CATALOG_POSITION_SIZE], time[CLOCK_RFC3339_SIZE];
	char actor[INSTANCE_NAME_MAX + INET6_ADDRSTRLEN + 2], detail[HISTORY_DETAIL_MAX];

	catalog_position_print(call->registry->catalog,
			       (struct catalog_position){event->revision, event->revision}, text);
	clock_rfc3339(event->wall_ms, time);
	(void)snprintf(actor, sizeof(actor), "%s%s%s", event->token,
		       *event->token && *event->address ? "@" : "",
		       *event->address || *event->token ? event->address : "registry");
	/* Long texts were cut where they were made, in the midst of a character maybe; and an
	 * answer that is not UTF-8 is one that nobody can read. */
	(void)snprintf(detail, sizeof(detail), "%s", event->detail);
	method_clean(detail);
	rpc_write_struct(to);
	rpc_write_set_string(to, "revision", text);
	rpc_write_set_string(to, "time", time);
	rpc_write_set_string(to, "event", event->name);
	rpc_write_set_string(to, "service", event->service);
	rpc_write_set_string(to, "id", event->id);
	rpc_write_set_string(to, "actor", actor);
	rpc_write_set_string(to, "detail", detail);
	rpc_write_struct_end(to);
	return to->failed ? -1 : 0;
}

void method_history(struct call *call)
{
	struct history want = {.limit = 100};
	struct store_history_query query = {.newest = true};
	struct buf *to = &call->text;
	struct err e = {0};

	if (call_param_count(call) && !call_params(call, history_fields, 3, &want))
		return;
	if (!call_takes_room(call,
			     want.service || want.since ? CALL_ROOM_OF_SEARCH : (size_t)want.limit))
		return;
	query.service = want.service;
	query.max = (size_t)want.limit;
	query.newest = !want.since;
	/* Who calls is not for everybody who may look services up; and what is not told must not
	 * take the place of what is, or whoever reads on would take an empty page for the end. */
	query.of_instances = call->token && !access_includes(call->token->role, ACCESS_GATEWAY);
	if (want.since && past_parse(call->registry, "registry.history: since", want.since,
				     &query.since, &e) < 0) {
		call_err(call, &e);
		return;
	}
	rpc_write_begin(to);
	rpc_write_struct(to);
	rpc_write_member(to, "events");
	rpc_write_array(to);
	if (store_history(call->registry->store, &query, history_write, call, &e) < 0) {
		call_err(call, &e);
		return;
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_struct_end(to);
	rpc_write_end(to);
	call_answer_text(call);
}
