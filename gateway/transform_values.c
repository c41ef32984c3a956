/* transform_values: what a program may know of the request, each as a document. */
#include "common/json_write.h"
#include "gateway/exchange.h"
#include "gateway/form.h"
#include "gateway/identity.h"
#include "gateway/route_action.h"
#include "gateway/template.h"
#include "gateway/transform.h"

#include <string.h>

enum { TRANSFORM_VALUE_MAX = 1 << 20 }; /* a head at the settings' usual limits, escaped */

static void values_put(struct json_writer *j, const char *name, size_t name_len, struct span text)
{
	json_write_string_n(j, name, name_len);
	(void)buf_putc(j->out, ':'); /* sticks */
	j->comma = false;
	json_write_string_n(j, text.len ? text.at : "", text.len);
}

/* ---- $path ---- */

static unsigned values_hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* A path's escapes are sound, since it was normalized. */
static void values_put_decoded(struct json_writer *j, struct span name, struct span encoded,
			       struct buf *text)
{
	buf_reset(text);
	while (encoded.len) {
		unsigned char c = (unsigned char)encoded.at[0];
		size_t used = 1;

		if (c == '%' && encoded.len >= 3) {
			c = (unsigned char)(values_hex(encoded.at[1]) << 4 |
					    values_hex(encoded.at[2]));
			used = 3;
		}
		(void)buf_putc(text, (char)c);
		encoded.at += used;
		encoded.len -= used;
	}
	j->out->failed |= text->failed;
	values_put(j, name.at, name.len, (struct span){text->data, text->len});
}

static void values_write_path(struct exchange *x, struct json_writer *j)
{
	const struct router_match *match = &x->match;
	struct buf text;

	buf_init(&text, TRANSFORM_VALUE_MAX);
	for (size_t i = 0; i < match->parameter_count; i++)
		values_put_decoded(j, match->parameters[i].name, match->parameters[i].value, &text);
	if (match->rest.len)
		values_put_decoded(j, (struct span){"*", 1}, match->rest, &text);
	buf_fini(&text);
}

/* ---- $header ---- */

static bool values_is_named(const struct http1_field *a, const struct http1_field *b)
{
	return http_equal_nocase(a->name.at, a->name.len, b->name.at, b->name.len);
}

/* The values of all fields of that name, from this one on; nothing when there is one before it. */
static void values_write_field(const struct http1_head *head, size_t i, struct json_writer *j,
			       struct buf *text)
{
	const struct http1_field *field = &head->fields[i];
	char name[256];

	for (size_t k = 0; k < i; k++)
		if (values_is_named(&head->fields[k], field))
			return;
	if (field->name.len > sizeof(name))
		return;
	for (size_t k = 0; k < field->name.len; k++) {
		char c = field->name.at[k];

		name[k] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	buf_reset(text);
	for (size_t k = i; k < head->field_count; k++) {
		if (!values_is_named(&head->fields[k], field))
			continue;
		if (k > i)
			(void)buf_puts(text, ", "); /* failures stick */
		(void)buf_append(text, head->fields[k].value.at, head->fields[k].value.len);
	}
	j->out->failed |= text->failed;
	values_put(j, name, field->name.len, (struct span){text->data, text->len});
}

static void values_write_header(struct exchange *x, struct json_writer *j)
{
	struct buf text;

	buf_init(&text, TRANSFORM_VALUE_MAX);
	for (size_t i = 0; i < x->request.field_count; i++)
		values_write_field(&x->request, i, j, &text);
	buf_fini(&text);
}

/* ---- $claims ---- */

/* Names of claims are unique: those within objects have the objects' names before theirs. A list of
 * several is a list; what it holds, and numbers, are texts. */
static void values_write_claims(struct exchange *x, struct json_writer *j)
{
	const struct claims *claims = x->identity ? x->identity->claims : NULL;

	for (size_t i = 0; claims && i < claims->count; i++) {
		const struct claim *claim = &claims->items[i];
		const char *at = claim->rest.at, *end = at + claim->rest.len;

		if (!claim->rest.len || claim->rest.len <= strlen(at) + 1) {
			values_put(j, claim->name.at, claim->name.len, claim->text);
			continue;
		}
		json_write_string_n(j, claim->name.at, claim->name.len);
		(void)buf_putc(j->out, ':'); /* sticks */
		j->comma = false;
		json_write_array(j);
		for (; at < end; at += strlen(at) + 1)
			json_write_string(j, at);
		json_write_array_end(j);
	}
}

/* ---- All ---- */

static int values_write(struct exchange *x, const char *name, unsigned status, struct buf *out)
{
	struct json_writer j;
	struct err e;

	json_write_init(&j, out);
	if (strcmp(name, "status") == 0) {
		json_write_uint(&j, status);
		return 0;
	}
	if (strcmp(name, "query") == 0)
		return form_to_json(route_action_values(x).query, true, out, &e);
	json_write_object(&j);
	if (strcmp(name, "path") == 0)
		values_write_path(x, &j);
	else if (strcmp(name, "header") == 0)
		values_write_header(x, &j);
	else
		values_write_claims(x, &j);
	json_write_object_end(&j);
	return 0;
}

int transform_values(struct exchange *x, const struct settings_program *program, struct span body,
		     unsigned status, struct span *values)
{
	struct buf out;
	int result = 0;

	values[0] = body;
	buf_init(&out, TRANSFORM_VALUE_MAX);
	for (size_t i = 1; i < program->name_count && result == 0; i++) {
		char *copy = NULL;

		buf_reset(&out);
		result = values_write(x, program->names[i], status, &out);
		if (result == 0 && !out.failed)
			copy = arena_strndup(&x->arena, out.data, out.len);
		values[i] = (struct span){copy, copy ? out.len : 0};
		result = copy ? 0 : -1;
	}
	buf_fini(&out);
	return result;
}
