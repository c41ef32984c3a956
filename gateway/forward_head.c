/* forward_head: which fields pass, which are dropped, which are ours. */
#include "gateway/forward_head.h"
#include "common/clock.h"
#include "gateway/client.h"
#include "gateway/http1_write.h"
#include "gateway/identity.h"
#include "gateway/route_action.h"
#include "gateway/signer.h"
#include "gateway/table.h"
#include "gateway/trace.h"
#include "gateway/trailers.h"
#include "gateway/worker.h"

#include <string.h>

enum {
	FORWARD_HEAD_USUAL = 512, /* bytes */
	FORWARD_HEAD_NAME = 64,	  /* the codec knows none that is longer */
};

/* A field that the gateway judges or writes, as CGI and its like see it: they take "-" and "_" for
 * one, and would read what the client says in the place of what we say. */
static bool forward_head_is_look_alike(struct span name)
{
	char dashed[FORWARD_HEAD_NAME];

	if (name.len > sizeof(dashed) || !memchr(name.at, '_', name.len))
		return false;
	for (size_t i = 0; i < name.len; i++)
		dashed[i] = name.at[i] == '_' ? '-' : name.at[i];
	return http1_field_known(dashed, name.len) != HTTP1_OTHER;
}

bool forward_head_passes(const struct http1_field *field, bool trusted)
{
	if (field->hop)
		return false;
	switch ((int)field->known) {
	case HTTP1_HOST:	   /* written first */
	case HTTP1_CONTENT_LENGTH: /* framed anew */
	case HTTP1_X_REQUEST_ID:   /* ours, or the one we took over */
	case HTTP1_TRACEPARENT:	   /* trace's */
	case HTTP1_TRACESTATE:
	case HTTP1_VIA: /* appended to */
		return false;
	case HTTP1_X_FORWARDED: /* appended to */
		return trusted &&
		       !http_equal_nocase(field->name.at, field->name.len, "X-Forwarded-For", 15);
	case HTTP1_FORWARDED:
		return false;
	default:
		return !forward_head_is_look_alike(field->name);
	}
}

/* What is asked for the cache has its conditions, and not the client's; what others wait for has
 * none. */
static bool forward_head_is_condition(const struct exchange *x, const struct http1_field *field)
{
	return (x->use.validate || x->flight) &&
	       (field->known == HTTP1_IF_NONE_MATCH || field->known == HTTP1_IF_MODIFIED_SINCE);
}

/* RFC 9111 4.3.1. */
static void forward_head_write_conditions(const struct exchange *x, struct buf *out)
{
	const struct cache_entry *kept = x->kept;
	char date[CLOCK_HTTP_SIZE];

	if (!x->use.validate)
		return;
	if (kept->etag.len)
		http1_write_field(out, "If-None-Match", kept->etag.at, kept->etag.len);
	if (kept->last_modified < 0)
		return;
	clock_http(kept->last_modified * 1000, date);
	http1_write_field(out, "If-Modified-Since", date, strlen(date));
}

/* One line: the values of a list field, in their order, then ours. */
static void forward_head_append(struct exchange *x, struct buf *out, const char *name, bool keep,
				const char *own)
{
	const struct http1_head *head = &x->request;
	size_t len = strlen(name), size = strlen(own) + 1;
	char *list, *at;

	for (size_t i = 0; keep && i < head->field_count; i++)
		size += head->fields[i].value.len + 2;
	list = at = arena_alloc(&x->arena, size);
	if (!list) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; keep && i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];

		if (field->hop || !field->value.len ||
		    !http_equal_nocase(field->name.at, field->name.len, name, len))
			continue;
		memcpy(at, field->value.at, field->value.len);
		at += field->value.len;
		*at++ = ',';
		*at++ = ' ';
	}
	memcpy(at, own, strlen(own));
	http1_write_field(out, name, list, (size_t)(at - list) + strlen(own));
}

/* The element of Forwarded that is ours, in the arena; NULL: that is spent. Every request has one,
 * so it is not printed. */
static const char *forward_head_element(struct exchange *x, const char *address, const char *proto)
{
	bool v6 = strchr(address, ':') != NULL; /* RFC 7239 6: needs brackets, and those quotes */
	const char *const parts[] = {v6 ? "for=\"[" : "for=", address,
				     v6 ? "]\";proto=" : ";proto=", proto};
	size_t room = sizeof("for=\"[]\";proto=") + strlen(address) + strlen(proto);
	char *text = arena_alloc(&x->arena, room), *at = text;

	for (size_t i = 0; text && i < sizeof(parts) / sizeof(parts[0]); i++)
		at = buf_write(at, parts[i], strlen(parts[i]));
	if (text)
		*at = '\0';
	return text;
}

struct span forward_head_secure(const struct exchange *x)
{
	const struct http1_field *told = http1_head_find_text(&x->request, "X-Forwarded-Proto");

	if (!told || !table_trusts(x->table->table, &x->client->peer))
		return client_tls(x->client) ? (struct span){"https", 5} : (struct span){"", 0};
	if (http_equal_nocase(told->value.at, told->value.len, "http", 4))
		return (struct span){"", 0};
	return told->value;
}

/* RFC 7239, and the fields everybody used before it. */
static void forward_head_write_client(struct exchange *x, struct buf *out, bool trusted)
{
	const struct client *client = x->client;
	const char *address = client->address;
	const char *proto = client_tls(client) ? "https" : "http", *own;

	forward_head_append(x, out, "X-Forwarded-For", trusted, address);
	if (!trusted || !http1_head_find_text(&x->request, "X-Forwarded-Proto"))
		http1_write_field(out, "X-Forwarded-Proto", proto, strlen(proto));
	if (x->request.authority.len &&
	    (!trusted || !http1_head_find_text(&x->request, "X-Forwarded-Host")))
		http1_write_field(out, "X-Forwarded-Host", x->request.authority.at,
				  x->request.authority.len);
	own = forward_head_element(x, address, proto);
	if (own)
		forward_head_append(x, out, "Forwarded", trusted, own);
	else
		out->failed = true;
}

static void forward_head_write_framing(const struct exchange *x, struct buf *out)
{
	if (x->request.framing == HTTP1_LENGTH)
		http1_write_length(out, x->request.content_length);
	else if (x->request.framing == HTTP1_CHUNKED)
		http1_write_field(out, "Transfer-Encoding", "chunked", 7);
}

void forward_head_write_about(struct exchange *x, struct buf *out, bool trusted)
{
	forward_head_write_client(x, out, trusted);
	forward_head_append(x, out, "Via", true,
			    x->request.minor ? "1.1 microreg" : "1.0 microreg");
	if (x->id.len)
		http1_write_field(out, "X-Request-Id", x->id.at, x->id.len);
	if (x->identity)
		(void)buf_append(out, x->identity->fields.at, x->identity->fields.len); /* sticks */
}

static void forward_head_sign(const struct exchange *x, size_t service, struct buf *out)
{
	const struct table *table = x->table->table;
	struct signer_subject subject = {
		.identity = x->identity,
		.service = table->settings->services[service].name,
		.id = x->id,
		.method = x->request.method_text,
		.path = x->path,
		.query = x->request.query,
		.has_query = x->request.has_query,
	};

	signer_write(table->signer, &subject, out);
}

static void forward_head_write_to(struct exchange *x, size_t service, struct buf *out)
{
	const struct http1_head *head = &x->request;
	const struct settings_edits *edits = &x->route->request_edits;
	bool trusted = table_trusts(x->table->table, &x->client->peer);
	struct span host = x->host.len ? x->host : head->authority;

	/* Most heads fit, so that the buffer need not grow line by line; failure sticks. */
	(void)buf_reserve(out, FORWARD_HEAD_USUAL);
	http1_write_request_line(out, head->method_text, x->path, head->has_query, head->query);
	http1_write_field(out, "Host", host.at, host.len);
	for (size_t i = 0; i < head->field_count; i++)
		if (forward_head_passes(&head->fields[i], trusted) &&
		    !forward_head_is_condition(x, &head->fields[i]) &&
		    !route_action_drops(edits, head->fields[i].name))
			http1_write_span(out, head->fields[i].name, head->fields[i].value);
	forward_head_write_about(x, out, trusted);
	trace_write(x, out);
	forward_head_sign(x, service, out);
	if (x->extra.len)
		(void)buf_append(out, x->extra.at, x->extra.len); /* sticks */
	forward_head_write_conditions(x, out);
	forward_head_write_framing(x, out);
	trailers_write_request(x, out);
	if (x->upgrade.protocol) {
		http1_write_field(out, "Connection", "upgrade", 7);
		http1_write_field(out, "Upgrade", x->upgrade.protocol, strlen(x->upgrade.protocol));
	}
	http1_write_end(out);
}

void forward_head_write(struct exchange *x, struct buf *out)
{
	forward_head_write_to(x, x->service, out);
}

void forward_head_readdress(struct exchange *x, size_t service, struct buf *head)
{
	if (!x->table->table->signer)
		return;
	buf_reset(head);
	forward_head_write_to(x, service, head);
}
