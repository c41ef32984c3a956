/*
 * pipeline: route -> filters -> act -> cache -> forward -> keep -> respond -> log;
 * of a composed route, route -> filters -> compose -> respond -> log; of one
 * that calls XML-RPC, bridge in the place of compose, and of one that is called
 * by it, rpc_door, whose methods come back in as requests of their own. A route
 * that makes others of bodies has request_body before the cache, and remake
 * before respond.
 *
 * Read it from pipeline_start down; what comes back from an instance begins
 * at pipeline_on_head.
 */
#include "gateway/pipeline.h"
#include "gateway/balance_sticky.h"
#include "gateway/bridge.h"
#include "gateway/caller.h"
#include "gateway/client.h"
#include "gateway/compose.h"
#include "gateway/filter.h"
#include "gateway/forward_head.h"
#include "gateway/forward_problem.h"
#include "gateway/gateway.h"
#include "gateway/identity.h"
#include "gateway/inner.h"
#include "gateway/mirror.h"
#include "gateway/no_instance.h"
#include "gateway/openapi.h"
#include "gateway/path_rules.h"
#include "gateway/pipeline_cache.h"
#include "gateway/remake.h"
#include "gateway/request_body.h"
#include "gateway/respond.h"
#include "gateway/route_action.h"
#include "gateway/rpc_door.h"
#include "gateway/shed.h"
#include "gateway/stats.h"
#include "gateway/tally.h"
#include "gateway/trailers.h"
#include "gateway/tunnel.h"
#include "gateway/worker.h"

#include <string.h>

/* ---- The request ---- */

void pipeline_refuse(struct exchange *x, enum problem problem, const char *reason)
{
	exchange_choose_id(x);
	x->detail = reason;
	respond_problem(x, problem, reason, NULL);
}

static void pipeline_method_not_allowed(struct exchange *x)
{
	const char *names = ""; /* RFC 9110 15.5.6 wants Allow; without memory it is left out */

	for (unsigned i = 0; i < HTTP_METHOD_COUNT && names; i++)
		if (x->match.allow & 1u << i)
			names = arena_printf(&x->arena, "%s%s%s", names, *names ? ", " : "",
					     http_method_name((enum http_method)(1u << i)));
	respond_problem(x, PROBLEM_NO_METHOD, NULL,
			names ? arena_printf(&x->arena, "Allow: %s\r\n", names) : NULL);
}

/* A browser asks whether a page may use another method: it is that method's route that knows. */
static bool pipeline_preflight(struct exchange *x)
{
	const struct http1_field *method =
		http1_head_find_text(&x->request, "Access-Control-Request-Method");
	struct http1_head asked = x->request;

	if (!method || !http1_head_find_text(&x->request, "Origin"))
		return false;
	asked.method = http_method_parse(method->value.at, method->value.len);
	asked.method_text = method->value;
	if (router_find(x->table->table->router, &asked, x->path, &x->match) != ROUTER_FOUND ||
	    !x->match.route->policy.cors.given)
		return false;
	x->preflight = true;
	x->route = x->match.route;
	return true;
}

/* The path, in the one form that routes match and services get. False: answered. */
static bool pipeline_path(struct exchange *x)
{
	const struct settings *settings = x->table->table->settings;
	char *path = arena_strndup(&x->arena, x->request.path.at, x->request.path.len);
	size_t len = x->request.path.len;

	if (!path) {
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return false;
	}
	if (route_path_normalize(path, &len) < 0) {
		x->close = true;
		respond_problem(x, PROBLEM_BAD_REQUEST, "the path can't be normalized", NULL);
		return false;
	}
	if (settings->paths.repeated_slash == PATH_MERGE)
		path_rules_merge(path, &len);
	x->path = (struct span){path, len};
	return true;
}

/* What the route that takes it says of its path. False: answered. */
static bool pipeline_check_path(struct exchange *x)
{
	const struct path_rule *rule = path_rules_refuse(&x->route->paths, x->path);

	if (!rule)
		return true;
	x->close = true;
	x->detail = arena_printf(&x->arena, "the path has %s", rule->what);
	respond_problem(x, PROBLEM_BAD_REQUEST, x->detail, NULL);
	return false;
}

/* The route that it takes. False: answered. */
static bool pipeline_route(struct exchange *x)
{
	if (x->request.method == HTTP_OPTIONS && pipeline_preflight(x))
		return true;
	switch (router_find(x->table->table->router, &x->request, x->path, &x->match)) {
	case ROUTER_FOUND:
		x->route = x->match.route;
		x->tally = table_tally(x->table->table, x->route, x->worker->index);
		tally_inc(x->tally, TALLY_IN_FLIGHT);
		return true;
	case ROUTER_NO_METHOD:
		pipeline_method_not_allowed(x);
		return false;
	case ROUTER_NO_ROUTE:
		break;
	}
	respond_problem(x, PROBLEM_NO_ROUTE, NULL, NULL);
	return false;
}

/* What the route does with it, up to what its service is asked. False: answered. */
static bool pipeline_act(struct exchange *x)
{
	const char *reason;

	if (x->route->redirect.to) {
		respond_redirect(x);
		return false;
	}
	if (x->route->respond.given) {
		respond_fixed(x, &x->route->respond);
		return false;
	}
	if (x->route->openapi) {
		openapi_respond(x);
		return false;
	}
	route_action_choose(x, caller_of(x)->text);
	if (!remake_begin(x))
		return false;
	if (route_action_prepare(x, &reason) == 0)
		return true;
	respond_problem(x, reason ? PROBLEM_BAD_REQUEST : PROBLEM_NO_MEMORY, reason, NULL);
	return false;
}

/* Which other protocol its service is asked for, if any. False: answered. */
static bool pipeline_upgrade(struct exchange *x)
{
	if (x->request.upgrade)
		upgrade_choose(&x->route->upgrade, &x->request, &x->upgrade);
	if (!x->upgrade.protocol || tunnel_reserve(x))
		return true;
	respond_problem(x, PROBLEM_TUNNELS, NULL, "Retry-After: 1\r\n");
	return false;
}

/* What it asks for, of the cache or of an instance. */
static void pipeline_ask(struct exchange *x)
{
	if (pipeline_upgrade(x) && pipeline_cache(x))
		pipeline_forward(x);
}

void pipeline_serve(struct exchange *x)
{
	if (inner_strip(x) < 0) {
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return;
	}
	if (x->route->rpc.method_count) {
		rpc_door_start(x);
		return;
	}
	if (x->route->compose.call_count) {
		compose_start(x);
		return;
	}
	if (x->route->bridge.method) {
		bridge_start(x);
		return;
	}
	if (pipeline_checks_body(x) && pipeline_act(x) && !request_body_start(x, pipeline_ask))
		pipeline_ask(x);
}

void pipeline_start(struct exchange *x)
{
	const struct settings *settings = x->table->table->settings;
	bool overrides = identity_clear(&x->request, &settings->identity_names);

	exchange_choose_id(x);
	if (overrides && !settings->method_override) {
		/* Routes, rules and retries go by the method; services must not see another. */
		x->detail = "a field overrides the method";
		respond_problem(x, PROBLEM_BAD_REQUEST, x->detail, NULL);
		return;
	}
	if (shed_enter(x))
		return;
	if (x->client->to_https) {
		respond_to_https(x, x->client->to_https);
		return;
	}
	if (x->request.asterisk) {
		respond_options(x);
		return;
	}
	if (x->request.method == HTTP_TRACE) { /* it would show credentials to scripts */
		respond_problem(x, PROBLEM_NOT_IMPLEMENTED, "TRACE is not passed on", NULL);
		return;
	}
	if (!pipeline_path(x) || !pipeline_route(x) || !pipeline_check_path(x))
		return;
	x->body_max = x->route->limits.body_bytes;
	if (x->request.framing == HTTP1_LENGTH && x->request.content_length > x->body_max) {
		respond_problem(x, PROBLEM_BODY_TOO_LARGE, NULL, NULL);
		return;
	}
	if (x->route->policy.set && filter_run(x) != FILTER_PASS)
		return;
	pipeline_serve(x);
}

void pipeline_resume(struct exchange *x)
{
	struct client *client = x->client;

	if (filter_run(x) == FILTER_PASS)
		pipeline_serve(x);
	if (!client->dead)
		client_want_body(client); /* which was not read meanwhile */
}

/* ---- To the instances ---- */

static void pipeline_on_head(struct forward *fwd, const struct http1_head *head);
static void pipeline_on_interim(struct forward *fwd, const struct http1_head *head);
static void pipeline_on_body(struct forward *fwd, struct span piece);
static void pipeline_on_end(struct forward *fwd);
static void pipeline_on_fail(struct forward *fwd, enum forward_failure failure);
static void pipeline_on_abort(struct forward *fwd);
static void pipeline_on_want(struct forward *fwd);
static void pipeline_on_flush(struct forward *fwd);

static const struct forward_sink pipeline_sink = {
	.on_head = pipeline_on_head,
	.on_interim = pipeline_on_interim,
	.on_body = pipeline_on_body,
	.on_end = pipeline_on_end,
	.on_fail = pipeline_on_fail,
	.on_abort = pipeline_on_abort,
	.on_want = pipeline_on_want,
	.on_flush = pipeline_on_flush,
	.on_move = pipeline_move,
};

static struct exchange *pipeline_exchange(struct forward *fwd)
{
	return (struct exchange *)(void *)((char *)fwd - offsetof(struct exchange, forward));
}

/* Instances get the limits that clients get. */
static struct http1_limits pipeline_limits(const struct settings *settings)
{
	return (struct http1_limits){.line_max = (size_t)settings->limits.request_line_bytes,
				     .headers_max = (size_t)settings->limits.headers_bytes,
				     .fields_max = settings->limits.headers_count};
}

/* What tells requests apart for their service. */
static void pipeline_key(struct exchange *x)
{
	struct forward *fwd = &x->forward;

	if (fwd->settings->balance.kind == BALANCE_HASH)
		fwd->keyed = balance_key(&fwd->settings->balance, &x->request, x->path,
					 caller_of(x)->text, &fwd->key);
	fwd->stuck = fwd->settings->balance.sticky.cookie &&
		     balance_sticky_read(&fwd->settings->balance.sticky, &x->request, &fwd->stick);
}

void pipeline_forward(struct exchange *x)
{
	const struct settings *settings = x->table->table->settings;
	struct forward *fwd = &x->forward;

	forward_init(fwd, x->worker, &x->arena, &pipeline_sink);
	fwd->set = worker_resolve(x->worker, x->table, x->service);
	if (fwd->set->panic && x->kept && x->use.on_failure) { /* what is kept beats a bad guess */
		x->flags |= ACCESS_UH;
		pipeline_serve_stale(x);
		return;
	}
	fwd->settings = &settings->services[x->service];
	fwd->limits = pipeline_limits(settings);
	fwd->hedging = x->route->hedge.given ? &x->route->hedge : NULL;
	fwd->timeout_ms = x->route->timeout_ms;
	if (fwd->settings->backup_name)
		fwd->timeout_ms -= x->route->timeout_ms / 2;
	fwd->method = x->request.method;
	fwd->chunked = x->request.framing == HTTP1_CHUNKED;
	fwd->upgrade = x->upgrade.protocol ? &x->upgrade : NULL;
	fwd->body_done = x->body_done && !x->gathered.len;
	pipeline_key(x);
	trailers_begin(x);
	forward_head_write(x, &fwd->head);
	if (forward_hold(fwd, x->sent) < 0 || fwd->head.failed) {
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return;
	}
	if (fwd->body_done && !x->upgrade.protocol)
		mirror_start(x);
	x->sent_ms = loop_now_ms(worker_loop(x->worker));
	cache_key_begin(x->worker->gateway->cache, &x->key);
	forward_start(fwd);
	respond_continue(x);
	pipeline_feed(x);
}

/* ---- The reply ---- */

/* The same request to the backup service, once. False: there is none, or it can't be asked. */
static bool pipeline_backup(struct exchange *x, enum forward_failure failure)
{
	struct forward *fwd = &x->forward;
	const struct settings_service *service = fwd->settings;
	struct stats_service *stats = fwd->set->service->stats;

	if (!service->backup_name || x->backup || !forward_may_restart(fwd, failure))
		return false;
	stats_service_inc(stats, SERVICE_STAT_REQUESTS);
	stats_service_inc(stats, SERVICE_STAT_ERRORS);
	stats_service_inc(stats, SERVICE_STAT_BACKUPS);
	x->backup = service->backup_name;
	x->flags |= ACCESS_BK;
	if (fwd->deadline_ms)
		fwd->deadline_ms += x->route->timeout_ms / 2;
	fwd->timeout_ms = x->route->timeout_ms;
	fwd->settings = &x->table->table->settings->services[service->backup];
	forward_head_readdress(x, service->backup, &fwd->head);
	pipeline_key(x);
	forward_restart(fwd, worker_resolve(x->worker, x->table, service->backup), fwd->settings);
	return true;
}

static void pipeline_on_head(struct forward *fwd, const struct http1_head *head)
{
	struct exchange *x = pipeline_exchange(fwd);
	struct client *client = x->client;
	unsigned status = head->status;

	client_enter(client);
	if (status >= 502 && status <= 504)
		pipeline_cache_failed(x, FORWARD_RESET);
	if (status == 101) {
		respond_switch(x, head);
		tunnel_start(x);
	} else if (x->kept && x->use.on_failure && cache_rules_is_error(status)) {
		forward_cancel(fwd);
		pipeline_serve_stale(x);
	} else if (status >= 502 && status <= 504 && pipeline_backup(x, FORWARD_RESET)) {
		x->flags |= ACCESS_URX;
	} else if (x->route->fallback.given && status >= 502 && status <= 504) {
		forward_cancel(fwd);
		respond_default(x, &x->route->fallback);
	} else if (status == 304 && pipeline_validates(x, head)) {
		forward_commit(fwd);
	} else if (!x->remake || remake_head(x, head)) {
		forward_commit(fwd);
		if (x->cached && !x->backup) /* what the backup says is for this request only */
			pipeline_keep(x, head);
		if (!remake_gathers(x))
			respond_head(x, head);
	}
	client_leave(client);
}

static void pipeline_on_interim(struct forward *fwd, const struct http1_head *head)
{
	struct exchange *x = pipeline_exchange(fwd);
	struct client *client = x->client;

	client_enter(client);
	respond_interim(x, head);
	client_leave(client);
}

static void pipeline_on_body(struct forward *fwd, struct span piece)
{
	struct exchange *x = pipeline_exchange(fwd);
	struct client *client = x->client;

	client_enter(client);
	pipeline_keep_body(x, piece);
	if (remake_gathers(x)) {
		remake_add(x, piece);
		client_leave(client);
		return;
	}
	respond_body(x, piece);
	if (client_is_full(client) && client_flush(client) && client_is_full(client))
		forward_pause(fwd);
	client_leave(client);
}

static void pipeline_on_end(struct forward *fwd)
{
	struct exchange *x = pipeline_exchange(fwd);
	struct client *client = x->client;

	client_enter(client);
	if (x->validated) {
		pipeline_validated(x);
	} else {
		pipeline_keep_end(x);
		if (remake_gathers(x))
			remake_end(x);
		else
			respond_end(x);
	}
	client_leave(client);
}

/* No instance gave an answer: what was kept, else the backup service, else the route's default,
 * else the problem. */
static void pipeline_on_fail(struct forward *fwd, enum forward_failure failure)
{
	struct exchange *x = pipeline_exchange(fwd);
	struct client *client = x->client;
	enum problem problem = forward_problem(failure);

	client_enter(client);
	x->detail = failure == FORWARD_NO_INSTANCE ? no_instance_reason(x) : fwd->failure_reason;
	pipeline_cache_failed(x, failure);
	if (x->kept && x->use.on_failure) {
		x->flags |= problem_kind(problem)->flags;
		pipeline_serve_stale(x);
	} else if (pipeline_backup(x, failure)) {
		x->flags |= problem_kind(problem)->flags;
	} else if (x->route->fallback.given) {
		x->flags |= problem_kind(problem)->flags;
		respond_default(x, &x->route->fallback);
	} else {
		respond_problem(x, problem, NULL, forward_problem_fields(fwd, problem));
	}
	client_leave(client);
}

/* The reply was cut short. What the client has of it must not look whole. */
static void pipeline_on_abort(struct forward *fwd)
{
	struct exchange *x = pipeline_exchange(fwd);

	pipeline_cache_failed(x, FORWARD_RESET);
	x->detail = fwd->failure_reason;
	if (remake_gathers(x)) {
		remake_cut(x);
		return;
	}
	if (x->until_close) { /* a plain end would look like the reply's */
		client_cut(x->client);
		return;
	}
	pipeline_log(x);
	client_abort(x->client);
}

static void pipeline_on_want(struct forward *fwd)
{
	pipeline_feed(pipeline_exchange(fwd));
	client_want_body(pipeline_exchange(fwd)->client);
}

static void pipeline_on_flush(struct forward *fwd)
{
	struct client *client = pipeline_exchange(fwd)->client;

	client_enter(client);
	(void)client_flush(client); /* nothing follows */
	client_leave(client);
}
