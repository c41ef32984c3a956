/*
 * call_head: the head of a call: the client's fields, but for those that are
 * about its own request (conditions, ranges, what it accepts, its body), since
 * what comes back is read here and not by the client.
 */
#include "gateway/call.h"
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/forward_head.h"
#include "gateway/http1_write.h"
#include "gateway/identity.h"
#include "gateway/signer.h"
#include "gateway/table.h"
#include "gateway/trace.h"
#include "gateway/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CALL_LINES_MAX = 256 << 10 };

static const struct http1_field call_accept = {.name = {"Accept", 6},
					       .value = {"application/json", 16}};

static bool call_begins(struct span name, const char *with)
{
	size_t len = strlen(with);

	return name.len >= len && strncasecmp(name.at, with, len) == 0;
}

bool call_head_drops(const struct http1_field *field)
{
	switch ((int)field->known) {
	case HTTP1_IF_NONE_MATCH:
	case HTTP1_IF_MODIFIED_SINCE:
	case HTTP1_RANGE:
		return true;
	case HTTP1_OTHER:
		return call_begins(field->name, "If-") || call_begins(field->name, "Content-") ||
		       http_equal_nocase(field->name.at, field->name.len, "Accept", 6) ||
		       http_equal_nocase(field->name.at, field->name.len, "Accept-Encoding", 15) ||
		       http_equal_nocase(field->name.at, field->name.len, "X-Timeout-Ms", 12);
	default:
		return false;
	}
}

static bool call_wants(const struct http1_field *field, const void *arg)
{
	(void)arg;
	return !call_head_drops(field);
}

/* What a buf has, in the arena. */
static int call_keep(struct exchange *x, struct buf *text, struct span *kept)
{
	char *copy =
		text->failed || !text->len ? NULL : arena_strndup(&x->arena, text->data, text->len);

	*kept = (struct span){copy, copy ? text->len : 0};
	buf_reset(text);
	return copy ? 0 : -1;
}

int call_base_choose(struct call_base *base, struct exchange *x,
		     bool (*wants)(const struct http1_field *field, const void *arg),
		     const void *arg)
{
	const struct http1_head *head = &x->request;
	bool trusted = table_trusts(x->table->table, &x->client->peer);
	struct buf text;
	int result = -1;

	*base = (struct call_base){
		.fields = arena_alloc(&x->arena, (head->field_count + 1) * sizeof(*base->fields))};
	if (!base->fields)
		return -1;
	for (size_t i = 0; i < head->field_count; i++)
		if (forward_head_passes(&head->fields[i], trusted) && wants(&head->fields[i], arg))
			base->fields[base->field_count++] = head->fields[i];
	buf_init(&text, CALL_LINES_MAX);
	forward_head_write_about(x, &text, trusted);
	if (call_keep(x, &text, &base->about) == 0) {
		trace_write(x, &text);
		result = call_keep(x, &text, &base->trace);
	}
	buf_fini(&text);
	return result;
}

int call_base_make(struct call_base *base, struct exchange *x)
{
	if (call_base_choose(base, x, call_wants, NULL) < 0)
		return -1;
	base->fields[base->field_count++] = call_accept; /* there is room for one more */
	return 0;
}

/* In any spelling that programs behind CGI take for the same. */
static bool call_has(const struct http1_field *own, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (own[i].name.len == name.len && identity_name_is(name, own[i].name.at))
			return true;
	return false;
}

static int call_merge_fields(struct call *call)
{
	const struct call_base *base = call->base;
	struct http1_head *head = &call->head;

	head->fields = base->fields;
	head->field_count = base->field_count;
	if (!call->own_count)
		return 0;
	head->fields = arena_alloc(&call->x->arena,
				   (base->field_count + call->own_count) * sizeof(*head->fields));
	if (!head->fields)
		return -1;
	head->field_count = 0;
	for (size_t i = 0; i < base->field_count; i++)
		if (!call_has(call->own, call->own_count, base->fields[i].name))
			head->fields[head->field_count++] = base->fields[i];
	/* Host is the authority, which is written first. One without a value is left out, and the
	 * client's of that name with it: what the call says of the client is not the client's to
	 * say where the gateway knows nothing. */
	for (size_t i = 0; i < call->own_count; i++)
		if (call->own[i].value.len && call->own[i].known != HTTP1_HOST)
			head->fields[head->field_count++] = call->own[i];
	return 0;
}

static struct span call_authority(const struct call *call)
{
	const struct exchange *x = call->x;

	for (size_t i = 0; i < call->own_count; i++)
		if (call->own[i].known == HTTP1_HOST && call->own[i].value.len)
			return call->own[i].value;
	return x->host.len ? x->host : x->request.authority;
}

int call_head_make(struct call *call, const char *method, struct span target,
		   const struct http1_field *own, size_t own_count)
{
	const char *question = memchr(target.at, '?', target.len);
	size_t path = question ? (size_t)(question - target.at) : target.len;

	call->own = own;
	call->own_count = own_count;
	call->head = (struct http1_head){
		.method = http_method_parse(method, strlen(method)),
		.method_text = {method, strlen(method)},
		.target = target,
		.path = {target.at, path},
		.has_query = question != NULL,
		.query = {target.at + path + (question != NULL),
			  target.len - path - (question != NULL)},
		.authority = call_authority(call),
		.minor = 1,
		.framing = call->body.len ? HTTP1_LENGTH : HTTP1_NO_BODY,
		.content_length = call->body.len,
	};
	return call_merge_fields(call);
}

/* A question about a caller is signed too, without one. */
static void call_sign(const struct call *call, struct buf *out)
{
	const struct table *table = call->x->table->table;
	struct signer_subject subject = {
		.identity = call->x->identity,
		.service = table->settings->services[call->service].name,
		.id = call->x->id,
		.method = call->head.method_text,
		.path = call->head.path,
		.query = call->head.query,
		.has_query = call->head.has_query,
	};

	signer_write(table->signer, &subject, out);
}

void call_head_write(struct call *call, struct buf *out)
{
	const struct http1_head *head = &call->head;
	char timeout[16];
	int len = snprintf(timeout, sizeof(timeout), "%u", call->timeout_ms);

	http1_write_request_line(out, head->method_text, head->path, head->has_query, head->query);
	http1_write_field(out, "Host", head->authority.at, head->authority.len);
	for (size_t i = 0; i < head->field_count; i++)
		http1_write_span(out, head->fields[i].name, head->fields[i].value);
	(void)buf_append(out, call->base->about.at, call->base->about.len); /* sticks */
	trace_write_again(call->x, call->base->trace, out);
	call_sign(call, out);
	http1_write_field(out, "X-Timeout-Ms", timeout, (size_t)len);
	if (call->body.len && !http1_head_find_text(head, "Content-Type"))
		http1_write_field(out, "Content-Type", "application/json", 16);
	if (head->framing == HTTP1_LENGTH ||
	    !((unsigned)head->method & (HTTP_GET | HTTP_HEAD | HTTP_OPTIONS)))
		http1_write_length(out, head->content_length);
	http1_write_end(out);
}
