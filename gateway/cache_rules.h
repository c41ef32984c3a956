/*
 * cache_rules: RFC 9111 for a shared cache: may this reply be kept, may it be
 * served for that request. Pure functions of heads, settings and times.
 *
 * Beside RFC 9111: stale-if-error and stale-while-revalidate (RFC 5861),
 * MicroReg-Cache-Control in the place of Cache-Control (RFC 9213).
 */
#ifndef MICROREG_GATEWAY_CACHE_RULES_H
#define MICROREG_GATEWAY_CACHE_RULES_H

#include "gateway/cache.h"
#include "gateway/cache_status.h"
#include "gateway/http1_head.h"
#include "gateway/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct cache_times {
	uint64_t sent_ms;     /* monotonic: when the request left */
	uint64_t received_ms; /* when the reply's head came */
	int64_t wall_ms;      /* of received_ms */
};

/* RFC 9111 3. A route without a `cache` key keeps only what may be served when the instances are
 * down. */
struct cache_life cache_rules_store(const struct settings_cache *route,
				    const struct http1_head *request,
				    const struct http1_head *reply,
				    const struct cache_times *times);

/* What may be done with what was found. */
struct cache_use {
	bool serve;	 /* answer with it, now */
	bool refresh;	 /* and ask behind the client's back (stale-while-revalidate) */
	bool on_failure; /* answer with it when no instance gives a good reply (stale-if-error) */
	bool validate;	 /* ask whether it is still good, by its validators (RFC 9111 4.3.1) */
	bool share;	 /* others that ask for the same may wait for its answer */
	bool only_if_cached; /* nothing may be asked: without `serve` it is a 504 */
	/* For the reply's Cache-Status when it is served (now, or on failure), or forwarded. */
	struct cache_status hit, on_failure_hit, forwarded;
};

/* RFC 9111 4 and 5.2.1. `entry` is NULL when nothing was found. On a route whose cache is off, and
 * for methods other than GET and HEAD, nothing may be used. */
struct cache_use cache_rules_serve(const struct settings_cache *route,
				   const struct http1_head *request,
				   const struct cache_entry *entry, uint64_t now_ms);

/* The reply's age for the Age field (RFC 9111 4.2.3, 5.1). */
uint64_t cache_rules_age_s(const struct cache_entry *entry, uint64_t now_ms);

/* Weak comparison with each tag of a list, or `*` (RFC 9110 8.8.3.2). Commas in tags are part of
 * them. */
bool cache_rules_tags_match(struct span list, struct span etag);

/* True when the client has it already: answer 304 with entry->fields_304 and no body (RFC 9110
 * 13.1.2, 13.1.3, 13.2.2). */
bool cache_rules_not_modified(const struct http1_head *request, const struct cache_entry *entry);

/* True when this reply is to be answered by a stale one instead, if there is one: 500, 502, 503,
 * 504 (RFC 5861 4). */
bool cache_rules_is_error(unsigned status);

/* True when the answer makes cache_invalidate due (RFC 9111 4.4). */
bool cache_rules_invalidates(enum http_method method, unsigned status);

#endif
