/* compose_part: one call of a composed route, from its condition to its result. */
#include "common/json_check.h"
#include "gateway/body_template.h"
#include "gateway/compose_parts.h"
#include "gateway/http1_write.h"
#include "gateway/route_action.h"
#include "gateway/worker.h"

#include <errno.h>
#include <string.h>

enum { PART_TEXT_MAX = 64 << 10, PART_BODY_MAX = 4 << 20 };

static uint64_t part_now_us(const struct compose_part *part)
{
	return loop_now_us(worker_loop(part->compose->x->worker));
}

unsigned part_left_ms(const struct compose_part *part)
{
	uint64_t now = part_now_us(part), due = part->compose->due_us;

	if (part->settings->timeout_ms) {
		uint64_t own = part->started_us + (uint64_t)part->settings->timeout_ms * 1000;

		due = own < due ? own : due;
	}
	return due > now ? (unsigned)((due - now + 999) / 1000) : 0;
}

/* ---- The end ---- */

static void part_end(struct compose_part *part, enum part_outcome outcome)
{
	struct compose *c = part->compose;

	part->state = PART_DONE;
	part->outcome = outcome;
	part->took_us = part_now_us(part) - part->started_us;
	c->done |= UINT32_C(1) << (part - c->parts);
	c->results[part - c->parts] = part->result;
}

void part_succeed(struct compose_part *part, enum part_outcome outcome, unsigned status,
		  struct span result)
{
	part->status = status;
	part->result = result;
	part_end(part, outcome);
}

void part_fail(struct compose_part *part, enum problem problem, unsigned status, const char *reason)
{
	part->problem = problem;
	part->status = status;
	part->reason = reason;
	part->result = (struct span){NULL, 0};
	switch (part->settings->require) {
	case REQUIRE_OPTIONAL:
		part_end(part, PART_ABSENT);
		break;
	case REQUIRE_DEFAULT:
		part->result = part->settings->otherwise;
		part_end(part, PART_DEFAULT);
		break;
	case REQUIRE_REQUIRED:
	case REQUIRE_STALE:
		part_end(part, PART_FAILED);
		break;
	}
}

void part_fini(struct compose_part *part)
{
	call_fini(&part->call);
	compose_each_free(&part->each);
}

/* ---- Templates ---- */

static struct template_values part_values(const struct compose_part *part, const struct span *items,
					  size_t count)
{
	struct template_values values = route_action_values(part->compose->x);

	values.results = part->compose->results;
	values.items = items;
	values.item_count = count;
	return values;
}

/* In the arena. -1 with *reason as template_render says. */
static int part_render(struct compose_part *part, const struct template *t,
		       const struct template_values *values, struct span *text, const char **reason)
{
	struct buf out;
	char *copy = NULL;

	buf_init(&out, PART_TEXT_MAX);
	if (template_render(t, values, &out, reason) == 0)
		copy = arena_strndup(&part->compose->x->arena, out.len ? out.data : "", out.len);
	*text = (struct span){copy, copy ? out.len : 0};
	buf_fini(&out);
	return copy ? 0 : -1;
}

static int part_render_body(struct compose_part *part, const struct body_template *t,
			    const struct template_values *values, struct span *body,
			    const char **reason)
{
	struct buf out;
	char *copy = NULL;

	buf_init(&out, PART_BODY_MAX);
	if (body_template_render(t, values, &out, reason) == 0)
		copy = arena_strndup(&part->compose->x->arena, out.data, out.len);
	*body = (struct span){copy, copy ? out.len : 0};
	buf_fini(&out);
	return copy ? 0 : -1;
}

/* Without a value a condition is not met, unless it asks for that. */
static bool part_holds(struct compose_part *part, const struct settings_when *when)
{
	struct template_values values = part_values(part, NULL, 0);
	const char *reason;
	struct span text;
	bool equal;

	if (part_render(part, when->value, &values, &text, &reason) < 0)
		text = (struct span){"", 0};
	equal = text.len == when->other.len && memcmp(text.at, when->other.at, text.len) == 0;
	if (when->test == WHEN_EQUAL)
		return equal;
	if (when->test == WHEN_NOT_EQUAL)
		return !equal;
	return text.len && !(text.len == 5 && memcmp(text.at, "false", 5) == 0);
}

static bool part_is_wanted(struct compose_part *part)
{
	const struct compose *c = part->compose;

	for (size_t i = 0; i < part->settings->when_count; i++)
		if (!part_holds(part, &part->settings->when[i]))
			return false;
	/* What was left out takes what is made of it along. */
	for (size_t i = 0; i < c->part_count; i++)
		if ((part->settings->after & UINT32_C(1) << i) && c->parts[i].state == PART_DONE &&
		    c->parts[i].outcome == PART_SKIPPED)
			return false;
	return true;
}

/* ---- The call ---- */

/* The call's own fields, also those without a value: the client's are none of them. -1: no memory,
 * or *reason is set. */
static int part_fields(struct compose_part *part, const struct template_values *values,
		       struct http1_field **fields, size_t *count, const char **reason)
{
	const struct settings_call *settings = part->settings;

	*count = 0;
	*fields = NULL;
	if (!settings->field_count)
		return 0;
	*fields = arena_zalloc(&part->compose->x->arena,
			       (settings->field_count + 1) * sizeof(**fields));
	if (!*fields)
		return -1;
	for (size_t i = 0; i < settings->field_count; i++) {
		const struct settings_field *from = &settings->fields[i];
		enum http1_name known = http1_field_known(from->name, from->name_len);
		struct span value;

		if (part_render(part, from->value, values, &value, reason) < 0)
			return -1;
		if (known == HTTP1_HOST && value.len && !http1_authority_is_valid(value)) {
			*reason = "the host that the call sets is malformed";
			return -1;
		}
		(*fields)[(*count)++] = (struct http1_field){
			.name = {from->name, from->name_len}, .value = value, .known = known};
	}
	return 0;
}

static int part_call_head(struct compose_part *part, struct call *call, const struct span *items,
			  size_t count, const char **reason)
{
	struct template_values values = part_values(part, items, count);
	struct http1_field *own;
	struct span target;
	size_t own_count;

	*reason = NULL;
	if (part->settings->body &&
	    part_render_body(part, part->settings->body, &values, &call->body, reason) < 0)
		return -1;
	if (part_render(part, part->settings->path, &values, &target, reason) < 0 ||
	    part_fields(part, &values, &own, &own_count, reason) < 0)
		return -1;
	return call_head_make(call, part->settings->method_text, target, own, own_count);
}

int part_call(struct compose_part *part, struct call *call, const struct span *items, size_t count,
	      enum problem *problem, const char **reason)
{
	const struct settings_call *settings = part->settings;
	void (*on_done)(struct call *) = call->on_done;
	unsigned left = part_left_ms(part);

	*reason = NULL;
	*problem = PROBLEM_UPSTREAM_TIMEOUT;
	if (!left)
		return -1;
	*call = (struct call){
		.x = part->compose->x,
		.base = &part->compose->base,
		.on_done = on_done,
		.service = settings->service,
		.cache = settings->cache,
		.stale = settings->require == REQUIRE_STALE,
		.reply_max = settings->reply_bytes,
		.timeout_ms = left,
		.whole_ms = settings->timeout_ms ? settings->timeout_ms
						 : part->compose->x->route->timeout_ms,
	};
	if (part_call_head(part, call, items, count, reason) == 0)
		return call_start(call);
	call->x = NULL;
	if (!*reason)
		*problem = PROBLEM_NO_MEMORY;
	else if (template_is_request_lack(*reason) || (!settings->after && !count))
		*problem = PROBLEM_BAD_REQUEST;
	else
		*problem = PROBLEM_PART_LACKS;
	return -1;
}

/* ---- The reply ---- */

int part_reply(const struct call *call, struct span *value, enum problem *problem,
	       const char **reason)
{
	struct arena *arena = &call->x->arena;
	struct err e = {0};

	*problem = call->problem;
	*reason = call->reason;
	if (call->outcome == CALL_FAILED)
		return -1;
	*problem = PROBLEM_PART_FAILED;
	if (call->status < 200 || call->status > 299)
		return -1;
	*value = (struct span){"null", 4};
	if ((call->status == 204 || call->status == 205) && !call->reply.len)
		return 0;
	if (json_check(call->reply, &e) == 0) {
		*value = json_value(call->reply);
		return 0;
	}
	*problem = e.code == ENOMEM ? PROBLEM_NO_MEMORY : PROBLEM_PART_MALFORMED;
	*reason = arena_printf(arena, "the reply is no JSON: %s", e.text);
	return -1;
}

static void part_take(struct compose_part *part)
{
	const struct call *call = &part->call;
	enum problem problem;
	const char *reason;
	struct span value;

	if (part_reply(call, &value, &problem, &reason) == 0)
		part_succeed(part, call->outcome == CALL_STALE ? PART_STALE : PART_GOOD,
			     call->status, value);
	else
		part_fail(part, problem, problem == PROBLEM_PART_FAILED ? call->status : 0, reason);
}

static void part_on_call(struct call *call)
{
	struct compose_part *part =
		(struct compose_part *)(void *)((char *)call - offsetof(struct compose_part, call));

	part_take(part);
	compose_go_on(part->compose);
}

void part_start(struct compose_part *part)
{
	enum problem problem;
	const char *reason;
	int over;

	part->state = PART_RUNNING;
	part->started_us = part_now_us(part);
	if (!part_is_wanted(part)) {
		part_end(part, PART_SKIPPED);
		return;
	}
	if (part->settings->each.given) {
		compose_each_start(part);
		return;
	}
	part->call.on_done = part_on_call;
	over = part_call(part, &part->call, NULL, 0, &problem, &reason);
	if (over < 0)
		part_fail(part, problem, 0, reason);
	else if (over > 0)
		part_take(part);
}
