/*
 * xml_from_json: writes a value as it is read, once: bodies are deep, and to look
 * for the end of each object in it first takes as often as long as it is deep.
 * So attributes that come after other members are put into their place later.
 */
#include "common/json_walk.h"
#include "gateway/xml_json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { XML_NAME_MAX = 1000 };

struct xml_writer {
	struct buf *out;
	struct buf *late; /* attributes of the elements that are open, beside those written */
	struct err *e;
};

static int xml_write_element(struct xml_writer *w, struct span name, struct json_iter *at,
			     struct span value);

/* The next character of a string, whole: json_string_next takes UTF-8 byte by byte. */
static size_t xml_next(struct span *rest, char bytes[4])
{
	size_t n = json_string_next(rest, bytes), len = n;
	unsigned char lead = (unsigned char)bytes[0];

	if (n == 1 && lead >= 0xc2)
		len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	while (n < len && rest->len)
		n += json_string_next(rest, bytes + n);
	return n;
}

/* XML 1.0 2.2, of one character of UTF-8. */
static bool xml_is_char(const char *bytes, size_t n)
{
	unsigned char c = (unsigned char)bytes[0];

	if (n == 1)
		return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
	return n != 3 || memcmp(bytes, "\xef\xbf", 2) != 0 || (unsigned char)bytes[2] < 0xbe;
}

/* XML 1.0 2.3, fifth edition, as libxml2 reads names: xmlValidateName is of the fourth. */
static const struct xml_range {
	uint32_t first, last;
	bool start; /* a name may begin so */
} xml_name_ranges[] = {
	{':', ':', true},	  {'A', 'Z', true},	  {'_', '_', true},
	{'a', 'z', true},	  {0xc0, 0xd6, true},	  {0xd8, 0xf6, true},
	{0xf8, 0x2ff, true},	  {0x370, 0x37d, true},	  {0x37f, 0x1fff, true},
	{0x200c, 0x200d, true},	  {0x2070, 0x218f, true}, {0x2c00, 0x2fef, true},
	{0x3001, 0xd7ff, true},	  {0xf900, 0xfdcf, true}, {0xfdf0, 0xfffd, true},
	{0x10000, 0xeffff, true}, {'-', '.', false},	  {'0', '9', false},
	{0xb7, 0xb7, false},	  {0x300, 0x36f, false},  {0x203f, 0x2040, false},
};

/* One character of UTF-8. */
static uint32_t xml_character(const char *bytes, size_t n)
{
	uint32_t c = (unsigned char)bytes[0];

	if (n > 1)
		c &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
	return c;
}

static bool xml_is_of_name(uint32_t c, bool first)
{
	for (size_t i = 0; i < sizeof(xml_name_ranges) / sizeof(xml_name_ranges[0]); i++)
		if (c >= xml_name_ranges[i].first && c <= xml_name_ranges[i].last)
			return xml_name_ranges[i].start || !first;
	return false;
}

static void xml_put(struct buf *out, const char *bytes, size_t n, bool attribute)
{
	switch (bytes[0]) { /* failures stick */
	case '&':
		(void)buf_puts(out, "&amp;");
		break;
	case '<':
		(void)buf_puts(out, "&lt;");
		break;
	case '>': /* "]]>" can't stand in text */
		(void)buf_puts(out, "&gt;");
		break;
	case '"':
		(void)buf_puts(out, attribute ? "&quot;" : "\"");
		break;
	case '\r':
		(void)buf_puts(out, "&#13;");
		break;
	case '\n':
	case '\t': /* attributes would have spaces of them (XML 1.0 3.3.3) */
		if (attribute)
			(void)buf_printf(out, "&#%d;", bytes[0]);
		else
			(void)buf_putc(out, bytes[0]);
		break;
	default:
		(void)buf_append(out, bytes, n);
		break;
	}
}

/* A scalar's text. */
static int xml_write_text(struct xml_writer *w, struct span value, bool attribute)
{
	struct span rest = {value.at + 1, value.len - 2};
	char bytes[4];

	if (json_kind(value) == JSON_KIND_NULL)
		return 0;
	if (json_kind(value) != JSON_KIND_STRING) {
		(void)buf_append(w->out, value.at, value.len);
		return 0;
	}
	while (rest.len) {
		size_t n = xml_next(&rest, bytes);

		if (!xml_is_char(bytes, n))
			return err_set(w->e, "a string has a character that XML can't");
		xml_put(w->out, bytes, n, attribute);
	}
	return 0;
}

/* What a member's name stands for, behind `skip` characters, if XML can have it as a name. */
static int xml_write_name(struct xml_writer *w, struct span name, size_t skip)
{
	struct span rest = {name.at + 1 + skip, name.len - 2 - skip};
	char text[XML_NAME_MAX + 4], bytes[4];
	bool good = true;
	size_t len = 0;

	while (rest.len && len < XML_NAME_MAX) {
		size_t n = xml_next(&rest, bytes);

		good &= xml_is_of_name(xml_character(bytes, n), !len);
		memcpy(text + len, bytes, n);
		len += n;
	}
	if (rest.len || !len || !good)
		return err_set(w->e, "no element or attribute can be called %.*s",
			       (int)(name.len < 64 ? name.len : 64), name.at);
	(void)buf_append(w->out, text, len);
	return 0;
}

static bool xml_is_attribute(struct span name)
{
	return name.len > 2 && name.at[1] == '@';
}

static bool xml_is_scalar(struct span value)
{
	return json_kind(value) != JSON_KIND_ARRAY && json_kind(value) != JSON_KIND_OBJECT;
}

static int xml_write_attribute(const struct xml_writer *w, struct buf *out, struct span name,
			       struct span value)
{
	struct xml_writer to = {.out = out, .e = w->e};

	if (!xml_is_scalar(value))
		return err_set(w->e, "the attribute %.*s is no scalar",
			       (int)(name.len < 64 ? name.len : 64), name.at);
	(void)buf_putc(out, ' '); /* failures stick, here and below */
	if (xml_write_name(&to, name, 1) < 0)
		return -1;
	(void)buf_puts(out, "=\"");
	if (xml_write_text(&to, value, true) < 0)
		return -1;
	(void)buf_putc(out, '"');
	return 0;
}

static int xml_write_list(struct xml_writer *w, struct span name, struct json_iter *list)
{
	struct span none, item;

	while (!w->out->failed && json_iter_step(list, &none, &item)) {
		if (json_kind(item) == JSON_KIND_ARRAY)
			return err_set(w->e, "a list within the list %.*s has no form in XML",
				       (int)(name.len < 64 ? name.len : 64), name.at);
		if (xml_write_element(w, name, list, item) < 0)
			return -1;
	}
	return 0;
}

/* `at` stands at the value. */
static int xml_write_child(struct xml_writer *w, struct span name, struct json_iter *at,
			   struct span value)
{
	static const struct span text = {"#text", 5};
	struct json_iter list;

	if (json_string_is(name, text))
		return xml_is_scalar(value) ? xml_write_text(w, value, false)
					    : err_set(w->e, "\"#text\" is no scalar");
	if (json_kind(value) != JSON_KIND_ARRAY)
		return xml_write_element(w, name, at, value);
	json_iter_enter(at, &list);
	if (xml_write_list(w, name, &list) < 0)
		return -1;
	json_iter_leave(at, &list);
	return 0;
}

/* Puts what is late from `mark` on before the '>' that ends at `start`. */
static void xml_insert_late(struct xml_writer *w, size_t mark, size_t start)
{
	struct buf *out = w->out, *late = w->late;
	size_t more = late->failed ? 0 : late->len - mark;

	out->failed |= late->failed;
	out->full |= late->full;
	if (!more)
		return;
	if (buf_append(out, late->data + mark, more) == 0) {
		memmove(out->data + start - 1 + more, out->data + start - 1,
			out->len - more - (start - 1));
		memcpy(out->data + start - 1, late->data + mark, more);
	}
	late->len = mark;
}

/* The attributes, the '>' and what is within, whose beginning is told. */
static int xml_write_object(struct xml_writer *w, struct json_iter *object, size_t *start)
{
	size_t mark = w->late->len;
	struct span name, value;
	bool empty;

	*start = 0;
	while (!w->out->failed && json_iter_step(object, &name, &value)) {
		if (xml_is_attribute(name)) {
			if (xml_write_attribute(w, *start ? w->late : w->out, name, value) < 0)
				return -1;
			continue;
		}
		if (!*start) {
			(void)buf_putc(w->out, '>'); /* failures stick, here and below */
			*start = w->out->len;
		}
		if (xml_write_child(w, name, object, value) < 0)
			return -1;
	}
	if (!*start) {
		(void)buf_putc(w->out, '>');
		*start = w->out->len;
	}
	empty = w->out->len == *start;
	xml_insert_late(w, mark, *start);
	*start = empty ? w->out->len : *start;
	return 0;
}

/* Of anything but a list, at which `at` stands. Depth is bounded by the document's,
 * JSON_DEPTH_MAX. */
static int xml_write_element(struct xml_writer *w, struct span name, struct json_iter *at,
			     struct span value)
{
	struct json_iter object;
	size_t start;

	(void)buf_putc(w->out, '<'); /* failures stick, here and below */
	if (xml_write_name(w, name, 0) < 0)
		return -1;
	if (json_kind(value) == JSON_KIND_OBJECT) {
		json_iter_enter(at, &object);
		if (xml_write_object(w, &object, &start) < 0)
			return -1;
		json_iter_leave(at, &object);
	} else {
		(void)buf_putc(w->out, '>');
		start = w->out->len;
		if (xml_write_text(w, value, false) < 0)
			return -1;
	}
	if (w->out->failed)
		return 0;
	if (w->out->len == start) {
		w->out->len--;
		(void)buf_puts(w->out, "/>");
		return 0;
	}
	(void)buf_puts(w->out, "</");
	(void)xml_write_name(w, name, 0); /* it went well before */
	(void)buf_putc(w->out, '>');
	return 0;
}

/* The one member of an object. */
static int xml_find_root(struct span value, struct span *name, struct span *root)
{
	struct json_iter iter;
	struct span more_name, more;

	json_iter_init(&iter, value);
	if (json_kind(value) != JSON_KIND_OBJECT || !json_iter_next(&iter, name, root) ||
	    json_iter_next(&iter, &more_name, &more))
		return -1;
	return xml_is_attribute(*name) || json_kind(*root) == JSON_KIND_ARRAY ? -1 : 0;
}

/* All of it, with the buf of late attributes. */
static int xml_write_document(struct xml_writer *w, struct span name, struct span value)
{
	struct json_iter at = {.at = value.at, .end = value.at + value.len};
	struct buf late;
	int result;

	buf_init(&late, w->out->max);
	w->late = &late;
	result = xml_write_element(w, name, &at, value);
	w->late = NULL;
	buf_fini(&late);
	(void)buf_putc(w->out, '\n'); /* sticks */
	return result;
}

int xml_from_json(struct span value, const char *root, struct buf *out, struct err *e)
{
	struct xml_writer w = {.out = out, .e = e};
	char quoted[XML_NAME_MAX + 2];
	struct span name;

	(void)buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"); /* sticks */
	if (root) {
		size_t len = strlen(root) < XML_NAME_MAX ? strlen(root) : XML_NAME_MAX;

		quoted[0] = quoted[len + 1] = '"';
		memcpy(quoted + 1, root, len);
		name = (struct span){quoted, len + 2};
		if (json_kind(value) == JSON_KIND_ARRAY)
			return err_set(e, "a list is no root element");
	} else if (xml_find_root(value, &name, &value) < 0) {
		return err_set(e, "only an object of one member, which is no list, is XML: that is "
				  "the root element; or write `root`");
	}
	if (xml_write_document(&w, name, value) < 0)
		return -1;
	if (!out->failed)
		return 0;
	return out->full ? err_code(e, EFBIG, "the XML is too large")
			 : err_code(e, ENOMEM, "out of memory");
}
