/*
 * compose_program: the join by a jq program: here when it is known to be
 * short, else in a helper process. One that takes longer than it looked is
 * stopped here and begun again there.
 */
#include "common/log.h"
#include "gateway/compose_parts.h"
#include "gateway/programs.h"
#include "gateway/worker.h"

#include <string.h>

enum { PROGRAM_LOG_EVERY_MS = 1000 };

/* The program's own words are for the log: they may hold what is in the replies. */
static void program_log(const struct compose *c, const char *message)
{
	struct worker *worker = c->x->worker;
	uint64_t now = loop_now_ms(worker_loop(worker));

	if (worker->jq_logged_ms && now < worker->jq_logged_ms + PROGRAM_LOG_EVERY_MS)
		return;
	worker->jq_logged_ms = now;
	log_warn("%s:%u: the program of %s failed: %.500s", worker_settings(worker)->file,
		 c->x->route->line, c->x->route->pattern, message);
}

static int program_end(struct compose *c, enum jq_result result, struct buf *out)
{
	const char *message;

	c->problem = PROBLEM_JOIN_FAILED;
	switch (result) {
	case JQ_DONE:
		return 0;
	case JQ_ERROR:
		c->detail = "the program failed";
		message = buf_str(out);
		program_log(c, message ? message : "(its message is too long)");
		break;
	case JQ_TOO_LONG:
		c->detail = "the program took more than it may";
		program_log(c, c->detail);
		break;
	case JQ_TOO_LARGE:
		c->detail = "the program's result is too large, or nested too deep";
		break;
	case JQ_NO_MEMORY:
		c->problem = PROBLEM_NO_MEMORY;
		break;
	}
	return -1;
}

/* ---- In a helper process ---- */

void compose_program_cancel(struct compose *c)
{
	jq_pool_cancel(&c->job);
	loop_timer_clear(worker_loop(c->x->worker), &c->timer);
}

static void program_on_job(struct jq_job *job)
{
	struct compose *c = (struct compose *)(void *)((char *)job - offsetof(struct compose, job));

	loop_timer_clear(worker_loop(c->x->worker), &c->timer);
	compose_ran(c, program_end(c, job->result, job->out));
}

static void program_on_time(struct wheel_timer *timer)
{
	struct compose *c =
		(struct compose *)(void *)((char *)timer - offsetof(struct compose, timer));

	jq_pool_cancel(&c->job);
	c->problem = PROBLEM_JOIN_FAILED;
	c->detail = "the route's timeout is over";
	compose_ran(c, -1);
}

static int program_send(struct compose *c, const struct settings_program *program,
			const struct span *values, struct buf *out)
{
	struct worker *worker = c->x->worker;
	const struct settings_limits *settings = &c->x->table->table->settings->limits;
	const struct jq_limits limits = {.helpers = settings->program_helpers,
					 .cpu_ms = settings->program_time_ms,
					 .memory = settings->program_bytes};
	uint64_t now = loop_now_us(worker_loop(worker));
	uint64_t end = c->started_us + (uint64_t)c->x->route->timeout_ms * 1000;

	buf_reset(out);
	c->job = (struct jq_job){.on_done = program_on_job, .out = out};
	if (jq_pool_run(worker->jq_pool, &limits, &c->job, program->text, program->names, values,
			program->name_count) < 0) {
		c->problem = PROBLEM_OVERLOAD;
		c->detail = "no process is free to run the program";
		return -1;
	}
	c->timer.on_time = program_on_time;
	loop_timer_set(worker_loop(worker), &c->timer, end > now ? (end - now) / 1000 + 1 : 1);
	return 1;
}

/* ---- Here ---- */

int compose_program(struct compose *c, const struct settings_program *program,
		    const struct span *values, struct buf *out)
{
	struct programs *programs = c->x->table->table->programs;
	unsigned worker = c->x->worker->index;
	struct jq *jq = programs_get(programs, program->index, worker);
	struct jq_input input;
	enum jq_result result;

	jq_input_init(&input, values, program->name_count);
	if (!jq || jq_needs_helper(jq, &input))
		return program_send(c, program, values, out);
	result = jq_run(jq, &input, JQ_HERE_MS, out);
	if (result == JQ_TOO_LONG)
		return program_send(c, program, values, out);
	if (result == JQ_NO_MEMORY)
		programs_give_up(programs, program->index, worker);
	return program_end(c, result, out);
}
