/* fields: a selection as a tree of names, and what it cuts out of a document. */
#include "gateway/fields.h"
#include "common/json_check.h"
#include "common/json_walk.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct fields {
	struct span name;
	bool whole; /* whatever is within */
	struct fields *first, **last, *next;
};

/* ---- The selection ---- */

struct fields_parser {
	struct arena *arena;
	struct span text;
	size_t at;
	unsigned names, max;
	struct err *e;
};

static bool fields_at(const struct fields_parser *p, char c)
{
	return p->at < p->text.len && p->text.at[p->at] == c;
}

static bool fields_is_name(char c)
{
	return (unsigned char)c >= 0x20 && c != 0x7f && !strchr(",.()", c);
}

/* The node of that name in `in`, made when it is not there. */
static struct fields *fields_child(struct fields_parser *p, struct fields *in, struct span name)
{
	struct fields *node = in->first;

	while (node &&
	       (node->name.len != name.len || memcmp(node->name.at, name.at, name.len) != 0))
		node = node->next;
	if (node)
		return node;
	node = arena_zalloc(p->arena, sizeof(*node));
	if (!node) {
		(void)err_code(p->e, ENOMEM, "out of memory");
		return NULL;
	}
	node->name = name;
	node->last = &node->first;
	*in->last = node;
	in->last = &node->next;
	return node;
}

static struct fields *fields_name(struct fields_parser *p, struct fields *in)
{
	size_t from = p->at;

	while (p->at < p->text.len && fields_is_name(p->text.at[p->at]))
		p->at++;
	if (p->at == from) {
		(void)err_set(p->e, "a name is missing at character %zu of the selection", from);
		return NULL;
	}
	if (p->names++ == p->max) {
		(void)err_set(p->e, "more than %u names are selected", p->max);
		return NULL;
	}
	return fields_child(p, in, (struct span){p->text.at + from, p->at - from});
}

static int fields_list(struct fields_parser *p, struct fields *in, unsigned depth);

static int fields_item(struct fields_parser *p, struct fields *in, unsigned depth)
{
	struct fields *node = fields_name(p, in);

	while (node && fields_at(p, '.')) {
		p->at++;
		if (++depth > FIELDS_DEPTH_MAX)
			break;
		node = fields_name(p, node);
	}
	if (!node)
		return -1;
	if (depth > FIELDS_DEPTH_MAX || (fields_at(p, '(') && depth == FIELDS_DEPTH_MAX))
		return err_set(p->e, "the selection is nested deeper than %d names",
			       FIELDS_DEPTH_MAX);
	if (!fields_at(p, '(')) {
		node->whole = true;
		return 0;
	}
	p->at++;
	if (fields_list(p, node, depth + 1) < 0)
		return -1;
	if (!fields_at(p, ')'))
		return err_set(p->e, "a '(' of the selection has no ')'");
	p->at++;
	return 0;
}

static int fields_list(struct fields_parser *p, struct fields *in, unsigned depth)
{
	if (fields_item(p, in, depth) < 0)
		return -1;
	while (fields_at(p, ',')) {
		p->at++;
		if (fields_item(p, in, depth) < 0)
			return -1;
	}
	return 0;
}

const struct fields *fields_parse(struct arena *arena, struct span text, unsigned max,
				  struct err *e)
{
	struct fields_parser p = {.arena = arena, .text = text, .max = max, .e = e};
	struct fields *root;

	if (text.len > FIELDS_BYTES_MAX) {
		(void)err_set(e, "the selection is longer than %d bytes", FIELDS_BYTES_MAX);
		return NULL;
	}
	if (!json_is_utf8(text)) {
		(void)err_set(e, "the selection is not UTF-8");
		return NULL;
	}
	root = arena_zalloc(arena, sizeof(*root));
	if (!root) {
		(void)err_code(e, ENOMEM, "out of memory");
		return NULL;
	}
	root->last = &root->first;
	if (fields_list(&p, root, 1) < 0)
		return NULL;
	if (p.at < text.len) {
		(void)err_set(e, "'%c' can't stand at character %zu of the selection",
			      text.at[p.at] >= 0x20 ? text.at[p.at] : '?', p.at);
		return NULL;
	}
	return root;
}

/* ---- What it cuts out ---- */

static const struct fields *fields_find(const struct fields *in, struct span name)
{
	const struct fields *node = in->first;

	while (node && !json_string_is(name, node->name))
		node = node->next;
	return node;
}

/* False: of this value nothing is within. */
static bool fields_has_within(struct span value)
{
	enum json_kind kind = json_kind(value);

	return kind == JSON_KIND_OBJECT || kind == JSON_KIND_ARRAY || kind == JSON_KIND_NULL;
}

static void fields_write_tree(const struct fields *fields, struct json_iter *at, struct buf *out);

/* A value that is written in part, at which `iter` stands. */
static void fields_write_part(const struct fields *fields, struct json_iter *iter,
			      struct span value, struct buf *out)
{
	if (json_kind(value) >= JSON_KIND_ARRAY)
		fields_write_tree(fields, iter, out);
	else
		(void)buf_append(out, value.at, value.len); /* sticks */
}

/* Each of an array whose iter it is. */
static void fields_write_items(const struct fields *fields, struct json_iter *iter, struct buf *out)
{
	struct span none, item;
	char comma = '[';

	while (json_iter_step(iter, &none, &item)) {
		if (!fields_has_within(item))
			continue;
		(void)buf_putc(out, comma); /* failures stick, here and below */
		comma = ',';
		fields_write_part(fields, iter, item, out);
	}
	(void)buf_puts(out, comma == '[' ? "[]" : "]");
}

static void fields_write_members(const struct fields *fields, struct json_iter *iter,
				 struct buf *out)
{
	struct span name, member;
	char comma = '{';

	while (json_iter_step(iter, &name, &member)) {
		const struct fields *node = fields_find(fields, name);
		bool whole = node && node->whole;

		if (whole || !node)
			json_iter_whole(iter, &member);
		if (!node || (!whole && !fields_has_within(member)))
			continue;
		(void)buf_putc(out, comma); /* failures stick, here and below */
		comma = ',';
		(void)buf_append(out, name.at, name.len);
		(void)buf_putc(out, ':');
		if (whole)
			(void)buf_append(out, member.at, member.len);
		else
			fields_write_part(node, iter, member, out);
	}
	(void)buf_puts(out, comma == '{' ? "{}" : "}");
}

/* Depth is bounded by the document's, JSON_DEPTH_MAX. */
static void fields_write_tree(const struct fields *fields, struct json_iter *at, struct buf *out)
{
	struct json_iter iter;

	json_iter_enter(at, &iter);
	if (iter.object)
		fields_write_members(fields, &iter, out);
	else
		fields_write_items(fields, &iter, out);
	json_iter_leave(at, &iter);
}

void fields_write(const struct fields *fields, struct span value, struct buf *out)
{
	struct json_iter at = {.at = value.at, .end = value.at + value.len};

	fields_write_part(fields, &at, value, out);
}
