/* filter_check: what a request must look like: the client it names, the type of its body. */
#include "gateway/filter.h"

#include <string.h>

static char filter_check_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* A star stands for anything; case does not count. Linear in both but for the last star tried. */
static bool filter_check_matches(const char *pattern, struct span text)
{
	const char *star = NULL;
	size_t at = 0, again = 0;

	while (at < text.len) {
		if (*pattern == '*') {
			star = pattern++;
			again = at;
		} else if (*pattern &&
			   filter_check_lower(*pattern) == filter_check_lower(text.at[at])) {
			pattern++;
			at++;
		} else if (star) {
			pattern = star + 1;
			at = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool filter_check_has(const struct settings_strings *patterns, struct span text)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (filter_check_matches(patterns->items[i], text))
			return true;
	return false;
}

static struct span filter_check_field(const struct exchange *x, const char *name)
{
	const struct http1_field *field = http1_head_find_text(&x->request, name);

	return field ? field->value : (struct span){"", 0};
}

/* Without its parameters. */
static struct span filter_check_type(const struct exchange *x)
{
	struct span type = filter_check_field(x, "Content-Type");
	const char *semicolon = type.len ? memchr(type.at, ';', type.len) : NULL;

	if (semicolon)
		type.len = (size_t)(semicolon - type.at);
	while (type.len && (type.at[type.len - 1] == ' ' || type.at[type.len - 1] == '\t'))
		type.len--;
	return type;
}

enum filter_result filter_check_run(struct exchange *x)
{
	const struct settings_policy *policy = &x->route->policy;
	struct span agent = filter_check_field(x, "User-Agent");
	bool body = x->request.framing == HTTP1_CHUNKED || x->request.content_length;

	if (filter_check_has(&policy->agents.deny, agent))
		return filter_deny(x, PROBLEM_FORBIDDEN, "user_agents.deny has the client", NULL);
	if (policy->agents.allow.count && !filter_check_has(&policy->agents.allow, agent))
		return filter_deny(x, PROBLEM_FORBIDDEN,
				   "user_agents.allow does not have the client", NULL);
	if (policy->content_types.count && body &&
	    !filter_check_has(&policy->content_types, filter_check_type(x)))
		return filter_deny(x, PROBLEM_UNSUPPORTED_TYPE,
				   "content_types does not have the body's type", NULL);
	return FILTER_PASS;
}
