/*
 * resolver: c-ares asks, resolver_cache remembers, this file has the loop turn
 * between them.
 *
 * c-ares wants its sockets watched level-triggered and sometimes for writing,
 * so they live in an epoll instance of their own, and the loop watches that.
 * Its callbacks may come in the middle of any call to it, so they only note
 * the answer; whoever waits is told once that call is over, from the loop.
 *
 *   entry: new -> asking -> finished (noted) -> told: fresh -> asking …
 *                    | deadline: those who wait are told; it goes on, late
 */
#include "gateway/resolver.h"
#include "common/loop.h"
#include "gateway/resolver_cache.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

enum { RESOLVER_TRIES = 2, RESOLVER_BATCH = 16 };

struct resolver {
	struct loop *loop;
	ares_channel channel;
	struct loop_fd sockets; /* the epoll instance with those of c-ares */
	struct wheel_timer timer;
	struct resolver_cache cache;
	struct resolver_entry *finished; /* noted, and some wait to be told */
	struct resolver_address literal; /* the last one looked up */
	unsigned timeout_ms;
};

#define RESOLVER_OF(member, pointer) \
	((struct resolver *)(void *)((char *)(pointer)-offsetof(struct resolver, member)))

bool resolver_literal(const char *host, struct resolver_address *address)
{
	*address = (struct resolver_address){.family = AF_INET};
	if (inet_pton(AF_INET, host, address->bytes) == 1)
		return true;
	address->family = AF_INET6;
	return inet_pton(AF_INET6, host, address->bytes) == 1;
}

socklen_t resolver_sockaddr(const struct resolver_address *address, uint16_t port,
			    struct sockaddr_storage *to)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(to, 0, sizeof(*to));
	if (address->family == AF_INET) {
		memcpy(&in.sin_addr, address->bytes, sizeof(in.sin_addr));
		memcpy(to, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, address->bytes, sizeof(in6.sin6_addr));
	memcpy(to, &in6, sizeof(in6));
	return sizeof(in6);
}

/* c-ares says what it waits for, and with neither that it is about to close the socket. A failure
 * here shows as a timeout. */
static void resolver_on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = arg;
	struct epoll_event ev = {.data.fd = fd};

	ev.events = (readable ? (unsigned)EPOLLIN : 0) | (writable ? (unsigned)EPOLLOUT : 0);
	if (!readable && !writable)
		(void)epoll_ctl(r->sockets.fd, EPOLL_CTL_DEL, fd, NULL);
	else if (epoll_ctl(r->sockets.fd, EPOLL_CTL_ADD, fd, &ev) < 0 && errno == EEXIST)
		(void)epoll_ctl(r->sockets.fd, EPOLL_CTL_MOD, fd, &ev);
}

static void resolver_wait(struct resolver_entry *entry, struct resolver_query *query)
{
	query->next = entry->waiters;
	query->link = &entry->waiters;
	if (query->next)
		query->next->link = &query->next;
	entry->waiters = query;
}

void resolver_cancel(struct resolver_query *query)
{
	if (!query->link)
		return;
	*query->link = query->next;
	if (query->next)
		query->next->link = query->link;
	query->next = NULL;
	query->link = NULL;
}

/* The list is taken first, so that it holds whoever waits now, and `done` may cancel any of them
 * or look up anything. */
static void resolver_tell(struct resolver_entry *entry, const struct resolver_answer *answer)
{
	struct resolver_query *list = entry->waiters;

	entry->waiters = NULL;
	if (list)
		list->link = &list;
	while (list) {
		struct resolver_query *query = list;

		resolver_cancel(query);
		query->done(query, answer);
	}
}

static void resolver_tell_finished(struct resolver *r)
{
	while (r->finished) {
		struct resolver_entry *entry = r->finished;
		struct resolver_answer answer;

		r->finished = entry->next_finished;
		entry->finished = false;
		resolver_cache_answer(entry, loop_now_ms(r->loop), &answer);
		resolver_tell(entry, &answer); /* the entry is busy still: it stays */
		entry->busy = entry->asking || entry->finished;
	}
}

/* After every call to c-ares: when it wants to look at its timeouts next. A lookup of one name may
 * have ended the questions for others, by a broken connection: they are told from the loop. */
static void resolver_arm(struct resolver *r)
{
	struct timeval tv;

	if (r->finished)
		loop_timer_set(r->loop, &r->timer, 0);
	else if (ares_timeout(r->channel, NULL, &tv))
		loop_timer_set(r->loop, &r->timer,
			       (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000 + 1);
	else
		loop_timer_clear(r->loop, &r->timer);
}

static void resolver_on_timer(struct wheel_timer *timer)
{
	struct resolver *r = RESOLVER_OF(timer, timer);

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	resolver_tell_finished(r);
	resolver_arm(r);
}

/* A socket that an earlier event of this batch closed is none of c-ares's any more: it ignores
 * that. */
static void resolver_on_sockets(struct loop_fd *lfd, unsigned events)
{
	struct resolver *r = RESOLVER_OF(sockets, lfd);
	struct epoll_event batch[RESOLVER_BATCH];
	int n = epoll_wait(lfd->fd, batch, RESOLVER_BATCH, 0);

	(void)events; /* readable: some socket is ready */
	for (int i = 0; i < n; i++) {
		unsigned bad = batch[i].events & (EPOLLERR | EPOLLHUP);
		int fd = batch[i].data.fd;

		ares_process_fd(r->channel, batch[i].events & EPOLLIN || bad ? fd : ARES_SOCKET_BAD,
				batch[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	}
	resolver_tell_finished(r);
	resolver_arm(r);
}

static void resolver_on_deadline(struct wheel_timer *timer)
{
	struct resolver_entry *entry =
		(struct resolver_entry *)(void *)((char *)timer -
						  offsetof(struct resolver_entry, deadline));
	struct resolver_answer answer;

	entry->late = true;
	resolver_cache_put_failure(entry, RESOLVER_TIMEOUT, "no answer from a name server in time",
				   loop_now_ms(entry->owner->loop));
	resolver_cache_answer(entry, loop_now_ms(entry->owner->loop), &answer);
	resolver_tell(entry, &answer);
}

static enum resolver_status resolver_status_of(int status)
{
	switch (status) {
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
		return RESOLVER_NOT_FOUND;
	case ARES_ETIMEOUT:
		return RESOLVER_TIMEOUT;
	default:
		return RESOLVER_FAILED;
	}
}

/* The address of a node, or false for another family. */
static bool resolver_take_address(const struct ares_addrinfo_node *node,
				  struct resolver_address *to)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*to = (struct resolver_address){.family = node->ai_family};
	if (node->ai_family == AF_INET) {
		memcpy(&in, node->ai_addr, sizeof(in));
		memcpy(to->bytes, &in.sin_addr, sizeof(in.sin_addr));
	} else if (node->ai_family == AF_INET6) {
		memcpy(&in6, node->ai_addr, sizeof(in6));
		memcpy(to->bytes, &in6.sin6_addr, sizeof(in6.sin6_addr));
	} else {
		return false;
	}
	return true;
}

/* The shortest time to live of all records on the way, aliases too. */
static void resolver_note_result(struct resolver_entry *entry, const struct ares_addrinfo *result,
				 uint64_t now_ms)
{
	struct resolver_address addresses[RESOLVER_ADDRESSES_MAX];
	size_t count = 0;
	int ttl = RESOLVER_TTL_MOST_MS / 1000;

	for (const struct ares_addrinfo_cname *c = result->cnames; c; c = c->next)
		ttl = c->ttl < ttl ? c->ttl : ttl;
	for (const struct ares_addrinfo_node *n = result->nodes;
	     n && count < RESOLVER_ADDRESSES_MAX; n = n->ai_next) {
		if (!resolver_take_address(n, &addresses[count]))
			continue;
		count++;
		ttl = n->ai_ttl < ttl ? n->ai_ttl : ttl;
	}
	if (count)
		resolver_cache_put(entry, addresses, count, ttl > 0 ? (uint64_t)ttl * 1000 : 0,
				   now_ms);
	else
		resolver_cache_put_failure(entry, RESOLVER_NOT_FOUND, "the name has no address",
					   now_ms);
}

static void resolver_on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
	struct resolver_entry *entry = arg;
	struct resolver *r = entry->owner;

	(void)timeouts; /* how often it had to ask again: nobody's business */
	if (status == ARES_SUCCESS && result)
		resolver_note_result(entry, result, loop_now_ms(r->loop));
	else if (status != ARES_EDESTRUCTION)
		resolver_cache_put_failure(entry, resolver_status_of(status), ares_strerror(status),
					   loop_now_ms(r->loop));
	if (result)
		ares_freeaddrinfo(result);
	entry->asking = false;
	entry->late = false;
	loop_timer_clear(r->loop, &entry->deadline);
	if (!entry->waiters) { /* late, or known at once */
		entry->busy = entry->finished;
		return;
	}
	if (entry->finished)
		return;
	entry->finished = true;
	entry->next_finished = r->finished;
	r->finished = entry;
}

static void resolver_ask(struct resolver *r, struct resolver_entry *entry)
{
	const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
						  .ai_socktype = SOCK_STREAM};

	entry->owner = r;
	entry->busy = true;
	entry->asking = true;
	entry->deadline.on_time = resolver_on_deadline;
	loop_timer_set(r->loop, &entry->deadline, r->timeout_ms);
	ares_getaddrinfo(r->channel, entry->name, NULL, &hints, resolver_on_answer, entry);
	resolver_arm(r);
}

static enum resolver_status resolver_fail(struct resolver_answer *answer,
					  enum resolver_status status, const char *reason)
{
	*answer = (struct resolver_answer){.status = status, .reason = reason};
	return status;
}

static const struct resolver_address resolver_loopback[] = {
	{.family = AF_INET, .bytes = {127, 0, 0, 1}},
	{.family = AF_INET6, .bytes = {[15] = 1}},
};

enum resolver_status resolver_lookup(struct resolver *r, const char *host,
				     struct resolver_query *query, struct resolver_answer *answer)
{
	char key[RESOLVER_NAME_MAX + 1];
	struct resolver_entry *entry;

	/* RFC 6761 6.3: localhost is the loopback, whatever a server or a missing hosts file
	 * says. */
	if (strcasecmp(host, "localhost") == 0) {
		*answer = (struct resolver_answer){.addresses = resolver_loopback, .count = 2};
		return RESOLVER_OK;
	}
	if (resolver_literal(host, &r->literal)) {
		*answer = (struct resolver_answer){.addresses = &r->literal, .count = 1};
		return RESOLVER_OK;
	}
	if (resolver_cache_key(host, key) < 0)
		return resolver_fail(answer, RESOLVER_NOT_FOUND, "not a host name");
	entry = resolver_cache_find(&r->cache, key);
	if (!entry)
		entry = resolver_cache_add(&r->cache, key);
	if (!entry)
		return resolver_fail(answer, RESOLVER_FAILED, "too many names are looked up");
	if (!entry->asking && !resolver_cache_is_fresh(entry, loop_now_ms(r->loop)))
		resolver_ask(r, entry);
	if (entry->asking && !entry->late) {
		resolver_wait(entry, query);
		return RESOLVER_WAITING;
	}
	resolver_cache_answer(entry, loop_now_ms(r->loop), answer);
	return answer->status;
}

static pthread_once_t resolver_library_once = PTHREAD_ONCE_INIT;
static int resolver_library_status; /* written once, before anybody reads it */

static void resolver_library_init(void)
{
	resolver_library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static int resolver_open_channel(struct resolver *r, const struct resolver_options *options)
{
	struct ares_options o = {.timeout = options->try_ms ? (int)options->try_ms : 1000,
				 .tries = RESOLVER_TRIES,
				 .sock_state_cb = resolver_on_socket_state,
				 .sock_state_cb_data = r};
	int status;

	(void)pthread_once(&resolver_library_once, resolver_library_init); /* can't fail */
	status = resolver_library_status;
	if (status == ARES_SUCCESS)
		status = ares_init_options(&r->channel, &o,
					   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
						   ARES_OPT_SOCK_STATE_CB);
	if (status == ARES_SUCCESS && options->servers)
		status = ares_set_servers_ports_csv(r->channel, options->servers);
	return status;
}

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options,
			      struct err *e)
{
	static const struct resolver_options defaults;
	struct resolver *r = calloc(1, sizeof(*r));
	int status;

	if (!r) {
		(void)err_set(e, "resolver: out of memory");
		return NULL;
	}
	if (!options)
		options = &defaults;
	r->loop = loop;
	r->timeout_ms = options->timeout_ms ? options->timeout_ms : 5000;
	r->timer.on_time = resolver_on_timer;
	r->sockets = (struct loop_fd){.fd = epoll_create1(EPOLL_CLOEXEC),
				      .on_event = resolver_on_sockets};
	if (r->sockets.fd < 0 || loop_watch(loop, &r->sockets, true) < 0) {
		(void)err_set(e, "resolver: %s", strerror(errno));
		resolver_free(&r);
		return NULL;
	}
	status = resolver_open_channel(r, options);
	if (status != ARES_SUCCESS) {
		(void)err_set(e, "resolver: %s", ares_strerror(status));
		resolver_free(&r);
	}
	return r;
}

void resolver_free(struct resolver **resolver)
{
	struct resolver *r = *resolver;
	struct resolver_entry *entry, *next;

	if (!r)
		return;
	*resolver = NULL;
	if (r->channel)
		ares_destroy(r->channel);
	loop_timer_clear(r->loop, &r->timer);
	HASH_ITER(hh, r->cache.entries, entry, next)
	{
		loop_timer_clear(r->loop, &entry->deadline);
		while (entry->waiters)
			resolver_cancel(entry->waiters);
	}
	resolver_cache_fini(&r->cache);
	if (r->sockets.fd >= 0) {
		loop_unwatch(r->loop, &r->sockets);
		(void)close(r->sockets.fd); /* nothing to lose */
	}
	free(r);
}
