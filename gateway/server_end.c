/* server_end: the drain, and who may begin it. */
#include "common/log.h"
#include "gateway/admin.h"
#include "gateway/server_parts.h"
#include "gateway/worker.h"

enum {
	/* How often a drain looks whether the last client has gone. */
	SERVER_DRAIN_LOOK_MS = 20,
	/* For what a tunnel's ends still have to say when its time is over. */
	SERVER_TUNNELS_MS = 1000,
	/* What is left to do once all have gone. */
	SERVER_SPARE_MS = 10000,
};

static void server_stop(struct server *s)
{
	loop_stop(s->loop);
}

static void server_drain_now(struct server *s)
{
	s->accepting = false;
	s->drain_until_ms = loop_now_ms(s->loop) + s->table->settings->drain_timeout_ms;
	for (size_t i = 0; i < s->gateway.worker_count; i++)
		if (worker_post_drain(s->gateway.workers[i]) < 0)
			log_warn("drain: out of memory; worker %zu is cut short", i);
}

/* Upgraded connections may last for days, so they are ended once nothing else runs; or, where
 * another gateway serves and nobody waits for our end, when the time is over. */
static bool server_is_time_for_tunnels(const struct server *s, unsigned open, unsigned tunnels)
{
	if (s->tunnels_over)
		return false;
	return s->replaced ? loop_now_ms(s->loop) >= s->drain_until_ms : open <= tunnels;
}

static void server_end_tunnels(struct server *s)
{
	s->tunnels_over = true;
	if (s->replaced)
		s->drain_until_ms = loop_now_ms(s->loop) + SERVER_TUNNELS_MS;
	for (size_t i = 0; i < s->gateway.worker_count; i++)
		if (worker_post_tunnels_over(s->gateway.workers[i]) < 0)
			log_warn("drain: out of memory; tunnels of worker %zu are cut", i);
}

void server_on_time(struct wheel_timer *timer)
{
	struct server *s = server_of(timer, timer);
	unsigned open = atomic_load_explicit(&s->gateway.connections, memory_order_relaxed);
	unsigned tunnels = atomic_load_explicit(&s->gateway.tunnels, memory_order_relaxed);

	if (s->accepting) {
		server_drain_now(s);
	} else if (!open) {
		server_stop(s);
		return;
	} else if (server_is_time_for_tunnels(s, open, tunnels)) {
		server_end_tunnels(s);
	} else if (loop_now_ms(s->loop) >= s->drain_until_ms) {
		log_warn("drain: the time is over; %u connections are cut", open);
		server_stop(s);
		return;
	}
	loop_timer_set(s->loop, &s->timer, SERVER_DRAIN_LOOK_MS);
}

void server_end(struct server *s)
{
	if (s->draining) {
		log_info("asked again: stopping now");
		server_stop(s);
		return;
	}
	s->draining = true;
	log_info("stopping: finishing what runs");
	notify_stopping(&s->notify, (uint64_t)s->table->settings->drain_delay_ms +
					    s->table->settings->drain_timeout_ms + SERVER_SPARE_MS);
	admin_set_draining(s->admin);
	loop_timer_set(s->loop, &s->timer, s->table->settings->drain_delay_ms);
}

/* ---- For a successor ---- */

static const char *server_refusal(void *arg)
{
	const struct server *s = arg;

	return s->draining ? "refused: it is stopping" : NULL;
}

static bool server_socket_at(void *arg, size_t index, struct handover_socket *out)
{
	struct server *s = arg;
	const struct gateway *g = &s->gateway;

	out->kind = "listen";
	for (size_t i = 0; i < g->worker_count; i++) {
		const struct worker *w = g->workers[i];

		if (index < w->listener_count) {
			out->address = w->listeners[index].address;
			out->fd = w->listeners[index].lfd.fd;
			return true;
		}
		index -= w->listener_count;
	}
	out->kind = "admin";
	out->address = &s->first->settings->admin.address;
	out->fd = index == 0 && s->admin ? admin_share(s->admin) : -1;
	return out->fd >= 0;
}

/* Its admin door answers on the same socket, so ours is closed first. */
static void server_heir_is_ready(void *arg, pid_t heir)
{
	struct server *s = arg;

	log_info("process %ld has taken over: finishing what runs", (long)heir);
	if (heir > 0)
		notify_main(&s->notify, heir);
	admin_stop(&s->admin);
	s->draining = s->replaced = true;
	server_drain_now(s);
	loop_timer_set(s->loop, &s->timer, SERVER_DRAIN_LOOK_MS);
}

void server_open_handover(struct server *s)
{
	char path[HANDOVER_PATH_SIZE];
	struct err e;

	s->handover_owner = (struct handover_owner){.socket_at = server_socket_at,
						    .heir_is_ready = server_heir_is_ready,
						    .refusal = server_refusal,
						    .arg = s};
	if (!handover_path(s->table->settings, 0, path))
		return;
	if (handover_open(&s->handover, s->loop, &s->handover_owner, path, &e) < 0)
		log_warn("%s; this gateway can't be replaced while it runs", e.text);
}
