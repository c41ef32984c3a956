/* jq_value: both ways without recursion. */
#include "gateway/jq_value.h"
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/json_write.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JQ_WRITE_DEPTH = 256, JQ_NUMBER_HERE = 64 };

/* ---- In ---- */

static double jq_long_number(struct span literal)
{
	char *text = malloc(literal.len + 1);
	double value = 0;

	if (!text) /* the literal itself goes out, unless somebody computes with it */
		return 0;
	memcpy(text, literal.at, literal.len);
	text[literal.len] = '\0';
	value = strtod(text, NULL);
	free(text);
	return value;
}

static double jq_number(struct span literal)
{
	char text[JQ_NUMBER_HERE];
	int64_t whole = 0;
	size_t i = literal.at[0] == '-';

	if (literal.len >= sizeof(text))
		return jq_long_number(literal);
	if (literal.len <= 16) {
		for (; i < literal.len && literal.at[i] >= '0' && literal.at[i] <= '9'; i++)
			whole = whole * 10 + (literal.at[i] - '0');
		if (i == literal.len && (whole || literal.at[0] != '-'))
			return (double)(literal.at[0] == '-' ? -whole : whole);
	}
	memcpy(text, literal.at, literal.len);
	text[literal.len] = '\0';
	return strtod(text, NULL);
}

static jv jq_string(struct span string)
{
	struct buf text;
	jv value;

	if (!memchr(string.at, '\\', string.len))
		return jv_string_sized(string.at + 1, (int)string.len - 2);
	buf_init(&text, string.len);
	json_string_decode(string, &text);
	value = jv_string_sized(text.len ? text.data : "", (int)text.len);
	buf_fini(&text);
	return value;
}

/* Of what is no array and no object. `mark`: where it stands. */
static jv jq_scalar(struct span value, size_t mark)
{
	jv number;

	switch (json_kind(value)) {
	case JSON_KIND_STRING:
		return jq_string(value);
	case JSON_KIND_TRUE:
		return jv_true();
	case JSON_KIND_FALSE:
		return jv_false();
	case JSON_KIND_NUMBER:
		number = jv_number(jq_number(value));
		number.size = (int)mark;
		return number;
	case JSON_KIND_NULL:
	case JSON_KIND_ARRAY:
	case JSON_KIND_OBJECT:
		break;
	}
	return jv_null();
}

struct jq_reading {
	struct json_iter iter;
	jv value; /* so far */
	jv name;  /* of the member that is being read */
};

static bool jq_is_tree(struct span value)
{
	return value.at[0] == '{' || value.at[0] == '[';
}

static void jq_open(struct jq_reading *level, struct span value)
{
	json_iter_init(&level->iter, value);
	level->value = level->iter.object ? jv_object() : jv_array();
}

static void jq_add(struct jq_reading *level, jv value)
{
	if (level->iter.object)
		level->value = jv_object_set(level->value, level->name, value);
	else
		level->value = jv_array_append(level->value, value);
}

jv jq_value_read(const struct jq_texts *texts, size_t index)
{
	struct jq_reading levels[JSON_DEPTH_MAX + 4]; /* joined parts are deeper than checked */
	struct span text = json_value(texts->items[index]), name, value;
	size_t base = 1, depth = 0;
	jv done;

	for (size_t i = 0; i < index; i++)
		base += texts->items[i].len;
	base += (size_t)(text.at - texts->items[index].at);
	if (!jq_is_tree(text))
		return jq_scalar(text, base);
	jq_open(&levels[depth++], text);
	for (;;) {
		struct jq_reading *level = &levels[depth - 1];

		if (!json_iter_next(&level->iter, &name, &value)) {
			done = level->value;
			if (--depth == 0)
				return done;
			jq_add(&levels[depth - 1], done);
			continue;
		}
		if (level->iter.object)
			level->name = jq_string(name);
		if (jq_is_tree(value) && depth < sizeof(levels) / sizeof(levels[0]))
			jq_open(&levels[depth++], value);
		else
			jq_add(level, jq_scalar(value, base + (size_t)(value.at - text.at)));
	}
}

/* ---- Out ---- */

/* The literal that a mark points at; len 0: there is none. */
static struct span jq_literal(jv number, const struct jq_texts *texts)
{
	size_t at = (size_t)number.size - 1, len = 0;
	struct span literal;

	if (number.size <= 0)
		return (struct span){NULL, 0};
	for (size_t i = 0; i < texts->count; at -= texts->items[i++].len) {
		if (at >= texts->items[i].len)
			continue;
		literal = (struct span){texts->items[i].at + at, texts->items[i].len - at};
		while (len < literal.len && literal.at[len] &&
		       strchr("+-.0123456789eE", literal.at[len]))
			len++;
		return (struct span){literal.at, len};
	}
	return (struct span){NULL, 0};
}

/* The shortest text that reads as the same double. */
static void jq_write_double(double value, struct buf *out)
{
	char text[32];
	int digits = 15;

	if (isnan(value)) {
		(void)buf_puts(out, "null"); /* as jq does; sticks, here and below */
		return;
	}
	if (isinf(value))
		value = value > 0 ? DBL_MAX : -DBL_MAX;
	if (fabs(value) < 1e15 && value == (double)(int64_t)value) {
		(void)buf_printf(out, "%lld", (long long)value);
		return;
	}
	do {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
	} while (digits++ < 17 && strtod(text, NULL) != value);
	(void)buf_puts(out, text);
}

static void jq_write_number(jv number, const struct jq_texts *texts, struct buf *out)
{
	struct span literal = jq_literal(number, texts);

	if (literal.len)
		(void)buf_append(out, literal.at, literal.len);
	else
		jq_write_double(jv_number_value(number), out);
}

static void jq_write_string(jv string, struct buf *out)
{
	struct json_writer j;

	json_write_init(&j, out);
	json_write_string_n(&j, jv_string_value(string),
			    (size_t)jv_string_length_bytes(jv_copy(string)));
}

/* What is no array and no object; borrows. */
static void jq_write_scalar(jv value, const struct jq_texts *texts, struct buf *out)
{
	switch (jv_get_kind(value)) {
	case JV_KIND_NUMBER:
		jq_write_number(value, texts, out);
		break;
	case JV_KIND_STRING:
		jq_write_string(value, out);
		break;
	case JV_KIND_TRUE:
		(void)buf_puts(out, "true");
		break;
	case JV_KIND_FALSE:
		(void)buf_puts(out, "false");
		break;
	case JV_KIND_NULL:
	case JV_KIND_INVALID:
	case JV_KIND_ARRAY:
	case JV_KIND_OBJECT:
		(void)buf_puts(out, "null");
		break;
	}
}

struct jq_writing {
	jv value; /* owned */
	bool object, begun;
	int at; /* index, or libjq's iterator */
};

static void jq_begin(struct jq_writing *level, jv value, struct buf *out)
{
	*level =
		(struct jq_writing){.value = value, .object = jv_get_kind(value) == JV_KIND_OBJECT};
	(void)buf_putc(out, level->object ? '{' : '[');
}

/* Writes what stands before the next value. False: there is none, and the bracket is closed. */
static bool jq_next_value(struct jq_writing *level, struct buf *out, jv *value)
{
	jv name;

	if (level->object)
		level->at = level->begun ? jv_object_iter_next(level->value, level->at)
					 : jv_object_iter(level->value);
	else
		level->at = level->begun ? level->at + 1 : 0;
	if (level->object ? !jv_object_iter_valid(level->value, level->at)
			  : level->at >= jv_array_length(jv_copy(level->value))) {
		(void)buf_putc(out, level->object ? '}' : ']');
		return false;
	}
	if (level->begun)
		(void)buf_putc(out, ',');
	level->begun = true;
	if (!level->object) {
		*value = jv_array_get(jv_copy(level->value), level->at);
		return true;
	}
	name = jv_object_iter_key(level->value, level->at);
	jq_write_string(name, out);
	jv_free(name);
	(void)buf_putc(out, ':');
	*value = jv_object_iter_value(level->value, level->at);
	return true;
}

static bool jq_is_container(jv value)
{
	return jv_get_kind(value) == JV_KIND_ARRAY || jv_get_kind(value) == JV_KIND_OBJECT;
}

int jq_value_write(jv value, const struct jq_texts *texts, struct buf *out)
{
	struct jq_writing levels[JQ_WRITE_DEPTH];
	size_t depth = 0;
	bool deep = false;

	if (!jq_is_container(value)) {
		jq_write_scalar(value, texts, out);
		return out->failed ? -1 : 0;
	}
	jq_begin(&levels[depth++], jv_copy(value), out);
	while (depth) {
		jv next;

		if (out->failed || deep || !jq_next_value(&levels[depth - 1], out, &next)) {
			jv_free(levels[--depth].value);
			continue;
		}
		if (jq_is_container(next) && depth < JQ_WRITE_DEPTH) {
			jq_begin(&levels[depth++], next, out);
			continue;
		}
		deep = jq_is_container(next);
		if (!deep)
			jq_write_scalar(next, texts, out);
		jv_free(next);
	}
	return out->failed || deep ? -1 : 0;
}
