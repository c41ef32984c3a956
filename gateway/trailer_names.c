/* trailer_names: the list. What http1_body refuses and what the codec knows is not said again. */
#include "gateway/trailer_names.h"
#include "gateway/http1_body.h"
#include "gateway/identity.h"

#include <string.h>

/* One that ends in "-" stands for all names that begin so. */
static const char *const trailer_names_kept_back[] = {
	/* What the content is (RFC 9110 8). */
	"content-",
	/* What is asked for, and by whom (RFC 9110 10.1, 12.5; RFC 7240). */
	"accept",
	"accept-",
	"prefer",
	"priority",
	"from",
	"origin",
	"referer",
	"user-agent",
	"sec-",
	"x-http-method",
	"x-http-method-override",
	"x-method-override",
	"x-api-key",
	/* How the answer is to be used (RFC 9110 10.2, and what browsers know). */
	"access-control-",
	"allow",
	"alt-svc",
	"cdn-cache-control",
	"surrogate-",
	"warning",
	"refresh",
	"cookie2",
	"set-cookie2",
	"clear-site-data",
	"cross-origin-",
	"permissions-policy",
	"referrer-policy",
	"strict-transport-security",
	"x-content-type-options",
	"x-frame-options",
	/* Where it goes, and for whom proxies speak. */
	"x-forwarded-",
	"x-original-",
	"x-rewrite-",
	"x-real-ip",
	"x-client-ip",
	"x-cluster-client-ip",
	"true-client-ip",
	"baggage",
	"b3",
	"x-b3-",
	/* What the gateway says itself, to services and to clients. */
	"x-consumer-",
	"x-auth-",
	"x-composition",
	"cache-status",
	"microreg-",
	"ratelimit",
	"ratelimit-",
	"x-ratelimit-",
};

static bool trailer_names_has(const char *lower)
{
	size_t count = sizeof(trailer_names_kept_back) / sizeof(trailer_names_kept_back[0]);

	for (size_t i = 0; i < count; i++) {
		const char *name = trailer_names_kept_back[i];
		size_t len = strlen(name);

		/* With its NUL, a name that is no beginning is compared whole. */
		if (strncmp(lower, name, name[len - 1] == '-' ? len : len + 1) == 0)
			return true;
	}
	return false;
}

bool trailer_name_passes(struct span name)
{
	char lower[TRAILER_NAME_MAX + 1];
	enum http1_name known;

	if (name.len == 0 || name.len > TRAILER_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		lower[i] = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	lower[name.len] = '\0';
	known = http1_field_known(lower, name.len);
	/* Of those the codec knows, only the tag of a content may be told after it (RFC 9110
	 * 8.8.3). */
	if (known != HTTP1_OTHER && known != HTTP1_ETAG)
		return false;
	if (strcmp(lower, "content-digest") == 0) /* made for it (RFC 9530 2) */
		return true;
	return !http1_trailer_is_refused(lower) && !identity_is_field(name) &&
	       !trailer_names_has(lower);
}
