/*
 * auth_forward: asks a service whether the caller may: a 2xx is a yes, a 401,
 * a 403 or a redirect a no that the client gets to see; of anything else
 * nobody knows, so it is a no as well.
 *
 *   LOOKS --a kept answer----------------------------------> HEARD --> verdict
 *     | \--another asks: WAITS --it landed--> LOOKS            ^
 *     \----nobody does:  ASKS ----its answer-------------------'
 *
 * What of an answer is the client's or the service's is auth_forward_answer's.
 */
#include "common/buf.h"
#include "gateway/auth_forward.h"
#include "gateway/call.h"
#include "gateway/flight.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/route_action.h"
#include "gateway/table.h"
#include "gateway/worker.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { FORWARD_KEY_MAX = 1 << 20, FORWARD_ANSWER_MAX = 1 << 20 };

/* What services say of callers is not what the cache is for. */
static const struct settings_cache forward_uncached = {.off = true};

static const char *const forward_told[] = {"X-Forwarded-Method", "X-Forwarded-Uri"};
enum { FORWARD_TOLD = sizeof(forward_told) / sizeof(forward_told[0]) };

static uint64_t forward_now_ms(const struct auth_forward *f)
{
	return loop_now_ms(worker_loop(f->x->worker));
}

/* ---- Whose request it is ---- */

static void forward_put(struct buf *text, struct span piece)
{
	(void)buf_printf(text, "%zu:", piece.len); /* sticks, here and below */
	(void)buf_append(text, piece.at, piece.len);
}

static size_t forward_find_header(const struct exchange *x, const char *name, struct span *value)
{
	size_t count = 0;

	for (size_t i = 0; i < x->request.field_count; i++) {
		const struct http1_field *field = &x->request.fields[i];

		if (!identity_name_is(field->name, name))
			continue;
		*value = field->value;
		count += field->hop ? 2 : 1; /* the service does not see it */
	}
	return count;
}

/* What says whose it is: false when nothing does, or two things of one name, of which nobody knows
 * which one the service takes. */
static bool forward_put_by(const struct auth_forward *f, struct buf *text)
{
	const struct settings_forward *forward = f->settings;
	bool some = false;

	for (size_t i = 0; i < forward->by_count; i++) {
		const struct settings_forward_by *by = &forward->by[i];
		struct span value = {"", 0};
		size_t count = by->cookie ? auth_cookie_find(f->x, by->name, &value)
					  : forward_find_header(f->x, by->name, &value);

		if (count > 1)
			return false;
		some |= count == 1;
		(void)buf_putc(text, count ? '+' : '-');
		forward_put(text, value);
	}
	return some;
}

/* A digest of everything that the answer may depend on. */
static int forward_make_key(struct auth_forward *f)
{
	struct exchange *x = f->x;
	const struct identity *identity = x->identity;
	struct buf text;
	int result = -1;

	buf_init(&text, FORWARD_KEY_MAX);
	(void)buf_append(&text, verdicts_secret(x->worker->gateway->verdicts), VERDICT_KEY);
	(void)buf_printf(&text, "%" PRIu64 " %p ", x->table->table->serial,
			 (const void *)f->settings);
	forward_put(&text, f->target);
	forward_put(&text, x->request.method_text);
	/* All that the service is told of it: another issuer may know the same id, another token
	 * have other scopes. */
	forward_put(&text, identity ? identity->fields : (struct span){"", 0});
	if (f->settings->per == FORWARD_PER_REQUEST) {
		forward_put(&text, x->request.authority);
		forward_put(&text, f->uri);
	}
	if (forward_put_by(f, &text) && !text.failed)
		result = guard_sha256(x->worker->guard, text.data, text.len, f->digest);
	buf_fini(&text);
	return result;
}

/* For flights, beside the keys of the cache: those begin with the name of a service. */
static void forward_share(struct auth_forward *f)
{
	uint64_t parts[4];
	char *text;

	if (!f->settings->ttl_ms || forward_make_key(f) < 0)
		return;
	memcpy(parts, f->digest, sizeof(parts));
	text = arena_printf(&f->x->arena, "\n%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
			    parts[0], parts[1], parts[2], parts[3]);
	if (text)
		f->key = (struct cache_key){.text = {text, strlen(text)}, .hash = parts[1]};
}

/* ---- The question ---- */

static bool forward_is_listed(const struct settings_strings *names, struct span name)
{
	for (size_t i = 0; i < names->count; i++)
		if (identity_name_is(name, names->items[i]))
			return true;
	return false;
}

/* What is about the client's body, or about the bytes of an answer that it does not get. */
static bool forward_wants(const struct http1_field *field, const void *arg)
{
	static const char *const dropped[] = {"If-", "Content-"};
	const struct settings_forward *forward = arg;

	if (field->known == HTTP1_X_FORWARDED) /* what is believed of a proxy */
		return true;
	if (field->known == HTTP1_RANGE || field->known == HTTP1_IF_NONE_MATCH ||
	    field->known == HTTP1_IF_MODIFIED_SINCE ||
	    identity_name_is(field->name, "Accept-Encoding") ||
	    identity_name_is(field->name, "X-Timeout-Ms"))
		return false;
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (field->name.len >= strlen(dropped[i]) &&
		    strncasecmp(field->name.at, dropped[i], strlen(dropped[i])) == 0)
			return false;
	for (size_t i = 0; i < FORWARD_TOLD; i++)
		if (identity_name_is(field->name, forward_told[i]))
			return false;
	return forward->all_headers || forward_is_listed(&forward->headers, field->name);
}

/* -1: no memory. */
static int forward_make_call(struct auth_forward *f)
{
	struct call *call = &f->call;
	struct span told[FORWARD_TOLD] = {f->x->request.method_text, f->uri};
	struct http1_field *own = arena_zalloc(&f->x->arena, FORWARD_TOLD * sizeof(*own));

	if (!own || call_base_choose(&f->base, f->x, forward_wants, f->settings) < 0)
		return -1;
	for (size_t i = 0; i < FORWARD_TOLD; i++) {
		own[i].name = (struct span){forward_told[i], strlen(forward_told[i])};
		own[i].value = told[i];
	}
	*call = (struct call){
		.x = f->x,
		.base = &f->base,
		.on_done = auth_forward_on_done,
		.on_head = auth_forward_on_head,
		.service = f->settings->service,
		.cache = &forward_uncached,
		.reply_max = FORWARD_ANSWER_MAX,
		.timeout_ms = f->settings->timeout_ms,
	};
	return call_head_make(call, f->settings->method_text, f->target, own, FORWARD_TOLD);
}

/* ---- Waiting ---- */

static void forward_end(struct auth_forward *f, enum flight_outcome outcome)
{
	call_fini(&f->call);
	flight_leave(&f->waiter);
	flight_end(&f->flight, outcome, forward_now_ms(f));
}

static void forward_on_cancel(struct exchange *x)
{
	forward_end(x->auth->forward, FLIGHT_DROPPED);
	x->auth->forward = NULL;
}

void auth_forward_on_done(struct call *call)
{
	struct auth_forward *f =
		(struct auth_forward *)(void *)((char *)call - offsetof(struct auth_forward, call));

	auth_forward_hear(f);
	filter_resume(f->x);
}

static void forward_on_landed(void *arg, enum flight_outcome outcome)
{
	struct auth_forward *f = arg;

	f->waiter = NULL;
	f->alone = outcome == FLIGHT_SHARED || outcome == FLIGHT_PRIVATE;
	if (outcome == FLIGHT_FAILED) {
		f->state = FORWARD_HEARD;
		f->reason = "the service that another request of the caller waits for does not "
			    "answer";
	}
	filter_resume(f->x);
}

/* True when another one asks the same. */
static bool forward_joins(struct auth_forward *f)
{
	struct flight_ticket ticket = {.loop = worker_loop(f->x->worker),
				       .wait_ms = f->settings->timeout_ms,
				       .landed = forward_on_landed,
				       .arg = f};

	return !f->alone && flight_join(f->x->worker->gateway->flights, &f->key, &ticket,
					&f->flight, &f->waiter) == FLIGHT_WAITS;
}

static enum auth_result forward_wait(struct auth_forward *f)
{
	f->x->unwait = forward_on_cancel;
	return AUTH_WAITS;
}

/* Goes as far as it can. AUTH_ABSENT: it is heard. */
static enum auth_result forward_go_on(struct auth_forward *f)
{
	struct verdicts *verdicts = f->x->worker->gateway->verdicts;

	if (f->state == FORWARD_HEARD)
		return AUTH_ABSENT;
	if (f->key.text.len &&
	    verdicts_find(verdicts, f->digest, forward_now_ms(f), &f->x->arena, &f->verdict)) {
		f->kept = true;
		return AUTH_ABSENT;
	}
	if (f->key.text.len && forward_joins(f))
		return forward_wait(f);
	if (forward_make_call(f) < 0)
		return AUTH_FAILED;
	if (!call_start(&f->call))
		return forward_wait(f);
	auth_forward_hear(f);
	return AUTH_ABSENT;
}

/* ---- The method ---- */

static bool forward_shows_some(const struct exchange *x, const struct settings_forward *forward)
{
	struct span value;
	size_t count = 0;

	for (size_t i = 0; i < forward->by_count; i++)
		count += forward->by[i].cookie
				 ? auth_cookie_find(x, forward->by[i].name, &value)
				 : forward_find_header(x, forward->by[i].name, &value);
	if (!forward->by_count)
		count = forward_find_header(x, "Authorization", &value) +
			forward_find_header(x, "Cookie", &value);
	return count > 0;
}

/* NULL: no memory. */
static struct auth_forward *forward_new(struct exchange *x, const struct settings_forward *settings)
{
	struct auth_forward *f = arena_zalloc(&x->arena, sizeof(*f));
	char *uri;

	/* As it was normalized: what is asked about is what the route's service will see. */
	uri = arena_printf(&x->arena, "%.*s%s%.*s", (int)x->path.len, x->path.at,
			   x->request.has_query ? "?" : "", (int)x->request.query.len,
			   x->request.query.len ? x->request.query.at : "");
	if (!f || !uri)
		return NULL;
	f->x = x;
	f->settings = settings;
	f->uri = (struct span){uri, strlen(uri)};
	f->started_us = loop_now_us(worker_loop(x->worker));
	f->shown = forward_shows_some(x, settings);
	return f;
}

/* PROVEN: it may be asked. */
static enum auth_result forward_begin(struct exchange *x, const struct settings_forward *settings,
				      struct auth *auth)
{
	struct auth_forward *f = forward_new(x, settings);
	const char *reason = NULL;

	if (!f)
		return AUTH_FAILED;
	if (route_action_render(x, settings->path, &f->target, &reason) < 0) {
		auth->reason = reason;
		return reason ? AUTH_REFUSED : AUTH_FAILED;
	}
	forward_share(f);
	auth->forward = f;
	return AUTH_PROVEN;
}

/* What is known so far is told the service: of `all` it may be the last. */
static enum auth_result forward_ask(struct exchange *x, const struct settings_forward *settings,
				    struct auth *auth)
{
	enum auth_result result = AUTH_PROVEN;

	x->identity = auth->identity;
	if (!auth->forward)
		result = forward_begin(x, settings, auth);
	if (result == AUTH_PROVEN)
		result = forward_go_on(auth->forward);
	x->identity = NULL;
	return result;
}

enum auth_result auth_forward_try(struct exchange *x, const struct settings_auth_method *method,
				  struct auth *auth)
{
	enum auth_result result;
	struct auth_forward *f;

	if (x->route->policy.auth.all && auth->refused)
		return AUTH_ABSENT; /* it would change nothing */
	result = forward_ask(x, method->forward, auth);
	f = auth->forward;
	if (result != AUTH_ABSENT) {
		if (result != AUTH_WAITS && f)
			forward_on_cancel(x);
		return result;
	}
	auth->forward = NULL;
	result = auth_forward_conclude(f, auth);
	x->auth_us += loop_now_us(worker_loop(x->worker)) - f->started_us;
	forward_end(f, f->kept || auth_forward_keep(f) ? FLIGHT_SHARED
		       : f->verdict.status	       ? FLIGHT_PRIVATE
						       : FLIGHT_FAILED);
	return result;
}

void auth_forward_strip(struct exchange *x, const struct settings_auth_method *method)
{
	const struct settings_strings *names = &method->forward->request_headers;

	for (size_t i = 0; i < x->request.field_count; i++)
		if (forward_is_listed(names, x->request.fields[i].name))
			x->request.fields[i].hop = true; /* the answer's is passed on */
}
