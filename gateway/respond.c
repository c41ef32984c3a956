/* respond: writes status lines, fields and framing. */
#include "gateway/respond_parts.h"
#include "common/hex.h"
#include "gateway/respond_security.h"
#include "common/clock.h"
#include "gateway/balance_sticky.h"
#include "gateway/client.h"
#include "gateway/filter.h"
#include "gateway/http1_write.h"
#include "gateway/remake.h"
#include "gateway/route_action.h"
#include "gateway/server_timing.h"
#include "gateway/service.h"
#include "gateway/template.h"
#include "gateway/tls.h"
#include "gateway/trailers.h"
#include "gateway/worker.h"

#include <stdio.h>
#include <string.h>

enum {
	/* A body that is still to come and longer than this is not waited for: the connection ends.
	 */
	RESPOND_DISCARD_MAX = 64 << 10,
	RESPOND_HEAD_USUAL = 1 << 10, /* bytes */
};

static void respond_text(struct buf *out, const char *name, const char *value)
{
	http1_write_field(out, name, value, strlen(value));
}

/* ---- What the route changes; without a route nothing ---- */

static bool respond_drops(const struct exchange *x, struct span name)
{
	if (x->cors.at && name.len > 15 && http_equal_nocase(name.at, 15, "Access-Control-", 15))
		return true;
	return x->route && route_action_drops(&x->route->reply_edits, name);
}

/* A field of the service's. */
static bool respond_drops_theirs(const struct exchange *x, struct span name)
{
	return (x->remake && remake_drops(x->remake, name)) || respond_drops(x, name);
}

void respond_own(struct exchange *x, const char *name, const char *value)
{
	if (!respond_drops(x, (struct span){name, strlen(name)}))
		respond_text(client_out(x->client), name, value);
}

void respond_lines(struct exchange *x, struct span lines)
{
	struct buf *out = client_out(x->client);

	if (!x->cors.at && !x->remake && !respond_has_security(x) &&
	    (!x->route || route_action_is_empty(&x->route->reply_edits))) {
		(void)buf_append(out, lines.at, lines.len); /* failure sticks */
		return;
	}
	while (lines.len) {
		const char *end = memchr(lines.at, '\n', lines.len);
		const char *colon = memchr(lines.at, ':', lines.len);
		size_t len = end ? (size_t)(end - lines.at) + 1 : lines.len;

		struct span name = {lines.at, colon ? (size_t)(colon - lines.at) : 0};

		if (!respond_drops_theirs(x, name))
			(void)buf_append(out, lines.at, len); /* failure sticks */
		respond_security_saw(x, name);
		lines.at += len;
		lines.len -= len;
	}
}

/* Decides before the head is written whether the connection can serve another request. */
static void respond_decide_close(struct exchange *x)
{
	const struct http1_body *body = &x->body;

	if (x->close || x->body_done)
		return;
	/* A client that waits for 100 Continue may or may not send its body now: nobody knows
	 * where the next request begins (RFC 9110 10.1.1). */
	if (x->request.expect_continue && !body->received && !x->continued)
		x->close = true;
	if (x->request.framing == HTTP1_LENGTH &&
	    x->request.content_length - body->received > RESPOND_DISCARD_MAX)
		x->close = true;
}

void respond_start(struct exchange *x, unsigned status)
{
	x->replied = true;
	x->status = status;
	x->security_seen = 0; /* of interim replies */
	x->bodiless = x->request.method == HTTP_HEAD || status == 204 || status == 304;
	respond_decide_close(x);
	/* Most heads fit, so that the buffer need not grow line by line; failure sticks. */
	(void)buf_reserve(client_out(x->client), RESPOND_HEAD_USUAL);
	http1_write_status_line(client_out(x->client), status);
}

/* What the client's door says of https; NULL: nothing. */
static const char *respond_hsts(const struct exchange *x)
{
	return client_tls(x->client) ? tls_door_hsts(client_tls(x->client)) : NULL;
}

static bool respond_is_hsts(struct span name)
{
	return http_equal_nocase(name.at, name.len, "Strict-Transport-Security", 25);
}

void respond_finish_head(struct exchange *x)
{
	const char *hsts = respond_hsts(x);
	struct buf *out = client_out(x->client);
	char status[CACHE_STATUS_SIZE];
	size_t len;

	if (hsts)
		respond_own(x, "Strict-Transport-Security", hsts);
	if (x->route)
		route_action_write(x, &x->route->reply_edits, out);
	respond_security_write(x, out);
	if (x->id.len)
		http1_write_field(out, "X-Request-Id", x->id.at, x->id.len);
	if (x->told.len)
		respond_lines(x, x->told);
	if (x->cors.len)
		(void)buf_append(out, x->cors.at, x->cors.len); /* sticks */
	if (x->vary.len)
		(void)buf_append(out, x->vary.at, x->vary.len);
	if (x->limits)
		filter_limit_write(x, out);
	len = cache_status_write(&x->cache_status, status);
	if (len)
		http1_write_field(out, "Cache-Status", status, len);
	server_timing_write(x, out);
	if (x->close)
		respond_text(out, "Connection", "close");
	else if (x->request.minor == 0)
		respond_text(out, "Connection", "keep-alive");
	http1_write_end(out);
}

/* ---- An instance's reply ---- */

static bool respond_passes(const struct http1_field *field)
{
	if (field->hop)
		return false;
	switch ((int)field->known) {
	case HTTP1_CONTENT_LENGTH:
	case HTTP1_TRANSFER_ENCODING:
	case HTTP1_X_REQUEST_ID:
	case HTTP1_MICROREG_CACHE_CONTROL:
		return false;
	default:
		return true;
	}
}

static void respond_framing(struct exchange *x, const struct http1_head *head)
{
	struct buf *out = client_out(x->client);
	const struct http1_field *length = http1_head_find(head, HTTP1_CONTENT_LENGTH);

	x->chunked = false;
	if (x->bodiless) {
		/* What a GET would have had (RFC 9110 8.6); never with a 204. */
		if (length && head->status != 204 && !respond_drops_theirs(x, length->name))
			http1_write_field(out, "Content-Length", length->value.at,
					  length->value.len);
		return;
	}
	if (head->framing == HTTP1_LENGTH || head->framing == HTTP1_NO_BODY) {
		http1_write_length(out, head->framing == HTTP1_LENGTH ? head->content_length : 0);
	} else if (x->request.minor == 0) {
		/* HTTP/1.0 knows no chunks: the end is the connection's. */
		x->close = x->until_close = true;
	} else {
		respond_text(out, "Transfer-Encoding", "chunked");
		x->chunked = true;
		trailers_begin_reply(x, head, out);
	}
}

/* RFC 9209 2.1.2, 2.1.5: another service answered than the route says. */
static void respond_backup(struct exchange *x)
{
	const char *value =
		arena_printf(&x->arena, "microreg; next-hop=\"%s\"; details=\"backup of %s\"",
			     x->backup, x->table->table->settings->services[x->service].name);

	if (value) /* without memory it is left out */
		respond_text(client_out(x->client), "Proxy-Status", value);
}

/* RFC 6265 4.1; a client that brought this very cookie keeps it. */
static void respond_sticky(struct exchange *x)
{
	static const char *const same_site[] = {"Lax", "Strict", "None"};
	const struct forward *fwd = &x->forward;
	const struct settings_sticky *sticky = &fwd->settings->balance.sticky;
	uint64_t value = balance_sticky_value(fwd->set, fwd->endpoint);
	bool secure = sticky->secure == SECURE_ALWAYS ||
		      (sticky->secure == SECURE_AUTO && client_tls(x->client));
	char text[BALANCE_STICKY_SIZE] = "", age[32] = "";
	const char *cookie;

	if (fwd->stuck && fwd->stick == value)
		return;
	hex_print(value, text);
	if (sticky->ttl_ms)
		(void)snprintf(age, sizeof(age), "; Max-Age=%u", sticky->ttl_ms / 1000);
	cookie = arena_printf(&x->arena, "%s=%s; Path=%s%s%s%s; SameSite=%s", sticky->cookie, text,
			      sticky->path, age, sticky->http_only ? "; HttpOnly" : "",
			      secure ? "; Secure" : "", same_site[sticky->same_site]);
	if (cookie) /* without memory it is left out */
		respond_own(x, "Set-Cookie", cookie);
}

void respond_write_fields(struct exchange *x, const struct http1_head *head, struct buf *out)
{
	bool own_hsts = respond_hsts(x) != NULL; /* RFC 6797 7.1: one such field at most */

	for (size_t i = 0; i < head->field_count; i++)
		if (respond_passes(&head->fields[i]) &&
		    !(own_hsts && respond_is_hsts(head->fields[i].name)) &&
		    !respond_drops_theirs(x, head->fields[i].name)) {
			http1_write_span(out, head->fields[i].name, head->fields[i].value);
			if (out == client_out(x->client)) /* and not to be looked at later */
				respond_security_saw(x, head->fields[i].name);
		}
}

void respond_interim(struct exchange *x, const struct http1_head *head)
{
	if (x->request.minor == 0) /* RFC 9110 15.2: 1.0 knows none */
		return;
	http1_write_status_line(client_out(x->client), head->status);
	respond_write_fields(x, head, client_out(x->client));
	http1_write_end(client_out(x->client));
	(void)client_flush(x->client); /* the caller is a client's: it looks itself */
}

void respond_switch(struct exchange *x, const struct http1_head *head)
{
	struct buf *out = client_out(x->client);

	x->close = false; /* it would be a Connection: close, which is not so yet */
	respond_start(x, head->status);
	respond_write_fields(x, head, client_out(x->client));
	respond_text(out, "Via", "1.1 microreg");
	if (x->forward.settings->balance.sticky.cookie)
		respond_sticky(x);
	respond_text(out, "Connection", "upgrade");
	respond_text(out, "Upgrade", x->upgrade.protocol);
	respond_finish_head(x);
}

void respond_way(struct exchange *x, unsigned minor)
{
	respond_text(client_out(x->client), "Via", minor ? "1.1 microreg" : "1.0 microreg");
	if (x->backup)
		respond_backup(x);
	if (x->forward.settings->balance.sticky.cookie)
		respond_sticky(x);
}

void respond_head(struct exchange *x, const struct http1_head *head)
{
	respond_start(x, route_action_status(x, head->status));
	respond_write_fields(x, head, client_out(x->client));
	if (!http1_head_find(head, HTTP1_DATE)) /* RFC 9110 6.6.1 */
		respond_own(x, "Date", worker_date(x->worker));
	if (x->remake && remake_type(x->remake))
		respond_own(x, "Content-Type", remake_type(x->remake));
	respond_way(x, head->minor);
	respond_framing(x, head);
	respond_finish_head(x);
}

void respond_body(struct exchange *x, struct span piece)
{
	struct buf *out = client_out(x->client);

	if (x->bodiless || !piece.len)
		return;
	if (x->chunked)
		http1_write_chunk_head(out, piece.len);
	(void)buf_append(out, piece.at, piece.len); /* failure sticks: client_flush ends it */
	if (x->chunked)
		http1_write_chunk_tail(out);
}

void respond_end(struct exchange *x)
{
	struct buf *out = client_out(x->client);

	if (x->chunked) {
		http1_write_last_chunk(out);
		trailers_write_reply(x, out);
		http1_write_end(out);
	}
	client_reply_done(x->client);
}

/* ---- Answers of our own ---- */

/* "orders/2": the instance that was asked last. An id that shows its address, as the default one
 * does, is for debugging only. */
static const char *respond_next_hop(struct exchange *x)
{
	const struct forward *fwd = &x->forward;

	if (!fwd->set)
		return NULL;
	if (!fwd->endpoint || (!x->route->debug && strstr(fwd->endpoint->id, fwd->endpoint->host)))
		return fwd->set->service->name;
	return arena_printf(&x->arena, "%s/%s", fwd->set->service->name, fwd->endpoint->id);
}

static void respond_document(struct exchange *x, unsigned status, const char *type,
			     const char *body, size_t len, const char *fields)
{
	struct buf *out = client_out(x->client);

	respond_start(x, status);
	respond_own(x, "Date", worker_date(x->worker));
	respond_own(x, "Server", "microreg");
	if (type)
		respond_own(x, "Content-Type", type);
	if (fields)
		respond_lines(x, (struct span){fields, strlen(fields)});
	if (status != 204 && status != 304)
		http1_write_length(out, len);
	respond_finish_head(x);
	if (!x->bodiless)
		(void)buf_append(out, body, len); /* failure sticks */
	client_reply_done(x->client);
}

void respond_problem(struct exchange *x, enum problem problem, const char *detail,
		     const char *fields)
{
	const struct problem_kind *kind = problem_kind(problem);
	struct buf body, proxy;
	const char *more = fields ? fields : "";

	x->flags |= kind->flags;
	buf_init(&body, 16 << 10);
	buf_init(&proxy, 1 << 10);
	problem_write(&body, problem, detail, x->id.len ? x->id.at : NULL);
	if (kind->proxy_error) {
		(void)buf_puts(&proxy, "Proxy-Status: "); /* failure: the field is left out */
		problem_write_proxy_status(&proxy, problem, respond_next_hop(x));
		(void)buf_puts(&proxy, "\r\n");
		if (buf_str(&proxy))
			more = arena_printf(&x->arena, "%s%s", more, buf_str(&proxy));
	}
	respond_document(x, kind->status, PROBLEM_CONTENT_TYPE, body.data, body.len, more);
	buf_fini(&body);
	buf_fini(&proxy);
}

void respond_part(struct exchange *x, const struct respond_part *answer)
{
	const char *more = answer->fields ? answer->fields : "", *line;
	size_t fault = answer->part.fault ? strlen(answer->part.fault) : 0;
	struct buf body, proxy;

	buf_init(&body, (16 << 10) + 6 * fault); /* all of it escaped */
	buf_init(&proxy, 1 << 10);
	problem_write_part(&body, answer->problem, &answer->part, answer->detail,
			   x->id.len ? x->id.at : NULL);
	problem_write_proxy_status(&proxy, answer->problem, answer->service);
	line = proxy.len && buf_str(&proxy)
		       ? arena_printf(&x->arena, "%sProxy-Status: %s\r\n", more, proxy.data)
		       : NULL;
	respond_document(x, answer->part.status, PROBLEM_CONTENT_TYPE, body.data, body.len,
			 line ? line : more);
	buf_fini(&body);
	buf_fini(&proxy);
}

static void respond_whole(struct exchange *x, unsigned status, const char *type, struct span body,
			  const char *fields)
{
	struct buf *out = client_out(x->client);

	respond_start(x, status);
	respond_own(x, "Date", worker_date(x->worker));
	respond_own(x, "Server", "microreg");
	respond_own(x, "Content-Type", type);
	if (fields)
		respond_lines(x, (struct span){fields, strlen(fields)});
	http1_write_length(out, body.len);
	respond_finish_head(x);
	if (!x->bodiless)
		x->rest = body;
	client_reply_done(x->client);
}

void respond_composed(struct exchange *x, unsigned status, struct span body, const char *fields)
{
	respond_whole(x, status, "application/json", body, fields);
}

void respond_made(struct exchange *x, const char *type, struct span body, const char *fields)
{
	respond_whole(x, 200, type, body, fields);
}

void respond_default(struct exchange *x, const struct settings_fallback *fallback)
{
	x->flags |= ACCESS_DR;
	respond_document(x, fallback->status, fallback->type, fallback->body, fallback->body_len,
			 NULL);
}

void respond_fixed(struct exchange *x, const struct settings_fallback *answer)
{
	respond_document(x, answer->status, answer->type, answer->body, answer->body_len, NULL);
}

void respond_empty(struct exchange *x, unsigned status, const char *fields)
{
	respond_document(x, status, NULL, NULL, 0, fields);
}

void respond_foreign(struct exchange *x, unsigned status, struct span body, const char *fields)
{
	respond_document(x, status, NULL, body.at, body.len, fields);
}

void respond_options(struct exchange *x)
{
	respond_document(x, 204, NULL, NULL, 0,
			 "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
}

void respond_preflight(struct exchange *x, const char *fields)
{
	struct buf *out = client_out(x->client);

	respond_start(x, 204);
	respond_own(x, "Date", worker_date(x->worker));
	(void)buf_puts(out, fields); /* sticks; ours, so no edit drops them */
	respond_finish_head(x);
	client_reply_done(x->client);
}

void respond_continue(struct exchange *x)
{
	if (!x->request.expect_continue || x->continued || x->body.received)
		return;
	x->continued = true;
	(void)buf_puts(client_out(x->client), "HTTP/1.1 100 Continue\r\n\r\n"); /* sticks */
	(void)client_flush(x->client); /* the caller is a client's: it looks itself */
}
