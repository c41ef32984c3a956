/*
 * instance: a running copy of a service, as it registers and as lookups show
 * it: names, limits, statuses and the checks of each field. The XML-RPC form
 * is rpc_instance's.
 */
#ifndef MICROREG_COMMON_INSTANCE_H
#define MICROREG_COMMON_INSTANCE_H

#include "common/arena.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INSTANCE_NAME_MAX = 128, /* service, id */
	INSTANCE_HOST_MAX = 255,
	INSTANCE_SCHEME_MAX = 16,
	INSTANCE_TEXT_MAX = 128,   /* zone, version, a tag, a meta name */
	INSTANCE_VALUE_MAX = 1024, /* a meta value */
	INSTANCE_TAGS_MAX = 64,
	INSTANCE_META_MAX = 64,
	INSTANCE_ROUTES_MAX = 64,
	INSTANCE_ROUTE_MAX = 1100,	 /* bytes of one: a method and a pattern */
	INSTANCE_CHECK_STATUS_MAX = 128, /* bytes of check_status */
	INSTANCE_CHECK_MIN_MS = 100,
	INSTANCE_CHECK_MAX_MS = 3600000,
	INSTANCE_TTL_MIN_MS = 1000,
	INSTANCE_TTL_MAX_MS = 3600000,
	INSTANCE_TTL_DEFAULT_MS = 30000,
	INSTANCE_WEIGHT_MAX = 1000,
	INSTANCE_WEIGHT_DEFAULT = 1,
};

enum instance_status {
	INSTANCE_DOWN = 0, /* the safe one: gets no requests */
	INSTANCE_STARTING,
	INSTANCE_UP,
	INSTANCE_DRAINING,
	INSTANCE_MAINTENANCE,
};

enum { INSTANCE_STATUS_COUNT = 5 };

const char *instance_status_name(enum instance_status status);
int instance_status_parse(const char *text); /* -1: no such status */

/* [A-Za-z0-9_][A-Za-z0-9._-]{0,127}; an id may also hold ':'. */
bool instance_service_is_valid(const char *name);
bool instance_id_is_valid(const char *id);
/* A host name (RFC 1123, '_' allowed too), an IPv4 literal of four numbers, or an IPv6 literal
 * without brackets. */
bool instance_host_is_valid(const char *host);
/* As in a URL (RFC 3986 3.1), lower case: "http". */
bool instance_scheme_is_valid(const char *scheme);
/* "http" or "https": what gateways speak. Registrations are held to it. */
bool instance_scheme_is_served(const char *scheme);
/* No control characters. Lengths are not its business. */
bool instance_text_is_valid(const char *text);

struct instance_pair {
	const char *name, *value;
};

enum instance_check { INSTANCE_CHECK_NONE = 0, INSTANCE_CHECK_TCP, INSTANCE_CHECK_HTTP };

/* All strings are borrowed, from an arena or from the catalog; none is NULL ("" = not given). */
struct instance {
	const char *service, *id, *host, *scheme, *zone, *version, *detail;
	uint16_t port;
	unsigned weight, ttl_ms;
	enum instance_status status;
	const char *const *tags;
	size_t tag_count;
	const struct instance_pair *meta; /* sorted by name */
	size_t meta_count;
	enum instance_check check;
	const char *check_path, *check_status; /* see common/status_ranges.h */
	unsigned check_interval_ms, check_timeout_ms;
	const char *const *routes;
	size_t route_count;
};

#endif
