/*
 * client: the state machine of client.h. Any call into the pipeline may end
 * the connection; `entered` and `dead` keep its memory until the stack is
 * back here.
 */
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/pipeline.h"
#include "gateway/problem.h"
#include "gateway/respond.h"
#include "gateway/settings.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CLIENT_READ = 16 << 10,
	CLIENT_IN_MAX = 1 << 20,
	CLIENT_OUT_MAX = 4 << 20, /* a cached reply goes in whole; streams stop at OUT_HELD */
	CLIENT_LINGER_MS = 2000,
	CLIENT_LINGER_BYTES = 1 << 20,
	/* A body nobody wants is read to its end up to here, to keep the connection. */
	CLIENT_DISCARD_MAX = 64 << 10,
};

static void client_on_event(struct loop_fd *lfd, unsigned events);
static void client_on_time(struct wheel_timer *timer);
static void client_on_task(struct loop_task *task);

#define client_of(member, pointer) \
	((struct client *)(void *)((char *)(pointer)-offsetof(struct client, member)))

static const struct settings_limits *client_limits(const struct client *c)
{
	return &worker_settings(c->worker)->limits;
}

static struct loop *client_loop(const struct client *c)
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

/* Over the limit: a reply that fits any socket's empty buffer, and good-bye. */
static void client_turn_away(int fd)
{
	static const char reply[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
				    "Content-Length: 0\r\nConnection: close\r\n\r\n";

	(void)send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* best effort */
	(void)close(fd);
}

static void client_name_peer(struct client *c, const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;

	c->peer = *peer;
	if (peer->ss_family == AF_INET)
		(void)inet_ntop(AF_INET, &v4->sin_addr, c->address, sizeof(c->address));
	else
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, c->address, sizeof(c->address));
}

static void client_set_state(struct client *c, enum client_state state)
{
	c->state = state;
	c->since_ms = c->active_ms = loop_now_ms(client_loop(c));
}

static void client_start_head(struct client *c)
{
	const struct settings_limits *limits = client_limits(c);
	struct http1_limits head = {.line_max = (size_t)limits->request_line_bytes,
				    .headers_max = (size_t)limits->headers_bytes,
				    .fields_max = limits->headers_count};

	http1_head_start(&c->reader, HTTP1_REQUEST, &head, HTTP_GET);
}

void client_accept(struct worker *worker, int fd, const struct sockaddr_storage *peer)
{
	struct gateway *gateway = worker->gateway;
	struct client *c;
	int on = 1;

	if (atomic_fetch_add_explicit(&gateway->connections, 1, memory_order_relaxed) >=
	    worker_settings(worker)->limits.connections) {
		(void)atomic_fetch_sub_explicit(&gateway->connections, 1, memory_order_relaxed);
		stats_inc(worker->stats, STAT_REFUSED);
		client_turn_away(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c || stream_open(&c->stream, worker_loop(worker), fd, client_on_event) < 0) {
		(void)atomic_fetch_sub_explicit(&gateway->connections, 1, memory_order_relaxed);
		free(c);
		client_turn_away(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without */
	stats_inc(worker->stats, STAT_ACCEPTED);
	stats_inc(worker->stats, STAT_CONNECTIONS);
	c->worker = worker;
	c->timer.on_time = client_on_time;
	c->task.run = client_on_task;
	buf_init(&c->in, CLIENT_IN_MAX);
	buf_init(&c->out, CLIENT_OUT_MAX);
	client_name_peer(c, peer);
	c->next = worker->clients;
	c->link = &worker->clients;
	if (c->next)
		c->next->link = &c->next;
	worker->clients = c;
	client_set_state(c, CLIENT_IDLE);
	client_start_head(c);
	loop_timer_set(client_loop(c), &c->timer, client_limits(c)->header_timeout_ms);
}

void client_abort(struct client *c)
{
	client_free(c);
}

/* ---- Writing ---- */

struct buf *client_out(struct client *c)
{
	return &c->out;
}

bool client_is_full(const struct client *c)
{
	return c->out.len - c->out_at > CLIENT_OUT_HELD;
}

/* The connection is gone under us. */
static void client_broken(struct client *c)
{
	if (c->x && !c->x->reply_done) {
		c->x->flags |= ACCESS_DC;
		pipeline_log(c->x);
	}
	client_free(c);
}

bool client_flush(struct client *c)
{
	uint64_t sent = 0;
	enum stream_result r;

	if (c->dead)
		return false;
	if (c->out.failed) { /* a reply that can't be written whole must not look whole */
		client_free(c);
		return false;
	}
	r = stream_write(&c->stream, &c->out, &c->out_at, &sent);
	if (sent)
		c->active_ms = loop_now_ms(client_loop(c));
	if (c->x)
		c->x->bytes_out += sent;
	if (r != STREAM_BROKEN)
		return true;
	client_broken(c);
	return false;
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

/* Both the request and its reply are over. */
static void client_next(struct client *c)
{
	bool close = c->x->close || c->eof;

	exchange_free(&c->x);
	if (!c->in.len)
		buf_fini(&c->in);
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
		client_linger(c);
}

/* Goes on when what must be sent has been sent and what must be read has been read. */
static void client_try_finish(struct client *c)
{
	struct exchange *x = c->x;

	if (c->dead || !x || !x->reply_done || c->out.len)
		return;
	if (x->body_done)
		client_next(c);
	else if (x->close)
		client_linger(c);
}

void client_reply_done(struct client *c)
{
	c->x->reply_done = true;
	if (!client_flush(c))
		return;
	pipeline_log(c->x);
	c->discarded = 0;
	client_try_finish(c);
}

/* ---- Reading ---- */

/* A request that can't be understood: what follows it can't be either. */
static void client_refuse(struct client *c, unsigned status, const char *reason)
{
	c->x = exchange_new(c);
	if (!c->x) {
		client_free(c);
		return;
	}
	client_set_state(c, CLIENT_EXCHANGE);
	c->x->body_done = true;
	c->x->close = true;
	c->x->request.minor = 1;
	c->x->request.method = HTTP_OTHER;
	buf_reset(&c->in);
	pipeline_refuse(c->x, problem_of_status(status), reason);
}

static void client_begin(struct client *c, size_t head_len)
{
	struct exchange *x = exchange_new(c);
	const char *reason;

	if (!x) {
		client_free(c);
		return;
	}
	c->x = x;
	if (http1_head_take(&c->reader, c->in.data, head_len, &x->arena, &x->request) !=
	    HTTP1_DONE) {
		reason = c->reader.reason;
		exchange_free(&c->x);
		client_refuse(c, c->reader.status, reason);
		return;
	}
	buf_consume(&c->in, head_len);
	client_set_state(c, CLIENT_EXCHANGE);
	c->requests++;
	x->bytes_in = head_len;
	x->close = !x->request.keep_alive || c->worker->draining;
	http1_body_start(&x->body, &x->request);
	x->body_done = x->request.framing == HTTP1_NO_BODY ||
		       (x->request.framing == HTTP1_LENGTH && !x->request.content_length);
	pipeline_start(x);
}

/* Feeds the head. False when more bytes are needed. */
static bool client_feed_head(struct client *c)
{
	size_t head_len = 0;

	switch (http1_head_feed(&c->reader, c->in.data, c->in.len, &head_len)) {
	case HTTP1_DONE:
		client_begin(c, head_len);
		return true;
	case HTTP1_REFUSED:
		client_refuse(c, c->reader.status, c->reader.reason);
		return true;
	case HTTP1_MORE:
		break;
	}
	if (c->state == CLIENT_IDLE) {
		client_set_state(c, CLIENT_HEAD);
		loop_timer_set(client_loop(c), &c->timer, client_limits(c)->header_timeout_ms);
	}
	return false;
}

/* A piece of a body that nobody wants any more. */
static void client_discard(struct client *c, size_t len)
{
	c->discarded += len;
	if (c->discarded > CLIENT_DISCARD_MAX)
		c->x->close = true;
}

/* Feeds the body. False when it must wait: for bytes, or for room. */
static bool client_feed_body(struct client *c)
{
	struct exchange *x = c->x;
	enum http1_body_result r;
	struct span piece;
	size_t used = 0;

	if (x->reply_done && x->close)
		return false;
	if (!x->reply_done && !pipeline_takes_body(x))
		return false;
	r = http1_body_feed(&x->body, c->in.data, c->in.len, &used, &piece);
	x->bytes_in += used;
	switch (r) {
	case HTTP1_BODY_CONTENT:
		if (x->reply_done)
			client_discard(c, piece.len);
		else
			pipeline_body(x, piece);
		break;
	case HTTP1_BODY_END:
		x->body_done = true;
		if (!x->reply_done)
			pipeline_body_end(x);
		break;
	case HTTP1_BODY_REFUSED:
		x->close = true;
		x->body_done = true;
		pipeline_body_refused(x, x->body.reason);
		used = c->in.len; /* what follows can't be understood */
		break;
	case HTTP1_BODY_MORE:
		break;
	}
	if (!c->dead && c->in.len)
		buf_consume(&c->in, used);
	return r != HTTP1_BODY_MORE && !c->dead;
}

/* Does all that can be done with the bytes at hand. */
static void client_process(struct client *c)
{
	bool going = true;

	while (going && !c->dead) {
		if (c->state == CLIENT_LINGER) {
			c->discarded += c->in.len;
			buf_reset(&c->in);
			return;
		}
		if (!c->x)
			going = c->in.len && client_feed_head(c);
		else if (!c->x->body_done)
			going = client_feed_body(c);
		else
			going = false;
		client_try_finish(c);
	}
}

static bool client_wants(const struct client *c)
{
	if (c->dead || !c->stream.readable)
		return false;
	if (c->state == CLIENT_LINGER)
		return c->discarded < CLIENT_LINGER_BYTES;
	if (!c->x)
		return true;
	/* With an end in sight it is read for, as long as what came with it has room. */
	if (c->x->body_done || (c->x->reply_done && c->x->close))
		return c->stream.hangup && !c->eof && c->in.len < CLIENT_IN_MAX - CLIENT_READ;
	return c->x->reply_done || pipeline_takes_body(c->x);
}

/* The client ended its side. It may still wait for the reply. */
static void client_ended(struct client *c)
{
	c->eof = true;
	c->stream.readable = c->stream.hangup = false;
	if (!c->x) {
		client_free(c); /* between requests, within a head, or lingering */
		return;
	}
	c->x->close = true;
	if (c->x->body_done)
		return;
	c->x->body_done = true;
	pipeline_body_refused(c->x, "the request's body was cut short");
}

static void client_receive(struct client *c)
{
	while (client_wants(c)) {
		enum stream_result r =
			stream_read(&c->stream, &c->in, c->x ? CLIENT_OUT_HELD : CLIENT_READ);

		if (r == STREAM_END) {
			client_ended(c);
			client_try_finish(c);
			return;
		}
		if (r == STREAM_BROKEN) {
			client_broken(c);
			return;
		}
		if (r == STREAM_OK)
			c->active_ms = loop_now_ms(client_loop(c));
		client_process(c);
	}
}

static void client_on_task(struct loop_task *task)
{
	struct client *c = client_of(task, task);

	client_enter(c);
	client_process(c);
	client_receive(c);
	client_leave(c);
}

void client_want_body(struct client *c)
{
	if (c->x && !c->x->body_done)
		loop_defer(client_loop(c), &c->task);
}

static void client_on_event(struct loop_fd *lfd, unsigned events)
{
	struct client *c = client_of(stream.lfd, lfd);

	stream_note(&c->stream, events);
	client_enter(c);
	if ((events & LOOP_WRITABLE) && c->out.len) {
		if (client_flush(c) && c->x && !client_is_full(c))
			forward_resume(&c->x->forward);
		client_try_finish(c);
	}
	client_receive(c);
	client_leave(c);
}

/* ---- Time ---- */

/* When this state has lasted too long; UINT64_MAX: somebody else watches it. */
static uint64_t client_deadline(const struct client *c)
{
	const struct settings_limits *limits = client_limits(c);

	switch (c->state) {
	case CLIENT_IDLE:
		return c->since_ms +
		       (c->requests ? limits->idle_timeout_ms : limits->header_timeout_ms);
	case CLIENT_HEAD:
		return c->since_ms + limits->header_timeout_ms;
	case CLIENT_LINGER:
		return c->since_ms + CLIENT_LINGER_MS;
	case CLIENT_EXCHANGE:
		break;
	}
	if (c->out.len || (!c->x->body_done && (c->x->reply_done || pipeline_takes_body(c->x))))
		return c->active_ms + limits->idle_timeout_ms;
	return UINT64_MAX;
}

static void client_timed_out(struct client *c)
{
	if (c->state == CLIENT_HEAD) {
		client_refuse(c, 408, "the request's head did not come in time");
	} else if (c->state == CLIENT_EXCHANGE && !c->x->replied) {
		c->x->close = c->x->body_done = true;
		pipeline_body_timed_out(c->x);
	} else {
		client_broken(c);
	}
}

static void client_on_time(struct wheel_timer *timer)
{
	struct client *c = client_of(timer, timer);
	uint64_t now = loop_now_ms(client_loop(c)), at = client_deadline(c);

	client_enter(c);
	if (now >= at)
		client_timed_out(c);
	if (!c->dead && !wheel_is_set(&c->timer)) {
		at = client_deadline(c);
		if (at == UINT64_MAX)
			at = now + client_limits(c)->idle_timeout_ms;
		loop_timer_set(client_loop(c), &c->timer, at > now ? at - now : 1);
	}
	client_leave(c);
}

void client_drain(struct client *c)
{
	if (c->x)
		c->x->close = true;
	else if (c->state == CLIENT_IDLE && !c->in.len)
		client_linger(c);
}
