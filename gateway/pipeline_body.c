/* pipeline_body: the request's body on its way: to the instance, to whoever gathers it, or nowhere.
 */
#include "gateway/client.h"
#include "gateway/compose.h"
#include "gateway/filter.h"
#include "gateway/intake.h"
#include "gateway/mirror.h"
#include "gateway/pipeline.h"
#include "gateway/respond.h"

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
		forward_cancel(&x->forward);
		compose_cancel(x->compose);
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
	filter_cancel(x);
	forward_cancel(&x->forward);
	compose_cancel(x->compose);
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
