/* forward_body: the request's body: written to the instance, and held for another try. */
#include "gateway/forward.h"
#include "gateway/forward_retry.h"
#include "gateway/http1_write.h"
#include "gateway/worker.h"

int forward_write_body(struct upstream *up, bool chunked, const char *at, size_t len)
{
	if (!len)
		return 0;
	if (!chunked)
		return upstream_write(up, at, len);
	http1_write_chunk_head(upstream_out(up), len);
	if (upstream_write(up, at, len) < 0)
		return -1;
	http1_write_chunk_tail(upstream_out(up));
	return 0;
}

void forward_write_end(struct forward *fwd)
{
	struct buf *out = upstream_out(fwd->up);

	if (!fwd->chunked)
		return;
	http1_write_last_chunk(out);
	(void)buf_append(out, fwd->trailers.data, fwd->trailers.len); /* sticks */
	http1_write_end(out);
}

int forward_hold(struct forward *fwd, struct span body)
{
	if (!body.len)
		return 0;
	if (body.len > fwd->held.max)
		buf_init(&fwd->held, body.len);
	return buf_append(&fwd->held, body.at, body.len);
}

int forward_copy_body(struct forward *copy, const struct forward *from)
{
	copy->chunked = from->chunked;
	copy->body_done = true;
	if (from->trailers.len &&
	    buf_append(&copy->trailers, from->trailers.data, from->trailers.len) < 0)
		return -1;
	return forward_hold(copy, (struct span){from->held.data, from->held.len});
}

void forward_body(struct forward *fwd, struct span piece)
{
	forward_touch(fwd);
	/* Held for another try while it fits. A head told or a body lost: no other try comes. */
	if (!fwd->body_lost && fwd->state != FORWARD_FLOWING) {
		if (fwd->held.len + piece.len > FORWARD_HELD_MAX ||
		    buf_append(&fwd->held, piece.at, piece.len) < 0) {
			fwd->body_lost = true;
			if (fwd->up)
				buf_fini(&fwd->held);
			else
				forward_fail_soon(fwd, FORWARD_MEMORY);
		}
	}
	if (!fwd->up) /* between attempts: `held` goes with the next */
		return;
	if (forward_write_body(fwd->up, fwd->chunked, piece.at, piece.len) < 0) {
		forward_fail_soon(fwd, FORWARD_MEMORY);
		return;
	}
	/* Pieces that come together leave together. */
	if (upstream_is_full(fwd->up))
		upstream_flush(fwd->up, false);
	else
		loop_defer(worker_loop(fwd->worker), &fwd->task);
}

void forward_body_end(struct forward *fwd)
{
	fwd->body_done = true;
	forward_touch(fwd);
	if (!fwd->deadline_ms && fwd->state != FORWARD_FLOWING)
		forward_await_reply(fwd);
	if (!fwd->up)
		return;
	forward_write_end(fwd);
	upstream_flush(fwd->up, true);
}

bool forward_is_full(const struct forward *fwd)
{
	/* Between attempts a body waits at its sender, so that what is held is whole. */
	return fwd->up ? upstream_is_full(fwd->up) : fwd->state != FORWARD_OFF;
}
