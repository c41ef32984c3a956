/*
 * jq_helper: the process that runs what a worker can't wait for. It reads one
 * question after the other, with the memory and time it was given: over the one
 * its allocations fail, over the other the program is stopped, and if libjq does
 * not come back to where it could be, the kernel ends the process.
 */
#include "common/json_walk.h"
#include "gateway/jq.h"
#include "gateway/jq_wire.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	HELPER_PROGRAMS = 32, /* compiled ones that are kept; compiling is what takes long */
	HELPER_SPARE_MS = 500,
};

struct helper_program {
	struct jq *jq;
	char *text;
	size_t len;
};

static struct helper_program helper_programs[HELPER_PROGRAMS];
static unsigned helper_next;

/* False at the end. */
static bool helper_read(void *to, size_t len)
{
	char *at = to;

	while (len) {
		ssize_t n = read(0, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool helper_write(const void *from, size_t len)
{
	const char *at = from;

	while (len) {
		ssize_t n = write(0, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* The kernel's word when libjq does not listen. */
static void helper_set_clock(unsigned ms)
{
	struct itimerval when = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};

	(void)setitimer(ITIMER_PROF, &when, NULL); /* it takes these arguments */
}

static void helper_limit(uint64_t memory)
{
	struct rlimit none = {0}, limit;
	uint64_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%" SCNu64, &pages) == 1)
		memory += pages * (uint64_t)sysconf(_SC_PAGESIZE);
	if (f)
		(void)fclose(f);
	limit = (struct rlimit){.rlim_cur = memory, .rlim_max = memory};
	(void)setrlimit(RLIMIT_AS, &limit); /* without it the clock is left, here and below */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_FSIZE, &none);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* The compiled program of that text, names included, or NULL with *e. */
static struct jq *helper_compile(const char *text, size_t program_len, size_t len, size_t count,
				 struct err *e)
{
	struct helper_program *p;
	const char *names[JQ_NAMES_MAX];
	const char *name = text + program_len + 1;

	for (size_t i = 0; i < HELPER_PROGRAMS; i++)
		if (helper_programs[i].jq && helper_programs[i].len == len &&
		    memcmp(helper_programs[i].text, text, len) == 0)
			return helper_programs[i].jq;
	for (size_t i = 0; i < count; i++, name += strlen(name) + 1)
		names[i] = name;
	p = &helper_programs[helper_next++ % HELPER_PROGRAMS];
	jq_free(&p->jq);
	free(p->text);
	p->text = malloc(len);
	if (!p->text) {
		(void)err_set(e, "out of memory");
		return NULL;
	}
	memcpy(p->text, text, len);
	p->len = len;
	p->jq = jq_new(text, names, count, e);
	return p->jq;
}

/* Where each document lies in what came. */
static void helper_values(const char *at, struct span *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t len;

		memcpy(&len, at, sizeof(len));
		at += sizeof(len);
		values[i] = (struct span){at, (size_t)len};
		at += len;
	}
}

static enum jq_result helper_run(const struct jq_ask *ask, const char *text, const char *documents,
				 struct buf *out)
{
	struct span values[JQ_NAMES_MAX];
	struct jq_input input;
	struct err e = {0};
	struct jq *jq = helper_compile(text, ask->program_len,
				       ask->program_len + 1 + ask->names_len, ask->count, &e);

	if (!jq) {
		(void)buf_puts(out, e.text);
		return JQ_ERROR;
	}
	helper_values(documents, values, ask->count);
	jq_input_init(&input, values, ask->count);
	helper_set_clock(ask->cpu_ms + HELPER_SPARE_MS);
	return jq_run(jq, &input, ask->cpu_ms, out);
}

/* False: this was the last. */
static bool helper_answer(const struct jq_ask *ask)
{
	size_t text_len = ask->program_len + 1 + ask->names_len;
	char *text = malloc(text_len), *documents = malloc(ask->values_len + 1);
	struct jq_said said = {.result = JQ_NO_MEMORY};
	struct buf out;
	bool good = false;

	buf_init(&out, (size_t)ask->result_max);
	if (text && documents && helper_read(text, text_len) &&
	    helper_read(documents, (size_t)ask->values_len)) {
		said.result = helper_run(ask, text, documents, &out);
		helper_set_clock(0);
		if (said.result == JQ_DONE || said.result == JQ_ERROR)
			said.len = out.len;
		good = helper_write(&said, sizeof(said)) &&
		       (!said.len || helper_write(out.data, (size_t)said.len)) &&
		       said.result != JQ_NO_MEMORY;
	}
	buf_fini(&out);
	free(text);
	free(documents);
	return good;
}

int jq_helper_main(const char *memory)
{
	struct jq_ask ask;

	helper_limit(strtoull(memory, NULL, 10));
	while (helper_read(&ask, sizeof(ask)))
		if (ask.count > JQ_NAMES_MAX || !helper_answer(&ask))
			break;
	for (size_t i = 0; i < HELPER_PROGRAMS; i++) {
		jq_free(&helper_programs[i].jq);
		free(helper_programs[i].text);
	}
	return 0;
}
