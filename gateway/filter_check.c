/* filter_check: what a request must look like: the client it names, its query, the type of its
 * body. */
#include "gateway/content_type.h"
#include "gateway/filter.h"
#include "gateway/query.h"
#include "gateway/respond.h"

#include <inttypes.h>
#include <string.h>

enum { FILTER_NAME_TOLD = 64 }; /* bytes of what a client calls a parameter */

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

/* The client is told why: it is about the request, not about who sends it. */
static enum filter_result filter_check_refuse(struct exchange *x, enum problem problem,
					      const char *reason)
{
	filter_count_denied(x, reason);
	respond_problem(x, problem, reason, NULL);
	return FILTER_ANSWERED;
}

static enum filter_result filter_check_type(struct exchange *x)
{
	bool body = x->request.framing == HTTP1_CHUNKED || x->request.content_length;
	struct span type;

	if (!content_type_find(&x->request, &type))
		return filter_check_refuse(x, PROBLEM_BAD_REQUEST,
					   "the request names two Content-Types");
	if (body && !filter_check_has(&x->route->policy.content_types, type))
		return filter_deny(x, PROBLEM_UNSUPPORTED_TYPE,
				   "content_types does not have the body's type", NULL);
	return FILTER_PASS;
}

/* ---- The query ---- */

/* Those that the route's own settings ask for need not be listed again. */
static bool filter_check_is_ours(const struct exchange *x, struct span name)
{
	const struct settings_auth *auth = &x->route->policy.auth;

	for (size_t i = 0; i < auth->count; i++)
		if (auth->methods[i].query && query_equal(name, auth->methods[i].query))
			return true;
	return x->route->fields.given && query_equal(name, x->route->fields.param);
}

static bool filter_check_allows(const struct exchange *x, const struct settings_query_check *check,
				struct span name)
{
	for (size_t i = 0; i < check->allow.count; i++)
		if (query_equal(name, check->allow.items[i]))
			return true;
	return filter_check_is_ours(x, name);
}

static enum filter_result filter_check_query(struct exchange *x,
					     const struct settings_query_check *check)
{
	struct span rest = x->request.query, name, value;
	unsigned count = 0;

	if (rest.len > check->max_bytes)
		return filter_check_refuse(x, PROBLEM_TARGET_TOO_LONG,
					   arena_printf(&x->arena,
							"the query has %zu bytes; the route takes "
							"%" PRIu64,
							rest.len, check->max_bytes));
	while (query_next(&rest, &name, &value)) {
		if (++count > check->max_parameters)
			return filter_check_refuse(
				x, PROBLEM_BAD_REQUEST,
				arena_printf(&x->arena,
					     "the query has more parameters than the %u that the "
					     "route takes",
					     check->max_parameters));
		if (check->allow.count && !filter_check_allows(x, check, name))
			return filter_check_refuse(
				x, PROBLEM_BAD_REQUEST,
				arena_printf(&x->arena,
					     "the route takes no query parameter \"%.*s\"",
					     name.len < FILTER_NAME_TOLD ? (int)name.len
									 : FILTER_NAME_TOLD,
					     name.at));
	}
	return FILTER_PASS;
}

enum filter_result filter_check_run(struct exchange *x)
{
	const struct settings_policy *policy = &x->route->policy;
	struct span agent = filter_check_field(x, "User-Agent");

	if (filter_check_has(&policy->agents.deny, agent))
		return filter_deny(x, PROBLEM_FORBIDDEN, "user_agents.deny has the client", NULL);
	if (policy->agents.allow.count && !filter_check_has(&policy->agents.allow, agent))
		return filter_deny(x, PROBLEM_FORBIDDEN,
				   "user_agents.allow does not have the client", NULL);
	if (policy->query.given) {
		enum filter_result result = filter_check_query(x, &policy->query);

		if (result != FILTER_PASS)
			return result;
	}
	return policy->content_types.count ? filter_check_type(x) : FILTER_PASS;
}
