/* rpc_json_write: values as XML. */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/rpc_json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_SHOWN_MAX = 40, NUMBER_MAX = 64, TEXT_MAX = 16 << 20 };

/* ---- Types ---- */

static const struct {
	const char *name, *signature, *allowed;
} rpc_json_types[RPC_JSON_TYPE_COUNT] = {
	[RPC_JSON_STRING] = {"string", "string", "text without control characters"},
	[RPC_JSON_INT] = {"int", "i4", "a whole number from -2147483648 to 2147483647"},
	[RPC_JSON_BOOLEAN] = {"boolean", "bool", "true or false"},
	[RPC_JSON_DOUBLE] = {"double", "double", "a number like 0.5"},
	[RPC_JSON_DATETIME] = {"dateTime", "dateTime.iso8601", "a time like 2026-11-21T10:00:00Z"},
	[RPC_JSON_BASE64] = {"base64", "base64", "RFC 4648's, with its padding"},
	[RPC_JSON_ANY] = {"json", "struct", "JSON whose whole numbers have at most 32 bits"},
};

int rpc_json_type_parse(const char *name)
{
	for (int i = 0; i < RPC_JSON_TYPE_COUNT; i++)
		if (strcmp(name, rpc_json_types[i].name) == 0)
			return i;
	return -1;
}

static bool rpc_json_is(struct span text, const char *other)
{
	return strlen(other) == text.len && memcmp(text.at, other, text.len) == 0;
}

int rpc_json_type_of_signature(struct span name)
{
	if (rpc_json_is(name, "array"))
		return RPC_JSON_ANY;
	for (int i = 0; i < RPC_JSON_TYPE_COUNT; i++)
		if (rpc_json_is(name, rpc_json_types[i].name) ||
		    rpc_json_is(name, rpc_json_types[i].signature))
			return i;
	return -1;
}

static int rpc_json_refuse(enum rpc_json_type type, struct span text, struct err *e)
{
	int shown = text.len > TEXT_SHOWN_MAX ? TEXT_SHOWN_MAX : (int)text.len;
	char safe[TEXT_SHOWN_MAX + 1];

	for (int i = 0; i < shown; i++)
		safe[i] = text.at[i] < ' ' || text.at[i] > '~' ? '?' : text.at[i];
	safe[shown] = '\0';
	return err_set(e, "\"%s%s\" is no %s; allowed: %s", safe,
		       text.len > TEXT_SHOWN_MAX ? "..." : "", rpc_json_types[type].name,
		       rpc_json_types[type].allowed);
}

/* ---- Scalars ---- */

static void rpc_json_put(struct buf *xml, const char *type, struct span text)
{
	(void)buf_puts(xml, "<value><"); /* failure sticks, here and below */
	(void)buf_puts(xml, type);
	(void)buf_putc(xml, '>');
	(void)buf_append(xml, text.at, text.len);
	(void)buf_puts(xml, "</");
	(void)buf_puts(xml, type);
	(void)buf_puts(xml, "></value>");
}

/* XML has no way to write most control characters, nor U+FFFE and U+FFFF (XML 1.0, 2.2). A carriage
 * return would be read as a line's end. */
int rpc_json_write_escaped(struct buf *xml, struct span text)
{
	for (size_t i = 0; i < text.len;) {
		const unsigned char *at = (const unsigned char *)text.at + i;
		size_t len = *at < 0x80 ? 1 : json_utf8(at, text.len - i);
		bool none = len == 3 && at[0] == 0xef && at[1] == 0xbf && at[2] >= 0xbe;

		if (!len || none || (*at < ' ' && *at != '\t' && *at != '\n' && *at != '\r'))
			return -1;
		if (*at == '<')
			(void)buf_puts(xml, "&lt;");
		else if (*at == '>')
			(void)buf_puts(xml, "&gt;");
		else if (*at == '&')
			(void)buf_puts(xml, "&amp;");
		else if (*at == '\r')
			(void)buf_puts(xml, "&#13;");
		else
			(void)buf_append(xml, at, len);
		i += len;
	}
	return 0;
}

static int rpc_json_put_string(struct buf *xml, struct span text, struct err *e)
{
	(void)buf_puts(xml, "<value><string>");
	if (rpc_json_write_escaped(xml, text) < 0)
		return rpc_json_refuse(RPC_JSON_STRING, text, e);
	(void)buf_puts(xml, "</string></value>");
	return 0;
}

/* A NUL-terminated copy of what may be a number; false: it is none. */
static bool rpc_json_number(struct span text, const char *of, char copy[NUMBER_MAX])
{
	if (!text.len || text.len >= NUMBER_MAX)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	return strspn(copy, of) == text.len;
}

static int rpc_json_put_int(struct buf *xml, struct span text, struct err *e)
{
	char copy[NUMBER_MAX], *end;
	long long number;

	if (!rpc_json_number(text, "+-0123456789", copy))
		return rpc_json_refuse(RPC_JSON_INT, text, e);
	errno = 0;
	number = strtoll(copy, &end, 10);
	if (errno || *end || number < INT32_MIN || number > INT32_MAX)
		return rpc_json_refuse(RPC_JSON_INT, text, e);
	(void)buf_puts(xml, number < 0 ? "<value><int>-" : "<value><int>");
	(void)buf_put_uint(xml, (uint64_t)(number < 0 ? -number : number));
	(void)buf_puts(xml, "</int></value>");
	return 0;
}

/* Without an exponent, which XML-RPC does not have, when there was none: the digits stay. */
static int rpc_json_put_double(struct buf *xml, struct span text, struct err *e)
{
	char copy[NUMBER_MAX], *end;
	double number;

	if (!rpc_json_number(text, "+-.eE0123456789", copy))
		return rpc_json_refuse(RPC_JSON_DOUBLE, text, e);
	number = strtod(copy, &end);
	if (end == copy || *end || !isfinite(number))
		return rpc_json_refuse(RPC_JSON_DOUBLE, text, e);
	if (strpbrk(copy, "eE"))
		(void)buf_printf(xml, "<value><double>%.*f</double></value>",
				 fabs(number) < 1 ? 340 : 0, number);
	else
		rpc_json_put(xml, "double", text);
	return 0;
}

static int rpc_json_put_bool(struct buf *xml, struct span text, struct err *e)
{
	bool yes = rpc_json_is(text, "true") || rpc_json_is(text, "1");

	if (!yes && !rpc_json_is(text, "false") && !rpc_json_is(text, "0"))
		return rpc_json_refuse(RPC_JSON_BOOLEAN, text, e);
	rpc_json_put(xml, "boolean", (struct span){yes ? "1" : "0", 1});
	return 0;
}

/* "+02:00": seconds; false: it is none. */
static bool rpc_json_offset(const char *at, int *seconds)
{
	static const char form[] = "+dd:dd";

	for (size_t i = 1; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? at[i] < '0' || at[i] > '9' : at[i] != form[i])
			return false;
	*seconds =
		((at[1] - '0') * 10 + at[2] - '0') * 3600 + ((at[4] - '0') * 10 + at[5] - '0') * 60;
	*seconds *= at[0] == '-' ? -1 : 1;
	return at[1] <= '2' && at[4] <= '5' && !at[6];
}

/* strptime takes February 30, and timegm makes another day of it. */
static bool rpc_json_is_day(const struct tm *tm)
{
	struct tm day = {.tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday};

	(void)timegm(&day);
	return day.tm_mon == tm->tm_mon && day.tm_mday == tm->tm_mday;
}

/* RFC 3339, or XML-RPC's own 20261121T10:00:00. XML-RPC knows no zones: UTC is sent. */
static bool rpc_json_time(const char *text, char out[32])
{
	struct tm tm = {0}, utc;
	int offset = 0;
	const char *at;
	time_t seconds;

	at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	at = at ? at : strptime(text, "%Y%m%dT%H:%M:%S", &tm);
	if (!at || !rpc_json_is_day(&tm))
		return false;
	if (*at == '.')
		at += 1 + strspn(at + 1, "0123456789"); /* XML-RPC has whole seconds */
	if ((*at == '+' || *at == '-') ? !rpc_json_offset(at, &offset)
				       : *at && strcmp(at, "Z") != 0 && strcmp(at, "z") != 0)
		return false;
	seconds = timegm(&tm) - offset;
	return gmtime_r(&seconds, &utc) && utc.tm_year >= -1900 && utc.tm_year <= 8099 &&
	       snprintf(out, 32, "%04d%02d%02dT%02d:%02d:%02d", utc.tm_year + 1900, utc.tm_mon + 1,
			utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec) > 0;
}

static int rpc_json_put_time(struct buf *xml, struct span text, struct err *e)
{
	char copy[NUMBER_MAX], time[32];

	if (!rpc_json_number(text, "0123456789:TZtz+-.", copy) || !rpc_json_time(copy, time))
		return rpc_json_refuse(RPC_JSON_DATETIME, text, e);
	rpc_json_put(xml, "dateTime.iso8601", (struct span){time, strlen(time)});
	return 0;
}

/* RFC 4648 section 4. */
static bool rpc_json_is_base64(struct span text)
{
	size_t len = text.len;

	if (len % 4)
		return false;
	for (int i = 0; i < 2 && len && text.at[len - 1] == '='; i++)
		len--;
	for (size_t i = 0; i < len; i++) {
		char c = text.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '+' || c == '/'))
			return false;
	}
	return true;
}

static int rpc_json_put_base64(struct buf *xml, struct span text, struct err *e)
{
	if (!rpc_json_is_base64(text))
		return rpc_json_refuse(RPC_JSON_BASE64, text, e);
	rpc_json_put(xml, "base64", text);
	return 0;
}

static int rpc_json_put_document(struct buf *xml, struct span text, struct err *e)
{
	struct err why = {0};

	if (json_check(text, &why) == 0)
		return rpc_json_write(xml, json_value(text), e);
	return err_code(e, why.code, "it is no JSON: %s", why.text);
}

int rpc_json_write_text(struct buf *xml, enum rpc_json_type type, struct span text, struct err *e)
{
	switch (type) {
	case RPC_JSON_INT:
		return rpc_json_put_int(xml, text, e);
	case RPC_JSON_BOOLEAN:
		return rpc_json_put_bool(xml, text, e);
	case RPC_JSON_DOUBLE:
		return rpc_json_put_double(xml, text, e);
	case RPC_JSON_DATETIME:
		return rpc_json_put_time(xml, text, e);
	case RPC_JSON_BASE64:
		return rpc_json_put_base64(xml, text, e);
	case RPC_JSON_ANY:
		return rpc_json_put_document(xml, text, e);
	case RPC_JSON_STRING:
	case RPC_JSON_TYPE_COUNT:
		break;
	}
	return rpc_json_put_string(xml, text, e);
}

/* ---- JSON ---- */

/* What a string of JSON stands for, escaped. */
static int rpc_json_put_decoded(struct buf *xml, struct span json, struct err *e)
{
	struct buf text;
	struct span plain;
	int result = 0;

	buf_init(&text, TEXT_MAX);
	json_string_decode(json, &text);
	plain = (struct span){text.len ? text.data : "", text.len};
	if (text.failed)
		result = err_code(e, ENOMEM, "out of memory");
	else if (rpc_json_write_escaped(xml, plain) < 0)
		result = rpc_json_refuse(RPC_JSON_STRING, plain, e);
	buf_fini(&text);
	return result;
}

/* 2^53: up to here a double is the same number. */
#define EXACT_MAX (INT64_C(1) << 53)

/* A number that neither an int nor the exact dialect has room for: never another one. */
static int rpc_json_put_large(struct buf *xml, struct span json, enum rpc_json_dialect dialect)
{
	char copy[NUMBER_MAX], *end;
	long long number = 0;
	bool fits = rpc_json_number(json, "-0123456789", copy);

	errno = 0;
	if (fits)
		number = strtoll(copy, &end, 10);
	fits = fits && !errno;
	if (fits && dialect == RPC_JSON_EXTENDED)
		rpc_json_put(xml, "i8", json);
	else if (fits && number >= -EXACT_MAX && number <= EXACT_MAX)
		rpc_json_put(xml, "double", json);
	else
		rpc_json_put(xml, "string", json);
	return 0;
}

static int rpc_json_put_number(struct buf *xml, struct span json, enum rpc_json_dialect dialect,
			       struct err *e)
{
	size_t before = xml->len;
	int result = 0;
	bool whole = true;

	for (size_t i = 0; i < json.len; i++)
		whole = whole && !strchr(".eE", json.at[i]);
	result = whole ? rpc_json_put_int(xml, json, e) : rpc_json_put_double(xml, json, e);
	if (result == 0 || dialect == RPC_JSON_EXACT)
		return result;
	xml->len = before;
	return rpc_json_put_large(xml, json, dialect);
}

static int rpc_json_put_scalar(struct buf *xml, struct span json, enum rpc_json_dialect dialect,
			       struct err *e)
{
	enum json_kind kind = json_kind(json);

	if (kind == JSON_KIND_FALSE || kind == JSON_KIND_TRUE)
		return rpc_json_put_bool(xml, json, e);
	if (kind == JSON_KIND_NUMBER)
		return rpc_json_put_number(xml, json, dialect, e);
	if (kind == JSON_KIND_NULL) {
		(void)buf_puts(xml, dialect == RPC_JSON_PLAIN ? "<value><string></string></value>"
							      : "<value><nil/></value>");
		return 0;
	}
	(void)buf_puts(xml, "<value><string>");
	if (rpc_json_put_decoded(xml, json, e) < 0)
		return -1;
	(void)buf_puts(xml, "</string></value>");
	return 0;
}

/* An array or an object, whose first byte `at` stands at. As deep as json_check allows. */
static int rpc_json_put_tree(struct buf *xml, struct json_iter *at, enum rpc_json_dialect dialect,
			     struct err *e)
{
	struct span name, value;
	struct json_iter iter;
	int result;

	json_iter_enter(at, &iter);
	(void)buf_puts(xml, iter.object ? "<value><struct>" : "<value><array><data>");
	while (!xml->failed && json_iter_step(&iter, &name, &value)) {
		if (iter.object) {
			(void)buf_puts(xml, "<member><name>");
			if (rpc_json_put_decoded(xml, name, e) < 0)
				return -1;
			(void)buf_puts(xml, "</name>");
		}
		result = json_kind(value) >= JSON_KIND_ARRAY
				 ? rpc_json_put_tree(xml, &iter, dialect, e)
				 : rpc_json_put_scalar(xml, value, dialect, e);
		if (result < 0)
			return -1;
		if (iter.object)
			(void)buf_puts(xml, "</member>");
	}
	(void)buf_puts(xml, iter.object ? "</struct></value>" : "</data></array></value>");
	json_iter_leave(at, &iter);
	return 0;
}

int rpc_json_write_as(struct buf *xml, struct span json, enum rpc_json_dialect dialect,
		      struct err *e)
{
	struct json_iter at = {.at = json.at, .end = json.at + json.len};

	if (json_kind(json) < JSON_KIND_ARRAY)
		return rpc_json_put_scalar(xml, json, dialect, e);
	return rpc_json_put_tree(xml, &at, dialect, e);
}

int rpc_json_write(struct buf *xml, struct span json, struct err *e)
{
	return rpc_json_write_as(xml, json, RPC_JSON_EXACT, e);
}
