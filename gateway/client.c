/*
 * client: the state machine of client.h. Any call into the pipeline may end
 * the connection; `entered` and `dead` keep its memory until the stack is
 * back here.
 */
#include "gateway/client_parts.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/inner.h"
#include "gateway/pipeline.h"
#include "gateway/listener.h"
#include "gateway/settings.h"
#include "gateway/splice.h"
#include "gateway/stats.h"
#include "gateway/tls.h"
#include "gateway/worker.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CLIENT_OUT_MAX = 4 << 20, /* over every head's limit; bodies stop at OUT_HELD */
	CLIENT_LINGER_MS = 2000,
	/* Of a drain: whoever is busy sends its next request within that, and is told by its reply
	 * that it was the last one. Ended at once, the connection would take requests with it that
	 * are on their way. */
	CLIENT_DRAIN_IDLE_MS = 1000,
};

static void client_on_time(struct wheel_timer *timer);

const struct settings_limits *client_limits(const struct client *c)
{
	return &worker_settings(c->worker)->limits;
}

struct loop *client_loop(const struct client *c)
{
	return worker_loop(c->worker);
}

/* ---- Opening and closing ---- */

static void client_free(struct client *c)
{
	if (c->dead)
		return;
	c->dead = true;
	exchange_free(&c->x);
	loop_timer_clear(client_loop(c), &c->timer);
	loop_undefer(client_loop(c), &c->task);
	stream_close(&c->stream);
	splice_close(&c->worker->splices, &c->splice);
	inner_client_gone(&c->inner);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	(void)atomic_fetch_sub_explicit(&c->worker->gateway->connections, 1, memory_order_relaxed);
	stats_dec(c->worker->stats, STAT_CONNECTIONS);
	if (c->entered)
		return;
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

void client_enter(struct client *c)
{
	c->entered = true;
}

void client_leave(struct client *c)
{
	c->entered = false;
	if (!c->dead)
		return;
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

/* Over the limit: a reply that fits any socket's empty buffer, and good-bye. Under TLS a handshake
 * would cost what there is too little of. */
static void client_turn_away(int fd, bool plain)
{
	static const char reply[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
				    "Content-Length: 0\r\nConnection: close\r\n\r\n";

	if (plain)
		(void)send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL); /* best effort */
	(void)close(fd);
}

static int client_open_stream(struct client *c, struct worker *worker, int fd,
			      struct tls_door *door)
{
	SSL *tls;

	if (!door)
		return stream_open(&c->stream, worker_loop(worker), fd, client_on_event);
	tls = tls_door_accept(door);
	if (!tls)
		return -1;
	return stream_open_tls(&c->stream, worker_loop(worker), fd, tls, client_on_event);
}

void client_name_peer(struct client *c, const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;

	c->peer = *peer;
	if (peer->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, c->address, sizeof(c->address));
	else
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, c->address, sizeof(c->address));
}

void client_set_state(struct client *c, enum client_state state)
{
	c->state = state;
	c->since_ms = loop_now_ms(client_loop(c));
}

static void client_start_head(struct client *c)
{
	const struct settings_limits *limits = client_limits(c);
	struct http1_limits head = {.line_max = (size_t)limits->request_line_bytes,
				    .headers_max = (size_t)limits->headers_bytes,
				    .fields_max = limits->headers_count};

	http1_head_start(&c->reader, HTTP1_REQUEST, &head, HTTP_GET);
}

/* NULL: there are too many, or it can't be watched. The descriptor is still the caller's then. */
static struct client *client_new(struct worker *worker, int fd, struct tls_door *door)
{
	atomic_uint *connections = &worker->gateway->connections;
	struct client *c = NULL;

	if (atomic_fetch_add_explicit(connections, 1, memory_order_relaxed) <
	    worker_settings(worker)->limits.connections)
		c = calloc(1, sizeof(*c));
	if (!c || client_open_stream(c, worker, fd, door) < 0) {
		(void)atomic_fetch_sub_explicit(connections, 1, memory_order_relaxed);
		stats_inc(worker->stats, STAT_REFUSED);
		free(c);
		return NULL;
	}
	stats_inc(worker->stats, STAT_CONNECTIONS);
	c->worker = worker;
	c->timer.on_time = client_on_time;
	c->task.run = client_on_task;
	buf_init(&c->in, CLIENT_IN_MAX);
	buf_init(&c->out, CLIENT_OUT_MAX);
	c->next = worker->clients;
	c->link = &worker->clients;
	if (c->next)
		c->next->link = &c->next;
	worker->clients = c;
	client_set_state(c, CLIENT_IDLE);
	client_start_head(c);
	loop_timer_set(client_loop(c), &c->timer, client_limits(c)->header_timeout_ms);
	return c;
}

void client_accept(struct listener *listener, int fd, const struct sockaddr_storage *peer)
{
	struct worker *worker = listener->worker;
	struct tls_door *door = listener_door(listener);
	struct client *c;

	/* Whoever is not trusted could say any address. */
	if (listener->address->proxy_protocol && !table_trusts(worker->table->table, peer)) {
		stats_inc(worker->stats, STAT_REFUSED);
		(void)close(fd); /* nothing was sent */
		return;
	}
	c = client_new(worker, fd, door);
	if (!c) {
		client_turn_away(fd, !door);
		return;
	}
	stats_inc(worker->stats, STAT_ACCEPTED);
	client_name_peer(c, peer);
	c->awaits_proxy = listener->address->proxy_protocol;
	if (!door)
		c->to_https = table_to_https(worker->table->table, listener->address);
}

struct client *client_open_inner(struct inner *inner, const struct client *outer, int fd)
{
	struct client *c = client_new(outer->worker, fd, NULL);

	if (!c)
		return NULL;
	client_name_peer(c, &outer->peer);
	c->inner = inner;
	return c;
}

SSL *client_tls(const struct client *c)
{
	return c->inner ? inner_asker(c->inner)->stream.tls : c->stream.tls;
}

void client_abort(struct client *c)
{
	client_free(c);
}

void client_cut(struct client *c)
{
	if (c->dead)
		return;
	if (c->x)
		pipeline_log(c->x);
	stream_reset(&c->stream);
	client_free(c);
}

/* ---- The end of a reply ---- */

static void client_linger(struct client *c)
{
	exchange_free(&c->x);
	if (c->eof) {
		client_free(c);
		return;
	}
	stream_shutdown(&c->stream);
	client_set_state(c, CLIENT_LINGER);
	c->discarded = 0;
	loop_timer_set(client_loop(c), &c->timer, CLIENT_LINGER_MS);
}

/* Both the request and its reply are over. A client that ended its side gets the replies to what
 * it had sent before. */
static void client_next(struct client *c)
{
	bool close = c->x->close || (c->eof && !c->in.len);

	exchange_free(&c->x);
	c->coming.due_us = c->going.due_us = 0;
	buf_fini(&c->out);
	if (close) {
		client_linger(c);
		return;
	}
	client_set_state(c, CLIENT_IDLE);
	client_start_head(c);
	if (c->in.len || c->stream.readable)
		loop_defer(client_loop(c), &c->task);
	else if (c->worker->draining)
		client_arm(c);
}

void client_try_finish(struct client *c)
{
	struct exchange *x = c->x;

	if (c->dead || !x || !x->reply_done || client_has_output(c))
		return;
	pipeline_log(x);
	if (x->body_done)
		client_next(c);
	else if (x->close)
		client_linger(c);
}

void client_reply_done(struct client *c)
{
	c->x->reply_done = true;
	c->discarded = 0;
	if (!client_flush(c))
		return;
	client_try_finish(c);
	if (!c->dead && c->x && !c->x->close)
		client_want_body(c); /* and what is behind it: what has come raises no event */
}

/* ---- A tunnel ---- */

void client_begin_tunnel(struct client *c)
{
	client_set_state(c, CLIENT_TUNNEL);
	c->coming.due_us = c->going.due_us = 0;
	loop_timer_clear(client_loop(c), &c->timer);
}

void client_tunnel_over(struct client *c)
{
	pipeline_log(c->x);
	client_linger(c);
}

/* ---- Time ---- */

/* How long to wait for a request to begin. */
static uint64_t client_idle_ms(const struct client *c)
{
	const struct settings_limits *limits = client_limits(c);
	uint64_t most = c->requests ? limits->idle_timeout_ms : limits->header_timeout_ms;

	return c->worker->draining && most > CLIENT_DRAIN_IDLE_MS ? CLIENT_DRAIN_IDLE_MS : most;
}

/* A FIN may be of a client that still waits for its answer (`nc -N`), or of one that has closed its
 * socket: only what is sent to it shows which. One to which nothing goes for a while is taken for
 * gone, as by HAProxy's `timeout client-fin`; nginx and Envoy do not wait at all. */
static uint64_t client_end_due_ms(const struct client *c)
{
	uint64_t since = c->quiet_ms > c->since_ms ? c->quiet_ms : c->since_ms;

	if (!c->eof || client_has_output(c))
		return UINT64_MAX;
	return since + client_limits(c)->half_close_ms;
}

static uint64_t client_earliest_ms(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When this state has lasted too long; UINT64_MAX: somebody else watches it. */
static uint64_t client_deadline(const struct client *c)
{
	const struct settings_limits *limits = client_limits(c);

	switch (c->state) {
	case CLIENT_IDLE:
		return c->since_ms + client_idle_ms(c);
	case CLIENT_HEAD:
		return c->since_ms + limits->header_timeout_ms;
	case CLIENT_LINGER:
		return c->since_ms + CLIENT_LINGER_MS;
	case CLIENT_TUNNEL:
		return UINT64_MAX;
	case CLIENT_EXCHANGE:
		break;
	}
	return client_earliest_ms(
		client_end_due_ms(c),
		client_earliest_ms(tempo_due_ms(&c->coming), tempo_due_ms(&c->going)));
}

/* The clock may run out no sooner than it is looked at. */
void client_arm(struct client *c)
{
	uint64_t now = loop_now_ms(client_loop(c)), at = client_deadline(c);

	if (at == UINT64_MAX)
		at = now + client_limits(c)->idle_timeout_ms;
	loop_timer_set(client_loop(c), &c->timer, at > now ? at - now : 1);
}

/* A body is waited for only while somebody takes it: what fills up behind us is not the client's
 * fault. */
static void client_update_coming(struct client *c)
{
	const struct exchange *x = c->x;

	tempo_update(&c->coming, !x->body_done && (x->reply_done || pipeline_takes_body(x)),
		     c->received, loop_now_ms(client_loop(c)), client_limits(c));
}

void client_await_end(struct client *c)
{
	c->quiet_ms = loop_now_ms(client_loop(c));
	client_arm(c);
}

void client_await_body(struct client *c)
{
	client_update_coming(c);
	client_arm(c);
}

static void client_timed_out(struct client *c)
{
	if (c->state == CLIENT_HEAD) {
		client_refuse(c, 408, "the request's head did not come in time");
	} else if (c->state == CLIENT_EXCHANGE && !c->x->replied && !c->eof) {
		c->x->close = c->x->body_done = true;
		pipeline_body_timed_out(c->x);
	} else if (c->state == CLIENT_IDLE && c->worker->draining) {
		client_linger(c);
	} else {
		client_broken(c);
	}
}

static void client_on_time(struct wheel_timer *timer)
{
	struct client *c = client_of(timer, timer);

	client_enter(c);
	if (c->state == CLIENT_EXCHANGE) {
		client_update_coming(c);
		client_update_going(c);
	}
	if (loop_now_ms(client_loop(c)) >= client_deadline(c))
		client_timed_out(c);
	if (!c->dead && !wheel_is_set(&c->timer))
		client_arm(c);
	client_leave(c);
}

void client_drain(struct client *c)
{
	if (c->x && !c->x->replied)
		c->x->close = true;
	else if (c->state == CLIENT_IDLE)
		client_arm(c);
}
