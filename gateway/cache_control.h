/*
 * cache_control: reads Cache-Control of requests and replies (RFC 9111 5.2),
 * and MicroReg-Cache-Control (RFC 9213).
 */
#ifndef MICROREG_GATEWAY_CACHE_CONTROL_H
#define MICROREG_GATEWAY_CACHE_CONTROL_H

#include "gateway/http1_head.h"

#include <stdbool.h>
#include <stdint.h>

enum cache_directive {
	CACHE_NO_STORE = 1 << 0,
	CACHE_NO_CACHE = 1 << 1, /* also with field names: then for the whole */
	CACHE_PRIVATE = 1 << 2,	 /* likewise */
	CACHE_PUBLIC = 1 << 3,
	CACHE_MUST_REVALIDATE = 1 << 4,
	CACHE_PROXY_REVALIDATE = 1 << 5,
	CACHE_ONLY_IF_CACHED = 1 << 6,
};

enum cache_age {
	CACHE_MAX_AGE,
	CACHE_S_MAXAGE,
	CACHE_AGE_STALE_IF_ERROR,
	CACHE_AGE_STALE_WHILE_REVALIDATE,
	CACHE_MIN_FRESH,
	CACHE_MAX_STALE, /* without a value: CACHE_AGE_ANY */
	CACHE_AGE_COUNT,
};

/* RFC 9111 1.2.2: a number too large to count with is 2^31. */
#define CACHE_AGE_MAX ((int64_t)1 << 31)
#define CACHE_AGE_ANY (CACHE_AGE_MAX + 1)

struct cache_control {
	bool given;			/* a field of that name is there, and not empty */
	bool malformed;			/* a quoted string without end */
	unsigned directives;		/* CACHE_… bits */
	int64_t age_s[CACHE_AGE_COUNT]; /* -1: not given; 0 for a value that is no number */
};

/* All lines of the field `known`. Of a directive that is given twice the strictest counts; unknown
 * ones are passed over (RFC 9111 5.2.3). */
void cache_control_read(struct cache_control *cc, const struct http1_head *head,
			enum http1_name known);

/* Digits only, at most CACHE_AGE_MAX; -1 otherwise. */
int64_t cache_control_seconds(struct span text);

#endif
