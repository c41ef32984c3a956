/* http: tables of methods, reasons and token characters. */
#include "common/http.h"

#include <string.h>

static const char *const http_methods[HTTP_METHOD_COUNT] = {
	"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
};

enum http_method http_method_parse(const char *text, size_t len)
{
	for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
		if (strlen(http_methods[i]) == len && memcmp(http_methods[i], text, len) == 0)
			return (enum http_method)(1u << i);
	return HTTP_OTHER;
}

const char *http_method_name(enum http_method method)
{
	for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
		if ((unsigned)method == 1u << i)
			return http_methods[i];
	return "OTHER";
}

/* RFC 9110 15, RFC 6585, RFC 7725, RFC 8297, RFC 8470. */
static const struct http_status {
	unsigned code;
	const char *reason;
} http_statuses[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{103, "Early Hints"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{203, "Non-Authoritative Information"},
	{204, "No Content"},
	{205, "Reset Content"},
	{206, "Partial Content"},
	{300, "Multiple Choices"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{407, "Proxy Authentication Required"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Content"},
	{425, "Too Early"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{451, "Unavailable For Legal Reasons"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
	{511, "Network Authentication Required"},
};

const char *http_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(http_statuses) / sizeof(http_statuses[0]); i++)
		if (http_statuses[i].code == status)
			return http_statuses[i].reason;
	return "Unknown";
}

bool http_is_token_char(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http_is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!http_is_token_char((unsigned char)text[i]))
			return false;
	return len > 0;
}

static char http_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool http_same_nocase(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && http_lower(a[i]) != http_lower(b[i]))
			return false;
	return true;
}
