/*
 * cache_range: which part of a kept reply a request asks for (RFC 9110 14).
 * Pure functions of a head and an entry.
 */
#ifndef MICROREG_GATEWAY_CACHE_RANGE_H
#define MICROREG_GATEWAY_CACHE_RANGE_H

#include "gateway/cache.h"

enum cache_range {
	CACHE_RANGE_WHOLE = 0, /* none is asked for, or none that has to be answered */
	CACHE_RANGE_PART,      /* 206, with *part of the body */
	CACHE_RANGE_OUTSIDE,   /* 416 */
};

/* One range of bytes, when an If-Range holds. Everything else may be answered with the whole, and
 * is (14.2): other units, more than one range, what is malformed. `part` is set for PART. */
enum cache_range cache_range_read(const struct http1_head *request, const struct cache_entry *entry,
				  struct span *part);

#endif
