/* inner: both ends of the pair lie in one loop, and meet only in the kernel: neither calls the
 * other. */
#include "gateway/inner.h"
#include "gateway/auth.h"
#include "gateway/call.h"
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/http1_write.h"
#include "gateway/worker.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	INNER_READ = 16 << 10,
	INNER_IN_MAX = 4 << 20, /* over every head's limit */
	INNER_OUT_MAX = 32 << 20,
};

static struct loop *inner_loop(const struct inner *inner)
{
	return worker_loop(inner->x->worker);
}

/* ---- The connection ---- */

static void inner_close(struct inner *inner)
{
	struct client *client = inner->client;

	if (!inner->open)
		return;
	inner->open = false;
	inner->client = NULL;
	stream_close(&inner->stream);
	if (client) {
		client->inner = NULL;
		if (client->x) /* its line in the log is that of one whose client went away */
			client->x->flags |= ACCESS_DC;
		client_cut(client); /* a FIN it might wait behind for a moment */
	}
}

static void inner_on_event(struct loop_fd *lfd, unsigned events);

/* One that is open and rests is used again. */
static enum inner_outcome inner_open(struct inner *inner)
{
	int ends[2];

	if (inner->open && inner->client && inner->client->state == CLIENT_IDLE)
		return INNER_REPLIED;
	inner_close(inner);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		return INNER_REFUSED;
	if (stream_open(&inner->stream, inner_loop(inner), ends[0], inner_on_event) < 0) {
		(void)close(ends[0]); /* nothing was sent */
		(void)close(ends[1]);
		return INNER_REFUSED;
	}
	inner->open = true;
	inner->stream.writable = true; /* an empty pair is */
	inner->client = client_open_inner(inner, inner->x->client, ends[1]);
	if (inner->client)
		return INNER_REPLIED;
	(void)close(ends[1]);
	inner_close(inner);
	return INNER_REFUSED;
}

void inner_client_gone(struct inner **inner)
{
	if (*inner)
		(*inner)->client = NULL;
	*inner = NULL;
}

const struct client *inner_asker(const struct inner *inner)
{
	return inner->x->client;
}

int inner_strip(struct exchange *x)
{
	const struct inner *inner = x->client->inner;

	return inner ? auth_strip(x, &inner->x->route->policy.auth) : 0;
}

/* ---- A request ---- */

/* The asker's fields, but for those about its own message. */
static bool inner_passes(const struct http1_field *field)
{
	return !field->hop && field->known != HTTP1_HOST && field->known != HTTP1_CONTENT_LENGTH &&
	       field->known != HTTP1_X_REQUEST_ID && !call_head_drops(field);
}

static void inner_write(struct inner *inner, const struct inner_request *request)
{
	const struct http1_head *asked = &inner->x->request;
	const char *mark = memchr(request->target.at, '?', request->target.len);
	size_t path = mark ? (size_t)(mark - request->target.at) : request->target.len;
	struct span query = {mark ? mark + 1 : "", mark ? request->target.len - path - 1 : 0};
	struct buf *out = &inner->out;

	http1_write_request_line(out, (struct span){request->method, strlen(request->method)},
				 (struct span){request->target.at, path}, mark != NULL, query);
	if (asked->authority.len)
		http1_write_field(out, "Host", asked->authority.at, asked->authority.len);
	else
		http1_write_field(out, "Host", "localhost", 9);
	for (size_t i = 0; i < asked->field_count; i++)
		if (inner_passes(&asked->fields[i]))
			http1_write_span(out, asked->fields[i].name, asked->fields[i].value);
	http1_write_field(out, "Accept", "application/json", 16);
	if (inner->x->id.len)
		http1_write_field(out, "X-Request-Id", inner->x->id.at, inner->x->id.len);
	if (request->body.len)
		http1_write_field(out, "Content-Type", "application/json", 16);
	if (request->body.len || strcmp(request->method, "POST") == 0)
		http1_write_length(out, request->body.len);
	http1_write_end(out);
	(void)buf_append(out, request->body.at, request->body.len); /* sticks */
}

static void inner_end(struct inner *inner, enum inner_outcome outcome)
{
	bool keep = outcome == INNER_REPLIED && inner->head.keep_alive;

	inner->busy = false;
	if (!keep)
		inner_close(inner);
	inner->on_done(inner, outcome); /* which may end all of this */
}

static void inner_on_task(struct loop_task *task)
{
	struct inner *inner = (struct inner *)(void *)((char *)task - offsetof(struct inner, task));

	inner_end(inner, inner->outcome);
}

static bool inner_send(struct inner *inner)
{
	uint64_t sent = 0;

	return stream_write(&inner->stream, &inner->out, &inner->out_at, &sent) != STREAM_BROKEN;
}

static enum inner_outcome inner_begin(struct inner *inner, const struct inner_request *request)
{
	const struct settings_limits *limits = &worker_settings(inner->x->worker)->limits;
	struct http1_limits head = {.line_max = (size_t)limits->request_line_bytes,
				    .headers_max = (size_t)limits->headers_bytes,
				    .fields_max = limits->headers_count + HTTP1_FIELDS_MAX / 4};
	enum inner_outcome outcome = inner_open(inner);

	if (outcome != INNER_REPLIED)
		return outcome;
	if (head.fields_max > HTTP1_FIELDS_MAX)
		head.fields_max = HTTP1_FIELDS_MAX;
	http1_head_start(&inner->reader, HTTP1_REPLY, &head,
			 http_method_parse(request->method, strlen(request->method)));
	inner_write(inner, request);
	if (inner->out.failed)
		return INNER_NO_MEMORY;
	return inner_send(inner) ? INNER_REPLIED : INNER_BROKEN;
}

void inner_init(struct inner *inner, struct exchange *x,
		void (*on_done)(struct inner *inner, enum inner_outcome outcome))
{
	inner->x = x;
	inner->on_done = on_done;
	inner->task.run = inner_on_task;
	buf_init(&inner->in, INNER_IN_MAX);
	buf_init(&inner->out, INNER_OUT_MAX);
}

void inner_ask(struct inner *inner, const struct inner_request *request)
{
	buf_fini(&inner->body);
	buf_init(&inner->body, request->reply_max);
	buf_reset(&inner->in);
	buf_reset(&inner->out);
	inner->out_at = 0;
	inner->head_done = false;
	inner->busy = true;
	inner->outcome = inner_begin(inner, request);
	if (inner->outcome != INNER_REPLIED)
		loop_defer(inner_loop(inner), &inner->task);
}

void inner_fini(struct inner *inner)
{
	if (!inner->x)
		return;
	loop_undefer(inner_loop(inner), &inner->task);
	inner_close(inner);
	buf_fini(&inner->in);
	buf_fini(&inner->out);
	buf_fini(&inner->body);
	inner->x = NULL;
}

/* ---- Its reply ---- */

enum inner_step { INNER_MORE, INNER_DONE };

/* Tells of it when it can't come whole any more. */
static enum inner_step inner_fail(enum inner_outcome *outcome, enum inner_outcome why)
{
	*outcome = why;
	return INNER_DONE;
}

static enum inner_step inner_take_head(struct inner *inner, size_t *at, enum inner_outcome *outcome)
{
	size_t len = 0;

	while (!inner->head_done) {
		struct http1_limits limits = inner->reader.limits;

		switch (http1_head_feed(&inner->reader, inner->in.data + *at, inner->in.len - *at,
					&len)) {
		case HTTP1_MORE:
			return INNER_MORE;
		case HTTP1_REFUSED:
			return inner_fail(outcome, INNER_BROKEN);
		case HTTP1_DONE:
			break;
		}
		if (http1_head_take(&inner->reader, inner->in.data + *at, len, &inner->x->arena,
				    &inner->head) != HTTP1_DONE)
			return inner_fail(outcome, inner->reader.status == 503 ? INNER_NO_MEMORY
									       : INNER_BROKEN);
		*at += len;
		inner->head_done = inner->head.status >= 200;
		if (!inner->head_done)
			http1_head_start(&inner->reader, HTTP1_REPLY, &limits,
					 inner->reader.request_method);
	}
	http1_body_start(&inner->framing, &inner->head);
	return INNER_MORE;
}

static enum inner_step inner_take_body(struct inner *inner, size_t *at, enum inner_outcome *outcome)
{
	for (;;) {
		struct span piece;
		size_t used = 0;
		enum http1_body_result r =
			http1_body_feed(&inner->framing, inner->in.len ? inner->in.data + *at : "",
					inner->in.len - *at, &used, &piece);

		*at += used;
		if (r == HTTP1_BODY_MORE)
			return INNER_MORE;
		if (r == HTTP1_BODY_REFUSED)
			return inner_fail(outcome, INNER_BROKEN);
		if (r == HTTP1_BODY_END)
			return INNER_DONE;
		if (inner->body.len + piece.len > inner->body.max)
			return inner_fail(outcome, INNER_TOO_LARGE);
		if (buf_append(&inner->body, piece.at, piece.len) < 0)
			return inner_fail(outcome, INNER_NO_MEMORY);
	}
}

static enum inner_step inner_take(struct inner *inner, enum inner_outcome *outcome)
{
	size_t at = 0;

	if (!inner->head_done && inner_take_head(inner, &at, outcome) == INNER_DONE)
		return INNER_DONE;
	if (inner->head_done && inner_take_body(inner, &at, outcome) == INNER_DONE)
		return INNER_DONE;
	buf_consume(&inner->in, at);
	return INNER_MORE;
}

/* The other end has ended: with the reply, or within it. */
static void inner_ended(struct inner *inner, bool broken)
{
	if (!broken && inner->head_done && http1_body_eof(&inner->framing) == HTTP1_BODY_END)
		inner_end(inner, INNER_REPLIED);
	else
		inner_end(inner, INNER_BROKEN);
}

static void inner_receive(struct inner *inner)
{
	while (inner->open && inner->stream.readable) {
		enum inner_outcome outcome = INNER_REPLIED;
		enum stream_result r = stream_read(&inner->stream, &inner->in, INNER_READ);

		if (r == STREAM_WAIT)
			return;
		if (!inner->busy) { /* it has ended between two requests */
			inner_close(inner);
			return;
		}
		if (r != STREAM_OK) {
			inner_ended(inner, r == STREAM_BROKEN);
			return;
		}
		if (inner_take(inner, &outcome) == INNER_DONE) {
			inner_end(inner, outcome);
			return;
		}
	}
}

static void inner_on_event(struct loop_fd *lfd, unsigned events)
{
	struct inner *inner =
		(struct inner *)(void *)((char *)lfd - offsetof(struct inner, stream.lfd));

	stream_note(&inner->stream, events);
	/* What can't be sent any more may still be answered. */
	if (inner->busy && inner->out.len && (events & LOOP_WRITABLE))
		(void)inner_send(inner);
	inner_receive(inner);
}
