/* client_read: turns what a client sends into exchanges, bodies, and refusals. */
#include "gateway/client_parts.h"
#include "gateway/exchange.h"
#include "gateway/pipeline.h"
#include "gateway/problem.h"
#include "gateway/tunnel.h"
#include "gateway/worker.h"

void client_refuse(struct client *c, unsigned status, const char *reason)
{
	c->x = exchange_new(c);
	if (!c->x) {
		client_abort(c);
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
		client_abort(c);
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
	if (!x->body_done)
		client_await_body(c);
	pipeline_start(x);
}

/* Feeds the head. False when more bytes are needed; none come any more from one that ended. */
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
	if (c->eof) {
		client_abort(c);
	} else if (c->state == CLIENT_IDLE) {
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

/* The client has ended its side within a body. */
static void client_body_is_cut(struct client *c)
{
	c->x->close = true;
	c->x->body_done = true;
	pipeline_body_refused(c->x, "the request's body was cut short");
}

static const char *client_body_reason(struct exchange *x)
{
	const char *text = x->body.reason;

	if (x->body.name_refused)
		text = arena_printf(&x->arena, "%s: %s", x->body.reason, x->body.name);
	return text ? text : x->body.reason;
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
		pipeline_body_refused(x, client_body_reason(x));
		used = c->in.len; /* what follows can't be understood */
		break;
	case HTTP1_BODY_MORE:
		if (c->eof)
			client_body_is_cut(c);
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
	if (c->in.len >= CLIENT_AHEAD)
		return false;
	/* With an end in sight it is read for, as long as what came with it has room. */
	if (c->x->body_done || (c->x->reply_done && c->x->close))
		return c->stream.hangup && !c->eof;
	return c->x->reply_done || pipeline_takes_body(c->x);
}

/* The client ended its side. It may still wait for the reply. */
static void client_ended(struct client *c)
{
	c->eof = true;
	c->stream.readable = c->stream.hangup = false;
	if (!c->x) {
		client_abort(c); /* between requests, within a head, or lingering */
		return;
	}
	client_await_end(c);
	if (!c->x->body_done)
		client_body_is_cut(c);
}

static void client_receive(struct client *c)
{
	while (client_wants(c)) {
		size_t before = c->in.len;
		enum stream_result r =
			stream_read(&c->stream, &c->in, c->x ? CLIENT_AHEAD : CLIENT_READ);

		c->received += c->in.len - before;
		if (r == STREAM_END) {
			client_ended(c);
			client_try_finish(c);
			return;
		}
		if (r == STREAM_BROKEN) {
			client_broken(c);
			return;
		}
		client_process(c);
	}
}

/* Whoever rests, or waits for a reply, holds no buffer. */
static void client_trim(struct client *c)
{
	if (!c->dead && !c->in.len && (!c->x || c->x->body_done))
		buf_fini(&c->in);
}

void client_on_task(struct loop_task *task)
{
	struct client *c = client_of(task, task);

	client_enter(c);
	client_process(c);
	client_receive(c);
	client_trim(c);
	client_leave(c);
}

void client_want_body(struct client *c)
{
	if (c->x && !c->x->body_done)
		loop_defer(client_loop(c), &c->task);
}

void client_on_event(struct loop_fd *lfd, unsigned events)
{
	struct client *c = client_of(stream.lfd, lfd);

	stream_note(&c->stream, events);
	client_enter(c);
	if (c->awaits_proxy && !client_read_proxy(c)) {
		client_leave(c);
		return;
	}
	if (c->state == CLIENT_TUNNEL) {
		tunnel_on_client(c->x);
		client_leave(c);
		return;
	}
	if (events & LOOP_BROKEN) { /* nobody is there to be answered */
		client_broken(c);
		client_leave(c);
		return;
	}
	if ((events & LOOP_WRITABLE) && client_has_output(c)) {
		if (client_flush(c) && c->x && !client_is_full(c))
			forward_resume(&c->x->forward);
		client_try_finish(c);
	}
	if (c->in.len) /* before what lies behind it, or the end is taken for its end */
		client_process(c);
	client_receive(c);
	client_trim(c);
	client_leave(c);
}
