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

static int program_end(struct compose *c, enum jq_result result, enum problem *problem,
		       const char **detail)
{
	const char *message;

	*problem = PROBLEM_JOIN_FAILED;
	switch (result) {
	case JQ_DONE:
		return 0;
	case JQ_ERROR:
		*detail = "the program failed";
		message = buf_str(&c->answer);
		program_log(c, message ? message : "(its message is too long)");
		break;
	case JQ_TOO_LONG:
		*detail = "the program took more than it may";
		program_log(c, *detail);
		break;
	case JQ_TOO_LARGE:
		*detail = "the program's result is too large, or nested too deep";
		break;
	case JQ_NO_MEMORY:
		*problem = PROBLEM_NO_MEMORY;
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
	enum problem problem;
	const char *detail = NULL;
	int result = program_end(c, job->result, &problem, &detail);

	loop_timer_clear(worker_loop(c->x->worker), &c->timer);
	compose_joined(c, result, problem, detail);
}

static void program_on_time(struct wheel_timer *timer)
{
	struct compose *c =
		(struct compose *)(void *)((char *)timer - offsetof(struct compose, timer));

	jq_pool_cancel(&c->job);
	compose_joined(c, -1, PROBLEM_JOIN_FAILED, "the route's timeout is over");
}

static int program_send(struct compose *c, enum problem *problem, const char **detail)
{
	struct worker *worker = c->x->worker;
	const struct settings_join *join = &c->settings->join;
	const struct settings_limits *settings = &c->x->table->table->settings->limits;
	const struct jq_limits limits = {.helpers = settings->program_helpers,
					 .cpu_ms = settings->program_time_ms,
					 .memory = settings->program_bytes};
	uint64_t now = loop_now_us(worker_loop(worker));
	uint64_t end = c->started_us + (uint64_t)c->x->route->timeout_ms * 1000;

	buf_reset(&c->answer);
	c->job = (struct jq_job){.on_done = program_on_job, .out = &c->answer};
	if (jq_pool_run(worker->jq_pool, &limits, &c->job, join->program, join->names, c->results,
			join->name_count) < 0) {
		*problem = PROBLEM_OVERLOAD;
		*detail = "no process is free to run the program";
		return -1;
	}
	c->timer.on_time = program_on_time;
	loop_timer_set(worker_loop(worker), &c->timer, end > now ? (end - now) / 1000 + 1 : 1);
	return 1;
}

/* ---- Here ---- */

int compose_program(struct compose *c, enum problem *problem, const char **detail)
{
	struct programs *programs = c->x->table->table->programs;
	size_t index = c->settings->join.program_index;
	unsigned worker = c->x->worker->index;
	struct jq *jq = programs_get(programs, index, worker);
	struct jq_input input;
	enum jq_result result;

	jq_input_init(&input, c->results, c->part_count);
	if (!jq || jq_needs_helper(jq, &input))
		return program_send(c, problem, detail);
	result = jq_run(jq, &input, JQ_HERE_MS, &c->answer);
	if (result == JQ_TOO_LONG)
		return program_send(c, problem, detail);
	if (result == JQ_NO_MEMORY)
		programs_give_up(programs, index, worker);
	return program_end(c, result, problem, detail);
}
