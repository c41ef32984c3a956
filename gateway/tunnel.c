/* tunnel: bytes from one stream to the other, both ways. */
#include "gateway/tunnel.h"
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/settings.h"
#include "gateway/shed.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
	TUNNEL_READ = 32 << 10, /* at once, and held of a direction */
	TUNNEL_ROUNDS = 8,	/* then others have their turn */
	/* A peer without a word is asked whether it is still there: after a minute, six times. */
	TUNNEL_PROBE_AFTER_S = 60,
	TUNNEL_PROBE_EVERY_S = 10,
	TUNNEL_PROBES = 6,
};

struct tunnel_way {
	struct stream *from, *to;
	struct buf *held; /* read and not sent yet */
	size_t *at;	  /* how much of it was sent */
	uint64_t sent;
	bool ended; /* nothing more is read */
	bool done;  /* nor sent, and the receiver was told */
};

struct tunnel {
	struct exchange *x;
	struct tunnel_way up, down; /* to the instance, to the client */
	struct wheel_timer timer;
	struct loop_task task;
	uint64_t active_ms; /* when something moved last */
};

#define tunnel_of(member, pointer) \
	((struct tunnel *)(void *)((char *)(pointer)-offsetof(struct tunnel, member)))

static struct loop *tunnel_loop(const struct tunnel *t)
{
	return worker_loop(t->x->worker);
}

/* ---- Places ---- */

bool tunnel_reserve(struct exchange *x)
{
	struct gateway *gateway = x->worker->gateway;

	x->tunnel_place = true;
	if (atomic_fetch_add_explicit(&gateway->tunnels, 1, memory_order_relaxed) <
	    x->table->table->settings->limits.tunnels)
		return true;
	tunnel_unreserve(x);
	stats_inc(x->worker->stats, STAT_TUNNELS_REFUSED);
	return false;
}

void tunnel_unreserve(struct exchange *x)
{
	if (!x->tunnel_place)
		return;
	x->tunnel_place = false;
	(void)atomic_fetch_sub_explicit(&x->worker->gateway->tunnels, 1, memory_order_relaxed);
}

/* ---- Bytes ---- */

/* Nothing can be sent to `to` any more, or `from` broke off with something in between. */
static void tunnel_give_up(struct tunnel_way *way)
{
	way->ended = way->done = true;
	*way->at = 0;
	buf_fini(way->held);
}

/* Sends what is held. True when all of it has gone. */
static bool tunnel_send(struct tunnel *t, struct tunnel_way *way)
{
	uint64_t sent = 0;
	enum stream_result r = stream_write(way->to, way->held, way->at, &sent);

	if (sent)
		t->active_ms = loop_now_ms(tunnel_loop(t));
	way->sent += sent;
	if (r == STREAM_BROKEN)
		tunnel_give_up(way);
	return r == STREAM_OK;
}

/* Reads a piece. False when there is none now. */
static bool tunnel_receive(struct tunnel *t, struct tunnel_way *way, struct tunnel_way *back)
{
	enum stream_result r = stream_read(way->from, way->held, TUNNEL_READ);

	if (r == STREAM_WAIT) {
		buf_fini(way->held); /* whoever rests holds no buffer */
		return false;
	}
	if (r == STREAM_OK) {
		t->active_ms = loop_now_ms(tunnel_loop(t));
		return true;
	}
	way->ended = true;
	if (r == STREAM_BROKEN)
		tunnel_give_up(back);
	return true;
}

/* Moves what can be moved. True when there is more to do, but it was enough for once. */
static bool tunnel_move(struct tunnel *t, struct tunnel_way *way, struct tunnel_way *back)
{
	for (unsigned round = 0; round < TUNNEL_ROUNDS; round++) {
		if (way->done || !tunnel_send(t, way))
			return false;
		if (way->ended) {
			stream_shutdown(way->to);
			tunnel_give_up(way);
			return false;
		}
		if (!tunnel_receive(t, way, back))
			return false;
	}
	return true;
}

/* The bytes in the exchange's record, and in the metrics as they flow. */
static void tunnel_count(struct tunnel *t)
{
	struct exchange *x = t->x;

	stats_add(x->worker->stats, STAT_BYTES_IN, t->up.sent);
	stats_add(x->worker->stats, STAT_BYTES_OUT, t->down.sent);
	x->tunnel_in += t->up.sent;
	x->tunnel_out += t->down.sent;
	t->up.sent = t->down.sent = 0;
}

/* May end the exchange. */
static void tunnel_turn(struct tunnel *t)
{
	struct client *client = t->x->client;
	bool more = tunnel_move(t, &t->up, &t->down);

	more = tunnel_move(t, &t->down, &t->up) || more;
	/* The one may have ended the other, which then has its end to tell. */
	if (t->up.ended && !t->up.done)
		(void)tunnel_move(t, &t->up, &t->down); /* it reads no more: no more to do */
	tunnel_count(t);
	if (t->up.done && t->down.done)
		client_tunnel_over(client);
	else if (more)
		loop_defer(tunnel_loop(t), &t->task);
}

/* ---- What calls ---- */

static void tunnel_turn_entered(struct tunnel *t)
{
	struct client *client = t->x->client;

	client_enter(client);
	tunnel_turn(t);
	client_leave(client);
}

static void tunnel_on_task(struct loop_task *task)
{
	tunnel_turn_entered(tunnel_of(task, task));
}

static void tunnel_on_instance(void *owner)
{
	tunnel_turn_entered(owner);
}

static const struct upstream_events tunnel_events = {.on_ready = tunnel_on_instance};

void tunnel_on_client(struct exchange *x)
{
	tunnel_turn(x->tunnel);
}

static void tunnel_arm(struct tunnel *t)
{
	uint64_t now = loop_now_ms(tunnel_loop(t));
	uint64_t at = t->active_ms + worker_settings(t->x->worker)->limits.tunnel_idle_ms;

	loop_timer_set(tunnel_loop(t), &t->timer, at > now ? at - now : 1);
}

static void tunnel_on_time(struct wheel_timer *timer)
{
	struct tunnel *t = tunnel_of(timer, timer);
	struct client *client = t->x->client;

	if (loop_now_ms(tunnel_loop(t)) <
	    t->active_ms + worker_settings(t->x->worker)->limits.tunnel_idle_ms) {
		tunnel_arm(t);
		return;
	}
	t->x->detail = "nothing flowed for the tunnel's idle timeout";
	client_enter(client);
	client_tunnel_over(client);
	client_leave(client);
}

/* ---- Life ---- */

/* Finds peers that vanished without an end; nothing is lost where it can't be set. */
static void tunnel_probe(const struct stream *s)
{
	int on = 1, after = TUNNEL_PROBE_AFTER_S, every = TUNNEL_PROBE_EVERY_S,
	    probes = TUNNEL_PROBES;

	(void)setsockopt(s->lfd.fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(s->lfd.fd, IPPROTO_TCP, TCP_KEEPIDLE, &after, sizeof(after));
	(void)setsockopt(s->lfd.fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	(void)setsockopt(s->lfd.fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* What either side said ahead, behind its head. */
static int tunnel_take_ahead(struct buf *in, struct buf *held)
{
	int result = in->len ? buf_append(held, in->data, in->len) : 0;

	buf_fini(in);
	return result;
}

void tunnel_start(struct exchange *x)
{
	struct client *client = x->client;
	struct upstream *up = x->forward.up;
	struct tunnel *t = arena_zalloc(&x->arena, sizeof(*t));

	if (!t || tunnel_take_ahead(&client->in, &up->out) < 0 ||
	    tunnel_take_ahead(&up->in, &client->out) < 0) {
		client_cut(client);
		return;
	}
	t->x = x;
	t->up = (struct tunnel_way){&client->stream, &up->stream, &up->out, &up->out_at, 0, 0, 0};
	t->down = (struct tunnel_way){
		&up->stream, &client->stream, &client->out, &client->out_at, 0, 0, 0};
	t->timer.on_time = tunnel_on_time;
	t->task.run = tunnel_on_task;
	up->events = &tunnel_events;
	up->owner = t;
	x->tunnel = t;
	client_begin_tunnel(client);
	tunnel_probe(t->up.from);
	tunnel_probe(t->up.to);
	shed_leave(x); /* it may last for days: limits.tunnels has it */
	stats_dec(x->worker->stats, STAT_IN_FLIGHT);
	stats_inc(x->worker->stats, STAT_TUNNELS);
	t->up.ended = t->down.ended = x->worker->tunnels_over;
	t->active_ms = loop_now_ms(tunnel_loop(t));
	tunnel_arm(t);
	tunnel_turn(t);
}

void tunnel_drain(struct exchange *x)
{
	struct tunnel *t = x->tunnel;

	t->up.ended = t->down.ended = true;
	tunnel_turn_entered(t);
}

void tunnel_drain_all(struct worker *worker)
{
	struct client *client, *next;

	for (client = worker->clients; client; client = next) {
		next = client->next;
		if (client->state == CLIENT_TUNNEL)
			tunnel_drain(client->x);
	}
}

void tunnel_stop(struct exchange *x)
{
	struct tunnel *t = x->tunnel;

	tunnel_unreserve(x);
	if (!t)
		return;
	x->tunnel = NULL;
	loop_timer_clear(tunnel_loop(t), &t->timer);
	loop_undefer(tunnel_loop(t), &t->task);
	stats_dec(x->worker->stats, STAT_TUNNELS);
	stats_inc(x->worker->stats, STAT_IN_FLIGHT); /* as exchange_free finds it */
}
