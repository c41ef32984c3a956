/*
 * cidr: a range of addresses: "10.0.0.0/8", "::1", "2001:db8::/32" (RFC 4632,
 * RFC 4291 2.3).
 */
#ifndef MICROREG_COMMON_CIDR_H
#define MICROREG_COMMON_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct cidr {
	uint64_t prefix[2]; /* IPv4 as ::ffff:a.b.c.d, so that both compare alike … */
	uint64_t mask[2];   /* … in these bits; both as the bytes lie in memory */
	unsigned bits;	    /* of the 128 */
};

/* -1 for what is no range; an address alone is the range of itself. Bits beyond the prefix do not
 * count. */
int cidr_parse(struct cidr *range, const char *text);

/* An address as the 16 bytes above. False for other families than IPv4 and IPv6. */
bool cidr_address(uint8_t bytes[16], const struct sockaddr *address);
/* The same from text, without a port; `len` bytes. False: it is no address. */
bool cidr_address_text(uint8_t bytes[16], const char *text, size_t len);

/* An address that was brought into that form: is it in one of them? */
bool cidr_has(const struct cidr *ranges, size_t count, const uint8_t bytes[16]);

/* An IPv4 address that came over an IPv6 socket counts as IPv4. False for other families. */
bool cidr_contains(const struct cidr *range, const struct sockaddr *address);

#endif
