/* cidr: prefixes over 128 bits, two words each. */
#include "common/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t cidr_mapped[12] = {[10] = 0xff, [11] = 0xff};

static void cidr_set(struct cidr *range, const uint8_t address[16], unsigned bits)
{
	uint8_t mask[16] = {0};

	memset(mask, 0xff, bits / 8);
	if (bits % 8)
		mask[bits / 8] = (uint8_t)(0xff00u >> bits % 8);
	memcpy(range->prefix, address, sizeof(range->prefix));
	memcpy(range->mask, mask, sizeof(range->mask));
	range->prefix[0] &= range->mask[0];
	range->prefix[1] &= range->mask[1];
	range->bits = bits;
}

int cidr_parse(struct cidr *range, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long bits;
	uint8_t bytes[16];
	unsigned most;
	char *end;

	if (len >= sizeof(address))
		return -1;
	memcpy(address, text, len);
	address[len] = '\0';
	memcpy(bytes, cidr_mapped, sizeof(cidr_mapped));
	if (inet_pton(AF_INET, address, bytes + 12) == 1)
		most = 32;
	else if (inet_pton(AF_INET6, address, bytes) == 1)
		most = 128;
	else
		return -1;
	if (!slash) {
		cidr_set(range, bytes, 128);
		return 0;
	}
	if (slash[1] < '0' || slash[1] > '9')
		return -1;
	bits = strtoul(slash + 1, &end, 10);
	if (*end || bits > most)
		return -1;
	cidr_set(range, bytes, 128 - most + (unsigned)bits);
	return 0;
}

bool cidr_address(uint8_t bytes[16], const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, address, sizeof(v4));
		memcpy(bytes, cidr_mapped, sizeof(cidr_mapped));
		memcpy(bytes + 12, &v4.sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, address, sizeof(v6));
		memcpy(bytes, &v6.sin6_addr, 16);
	} else {
		return false;
	}
	return true;
}

bool cidr_address_text(uint8_t bytes[16], const char *text, size_t len)
{
	char address[INET6_ADDRSTRLEN];

	if (!len || len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (strlen(address) != len)
		return false;
	memcpy(bytes, cidr_mapped, sizeof(cidr_mapped));
	return inet_pton(AF_INET, address, bytes + 12) == 1 ||
	       inet_pton(AF_INET6, address, bytes) == 1;
}

bool cidr_has(const struct cidr *ranges, size_t count, const uint8_t bytes[16])
{
	uint64_t address[2];

	memcpy(address, bytes, sizeof(address));
	for (const struct cidr *r = ranges; r < ranges + count; r++)
		if ((((address[0] & r->mask[0]) ^ r->prefix[0]) |
		     ((address[1] & r->mask[1]) ^ r->prefix[1])) == 0)
			return true;
	return false;
}

bool cidr_contains(const struct cidr *range, const struct sockaddr *address)
{
	uint8_t bytes[16];

	return cidr_address(bytes, address) && cidr_has(range, 1, bytes);
}
