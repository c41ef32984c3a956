/*
 * rpc_json_read: XML as JSON, in one pass over a document that xml_guard has
 * passed: it is well-formed, its elements are where XML-RPC has them, and no
 * deeper than the guard allows, so that values can be read by recursion.
 */
#include "common/json_write.h"
#include "common/rpc_json.h"
#include "common/xml_scan.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_TEXT_MAX = 16 << 20, READ_NUMBER_MAX = 400 };

enum read_tag { READ_OPEN, READ_CLOSE, READ_END };

struct reader {
	struct xml_scan scan;
	struct json_writer j;
	struct buf text;  /* of the scalar or name at hand */
	struct span name; /* of the tag that was read */
	bool empty;	  /* it was <x/>: its end comes next */
	struct err *e;
};

static int read_value(struct reader *r);

static int read_refuse(struct reader *r, const char *what)
{
	return err_set(r->e, "a value is no %s", what);
}

/* ---- Tags and text ---- */

static void read_put(struct buf *text, uint32_t c)
{
	char bytes[4];
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (len == 1) {
		(void)buf_putc(text, (char)c); /* failure sticks */
		return;
	}
	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)((0xf00 >> len & 0xf0) | c);
	(void)buf_append(text, bytes, len);
}

/* One character of text; a line's end is one, however it was written (XML 1.0, 2.11). */
static void read_char(struct reader *r, bool raw)
{
	struct xml_scan *x = &r->scan;
	uint32_t c = 0;

	if (!raw && x->body[x->at] == '&') {
		(void)xml_scan_reference(x, &c); /* the guard has read it before */
		read_put(&r->text, c);
		return;
	}
	(void)xml_scan_char(x, &c);
	if (c == '\r') {
		if (x->at < x->len && x->body[x->at] == '\n')
			x->at++;
		c = '\n';
	}
	read_put(&r->text, c);
}

static void read_cdata(struct reader *r)
{
	struct xml_scan *x = &r->scan;

	x->at += strlen("<![CDATA[");
	while (x->at < x->len && !xml_scan_looks_at(x, "]]>"))
		read_char(r, true);
	x->at += strlen("]]>");
}

/* At '<' of a tag: over it. */
static enum read_tag read_over(struct reader *r)
{
	struct xml_scan *x = &r->scan;
	bool closes = x->body[x->at + 1] == '/';
	size_t from = x->at + 1 + closes;
	char quote = 0;

	r->name = (struct span){(const char *)x->body + from, 0};
	for (x->at = from; x->at < x->len; x->at++) {
		char c = (char)x->body[x->at];

		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? 0 : c;
		else if (!quote && c == '>')
			break;
	}
	while (from + r->name.len < x->at && !xml_scan_is_space(x->body[from + r->name.len]) &&
	       x->body[from + r->name.len] != '/')
		r->name.len++;
	r->empty = !closes && x->body[x->at - 1] == '/';
	x->at++;
	return closes ? READ_CLOSE : READ_OPEN;
}

/* Over what is no content. It begins where the guard says that it does: in "<!-->" the last two
 * characters are of the comment, and do not end it. */
static bool read_past(struct xml_scan *x, const char *begin, const char *end)
{
	if (!xml_scan_looks_at(x, begin))
		return false;
	x->at += strlen(begin);
	(void)xml_scan_until(x, end); /* the guard has found it */
	return true;
}

/* The next tag; the text before it is in r->text. */
static enum read_tag read_tag(struct reader *r)
{
	struct xml_scan *x = &r->scan;

	buf_reset(&r->text);
	if (r->empty) {
		r->empty = false;
		return READ_CLOSE;
	}
	while (x->at < x->len) {
		if (x->body[x->at] != '<')
			read_char(r, false);
		else if (read_past(x, "<!--", "-->") || read_past(x, "<?", "?>"))
			continue;
		else if (xml_scan_looks_at(x, "<![CDATA["))
			read_cdata(r);
		else
			return read_over(r);
	}
	return READ_END;
}

static bool read_is(const struct reader *r, const char *name)
{
	return strlen(name) == r->name.len && memcmp(r->name.at, name, r->name.len) == 0;
}

/* Behind an opening tag: over all of the element. */
static void read_skip(struct reader *r)
{
	for (unsigned depth = 1; depth > 0;) {
		enum read_tag tag = read_tag(r);

		if (tag == READ_END)
			return;
		depth = tag == READ_OPEN ? depth + 1 : depth - 1;
	}
}

/* ---- Scalars: their text is r->text ---- */

/* Without the space around it; NUL-terminated. NULL: memory is spent. */
static const char *read_trimmed(struct reader *r)
{
	const char *text;
	size_t len = r->text.len;

	while (len && xml_scan_is_space((unsigned char)r->text.data[len - 1]))
		len--;
	r->text.len = len;
	text = buf_str(&r->text);
	if (!text)
		(void)err_code(r->e, ENOMEM, "out of memory");
	return text ? text + strspn(text, " \t\n") : NULL;
}

static int read_int(struct reader *r, bool large)
{
	const char *text = read_trimmed(r);
	long long number;
	char *end;

	if (!text)
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || end == text || *end || (!large && (number < INT32_MIN || number > INT32_MAX)))
		return read_refuse(r, large ? "i8" : "int");
	json_write_int(&r->j, number);
	return 0;
}

static int read_bool(struct reader *r)
{
	const char *text = read_trimmed(r);

	if (!text)
		return -1;
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return read_refuse(r, "boolean");
	json_write_bool(&r->j, text[0] == '1');
	return 0;
}

/* True when it is a number of JSON as it stands (RFC 8259 section 6). */
static bool read_is_json_number(const char *text)
{
	text += *text == '-';
	if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9'))
		return false;
	text += strspn(text, "0123456789");
	if (*text == '.') {
		size_t digits = strspn(text + 1, "0123456789");

		text += digits ? digits + 1 : 0;
	}
	if (*text == 'e' || *text == 'E') {
		size_t sign = text[1] == '+' || text[1] == '-';
		size_t digits = strspn(text + 1 + sign, "0123456789");

		text += digits ? 1 + sign + digits : 0;
	}
	return !*text;
}

/* Its digits stay when JSON can have them. */
static int read_double(struct reader *r)
{
	const char *text = read_trimmed(r);
	char shown[40], *end;
	double number;

	if (!text)
		return -1;
	if (strlen(text) > READ_NUMBER_MAX || strspn(text, "+-.eE0123456789") != strlen(text))
		return read_refuse(r, "double that JSON knows");
	number = strtod(text, &end);
	if (end == text || *end || !isfinite(number))
		return read_refuse(r, "double that JSON knows");
	if (read_is_json_number(text)) {
		json_write_raw(&r->j, text);
		return 0;
	}
	(void)snprintf(shown, sizeof(shown), "%.17g", number);
	json_write_raw(&r->j, shown);
	return 0;
}

/* "20261121T10:00:00" as people write it; XML-RPC says no zone, and so says this. What is not
 * written so stays as it is. */
static int read_time(struct reader *r)
{
	static const char form[] = "ddddddddTdd:dd:dd";
	const char *text = read_trimmed(r);
	char shown[40];

	if (!text)
		return -1;
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i]) {
			json_write_string(&r->j, text);
			return 0;
		}
	(void)snprintf(shown, sizeof(shown), "%.4s-%.2s-%.11s", text, text + 4, text + 6);
	if (strlen(text) > sizeof(form) - 1)
		return read_refuse(r, "dateTime");
	json_write_string(&r->j, shown);
	return 0;
}

/* Peers break its lines. */
static int read_base64(struct reader *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->text.len; i++)
		if (!xml_scan_is_space((unsigned char)r->text.data[i]))
			r->text.data[kept++] = r->text.data[i];
	json_write_string_n(&r->j, kept ? r->text.data : "", kept);
	return 0;
}

static int read_string(struct reader *r)
{
	json_write_string_n(&r->j, r->text.len ? r->text.data : "", r->text.len);
	return 0;
}

/* Behind the opening tag of a scalar's type. */
static int read_scalar(struct reader *r)
{
	struct span type = r->name;
	char name[24];

	(void)read_tag(r); /* its end: r->text is all of it */
	if (r->text.failed)
		return err_code(r->e, ENOMEM, "out of memory");
	(void)snprintf(name, sizeof(name), "%.*s", (int)type.len, type.at);
	if (strcmp(name, "int") == 0 || strcmp(name, "i4") == 0)
		return read_int(r, false);
	if (strcmp(name, "i8") == 0)
		return read_int(r, true);
	if (strcmp(name, "boolean") == 0)
		return read_bool(r);
	if (strcmp(name, "double") == 0)
		return read_double(r);
	if (strcmp(name, "dateTime.iso8601") == 0)
		return read_time(r);
	if (strcmp(name, "base64") == 0)
		return read_base64(r);
	if (strcmp(name, "nil") != 0)
		return read_string(r);
	json_write_raw(&r->j, "null");
	return 0;
}

/* ---- Structs and arrays ---- */

/* At a <value> that was passed over: reads it, and comes back. */
static int read_value_at(struct reader *r, const struct xml_scan *at, bool empty)
{
	struct xml_scan after = r->scan;
	int result;

	r->scan = *at;
	r->empty = empty;
	result = read_value(r);
	r->scan = after;
	r->empty = false;
	return result;
}

/* Behind <member>, up to behind </member>. JSON has the name first; in XML-RPC it may come last. */
static int read_member(struct reader *r)
{
	struct xml_scan value;
	bool passed = false, empty = false;
	int result;

	while (read_tag(r) == READ_OPEN && !read_is(r, "name")) {
		value = r->scan;
		empty = r->empty;
		passed = true;
		read_skip(r);
	}
	(void)read_tag(r); /* </name> */
	if (!buf_str(&r->text))
		return err_code(r->e, ENOMEM, "out of memory");
	json_write_key(&r->j, r->text.data);
	if (passed) {
		result = read_value_at(r, &value, empty);
	} else {
		(void)read_tag(r); /* <value> */
		result = read_value(r);
	}
	read_skip(r);
	return result;
}

static int read_struct(struct reader *r)
{
	json_write_object(&r->j);
	while (read_tag(r) == READ_OPEN)
		if (read_member(r) < 0)
			return -1;
	json_write_object_end(&r->j);
	return 0;
}

/* Behind <data> or <params>'s opening: the values in it. */
static int read_array(struct reader *r)
{
	json_write_array(&r->j);
	(void)read_tag(r); /* <data> */
	while (read_tag(r) == READ_OPEN)
		if (read_value(r) < 0)
			return -1;
	(void)read_tag(r); /* </array> */
	json_write_array_end(&r->j);
	return 0;
}

/* Behind <value>, up to behind </value>. */
static int read_value(struct reader *r)
{
	int result;

	if (read_tag(r) == READ_CLOSE) { /* text alone is a string */
		if (r->text.failed)
			return err_code(r->e, ENOMEM, "out of memory");
		return read_string(r);
	}
	if (read_is(r, "struct"))
		result = read_struct(r);
	else if (read_is(r, "array"))
		result = read_array(r);
	else
		result = read_scalar(r);
	(void)read_tag(r); /* </value> */
	return result;
}

/* ---- Documents ---- */

static void reader_init(struct reader *r, struct span document, struct buf *json, struct err *e)
{
	*r = (struct reader){
		.scan = {.body = (const unsigned char *)document.at, .len = document.len, .e = e},
		.e = e};
	if (document.len >= 3 && memcmp(document.at, "\xef\xbb\xbf", 3) == 0)
		r->scan.at = 3;
	buf_init(&r->text, READ_TEXT_MAX);
	json_write_init(&r->j, json);
}

/* On <params> or <fault>: to its first value. False: it has none. */
static bool read_to_value(struct reader *r)
{
	while (read_tag(r) == READ_OPEN)
		if (read_is(r, "value"))
			return true;
	return false;
}

int rpc_json_read_reply(struct span document, struct buf *json, bool *fault, struct err *e)
{
	struct reader r;
	int result = -1;

	reader_init(&r, document, json, e);
	if (read_tag(&r) != READ_OPEN || !read_is(&r, "methodResponse") ||
	    read_tag(&r) != READ_OPEN) {
		(void)err_set(e, "it is no reply");
	} else {
		*fault = read_is(&r, "fault");
		if (read_to_value(&r))
			result = read_value(&r);
		else
			(void)err_set(e, "a reply without a value");
	}
	buf_fini(&r.text);
	return result;
}

/* The values of <param>s, behind <params>. */
static int read_params(struct reader *r)
{
	while (read_tag(r) == READ_OPEN) {
		(void)read_tag(r); /* <value> */
		if (read_value(r) < 0)
			return -1;
		(void)read_tag(r); /* </param> */
	}
	return 0;
}

int rpc_json_read_call(struct span document, struct buf *method, struct buf *json, struct err *e)
{
	struct reader r;
	int result = 0;

	reader_init(&r, document, json, e);
	json_write_array(&r.j);
	if (read_tag(&r) != READ_OPEN || !read_is(&r, "methodCall"))
		result = err_set(e, "it is no call");
	while (result == 0 && read_tag(&r) == READ_OPEN) {
		if (read_is(&r, "params")) {
			result = read_params(&r);
			continue;
		}
		(void)read_tag(&r);
		(void)buf_append(method, r.text.len ? r.text.data : "", r.text.len);
	}
	json_write_array_end(&r.j);
	buf_fini(&r.text);
	return result;
}
