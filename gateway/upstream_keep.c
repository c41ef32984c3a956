/* upstream_keep: how long a connection may wait for its next request. */
#include "gateway/upstream_parts.h"

#include <string.h>

enum { UPSTREAM_KEEP_MAX_MS = 60000 };

uint64_t upstream_keep_ms(const struct upstream *up, const struct http1_head *head)
{
	const struct http1_field *field = http1_head_find(head, HTTP1_KEEP_ALIVE);
	const char *at, *end;
	uint64_t seconds = 0;

	if (!field)
		return up->endpoint->pool.idle_ms;
	end = field->value.at + field->value.len;
	at = memmem(field->value.at, field->value.len, "timeout=", 8);
	if (!at)
		return up->endpoint->pool.idle_ms;
	for (at += 8; at < end && *at >= '0' && *at <= '9' && seconds < 100000; at++)
		seconds = seconds * 10 + (uint64_t)(*at - '0');
	if (seconds <= 1)
		return 0;
	seconds--;
	return seconds * 1000 < UPSTREAM_KEEP_MAX_MS ? seconds * 1000 : UPSTREAM_KEEP_MAX_MS;
}
