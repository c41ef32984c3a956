/* trailers: which fields pass, from the lines that the codec has kept to those that leave. */
#include "gateway/trailers.h"
#include "gateway/http1_write.h"
#include "gateway/identity.h"
#include "gateway/route_action.h"
#include "gateway/trailer_names.h"
#include "gateway/worker.h"

#include <string.h>

struct trailers {
	struct buf request, reply; /* whole lines, as they came */
	struct http1_head head;	   /* of the reply */
};

/* Which way they go. */
struct trailers_way {
	const struct http1_head *head; /* that they followed */
	const struct settings_edits *edits;
};

void trailers_free(struct trailers **trailers)
{
	struct trailers *t = *trailers;

	*trailers = NULL;
	if (!t)
		return;
	buf_fini(&t->request);
	buf_fini(&t->reply);
}

/* ---- What passes ---- */

/* A field of the connection, or one that the head had for the gateway only, say a key. */
static bool trailers_is_hop(const struct http1_head *head, struct span name)
{
	char text[TRAILER_NAME_MAX + 1];

	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	for (size_t i = 0; i < head->field_count; i++)
		if (head->fields[i].hop && identity_name_is(head->fields[i].name, text))
			return true;
	return http1_head_has_token(head, HTTP1_CONNECTION, text);
}

static bool trailers_is_among(const struct settings_strings *names, struct span name)
{
	for (size_t i = 0; i < names->count; i++)
		if (identity_name_is(name, names->items[i]))
			return true;
	return false;
}

static bool trailers_is_condition(const struct settings_conditions *conditions, struct span name)
{
	for (size_t i = 0; i < conditions->count; i++)
		if (identity_name_is(name, conditions->items[i].name))
			return true;
	return false;
}

/* What shows who asks, or what a service is told that is asked who it is. */
static bool trailers_is_shown(const struct settings_auth_method *method, struct span name)
{
	const struct settings_forward *forward = method->forward;

	if (method->header && identity_name_is(name, method->header))
		return true;
	if (!forward)
		return false;
	for (size_t i = 0; i < forward->by_count; i++)
		if (!forward->by[i].cookie && identity_name_is(name, forward->by[i].name))
			return true;
	return trailers_is_among(&forward->headers, name);
}

static bool trailers_is_counted(const struct settings_limits_list *limits, struct span name)
{
	for (size_t i = 0; i < limits->count; i++)
		if (limits->items[i].header && identity_name_is(name, limits->items[i].header))
			return true;
	return false;
}

/* What the settings make a field that says who asks, whose use is counted, or where it goes. */
static bool trailers_is_judged(const struct exchange *x, struct span name)
{
	const struct settings *settings = x->table->table->settings;
	const struct settings_policy *policy = &x->route->policy;
	const struct settings_balance *balance = &settings->services[x->service].balance;
	const struct settings_consumer *consumer = x->identity ? x->identity->consumer : NULL;

	if (trailers_is_among(&settings->identity_names, name) ||
	    trailers_is_condition(&x->route->headers, name))
		return true;
	for (size_t i = 0; i < policy->auth.count; i++)
		if (trailers_is_shown(&policy->auth.methods[i], name))
			return true;
	for (size_t i = 0; i < x->route->view_count; i++)
		if (trailers_is_condition(&x->route->views[i].headers, name))
			return true;
	if (balance->by == HASH_BY_HEADER && identity_name_is(name, balance->name))
		return true;
	return trailers_is_counted(&settings->rate_limits, name) ||
	       trailers_is_counted(&policy->limits, name) ||
	       (consumer && trailers_is_counted(&consumer->limits, name));
}

static bool trailers_pass(const struct exchange *x, const struct trailers_way *way,
			  struct span name)
{
	return trailer_name_passes(name) && !trailers_is_judged(x, name) &&
	       !trailers_is_hop(way->head, name) && !route_action_drops(way->edits, name);
}

static void trailers_filter(const struct exchange *x, const struct trailers_way *way,
			    const struct buf *lines, struct buf *out)
{
	struct span rest = {lines->data, lines->len};
	struct http1_field field;

	if (lines->failed)
		return;
	for (unsigned n = 0; n < TRAILERS_MAX && http1_trailer_next(&rest, &field); n++)
		if (trailers_pass(x, way, field.name))
			http1_write_span(out, field.name, field.value);
}

/* ---- What is told of them ahead ---- */

/* RFC 9110 6.6.2: the names that may come. Of the head's only those that will pass; a Trailer named
 * in Connection is for this hop. */
static void trailers_announce(const struct exchange *x, const struct trailers_way *way,
			      struct buf *out)
{
	const struct http1_head *head = way->head;
	unsigned n = 0, written = 0;

	if (http1_head_has_token(head, HTTP1_CONNECTION, "trailer"))
		return;
	for (size_t i = 0; i < head->field_count; i++) {
		struct span rest = head->fields[i].value, name;

		if (head->fields[i].known != HTTP1_TRAILER)
			continue;
		while (n++ < TRAILERS_MAX && http1_list_next(&rest, &name)) {
			if (!http_is_token(name.at, name.len) || !trailers_pass(x, way, name))
				continue;
			(void)buf_puts(out, written++ ? ", " : "Trailer: "); /* sticks, here and */
			(void)buf_append(out, name.at, name.len);	     /* below */
		}
	}
	if (written)
		(void)buf_puts(out, "\r\n");
}

/* RFC 9110 10.1.4: TE has to be named in Connection, else it is not our neighbour's word, but was
 * let through by a proxy that knows nothing of it. */
static bool trailers_are_welcome(const struct http1_head *request)
{
	return request->minor > 0 && http1_head_has_token(request, HTTP1_TE, "trailers") &&
	       http1_head_has_token(request, HTTP1_CONNECTION, "te");
}

/* ---- The request ---- */

static struct trailers_way trailers_of_request(const struct exchange *x)
{
	return (struct trailers_way){&x->request, &x->route->request_edits};
}

void trailers_begin(struct exchange *x)
{
	struct trailers *t;

	if (x->route->trailers != TRAILERS_PASS)
		return;
	t = arena_zalloc(&x->arena, sizeof(*t));
	if (!t)
		return;
	/* The codec's bound counts no LF. */
	buf_init(&t->request, 2 * (size_t)HTTP1_TRAILER_MAX);
	buf_init(&t->reply, 2 * (size_t)HTTP1_TRAILER_MAX);
	x->trailers = t;
	if (x->request.framing == HTTP1_CHUNKED)
		x->body.trailers = &t->request;
}

void trailers_write_request(const struct exchange *x, struct buf *out)
{
	struct trailers_way way;

	if (!x->trailers)
		return;
	way = trailers_of_request(x);
	if (x->request.framing == HTTP1_CHUNKED)
		trailers_announce(x, &way, out);
	/* With an upgrade Connection is that one's; a reply that is remade loses its trailers. */
	if (!x->upgrade.protocol && !x->remake && trailers_are_welcome(&x->request))
		(void)buf_puts(out, "TE: trailers\r\nConnection: TE\r\n"); /* sticks */
}

void trailers_end_request(struct exchange *x)
{
	struct buf *out = &x->forward.trailers;
	struct trailers_way way;

	if (!x->trailers || x->forward.state == FORWARD_OFF)
		return;
	way = trailers_of_request(x);
	trailers_filter(x, &way, &x->trailers->request, out);
	if (out->failed) /* not some of them */
		buf_reset(out);
	buf_fini(&x->trailers->request);
}

/* ---- The reply ---- */

static struct trailers_way trailers_of_reply(const struct exchange *x,
					     const struct http1_head *head)
{
	return (struct trailers_way){head, &x->route->reply_edits};
}

void trailers_begin_reply(struct exchange *x, const struct http1_head *head, struct buf *out)
{
	struct trailers_way way;

	if (!x->trailers || x->remake || head->framing != HTTP1_CHUNKED || !x->forward.up)
		return;
	x->trailers->head = *head; /* its fields are in the exchange's arena */
	x->forward.up->body.trailers = &x->trailers->reply;
	way = trailers_of_reply(x, head);
	trailers_announce(x, &way, out);
}

void trailers_write_reply(const struct exchange *x, struct buf *out)
{
	struct trailers_way way;

	if (!x->trailers || !x->trailers->reply.len)
		return;
	way = trailers_of_reply(x, &x->trailers->head);
	trailers_filter(x, &way, &x->trailers->reply, out);
}
