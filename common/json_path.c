/* json_path: a list of steps, and for each [] a place to go on from. */
#include "common/json_path.h"

#include <string.h>

/* ---- Reading ---- */

struct json_path_parser {
	struct json_path *path;
	struct arena *arena;
	const char *text, *at;
	struct err *e;
};

static bool json_path_is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

static int json_path_add(struct json_path_parser *p, struct json_step step)
{
	if (p->path->count == JSON_STEPS_MAX)
		return err_set(p->e, "\"%.100s\" has more than %d steps", p->text, JSON_STEPS_MAX);
	p->path->each |= step.kind == JSON_STEP_EACH;
	p->path->steps[p->path->count++] = step;
	return 0;
}

static int json_path_add_name(struct json_path_parser *p, const char *at, size_t len)
{
	const char *name = arena_strndup(p->arena, at, len);

	if (!name)
		return err_set(p->e, "out of memory");
	return json_path_add(p, (struct json_step){.kind = JSON_STEP_NAME, .name = {name, len}});
}

static int json_path_wrong(struct json_path_parser *p)
{
	return err_set(p->e,
		       "\"%.100s\" is no path; write one like .order.customerId, .lines[0].price "
		       "or .orders[].lines[].product",
		       p->text);
}

/* At a quote: a name without escapes. */
static int json_path_quoted(struct json_path_parser *p)
{
	const char *start = p->at + 1, *end = strchr(start, '"');

	if (!end || memchr(start, '\\', (size_t)(end - start)))
		return json_path_wrong(p);
	p->at = end + 1;
	return json_path_add_name(p, start, (size_t)(end - start));
}

/* Behind a '['. */
static int json_path_bracket(struct json_path_parser *p)
{
	struct json_step step = {.kind = JSON_STEP_EACH};
	int result;

	if (*p->at == '"') {
		result = json_path_quoted(p);
	} else {
		for (; *p->at >= '0' && *p->at <= '9' && step.index < 10000000; p->at++) {
			step.kind = JSON_STEP_INDEX;
			step.index = step.index * 10 + (size_t)(*p->at - '0');
		}
		result = json_path_add(p, step);
	}
	if (result == 0 && *p->at++ != ']')
		return json_path_wrong(p);
	return result;
}

static int json_path_step(struct json_path_parser *p, bool first)
{
	const char *start;

	if (*p->at == '[' && !first) {
		p->at++;
		return json_path_bracket(p);
	}
	if (*p->at == '.')
		p->at++;
	else if (!first)
		return json_path_wrong(p);
	if (*p->at == '"')
		return json_path_quoted(p);
	start = p->at;
	while (json_path_is_name(*p->at))
		p->at++;
	if (p->at == start)
		return json_path_wrong(p);
	return json_path_add_name(p, start, (size_t)(p->at - start));
}

int json_path_parse(struct json_path *path, struct arena *arena, const char *text, struct err *e)
{
	struct json_path_parser p = {
		.path = path, .arena = arena, .text = text, .at = text, .e = e};

	*path = (struct json_path){
		.steps = arena_alloc(arena, JSON_STEPS_MAX * sizeof(struct json_step))};
	if (!path->steps)
		return err_set(e, "out of memory");
	if (json_path_step(&p, true) < 0)
		return -1;
	while (*p.at)
		if (json_path_step(&p, false) < 0)
			return -1;
	return 0;
}

/* ---- Looking ---- */

static bool json_path_element(struct span array, size_t index, struct span *value)
{
	struct json_iter iter;
	struct span name;

	json_iter_init(&iter, array);
	if (iter.object)
		return false;
	do {
		if (!json_iter_next(&iter, &name, value))
			return false;
	} while (index--);
	return true;
}

/* One step that leads to one place. */
static bool json_path_go(const struct json_step *step, struct span *value)
{
	if (step->kind == JSON_STEP_NAME)
		return json_member(*value, step->name, value);
	return json_path_element(*value, step->index, value);
}

bool json_path_find(const struct json_path *path, size_t first, struct span value,
		    struct span *found)
{
	for (size_t i = first; i < path->count; i++)
		if (!json_path_go(&path->steps[i], &value))
			return false;
	*found = value;
	return true;
}

void json_path_start(struct json_path_iter *iter, const struct json_path *path, size_t first,
		     struct span value)
{
	iter->path = path;
	iter->root = value;
	iter->first = first;
	iter->begun = false;
	iter->depth = 0;
}

/* The next element of the innermost [] that has one. */
static bool json_path_again(struct json_path_iter *iter, size_t *step, struct span *value)
{
	struct span name;

	for (; iter->depth; iter->depth--)
		if (json_iter_next(&iter->levels[iter->depth - 1], &name, value)) {
			*step = iter->steps[iter->depth - 1];
			return true;
		}
	return false;
}

bool json_path_next(struct json_path_iter *iter, struct span *found)
{
	const struct json_path *path = iter->path;
	size_t step = iter->first;
	struct span value = iter->root;

	if (iter->begun && !json_path_again(iter, &step, &value))
		return false;
	iter->begun = true;
	while (step < path->count) {
		if (path->steps[step].kind == JSON_STEP_EACH) {
			iter->steps[iter->depth] = step + 1;
			json_iter_init(&iter->levels[iter->depth++], value);
			if (!json_path_again(iter, &step, &value))
				return false;
		} else if (json_path_go(&path->steps[step], &value)) {
			step++;
		} else if (!json_path_again(iter, &step, &value)) {
			return false;
		}
	}
	*found = value;
	return true;
}
