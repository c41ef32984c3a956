/* template_parse: reads the text once, from left to right; each character has its place. */
#include "common/suggest.h"
#include "gateway/template_parts.h"

#include <stdio.h>
#include <string.h>

struct template_parser {
	struct arena *arena;
	const struct template_scope *scope;
	struct template *t;
	size_t room; /* for parts */
	enum template_place place;
	const char *at;	    /* what comes next */
	char *literal;	    /* room for all literals */
	size_t literal_len; /* of the one that is being read */
	struct err *e;
};

/* The help is the reference's; names with a NAME of one's own are read by template_name(). */
static const struct template_name {
	const char *name;
	enum template_source source;
	const char *help;
} template_names[] = {
	{"NAME", TEMPLATE_LITERAL, "a parameter of the route's path"},
	{"path.NAME", TEMPLATE_LITERAL, "the same"},
	{"*", TEMPLATE_LITERAL, "what the final `*` of the route's path matched"},
	{"query.NAME", TEMPLATE_LITERAL, "the first query parameter of that name, decoded"},
	{"header.NAME", TEMPLATE_LITERAL, "the first header field of that name"},
	{"request.path", TEMPLATE_REQUEST_PATH, "the client's path, normalized"},
	{"request.query", TEMPLATE_REQUEST_QUERY, "the client's whole query, not in a path"},
	{"request.host", TEMPLATE_REQUEST_HOST, "the host the client asked, without port"},
	{"request.method", TEMPLATE_REQUEST_METHOD, "the method"},
	{"request.id", TEMPLATE_REQUEST_ID, "the request's id, as in X-Request-Id"},
	{"client.address", TEMPLATE_CLIENT_ADDRESS,
	 "the client's address; behind a trusted proxy, as that tells it"},
	{"consumer.id", TEMPLATE_CONSUMER_ID, "who asks: the consumer, else the token's subject"},
	{"consumer.name", TEMPLATE_CONSUMER_NAME, "the same as a name for people"},
	{"claims.NAME", TEMPLATE_LITERAL,
	 "what the token says under that name; `a.b` is `b` within `a`, a list is joined by "
	 "spaces"},
	{"CALL.a.b", TEMPLATE_LITERAL,
	 "within `compose`: what that call's reply has there; `[0]` is the first of a list"},
	{"body.a.b", TEMPLATE_LITERAL,
	 "in `request.body.template`: what the body has there; `reply.a.b` in "
	 "`reply.body.template`"},
	{"item", TEMPLATE_LITERAL, "of a call with `for_each`: the value it is made for"},
	{"items", TEMPLATE_LITERAL, "with `batch`: the values it is made for, between commas"},
};
enum { TEMPLATE_NAME_COUNT = sizeof(template_names) / sizeof(template_names[0]) };

static int template_add(struct template_parser *p, enum template_source source, const char *text,
			size_t len)
{
	struct template *t = p->t;

	if (t->count == p->room)
		return err_set(p->e, "it has more than %d parts; write less", TEMPLATE_PARTS_MAX);
	t->parts[t->count++] = (struct template_part){
		.source = source, .place = p->place, .text = text, .len = len};
	return 0;
}

/* Ends the literal that is being read. */
static int template_flush(struct template_parser *p)
{
	char *text = p->literal;
	size_t len = p->literal_len;

	if (!len)
		return 0;
	text[len] = '\0';
	p->literal = text + len + 1;
	p->literal_len = 0;
	return template_add(p, TEMPLATE_LITERAL, text, len);
}

/* Where a brace may stand for itself, and a percent sign does. */
static bool template_is_text(const struct template_parser *p)
{
	return p->place == TEMPLATE_IN_TEXT || p->place == TEMPLATE_IN_RAW ||
	       p->place == TEMPLATE_IN_JSON || p->place == TEMPLATE_IN_MARKUP;
}

/* ---- Names ---- */

static bool template_scope_has(const struct template_scope *scope, const char *name)
{
	for (size_t i = 0; scope->path && i < scope->path->count; i++)
		if (scope->path->segments[i].kind == ROUTE_PARAMETER &&
		    strcmp(scope->path->segments[i].text, name) == 0)
			return true;
	return false;
}

static bool template_scope_has_rest(const struct template_scope *scope)
{
	return scope->path && scope->path->count &&
	       scope->path->segments[scope->path->count - 1].kind == ROUTE_REST;
}

/* True when a call is named nearly like the beginning of `name`; that is told. */
static bool template_suggest_result(struct template_parser *p, const char *name)
{
	size_t len = strcspn(name, ".[");
	const char *head = arena_strndup(p->arena, name, len);
	struct suggest near = {.name = head};

	for (size_t i = 0; head && i < p->scope->result_count; i++)
		suggest_offer(&near, p->scope->results[i]);
	if (near.best)
		(void)err_set(p->e, "there is no {%.100s}; did you mean {%s%s}?", name, near.best,
			      name + len);
	return near.best != NULL;
}

static int template_unknown(struct template_parser *p, const char *name)
{
	struct suggest near = {.name = name};
	const char *result = p->scope->result_count ? "CALL" : NULL;

	if (p->scope->result_count == 1)
		result = p->scope->results[0];
	for (size_t i = 0; p->scope->path && i < p->scope->path->count; i++)
		if (p->scope->path->segments[i].kind == ROUTE_PARAMETER)
			suggest_offer(&near, p->scope->path->segments[i].text);
	for (size_t i = 0; i < TEMPLATE_NAME_COUNT; i++)
		if (template_names[i].source != TEMPLATE_LITERAL)
			suggest_offer(&near, template_names[i].name);
	if (!near.best && template_suggest_result(p, name))
		return -1;
	if (near.best)
		return err_set(p->e, "there is no {%.100s}; did you mean {%s}?", name, near.best);
	if (strcmp(name, "*") == 0)
		return err_set(p->e, "there is no {*}, since the route's path does not end in '*'; "
				     "write the path like /a/*");
	return err_set(p->e,
		       "there is no {%.100s}; write a parameter of the route's path, %s%s%s{*}, "
		       "{query.NAME}, {header.NAME}, {request.path}, {request.query}, "
		       "{request.host}, {request.method}, {request.id}, {client.address}, "
		       "{consumer.id}, {consumer.name} or {claims.NAME}",
		       name, result ? "{" : "", result ? result : "", result ? ".MEMBER}, " : "");
}

static int template_add_result(struct template_parser *p, const struct template_part *part)
{
	struct template *t = p->t;

	if (template_add(p, part->source, "", 0) < 0)
		return -1;
	t->parts[t->count - 1].result = part->result;
	t->parts[t->count - 1].within = part->within;
	t->results |= UINT32_C(1) << part->result;
	return 0;
}

static int template_name(struct template_parser *p, const char *name)
{
	enum template_source source = TEMPLATE_LITERAL;
	const char *rest = name;
	struct template_part part;
	bool found;

	if (template_parse_result(p->arena, p->scope, name, &part, &found, p->e) < 0)
		return -1;
	if (found && p->place != TEMPLATE_IN_AUTHORITY)
		return template_add_result(p, &part);

	if (strcmp(name, "*") == 0 && template_scope_has_rest(p->scope)) {
		source = TEMPLATE_REST;
	} else if (strncmp(name, "query.", 6) == 0 && name[6]) {
		source = TEMPLATE_QUERY;
		rest = name + 6;
	} else if (strncmp(name, "header.", 7) == 0 && http_is_token(name + 7, strlen(name + 7))) {
		source = TEMPLATE_HEADER;
		rest = name + 7;
	} else if (p->scope->item && strcmp(name, "item") == 0) {
		source = TEMPLATE_ITEM;
		p->t->has_item = true;
	} else if (p->scope->items && strcmp(name, "items") == 0) {
		source = TEMPLATE_ITEMS;
		p->t->has_item = true;
	} else if (strncmp(name, "claims.", 7) == 0 && name[7]) {
		source = TEMPLATE_CLAIM;
		rest = name + 7;
	} else {
		rest = strncmp(name, "path.", 5) == 0 ? name + 5 : name;
		if (template_scope_has(p->scope, rest))
			source = TEMPLATE_PARAMETER;
		for (size_t i = 0; i < TEMPLATE_NAME_COUNT; i++)
			if (template_names[i].source != TEMPLATE_LITERAL &&
			    strcmp(name, template_names[i].name) == 0)
				source = template_names[i].source;
	}
	if (source == TEMPLATE_LITERAL)
		return template_unknown(p, name);
	if (p->place == TEMPLATE_IN_AUTHORITY && source == TEMPLATE_REQUEST_PATH)
		p->place = TEMPLATE_IN_PATH; /* it begins with a '/' */
	if (p->place == TEMPLATE_IN_AUTHORITY && source != TEMPLATE_REQUEST_HOST)
		return err_set(p->e,
			       "{%.100s} can't be a host: clients could send others where "
			       "they like; write the host, or {request.host}",
			       name);
	if (source == TEMPLATE_REQUEST_QUERY && p->place == TEMPLATE_IN_PATH)
		return err_set(p->e, "{request.query} can't be part of a path; write it after a "
				     "'?', or leave it out: without a '?' the query is sent on");
	return template_add(p, source, rest, strlen(rest));
}

/* At a '{'. */
static int template_braces(struct template_parser *p)
{
	const char *end = strchr(p->at, '}');
	char *name;

	if (!end)
		return err_set(p->e, "a '{' without its '}'%s",
			       template_is_text(p) ? "; for a brace write {{" : "; write {NAME}");
	if (template_flush(p) < 0)
		return -1;
	name = arena_strndup(p->arena, p->at + 1, (size_t)(end - p->at) - 1);
	if (!name)
		return err_set(p->e, "out of memory");
	p->at = end + 1;
	return template_name(p, name);
}

/* ---- Literals ---- */

static int template_hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool template_may_stand(enum template_place place, char c)
{
	switch (place) {
	case TEMPLATE_IN_RAW:
		return true;
	case TEMPLATE_IN_TEXT:
		return c >= ' ' && c <= '~';
	case TEMPLATE_IN_AUTHORITY:
		return template_is_unreserved(c) || (c && strchr(":[]", c));
	case TEMPLATE_IN_PATH:
		return template_is_segment_char(c) || c == '/' || c == '%';
	case TEMPLATE_IN_QUERY:
		return template_is_segment_char(c) || c == '/' || c == '?' || c == '%';
	case TEMPLATE_IN_JSON:
	case TEMPLATE_IN_MARKUP:
		return true;
	}
	return false;
}

static int template_char(struct template_parser *p)
{
	char c = *p->at;

	if (p->place == TEMPLATE_IN_AUTHORITY && (c == '/' || c == '?')) {
		if (template_flush(p) < 0)
			return -1;
		p->place = TEMPLATE_IN_PATH;
	}
	if (p->place == TEMPLATE_IN_PATH && c == '?') {
		if (template_flush(p) < 0)
			return -1;
		p->place = TEMPLATE_IN_QUERY;
		p->t->has_query = true;
	} else if (!template_may_stand(p->place, c)) {
		unsigned byte = (unsigned char)c;

		return p->place == TEMPLATE_IN_PATH || p->place == TEMPLATE_IN_QUERY
			       ? err_set(p->e, "the byte 0x%02X can't stand here; write %%%02X",
					 byte, byte)
			       : err_set(p->e, "the byte 0x%02X can't stand here; remove it", byte);
	}
	if (c == '%' && !template_is_text(p) &&
	    !(template_hex_digit(p->at[1]) && template_hex_digit(p->at[2]) &&
	      strncmp(p->at, "%00", 3) != 0))
		return err_set(p->e, "a bad escape; write %% and two hex digits, not 00");
	p->literal[p->literal_len++] = c;
	p->at++;
	return 0;
}

static int template_next(struct template_parser *p)
{
	bool doubled = template_is_text(p) && p->at[0] == p->at[1];

	if (doubled && (*p->at == '{' || *p->at == '}')) {
		p->literal[p->literal_len++] = *p->at;
		p->at += 2;
		return 0;
	}
	if (*p->at == '{')
		return template_braces(p);
	if (*p->at == '}')
		return err_set(p->e, "a '}' without its '{'%s",
			       template_is_text(p) ? "; for a brace write }}" : "");
	return template_char(p);
}

/* ---- The whole ---- */

static enum template_place template_start_place(enum template_kind kind)
{
	switch (kind) {
	case TEMPLATE_TEXT:
		return TEMPLATE_IN_TEXT;
	case TEMPLATE_RAW:
	case TEMPLATE_BODY:
		return TEMPLATE_IN_RAW;
	case TEMPLATE_JSON:
	case TEMPLATE_BODY_JSON:
		return TEMPLATE_IN_JSON;
	case TEMPLATE_BODY_MARKUP:
		return TEMPLATE_IN_MARKUP;
	case TEMPLATE_TARGET:
	case TEMPLATE_URL:
		break;
	}
	return TEMPLATE_IN_PATH;
}

static int template_start(struct template_parser *p, const char *text)
{
	size_t scheme = strncmp(text, "http://", 7) == 0 ? 7 : 0;

	if (strncmp(text, "https://", 8) == 0)
		scheme = 8;
	p->at = text;
	p->place = template_start_place(p->t->kind);
	if (p->place != TEMPLATE_IN_PATH)
		return 0;
	if (text[0] == '/' && text[1] != '/')
		return 0;
	if (p->t->kind == TEMPLATE_TARGET)
		return err_set(p->e,
			       "\"%.100s\" does not begin with one '/'; write a path like "
			       "/v2/{id}",
			       text);
	p->place = TEMPLATE_IN_AUTHORITY;
	if (!scheme || !text[scheme] || text[scheme] == '/' || text[scheme] == '?')
		return err_set(p->e,
			       "\"%.100s\" is no place to send clients to; write a path like "
			       "/v2/{id}, or https://HOST/PATH",
			       text);
	memcpy(p->literal, text, scheme);
	p->literal_len = scheme;
	p->at = text + scheme;
	return 0;
}

/* A path is written in the form in which it arrives. */
static int template_check_dots(const struct template_parser *p, const char *text)
{
	size_t len = strcspn(text, "?"), at = template_path_start(text, len);

	if (template_start_place(p->t->kind) != TEMPLATE_IN_PATH)
		return 0;
	while (at < len) {
		size_t end = at + 1;

		while (end < len && text[end] != '/')
			end++;
		if (template_is_dots((struct span){text + at + 1, end - at - 1}))
			return err_set(p->e,
				       "\"%.100s\" has a dot segment; write the path without "
				       "it",
				       text);
		at = end;
	}
	return 0;
}

const struct template *template_parse(struct arena *arena, const char *text,
				      enum template_kind kind, const struct template_scope *scope,
				      struct err *e)
{
	size_t len = strlen(text);
	size_t room = 4; /* literals around the names, and one more at each change of place */
	struct template *t;
	struct template_parser p = {.arena = arena, .scope = scope, .e = e};

	if (len > TEMPLATE_BYTES_MAX) {
		(void)err_set(e, "it is %zu bytes long; at most %d are allowed", len,
			      TEMPLATE_BYTES_MAX);
		return NULL;
	}
	for (const char *brace = strchr(text, '{'); brace; brace = strchr(brace + 1, '{'))
		room += 2;
	p.room = room < TEMPLATE_PARTS_MAX ? room : TEMPLATE_PARTS_MAX;
	t = p.t = arena_zalloc(arena, sizeof(*t));
	/* Literals end in a NUL each. */
	p.literal = arena_alloc(arena, len + TEMPLATE_PARTS_MAX + 2);
	if (t)
		t->parts = arena_alloc(arena, p.room * sizeof(*t->parts));
	if (!t || !p.literal || !t->parts) {
		(void)err_set(e, "out of memory");
		return NULL;
	}
	t->text = arena_strndup(arena, text, len);
	t->kind = kind;
	if (!t->text || template_check_dots(&p, text) < 0 || template_start(&p, text) < 0)
		return NULL;
	while (*p.at)
		if (template_next(&p) < 0)
			return NULL;
	return template_flush(&p) < 0 ? NULL : t;
}

void template_print_reference(struct buf *out)
{
	(void)buf_puts(out, "| name | stands for |\n|---|---|\n"); /* failure sticks */
	for (size_t i = 0; i < TEMPLATE_NAME_COUNT; i++)
		(void)buf_printf(out, "| `{%s}` | %s |\n", template_names[i].name,
				 template_names[i].help);
}
