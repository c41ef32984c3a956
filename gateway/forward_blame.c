/*
 * forward_blame: what an instance may do because of a slow client. Many a server ends a connection
 * on which a request does not come whole, or a reply does not go, for a while: 5 to 60 s are usual.
 * Whoever counts that against it lets clients eject instances and open breakers, by being slow.
 */
#include "gateway/forward_retry.h"
#include "gateway/worker.h"

enum {
	/* So long nobody is taken for slow: a failure before it is the instance's. */
	FORWARD_PATIENCE_MS = 1000,
	/* Who had this time can be blamed for being late … */
	FORWARD_FAIR_MS = 1000,
	/* … or such a part of the request's, or what its service allows a try. A backup is left a
	 * half, less what timers are late. */
	FORWARD_FAIR_PART = 4,
};

static uint64_t forward_blame_now_ms(const struct forward *fwd)
{
	return loop_now_ms(worker_loop(fwd->worker));
}

bool forward_waited_for_client(const struct forward *fwd)
{
	uint64_t now = forward_blame_now_ms(fwd), held_up = fwd->held_up_ms;

	if (!fwd->body_done && now - fwd->tried_us / 1000 >= FORWARD_PATIENCE_MS)
		return true;
	if (fwd->paused_ms)
		held_up += now - fwd->paused_ms;
	return held_up >= FORWARD_PATIENCE_MS;
}

bool forward_excuses(const struct forward *fwd, enum upstream_failure failure)
{
	return (failure == UPSTREAM_DIED || failure == UPSTREAM_STALE) &&
	       forward_waited_for_client(fwd);
}

bool forward_came_late(const struct forward *fwd)
{
	unsigned whole_ms = fwd->whole_ms ? fwd->whole_ms : fwd->timeout_ms;
	uint64_t fair_ms = whole_ms / FORWARD_FAIR_PART, began_us = fwd->tried_us;

	if (fwd->state == FORWARD_RESOLVING)
		began_us = fwd->resolving_us;
	if (fair_ms > FORWARD_FAIR_MS)
		fair_ms = FORWARD_FAIR_MS;
	if (fwd->settings->timeout_ms && fair_ms > fwd->settings->timeout_ms)
		fair_ms = fwd->settings->timeout_ms;
	/* By what was planned: a timer that is late gave it no time. */
	return fwd->deadline_ms < began_us / 1000 + fair_ms;
}

void forward_pause(struct forward *fwd)
{
	if (!fwd->up)
		return;
	upstream_pause(fwd->up);
	if (!fwd->paused_ms)
		fwd->paused_ms = forward_blame_now_ms(fwd);
}

void forward_resume(struct forward *fwd)
{
	if (!fwd->up)
		return;
	if (fwd->paused_ms)
		fwd->held_up_ms += forward_blame_now_ms(fwd) - fwd->paused_ms;
	fwd->paused_ms = 0;
	upstream_resume(fwd->up);
}
