/*
 * filter_limit: asks the limits of gateway, route and consumer, first those
 * that need not know who asks, later those that do. One that refuses gives
 * back what the others took, so that a refused request counts nowhere but
 * where it was refused for who it is: a 401 has used up its address's.
 */
#include "common/clock.h"
#include "gateway/caller.h"
#include "gateway/filter.h"
#include "gateway/gateway.h"
#include "gateway/http1_write.h"
#include "gateway/identity.h"
#include "gateway/guard.h"
#include "gateway/limiter.h"
#include "gateway/quota.h"
#include "gateway/quota_key.h"
#include "gateway/reporter.h"
#include "gateway/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	FILTER_LIMITS_MAX = 24, /* of gateway, route and consumer */
	FILTER_WAIT_MS = 1000,	/* for what is left of a quota; then what is known decides */
};

struct filter_taken {
	const struct settings_limit *limit;
	uint64_t key;	      /* of a counter, … */
	struct quota_ask ask; /* … or of a quota, else not set */
	unsigned period_s;
	struct limiter_answer answer;
};

struct filter_limits {
	struct filter_taken taken[FILTER_LIMITS_MAX];
	size_t count;
	const struct filter_taken *refused; /* the last of `taken`, of which nothing was taken */
	uint64_t patient_until_ms;	    /* 0: it has not waited yet */
};

/* ---- Whom it counts for ---- */

static uint64_t filter_limit_of_address(struct exchange *x, const struct settings_limit *limit)
{
	const uint8_t *bytes = caller_of(x)->bytes;
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	/* An IPv6 network of /64 is one household: it has more addresses than anybody can count. */
	return limiter_key(limit->id, bytes, memcmp(bytes, mapped, 12) == 0 ? 16 : 8);
}

static uint64_t filter_limit_of_identity(struct exchange *x, const struct settings_limit *limit)
{
	const struct identity *identity = x->identity;
	char text[256];
	int len;

	if (!identity || !identity->id.len)
		return filter_limit_of_address(x, limit);
	if (limit->by == LIMIT_BY_KEY && identity->key)
		return limiter_key(limit->id, identity->key, 32);
	if (!identity->issuer || identity->consumer)
		return limiter_key(limit->id, identity->id.at, identity->id.len);
	/* Two issuers may know the same subject. */
	len = snprintf(text, sizeof(text), "%s\n%.*s", identity->issuer, (int)identity->id.len,
		       identity->id.at);
	return limiter_key(limit->id, text,
			   len < (int)sizeof(text) ? (uint64_t)len : sizeof(text) - 1);
}

static uint64_t filter_limit_key(struct exchange *x, const struct settings_limit *limit)
{
	const struct http1_field *field;
	const char *service = x->route->service_name;

	switch (limit->by) {
	case LIMIT_BY_ADDRESS:
		break;
	case LIMIT_BY_CONSUMER:
	case LIMIT_BY_KEY:
		return filter_limit_of_identity(x, limit);
	case LIMIT_BY_HEADER:
		field = http1_head_find_text(&x->request, limit->header);
		if (field && field->value.len)
			return limiter_key(limit->id, field->value.at, field->value.len);
		break;
	case LIMIT_BY_SERVICE:
		if (service)
			return limiter_key(limit->id, service, strlen(service));
		return limiter_key(limit->id, x->route->pattern, strlen(x->route->pattern));
	case LIMIT_BY_ROUTE:
		return limiter_key(limit->id, x->route->pattern, strlen(x->route->pattern));
	case LIMIT_BY_ALL:
		return limiter_key(limit->id, NULL, 0);
	}
	return filter_limit_of_address(x, limit);
}

/* ---- Asking ---- */

enum filter_limit_result { FILTER_LIMIT_REFUSES = 0, FILTER_LIMIT_TAKEN, FILTER_LIMIT_WAITS };

static uint64_t filter_limit_cost(const struct exchange *x, const struct settings_limit *limit)
{
	return limit->kind == LIMIT_CONCURRENT ? 1 : x->route->policy.cost;
}

/* Quotas of one name are one: a request that meets it twice uses it once. */
static bool filter_limit_has_taken(const struct filter_limits *limits,
				   const struct settings_limit *limit, const char *key)
{
	for (size_t i = 0; i < limits->count; i++) {
		const struct filter_taken *other = &limits->taken[i];

		if (other->limit->kind == LIMIT_QUOTA && other->limit->period == limit->period &&
		    strcmp(other->limit->name, limit->name) == 0 &&
		    strcmp(other->ask.key, key) == 0)
			return true;
	}
	return false;
}

static enum filter_limit_result filter_limit_take_quota(struct exchange *x,
							struct filter_taken *taken)
{
	const struct gateway *gateway = x->worker->gateway;
	uint64_t now_ms = loop_now_ms(worker_loop(x->worker));
	struct filter_limits *limits = x->limits;
	struct quota_answer answer;

	taken->ask = (struct quota_ask){
		.limit = taken->limit,
		.key = quota_key(x, taken->limit),
		.wall_ms = clock_wall_ms(),
		.now_ms = now_ms,
		/* Without a reporter nobody would tell: see a
		 * reload that adds a registry. */
		.patient = gateway->reporter &&
			   (!limits->patient_until_ms || now_ms < limits->patient_until_ms)};
	if (!taken->ask.key)
		taken->ask.key = "unknown"; /* the arena is spent, as its answer will say */
	if (!filter_limit_has_taken(limits, taken->limit, taken->ask.key))
		taken->ask.cost = filter_limit_cost(x, taken->limit);
	answer = quota_take(gateway->quota, &taken->ask);
	if (answer.hurry)
		reporter_hurry_quotas(gateway->reporter);
	if (answer.result == QUOTA_UNSURE)
		return FILTER_LIMIT_WAITS;
	taken->answer = answer.limit;
	taken->period_s = answer.period_s;
	return answer.result == QUOTA_TAKEN ? FILTER_LIMIT_TAKEN : FILTER_LIMIT_REFUSES;
}

static enum filter_limit_result filter_limit_take_one(struct exchange *x,
						      struct filter_taken *taken)
{
	if (taken->limit->kind == LIMIT_QUOTA)
		return filter_limit_take_quota(x, taken);
	taken->key = filter_limit_key(x, taken->limit);
	taken->answer = limiter_take(x->worker->gateway->limiter, taken->limit, taken->key,
				     filter_limit_cost(x, taken->limit),
				     loop_now_us(worker_loop(x->worker)));
	return taken->answer.allowed ? FILTER_LIMIT_TAKEN : FILTER_LIMIT_REFUSES;
}

/* Takes of each limit of the list that is to be asked now, until one has a say. */
static enum filter_limit_result filter_limit_take(struct exchange *x,
						  const struct settings_limits_list *list,
						  bool of_caller, bool each)
{
	struct filter_limits *limits = x->limits;

	for (size_t i = 0; i < list->count && limits->count < FILTER_LIMITS_MAX; i++) {
		const struct settings_limit *limit = &list->items[i];
		struct filter_taken *taken = &limits->taken[limits->count];
		enum filter_limit_result result;

		if (!each && settings_limit_is_of_caller(limit) != of_caller)
			continue;
		taken->limit = limit;
		result = filter_limit_take_one(x, taken);
		if (result == FILTER_LIMIT_WAITS)
			return result;
		limits->count++;
		if (result == FILTER_LIMIT_REFUSES) {
			limits->refused = taken;
			return result;
		}
	}
	return FILTER_LIMIT_TAKEN;
}

static enum filter_limit_result filter_limit_take_all(struct exchange *x, bool of_caller)
{
	const struct settings_consumer *consumer = x->identity ? x->identity->consumer : NULL;
	enum filter_limit_result result;

	result = filter_limit_take(x, &x->route->policy.limits, of_caller, false);
	if (result == FILTER_LIMIT_TAKEN && of_caller && consumer)
		result = filter_limit_take(x, &consumer->limits, of_caller, true);
	if (result == FILTER_LIMIT_TAKEN)
		result = filter_limit_take(x, &x->table->table->settings->rate_limits, of_caller,
					   false);
	return result;
}

/* Of those from `from` on. */
static void filter_limit_give(struct exchange *x, size_t from, bool concurrent_only)
{
	struct filter_limits *limits = x->limits;

	for (size_t i = from; i < limits->count; i++) {
		const struct filter_taken *taken = &limits->taken[i];

		if (taken == limits->refused ||
		    (concurrent_only && taken->limit->kind != LIMIT_CONCURRENT))
			continue;
		if (taken->limit->kind == LIMIT_QUOTA)
			quota_give(x->worker->gateway->quota, &taken->ask);
		else
			limiter_give(x->worker->gateway->limiter, taken->limit, taken->key,
				     filter_limit_cost(x, taken->limit));
	}
}

static void filter_limit_on_cancel(struct exchange *x)
{
	guard_forget(x->worker->guard, x);
}

/* What was taken since `from` is taken again when the registry has answered. */
static enum filter_result filter_limit_wait(struct exchange *x, size_t from)
{
	struct filter_limits *limits = x->limits;

	filter_limit_give(x, from, false);
	limits->count = from;
	if (!limits->patient_until_ms)
		limits->patient_until_ms = loop_now_ms(worker_loop(x->worker)) + FILTER_WAIT_MS;
	x->unwait = filter_limit_on_cancel;
	guard_remember(x->worker->guard, GUARD_QUOTA, x);
	return FILTER_WAITS;
}

static enum filter_result filter_limit_refuse(struct exchange *x)
{
	const struct filter_taken *refused = x->limits->refused;
	uint64_t seconds = (refused->answer.retry_us + 999999) / 1000000;
	const char *reason, *fields;

	filter_limit_give(x, 0, false);
	reason = arena_printf(&x->arena, "rate_limit \"%s\" of line %u", refused->limit->name,
			      refused->limit->line);
	fields = arena_printf(&x->arena, "Retry-After: %" PRIu64 "\r\n", seconds ? seconds : 1);
	(void)filter_deny(x, PROBLEM_RATE_LIMITED, reason ? reason : "rate_limit", fields);
	return FILTER_ANSWERED;
}

enum filter_result filter_limit_run(struct exchange *x)
{
	bool of_caller = x->policy == POLICY_LIMIT_CALLER;
	size_t from;

	if (!x->limits) {
		x->limits = arena_alloc(&x->arena, sizeof(*x->limits));
		if (!x->limits)
			return filter_deny(x, PROBLEM_NO_MEMORY, "out of memory", NULL);
		x->limits->patient_until_ms = 0;
	}
	if (!of_caller || !(x->route->policy.set & 1u << POLICY_LIMIT)) {
		x->limits->count = 0;
		x->limits->refused = NULL;
	}
	from = x->limits->count;
	switch (filter_limit_take_all(x, of_caller)) {
	case FILTER_LIMIT_WAITS:
		return filter_limit_wait(x, from);
	case FILTER_LIMIT_REFUSES:
		return filter_limit_refuse(x);
	case FILTER_LIMIT_TAKEN:
		break;
	}
	return FILTER_PASS;
}

void filter_limit_release(struct exchange *x)
{
	if (!x->limits->refused) /* else it was given back */
		filter_limit_give(x, 0, true);
	x->limits = NULL;
}

/* ---- Telling (draft-ietf-httpapi-ratelimit-headers) ---- */

/* The one that lets the least through, in parts of what it lets through at all. */
static const struct filter_taken *filter_limit_tightest(const struct filter_limits *limits)
{
	const struct filter_taken *tightest = NULL;

	for (size_t i = 0; i < limits->count; i++) {
		const struct filter_taken *t = &limits->taken[i];

		if (t->limit->kind == LIMIT_CONCURRENT)
			continue;
		if (!tightest ||
		    t->answer.left * tightest->limit->rate < tightest->answer.left * t->limit->rate)
			tightest = t;
	}
	if (limits->refused && limits->refused->limit->kind != LIMIT_CONCURRENT)
		tightest = limits->refused;
	return tightest;
}

static char *filter_limit_put_policy(char *at, const struct filter_taken *taken)
{
	const struct settings_limit *limit = taken->limit;

	if (limit->kind != LIMIT_QUOTA)
		return buf_write(at, limit->policy, strlen(limit->policy));
	*at++ = '"';
	at = buf_write(at, limit->name, strlen(limit->name));
	at = buf_write(at, "\";q=", 4);
	at = buf_write_uint(at, limit->rate);
	at = buf_write(at, ";w=", 3);
	return buf_write_uint(at, taken->period_s);
}

/* No more than this is written. */
static size_t filter_limit_room(const struct filter_limits *limits,
				const struct filter_taken *tightest)
{
	size_t room = sizeof("RateLimit-Policy: \r\nRateLimit: \"\";r=;t=\r\n") +
		      strlen(tightest->limit->name) + 2 * BUF_UINT_MAX;

	for (size_t i = 0; i < limits->count; i++) {
		const struct settings_limit *limit = limits->taken[i].limit;

		if (limit->kind == LIMIT_QUOTA)
			room += sizeof(", \"\";q=;w=") + strlen(limit->name) + 2 * BUF_UINT_MAX;
		else if (limit->policy)
			room += sizeof(", ") + strlen(limit->policy);
	}
	return room;
}

/* Every reply has it, so its room is asked for once. */
void filter_limit_write(struct exchange *x, struct buf *out)
{
	const struct filter_limits *limits = x->limits;
	const struct filter_taken *tightest = filter_limit_tightest(limits);
	uint64_t reset_us, left;
	bool first = true;
	char *at;

	if (!tightest)
		return;
	at = buf_reserve(out, filter_limit_room(limits, tightest));
	if (!at) /* that sticks */
		return;
	at = buf_write(at, "RateLimit-Policy: ", 18);
	for (size_t i = 0; i < limits->count; i++) {
		if (limits->taken[i].limit->kind == LIMIT_CONCURRENT)
			continue;
		if (!first)
			at = buf_write(at, ", ", 2);
		at = filter_limit_put_policy(at, &limits->taken[i]);
		first = false;
	}
	left = limits->refused == tightest ? 0 : tightest->answer.left;
	reset_us =
		limits->refused == tightest ? tightest->answer.retry_us : tightest->answer.reset_us;
	at = buf_write(at, "\r\nRateLimit: \"", 14);
	at = buf_write(at, tightest->limit->name, strlen(tightest->limit->name));
	at = buf_write(at, "\";r=", 4);
	at = buf_write_uint(at, left);
	at = buf_write(at, ";t=", 3);
	at = buf_write_uint(at, (reset_us + 999999) / 1000000);
	at = buf_write(at, "\r\n", 2);
	out->len = (size_t)(at - out->data);
}
