/* transform: the steps, and the two bufs that they take turns in. */
#include "gateway/transform.h"
#include "common/json_check.h"
#include "common/json_walk.h"
#include "gateway/body_format.h"
#include "gateway/exchange.h"
#include "gateway/fields.h"
#include "gateway/route_action.h"
#include "gateway/template.h"
#include "gateway/worker.h"

#include <errno.h>
#include <stddef.h>

/* ---- What went wrong ---- */

static bool transform_is_request(const struct transform *t)
{
	return !t->plan.status;
}

static int transform_fail(struct transform *t, enum problem problem, const char *detail)
{
	t->problem = problem;
	t->detail = detail;
	return -1;
}

/* The body, or what was made of it, is not what it should be. */
static int transform_fail_bad(struct transform *t, const char *what, const struct err *e)
{
	if (e->code == ENOMEM)
		return transform_fail(t, PROBLEM_NO_MEMORY, NULL);
	if (e->code == EFBIG)
		return transform_fail(t,
				      transform_is_request(t) ? PROBLEM_BODY_TOO_LARGE
							      : PROBLEM_REPLY_TOO_LARGE,
				      "what is made of it is too large");
	return transform_fail(
		t, transform_is_request(t) ? PROBLEM_BAD_REQUEST : PROBLEM_REPLY_UNUSABLE,
		arena_printf(&t->x->arena, "%s: %s", what, e->text));
}

/* ---- Steps: 0, -1, or 1 when a helper is at it ---- */

static struct buf *transform_room(struct transform *t)
{
	struct buf *out = &t->bufs[t->turn];

	buf_reset(out);
	return out;
}

/* What was written there is the value now. */
static void transform_take(struct transform *t)
{
	const struct buf *out = &t->bufs[t->turn];

	t->value = (struct span){out->len ? out->data : "", out->len};
	t->turn = !t->turn;
}

/* A program's result may be nested deeper than anything that is read. */
static int transform_check(struct transform *t)
{
	struct err e = {0};

	if (!t->unchecked)
		return 0;
	t->unchecked = false;
	if (json_check(t->value, &e) < 0)
		return transform_fail_bad(t, "what the program made can't be used", &e);
	t->value = json_value(t->value);
	return 0;
}

static int transform_read(struct transform *t)
{
	static const char *const words[] = {
		[FORMAT_BY_TYPE] = "the body is no JSON", [FORMAT_JSON] = "the body is no JSON",
		[FORMAT_XML] = "the body is no XML",	  [FORMAT_FORM] = "the body is no form",
		[FORMAT_TEXT] = "the body is no text",
	};
	static const char *const reply_words[] = {
		[FORMAT_BY_TYPE] = "the reply is no JSON", [FORMAT_JSON] = "the reply is no JSON",
		[FORMAT_XML] = "the reply is no XML",	   [FORMAT_FORM] = "the reply is no form",
		[FORMAT_TEXT] = "the reply is no text",
	};
	struct buf *out = transform_room(t);
	struct err e = {0};

	if (body_format_read(t->plan.from, t->value, out, &t->value, &e) < 0)
		return transform_fail_bad(
			t, (transform_is_request(t) ? words : reply_words)[t->plan.from], &e);
	if (out->len)
		t->turn = !t->turn;
	return 0;
}

/* What ended is the value now; or it failed. */
static int transform_ran(struct transform *t, int result)
{
	t->running = false;
	if (result < 0)
		return transform_fail(t, t->run.problem, t->run.detail);
	t->unchecked = true;
	transform_take(t);
	return 0;
}

static int transform_run(struct transform *t, const struct settings_program *program)
{
	struct span *values = arena_alloc(&t->x->arena, program->name_count * sizeof(*values));
	int result;

	if (transform_check(t) < 0)
		return -1;
	if (!values || transform_values(t->x, program, t->value, t->plan.status, values) < 0)
		return transform_fail(t, PROBLEM_NO_MEMORY, NULL);
	result = program_run(&t->run, program, values, &t->bufs[t->turn]);
	if (result <= 0)
		return transform_ran(t, result);
	t->running = true;
	return 1;
}

static int transform_program(struct transform *t)
{
	const struct settings_body *body = t->plan.body;

	return body && body->program.text ? transform_run(t, &body->program) : 0;
}

static int transform_view(struct transform *t)
{
	return t->plan.view ? transform_run(t, &t->plan.view->program) : 0;
}

static int transform_fields(struct transform *t)
{
	struct buf *out = transform_room(t);

	if (!t->plan.fields)
		return 0;
	if (transform_check(t) < 0)
		return -1;
	fields_write(t->plan.fields, t->value, out);
	if (out->failed)
		return transform_fail(t, PROBLEM_NO_MEMORY, NULL);
	transform_take(t);
	return 0;
}

/* A value that is not there is empty; nothing is refused. */
static int transform_template(struct transform *t, struct buf *out)
{
	struct template_values values = route_action_values(t->x);
	struct err e = {0};
	const char *reason;

	values.results = &t->value;
	if (template_render(t->plan.body->text, &values, out, &reason) == 0)
		return 0;
	e.code = out->full ? EFBIG : ENOMEM;
	return transform_fail_bad(t, "", &e);
}

static int transform_write(struct transform *t)
{
	const struct settings_body *body = t->plan.body;
	struct buf *out = transform_room(t);
	struct err e = {0};

	if (!body) /* what is left of JSON is JSON, of whatever type */
		return 0;
	t->type = body->type ? body->type : body_format_type(body->to);
	if (!body->text && body->to == FORMAT_JSON)
		return 0;
	if (transform_check(t) < 0 || (body->text && transform_template(t, out) < 0))
		return -1;
	if (!body->text && body_format_write(body->to, body->root, t->value, out, &e) < 0)
		return transform_fail_bad(t, "it can't be written", &e);
	transform_take(t);
	return 0;
}

/* ---- The whole ---- */

static int transform_go(struct transform *t)
{
	static int (*const steps[])(struct transform *) = {
		transform_read,	  transform_program, transform_view,
		transform_fields, transform_write,
	};
	int result = 0;

	while (result == 0 && t->step < sizeof(steps) / sizeof(steps[0]))
		result = steps[t->step++](t);
	if (result == 0)
		t->made = t->value;
	return result;
}

static void transform_on_run(struct program_run *run, int result)
{
	struct transform *t =
		(struct transform *)(void *)((char *)run - offsetof(struct transform, run));

	result = transform_ran(t, result);
	if (result == 0)
		result = transform_go(t);
	if (result <= 0)
		t->on_done(t->x, result);
}

int transform_start(struct transform *t, struct exchange *x, const struct transform_plan *plan,
		    struct span body, uint64_t max)
{
	void (*on_done)(struct exchange *, int) = t->on_done;
	uint64_t now = loop_now_us(worker_loop(x->worker));

	*t = (struct transform){.x = x, .plan = *plan, .on_done = on_done, .value = body};
	t->run = (struct program_run){.x = x,
				      .end_us = now + (uint64_t)x->route->timeout_ms * 1000,
				      .failure = plan->status ? PROBLEM_REPLY_UNUSABLE
							      : PROBLEM_BAD_REQUEST,
				      .on_done = transform_on_run};
	for (size_t i = 0; i < 2; i++)
		buf_init(&t->bufs[i], (size_t)max * TRANSFORM_GROWTH + 1024);
	return transform_go(t);
}

void transform_fini(struct transform *t)
{
	if (!t->x)
		return;
	program_run_cancel(&t->run);
	for (size_t i = 0; i < 2; i++)
		buf_fini(&t->bufs[i]);
	t->x = NULL;
}
