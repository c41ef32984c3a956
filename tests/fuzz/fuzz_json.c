/*
 * fuzz_json: what json_check passes is what jansson reads, but for depth and
 * numbers beyond a double's; walking it stays within it, each value in it
 * passes by itself, and joining two such documents makes a third. The input is
 * two documents with a NUL between them.
 */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "gateway/compose_parts.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <string.h>

/* Each name and value that is directly in it. */
static void check_children(struct span value)
{
	struct json_iter iter;
	struct span name, child;

	json_iter_init(&iter, value);
	while (json_iter_next(&iter, &name, &child)) {
		FUZZ_HOLDS(child.at > value.at && child.len > 0 &&
			   child.at + child.len < value.at + value.len);
		FUZZ_HOLDS(json_check(child, NULL) == 0);
		FUZZ_HOLDS(!iter.object || json_kind(name) == JSON_KIND_STRING);
	}
}

static bool check_document(struct span text)
{
	struct err e = {0};
	json_error_t error;
	json_t *other =
		json_loadb(text.at, text.len,
			   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	bool good = json_check(text, &e) == 0;

	/* A NUL is the end to jansson. */
	FUZZ_HOLDS(good || !other || strstr(e.text, "too deep") || memchr(text.at, 0, text.len));
	FUZZ_HOLDS(!good || other || strstr(error.text, "too big") ||
		   strstr(error.text, "overflow") || strstr(error.text, "NUL"));
	FUZZ_HOLDS(good == (e.text[0] == '\0'));
	json_decref(other);
	if (good)
		check_children(json_value(text));
	return good;
}

/* {from: first, set: {a: second, "\u0062": second.a}, drop: [c]} */
static void check_join(struct span first, struct span second)
{
	struct json_step steps[] = {{.kind = JSON_STEP_NAME}, {JSON_STEP_NAME, {"a", 1}, 0}};
	const struct settings_join_value set[] = {
		{{"\"a\"", 3}, 1, {steps, 1, false}},
		{{"\"\\u0062\"", 8}, 1, {steps, 2, false}},
	};
	const struct span drop = {"c", 1};
	const struct settings_compose settings = {.join = {.has_from = true,
							   .set = set,
							   .set_count = 2,
							   .drop = &drop,
							   .drop_count = 1}};
	struct span results[] = {json_value(first), json_value(second)};
	struct compose c = {.settings = &settings, .results = results};
	struct err e = {0};
	struct span made, member;

	if (json_kind(results[0]) != JSON_KIND_OBJECT)
		return;
	buf_init(&c.answer, 2 * (first.len + second.len) + 100);
	FUZZ_HOLDS(compose_join(&c) == 0);
	made = (struct span){c.answer.data, c.answer.len};
	FUZZ_HOLDS(json_check(made, &e) == 0 || strstr(e.text, "too deep"));
	FUZZ_HOLDS(json_member(made, (struct span){"a", 1}, &member) &&
		   member.len == results[1].len);
	FUZZ_HOLDS(!json_member(made, drop, &member));
	buf_fini(&c.answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = memchr(data, '\0', len);
	size_t one = end ? (size_t)(end - data) : len, two = end ? len - one - 1 : 0;
	/* Of their very size, so that reading behind them shows. */
	char *first = malloc(one ? one : 1), *second = malloc(two ? two : 1);

	FUZZ_HOLDS(first && second);
	memcpy(first, data, one);
	if (two)
		memcpy(second, end + 1, two);
	if (check_document((struct span){first, one}) && check_document((struct span){second, two}))
		check_join((struct span){first, one}, (struct span){second, two});
	free(first);
	free(second);
	return 0;
}
