/* pipeline_body: the request's body on its way: to the instance, to whoever gathers it, or nowhere.
 */
#include "common/json_check.h"
#include "gateway/bridge.h"
#include "gateway/client.h"
#include "gateway/compose.h"
#include "gateway/content_type.h"
#include "gateway/filter.h"
#include "gateway/intake.h"
#include "gateway/mirror.h"
#include "gateway/pipeline.h"
#include "gateway/remake.h"
#include "gateway/request_body.h"
#include "gateway/respond.h"
#include "gateway/stats.h"
#include "gateway/trailers.h"
#include "gateway/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PIPELINE_FEED = 16 << 10 };

/* ---- A body that is looked at first ---- */

/* RFC 8259, and whatever is made of it (RFC 6839). */
static bool pipeline_is_json(struct span type)
{
	return http_equal_nocase(type.at, type.len, "application/json", 16) ||
	       http_equal_nocase(type.at, type.len, "text/json", 9) ||
	       (type.len > 5 && http_equal_nocase(type.at + type.len - 5, 5, "+json", 5));
}

static void pipeline_refuse_check(struct exchange *x, enum problem problem, const char *detail)
{
	stats_inc(x->worker->stats, STAT_DENIED_CHECK);
	x->detail = detail;
	respond_problem(x, problem, detail, NULL);
}

/* With the line and column, for those who wrote it by hand. */
static void pipeline_refuse_body(struct exchange *x, struct span body, const struct err *e)
{
	size_t at = strtoul(e->text[0] == 'b' ? e->text + 5 : "0", NULL, 10), line = 1, column = 1;

	for (size_t i = 0; i < at && i < body.len; i++) {
		column = body.at[i] == '\n' ? 1 : column + 1;
		line += body.at[i] == '\n';
	}
	pipeline_refuse_check(x, PROBLEM_BAD_REQUEST,
			      arena_printf(&x->arena,
					   "the body is refused as JSON: line %zu, column %zu, %s",
					   line, column, e->text));
}

/* True when the route goes on without one. */
static bool pipeline_may_be_empty(const struct exchange *x)
{
	return x->route->body_check == BODY_JSON_OR_NONE || !request_body_is_expected(x);
}

static void pipeline_on_gathered(struct exchange *x, struct span body)
{
	const struct http1_field *coding = http1_head_find_text(&x->request, "Content-Encoding");
	struct err e = {0};

	x->checked = true;
	if (coding && !http_equal_nocase(coding->value.at, coding->value.len, "identity", 8)) {
		pipeline_refuse_check(x, PROBLEM_UNSUPPORTED_TYPE,
				      "the body has a Content-Encoding, so it can't be checked");
		return;
	}
	if (!body.len && !pipeline_may_be_empty(x)) {
		pipeline_refuse_check(x, PROBLEM_BAD_REQUEST, REQUEST_BODY_MISSING);
		return;
	}
	if (body.len && json_check(body, &e) < 0) {
		if (e.code == ENOMEM)
			respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		else
			pipeline_refuse_body(x, body, &e);
		return;
	}
	x->gathered = body;
	x->request.framing = HTTP1_LENGTH;
	x->request.content_length = body.len;
	pipeline_serve(x);
}

bool pipeline_checks_body(struct exchange *x)
{
	struct span type;

	if (x->route->body_check == BODY_UNCHECKED || x->checked)
		return true;
	if (!content_type_find(&x->request, &type)) {
		pipeline_refuse_check(x, PROBLEM_BAD_REQUEST,
				      "the request names two Content-Types");
		return false;
	}
	if (!request_body_is_there(&x->request)) {
		if (pipeline_may_be_empty(x))
			return true;
		pipeline_refuse_check(x, PROBLEM_BAD_REQUEST, REQUEST_BODY_MISSING);
		return false;
	}
	if (!pipeline_is_json(type))
		return true;
	intake_start(x, pipeline_on_gathered);
	return false;
}

void pipeline_feed(struct exchange *x)
{
	if (!x->gathered.len || x->feeding)
		return;
	x->feeding = true; /* what is flushed below asks for more */
	while (x->gathered.len && x->forward.state != FORWARD_OFF &&
	       !forward_is_full(&x->forward)) {
		struct span piece = x->gathered;

		if (piece.len > PIPELINE_FEED)
			piece.len = PIPELINE_FEED;
		x->gathered = (struct span){piece.at + piece.len, x->gathered.len - piece.len};
		forward_body(&x->forward, piece);
		if (!x->gathered.len)
			forward_body_end(&x->forward);
	}
	x->feeding = false;
}

/* ---- As it comes ---- */

/* Nobody but the caller answers. */
static void pipeline_cancel(struct exchange *x)
{
	filter_cancel(x);
	forward_cancel(&x->forward);
	compose_cancel(x->compose);
	bridge_free(&x->bridge); /* one that takes no body may have called already */
	request_body_cancel(x->request_body);
	remake_cancel(x->remake);
}

bool pipeline_takes_body(const struct exchange *x)
{
	if (x->forward.state == FORWARD_OFF)
		return !x->unwait;
	return !forward_is_full(&x->forward);
}

void pipeline_body(struct exchange *x, struct span piece)
{
	if (x->body.received > x->body_max) {
		x->close = true;
		if (x->replied) {
			client_cut(x->client);
			return;
		}
		pipeline_cancel(x);
		respond_problem(x, PROBLEM_BODY_TOO_LARGE, NULL, NULL);
		return;
	}
	if (x->intake)
		intake_add(x, piece);
	else if (x->compose)
		compose_body(x->compose, piece);
	else if (x->forward.state != FORWARD_OFF)
		forward_body(&x->forward, piece);
}

void pipeline_body_end(struct exchange *x)
{
	if (x->intake) {
		intake_end(x);
		return;
	}
	trailers_end_request(x);
	/* What was held is dropped when a reply's head comes. */
	if (x->forward.state != FORWARD_OFF && x->forward.state != FORWARD_FLOWING &&
	    !x->forward.body_lost)
		mirror_start(x);
	if (x->compose)
		compose_body_end(x->compose);
	else if (x->forward.state != FORWARD_OFF)
		forward_body_end(&x->forward);
}

/* The body can't come whole. */
static void pipeline_body_failed(struct exchange *x, enum problem problem, const char *reason)
{
	if (x->reply_done)
		return;
	x->detail = reason;
	pipeline_cancel(x);
	if (x->replied)
		client_cut(x->client);
	else
		respond_problem(x, problem, reason, NULL);
}

void pipeline_body_refused(struct exchange *x, const char *reason)
{
	pipeline_body_failed(x, PROBLEM_BAD_REQUEST, reason);
}

void pipeline_body_timed_out(struct exchange *x)
{
	pipeline_body_failed(x, PROBLEM_REQUEST_TIMEOUT, "the request's body did not come in time");
}
