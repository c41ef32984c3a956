/* program_run: here, or in a helper; and what its end means. */
#include "gateway/program_run.h"
#include "common/log.h"
#include "gateway/exchange.h"
#include "gateway/programs.h"
#include "gateway/worker.h"

#include <stddef.h>

enum { PROGRAM_LOG_EVERY_MS = 1000 };

static const char program_no_helper[] = "no process is free to run the program";

/* The program's own words are for the log: they may hold what is in the replies. */
static void program_log(const struct program_run *run, const char *message)
{
	struct worker *worker = run->x->worker;
	uint64_t now = loop_now_ms(worker_loop(worker));

	if (worker->jq_logged_ms && now < worker->jq_logged_ms + PROGRAM_LOG_EVERY_MS)
		return;
	worker->jq_logged_ms = now;
	log_warn("%s:%u: the program of %s failed: %.500s", worker_settings(worker)->file,
		 run->x->route->line, run->x->route->pattern, message);
}

static int program_end(struct program_run *run, enum jq_result result, struct buf *out)
{
	const char *message;

	run->problem = run->failure;
	switch (result) {
	case JQ_DONE:
		return 0;
	case JQ_ERROR:
		run->detail = "the program failed";
		message = buf_str(out);
		program_log(run, message ? message : "(its message is too long)");
		break;
	case JQ_TOO_LONG:
		run->detail = "the program took more than it may";
		program_log(run, run->detail);
		break;
	case JQ_TOO_LARGE:
		run->detail = "the program's result is too large, or nested too deep";
		break;
	case JQ_NO_MEMORY:
		run->problem = PROBLEM_NO_MEMORY;
		break;
	case JQ_NO_HELPER:
		run->problem = PROBLEM_OVERLOAD;
		run->detail = program_no_helper;
		break;
	}
	return -1;
}

/* ---- In a helper process ---- */

void program_run_cancel(struct program_run *run)
{
	if (!run->x)
		return;
	jq_pool_cancel(&run->job);
	loop_timer_clear(worker_loop(run->x->worker), &run->timer);
}

static void program_on_job(struct jq_job *job)
{
	struct program_run *run =
		(struct program_run *)(void *)((char *)job - offsetof(struct program_run, job));

	loop_timer_clear(worker_loop(run->x->worker), &run->timer);
	run->on_done(run, program_end(run, job->result, job->out));
}

static void program_on_time(struct wheel_timer *timer)
{
	struct program_run *run =
		(struct program_run *)(void *)((char *)timer - offsetof(struct program_run, timer));

	jq_pool_cancel(&run->job);
	run->problem = run->failure;
	run->detail = "the route's timeout is over";
	run->on_done(run, -1);
}

static int program_send(struct program_run *run, const struct settings_program *program,
			const struct span *values, struct buf *out)
{
	struct worker *worker = run->x->worker;
	const struct settings_limits *settings = &run->x->table->table->settings->limits;
	const struct jq_limits limits = {.helpers = settings->program_helpers,
					 .cpu_ms = settings->program_time_ms,
					 .memory = settings->program_bytes};
	uint64_t now = loop_now_us(worker_loop(worker));

	buf_reset(out);
	run->job = (struct jq_job){.on_done = program_on_job, .out = out};
	if (jq_pool_run(worker->jq_pool, &limits, &run->job, program->text, program->names, values,
			program->name_count) < 0) {
		run->problem = PROBLEM_OVERLOAD;
		run->detail = program_no_helper;
		return -1;
	}
	run->timer.on_time = program_on_time;
	loop_timer_set(worker_loop(worker), &run->timer,
		       run->end_us > now ? (run->end_us - now) / 1000 + 1 : 1);
	return 1;
}

/* ---- Here ---- */

int program_run(struct program_run *run, const struct settings_program *program,
		const struct span *values, struct buf *out)
{
	struct programs *programs = run->x->table->table->programs;
	unsigned worker = run->x->worker->index;
	struct jq *jq = programs_get(programs, program->index, worker);
	struct jq_input input;
	enum jq_result result;

	buf_reset(out);
	jq_input_init(&input, values, program->name_count);
	if (!jq || jq_needs_helper(jq, &input))
		return program_send(run, program, values, out);
	result = jq_run(jq, &input, JQ_HERE_MS, out);
	if (result == JQ_TOO_LONG)
		return program_send(run, program, values, out);
	if (result == JQ_NO_MEMORY)
		programs_give_up(programs, program->index, worker);
	return program_end(run, result, out);
}
