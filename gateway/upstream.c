/*
 * upstream: the state machine of upstream.h. One event of the socket may end
 * in the owner giving the connection up, so nothing touches it after a call
 * of the owner's without looking whether it is still there.
 */
#include "gateway/dial.h"
#include "gateway/pool.h"
#include "gateway/splice.h"
#include "gateway/stats.h"
#include "gateway/tally.h"
#include "gateway/tls_origin.h"
#include "gateway/upstream_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* One read; with what waits at the client it stays under 64 KiB a direction. */
	UPSTREAM_READ = 32 << 10,
	/* Where the last reply was moved the next may be: its head, and little of what follows. */
	UPSTREAM_READ_HEAD = 4 << 10,
	/* Of a body that is moved within the kernel. Less comes by one read, which costs no more
	 * than the system calls of a move. */
	UPSTREAM_MOVE_MIN = 32 << 10,
	UPSTREAM_ROUNDS = 8,	    /* of reads or moves, then others have their turn */
	UPSTREAM_IN_MAX = 3 << 20,  /* over every head's limit */
	UPSTREAM_OUT_MAX = 5 << 20, /* likewise; bodies stop at UPSTREAM_HELD_MAX */
	UPSTREAM_INTERIM_MAX = 16,  /* 1xx heads before the final one */
};

static void upstream_on_time(struct wheel_timer *timer);
static void upstream_on_task(struct loop_task *task);

void upstream_init(struct upstream *up, struct loop *loop, struct stats_worker *stats,
		   struct endpoint *ep)
{
	up->loop = loop;
	up->stream.lfd.fd = -1;
	up->stats = stats;
	stats_inc(stats, STAT_UP_CONNECTIONS);
	up->endpoint = endpoint_ref(ep);
	tally_inc(ep->tally, TALLY_CONNECTIONS);
	up->born_ms = loop_now_ms(loop);
	up->timer.on_time = upstream_on_time;
	up->task.run = upstream_on_task;
	buf_init(&up->in, UPSTREAM_IN_MAX);
	buf_init(&up->out, UPSTREAM_OUT_MAX);
}

static void upstream_count(struct upstream *up)
{
	tally_inc(up->endpoint->tally, TALLY_IN_FLIGHT);
	if (up->requests)
		tally_inc(up->endpoint->tally, TALLY_REUSES);
	up->counted = true;
	up->connect_us = 0;
	up->begun_us = loop_now_us(up->loop);
}

static void upstream_uncount(struct upstream *up)
{
	if (up->counted)
		tally_dec(up->endpoint->tally, TALLY_IN_FLIGHT);
	up->counted = false;
}

void upstream_free(struct upstream **up)
{
	struct upstream *u = *up;

	*up = NULL;
	if (!u)
		return;
	u->owner = NULL;
	if (u->pooled)
		pool_remove(u);
	loop_timer_clear(u->loop, &u->timer);
	loop_undefer(u->loop, &u->task);
	if (!u->dead) {
		stats_dec(u->stats, STAT_UP_CONNECTIONS);
		tally_dec(u->endpoint->tally, TALLY_CONNECTIONS);
	}
	upstream_uncount(u);
	dial_stop(&u->dial);
	if (u->state == UPSTREAM_IDLE && u->stream.tls) /* RFC 8446 6.1: nothing is missing */
		stream_shutdown(&u->stream);
	stream_close(&u->stream);
	if (u->entered) {
		u->dead = true; /* upstream_leave does the rest */
		return;
	}
	buf_fini(&u->in);
	buf_fini(&u->out);
	endpoint_unref(&u->endpoint);
	tls_origin_unref(&u->tls);
	free(u);
}

/* Around everything that the loop calls: owners may free the connection in their events. */
void upstream_enter(struct upstream *up)
{
	up->entered = true;
}

void upstream_leave(struct upstream *up)
{
	up->entered = false;
	if (up->dead)
		upstream_free(&up);
}

void upstream_cancel(struct upstream **up)
{
	upstream_free(up);
}

void upstream_set_timer(struct upstream *up, uint64_t in_ms)
{
	loop_timer_set(up->loop, &up->timer, in_ms);
}

void upstream_begin(struct upstream *up, const struct upstream_events *events, void *owner,
		    struct arena *arena, enum http_method method, const struct http1_limits *limits)
{
	up->events = events;
	up->owner = owner;
	up->arena = arena;
	up->received = up->sent = 0;
	up->moved = up->moving;
	up->request_complete = up->head_done = up->paused = up->moving = up->upgrading = false;
	up->interim = 0;
	upstream_count(up);
	up->requests++;
	http1_head_start(&up->reader, HTTP1_REPLY, limits, method);
	if (up->state == UPSTREAM_IDLE) {
		loop_timer_clear(up->loop, &up->timer);
		up->state = UPSTREAM_BUSY;
	}
}

void upstream_hand_over(struct upstream *up, void *owner)
{
	up->owner = owner;
}

bool upstream_is_busy(const struct upstream *up)
{
	return up->state == UPSTREAM_BUSY;
}

bool upstream_is_full(const struct upstream *up)
{
	return up->out.len - up->out_at >= UPSTREAM_HELD_MAX / 2;
}

struct buf *upstream_out(struct upstream *up)
{
	return &up->out;
}

int upstream_write(struct upstream *up, const void *data, size_t len)
{
	return buf_append(&up->out, data, len);
}

/* Sends what waits. A connection that breaks under it may still hold a reply (say a 413 that was
 * sent before the body was read), so the break is found by reading. */
static void upstream_send(struct upstream *up)
{
	if (stream_write(&up->stream, &up->out, &up->out_at, &up->sent) == STREAM_BROKEN) {
		buf_reset(&up->out);
		up->out_at = 0;
		up->stream.hangup = up->stream.readable = true;
		loop_defer(up->loop, &up->task);
	}
}

void upstream_flush(struct upstream *up, bool request_complete)
{
	up->request_complete = request_complete;
	if (up->state == UPSTREAM_BUSY)
		upstream_send(up);
}

void upstream_pause(struct upstream *up)
{
	up->paused = true;
}

bool upstream_is_paused(const struct upstream *up)
{
	return up->paused;
}

void upstream_resume(struct upstream *up)
{
	if (!up->paused)
		return;
	up->paused = false;
	loop_defer(up->loop, &up->task);
}

/* Takes the connection from its owner and tells it why. */
void upstream_fail(struct upstream *up, enum upstream_failure failure, const char *reason)
{
	const struct upstream_events *events = up->events;
	void *owner = up->owner;

	up->owner = NULL;
	upstream_free(&up);
	if (owner)
		events->on_fail(owner, failure, reason);
}

/* The reply is whole: back into the pool if both sides are at a boundary, then tell the owner. */
static void upstream_end(struct upstream *up, size_t at)
{
	const struct upstream_events *events = up->events;
	void *owner = up->owner;
	/* Bytes after the reply belong to no request of ours: out of step, so not used again. */
	bool keep = up->keep && up->request_complete && !up->out.len && at == up->in.len &&
		    !up->stream.hangup && !up->stream.readable;

	up->owner = NULL;
	upstream_uncount(up);
	if (keep) {
		up->state = UPSTREAM_IDLE;
		buf_fini(&up->in);
		buf_fini(&up->out);
		pool_put(up, up->keep_ms);
	} else {
		upstream_free(&up);
	}
	events->on_end(owner);
}

static void upstream_count_head(struct upstream *up, unsigned status)
{
	uint64_t us = loop_now_us(up->loop) - up->begun_us;

	tally_reply(up->endpoint->tally, status, us);
	tally_reply(up->endpoint->service_tally, status, us);
	tally_recent(up->endpoint->tally, us);
}

enum upstream_step { STEP_MORE, STEP_GONE };

/* What follows the head is no HTTP. */
static void upstream_switch(struct upstream *up, size_t at, const struct http1_head *head)
{
	buf_consume(&up->in, at);
	up->state = UPSTREAM_SWITCHED;
	upstream_count_head(up, head->status);
	up->events->on_head(up->owner, head);
}

/* A head is complete at in[*at]: tells of it. */
static enum upstream_step upstream_take_head(struct upstream *up, size_t *at, size_t head_len)
{
	struct http1_head head;

	if (http1_head_take(&up->reader, up->in.data + *at, head_len, up->arena, &head) !=
	    HTTP1_DONE) {
		upstream_fail(up, UPSTREAM_MALFORMED, up->reader.reason);
		return STEP_GONE;
	}
	*at += head_len;
	if (head.status == 101 && up->upgrading) {
		upstream_switch(up, *at, &head);
		return STEP_GONE;
	}
	if (head.status == 101 || (head.status < 200 && ++up->interim > UPSTREAM_INTERIM_MAX)) {
		upstream_fail(up, UPSTREAM_MALFORMED, "an interim reply nobody asked for");
		return STEP_GONE;
	}
	if (head.status < 200) {
		struct http1_limits limits = up->reader.limits;

		http1_head_start(&up->reader, HTTP1_REPLY, &limits, up->reader.request_method);
		/* Whether to go on is not the instance's to say: who sends has been told. */
		if (head.status != 100)
			up->events->on_interim(up->owner, &head);
		return up->owner ? STEP_MORE : STEP_GONE;
	}
	upstream_count_head(up, head.status);
	up->head_done = true;
	up->keep = head.keep_alive && head.framing != HTTP1_UNTIL_CLOSE;
	up->keep_ms = upstream_keep_ms(up, &head);
	http1_body_start(&up->body, &head);
	up->events->on_head(up->owner, &head);
	return up->owner ? STEP_MORE : STEP_GONE;
}

/* Reads what lies in `in` from *at on, as far as it goes. */
static enum upstream_step upstream_parse_head(struct upstream *up, size_t *at)
{
	size_t head_len;

	while (!up->head_done && *at < up->in.len) {
		switch (http1_head_feed(&up->reader, up->in.data + *at, up->in.len - *at,
					&head_len)) {
		case HTTP1_MORE:
			return STEP_MORE;
		case HTTP1_REFUSED:
			upstream_fail(up, UPSTREAM_MALFORMED, up->reader.reason);
			return STEP_GONE;
		case HTTP1_DONE:
			break;
		}
		if (upstream_take_head(up, at, head_len) == STEP_GONE)
			return STEP_GONE;
	}
	return STEP_MORE;
}

static enum upstream_step upstream_parse_body(struct upstream *up, size_t *at)
{
	while (up->head_done && !up->paused) {
		struct span piece;
		size_t used = 0;
		enum http1_body_result r =
			http1_body_feed(&up->body, up->in.len ? up->in.data + *at : NULL,
					up->in.len - *at, &used, &piece);

		*at += used;
		if (r == HTTP1_BODY_MORE)
			return STEP_MORE;
		if (r == HTTP1_BODY_REFUSED) {
			upstream_fail(up, UPSTREAM_CUT, up->body.reason);
			return STEP_GONE;
		}
		if (r == HTTP1_BODY_END) {
			upstream_end(up, *at);
			return STEP_GONE;
		}
		up->events->on_body(up->owner, piece);
		if (!up->owner)
			return STEP_GONE;
	}
	return STEP_MORE;
}

/* The instance ended its side, or the connection broke. */
static void upstream_ended(struct upstream *up, bool broken)
{
	if (!up->head_done && !up->received && broken && up->requests == 1 && up->stream.tls &&
	    tls_origin_is_refusal())
		upstream_fail_tls(up);
	else if (!up->head_done && !up->received)
		upstream_fail(up, up->requests > 1 ? UPSTREAM_STALE : UPSTREAM_DIED,
			      "closed without a reply");
	else if (!up->head_done)
		upstream_fail(up, UPSTREAM_RESET, "closed within the head");
	else if (!broken && http1_body_eof(&up->body) == HTTP1_BODY_END)
		upstream_end(up, up->in.len);
	else
		upstream_fail(up, UPSTREAM_CUT, "closed within the body");
}

/* The body may go from socket to socket. False: it must be read. */
static bool upstream_move(struct upstream *up, enum stream_result *r)
{
	struct splice_move move = {.left = up->head_done ? http1_body_left(&up->body) : 0};

	if (move.left < (up->moving ? 1 : UPSTREAM_MOVE_MIN) || up->stream.tls ||
	    !up->events->on_move || !up->events->on_move(up->owner, &up->stream, &move))
		return false;
	up->moving = true;
	up->received += move.taken;
	http1_body_skip(&up->body, move.taken);
	*r = move.result;
	return true;
}

/* Appends to `in`, or moves. */
static enum stream_result upstream_take(struct upstream *up, bool *moved)
{
	size_t before = up->in.len;
	enum stream_result r;

	*moved = upstream_move(up, &r);
	if (*moved)
		return r;
	r = stream_read(&up->stream, &up->in,
			up->moved && !up->head_done ? UPSTREAM_READ_HEAD : UPSTREAM_READ);
	up->received += up->in.len - before;
	return r;
}

static enum upstream_step upstream_step(struct upstream *up)
{
	enum upstream_step step;
	size_t at = 0;

	/* A pause left bytes of a body: they come first, also before the end behind them. */
	if (!up->head_done || !up->in.len) {
		bool moved;
		enum stream_result r = upstream_take(up, &moved);

		if (!up->owner)
			return STEP_GONE;
		if (r == STREAM_END || r == STREAM_BROKEN) {
			upstream_ended(up, r == STREAM_BROKEN);
			return STEP_GONE;
		}
		/* Its last byte may have gone: a read shows first that nothing is behind it. */
		if (moved)
			return STEP_MORE;
	}
	step = upstream_parse_head(up, &at);
	if (step == STEP_MORE)
		step = upstream_parse_body(up, &at);
	if (step == STEP_MORE)
		buf_consume(&up->in, at);
	return step;
}

/* Reads and tells until there is nothing to read, the owner pauses, or it is over. */
static void upstream_receive(struct upstream *up)
{
	unsigned rounds = 0;

	do {
		if (up->paused || !up->owner)
			return;
		if (rounds++ == UPSTREAM_ROUNDS) {
			loop_defer(up->loop, &up->task);
			break;
		}
		/* After GONE the connection may serve the next request already. */
		if (upstream_step(up) == STEP_GONE)
			return;
	} while (up->stream.readable);
	if (up->owner && !up->paused)
		up->events->on_pause(up->owner);
}

static void upstream_on_task(struct loop_task *task)
{
	struct upstream *up = upstream_of(task, task);

	upstream_enter(up);
	if (up->state == UPSTREAM_BUSY)
		upstream_receive(up);
	upstream_leave(up);
}

static void upstream_connected(struct upstream *up)
{
	up->state = UPSTREAM_BUSY;
	up->connect_us = loop_now_us(up->loop) - up->begun_us;
	loop_timer_clear(up->loop, &up->timer);
	upstream_send(up);
	if (!up->out.len && !up->request_complete)
		up->events->on_drain(up->owner);
}

void upstream_on_event(struct loop_fd *lfd, unsigned events)
{
	struct upstream *up = upstream_of(stream.lfd, lfd);

	stream_note(&up->stream, events);
	upstream_enter(up);
	if (up->state == UPSTREAM_CONNECTING) {
		if (upstream_connecting(up, events))
			upstream_connected(up);
		/* It may have spoken, or ended, in the same event. */
		if (!up->dead && up->state == UPSTREAM_BUSY && up->stream.readable)
			upstream_receive(up);
	} else if (up->state == UPSTREAM_IDLE) {
		if ((events & (LOOP_READABLE | LOOP_HANGUP)) && !stream_is_quiet(&up->stream)) {
			struct upstream *gone = up;

			upstream_free(&gone);
		}
	} else if (up->state == UPSTREAM_SWITCHED) {
		if (up->owner)
			up->events->on_ready(up->owner);
	} else {
		if (up->out.len && (events & LOOP_WRITABLE)) {
			upstream_send(up);
			if (!up->out.len && !up->request_complete)
				up->events->on_drain(up->owner);
		}
		if (up->stream.readable)
			upstream_receive(up);
	}
	upstream_leave(up);
}

static void upstream_on_time(struct wheel_timer *timer)
{
	struct upstream *up = upstream_of(timer, timer);

	if (up->state == UPSTREAM_CONNECTING)
		upstream_fail(up, UPSTREAM_CONNECT_TIMEOUT,
			      up->reached ? "the TLS handshake timed out" : "connect timed out");
	else
		upstream_free(&up);
}
