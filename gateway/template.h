/*
 * template: text of the settings with names in braces that each request fills:
 * the path sent to a service, the target of a redirect, the value of a field.
 *
 *	{id} or {path.id}   a parameter of the route's path
 *	{*}                 what the final star of the route's path matched
 *	{query.page}        the first query parameter of that name
 *	{header.X-Tenant}   the first header field of that name
 *	{request.path} {request.query} {request.host} {request.method} {request.id}
 *	{client.address}
 *	{consumer.id} {consumer.name}   who asks, once that is proven
 *	{claims.sub} {claims.a.b}       what the token of the request says
 *	{order.customerId}  of a composed route: what the call "order" came to
 *	{item} {items}      of a call for each value: that value, or all of a batch
 *
 * A value can't leave its place: in a path its slashes, dots and everything
 * that is no part of a segment are encoded, in a query all but unreserved
 * characters are, in text control characters and what is not ASCII. What was
 * encoded in the path stays so; only {id} in text is decoded. A path or host
 * without its value is refused: "/users/" is not "/users/7". In text `{{` and
 * `}}` are braces. Raw, a value is what it stands for, decoded, for a caller
 * that encodes it; one that is missing is refused there, too.
 *
 * Parsed once, with the settings; immutable then, any thread may render.
 */
#ifndef MICROREG_GATEWAY_TEMPLATE_H
#define MICROREG_GATEWAY_TEMPLATE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/route_pattern.h"
#include "gateway/http1_head.h"

#include <stdbool.h>
#include <stdint.h>

struct identity;
struct router_match;

enum { TEMPLATE_BYTES_MAX = 4096, TEMPLATE_PARTS_MAX = 64, TEMPLATE_RESULTS_MAX = 32 };

enum template_kind {
	TEMPLATE_TEXT,	 /* the value of a field */
	TEMPLATE_TARGET, /* /path?query */
	TEMPLATE_URL,	 /* the same, or http://host/path?query */
	TEMPLATE_RAW,	 /* bytes, nothing in them encoded */
	TEMPLATE_JSON,	 /* what stands within a string of JSON, its escapes included */
	/* Whole bodies: as RAW, but a value that is missing is empty, and in JSON values are
	 * escaped as a string's, in markup as HTML and XML ask. */
	TEMPLATE_BODY,
	TEMPLATE_BODY_JSON,
	TEMPLATE_BODY_MARKUP,
};

struct template;

/* Which names there are. More come with more sources. */
struct template_scope {
	const struct route_pattern *path;
	const char *const *results; /* names of calls, at most TEMPLATE_RESULTS_MAX */
	size_t result_count;
	bool item, items; /* there is {item}, {items} */
};

/* What they stand for; spans may be empty. */
struct template_values {
	const struct http1_head *request; /* its fields, method and authority */
	struct span path, query;	  /* as the client asked */
	const struct router_match *match;
	struct span id;
	struct span address;		 /* the client's */
	const struct identity *identity; /* NULL: nobody is known */
	const struct span
		*results; /* as in the scope: what json_check passed; len 0: there is none */
	const struct span *items; /* values of JSON; {item} is the first */
	size_t item_count;
};

/* NULL with an error that says what is wrong with the text, or that memory is spent. Lives in the
 * arena. */
const struct template *template_parse(struct arena *arena, const char *text,
				      enum template_kind kind, const struct template_scope *scope,
				      struct err *e);

/* Appends what it comes to. -1: *reason says why the request can't be served by it (static text,
 * for a 400), or is NULL when the buf has failed. */
int template_render(const struct template *t, const struct template_values *values, struct buf *out,
		    const char **reason);

/* Of a JSON template that is one name: the value itself as JSON, null when there is none. Failure
 * sticks in the buf. */
void template_render_value(const struct template *t, const struct template_values *values,
			   struct buf *out);

/* True when that *reason is a value that the client did not send. */
bool template_is_request_lack(const char *reason);

/* True when a TARGET or URL names its query, empty or not; else the client's is sent on. */
bool template_has_query(const struct template *t);
/* The results that it needs: bit i for the ith of the scope. */
uint32_t template_results(const struct template *t);
/* True when {item} or {items} stands in it. */
bool template_has_item(const struct template *t);
/* True when it needs the query parameter of that (encoded) name. */
bool template_has_query_name(const struct template *t, struct span name);
/* The ith value of the request that it needs, by name; NULL: there are no more. */
enum template_need { TEMPLATE_NEEDS_PATH, TEMPLATE_NEEDS_QUERY, TEMPLATE_NEEDS_HEADER };
const char *template_needs(const struct template *t, enum template_need need, size_t i);
/* When it is a result and nothing else, {order.lines}: true, and its value, of any kind; len 0: it
 * is not there. */
bool template_result_json(const struct template *t, const struct template_values *values,
			  struct span *json);
/* As it was written. */
const char *template_text(const struct template *t);

/* Appends a query of a client, for a target without one of its own. */
void template_append_query(struct buf *out, struct span query);

/* The names as a Markdown table, for the reference. */
void template_print_reference(struct buf *out);

#endif
