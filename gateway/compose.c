/* compose: the graph of calls, and the answer when it is done. */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "gateway/compose_parts.h"
#include "gateway/client.h"
#include "gateway/fields.h"
#include "gateway/respond.h"
#include "gateway/route_action.h"
#include "gateway/stats.h"
#include "gateway/view.h"
#include "gateway/worker.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* KrakenD's share: what is left joins the replies, so that a partial answer leaves in time. */
enum {
	COMPOSE_PARTS_PERCENT = 85,
	COMPOSE_BODY_MAX = 4 << 20, /* of a client, when calls take values of it */
};

/* ---- Ending ---- */

/* Nobody needs what is under way any more. */
void compose_cancel(struct compose *c)
{
	if (!c)
		return;
	c->awaits_body = false;
	for (size_t i = 0; i < c->part_count; i++)
		part_fini(&c->parts[i]);
	program_run_cancel(&c->run);
}

void compose_free(struct compose **compose)
{
	struct compose *c = *compose;

	*compose = NULL;
	if (!c)
		return;
	compose_cancel(c);
	buf_fini(&c->answer);
	buf_fini(&c->viewed);
	buf_fini(&c->selected);
	buf_fini(&c->body);
}

/* ---- What became of each, for people ---- */

static const char *compose_word(const struct compose *c, const struct compose_part *part)
{
	struct arena *arena = &c->x->arena;
	size_t good, all;

	if (part->state != PART_DONE)
		return "cancelled";
	switch (part->outcome) {
	case PART_STALE:
		return "stale";
	case PART_DEFAULT:
		return "default";
	case PART_ABSENT:
		return "absent";
	case PART_SKIPPED:
		return "skipped";
	case PART_GOOD:
	case PART_FAILED:
		break;
	}
	if (part->outcome == PART_GOOD && part->each) {
		compose_each_count(part->each, &good, &all);
		return arena_printf(arena, "200;%zu/%zu", good, all);
	}
	return arena_printf(arena, "%u",
			    part->status ? part->status : problem_kind(part->problem)->status);
}

const char *compose_report(const struct compose *c)
{
	struct arena *arena = &c->x->arena;
	const char *text = "";

	for (size_t i = 0; i < c->part_count && text; i++) {
		const struct compose_part *part = &c->parts[i];
		const char *word = part->state == PART_WAITING ? NULL : compose_word(c, part);

		if (!word) /* it was never asked */
			continue;
		text = arena_printf(arena, "%s%s%s=%s;%ums", text, *text ? ", " : "",
				    part->settings->name, word, (unsigned)(part->took_us / 1000));
	}
	return text;
}

static void compose_count(const struct compose *c)
{
	static const enum stat stats[] = {
		[PART_GOOD] = STAT_PARTS_GOOD,	     [PART_STALE] = STAT_PARTS_STALE,
		[PART_DEFAULT] = STAT_PARTS_DEFAULT, [PART_ABSENT] = STAT_PARTS_ABSENT,
		[PART_SKIPPED] = STAT_PARTS_SKIPPED, [PART_FAILED] = STAT_PARTS_FAILED,
	};

	for (size_t i = 0; i < c->part_count; i++)
		if (c->parts[i].state == PART_DONE)
			stats_inc(c->x->worker->stats, stats[c->parts[i].outcome]);
}

/* Lines for the answer; what is partial is nothing to keep. */
static const char *compose_fields(const struct compose *c)
{
	const char *report = compose_report(c), *vary = view_vary(c->x);
	bool whole = true;

	for (size_t i = 0; i < c->part_count; i++) {
		const struct compose_part *part = &c->parts[i];

		whole &= part->outcome == PART_GOOD || part->outcome == PART_SKIPPED;
		whole &= !part->each || compose_each_is_whole(part->each);
	}
	if (!report)
		return NULL;
	return arena_printf(&c->x->arena, "X-Composition: %s\r\n%s%s", report, vary ? vary : "",
			    whole ? "" : "Cache-Control: no-store\r\n");
}

/* ---- Answering ---- */

/* Why a service could not be reached may say where it is: that is for the log alone. */
static bool compose_may_tell(enum problem problem)
{
	return problem == PROBLEM_BAD_REQUEST || problem == PROBLEM_PART_LACKS ||
	       problem == PROBLEM_PART_MALFORMED || problem == PROBLEM_PART_TOO_LARGE;
}

/* Without what the part was to bring there is no answer. */
static void compose_fail(struct compose *c, struct compose_part *part)
{
	struct exchange *x = c->x;
	const struct problem_kind *kind = problem_kind(part->problem);
	unsigned status = part->status >= 400 ? part->status : kind->status;
	struct respond_part answer = {
		.problem = part->problem,
		.part = {.status = status, .part = part->settings->name},
		.service = part->settings->service_name,
		.fields = compose_fields(c),
	};

	compose_count(c);
	compose_cancel(c);
	x->flags |= kind->flags;
	x->detail = part->reason;
	if (part->problem == PROBLEM_PART_FAILED)
		answer.detail = arena_printf(&x->arena, "the part \"%s\" answered %u",
					     part->settings->name, part->status);
	else if (part->reason && compose_may_tell(part->problem))
		answer.detail = arena_printf(&x->arena, "the part \"%s\" failed: %s",
					     part->settings->name, part->reason);
	else
		answer.detail =
			arena_printf(&x->arena, "the part \"%s\" failed", part->settings->name);
	if (x->route->fallback.given && status >= 500)
		respond_default(x, &x->route->fallback);
	else
		respond_part(x, &answer);
}

/* That of the part that the answer is made from. */
static unsigned compose_status(const struct compose *c)
{
	const struct settings_join *join = &c->settings->join;
	unsigned status = join->has_from ? c->parts[join->from].status : 0;

	return status > 200 && status < 300 && status != 204 && status != 205 && status != 206
		       ? status
		       : 200;
}

/* A program may nest deeper than anything that is read. */
static int compose_check(struct compose *c, struct span answer)
{
	if (json_check(answer, NULL) == 0)
		return 0;
	c->problem = PROBLEM_JOIN_FAILED;
	c->detail = "the answer is nested too deep";
	return -1;
}

/* What the client selects of what was made. */
static int compose_select(struct compose *c)
{
	const struct buf *out = c->view ? &c->viewed : &c->answer;
	struct span answer = {out->data, out->len};

	if ((c->view || c->settings->join.program.text) && compose_check(c, answer) < 0)
		return -1;
	fields_write(c->fields, json_value(answer), &c->selected);
	if (!c->selected.failed)
		return 0;
	c->problem = PROBLEM_NO_MEMORY;
	return -1;
}

/* What was made, or why not. */
static void compose_answer(struct compose *c, int made)
{
	struct exchange *x = c->x;
	const struct buf *out = c->fields ? &c->selected : c->view ? &c->viewed : &c->answer;

	if (made == 0 && c->fields)
		made = compose_select(c);
	if (made < 0) {
		x->detail = c->detail;
		compose_cancel(c);
		if (x->route->fallback.given)
			respond_default(x, &x->route->fallback);
		else
			respond_problem(x, c->problem, c->detail, compose_fields(c));
		return;
	}
	respond_composed(x, compose_status(c), (struct span){out->data, out->len},
			 compose_fields(c));
}

/* By a program. 1: it runs, and compose_on_run is called. */
static int compose_run(struct compose *c, const struct settings_program *program,
		       const struct span *values, struct buf *out)
{
	int result = program_run(&c->run, program, values, out);

	if (result < 0) {
		c->problem = c->run.problem;
		c->detail = c->run.detail;
	}
	return result;
}

/* The answer is there; what this client gets of it. */
static int compose_make_view(struct compose *c)
{
	struct span answer = {c->answer.data, c->answer.len};

	c->view = view_choose(c->x);
	if (!c->view)
		return 0;
	if (c->settings->join.program.text && compose_check(c, answer) < 0)
		return -1;
	return compose_run(c, &c->view->program, &answer, &c->viewed);
}

static void compose_finish(struct compose *c, int made)
{
	if (made == 0 && !c->view)
		made = compose_make_view(c);
	if (made <= 0)
		compose_answer(c, made);
}

/* All parts are there. */
static void compose_join_all(struct compose *c)
{
	const struct settings_program *program = &c->settings->join.program;

	compose_count(c);
	compose_finish(c, program->text ? compose_run(c, program, c->results, &c->answer)
					: compose_join(c));
}

static void compose_on_run(struct program_run *run, int result)
{
	struct compose *c = (struct compose *)(void *)((char *)run - offsetof(struct compose, run));
	struct client *client = c->x->client;

	if (result < 0) {
		c->problem = run->problem;
		c->detail = run->detail;
	}
	client_enter(client);
	compose_finish(c, result);
	client_leave(client);
}

/* ---- The graph ---- */

/* True when a part was started. */
static bool compose_start_ready(struct compose *c)
{
	bool some = false;

	for (size_t i = 0; i < c->part_count; i++) {
		struct compose_part *part = &c->parts[i];

		if (part->state != PART_WAITING || (part->settings->after & ~c->done))
			continue;
		part_start(part);
		some = true;
		if (part->state == PART_DONE && part->outcome == PART_FAILED)
			return false;
	}
	return some;
}

static struct compose_part *compose_find_failed(struct compose *c)
{
	for (size_t i = 0; i < c->part_count; i++)
		if (c->parts[i].state == PART_DONE && c->parts[i].outcome == PART_FAILED)
			return &c->parts[i];
	return NULL;
}

/* What can be done now is done; answers when nothing is left. */
static void compose_advance(struct compose *c)
{
	struct compose_part *failed = compose_find_failed(c);

	while (!failed && compose_start_ready(c))
		failed = compose_find_failed(c);
	if (!failed)
		failed = compose_find_failed(c);
	if (failed)
		compose_fail(c, failed);
	else if (c->done == (c->part_count == 32 ? UINT32_MAX : (UINT32_C(1) << c->part_count) - 1))
		compose_join_all(c);
}

void compose_go_on(struct compose *c)
{
	struct client *client = c->x->client;

	client_enter(client);
	compose_advance(c);
	client_leave(client);
}

/* When its parts have to be there, and its programs. */
static void compose_set_clock(struct compose *c)
{
	uint64_t timeout = (uint64_t)c->x->route->timeout_ms;

	c->started_us = loop_now_us(worker_loop(c->x->worker));
	c->due_us = c->started_us + timeout * 10 * COMPOSE_PARTS_PERCENT;
	c->run.end_us = c->started_us + timeout * 1000;
}

static struct compose *compose_new(struct exchange *x)
{
	const struct settings_compose *settings = &x->route->compose;
	struct compose *c = arena_zalloc(&x->arena, sizeof(*c));

	if (!c)
		return NULL;
	c->x = x;
	c->settings = settings;
	c->parts = arena_zalloc(&x->arena, settings->call_count * sizeof(*c->parts));
	c->results = arena_zalloc(&x->arena, (settings->call_count + 1) * sizeof(*c->results));
	if (!c->parts || !c->results || call_base_make(&c->base, x) < 0)
		return NULL;
	c->part_count = settings->call_count;
	for (size_t i = 0; i < c->part_count; i++) {
		c->parts[i].compose = c;
		c->parts[i].settings = &settings->calls[i];
	}
	c->run = (struct program_run){
		.x = x, .failure = PROBLEM_JOIN_FAILED, .on_done = compose_on_run};
	buf_init(&c->answer, (size_t)settings->answer_bytes);
	buf_init(&c->viewed, (size_t)settings->answer_bytes);
	buf_init(&c->selected, (size_t)settings->answer_bytes);
	buf_init(&c->body, COMPOSE_BODY_MAX);
	return c;
}

void compose_start(struct exchange *x)
{
	const struct fields *fields = NULL;
	struct compose *c;

	if (x->route->fields.given && !fields_select(x, &fields))
		return;
	c = compose_new(x);
	/* The selection is of the answer; no call is asked with it. */
	if (!c || (fields && route_action_strip(x, &x->request.query) < 0)) {
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return;
	}
	x->compose = c;
	c->fields = fields;
	compose_set_clock(c);
	c->awaits_body = c->settings->needs_body && !x->body_done;
	if (c->awaits_body)
		respond_continue(x);
	else
		compose_advance(c);
}

void compose_body(struct compose *c, struct span piece)
{
	if (!c->awaits_body || buf_append(&c->body, piece.at, piece.len) == 0)
		return;
	compose_cancel(c);
	c->x->close = true;
	respond_problem(c->x,
			c->body.len + piece.len > COMPOSE_BODY_MAX ? PROBLEM_BODY_TOO_LARGE
								   : PROBLEM_NO_MEMORY,
			NULL, NULL);
}

void compose_body_end(struct compose *c)
{
	struct span body = {c->body.data, c->body.len};
	struct err e = {0};

	if (!c->awaits_body)
		return;
	c->awaits_body = false;
	if (body.len && json_check(body, &e) < 0) {
		respond_problem(c->x, e.code == ENOMEM ? PROBLEM_NO_MEMORY : PROBLEM_BAD_REQUEST,
				arena_printf(&c->x->arena, "the body is no JSON: %s", e.text),
				NULL);
		return;
	}
	if (body.len)
		c->results[c->part_count] = json_value(body);
	/* The time of the parts begins when they can. */
	compose_set_clock(c);
	compose_advance(c);
}
