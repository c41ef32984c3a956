/*
 * fuzz_route_path: a path's normal form never grows, holds no dot segments and
 * no escape that could be decoded, is its own normal form, and is matched by
 * the pattern that is written like it; what path_rules lets through has nothing
 * of what they refuse. The input is "path\npattern".
 */
#include "common/route_pattern.h"
#include "gateway/path_rules.h"
#include "gateway/router.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_segments(const char *path, size_t len)
{
	for (size_t i = 0; i < len;) {
		const char *at = path + i + 1, *end = memchr(at, '/', len - i - 1);
		size_t n = end ? (size_t)(end - at) : len - i - 1;

		FUZZ_HOLDS(path[i] == '/');
		FUZZ_HOLDS(!(n == 1 && at[0] == '.') && !(n == 2 && at[0] == '.' && at[1] == '.'));
		i += n + 1;
	}
}

/* Returns the length of the normal form in `copy`, or 0. */
static size_t normalize(const char *path, size_t len, char *copy)
{
	size_t n = len, again;
	char *twice;

	memcpy(copy, path, len);
	if (route_path_normalize(copy, &n) < 0)
		return 0;
	FUZZ_HOLDS(n > 0 && n <= len);
	check_segments(copy, n);
	twice = malloc(n);
	FUZZ_HOLDS(twice);
	memcpy(twice, copy, n);
	again = n;
	FUZZ_HOLDS(route_path_normalize(twice, &again) == 0 && again == n);
	FUZZ_HOLDS(memcmp(twice, copy, n) == 0);
	free(twice);
	return n;
}

static bool has(const char *path, size_t len, const char *what)
{
	return memmem(path, len, what, strlen(what)) != NULL;
}

/* Runs of slashes are made one in place; the path stays normal. */
static void check_rules(const char *path, size_t len)
{
	const struct settings_paths strict = {PATH_REFUSE, PATH_REFUSE, PATH_REFUSE, PATH_REFUSE};
	char *merged = malloc(len), *again = malloc(len);
	size_t n = len, same;

	FUZZ_HOLDS(merged && again);
	memcpy(merged, path, len);
	path_rules_merge(merged, &n);
	FUZZ_HOLDS(n > 0 && n <= len && !has(merged, n, "//"));
	check_segments(merged, n);
	memcpy(again, merged, n);
	same = n;
	FUZZ_HOLDS(route_path_normalize(again, &same) == 0 && same == n);
	FUZZ_HOLDS(memcmp(again, merged, n) == 0);
	if (!path_rules_refuse(&strict, (struct span){path, len}))
		FUZZ_HOLDS(n == len && !has(path, len, "%2F") && !has(path, len, "%5C") &&
			   !has(path, len, "\\") && !has(path, len, ";") && !has(path, len, "%3B"));
	free(merged);
	free(again);
}

static void check_match(const struct settings_route *routes, size_t count, const char *path,
			size_t len, bool must)
{
	struct http1_head head = {.method = HTTP_GET};
	struct router *router = router_new(routes, count, NULL);
	struct router_match match;
	enum router_outcome outcome;

	FUZZ_HOLDS(router);
	outcome = router_find(router, &head, (struct span){path, len}, &match);
	FUZZ_HOLDS(outcome == ROUTER_FOUND || !must);
	for (size_t i = 0; outcome == ROUTER_FOUND && i < match.parameter_count; i++)
		FUZZ_HOLDS(
			match.parameters[i].value.len > 0 && match.parameters[i].value.at > path &&
			match.parameters[i].value.at + match.parameters[i].value.len <= path + len);
	router_free(&router);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct settings_route routes[2];
	const uint8_t *end = memchr(data, '\n', len);
	size_t path_len = end ? (size_t)(end - data) : len, text_len = end ? len - path_len - 1 : 0;
	char *path = malloc(path_len + 1), *text = malloc(path_len + text_len + 1);
	size_t normal, count = 0;

	FUZZ_HOLDS(path && text);
	normal = normalize((const char *)data, path_len, path);
	if (normal)
		check_rules(path, normal);
	routes[0].methods = routes[1].methods = HTTP_ANY;
	memcpy(text, path, normal);
	text[normal] = '\0';
	if (normal && strlen(text) == normal && !strpbrk(text, "{*") &&
	    route_pattern_parse(&routes[0].path, text, NULL) == 0)
		check_match(routes, ++count, path, normal, true);
	if (text_len)
		memcpy(text, end + 1, text_len);
	text[text_len] = '\0';
	if (normal && route_pattern_parse(&routes[count].path, text, NULL) == 0)
		check_match(routes, count + 1, path, normal, count > 0);
	free(path);
	free(text);
	return 0;
}
