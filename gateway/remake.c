/* remake: what is to be done, the reply as it comes, and the answer. */
#include "gateway/remake.h"
#include "gateway/body_format.h"
#include "gateway/client.h"
#include "gateway/fields.h"
#include "gateway/pipeline_cache.h"
#include "gateway/query.h"
#include "gateway/respond_parts.h"
#include "gateway/route_action.h"
#include "gateway/transform.h"
#include "gateway/view.h"

#include <errno.h>
#include <string.h>

struct remake {
	const struct settings_body *body; /* NULL: JSON stays JSON */
	const struct settings_view *view;
	const struct fields *fields;
	struct http1_head asked; /* the request as the client sent it */
	bool strips;		 /* the service's fields about its body are dropped */
	const char *type;	 /* then: what takes the place of its Content-Type */
	bool gathers;
	struct buf gathered;
	struct span lines; /* the reply's fields */
	unsigned status, minor;
	bool kept; /* it is x->kept */
	enum body_format format;
	struct transform transform;
};

/* ---- The request ---- */

/* A field that is about the service's bytes. */
static bool remake_is_of_reply(const struct http1_head *request, const struct http1_field *field)
{
	static const char *const names[] = {"Accept-Encoding", "Range", "If-Range"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http_equal_nocase(field->name.at, field->name.len, names[i], strlen(names[i])))
			return true;
	/* Of other methods a condition protects what is there. */
	return ((unsigned)request->method & (HTTP_GET | HTTP_HEAD)) &&
	       (field->known == HTTP1_IF_NONE_MATCH || field->known == HTTP1_IF_MODIFIED_SINCE);
}

/* -1: the arena is spent. */
static int remake_ask(struct exchange *x, struct remake *r)
{
	static const struct http1_field identity = {.name = {"Accept-Encoding", 15},
						    .value = {"identity", 8}};
	struct http1_head *request = &x->request;
	struct http1_field *fields =
		arena_alloc(&x->arena, (request->field_count + 1) * sizeof(*fields));
	size_t count = 0;

	if (!fields)
		return -1;
	r->asked = *request;
	for (size_t i = 0; i < request->field_count; i++)
		if (!remake_is_of_reply(request, &request->fields[i]))
			fields[count++] = request->fields[i];
	fields[count++] = identity;
	request->fields = fields;
	request->field_count = count;
	return 0;
}

static void remake_no_memory(struct exchange *x)
{
	respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
}

bool remake_begin(struct exchange *x)
{
	const struct settings_route *route = x->route;
	const struct settings_body *body = &route->reply_edits.body;
	const struct settings_view *view = NULL;
	const struct fields *fields = NULL;
	struct remake *r;

	if (route->view_count) {
		const char *vary = view_vary(x); /* without memory it is left out */

		x->vary = (struct span){vary, vary ? strlen(vary) : 0};
		view = view_choose(x);
	}
	if (route->fields.given && !fields_select(x, &fields))
		return false;
	if (!body->given && !view && !fields)
		return true;
	r = arena_zalloc(&x->arena, sizeof(*r));
	if (!r || remake_ask(x, r) < 0) {
		remake_no_memory(x);
		return false;
	}
	r->body = body->given ? body : NULL;
	r->view = view;
	r->fields = fields;
	buf_init(&r->gathered, (size_t)route->limits.reply_bytes);
	x->remake = r;
	return true;
}

bool remake_drops(const struct remake *r, struct span name)
{
	return r->strips && (respond_is_of_body(name) ||
			     (r->type && http_equal_nocase(name.at, name.len, "Content-Type", 12)));
}

const char *remake_type(const struct remake *r)
{
	return r->strips ? r->type : NULL;
}

bool remake_is_known(const struct exchange *x, const char *tag)
{
	struct cache_entry made = {.status = 200, .etag = {tag, strlen(tag)}, .last_modified = -1};

	return cache_rules_not_modified(&x->remake->asked, &made);
}

/* ---- The end ---- */

void remake_cancel(struct remake *r)
{
	if (!r)
		return;
	r->gathers = r->strips = false;
	transform_fini(&r->transform);
}

void remake_free(struct remake **remake)
{
	struct remake *r = *remake;

	*remake = NULL;
	if (!r)
		return;
	remake_cancel(r);
	buf_fini(&r->gathered);
}

/* What went wrong may show what is in the reply: that is for the log alone. */
static void remake_fail(struct exchange *x, enum problem problem, const char *detail)
{
	remake_cancel(x->remake);
	x->detail = detail;
	if (x->route->fallback.given)
		respond_default(x, &x->route->fallback);
	else
		respond_problem(x, problem, NULL, NULL);
}

static void remake_answer(struct exchange *x, int result)
{
	struct remake *r = x->remake;
	struct respond_remade made = {.status = r->status,
				      .minor = r->minor,
				      .lines = r->lines,
				      .kept = r->kept ? x->kept : NULL,
				      .body = r->transform.made,
				      .type = r->type};

	if (result < 0)
		remake_fail(x, r->transform.problem, r->transform.detail);
	else
		respond_remade(x, &made);
}

static void remake_on_done(struct exchange *x, int result)
{
	struct client *client = x->client;

	client_enter(client);
	remake_answer(x, result);
	client_leave(client);
}

static void remake_start(struct exchange *x, struct span body)
{
	struct remake *r = x->remake;
	struct transform_plan plan = {.from = r->format,
				      .body = r->body,
				      .view = r->view,
				      .fields = r->fields,
				      .status = r->status};
	int result = 0;

	r->transform.on_done = remake_on_done;
	/* Where nothing is, nothing is to be made of it. */
	if (body.len)
		result = transform_start(&r->transform, x, &plan, body,
					 x->route->limits.reply_bytes);
	if (result <= 0)
		remake_answer(x, result);
}

/* ---- A reply's head ---- */

/* What becomes of a reply. */
enum remake_way { REMAKE_PASSES, REMAKE_IS_DONE, REMAKE_FAILS };

static bool remake_is_on(const struct remake *r, unsigned status)
{
	const struct settings_statuses *on = r->body ? &r->body->on : NULL;

	for (size_t i = 0; on && i < on->count; i++)
		if (status >= on->items[i].first && status <= on->items[i].last)
			return true;
	return (!on || !on->count) && status >= 200 && status <= 299;
}

/* Sets what it is written in. */
static enum remake_way remake_choose(struct remake *r, struct span type, const char **reason)
{
	enum body_format told = body_format_of(type);

	r->format = r->body && r->body->from ? r->body->from : told;
	if (!r->body && told != FORMAT_JSON) {
		*reason = "the reply is no JSON, of which there is a view";
		return r->view ? REMAKE_FAILS : REMAKE_PASSES;
	}
	*reason = "the reply's Content-Type is none that can be transformed";
	if (r->format == FORMAT_BY_TYPE)
		return REMAKE_FAILS;
	*reason = "the reply's charset is not UTF-8";
	return body_format_is_foreign(type) ? REMAKE_FAILS : REMAKE_IS_DONE;
}

/* The same of a reply with these fields; then what takes the place of its type is known. */
static enum remake_way remake_judge(struct remake *r, unsigned status, struct span type,
				    struct span coding, const char **reason)
{
	enum remake_way way = REMAKE_PASSES;

	r->strips = false;
	if (!remake_is_on(r, status) || status == 304)
		return REMAKE_PASSES;
	if (status != 204 && status != 205)
		way = remake_choose(r, type, reason);
	if (way == REMAKE_IS_DONE && status == 206) {
		*reason = "the reply is a part, which nobody asked for";
		return REMAKE_FAILS;
	}
	if (way == REMAKE_IS_DONE && coding.len &&
	    !http_equal_nocase(coding.at, coding.len, "identity", 8)) {
		*reason = "the reply has a Content-Encoding";
		return REMAKE_FAILS;
	}
	if (way != REMAKE_IS_DONE)
		return way;
	r->strips = true;
	if (r->body)
		r->type = r->body->type ? r->body->type : body_format_type(r->body->to);
	return way;
}

static struct span remake_value(const struct http1_field *field)
{
	return field ? field->value : (struct span){"", 0};
}

/* What is kept of the head until its body is there. -1: no memory. */
static int remake_hold(struct exchange *x, const struct http1_head *head)
{
	struct remake *r = x->remake;
	const char *lines;
	struct buf out;

	buf_init(&out, 1 << 20);
	respond_write_fields(x, head, &out);
	lines = out.failed ? NULL : arena_strndup(&x->arena, out.len ? out.data : "", out.len);
	r->lines = (struct span){lines, out.len};
	buf_fini(&out);
	if (!lines)
		return -1;
	r->minor = head->minor;
	r->gathers = true;
	if (head->framing == HTTP1_LENGTH)
		(void)buf_reserve(&r->gathered, (size_t)head->content_length); /* or later */
	return r->gathered.failed ? -1 : 0;
}

/* Of a reply that is still coming. */
static void remake_give_up(struct exchange *x, enum problem problem, const char *detail)
{
	forward_cancel(&x->forward);
	pipeline_cache_failed(x, FORWARD_MEMORY); /* which is no failure of the service */
	remake_fail(x, problem, detail);
}

bool remake_head(struct exchange *x, const struct http1_head *head)
{
	struct remake *r = x->remake;
	const char *reason = NULL;
	enum remake_way way;

	r->status = head->status;
	way = remake_judge(r, head->status,
			   remake_value(http1_head_find_text(head, "Content-Type")),
			   remake_value(http1_head_find_text(head, "Content-Encoding")), &reason);
	if (way == REMAKE_FAILS) {
		remake_give_up(x, PROBLEM_REPLY_UNUSABLE, reason);
		return false;
	}
	if (way == REMAKE_PASSES || head->framing == HTTP1_NO_BODY)
		return true;
	if (head->framing == HTTP1_LENGTH && head->content_length > r->gathered.max) {
		remake_give_up(x, PROBLEM_REPLY_TOO_LARGE, NULL);
		return false;
	}
	if (remake_hold(x, head) == 0)
		return true;
	remake_give_up(x, PROBLEM_NO_MEMORY, NULL);
	return false;
}

/* ---- Its body ---- */

bool remake_gathers(const struct exchange *x)
{
	return x->remake && x->remake->gathers;
}

void remake_add(struct exchange *x, struct span piece)
{
	struct buf *gathered = &x->remake->gathered;

	if (buf_append(gathered, piece.at, piece.len) < 0)
		remake_give_up(x, gathered->full ? PROBLEM_REPLY_TOO_LARGE : PROBLEM_NO_MEMORY,
			       NULL);
}

void remake_end(struct exchange *x)
{
	struct remake *r = x->remake;

	r->gathers = false;
	remake_start(x, (struct span){r->gathered.data, r->gathered.len});
}

/* ---- A kept reply ---- */

/* The value of a field among lines. */
static struct span remake_line(struct span lines, const char *name)
{
	size_t name_len = strlen(name);

	while (lines.len) {
		const char *end = memchr(lines.at, '\n', lines.len);
		size_t len = end ? (size_t)(end - lines.at) + 1 : lines.len;

		if (len > name_len + 3 && lines.at[name_len] == ':' &&
		    http_equal_nocase(lines.at, name_len, name, name_len)) {
			struct span value = {lines.at + name_len + 1, len - name_len - 3};

			for (; value.len && *value.at == ' '; value.len--)
				value.at++;
			return value;
		}
		lines.at += len;
		lines.len -= len;
	}
	return (struct span){"", 0};
}

void remake_kept(struct exchange *x, const struct cache_status *status)
{
	const struct cache_entry *kept = x->kept;
	struct remake *r = x->remake;
	const char *reason = NULL;

	switch (remake_judge(r, kept->status, remake_line(kept->fields, "Content-Type"),
			     remake_line(kept->fields, "Content-Encoding"), &reason)) {
	case REMAKE_PASSES:
		respond_kept(x, kept, status);
		return;
	case REMAKE_FAILS:
		remake_fail(x, PROBLEM_REPLY_UNUSABLE, reason);
		return;
	case REMAKE_IS_DONE:
		break;
	}
	r->kept = true;
	r->status = kept->status;
	r->lines = kept->fields;
	if (kept->body.len > x->route->limits.reply_bytes) {
		remake_fail(x, PROBLEM_REPLY_TOO_LARGE, NULL);
		return;
	}
	x->cache_status = *status;
	remake_start(x, kept->body);
}

void remake_cut(struct exchange *x)
{
	struct client *client = x->client;

	client_enter(client);
	remake_cancel(x->remake);
	if (x->kept && x->use.on_failure)
		pipeline_serve_stale(x);
	else if (x->route->fallback.given)
		respond_default(x, &x->route->fallback);
	else
		respond_problem(x, PROBLEM_REPLY_CUT, NULL, NULL);
	client_leave(client);
}
