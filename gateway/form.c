/* form: the pairs are decoded one after the other, then those of one name are put together. */
#include "gateway/form.h"
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/json_write.h"
#include "gateway/query.h"

#include <errno.h>
#include <string.h>

/* Where in the decoded text a name and its value are. */
struct form_pair {
	size_t name, name_len, value, value_len;
	bool written;
};

struct form {
	struct buf text; /* decoded */
	struct form_pair *pairs;
	struct buf room; /* for them */
	size_t count;
	bool lenient;
	struct err *e;
};

static int form_full(const struct buf *out, struct err *e)
{
	return out->full ? err_code(e, EFBIG, "the form is too large")
			 : err_code(e, ENOMEM, "out of memory");
}

/* ---- To JSON ---- */

static bool form_is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Appends what it stands for. */
static int form_decode(struct form *f, struct span encoded, size_t *at, size_t *len)
{
	*at = f->text.len;
	while (encoded.len) {
		if (!f->lenient && encoded.at[0] == '%' &&
		    (encoded.len < 3 || !form_is_hex(encoded.at[1]) || !form_is_hex(encoded.at[2])))
			return err_set(f->e, "a '%%' without two hex digits in the form");
		if (buf_putc(&f->text, (char)query_byte(&encoded)) < 0)
			return err_code(f->e, ENOMEM, "out of memory");
	}
	*len = f->text.len - *at;
	if (!f->lenient && *len && !json_is_utf8((struct span){f->text.data + *at, *len}))
		return err_set(f->e, "the form is not UTF-8");
	return 0;
}

static int form_read(struct form *f, struct span form)
{
	struct span name, value;

	while (query_next(&form, &name, &value)) {
		struct form_pair *pair = &f->pairs[f->count];

		if (!name.len && !value.len) /* "a=1&&b=2" */
			continue;
		if (f->count == FORM_PAIRS_MAX && f->lenient)
			return 0;
		if (f->count == FORM_PAIRS_MAX)
			return err_set(f->e, "the form has more than %d values", FORM_PAIRS_MAX);
		*pair = (struct form_pair){0};
		if (form_decode(f, name, &pair->name, &pair->name_len) < 0 ||
		    form_decode(f, value, &pair->value, &pair->value_len) < 0)
			return -1;
		/* Lenient: what has no name in JSON can't be asked for there. */
		if (!pair->name_len ||
		    json_is_utf8((struct span){f->text.data + pair->name, pair->name_len}))
			f->count++;
	}
	return 0;
}

/* The next one from `i` on that has the name of `of`; the count: none. */
static size_t form_next_of(const struct form *f, size_t i, const struct form_pair *of)
{
	for (; i < f->count; i++)
		if (f->pairs[i].name_len == of->name_len &&
		    (!of->name_len || memcmp(f->text.data + f->pairs[i].name,
					     f->text.data + of->name, of->name_len) == 0))
			break;
	return i;
}

static void form_write_text(const struct form *f, struct json_writer *j, size_t at, size_t len)
{
	json_write_string_n(j, len ? f->text.data + at : "", len);
}

static void form_write_member(struct form *f, struct json_writer *j, size_t i)
{
	const struct form_pair *first = &f->pairs[i];
	bool list = form_next_of(f, i + 1, first) < f->count;

	form_write_text(f, j, first->name, first->name_len);
	(void)buf_putc(j->out, ':'); /* sticks */
	j->comma = false;
	if (list)
		json_write_array(j);
	for (; i < f->count; i = form_next_of(f, i + 1, first)) {
		f->pairs[i].written = true;
		form_write_text(f, j, f->pairs[i].value, f->pairs[i].value_len);
	}
	if (list)
		json_write_array_end(j);
}

int form_to_json(struct span form, bool lenient, struct buf *out, struct err *e)
{
	struct form f = {.lenient = lenient, .e = e};
	struct json_writer j;
	int result;

	buf_init(&f.text, form.len);
	buf_init(&f.room, FORM_PAIRS_MAX * sizeof(*f.pairs));
	f.pairs =
		(struct form_pair *)(void *)buf_reserve(&f.room, FORM_PAIRS_MAX * sizeof(*f.pairs));
	result = f.pairs ? form_read(&f, form) : err_code(e, ENOMEM, "out of memory");
	if (f.pairs && result == 0) {
		json_write_init(&j, out);
		json_write_object(&j);
		for (size_t i = 0; i < f.count; i++)
			if (!f.pairs[i].written)
				form_write_member(&f, &j, i);
		json_write_object_end(&j);
		if (out->failed)
			result = form_full(out, e);
	}
	buf_fini(&f.room);
	buf_fini(&f.text);
	return result;
}

/* ---- From JSON ---- */

/* WHATWG URL 5.2. */
static void form_encode_byte(char c, struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char byte = (unsigned char)c;
	const char escaped[] = {'%', hex[byte >> 4], hex[byte & 15]};

	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    (c && strchr("*-._", c)))
		(void)buf_putc(out, c); /* failures stick, here and below */
	else if (c == ' ')
		(void)buf_putc(out, '+');
	else
		(void)buf_append(out, escaped, sizeof(escaped));
}

static void form_encode_string(struct span string, struct buf *out)
{
	struct span rest = {string.at + 1, string.len - 2};
	char bytes[4];

	while (rest.len && !out->failed) {
		size_t n = json_string_next(&rest, bytes);

		for (size_t i = 0; i < n; i++)
			form_encode_byte(bytes[i], out);
	}
}

/* -1: it is no scalar. */
static int form_write_pair(struct span name, struct span value, bool first, struct buf *out)
{
	enum json_kind kind = json_kind(value);

	if (kind == JSON_KIND_ARRAY || kind == JSON_KIND_OBJECT)
		return -1;
	if (!first)
		(void)buf_putc(out, '&');
	form_encode_string(name, out);
	(void)buf_putc(out, '=');
	if (kind == JSON_KIND_STRING)
		form_encode_string(value, out);
	for (size_t i = 0; kind != JSON_KIND_STRING && kind != JSON_KIND_NULL && i < value.len; i++)
		form_encode_byte(value.at[i], out);
	return 0;
}

int form_from_json(struct span value, struct buf *out, struct err *e)
{
	struct json_iter members, items;
	struct span name, member, none, item;
	size_t start = out->len;
	int result = 0;

	if (json_kind(value) != JSON_KIND_OBJECT)
		return err_set(e, "only an object has a form");
	json_iter_init(&members, value);
	while (result == 0 && !out->failed && json_iter_next(&members, &name, &member)) {
		if (json_kind(member) != JSON_KIND_ARRAY) {
			result = form_write_pair(name, member, out->len == start, out);
			continue;
		}
		json_iter_init(&items, member);
		while (result == 0 && !out->failed && json_iter_next(&items, &none, &item))
			result = form_write_pair(name, item, out->len == start, out);
	}
	if (result < 0)
		return err_set(e, "the member %.*s is neither a scalar nor a list of them",
			       (int)(name.len < 64 ? name.len : 64), name.at);
	return out->failed ? form_full(out, e) : 0;
}
