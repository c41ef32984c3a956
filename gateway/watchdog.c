/* watchdog: calls every worker; when all have answered, says so. */
#include "gateway/watchdog.h"
#include "gateway/worker.h"

#include <stddef.h>

/* On a worker's thread. */
static void watchdog_answer(void *arg)
{
	struct watchdog *w = arg;

	(void)atomic_fetch_sub_explicit(&w->owing, 1, memory_order_relaxed);
}

static void watchdog_on_time(struct wheel_timer *timer)
{
	struct watchdog *w =
		(struct watchdog *)(void *)((char *)timer - offsetof(struct watchdog, timer));
	struct gateway *g = w->gateway;

	loop_timer_set(w->loop, &w->timer, w->notify->watchdog_ms);
	if (atomic_load_explicit(&w->owing, memory_order_relaxed))
		return;
	notify_alive(w->notify);
	atomic_store_explicit(&w->owing, g->worker_count, memory_order_relaxed);
	for (size_t i = 0; i < g->worker_count; i++)
		if (worker_post_call(g->workers[i], watchdog_answer, w) < 0)
			watchdog_answer(w); /* out of memory: it is not the worker that hangs */
}

void watchdog_start(struct watchdog *w, struct loop *loop, struct gateway *gateway,
		    const struct notify *notify)
{
	w->loop = loop;
	w->gateway = gateway;
	w->notify = notify;
	w->timer.on_time = watchdog_on_time;
	if (notify->watchdog_ms)
		loop_timer_set(loop, &w->timer, 0);
}
