/* json_walk: trusts that json_check has seen the text. */
#include "common/json_walk.h"

#include <string.h>

static bool json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct span json_value(struct span text)
{
	while (text.len && json_is_space(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len && json_is_space(text.at[text.len - 1]))
		text.len--;
	return text;
}

enum json_kind json_kind(struct span value)
{
	switch (value.len ? value.at[0] : 'n') {
	case '{':
		return JSON_KIND_OBJECT;
	case '[':
		return JSON_KIND_ARRAY;
	case '"':
		return JSON_KIND_STRING;
	case 't':
		return JSON_KIND_TRUE;
	case 'f':
		return JSON_KIND_FALSE;
	case 'n':
		return JSON_KIND_NULL;
	default:
		return JSON_KIND_NUMBER;
	}
}

/* ---- Skipping ---- */

/* At a quote: behind its end. */
static const char *json_skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

static const char *json_skip_tree(const char *at, const char *end)
{
	unsigned depth = 0;

	while (at < end) {
		char c = *at;

		if (c == '"') {
			at = json_skip_string(at, end);
			continue;
		}
		at++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			break;
	}
	return at;
}

static const char *json_skip(const char *at, const char *end)
{
	if (*at == '"')
		return json_skip_string(at, end);
	if (*at == '{' || *at == '[')
		return json_skip_tree(at, end);
	while (at < end && *at != ',' && *at != '}' && *at != ']' && !json_is_space(*at))
		at++;
	return at;
}

/* ---- Members and elements ---- */

void json_iter_init(struct json_iter *iter, struct span value)
{
	enum json_kind kind = json_kind(value);

	*iter = (struct json_iter){.object = kind == JSON_KIND_OBJECT};
	if (kind == JSON_KIND_OBJECT || kind == JSON_KIND_ARRAY) {
		iter->at = value.at + 1;
		iter->end = value.at + value.len - 1;
	}
}

static void json_iter_space(struct json_iter *iter)
{
	while (iter->at < iter->end && (json_is_space(*iter->at) || *iter->at == ','))
		iter->at++;
}

/* To the next value, past its name. */
static bool json_iter_seek(struct json_iter *iter, struct span *name)
{
	const char *start;

	*name = (struct span){NULL, 0};
	json_iter_space(iter);
	if (iter->at >= iter->end || *iter->at == '}' || *iter->at == ']')
		return false;
	if (!iter->object)
		return true;
	start = iter->at;
	iter->at = json_skip_string(start, iter->end);
	*name = (struct span){start, (size_t)(iter->at - start)};
	while (iter->at < iter->end && (json_is_space(*iter->at) || *iter->at == ':'))
		iter->at++;
	return iter->at < iter->end;
}

static void json_iter_take(struct json_iter *iter, struct span *value)
{
	const char *start = iter->at;

	iter->at = json_skip(start, iter->end);
	*value = (struct span){start, (size_t)(iter->at - start)};
}

bool json_iter_next(struct json_iter *iter, struct span *name, struct span *value)
{
	if (!json_iter_seek(iter, name))
		return false;
	json_iter_take(iter, value);
	return true;
}

bool json_iter_step(struct json_iter *iter, struct span *name, struct span *value)
{
	if (!json_iter_seek(iter, name))
		return false;
	if (*iter->at == '{' || *iter->at == '[')
		*value = (struct span){iter->at, 1};
	else
		json_iter_take(iter, value);
	return true;
}

void json_iter_enter(const struct json_iter *iter, struct json_iter *inner)
{
	*inner = (struct json_iter){
		.at = iter->at + 1, .end = iter->end, .object = *iter->at == '{'};
}

void json_iter_leave(struct json_iter *iter, const struct json_iter *inner)
{
	iter->at = inner->at < inner->end ? inner->at + 1 : inner->end;
}

void json_iter_whole(struct json_iter *iter, struct span *value)
{
	if (json_kind(*value) < JSON_KIND_ARRAY)
		return; /* it is, and the iter behind it */
	json_iter_take(iter, value);
}

bool json_member(struct span object, struct span name, struct span *value)
{
	struct json_iter iter;
	struct span key;

	json_iter_init(&iter, object);
	while (iter.object && json_iter_next(&iter, &key, value))
		if (json_string_is(key, name))
			return true;
	return false;
}

/* ---- Strings ---- */

static unsigned json_unit(const char *at)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)at[i];

		value = value * 16 + (c <= '9' ? c - 48U : (c | 0x20U) - 'a' + 10U);
	}
	return value & 0xffff;
}

static size_t json_encode(unsigned point, char bytes[4])
{
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; point >>= 6)
		bytes[i] = (char)(0x80 | (point & 0x3f));
	bytes[0] = (char)(n == 1 ? point : first[n] | point);
	return n;
}

static size_t json_escape_u(struct span *rest, char bytes[4])
{
	unsigned point = rest->len >= 4 ? json_unit(rest->at) : 0;
	size_t used = rest->len >= 4 ? 4 : rest->len;

	if ((point & 0xfc00) == 0xd800 && rest->len >= 10) {
		point = 0x10000 + ((point & 0x3ff) << 10) + (json_unit(rest->at + 6) & 0x3ff);
		used = 10;
	}
	rest->at += used;
	rest->len -= used;
	return json_encode(point, bytes);
}

size_t json_string_next(struct span *rest, char bytes[4])
{
	static const char names[] = "bfnrt", stands[] = "\b\f\n\r\t";
	const char *name;
	char c = *rest->at++;

	rest->len--;
	bytes[0] = c;
	if (c != '\\' || !rest->len)
		return 1;
	c = *rest->at++;
	rest->len--;
	if (c == 'u')
		return json_escape_u(rest, bytes);
	name = c ? strchr(names, c) : NULL;
	bytes[0] = name ? stands[name - names] : c;
	return 1;
}

static struct span json_inside(struct span string)
{
	return (struct span){string.at + 1, string.len > 2 ? string.len - 2 : 0};
}

bool json_string_is(struct span string, struct span text)
{
	struct span rest = json_inside(string);
	char bytes[4];
	size_t n;

	if (rest.len == text.len && memcmp(rest.at, text.at, text.len) == 0)
		return !text.len || !memchr(rest.at, '\\', rest.len);
	if (!rest.len || !memchr(rest.at, '\\', rest.len))
		return false;
	while (rest.len) {
		n = json_string_next(&rest, bytes);
		if (n > text.len || memcmp(bytes, text.at, n) != 0)
			return false;
		text.at += n;
		text.len -= n;
	}
	return !text.len;
}

/* One byte at a time of each; `held` are those of a character that was taken off already. */
struct json_bytes {
	struct span rest;
	char held[4];
	size_t at, count;
};

/* -1 at the end. */
static int json_byte(struct json_bytes *b)
{
	if (b->at == b->count) {
		if (!b->rest.len)
			return -1;
		b->count = json_string_next(&b->rest, b->held);
		b->at = 0;
	}
	return (unsigned char)b->held[b->at++];
}

int json_string_compare(struct span a, struct span b)
{
	struct json_bytes x = {.rest = json_inside(a)}, y = {.rest = json_inside(b)};

	for (;;) {
		int p = json_byte(&x), q = json_byte(&y);

		if (p != q)
			return p < q ? -1 : 1;
		if (p < 0)
			return 0;
	}
}

void json_string_decode(struct span string, struct buf *out)
{
	struct span rest = json_inside(string);
	char bytes[4];

	while (rest.len) {
		const char *escape = memchr(rest.at, '\\', rest.len);
		size_t plain = escape ? (size_t)(escape - rest.at) : rest.len;

		(void)buf_append(out, rest.at, plain); /* sticks */
		rest.at += plain;
		rest.len -= plain;
		if (rest.len)
			(void)buf_append(out, bytes, json_string_next(&rest, bytes));
	}
}
