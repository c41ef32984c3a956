/* body_template: runs of JSON as it was written, with templates between them. */
#include "gateway/body_template.h"
#include "common/json_check.h"

#include <errno.h>
#include <string.h>

enum { BODY_PARTS_MAX = 256 };

struct body_part {
	struct span literal;
	const struct template *string; /* NULL: a literal */
	bool whole;		       /* the string is this name alone */
};

struct body_template {
	struct body_part parts[BODY_PARTS_MAX];
	size_t count;
	uint32_t results;
};

struct body_parser {
	struct arena *arena;
	const struct template_scope *scope;
	struct body_template *body;
	const char *from; /* the literal that is being read */
	struct err *e;
};

static int body_add(struct body_parser *p, struct body_part part)
{
	if (p->body->count == BODY_PARTS_MAX)
		return err_set(p->e, "it has more than %d parts; write less", BODY_PARTS_MAX);
	p->body->parts[p->body->count++] = part;
	return 0;
}

static int body_add_literal(struct body_parser *p, const char *end)
{
	if (end == p->from)
		return 0;
	return body_add(p, (struct body_part){.literal = {p->from, (size_t)(end - p->from)}});
}

/* Behind the closing quote of the string that begins here. */
static const char *body_string_end(const char *at)
{
	for (at++; *at != '"'; at++)
		at += *at == '\\';
	return at + 1;
}

/* A string with names, from quote to quote. */
static int body_add_string(struct body_parser *p, const char *start, const char *end)
{
	const char *text = arena_strndup(p->arena, start + 1, (size_t)(end - start) - 2);
	struct body_part part = {0};

	if (!text)
		return err_set(p->e, "out of memory");
	part.whole =
		text[0] == '{' && text[1] != '{' && strchr(text, '}') == text + strlen(text) - 1;
	part.string = template_parse(p->arena, text, TEMPLATE_JSON, p->scope, p->e);
	if (!part.string)
		return -1;
	p->body->results |= template_results(part.string);
	if (body_add_literal(p, part.whole ? start : start + 1) < 0 || body_add(p, part) < 0)
		return -1;
	p->from = part.whole ? end : end - 1;
	return 0;
}

const struct body_template *body_template_parse(struct arena *arena, const char *json,
						const struct template_scope *scope, struct err *e)
{
	struct body_parser p = {.arena = arena, .scope = scope, .from = json, .e = e};

	p.body = arena_zalloc(arena, sizeof(*p.body));
	if (!p.body) {
		(void)err_set(e, "out of memory");
		return NULL;
	}
	for (const char *at = json; *at;) {
		const char *end = *at == '"' ? body_string_end(at) : at + 1;
		bool filled = *at == '"' && *end != ':' && /* names of members stay */
			      (memchr(at, '{', (size_t)(end - at)) ||
			       memchr(at, '}', (size_t)(end - at)));

		if (filled && body_add_string(&p, at, end) < 0)
			return NULL;
		at = end;
	}
	return body_add_literal(&p, json + strlen(json)) < 0 ? NULL : p.body;
}

uint32_t body_template_results(const struct body_template *body)
{
	return body->results;
}

int body_template_render(const struct body_template *body, const struct template_values *values,
			 struct buf *out, const char **reason)
{
	size_t start = out->len;
	struct err e = {0};

	*reason = NULL;
	for (size_t i = 0; i < body->count; i++) {
		const struct body_part *part = &body->parts[i];

		if (!part->string)
			(void)buf_append(out, part->literal.at, part->literal.len); /* sticks */
		else if (part->whole)
			template_render_value(part->string, values, out);
		else if (template_render(part->string, values, out, reason) < 0)
			return -1;
	}
	/* A client's value may be no UTF-8. */
	if (!out->failed &&
	    json_check((struct span){out->data + start, out->len - start}, &e) < 0 &&
	    e.code != ENOMEM)
		*reason = "a value that the route sends on is no text";
	return out->failed || e.text[0] ? -1 : 0;
}
