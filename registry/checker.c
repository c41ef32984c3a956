/*
 * checker: probes over one loop, begun as they are due.
 *
 *   (a name: looking it up ->) connecting -> (HTTP: (https: shaking hands ->) asking ->)
 *   good | bad (refused, wrong, late); not even begun, for a reason of our own: unknown
 */
#include "registry/checker.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/status_ranges.h"
#include "registry/catalog.h"
#include "registry/edit.h"
#include "registry/names.h"
#include "registry/probe_tls.h"
#include "registry/streak.h"
#include "registry/verdict.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CHECKER_PARALLEL = 4096,
	CHECKER_NAMES_MAX = CHECKER_PARALLEL / 4, /* of them, whose names are looked up */
	CHECKER_REQUEST_MAX = 2048,
	CHECKER_STATUS_LINE = 12, /* "HTTP/1.1 200" */
	CHECKER_TICK_MS = 250,	  /* how long until a new instance's first check, at most */
	CHECKER_PRUNE_MS = 60000,
};

enum checker_outcome {
	CHECKER_UNKNOWN = 0, /* says nothing about the instance */
	CHECKER_GOOD,
	CHECKER_BAD,
};

struct probe {
	struct loop_fd lfd; /* first */
	struct wheel_timer timer;
	struct names_query query; /* while its name is looked up */
	struct probe *next;	  /* among the free */
	struct checker *checker;
	struct record *record;
	struct probe_tls *tls; /* NULL: plain, or not connected yet */
	bool asked;	       /* the HTTP request is sent */
	char reply[CHECKER_STATUS_LINE];
	size_t reply_len;
	unsigned status; /* that was answered; 0: none */
};

struct checker {
	struct registry *registry;
	struct checker_options options;
	struct loop *loop;
	pthread_t thread;
	struct wheel_timer tick;
	struct probe probes[CHECKER_PARALLEL];
	struct probe *idle;
	struct names *names;
	size_t naming; /* so many wait for it */
	uint64_t pruned_ms;
	struct streak *streaks; /* what differs from what is known of an instance; by number */
};

static void checker_fill(struct checker *c);

/* ---- Outcomes ---- */

static unsigned checker_interval(const struct checker *c, const struct record *r)
{
	return r->in.check_interval_ms ? r->in.check_interval_ms : c->options.interval_ms;
}

static unsigned checker_timeout(const struct checker *c, const struct record *r)
{
	return r->in.check_timeout_ms ? r->in.check_timeout_ms : c->options.timeout_ms;
}

static void checker_forget(struct checker *c, const struct record *r)
{
	streak_forget(&c->streaks, r->number);
}

/* One more of a kind: how many in a row. 0: no memory, the next one counts. */
static unsigned checker_count(struct checker *c, const struct record *r)
{
	uint64_t turn = (uint64_t)checker_interval(c, r) + checker_timeout(c, r);

	return streak_add(&c->streaks, r->number, clock_ms() + 4 * turn);
}

static void checker_good(struct checker *c, const struct record *r)
{
	if (!r->check_failed) {
		checker_forget(c, r);
		if (r->check_pending)
			verdict_submit(c->registry->writer, r, EDIT_CHECK, false, 0);
		return;
	}
	if (!r->legacy && checker_count(c, r) < c->options.rise)
		return;
	checker_forget(c, r);
	verdict_submit(c->registry->writer, r, EDIT_CHECK, false, 0);
}

static void checker_bad(struct checker *c, const struct record *r, unsigned status)
{
	unsigned fall = r->legacy ? c->options.failures : c->options.fall;

	if (r->check_failed) {
		checker_forget(c, r); /* what had passed before this is no row */
		if (edit_wants_reason(r))
			verdict_submit(c->registry->writer, r, EDIT_CHECK, true, status);
		/* Those with a lease end by it. */
		if (r->legacy && clock_wall_ms() - r->down_wall_ms > (int64_t)c->options.keep_ms)
			verdict_submit(c->registry->writer, r, EDIT_FORGET, true, 0);
		return;
	}
	/* One that has not passed yet gets no requests; its owner may still be starting it. */
	if (r->check_pending || checker_count(c, r) < fall)
		return;
	checker_forget(c, r);
	verdict_submit(c->registry->writer, r, EDIT_CHECK, true, status);
}

static void probe_end(struct probe *p, enum checker_outcome outcome)
{
	struct checker *c = p->checker;

	loop_timer_clear(c->loop, &p->timer);
	loop_unwatch(c->loop, &p->lfd);
	probe_tls_free(&p->tls);
	if (p->lfd.fd >= 0)
		(void)close(p->lfd.fd); /* nothing to lose */
	p->lfd.fd = -1;
	if (outcome == CHECKER_GOOD)
		checker_good(c, p->record);
	else if (outcome == CHECKER_BAD)
		checker_bad(c, p->record, p->status);
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
	if (len <= 0 || (size_t)len >= sizeof(request))
		return false;
	if (p->tls)
		return probe_tls_send(p->tls, request, (size_t)len) == len;
	return send(p->lfd.fd, request, (size_t)len, MSG_NOSIGNAL) == len;
}

/* Of a whole beginning of a reply. 0: that is no HTTP. */
static unsigned probe_status(const struct probe *p)
{
	unsigned status = 0;

	if (memcmp(p->reply, "HTTP/1.", 7) != 0 || p->reply[8] != ' ')
		return 0;
	for (size_t i = 9; i < CHECKER_STATUS_LINE; i++) {
		if (p->reply[i] < '0' || p->reply[i] > '9')
			return 0;
		status = status * 10 + (unsigned)(p->reply[i] - '0');
	}
	return status;
}

static void probe_read(struct probe *p)
{
	while (p->reply_len < sizeof(p->reply)) {
		char *to = p->reply + p->reply_len;
		size_t room = sizeof(p->reply) - p->reply_len;
		ssize_t n =
			p->tls ? probe_tls_recv(p->tls, to, room) : recv(p->lfd.fd, to, room, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			probe_end(p, CHECKER_BAD);
			return;
		}
		p->reply_len += (size_t)n;
	}
	p->status = probe_status(p);
	probe_end(p, status_ranges_have(verdict_expected(p->record), p->status) ? CHECKER_GOOD
										: CHECKER_BAD);
}

static void probe_shake_hands(struct probe *p)
{
	bool done = probe_tls_shake_hands(p->tls) == 0;

	if (done ? !probe_ask(p) : errno != EAGAIN)
		probe_end(p, CHECKER_BAD);
}

/* The socket is connected, or can't be. */
static void probe_connected(struct probe *p)
{
	const struct instance *in = &p->record->in;
	socklen_t size = sizeof(int);
	int error = 0;

	if (getsockopt(p->lfd.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error || in->check != INSTANCE_CHECK_HTTP) {
		probe_end(p, error ? CHECKER_BAD : CHECKER_GOOD);
		return;
	}
	if (strcmp(in->scheme, "https") == 0) {
		p->tls = probe_tls_new(in->host, p->lfd.fd);
		if (p->tls)
			probe_shake_hands(p);
		else
			probe_end(p, CHECKER_UNKNOWN);
	} else if (!probe_ask(p)) {
		probe_end(p, CHECKER_BAD);
	}
}

static void probe_on_event(struct loop_fd *lfd, unsigned events)
{
	struct probe *p = (void *)lfd;
	struct checker *c = p->checker;

	if (p->asked)
		probe_read(p);
	else if (p->tls)
		probe_shake_hands(p);
	else if (events & (LOOP_WRITABLE | LOOP_HANGUP))
		probe_connected(p);
	checker_fill(c);
}

static void probe_on_time(struct wheel_timer *timer)
{
	struct probe *p = (void *)((char *)timer - offsetof(struct probe, timer));
	struct checker *c = p->checker;

	probe_end(p, CHECKER_BAD);
	checker_fill(c);
}

/* Without a port or memory of our own, nothing is known of the instance. */
static enum checker_outcome probe_refused(int error)
{
	return error == EADDRNOTAVAIL || error == EAGAIN || error == ENOBUFS || error == ENOMEM
		       ? CHECKER_UNKNOWN
		       : CHECKER_BAD;
}

/* CHECKER_GOOD: it is on its way. */
static enum checker_outcome probe_connect(struct probe *p, const struct addrinfo *address)
{
	p->lfd.fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->lfd.fd < 0)
		return CHECKER_UNKNOWN;
	if (connect(p->lfd.fd, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
		return probe_refused(errno);
	return loop_watch(p->checker->loop, &p->lfd, false) == 0 ? CHECKER_GOOD : CHECKER_UNKNOWN;
}

static void probe_go(struct probe *p, enum names_result result, struct addrinfo *address)
{
	enum checker_outcome outcome = result == NAMES_NONE ? CHECKER_BAD : CHECKER_UNKNOWN;

	if (result == NAMES_FOUND) {
		outcome = probe_connect(p, address);
		freeaddrinfo(address);
	}
	if (outcome == CHECKER_GOOD)
		loop_timer_set(p->checker->loop, &p->timer, checker_timeout(p->checker, p->record));
	else
		probe_end(p, outcome);
}

static void probe_on_name(struct names_query *query)
{
	struct probe *p = (void *)((char *)query - offsetof(struct probe, query));
	struct checker *c = p->checker;

	c->naming--;
	if (p->record) {
		probe_go(p, query->result, query->address);
		checker_fill(c);
	} else if (query->address) { /* the checker has stopped */
		freeaddrinfo(query->address);
	}
}

static void probe_start(struct probe *p)
{
	struct checker *c = p->checker;
	struct addrinfo *address;
	enum names_result result;

	p->asked = false;
	p->reply_len = 0;
	p->status = 0;
	p->lfd = (struct loop_fd){.fd = -1, .on_event = probe_on_event};
	result = names_literal(&p->record->in, &address);
	if (result != NAMES_NONE) {
		probe_go(p, result, address);
	} else if (c->naming == CHECKER_NAMES_MAX) { /* others must have their turn */
		probe_end(p, CHECKER_UNKNOWN);
	} else {
		c->naming++;
		p->query.in = &p->record->in;
		p->query.done = probe_on_name;
		names_ask(c->names, &p->query);
	}
}

/* ---- Turns ---- */

/* Does the last probe of it still wait? Only one that may wait longer than its interval can, or
 * for a name. */
static bool checker_is_asking(const struct checker *c, const struct record *r)
{
	if (checker_timeout(c, r) < checker_interval(c, r) && !c->naming)
		return false;
	for (size_t i = 0; i < CHECKER_PARALLEL; i++)
		if (c->probes[i].record && c->probes[i].record->number == r->number)
			return true;
	return false;
}

static void checker_fill(struct checker *c)
{
	while (c->idle) {
		struct record *record = catalog_check_next(c->registry->catalog,
							   c->options.interval_ms, clock_ms());
		struct probe *p = c->idle;

		if (!record)
			return;
		if (checker_is_asking(c, record)) {
			record_unref(&record);
			continue;
		}
		p->record = record;
		c->idle = p->next;
		probe_start(p);
	}
}

/* What was not checked for some turns is not there any more. */
static void checker_prune(struct checker *c, uint64_t now_ms)
{
	if (now_ms - c->pruned_ms < CHECKER_PRUNE_MS)
		return;
	c->pruned_ms = now_ms;
	streak_prune(&c->streaks, now_ms);
}

static void checker_on_tick(struct wheel_timer *timer)
{
	struct checker *c = (void *)((char *)timer - offsetof(struct checker, tick));
	uint64_t now_ms = clock_ms();

	checker_prune(c, now_ms);
	checker_fill(c);
	loop_timer_set(
		c->loop, &c->tick,
		c->idle ? catalog_check_wait_ms(c->registry->catalog, now_ms, CHECKER_TICK_MS)
			: CHECKER_TICK_MS);
}

static void *checker_main(void *arg)
{
	struct checker *c = arg;

	c->pruned_ms = clock_ms();
	loop_timer_set(c->loop, &c->tick, 0);
	loop_run(c->loop);
	names_free(&c->names); /* which reads the records */
	for (size_t i = 0; i < CHECKER_PARALLEL; i++) {
		struct probe *p = &c->probes[i];

		if (!p->record)
			continue;
		loop_timer_clear(c->loop, &p->timer);
		loop_unwatch(c->loop, &p->lfd);
		probe_tls_free(&p->tls);
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
	c->tick.on_time = checker_on_tick;
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
	c->names = names_new(c->loop);
	if (!c->names || pthread_create(&c->thread, NULL, checker_main, c)) {
		(void)err_set(e, "checker: can't start a thread");
		names_free(&c->names);
		loop_free(&c->loop);
		free(c);
		return NULL;
	}
	return c;
}

void checker_stop(struct checker **checker)
{
	struct checker *c = *checker;

	if (!c)
		return;
	loop_stop(c->loop);
	(void)pthread_join(c->thread, NULL);
	streak_prune(&c->streaks, UINT64_MAX);
	loop_free(&c->loop);
	free(c);
	*checker = NULL;
}
