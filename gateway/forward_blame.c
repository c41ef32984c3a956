/*
 * forward_blame: what an instance may do because of a slow client. Many a server ends a connection
 * on which a request does not come whole, or a reply does not go, for a while: 5 to 60 s are usual.
 * Whoever counts that against it lets clients eject instances and open breakers, by being slow.
 */
#include "gateway/forward_retry.h"
#include "gateway/worker.h"

/* So long nobody is taken for slow: a failure before it is the instance's. */
enum { FORWARD_PATIENCE_MS = 1000 };

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
