/*
 * jq_pool:
 *
 *   none --spawn--> IDLE --ask--> BUSY --said--> IDLE
 *                                  | its job is cancelled -> killed
 *                                  | it ends              -> its job fails
 *
 * Jobs wait for one that is busy. When none is there, and none can be started,
 * nothing will come for them: they fail.
 */
#include "gateway/jq_pool.h"
#include "common/log.h"
#include "gateway/jq_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POOL_HELPERS_MAX = 64, POOL_WAITING_MAX = 256 };

struct jq_helper {
	struct loop_fd lfd;
	struct jq_pool *pool;
	struct jq_job *job; /* NULL: idle */
	pid_t pid;
	size_t sent;
	struct jq_said said;
	size_t said_len; /* bytes of it that came */
};

struct jq_pool {
	struct loop *loop;
	struct jq_helper *helpers[POOL_HELPERS_MAX];
	size_t count;
	struct jq_limits limits;      /* of the newest job */
	struct jq_job *first, **last; /* waiting */
	unsigned waiting, killed;
	struct loop_task refusal;      /* of those that wait for nobody */
	pid_t ended[POOL_HELPERS_MAX]; /* killed, and not yet awaited */
	size_t ended_count;
};

static void pool_on_event(struct loop_fd *lfd, unsigned events);
static void pool_feed(struct jq_pool *pool);

/* ---- Processes ---- */

/* Those that are gone leave the kernel's table; `all` waits for them. */
static void pool_reap(struct jq_pool *pool, bool all)
{
	size_t left = 0;

	for (size_t i = 0; i < pool->ended_count; i++)
		if (waitpid(pool->ended[i], NULL, all ? 0 : WNOHANG) == 0)
			pool->ended[left++] = pool->ended[i];
	pool->ended_count = left;
}

static int pool_spawn_process(struct jq_pool *pool, int fd, pid_t *pid)
{
	char memory[24];
	char name[] = "microreg-gateway", option[] = JQ_HELPER_OPTION;
	char *argv[] = {name, option, memory, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int error;

	(void)snprintf(memory, sizeof(memory), "%" PRIu64, pool->limits.memory);
	(void)sigemptyset(&none);
	(void)sigfillset(&defaults);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -1;
	}
	/* Everything else is closed by exec. */
	error = posix_spawn_file_actions_adddup2(&actions, fd, 0);
	if (!error)
		error = posix_spawnattr_setsigmask(&attributes, &none);
	if (!error)
		error = posix_spawnattr_setsigdefault(&attributes, &defaults);
	if (!error)
		error = posix_spawnattr_setflags(&attributes,
						 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!error)
		error = posix_spawn(pid, "/proc/self/exe", &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	errno = error;
	return error ? -1 : 0;
}

/* NULL: it can't be started now. */
static struct jq_helper *pool_spawn(struct jq_pool *pool)
{
	struct jq_helper *h = calloc(1, sizeof(*h));
	int pair[2] = {-1, -1};

	if (!h || pool->ended_count + pool->count >= POOL_HELPERS_MAX)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ||
	    pool_spawn_process(pool, pair[1], &h->pid) < 0)
		goto fail;
	(void)close(pair[1]);
	pair[1] = -1;
	h->pool = pool;
	h->lfd = (struct loop_fd){.fd = pair[0], .on_event = pool_on_event};
	pool->helpers[pool->count++] = h;
	if (loop_watch(pool->loop, &h->lfd, false) == 0)
		return h;
	pool->count--;
	(void)kill(h->pid, SIGKILL);
	pool->ended[pool->ended_count++] = h->pid;
fail:
	log_warn("jq: no helper process can be started: %s", strerror(errno));
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			(void)close(pair[i]);
	free(h);
	return NULL;
}

static void pool_end(struct jq_helper *h)
{
	struct jq_pool *pool = h->pool;
	size_t i = 0;

	while (pool->helpers[i] != h)
		i++;
	pool->helpers[i] = pool->helpers[--pool->count];
	loop_unwatch(pool->loop, &h->lfd);
	(void)close(h->lfd.fd);
	(void)kill(h->pid, SIGKILL); /* it may be gone already */
	pool->ended[pool->ended_count++] = h->pid;
	free(h);
	pool_reap(pool, false);
}

/* ---- Jobs ---- */

/* It is no longer the pool's; on_done is the caller's to call. */
static void pool_let_go(struct jq_job *job, enum jq_result result)
{
	buf_fini(&job->ask);
	job->helper = NULL;
	job->pool = NULL;
	job->result = result;
}

/* It ended in the midst of a run: by the kernel's clock, or without memory. */
static void pool_died(struct jq_helper *h)
{
	struct jq_pool *pool = h->pool;
	struct jq_job *job = h->job;

	pool->killed += job != NULL;
	h->job = NULL;
	pool_end(h);
	if (job)
		pool_let_go(job, JQ_TOO_LONG);
	pool_feed(pool);
	if (job)
		job->on_done(job);
}

/* False: it is gone. */
static bool pool_send(struct jq_helper *h)
{
	const struct buf *ask = &h->job->ask;

	while (h->sent < ask->len) {
		ssize_t n = send(h->lfd.fd, ask->data + h->sent, ask->len - h->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		h->sent += (size_t)n;
	}
	return true;
}

/* More of the answer: 1 when it is whole, 0 when more must come, -1: it is gone. */
static int pool_receive(struct jq_helper *h)
{
	for (;;) {
		bool head = h->said_len < sizeof(h->said);
		struct buf *out = h->job->out;
		size_t want = head ? sizeof(h->said) - h->said_len : (size_t)h->said.len - out->len;
		char *to = head ? (char *)&h->said + h->said_len : buf_reserve(out, want);
		ssize_t n;

		if (!head && !want)
			return 1;
		if (!to)
			return -1;
		n = recv(h->lfd.fd, to, want, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN ? 0 : -1;
		if (head)
			h->said_len += (size_t)n;
		else
			out->len += (size_t)n;
		if (head && h->said_len == sizeof(h->said))
			buf_reset(out);
	}
}

static void pool_on_event(struct loop_fd *lfd, unsigned events)
{
	struct jq_helper *h = (struct jq_helper *)(void *)lfd;
	struct jq_pool *pool = h->pool;
	int got;

	if (!h->job) { /* nothing is expected but its end */
		if (events & (LOOP_HANGUP | LOOP_BROKEN))
			pool_died(h);
		return;
	}
	got = pool_send(h) ? pool_receive(h) : -1;
	if (got < 0) {
		pool_died(h);
	} else if (got > 0) {
		struct jq_job *job = h->job;
		enum jq_result result = (enum jq_result)h->said.result;

		h->job = NULL;
		pool_let_go(job, result);
		if (result == JQ_NO_MEMORY) {
			pool->killed++;
			pool_end(h);
		}
		pool_feed(pool);
		job->on_done(job);
	}
}

/* ---- The queue ---- */

static void pool_ask(struct jq_helper *h, struct jq_job *job)
{
	h->job = job;
	h->sent = h->said_len = 0;
	job->helper = h;
	(void)pool_send(h); /* its end is told by an event */
}

static struct jq_helper *pool_idle(struct jq_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		if (!pool->helpers[i]->job)
			return pool->helpers[i];
	return pool->count < pool->limits.helpers && pool->count < POOL_HELPERS_MAX
		       ? pool_spawn(pool)
		       : NULL;
}

static struct jq_job *pool_take_first(struct jq_pool *pool)
{
	struct jq_job *job = pool->first;

	pool->first = job->next;
	if (!pool->first)
		pool->last = &pool->first;
	pool->waiting--;
	return job;
}

/* Gives the waiting ones to whoever is idle. */
static void pool_feed(struct jq_pool *pool)
{
	while (pool->first) {
		struct jq_helper *h = pool_idle(pool);

		if (!h) {
			/* Not from here: this may be within a call that cancels another job. */
			if (!pool->count)
				loop_defer(pool->loop, &pool->refusal);
			return;
		}
		pool_ask(h, pool_take_first(pool));
	}
}

/* on_done may cancel others of them, or try to run more. */
static void pool_refuse(struct loop_task *task)
{
	struct jq_pool *pool =
		(struct jq_pool *)(void *)((char *)task - offsetof(struct jq_pool, refusal));

	while (pool->first && !pool->count) {
		struct jq_job *job = pool_take_first(pool);

		pool_let_go(job, JQ_NO_HELPER);
		job->on_done(job);
	}
}

static int pool_write_ask(const struct jq_limits *limits, struct jq_job *job, const char *text,
			  const char *const *names, const struct span *values, size_t count)
{
	struct jq_ask ask = {.program_len = (uint32_t)strlen(text),
			     .count = (uint32_t)count,
			     .cpu_ms = limits->cpu_ms,
			     .result_max = job->out->max};

	for (size_t i = 0; i < count; i++) {
		ask.names_len += (uint32_t)strlen(names[i]) + 1;
		ask.values_len += sizeof(uint64_t) + values[i].len;
	}
	buf_init(&job->ask, sizeof(ask) + ask.program_len + 1 + ask.names_len + ask.values_len);
	(void)buf_append(&job->ask, &ask, sizeof(ask)); /* failures stick */
	(void)buf_append(&job->ask, text, ask.program_len + 1);
	for (size_t i = 0; i < count; i++)
		(void)buf_append(&job->ask, names[i], strlen(names[i]) + 1);
	for (size_t i = 0; i < count; i++) {
		uint64_t len = values[i].len;

		(void)buf_append(&job->ask, &len, sizeof(len));
		(void)buf_append(&job->ask, values[i].at, values[i].len);
	}
	if (!job->ask.failed)
		return 0;
	buf_fini(&job->ask);
	return -1;
}

int jq_pool_run(struct jq_pool *pool, const struct jq_limits *limits, struct jq_job *job,
		const char *text, const char *const *names, const struct span *values, size_t count)
{
	struct jq_helper *h;

	pool_reap(pool, false);
	pool->limits = *limits;
	if (pool->waiting >= POOL_WAITING_MAX ||
	    pool_write_ask(limits, job, text, names, values, count) < 0)
		return -1;
	job->pool = pool;
	job->helper = NULL;
	job->next = NULL;
	h = pool->first ? NULL : pool_idle(pool);
	if (h) {
		pool_ask(h, job);
		return 0;
	}
	if (!pool->count) {
		buf_fini(&job->ask);
		job->pool = NULL;
		return -1;
	}
	*pool->last = job;
	pool->last = &job->next;
	pool->waiting++;
	return 0;
}

void jq_pool_cancel(struct jq_job *job)
{
	struct jq_pool *pool = job->pool;

	if (!pool)
		return;
	job->pool = NULL;
	buf_fini(&job->ask);
	if (job->helper) {
		/* What it is at can't be told from what comes next. */
		job->helper->job = NULL;
		pool->killed++;
		pool_end(job->helper);
		job->helper = NULL;
		pool_feed(pool);
		return;
	}
	for (struct jq_job **at = &pool->first; *at; at = &(*at)->next)
		if (*at == job) {
			*at = job->next;
			if (!*at)
				pool->last = at;
			pool->waiting--;
			return;
		}
}

/* ---- The pool ---- */

struct jq_pool *jq_pool_new(struct loop *loop)
{
	struct jq_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->loop = loop;
	pool->last = &pool->first;
	pool->refusal.run = pool_refuse;
	return pool;
}

void jq_pool_free(struct jq_pool **pool)
{
	struct jq_pool *p = *pool;

	*pool = NULL;
	if (!p)
		return;
	loop_undefer(p->loop, &p->refusal);
	while (p->count)
		pool_end(p->helpers[0]);
	pool_reap(p, true);
	free(p);
}

void jq_pool_count(const struct jq_pool *pool, unsigned *helpers, unsigned *killed)
{
	*helpers = (unsigned)pool->count;
	*killed = pool->killed;
}
