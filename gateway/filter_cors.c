/*
 * filter_cors: which pages of other origins may read the route's answers (the
 * Fetch standard, "CORS protocol"). Preflights are answered here, before
 * anybody is asked who they are: browsers send no credentials with them.
 */
#include "gateway/client.h"
#include "gateway/filter.h"
#include "gateway/http1_write.h"
#include "gateway/respond.h"

#include <string.h>

/* In "https:" and "*.example.org" after two slashes the star stands for one or more labels. */
static bool filter_cors_is(const char *pattern, struct span origin)
{
	const char *star = strchr(pattern, '*');
	size_t before = star ? (size_t)(star - pattern) : strlen(pattern);
	size_t after = star ? strlen(star + 1) : 0;

	if (!star)
		return http_equal_nocase(origin.at, origin.len, pattern, before);
	if (origin.len <= before + after ||
	    !http_equal_nocase(origin.at, before, pattern, before) ||
	    !http_equal_nocase(origin.at + origin.len - after, after, star + 1, after))
		return false;
	for (size_t i = before; i < origin.len - after; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.",
			    origin.at[i]) ||
		    !origin.at[i])
			return false;
	return true;
}

static bool filter_cors_allows(const struct settings_cors *cors, struct span origin)
{
	for (size_t i = 0; i < cors->origins.count; i++)
		if (filter_cors_is(cors->origins.items[i], origin))
			return true;
	return cors->any;
}

/* What every answer of the route carries. */
static const char *filter_cors_fields(struct exchange *x, struct span origin, bool allowed)
{
	const struct settings_cors *cors = &x->route->policy.cors;
	const char *vary = cors->any ? "" : "Vary: Origin\r\n";

	if (!allowed)
		return vary;
	if (cors->any)
		return arena_printf(&x->arena, "Access-Control-Allow-Origin: *\r\n%s",
				    cors->fields);
	return arena_printf(&x->arena, "Access-Control-Allow-Origin: %.*s\r\n%s%s", (int)origin.len,
			    origin.at, cors->fields, vary);
}

static enum filter_result filter_cors_preflight(struct exchange *x)
{
	const struct settings_cors *cors = &x->route->policy.cors;
	const struct http1_field *asked =
		http1_head_find_text(&x->request, "Access-Control-Request-Headers");
	const char *fields = cors->preflight;

	/* Without a list the caller's is repeated: which origins may ask is what is decided. */
	if (!cors->headers.count && asked && asked->value.len)
		fields = arena_printf(&x->arena, "%sAccess-Control-Allow-Headers: %.*s\r\n", fields,
				      (int)asked->value.len, asked->value.at);
	respond_preflight(x, fields ? fields : cors->preflight);
	return FILTER_ANSWERED;
}

enum filter_result filter_cors_run(struct exchange *x)
{
	const struct settings_cors *cors = &x->route->policy.cors;
	const struct http1_field *field = http1_head_find_text(&x->request, "Origin");
	struct span origin = field ? field->value : (struct span){"", 0};
	bool allowed = origin.len && filter_cors_allows(cors, origin);
	const char *fields = filter_cors_fields(x, origin, allowed);

	if (!fields)
		return filter_deny(x, PROBLEM_NO_MEMORY, "out of memory", NULL);
	x->cors = (struct span){fields, strlen(fields)};
	if (!x->preflight)
		return FILTER_PASS; /* it is the browser that keeps the answer from the page */
	if (!allowed)
		return filter_deny(x, PROBLEM_FORBIDDEN, "cors does not have the origin", NULL);
	return filter_cors_preflight(x);
}
