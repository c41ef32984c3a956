/*
 * json_path: where in a document something is, in the part of jq's language
 * that only looks: `.orders[].lines[0].product`, `."odd name"`. The first dot
 * may be left out.
 *
 * Parsed once, immutable then. What it is looked for in was passed by
 * json_check, and stays where it lies.
 */
#ifndef MICROREG_COMMON_JSON_PATH_H
#define MICROREG_COMMON_JSON_PATH_H

#include "common/arena.h"
#include "common/err.h"
#include "common/json_walk.h"

#include <stddef.h>

enum { JSON_STEPS_MAX = 16 };

enum json_step_kind { JSON_STEP_NAME, JSON_STEP_INDEX, JSON_STEP_EACH };

struct json_step {
	enum json_step_kind kind;
	struct span name; /* NUL-terminated too */
	size_t index;
};

struct json_path {
	struct json_step *steps;
	size_t count;
	bool each; /* one of them is [] */
};

/* -1: *e says what is wrong with the text, or that memory is spent. Lives in the arena. */
int json_path_parse(struct json_path *path, struct arena *arena, const char *text, struct err *e);

/* What the steps from `first` on lead to, of a path without []. False: it is not there. A null is
 * there. */
bool json_path_find(const struct json_path *path, size_t first, struct span value,
		    struct span *found);

/* All that they lead to, in the document's order; what is not there is passed over. */
struct json_path_iter {
	const struct json_path *path;
	struct span root;
	size_t first;
	bool begun;
	struct json_iter levels[JSON_STEPS_MAX];
	size_t steps[JSON_STEPS_MAX]; /* the step behind the [] of each level */
	size_t depth;
};

void json_path_start(struct json_path_iter *iter, const struct json_path *path, size_t first,
		     struct span value);
bool json_path_next(struct json_path_iter *iter, struct span *found);

#endif
