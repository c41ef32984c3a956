/*
 * fuzz_fields: what a selection cuts out of a document is JSON, no longer than
 * that, and cut again it is the same. The input is the selection, a NUL, and
 * the document.
 */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "gateway/fields.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_cut(const struct fields *fields, struct span json)
{
	struct buf once, twice;
	struct err e = {0};
	struct span cut;

	buf_init(&once, json.len + 1);
	buf_init(&twice, json.len + 1);
	fields_write(fields, json_value(json), &once);
	FUZZ_HOLDS(!once.failed);
	cut = (struct span){once.data, once.len};
	FUZZ_HOLDS(json_check(cut, &e) == 0);
	fields_write(fields, cut, &twice);
	FUZZ_HOLDS(!twice.failed && twice.len == once.len &&
		   memcmp(once.data, twice.data, once.len) == 0);
	buf_fini(&twice);
	buf_fini(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = memchr(data, '\0', len);
	size_t one = end ? (size_t)(end - data) : len, two = end ? len - one - 1 : 0;
	/* Of their very size, so that reading behind them shows. */
	char *text = malloc(one ? one : 1), *json = malloc(two ? two : 1);
	const struct fields *fields;
	struct err e = {0};
	struct arena arena;

	FUZZ_HOLDS(text && json);
	memcpy(text, data, one);
	if (two)
		memcpy(json, end + 1, two);
	arena_init(&arena, 1 << 20);
	fields = fields_parse(&arena, (struct span){text, one}, 50, &e);
	FUZZ_HOLDS(!fields == (e.text[0] != '\0'));
	if (fields && json_check((struct span){json, two}, NULL) == 0)
		check_cut(fields, (struct span){json, two});
	arena_fini(&arena);
	free(json);
	free(text);
	return 0;
}
