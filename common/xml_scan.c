/* xml_scan: one character, one reference, one attribute at a time. */
#include "common/xml_scan.h"
#include "common/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { XML_SCAN_DECLARATION_MAX = 256 };

int xml_scan_fail(struct xml_scan *x, int code, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut when too long */
	va_end(args);
	return err_code(x->e, code, "%s, at byte %zu", text, x->at);
}

bool xml_scan_looks_at(const struct xml_scan *x, const char *text)
{
	size_t n = strlen(text);

	return x->len - x->at >= n && memcmp(x->body + x->at, text, n) == 0;
}

bool xml_scan_is_space(unsigned c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t xml_scan_skip_space(struct xml_scan *x)
{
	size_t from = x->at;

	while (x->at < x->len && xml_scan_is_space(x->body[x->at]))
		x->at++;
	return x->at - from;
}

/* XML 1.0 2.2. */
static bool xml_scan_is_char(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	return c <= 0xd7ff || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

/* Reads one character beyond ASCII (RFC 3629 section 4). */
static int xml_scan_wide(struct xml_scan *x, uint32_t *out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *at = x->body + x->at;
	size_t n = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	uint32_t c = at[0] & (0xffu >> (n + 1));

	if (at[0] < 0xc2 || at[0] > 0xf4 || n > x->len - x->at)
		return xml_scan_fail(x, RPC_FAULT_PARSE, "not UTF-8");
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return xml_scan_fail(x, RPC_FAULT_PARSE, "not UTF-8");
		c = c << 6 | (at[i] & 0x3f);
	}
	if (c < least[n] || !xml_scan_is_char(c))
		return xml_scan_fail(x, RPC_FAULT_PARSE, "not UTF-8, or no character of XML");
	if (x->ascii)
		return xml_scan_fail(
			x, RPC_FAULT_PARSE,
			"a byte beyond ASCII in a document that does not declare UTF-8");
	x->at += n;
	*out = c;
	return 0;
}

int xml_scan_char(struct xml_scan *x, uint32_t *out)
{
	unsigned char c = x->body[x->at];

	if (c >= 0x80)
		return xml_scan_wide(x, out);
	if (!xml_scan_is_char(c))
		return xml_scan_fail(x, RPC_FAULT_PARSE, "a control character (0x%02x)", c);
	x->at++;
	/* XML 1.0 2.11: the parser makes one line feed of both. */
	if (c == '\r') {
		if (x->at < x->len && x->body[x->at] == '\n')
			x->at++;
		c = '\n';
	}
	*out = c;
	return 0;
}

int xml_scan_reference(struct xml_scan *x, uint32_t *out)
{
	static const char names[][6] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
	static const char meant[] = "&<>\"'";
	unsigned base = 10;
	uint32_t c = 0;
	size_t digits = 0;

	x->at++;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!xml_scan_looks_at(x, names[i]))
			continue;
		x->at += strlen(names[i]);
		*out = (unsigned char)meant[i];
		return 0;
	}
	if (!xml_scan_looks_at(x, "#"))
		return xml_scan_fail(x, RPC_FAULT_PARSE,
				     "a reference to an entity that is none of XML's five");
	x->at++;
	if (xml_scan_looks_at(x, "x")) {
		base = 16;
		x->at++;
	}
	for (; x->at < x->len && x->body[x->at] != ';' && c <= 0x10ffff; x->at++, digits++) {
		unsigned char d = x->body[x->at];
		unsigned value = d >= '0' && d <= '9'	? d - '0' + 0u
				 : d >= 'a' && d <= 'f' ? d - 'a' + 10u
				 : d >= 'A' && d <= 'F' ? d - 'A' + 10u
							: 99;

		if (value >= base)
			break;
		c = c * base + value;
	}
	if (!xml_scan_looks_at(x, ";") || !digits || !xml_scan_is_char(c))
		return xml_scan_fail(x, RPC_FAULT_PARSE, "a reference to no character");
	x->at++;
	*out = c;
	return 0;
}

size_t xml_scan_name(struct xml_scan *x, char name[XML_SCAN_NAME_MAX])
{
	size_t n = 0;

	while (x->at < x->len && n + 1 < XML_SCAN_NAME_MAX) {
		char c = (char)x->body[x->at];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-' || c == ':'))
			break;
		name[n++] = c;
		x->at++;
	}
	name[n] = '\0';
	return n;
}

int xml_scan_attribute(struct xml_scan *x, char name[XML_SCAN_NAME_MAX],
		       char value[XML_SCAN_NAME_MAX])
{
	size_t n = 0;
	uint32_t c = 0;
	unsigned char quote;

	if (!xml_scan_name(x, name))
		return xml_scan_fail(x, RPC_FAULT_PARSE, "something that is no attribute in a tag");
	(void)xml_scan_skip_space(x); /* there may be none */
	if (!xml_scan_looks_at(x, "="))
		return xml_scan_fail(x, RPC_FAULT_PARSE, "an attribute without a value");
	x->at++;
	(void)xml_scan_skip_space(x); /* there may be none */
	if (!xml_scan_looks_at(x, "\"") && !xml_scan_looks_at(x, "'"))
		return xml_scan_fail(x, RPC_FAULT_PARSE, "an attribute's value without quotes");
	quote = x->body[x->at++];
	while (x->at < x->len && x->body[x->at] != quote) {
		if (x->body[x->at] == '<')
			return xml_scan_fail(x, RPC_FAULT_PARSE, "a '<' in an attribute");
		if (x->body[x->at] == '&' ? xml_scan_reference(x, &c) : xml_scan_char(x, &c))
			return -1;
		if (value && n + 1 < XML_SCAN_NAME_MAX)
			value[n++] = c < 0x80 ? (char)c : '?';
	}
	if (x->at == x->len)
		return xml_scan_fail(x, RPC_FAULT_PARSE, "the document ends in an attribute");
	x->at++;
	if (value)
		value[n] = '\0';
	return 0;
}

int xml_scan_until(struct xml_scan *x, const char *end)
{
	uint32_t c;

	while (x->at < x->len && !xml_scan_looks_at(x, end))
		if (xml_scan_char(x, &c))
			return -1;
	if (x->at == x->len)
		return xml_scan_fail(x, RPC_FAULT_PARSE, "the document ends before \"%s\"", end);
	x->at += strlen(end);
	return 0;
}

static size_t xml_scan_mark(const struct xml_scan *x)
{
	return x->len >= 3 && memcmp(x->body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Documents that declare Latin 1, as PHP's do, may pass when they are ASCII: then they are UTF-8
 * too.
 */
int xml_scan_declaration(struct xml_scan *x)
{
	char name[XML_SCAN_NAME_MAX], value[XML_SCAN_NAME_MAX];

	x->at = xml_scan_mark(x);
	if (!xml_scan_looks_at(x, "<?xml") || x->len - x->at < 6 ||
	    !xml_scan_is_space(x->body[x->at + 5]))
		return 0;
	x->at += strlen("<?xml");
	while (xml_scan_skip_space(x) && !xml_scan_looks_at(x, "?>")) {
		if (x->at > XML_SCAN_DECLARATION_MAX)
			return xml_scan_fail(x, RPC_FAULT_PARSE, "an endless XML declaration");
		if (xml_scan_attribute(x, name, value))
			return -1;
		if (strcmp(name, "version") == 0 && strcmp(value, "1.0") != 0)
			return xml_scan_fail(x, RPC_FAULT_PARSE, "XML of version %s; allowed: 1.0",
					     value);
		if (strcmp(name, "encoding") != 0 || strcasecmp(value, "UTF-8") == 0)
			continue;
		if (strcasecmp(value, "US-ASCII") != 0 && strcasecmp(value, "ISO-8859-1") != 0)
			return xml_scan_fail(x, RPC_FAULT_PARSE, "encoded in %s; allowed: UTF-8",
					     value);
		x->ascii = true;
	}
	if (!xml_scan_looks_at(x, "?>"))
		return xml_scan_fail(x, RPC_FAULT_PARSE, "a broken XML declaration");
	x->at += 2;
	return 0;
}
