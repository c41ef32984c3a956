/*
 * url: addresses as people write them: "http://host:port/path" of a service
 * or a registry, and "address:port" to listen on. IPv6 stands in brackets.
 */
#ifndef MICROREG_COMMON_URL_H
#define MICROREG_COMMON_URL_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { URL_HOST_SIZE = 256 };

struct url {
	bool tls;		  /* https */
	bool ipv6;		  /* the host is an IPv6 literal */
	char host[URL_HOST_SIZE]; /* lower case; a literal without brackets */
	uint16_t port;		  /* 80 or 443 when not given */
	const char *path;	  /* within `text`, query and all; "/" when not given */
};

/* An http or https URL without user, password and fragment. `text` must outlive url->path. The
 * error quotes the text and says what to write. */
int url_parse(struct url *url, const char *text, struct err *e);

struct url_address {
	char host[URL_HOST_SIZE]; /* an IPv4 or IPv6 literal without brackets */
	uint16_t port;		  /* 0: any free one */
	bool ipv6;
};

/* An address to listen on: "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (127.0.0.1), ":8080"
 * (0.0.0.0, every IPv4 address). Names are not looked up. */
int url_parse_address(struct url_address *address, const char *text, struct err *e);

#endif
