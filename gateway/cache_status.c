/* cache_status: a table of outcomes in the words of RFC 9211. */
#include "gateway/cache_status.h"

#include <inttypes.h>
#include <stdio.h>

static const struct cache_outcome_text {
	const char *text;   /* after "microreg; " */
	const char *detail; /* NULL: none */
	const char *name;
	bool hit;
} cache_outcomes[] = {
	[CACHE_UNUSED] = {"", NULL, "", false},
	[CACHE_HIT] = {"hit", NULL, "hit", true},
	[CACHE_STALE_IF_ERROR] = {"hit", "stale-if-error", "stale", true},
	[CACHE_STALE_WHILE_REVALIDATE] = {"hit", "stale-while-revalidate", "stale", true},
	[CACHE_STALE_ASKED] = {"hit", "max-stale", "stale", true},
	[CACHE_FORWARD_MISS] = {"fwd=miss", NULL, "miss", false},
	[CACHE_FORWARD_STALE] = {"fwd=stale", NULL, "miss", false},
	[CACHE_FORWARD_REQUEST] = {"fwd=request", NULL, "miss", false},
};

size_t cache_status_write(const struct cache_status *status, char out[CACHE_STATUS_SIZE])
{
	const struct cache_outcome_text *o = &cache_outcomes[status->outcome];
	int n;

	out[0] = '\0';
	if (status->outcome == CACHE_UNUSED)
		return 0;
	if (o->hit)
		n = snprintf(out, CACHE_STATUS_SIZE, "microreg; hit; ttl=%" PRId64 "%s%s",
			     status->ttl_s, o->detail ? "; detail=" : "",
			     o->detail ? o->detail : "");
	else
		n = snprintf(out, CACHE_STATUS_SIZE, "microreg; %s%s%s%s", o->text,
			     status->validated ? "; fwd-status=304" : "",
			     status->stored ? "; stored" : "",
			     status->collapsed ? "; collapsed" : "");
	return n < 0 ? 0 : (size_t)n;
}

const char *cache_status_name(const struct cache_status *status)
{
	return cache_outcomes[status->outcome].name;
}
