/* json_write: the writer. Strings are escaped as RFC 8259 section 7 asks. */
#include "common/json_write.h"
#include "common/json_check.h"

#include <string.h>

void json_write_init(struct json_writer *j, struct buf *out)
{
	*j = (struct json_writer){.out = out};
}

void json_write_init_pretty(struct json_writer *j, struct buf *out)
{
	*j = (struct json_writer){.out = out, .pretty = true};
}

static void json_write_line(struct json_writer *j)
{
	(void)buf_printf(j->out, "\n%*s", (int)(2 * j->depth), ""); /* failure sticks in the buf */
}

static void json_write_value(struct json_writer *j)
{
	if (j->comma)
		(void)buf_putc(j->out, ','); /* as above */
	if (j->pretty && j->depth && !j->keyed)
		json_write_line(j);
	j->keyed = false;
	j->comma = true;
}

static void json_write_open(struct json_writer *j, char c)
{
	json_write_value(j);
	(void)buf_putc(j->out, c);
	j->depth++;
	j->comma = false;
}

static void json_write_close(struct json_writer *j, char c)
{
	j->depth--;
	if (j->pretty && j->comma)
		json_write_line(j);
	(void)buf_putc(j->out, c);
	j->comma = true;
}

void json_write_object(struct json_writer *j)
{
	json_write_open(j, '{');
}

void json_write_object_end(struct json_writer *j)
{
	json_write_close(j, '}');
}

void json_write_array(struct json_writer *j)
{
	json_write_open(j, '[');
}

void json_write_array_end(struct json_writer *j)
{
	json_write_close(j, ']');
}

static void json_write_escape(struct buf *out, unsigned char c)
{
	static const char letters[] = "btn\0fr"; /* for 8..13 */

	if (c == '"' || c == '\\')
		(void)buf_printf(out, "\\%c", c);
	else if (c >= 8 && c <= 13 && letters[c - 8])
		(void)buf_printf(out, "\\%c", letters[c - 8]);
	else
		(void)buf_printf(out, "\\u%04x", c);
}

/* DEL, and in two bytes U+0080 to U+009F: JSON lets them stand, but terminals take them for orders,
 * and what is written is shown to people, too. */
static bool json_is_control(const unsigned char *s, size_t n)
{
	return *s == 0x7f || (n == 2 && *s == 0xc2 && s[1] < 0xa0);
}

static void json_write_text(struct buf *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t from = 0, i = 0;

	(void)buf_putc(out, '"');
	while (i < len) {
		size_t n = 1;

		if (s[i] >= 0x80)
			n = json_utf8(s + i, len - i);
		if (n && s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' &&
		    !json_is_control(s + i, n)) {
			i += n;
			continue;
		}
		(void)buf_append(out, text + from, i - from);
		if (n)
			json_write_escape(out, s[i + n - 1]);
		else
			(void)buf_puts(out, "\xef\xbf\xbd");
		from = i += n ? n : 1;
	}
	(void)buf_append(out, text + from, len - from);
	(void)buf_putc(out, '"');
}

void json_write_key(struct json_writer *j, const char *key)
{
	json_write_value(j);
	json_write_text(j->out, key, strlen(key));
	(void)buf_puts(j->out, j->pretty ? ": " : ":");
	j->comma = false;
	j->keyed = true;
}

void json_write_string_n(struct json_writer *j, const char *text, size_t len)
{
	json_write_value(j);
	json_write_text(j->out, text, len);
}

void json_write_string(struct json_writer *j, const char *text)
{
	if (text) {
		json_write_string_n(j, text, strlen(text));
		return;
	}
	json_write_value(j);
	(void)buf_puts(j->out, "null");
}

/* The access log writes several numbers a request: printf would be most of its cost. */
static void json_digits(struct buf *out, uint64_t value, unsigned at_least)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value || sizeof(text) - at < at_least);
	(void)buf_append(out, text + at, sizeof(text) - at);
}

void json_write_int(struct json_writer *j, int64_t value)
{
	json_write_value(j);
	if (value < 0)
		(void)buf_putc(j->out, '-');
	json_digits(j->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
}

void json_write_uint(struct json_writer *j, uint64_t value)
{
	json_write_value(j);
	json_digits(j->out, value, 1);
}

void json_write_micros(struct json_writer *j, uint64_t us)
{
	json_write_value(j);
	json_digits(j->out, us / 1000, 1);
	(void)buf_putc(j->out, '.');
	json_digits(j->out, us % 1000, 3);
}

void json_write_raw(struct json_writer *j, const char *text)
{
	json_write_value(j);
	(void)buf_puts(j->out, text);
}

void json_write_bool(struct json_writer *j, bool value)
{
	json_write_value(j);
	(void)buf_puts(j->out, value ? "true" : "false");
}

void json_write_fixed(struct json_writer *j, double value, int decimals)
{
	json_write_value(j);
	(void)buf_printf(j->out, "%.*f", decimals, value);
}
