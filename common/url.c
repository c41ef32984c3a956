/* url: reads addresses strictly, and says what to write instead. */
#include "common/url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* The number in [at, at + len), or -1 when it is none or above `max`. */
static long url_number(const char *at, size_t len, long max)
{
	long value = 0;

	if (len == 0 || len > 9)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (at[i] < '0' || at[i] > '9')
			return -1;
		value = value * 10 + (at[i] - '0');
	}
	return value <= max ? value : -1;
}

static bool url_is_ip(int family, const char *text)
{
	uint8_t bytes[16];

	return inet_pton(family, text, bytes) == 1;
}

/* RFC 1123 2.1, and '_', which services' names in clusters have. A name whose last label is all
 * digits is a mistyped IPv4 address, never a name. */
static bool url_host_is_valid(const char *host)
{
	size_t label = 0;
	bool digits = true;

	for (const char *c = host; *c; c++) {
		bool alnum = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');

		if (*c == '.') {
			if (label == 0 || c[-1] == '-')
				return false;
			label = 0;
			digits = digits || c[1]; /* the last label decides, a final dot or not */
			continue;
		}
		if (!alnum && *c != '_' && (*c != '-' || label == 0))
			return false;
		digits = digits && *c >= '0' && *c <= '9';
		if (++label > 63)
			return false;
	}
	if (url_is_ip(AF_INET, host))
		return true;
	return host[0] && !digits && (label == 0 || host[strlen(host) - 1] != '-');
}

/* Copies a host in lower case. */
static int url_host_copy(char host[URL_HOST_SIZE], const char *at, size_t len)
{
	if (len >= URL_HOST_SIZE)
		return -1;
	for (size_t i = 0; i < len; i++)
		host[i] = at[i] >= 'A' && at[i] <= 'Z' ? (char)(at[i] - 'A' + 'a') : at[i];
	host[len] = '\0';
	return 0;
}

/* Splits "host:port" of `len` bytes; *port_len is 0 when there is no port. */
static int url_split(const char *at, size_t len, char host[URL_HOST_SIZE], bool *ipv6,
		     const char **port, size_t *port_len, const char *text, struct err *e)
{
	const char *end = at + len, *close, *colon;

	*port = end;
	*port_len = 0;
	*ipv6 = len > 0 && at[0] == '[';
	if (*ipv6) {
		close = memchr(at, ']', len);
		if (!close || url_host_copy(host, at + 1, (size_t)(close - at) - 1) < 0 ||
		    !url_is_ip(AF_INET6, host))
			return err_set(e,
				       "\"%.200s\": what is in brackets is no IPv6 address; write "
				       "it like [::1]",
				       text);
		colon = close + 1;
		if (colon < end && *colon != ':')
			return err_set(e, "\"%.200s\": after ']' comes ':' and a port", text);
	} else {
		colon = memchr(at, ':', len);
		if (!colon)
			colon = end;
		if (url_host_copy(host, at, (size_t)(colon - at)) < 0)
			return err_set(e, "\"%.200s\": the host is longer than %d bytes", text,
				       URL_HOST_SIZE - 1);
		if (colon < end && memchr(colon + 1, ':', (size_t)(end - colon) - 1))
			return err_set(e,
				       "\"%.200s\": an IPv6 address is written in brackets, like "
				       "[::1]:8080",
				       text);
	}
	if (colon >= end)
		return 0;
	*port = colon + 1;
	*port_len = (size_t)(end - colon) - 1;
	if (*port_len == 0)
		return err_set(e, "\"%.200s\": there is no port after ':'", text);
	return 0;
}

/* What may be shown of it: a password may stand before the '@'. */
static const char *url_without_user(const char *text)
{
	const char *at = strrchr(text, '@');

	return at ? at : text;
}

static int url_check_text(const char *text, struct err *e)
{
	if (text[0] == '\0')
		return err_set(e, "the address is empty");
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return err_set(e,
				       "\"%.200s\" holds white space, a control character or one "
				       "that is not ASCII",
				       url_without_user(text));
	return 0;
}

int url_parse(struct url *url, const char *text, struct err *e)
{
	const char *at, *port;
	size_t len, port_len;
	long number;

	*url = (struct url){.path = "/"};
	if (url_check_text(text, e) < 0)
		return -1;
	if (strncasecmp(text, "https://", 8) == 0)
		url->tls = true;
	else if (strncasecmp(text, "http://", 7) != 0)
		return err_set(e, "\"%.200s\" is no http or https URL; write http://HOST:PORT",
			       url_without_user(text));
	at = text + (url->tls ? 8 : 7);
	len = strcspn(at, "/?#");
	if (memchr(at, '@', len))
		return err_set(e,
			       "\"…%.200s\" holds a user or password, which does not belong in a "
			       "URL",
			       url_without_user(text));
	if (strchr(at, '#'))
		return err_set(e, "\"%.200s\" has a fragment ('#'), which is never sent; remove it",
			       text);
	if (url_split(at, len, url->host, &url->ipv6, &port, &port_len, text, e) < 0)
		return -1;
	if (!url->ipv6 && !url_host_is_valid(url->host))
		return err_set(e, "\"%.200s\": \"%.100s\" is neither a host name nor an address",
			       text, url->host);
	number = port_len ? url_number(port, port_len, 65535) : url->tls ? 443 : 80;
	if (number < 1)
		return err_set(e, "\"%.200s\": the port is \"%.*s\"; 1 to 65535 are possible", text,
			       port_len < 40 ? (int)port_len : 40, port);
	url->port = (uint16_t)number;
	if (at[len] == '?')
		return err_set(e, "\"%.200s\": a '/' is missing before '?'", text);
	if (at[len] == '/')
		url->path = at + len;
	return 0;
}

int url_parse_address(struct url_address *address, const char *text, struct err *e)
{
	const char *port;
	size_t port_len;
	long number;

	*address = (struct url_address){.port = 0};
	if (url_check_text(text, e) < 0)
		return -1;
	if (strstr(text, "://"))
		return err_set(e, "\"%.200s\" is a URL; write ADDRESS:PORT, like 127.0.0.1:8080",
			       url_without_user(text));
	if (url_number(text, strlen(text), 65535) >= 0)
		return err_set(
			e, "\"%s\" is a port alone; write 127.0.0.1:%s, or :%s for every address",
			text, text, text);
	if (url_split(text, strlen(text), address->host, &address->ipv6, &port, &port_len, text,
		      e) < 0)
		return -1;
	if (port_len == 0)
		return err_set(e, "\"%.200s\" has no port; write ADDRESS:PORT, like 127.0.0.1:8080",
			       text);
	number = url_number(port, port_len, 65535);
	if (number < 0)
		return err_set(
			e,
			"\"%.200s\": the port is \"%.40s\"; 1 to 65535 are possible, 0 takes a "
			"free one",
			text, port);
	address->port = (uint16_t)number;
	if (address->host[0] == '\0')
		memcpy(address->host, "0.0.0.0", sizeof("0.0.0.0"));
	else if (strcmp(address->host, "localhost") == 0)
		memcpy(address->host, "127.0.0.1", sizeof("127.0.0.1"));
	else if (!address->ipv6 && !url_is_ip(AF_INET, address->host))
		return err_set(
			e,
			"\"%.200s\": \"%.100s\" is no address of this machine's; write one like "
			"127.0.0.1, or :%ld for every address",
			text, address->host, number);
	return 0;
}
