/* call: the cache, a forward, and its reply as it comes. */
#include "gateway/call.h"
#include "common/clock.h"
#include "gateway/caller.h"
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/forward_head.h"
#include "gateway/forward_problem.h"
#include "gateway/gateway.h"
#include "gateway/identity.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <string.h>

static void call_on_head(struct forward *fwd, const struct http1_head *head);
static void call_on_body(struct forward *fwd, struct span piece);
static void call_on_end(struct forward *fwd);
static void call_on_fail(struct forward *fwd, enum forward_failure failure);
static void call_on_abort(struct forward *fwd);
static void call_ignore(struct forward *fwd);

static const struct forward_sink call_sink = {
	.on_head = call_on_head,
	.on_body = call_on_body,
	.on_end = call_on_end,
	.on_fail = call_on_fail,
	.on_abort = call_on_abort,
	.on_want = call_ignore,
	.on_flush = call_ignore,
};

static struct call *call_of(struct forward *fwd)
{
	return (struct call *)(void *)((char *)fwd - offsetof(struct call, forward));
}

static struct loop *call_loop(const struct call *call)
{
	return worker_loop(call->x->worker);
}

static const struct settings *call_settings(const struct call *call)
{
	return call->x->table->table->settings;
}

/* ---- The end ---- */

static void call_end(struct call *call, enum call_outcome outcome)
{
	struct stats_service *stats = call->began ? call->forward.set->service->stats : NULL;

	loop_timer_clear(call_loop(call), &call->timer);
	stats_service_inc(stats, SERVICE_STAT_REQUESTS);
	if (outcome == CALL_FAILED || outcome == CALL_STALE)
		stats_service_inc(stats, SERVICE_STAT_ERRORS);
	if (outcome == CALL_STALE)
		stats_service_inc(stats, SERVICE_STAT_STALE);
	call->outcome = outcome;
	call->on_done(call);
}

static void call_serve_stale(struct call *call)
{
	call->status = call->kept->status;
	call->reply = call->kept->body;
	call_end(call, CALL_STALE);
}

static bool call_has_stale(const struct call *call)
{
	return call->stale && call->kept && call->use.on_failure;
}

static void call_fail(struct call *call, enum problem problem, const char *reason)
{
	cache_writer_abort(&call->keep);
	forward_cancel(&call->forward);
	call->problem = problem;
	call->reason = reason;
	if (call_has_stale(call))
		call_serve_stale(call);
	else
		call_end(call, CALL_FAILED);
}

void call_fini(struct call *call)
{
	if (!call->x)
		return;
	loop_timer_clear(call_loop(call), &call->timer);
	if (call->began)
		forward_fini(&call->forward);
	cache_writer_abort(&call->keep);
	cache_unref(&call->kept);
	buf_fini(&call->gathered);
	call->x = NULL;
}

/* ---- The beginning ---- */

/* What the cache knows the service by: who asks, with all that the service is told of it, and what
 * the call itself says in its fields, may change the reply. -1: no memory. */
static int call_make_key(struct call *call)
{
	const struct identity *identity = call->x->identity;
	const char *name = call_settings(call)->services[call->service].name;
	struct span service = {name, strlen(name)}, secure = forward_head_secure(call->x);

	if (identity || call->own_count || secure.len) {
		name = arena_printf(&call->x->arena, "%s\n%.*s\n%.*s", name, (int)secure.len,
				    secure.at, identity ? (int)identity->fields.len : 0,
				    identity && identity->fields.len ? identity->fields.at : "");
		for (size_t i = 0; i < call->own_count && name; i++)
			name = arena_printf(&call->x->arena, "%s\n%.*s:%.*s", name,
					    (int)call->own[i].name.len, call->own[i].name.at,
					    (int)call->own[i].value.len, call->own[i].value.at);
		if (!name)
			return -1;
		service = (struct span){name, strlen(name)};
	}
	return cache_key_make(&call->key, &call->x->arena, service, &call->head, call->head.path);
}

/* True when the call is over. */
static bool call_ask_cache(struct call *call)
{
	struct worker *worker = call->x->worker;
	uint64_t now = loop_now_ms(call_loop(call));

	if (call->cache->off || call_make_key(call) < 0)
		return false;
	call->cached = true;
	if (call->body.len || call->head.method != HTTP_GET)
		return false;
	call->kept = cache_find(worker->gateway->cache, &call->key, &call->head, now);
	call->use = cache_rules_serve(call->cache, &call->head, call->kept, now);
	if (call->use.serve) {
		stats_inc(worker->stats, STAT_CACHE_HIT);
		call->status = call->kept->status;
		call->reply = call->kept->body;
		call->outcome = CALL_REPLIED;
		return true;
	}
	if (call->use.only_if_cached) {
		call->problem = PROBLEM_NOT_CACHED;
		call->outcome = CALL_FAILED;
		return true;
	}
	stats_inc(worker->stats, STAT_CACHE_MISS);
	return false;
}

static void call_on_time(struct wheel_timer *timer)
{
	struct call *call = (struct call *)(void *)((char *)timer - offsetof(struct call, timer));

	call_fail(call, PROBLEM_UPSTREAM_TIMEOUT, "the reply did not come whole in time");
}

/* What tells requests apart for their service. */
static void call_set_key(struct call *call)
{
	struct forward *fwd = &call->forward;

	if (fwd->settings->balance.kind == BALANCE_HASH)
		fwd->keyed = balance_key(&fwd->settings->balance, &call->head, call->head.path,
					 caller_of(call->x)->text, &fwd->key);
}

/* False: no memory. */
static bool call_set_up(struct call *call)
{
	const struct settings_limits *limits = &call_settings(call)->limits;
	struct forward *fwd = &call->forward;

	forward_init(fwd, call->x->worker, &call->x->arena, &call_sink);
	call->began = true;
	fwd->set = worker_resolve(call->x->worker, call->x->table, call->service);
	fwd->settings = &call_settings(call)->services[call->service];
	fwd->limits = (struct http1_limits){.line_max = (size_t)limits->request_line_bytes,
					    .headers_max = (size_t)limits->headers_bytes,
					    .fields_max = limits->headers_count};
	fwd->whole_ms = call->whole_ms ? call->whole_ms : call->timeout_ms;
	fwd->timeout_ms = call->timeout_ms;
	if (fwd->settings->backup_name)
		fwd->timeout_ms -= call->timeout_ms / 2;
	fwd->method = call->head.method;
	fwd->body_done = true;
	call_set_key(call);
	call_head_write(call, &fwd->head);
	return forward_hold(fwd, call->body) == 0 && !fwd->head.failed;
}

bool call_start(struct call *call)
{
	buf_init(&call->gathered, (size_t)call->reply_max);
	call->timer.on_time = call_on_time;
	call->sent_ms = loop_now_ms(call_loop(call));
	if (call_ask_cache(call))
		return true;
	cache_key_begin(call->x->worker->gateway->cache, &call->key);
	if (!call_set_up(call)) {
		call->problem = PROBLEM_NO_MEMORY;
		call->outcome = CALL_FAILED;
		return true;
	}
	loop_timer_set(call_loop(call), &call->timer, (uint64_t)call->timeout_ms + 1);
	forward_start(&call->forward);
	return false;
}

/* ---- The reply ---- */

/* The same request to the backup service, once. False: there is none, or it can't be asked. */
static bool call_backup(struct call *call, enum forward_failure failure)
{
	struct forward *fwd = &call->forward;
	const struct settings_service *service = fwd->settings;
	struct stats_service *stats = fwd->set->service->stats;

	if (!service->backup_name || call->backup || !forward_may_restart(fwd, failure))
		return false;
	stats_service_inc(stats, SERVICE_STAT_REQUESTS);
	stats_service_inc(stats, SERVICE_STAT_ERRORS);
	stats_service_inc(stats, SERVICE_STAT_BACKUPS);
	call->backup = true;
	call->x->flags |= ACCESS_BK;
	fwd->deadline_ms += call->timeout_ms / 2;
	fwd->timeout_ms = call->timeout_ms;
	fwd->settings = &call_settings(call)->services[service->backup];
	call->service = service->backup;
	if (call->x->table->table->signer) { /* what is signed names the service */
		buf_reset(&fwd->head);
		call_head_write(call, &fwd->head);
	}
	call_set_key(call);
	forward_restart(fwd, worker_resolve(call->x->worker, call->x->table, service->backup),
			fwd->settings);
	return true;
}

static void call_keep_reply(struct call *call, const struct http1_head *head)
{
	struct cache *cache = call->x->worker->gateway->cache;
	struct cache_times times = {.sent_ms = call->sent_ms,
				    .received_ms = loop_now_ms(call_loop(call)),
				    .wall_ms = clock_wall_ms()};
	struct cache_life life;

	if (cache_rules_invalidates(call->head.method, head->status))
		cache_invalidate(cache, &call->key);
	if (call->head.method != HTTP_GET)
		return;
	life = cache_rules_store(call->cache, &call->head, head, &times);
	if (life.store)
		call->keep = cache_writer_begin(cache, &call->key, &call->head, head, &life);
}

static void call_on_head(struct forward *fwd, const struct http1_head *head)
{
	struct call *call = call_of(fwd);
	const struct http1_field *coding = http1_head_find_text(head, "Content-Encoding");

	call->status = head->status;
	if (head->status >= 502 && head->status <= 504 && call_backup(call, FORWARD_RESET))
		return;
	if (cache_rules_is_error(head->status) && call_has_stale(call)) {
		forward_cancel(fwd);
		call_serve_stale(call);
		return;
	}
	if (head->framing == HTTP1_LENGTH && head->content_length > call->reply_max) {
		call_fail(call, PROBLEM_PART_TOO_LARGE, NULL);
		return;
	}
	if (coding && !http_equal_nocase(coding->value.at, coding->value.len, "identity", 8)) {
		call_fail(call, PROBLEM_PART_MALFORMED, "the reply has a Content-Encoding");
		return;
	}
	forward_commit(fwd);
	if (call->on_head)
		call->on_head(call, head);
	if (call->cached && !call->backup)
		call_keep_reply(call, head);
	if (head->framing == HTTP1_LENGTH)
		(void)buf_reserve(&call->gathered, (size_t)head->content_length); /* or later */
}

static void call_on_body(struct forward *fwd, struct span piece)
{
	struct call *call = call_of(fwd);

	cache_writer_append(&call->keep, piece);
	if (buf_append(&call->gathered, piece.at, piece.len) == 0)
		return;
	if (call->gathered.len + piece.len > call->reply_max)
		call_fail(call, PROBLEM_PART_TOO_LARGE, NULL);
	else
		call_fail(call, PROBLEM_NO_MEMORY, NULL);
}

static void call_on_end(struct forward *fwd)
{
	struct call *call = call_of(fwd);

	if (cache_writer_commit(&call->keep))
		stats_inc(call->x->worker->stats, STAT_CACHE_STORED);
	call->reply =
		(struct span){call->gathered.len ? call->gathered.data : "", call->gathered.len};
	call_end(call, CALL_REPLIED);
}

static void call_on_fail(struct forward *fwd, enum forward_failure failure)
{
	struct call *call = call_of(fwd);

	if (!call_backup(call, failure))
		call_fail(call, forward_problem(failure), fwd->failure_reason);
}

static void call_on_abort(struct forward *fwd)
{
	call_fail(call_of(fwd), PROBLEM_REPLY_CUT, fwd->failure_reason);
}

static void call_ignore(struct forward *fwd)
{
	(void)fwd;
}
