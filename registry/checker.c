/*
 * checker: rounds of probes over one loop.
 *
 *   connecting -> (HTTP: asking ->) answered | failed | late
 */
#include "registry/checker.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "registry/catalog.h"
#include "registry/edit.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#include "common/siphash.h"
#include <uthash.h>

enum {
	CHECKER_PARALLEL = 256,
	CHECKER_REQUEST_MAX = 2048,
	CHECKER_STATUS_LINE = 12, /* "HTTP/1.1 200" */
};

/* How often in a row it has failed; only of those that have. */
struct checker_failures {
	UT_hash_handle hh;
	uint64_t number;
	unsigned count, round;
};

struct probe {
	struct loop_fd lfd; /* first */
	struct wheel_timer timer;
	struct probe *next; /* among the free */
	struct checker *checker;
	struct record *record;
	bool asked; /* the HTTP request is sent */
	char reply[CHECKER_STATUS_LINE];
	size_t reply_len;
};

struct checker {
	struct registry *registry;
	struct checker_options options;
	struct loop *loop;
	pthread_t thread;
	struct wheel_timer round_timer;
	struct probe probes[CHECKER_PARALLEL];
	struct probe *idle;
	size_t left; /* of this round, not yet begun */
	unsigned round;
	struct checker_failures *failures; /* by number */
};

static void checker_fill(struct checker *c);

/* ---- Outcomes ---- */

struct checker_edit {
	struct edit edit; /* first */
	struct record *record;
	char detail[128];
};

static void checker_edit_finish(struct edit *edit)
{
	struct checker_edit *own = (void *)edit;
	const struct instance *in = &own->record->in;

	/* A store that refuses is told elsewhere; the next round tries again. */
	if (!edit->op.err.code && edit->existed && edit->kind == EDIT_FORGET)
		log_info("%s/%s removed: it did not answer for too long", in->service, in->id);
	else if (!edit->op.err.code && edit->existed)
		log_info("%s/%s is %s", in->service, in->id,
			 edit->failed ? own->detail : "back: it answers again");
	record_unref(&own->record);
	free(own);
}

static void checker_submit(struct checker *c, const struct record *r, enum edit_kind kind,
			   bool failed)
{
	struct checker_edit *own = calloc(1, sizeof(*own));

	if (!own)
		return; /* the next round tries again */
	own->record = record_ref(r);
	(void)snprintf(own->detail, sizeof(own->detail), "down: no answer from its address");
	own->edit.kind = kind;
	own->edit.service = own->record->in.service;
	own->edit.id = own->record->in.id;
	own->edit.failed = failed;
	own->edit.detail = own->detail;
	own->edit.finish = checker_edit_finish;
	if (edit_submit(c->registry->writer, &own->edit, NULL) < 0) {
		record_unref(&own->record);
		free(own);
	}
}

static struct checker_failures *checker_failures_of(struct checker *c, uint64_t number)
{
	struct checker_failures *f, *found;

	HASH_FIND(hh, c->failures, &number, sizeof(number), f);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->number = number;
	HASH_ADD(hh, c->failures, number, sizeof(number), f);
	HASH_FIND(hh, c->failures, &number, sizeof(number), found);
	if (found)
		return f;
	free(f);
	return NULL;
}

static void checker_good(struct checker *c, const struct record *r)
{
	struct checker_failures *f;

	HASH_FIND(hh, c->failures, &r->number, sizeof(r->number), f);
	if (f) {
		HASH_DEL(c->failures, f);
		free(f);
	}
	if (r->check_failed)
		checker_submit(c, r, EDIT_CHECK, false);
}

static void checker_bad(struct checker *c, const struct record *r)
{
	struct checker_failures *f = checker_failures_of(c, r->number);

	if (!f)
		return;
	f->round = c->round;
	f->count++;
	if (!r->check_failed && f->count >= c->options.failures)
		checker_submit(c, r, EDIT_CHECK, true);
	/* Those with a lease end by it. */
	else if (r->check_failed && r->legacy &&
		 clock_wall_ms() - r->down_wall_ms > (int64_t)c->options.keep_ms)
		checker_submit(c, r, EDIT_FORGET, true);
}

static void probe_end(struct probe *p, bool good)
{
	struct checker *c = p->checker;

	loop_timer_clear(c->loop, &p->timer);
	loop_unwatch(c->loop, &p->lfd);
	if (p->lfd.fd >= 0)
		(void)close(p->lfd.fd); /* nothing to lose */
	p->lfd.fd = -1;
	if (good)
		checker_good(c, p->record);
	else
		checker_bad(c, p->record);
	record_unref(&p->record);
	p->next = c->idle;
	c->idle = p;
}

/* ---- A probe ---- */

static bool probe_ask(struct probe *p)
{
	char request[CHECKER_REQUEST_MAX];
	const struct instance *in = &p->record->in;
	int len = snprintf(request, sizeof(request),
			   "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: microreg-registry\r\n"
			   "Connection: close\r\n\r\n",
			   *in->check_path ? in->check_path : "/", in->host, in->port);

	p->asked = true;
	/* It fits into the empty buffer of a new connection, or something is wrong. */
	return len > 0 && (size_t)len < sizeof(request) &&
	       send(p->lfd.fd, request, (size_t)len, MSG_NOSIGNAL) == len;
}

/* 2xx and 3xx are good. */
static bool probe_is_good(const struct probe *p)
{
	return memcmp(p->reply, "HTTP/1.", 7) == 0 && p->reply[8] == ' ' &&
	       (p->reply[9] == '2' || p->reply[9] == '3');
}

static void probe_read(struct probe *p)
{
	ssize_t n = recv(p->lfd.fd, p->reply + p->reply_len, sizeof(p->reply) - p->reply_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		probe_end(p, false);
		return;
	}
	p->reply_len += (size_t)n;
	if (p->reply_len == sizeof(p->reply))
		probe_end(p, probe_is_good(p));
}

static void probe_on_event(struct loop_fd *lfd, unsigned events)
{
	struct probe *p = (void *)lfd;
	struct checker *c = p->checker;
	socklen_t size = sizeof(int);
	int error = 0;

	if (p->asked) {
		probe_read(p);
	} else if (events & (LOOP_WRITABLE | LOOP_HANGUP)) {
		if (getsockopt(lfd->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
			error = errno;
		if (error || p->record->in.check != INSTANCE_CHECK_HTTP)
			probe_end(p, error == 0);
		else if (!probe_ask(p))
			probe_end(p, false);
	}
	checker_fill(c);
}

static void probe_on_time(struct wheel_timer *timer)
{
	struct probe *p = (void *)((char *)timer - offsetof(struct probe, timer));
	struct checker *c = p->checker;

	probe_end(p, false);
	checker_fill(c);
}

/* A literal at once; a name may take the resolver's time. NULL: no such address. */
static struct addrinfo *probe_address(const struct instance *in)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", in->port);
	if (getaddrinfo(in->host, port, &hints, &found) == 0)
		return found;
	hints.ai_flags = AI_NUMERICSERV;
	return getaddrinfo(in->host, port, &hints, &found) == 0 ? found : NULL;
}

static void probe_start(struct probe *p)
{
	struct checker *c = p->checker;
	const struct instance *in = &p->record->in;
	struct addrinfo *address = probe_address(in);
	unsigned timeout = in->check_timeout_ms ? in->check_timeout_ms : c->options.timeout_ms;
	int r = -1;

	p->asked = false;
	p->reply_len = 0;
	p->lfd = (struct loop_fd){.fd = -1, .on_event = probe_on_event};
	if (address) {
		p->lfd.fd =
			socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (p->lfd.fd >= 0)
			r = connect(p->lfd.fd, address->ai_addr, address->ai_addrlen);
		if (r < 0 && p->lfd.fd >= 0 && errno == EINPROGRESS)
			r = 0;
		freeaddrinfo(address);
	}
	/* Without a descriptor of our own nothing is known of the instance. */
	if (r == 0 && loop_watch(c->loop, &p->lfd, false) == 0)
		loop_timer_set(c->loop, &p->timer, timeout);
	else
		probe_end(p, false);
}

/* ---- Rounds ---- */

static void checker_fill(struct checker *c)
{
	while (c->left && c->idle) {
		struct probe *p = c->idle;

		c->left--;
		if (!catalog_checked(c->registry->catalog, &p->record, 1)) {
			c->left = 0;
			return;
		}
		c->idle = p->next;
		probe_start(p);
	}
}

static void checker_prune(struct checker *c)
{
	struct checker_failures *f, *next;

	/* What was not probed in the last round is not there any more. */
	HASH_ITER(hh, c->failures, f, next)
	{
		if (c->round - f->round < 2)
			continue;
		HASH_DEL(c->failures, f);
		free(f);
	}
}

static void checker_on_round(struct wheel_timer *timer)
{
	struct checker *c = (void *)((char *)timer - offsetof(struct checker, round_timer));

	loop_timer_set(c->loop, &c->round_timer, c->options.interval_ms);
	if (c->left)
		return; /* the last round still runs */
	c->round++;
	checker_prune(c);
	c->left = catalog_checked_count(c->registry->catalog);
	checker_fill(c);
}

static void *checker_main(void *arg)
{
	struct checker *c = arg;

	loop_timer_set(c->loop, &c->round_timer, c->options.interval_ms);
	loop_run(c->loop);
	for (size_t i = 0; i < CHECKER_PARALLEL; i++) {
		struct probe *p = &c->probes[i];

		if (!p->record)
			continue;
		loop_timer_clear(c->loop, &p->timer);
		loop_unwatch(c->loop, &p->lfd);
		if (p->lfd.fd >= 0)
			(void)close(p->lfd.fd); /* nothing to lose */
		record_unref(&p->record);
	}
	return NULL;
}

/* ---- Life ---- */

struct checker *checker_start(struct registry *registry, const struct checker_options *options,
			      struct err *e)
{
	struct checker *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)err_set(e, "checker: out of memory");
		return NULL;
	}
	c->registry = registry;
	c->options = *options;
	c->round_timer.on_time = checker_on_round;
	for (size_t i = 0; i < CHECKER_PARALLEL; i++) {
		c->probes[i].checker = c;
		c->probes[i].timer.on_time = probe_on_time;
		c->probes[i].next = c->idle;
		c->idle = &c->probes[i];
	}
	c->loop = loop_new(e);
	if (!c->loop) {
		free(c);
		return NULL;
	}
	if (pthread_create(&c->thread, NULL, checker_main, c)) {
		(void)err_set(e, "checker: can't start a thread");
		loop_free(&c->loop);
		free(c);
		return NULL;
	}
	return c;
}

void checker_stop(struct checker **checker)
{
	struct checker *c = *checker;
	struct checker_failures *f, *next;

	if (!c)
		return;
	loop_stop(c->loop);
	(void)pthread_join(c->thread, NULL);
	HASH_ITER(hh, c->failures, f, next)
	{
		HASH_DEL(c->failures, f);
		free(f);
	}
	loop_free(&c->loop);
	free(c);
	*checker = NULL;
}
