/*
 * client_write: sends what a client is to get: the bytes of `out`, of a reply that
 * is kept, of a pipe. As in client.c any call may end the connection.
 */
#include "gateway/client_parts.h"
#include "gateway/exchange.h"
#include "gateway/splice.h"
#include "gateway/worker.h"

/* With what a pipe holds it stays under 64 KiB. */
enum { CLIENT_OUT_LITTLE = 8 << 10 };

struct buf *client_out(struct client *c)
{
	return &c->out;
}

/* Nothing may be written behind what lies in a pipe before that has gone. */
bool client_is_full(const struct client *c)
{
	return c->splice || c->out.len - c->out_at > CLIENT_OUT_HELD;
}

bool client_has_output(const struct client *c)
{
	return c->out.len || c->splice || (c->x && c->x->rest.len);
}

/* In the middle of a reply that is what tells the client: it must not look whole. */
void client_broken(struct client *c)
{
	if (!c->x) {
		client_abort(c);
		return;
	}
	if (!c->x->reply_done || client_has_output(c))
		c->x->flags |= ACCESS_DC;
	client_cut(c);
}

bool client_is_blocked(const struct client *c)
{
	return !c->stream.writable && client_has_output(c);
}

void client_update_going(struct client *c)
{
	bool waiting = client_has_output(c);

	if (waiting || c->going.due_us)
		tempo_update(&c->going, waiting, waiting ? stream_delivered(&c->stream) : 0,
			     loop_now_ms(client_loop(c)), client_limits(c));
}

/* A kept reply's body is sent piece by piece from where it lies; the first one with the head. */
static void client_fill(struct client *c)
{
	struct span *rest = &c->x->rest;
	size_t len = rest->len < CLIENT_OUT_HELD ? rest->len : CLIENT_OUT_HELD;

	if (!len || c->out_at || c->out.len >= CLIENT_OUT_HELD)
		return;
	(void)buf_append(&c->out, rest->at, len); /* failure sticks */
	rest->at += len;
	rest->len -= len;
}

/* What is in `out`, then what is in the pipe. */
static enum stream_result client_write(struct client *c)
{
	uint64_t sent = 0;
	enum stream_result r;

	c->stream.more = c->splice != NULL;
	r = stream_write(&c->stream, &c->out, &c->out_at, &sent);
	c->stream.more = false;
	if (r == STREAM_OK && c->splice)
		r = splice_pour(c->splice, &c->stream, &sent);
	if (r == STREAM_OK)
		splice_close(&c->worker->splices, &c->splice);
	if (c->x)
		c->x->bytes_out += sent;
	if (sent)
		c->quiet_ms = loop_now_ms(client_loop(c));
	return r;
}

bool client_flush(struct client *c)
{
	enum stream_result r;

	if (c->dead)
		return false;
	do {
		if (c->x)
			client_fill(c);
		if (c->out.failed) { /* a reply that can't be written whole must not look whole */
			client_cut(c);
			return false;
		}
		r = client_write(c);
	} while (r == STREAM_OK && client_has_output(c));
	if (r == STREAM_BROKEN) {
		client_broken(c);
		return false;
	}
	if (r == STREAM_WAIT && !c->going.due_us) {
		client_update_going(c);
		client_arm(c);
	}
	return true;
}

bool client_splice(struct client *c, struct stream *from, struct splice_move *move)
{
	struct splice_pool *pool = &c->worker->splices;
	struct splice *s;
	bool done;

	move->result = STREAM_WAIT;
	/* What came before goes out before; or with it, in the same packet, if that is little. */
	if ((c->splice || c->out.len - c->out_at > CLIENT_OUT_LITTLE) &&
	    (!client_flush(c) || client_has_output(c)))
		return true;
	s = splice_open(pool);
	done = s && splice_fill(pool, s, from, move);
	if (!move->taken) {
		splice_close(pool, &s);
		return done;
	}
	c->splice = s;
	(void)client_flush(c); /* the caller looks itself */
	return true;
}
