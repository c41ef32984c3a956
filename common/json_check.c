/* json_check: a machine with a stack of bounded depth; see value, key and after below. */
#include "common/json_check.h"
#include "common/json_walk.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	JSON_KEYS_HERE = 128, /* names that need no memory of their own */
	JSON_KEYS_FEW = 16,   /* of one object: each new one is compared with those before it */
};

/* Where the name of a member stands, quotes included. */
struct json_key {
	uint32_t at;
	uint32_t len : 31;
	uint32_t escaped : 1;
};

struct json_level {
	bool object;
	uint32_t first; /* its first name in `keys` */
};

struct json_checker {
	const char *start, *at, *end;
	struct json_level levels[JSON_DEPTH_MAX];
	unsigned depth;
	/* Names of all objects that are open; those of the innermost last. */
	struct json_key here[JSON_KEYS_HERE];
	struct json_key *keys;
	size_t key_count, key_room;
	struct err *e;
};

static int json_wrong(struct json_checker *c, const char *at, const char *what)
{
	return err_set(c->e, "byte %zu: %s", (size_t)(at - c->start), what);
}

static void json_space(struct json_checker *c)
{
	while (c->at < c->end &&
	       (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
		c->at++;
}

/* ---- Strings ---- */

size_t json_utf8(const unsigned char *s, size_t len)
{
	size_t n;
	unsigned min = 0x80, max = 0xbf;

	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > len)
		return 0;
	if (s[0] == 0xe0)
		min = 0xa0;
	else if (s[0] == 0xed)
		max = 0x9f;
	else if (s[0] == 0xf0)
		min = 0x90;
	else if (s[0] == 0xf4)
		max = 0x8f;
	if (s[1] < min || s[1] > max)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool json_is_utf8(struct span text)
{
	for (size_t i = 0, n = 1; i < text.len; i += n) {
		n = (unsigned char)text.at[i] < 0x80
			    ? 1
			    : json_utf8((const unsigned char *)text.at + i, text.len - i);
		if (!n)
			return false;
	}
	return true;
}

/* Four hex digits, or -1. */
static int json_hex4(const char *at, const char *end)
{
	int value = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* At a backslash. */
static int json_check_escape(struct json_checker *c)
{
	const char *at = c->at;
	int unit;

	if (c->end - at < 2 || !at[1] || !strchr("\"\\/bfnrtu", at[1]))
		return json_wrong(c, at, "no such escape");
	c->at += 2;
	if (at[1] != 'u')
		return 0;
	unit = json_hex4(at + 2, c->end);
	if (unit < 0)
		return json_wrong(c, at, "an escape \\u without its four hex digits");
	c->at += 4;
	if (unit < 0xd800 || unit > 0xdfff)
		return 0;
	if (unit < 0xdc00 && c->end - c->at >= 6 && c->at[0] == '\\' && c->at[1] == 'u' &&
	    (json_hex4(c->at + 2, c->end) & 0xfc00) == 0xdc00) {
		c->at += 6;
		return 0;
	}
	return json_wrong(c, at, "half of a surrogate pair");
}

/* At the opening quote; ends behind the closing one. */
static int json_check_string(struct json_checker *c, bool *escaped)
{
	const char *start = c->at++;

	*escaped = false;
	while (c->at < c->end) {
		unsigned char byte = (unsigned char)*c->at;

		if (byte == '"') {
			c->at++;
			return 0;
		}
		if (byte == '\\') {
			*escaped = true;
			if (json_check_escape(c) < 0)
				return -1;
		} else if (byte < 0x20) {
			return json_wrong(c, c->at, "a control character in a string");
		} else if (byte < 0x80) {
			c->at++;
		} else {
			size_t n =
				json_utf8((const unsigned char *)c->at, (size_t)(c->end - c->at));

			if (!n)
				return json_wrong(c, c->at, "not UTF-8");
			c->at += n;
		}
	}
	return json_wrong(c, start, "a string without its end");
}

/* ---- Names of members ---- */

static struct span json_key_span(const struct json_checker *c, const struct json_key *key)
{
	return (struct span){c->start + key->at, key->len};
}

static int json_compare_keys(const struct json_checker *c, const struct json_key *a,
			     const struct json_key *b)
{
	struct span first = json_key_span(c, a), second = json_key_span(c, b);

	if (a->escaped || b->escaped)
		return json_string_compare(first, second);
	if (first.len != second.len)
		return first.len < second.len ? -1 : 1;
	return memcmp(first.at, second.at, first.len);
}

/* By content, whatever it looks like; those with escapes have another order than those without, so
 * both are ordered by what they decode to here. */
static int json_order_keys(const void *a, const void *b, void *checker)
{
	const struct json_checker *c = checker;

	return json_string_compare(json_key_span(c, a), json_key_span(c, b));
}

static int json_twice(struct json_checker *c, const struct json_key *key)
{
	return json_wrong(c, c->start + key->at, "the object has this member twice");
}

static int json_more_keys(struct json_checker *c)
{
	size_t room = c->key_room * 2;
	struct json_key *keys = c->keys == c->here ? malloc(room * sizeof(*keys))
						   : realloc(c->keys, room * sizeof(*keys));

	if (!keys)
		return err_code(c->e, ENOMEM, "out of memory");
	if (c->keys == c->here)
		memcpy(keys, c->here, sizeof(c->here));
	c->keys = keys;
	c->key_room = room;
	return 0;
}

static int json_add_key(struct json_checker *c, const char *at, bool escaped)
{
	size_t first = c->levels[c->depth - 1].first, count = c->key_count - first;
	struct json_key key = {.at = (uint32_t)(at - c->start),
			       .len = (uint32_t)(c->at - at) & 0x7fffffff,
			       .escaped = escaped};

	for (size_t i = 0; i < count && count < JSON_KEYS_FEW; i++)
		if (json_compare_keys(c, &c->keys[first + i], &key) == 0)
			return json_twice(c, &key);
	if (c->key_count == c->key_room && json_more_keys(c) < 0)
		return -1;
	c->keys[c->key_count++] = key;
	return 0;
}

/* Of many names, compared when all are there. */
static int json_close_object(struct json_checker *c)
{
	size_t first = c->levels[c->depth - 1].first, count = c->key_count - first;
	struct json_key *keys = c->keys + first;

	c->key_count = first;
	if (count <= JSON_KEYS_FEW)
		return 0;
	qsort_r(keys, count, sizeof(*keys), json_order_keys, c);
	for (size_t i = 1; i < count; i++)
		if (json_order_keys(&keys[i - 1], &keys[i], c) == 0)
			return json_twice(c, &keys[i]);
	return 0;
}

/* ---- Values ---- */

static const char *json_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

static int json_check_number(struct json_checker *c)
{
	const char *at = c->at, *from;

	at += at < c->end && *at == '-';
	from = at;
	at = json_digits(at, c->end);
	if (at == from || (*from == '0' && at - from > 1))
		return json_wrong(c, c->at, "not a number of JSON");
	if (at < c->end && *at == '.') {
		from = at + 1;
		at = json_digits(from, c->end);
		if (at == from)
			return json_wrong(c, c->at, "not a number of JSON");
	}
	if (at < c->end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < c->end && (*at == '+' || *at == '-');
		from = at;
		at = json_digits(at, c->end);
		if (at == from)
			return json_wrong(c, c->at, "not a number of JSON");
	}
	c->at = at;
	return 0;
}

static int json_check_word(struct json_checker *c)
{
	static const struct span words[] = {{"true", 4}, {"false", 5}, {"null", 4}};

	for (size_t i = 0; i < 3; i++)
		if ((size_t)(c->end - c->at) >= words[i].len &&
		    memcmp(c->at, words[i].at, words[i].len) == 0) {
			c->at += words[i].len;
			return 0;
		}
	return json_wrong(c, c->at, "no value of JSON");
}

/* A name and its colon. */
static int json_check_key(struct json_checker *c)
{
	const char *start = c->at;
	bool escaped;

	if (c->at >= c->end || *c->at != '"')
		return json_wrong(c, c->at, "the name of a member is missing");
	if (json_check_string(c, &escaped) < 0 || json_add_key(c, start, escaped) < 0)
		return -1;
	json_space(c);
	if (c->at >= c->end || *c->at != ':')
		return json_wrong(c, c->at, "a ':' is missing");
	c->at++;
	json_space(c);
	return 0;
}

/* At a bracket or brace. 1: there is a value to come; 0: it is empty, and closed. */
static int json_open(struct json_checker *c)
{
	bool object = *c->at == '{';

	if (c->depth == JSON_DEPTH_MAX)
		return json_wrong(c, c->at, "nested too deep");
	c->levels[c->depth++] =
		(struct json_level){.object = object, .first = (uint32_t)c->key_count};
	c->at++;
	json_space(c);
	if (c->at < c->end && *c->at == (object ? '}' : ']')) {
		c->at++;
		c->depth--;
		return 0;
	}
	return object && json_check_key(c) < 0 ? -1 : 1;
}

/* 1: another value follows within; 0: the value is whole. */
static int json_check_value(struct json_checker *c)
{
	bool escaped;

	if (c->at >= c->end)
		return json_wrong(c, c->at, "a value is missing");
	if (*c->at == '{' || *c->at == '[')
		return json_open(c);
	if (*c->at == '"')
		return json_check_string(c, &escaped);
	if (*c->at == '-' || (*c->at >= '0' && *c->at <= '9'))
		return json_check_number(c);
	return json_check_word(c);
}

/* A value is whole: what is around it goes on or ends. 1: another value follows. */
static int json_after_value(struct json_checker *c)
{
	while (c->depth) {
		bool object = c->levels[c->depth - 1].object;

		json_space(c);
		if (c->at < c->end && *c->at == ',') {
			c->at++;
			json_space(c);
			return object && json_check_key(c) < 0 ? -1 : 1;
		}
		if (c->at >= c->end || *c->at != (object ? '}' : ']'))
			return json_wrong(c, c->at,
					  object ? "a ',' or '}' is missing"
						 : "a ',' or ']' is missing");
		c->at++;
		if (object && json_close_object(c) < 0)
			return -1;
		c->depth--;
	}
	return 0;
}

int json_check(struct span text, struct err *e)
{
	struct json_checker c = {.start = text.at, .at = text.at, .end = text.at + text.len};
	int more = 1;

	c.e = e;
	c.keys = c.here;
	c.key_room = JSON_KEYS_HERE;
	if (text.len > JSON_BYTES_MAX)
		return err_set(e, "more than %d bytes", JSON_BYTES_MAX);
	json_space(&c);
	while (more > 0) {
		more = json_check_value(&c);
		if (more == 0)
			more = json_after_value(&c);
	}
	if (more == 0) {
		json_space(&c);
		if (c.at < c.end)
			more = json_wrong(&c, c.at, "something follows the value");
	}
	if (c.keys != c.here)
		free(c.keys);
	return more;
}
