/* proxy_protocol: strictly by its specification, sections 2.1 and 2.2. */
#include "gateway/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	PROXY_PROTOCOL_TEXT_MAX = 107, /* of version 1, line ending included */
	PROXY_PROTOCOL_FIXED = 16,     /* of version 2, before the addresses */
};

static const uint8_t proxy_protocol_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
						     0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static void proxy_protocol_v4(struct sockaddr_storage *peer, const void *address, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = port};

	memcpy(&v4.sin_addr, address, sizeof(v4.sin_addr));
	memcpy(peer, &v4, sizeof(v4));
}

static void proxy_protocol_v6(struct sockaddr_storage *peer, const void *address, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = port};

	memcpy(&v6.sin6_addr, address, sizeof(v6.sin6_addr));
	memcpy(peer, &v6, sizeof(v6));
}

/* ---- Version 1 ---- */

/* The next word of the line; ends it with a NUL. NULL: there is none. */
static char *proxy_protocol_word(char **line)
{
	char *word = *line, *space = word ? strchr(word, ' ') : NULL;

	*line = space ? space + 1 : NULL;
	if (space)
		*space = '\0';
	return word && *word ? word : NULL;
}

/* -1: it is no port. */
static long proxy_protocol_port(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	long port;

	if (!len || len > 5 || strspn(text, "0123456789") != len || (len > 1 && *text == '0'))
		return -1;
	port = strtol(text, NULL, 10);
	return port <= 65535 ? port : -1;
}

static bool proxy_protocol_text(char *line, struct sockaddr_storage *peer)
{
	char *family, *from, *to, *from_port, *to_port;
	uint8_t address[16], other[16];
	bool v6;
	long port;

	(void)proxy_protocol_word(&line); /* PROXY */
	family = proxy_protocol_word(&line);
	if (!family)
		return false;
	if (strcmp(family, "UNKNOWN") == 0)
		return true; /* whatever follows */
	v6 = strcmp(family, "TCP6") == 0;
	if (!v6 && strcmp(family, "TCP4") != 0)
		return false;
	from = proxy_protocol_word(&line);
	to = proxy_protocol_word(&line);
	from_port = proxy_protocol_word(&line);
	to_port = proxy_protocol_word(&line);
	port = proxy_protocol_port(from_port);
	if (!to_port || line || port < 0 || proxy_protocol_port(to_port) < 0 ||
	    inet_pton(v6 ? AF_INET6 : AF_INET, from, address) != 1 ||
	    inet_pton(v6 ? AF_INET6 : AF_INET, to, other) != 1)
		return false;
	if (v6)
		proxy_protocol_v6(peer, address, htons((uint16_t)port));
	else
		proxy_protocol_v4(peer, address, htons((uint16_t)port));
	return true;
}

static enum proxy_protocol_result proxy_protocol_read_text(const uint8_t *data, size_t len,
							   size_t *used,
							   struct sockaddr_storage *peer)
{
	size_t most = len < PROXY_PROTOCOL_TEXT_MAX ? len : PROXY_PROTOCOL_TEXT_MAX;
	const uint8_t *end = memchr(data, '\n', most);
	char line[PROXY_PROTOCOL_TEXT_MAX + 1];
	size_t text;

	if (memcmp(data, "PROXY ", len < 6 ? len : 6) != 0)
		return PROXY_PROTOCOL_REFUSED;
	if (!end)
		return len < PROXY_PROTOCOL_TEXT_MAX ? PROXY_PROTOCOL_MORE : PROXY_PROTOCOL_REFUSED;
	text = (size_t)(end - data);
	if (text < 2 || data[text - 1] != '\r' || memchr(data, '\0', text))
		return PROXY_PROTOCOL_REFUSED;
	memcpy(line, data, text - 1);
	line[text - 1] = '\0';
	*used = text + 1;
	return proxy_protocol_text(line, peer) ? PROXY_PROTOCOL_DONE : PROXY_PROTOCOL_REFUSED;
}

/* ---- Version 2 ---- */

static bool proxy_protocol_binary(const uint8_t *data, size_t len, struct sockaddr_storage *peer)
{
	unsigned command = data[12] & 15u, family = data[13];
	const uint8_t *addresses = data + PROXY_PROTOCOL_FIXED;
	uint16_t port;

	if (data[12] >> 4 != 2 || command > 1)
		return false;
	if (command == 0) /* LOCAL: the balancer's own, a health check say */
		return true;
	if (family == 0x11) { /* TCP over IPv4 */
		if (len < 12)
			return false;
		memcpy(&port, addresses + 8, 2);
		proxy_protocol_v4(peer, addresses, port);
	} else if (family == 0x21) { /* TCP over IPv6 */
		if (len < 36)
			return false;
		memcpy(&port, addresses + 32, 2);
		proxy_protocol_v6(peer, addresses, port);
	}
	return true; /* of others nothing is known */
}

enum proxy_protocol_result proxy_protocol_read(const uint8_t *data, size_t len, size_t *used,
					       struct sockaddr_storage *peer)
{
	size_t seen =
		len < sizeof(proxy_protocol_signature) ? len : sizeof(proxy_protocol_signature);
	size_t rest;

	*used = 0;
	*peer = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
	if (!len)
		return PROXY_PROTOCOL_MORE;
	if (memcmp(data, proxy_protocol_signature, seen) != 0)
		return proxy_protocol_read_text(data, len, used, peer);
	if (len < PROXY_PROTOCOL_FIXED)
		return PROXY_PROTOCOL_MORE;
	rest = (size_t)data[14] << 8 | data[15];
	if (rest > PROXY_PROTOCOL_MAX - PROXY_PROTOCOL_FIXED)
		return PROXY_PROTOCOL_REFUSED;
	if (len < PROXY_PROTOCOL_FIXED + rest)
		return PROXY_PROTOCOL_MORE;
	*used = PROXY_PROTOCOL_FIXED + rest;
	return proxy_protocol_binary(data, rest, peer) ? PROXY_PROTOCOL_DONE
						       : PROXY_PROTOCOL_REFUSED;
}
