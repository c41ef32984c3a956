/*
 * cache_status: what the cache did for one request, and the Cache-Status
 * field that says so (RFC 9211).
 */
#ifndef MICROREG_GATEWAY_CACHE_STATUS_H
#define MICROREG_GATEWAY_CACHE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cache_outcome {
	CACHE_UNUSED = 0, /* the cache was not asked: no field */
	CACHE_HIT,
	CACHE_STALE_IF_ERROR,
	CACHE_STALE_WHILE_REVALIDATE,
	CACHE_STALE_ASKED,     /* the client's max-stale */
	CACHE_FORWARD_MISS,    /* nothing was found that may be served now */
	CACHE_FORWARD_STALE,   /* what was found is too old */
	CACHE_FORWARD_REQUEST, /* the client would not have it */
};

/* All zero: the cache was not asked. */
struct cache_status {
	enum cache_outcome outcome;
	int64_t ttl_s; /* of a hit: what is left of its freshness; negative when stale */
	bool stored;   /* of a forwarded one, set by who commits it */
	bool collapsed;
	bool validated; /* it was asked about, and still is as it was: 304 */
};

enum { CACHE_STATUS_SIZE = 96 };

/* The field's value, NUL-terminated: "microreg; hit; ttl=30". Returns its length, 0 for none. */
size_t cache_status_write(const struct cache_status *status, char out[CACHE_STATUS_SIZE]);

/* For the access log and metrics: "hit", "stale", "miss", "" . */
const char *cache_status_name(const struct cache_status *status);

#endif
