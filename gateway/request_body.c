/* request_body: the intake, a transform, and the head that goes with what it makes. */
#include "gateway/request_body.h"
#include "gateway/body_format.h"
#include "gateway/client.h"
#include "gateway/content_type.h"
#include "gateway/intake.h"
#include "gateway/respond.h"
#include "gateway/transform.h"

#include <string.h>

struct request_body {
	enum body_format format;
	void (*go_on)(struct exchange *x);
	struct transform transform;
};

void request_body_cancel(struct request_body *r)
{
	if (r)
		transform_fini(&r->transform);
}

void request_body_free(struct request_body **r)
{
	request_body_cancel(*r);
	*r = NULL;
}

/* ---- What was made ---- */

/* Fields about the bytes that the client sent. */
static bool request_body_is_field(struct span name)
{
	static const char *const names[] = {"Content-Type",   "Content-MD5", "Digest",
					    "Content-Digest", "Repr-Digest", "Content-Encoding"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http_equal_nocase(name.at, name.len, names[i], strlen(names[i])))
			return true;
	return false;
}

/* -1: the arena is spent. */
static int request_body_write_head(struct exchange *x, const char *type)
{
	struct http1_head *request = &x->request;
	struct http1_field *fields =
		arena_alloc(&x->arena, (request->field_count + 1) * sizeof(*fields));
	size_t count = 0;

	if (!fields)
		return -1;
	for (size_t i = 0; i < request->field_count; i++)
		if (!request_body_is_field(request->fields[i].name))
			fields[count++] = request->fields[i];
	fields[count++] =
		(struct http1_field){.name = {"Content-Type", 12}, .value = {type, strlen(type)}};
	request->fields = fields;
	request->field_count = count;
	return 0;
}

static void request_body_made(struct exchange *x, int result)
{
	struct request_body *r = x->request_body;

	if (result == 0 && r->transform.type && request_body_write_head(x, r->transform.type) < 0)
		result = -1, r->transform.problem = PROBLEM_NO_MEMORY;
	if (result < 0) {
		x->detail = r->transform.detail;
		respond_problem(x, r->transform.problem, r->transform.detail, NULL);
		return;
	}
	x->sent = r->transform.made;
	x->request.framing = HTTP1_LENGTH;
	x->request.content_length = x->sent.len;
	r->go_on(x);
}

static void request_body_on_done(struct exchange *x, int result)
{
	struct client *client = x->client;

	client_enter(client);
	request_body_made(x, result);
	client_leave(client);
}

/* No bytes at all are a form without fields, and a text. */
static bool request_body_is_of_empty(enum body_format format)
{
	return format == FORMAT_FORM || format == FORMAT_TEXT;
}

static int request_body_fail(struct request_body *r, enum problem problem, const char *detail)
{
	r->transform.problem = problem;
	r->transform.detail = detail;
	return -1;
}

static void request_body_on_whole(struct exchange *x, struct span body)
{
	struct request_body *r = x->request_body;
	struct transform_plan plan = {.from = r->format, .body = &x->route->request_edits.body};
	int result = 0;

	r->transform.on_done = request_body_on_done;
	if (body.len || request_body_is_of_empty(r->format))
		result = transform_start(&r->transform, x, &plan, body, body.len);
	else if (request_body_is_expected(x)) /* in chunks, of which there was none */
		result = request_body_fail(r, PROBLEM_BAD_REQUEST, REQUEST_BODY_MISSING);
	if (result <= 0)
		request_body_made(x, result);
}

/* ---- The request ---- */

bool request_body_is_there(const struct http1_head *request)
{
	return request->framing == HTTP1_CHUNKED ||
	       (request->framing == HTTP1_LENGTH && request->content_length > 0);
}

bool request_body_is_expected(const struct exchange *x)
{
	return ((unsigned)x->request.method & (HTTP_POST | HTTP_PUT | HTTP_PATCH)) != 0;
}

/* Why the type can't be taken, or NULL. */
static const char *request_body_judge(const struct exchange *x, enum body_format *format)
{
	const struct http1_field *type = http1_head_find_text(&x->request, "Content-Type");
	const struct http1_field *coding = http1_head_find_text(&x->request, "Content-Encoding");
	enum body_format from = x->route->request_edits.body.from;
	enum body_format told = type ? body_format_of(type->value) : from;

	*format = from ? from : told;
	if (coding && !http_equal_nocase(coding->value.at, coding->value.len, "identity", 8))
		return "the body has a Content-Encoding; send it without";
	if (type && body_format_is_foreign(type->value))
		return "the body's charset is not UTF-8";
	if (from == FORMAT_TEXT)
		return NULL;
	if (!*format || told != *format)
		return from == FORMAT_JSON   ? "the body has to be JSON"
		       : from == FORMAT_XML  ? "the body has to be XML"
		       : from == FORMAT_FORM ? "the body has to be a form "
					       "(application/x-www-form-urlencoded)"
					     : "the body has to be JSON, XML or a form "
					       "(application/x-www-form-urlencoded)";
	return NULL;
}

/* Refuses, or sets the format. */
static bool request_body_accepts(struct exchange *x, bool there, enum body_format *format)
{
	const char *reason;
	struct span type;

	if (!content_type_find(&x->request, &type)) {
		x->detail = "the request names two Content-Types";
		respond_problem(x, PROBLEM_BAD_REQUEST, x->detail, NULL);
		return false;
	}
	reason = request_body_judge(x, format);
	if (reason && there) {
		x->detail = reason;
		respond_problem(x, PROBLEM_UNSUPPORTED_TYPE, reason, NULL);
		return false;
	}
	return true;
}

bool request_body_start(struct exchange *x, void (*go_on)(struct exchange *x))
{
	bool there = request_body_is_there(&x->request);
	struct request_body *r;

	if (!x->route->request_edits.body.given || (there && x->body_done) ||
	    (!there && !request_body_is_expected(x)))
		return false;
	r = arena_zalloc(&x->arena, sizeof(*r));
	if (!r) {
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return true;
	}
	r->go_on = go_on;
	if (!request_body_accepts(x, there, &r->format))
		return true;
	x->request_body = r;
	if (there)
		intake_start(x, request_body_on_whole);
	else
		request_body_on_whole(x, (struct span){"", 0});
	return true;
}
