/*
 * template_result: values from what other calls of a composed route came to.
 * A service is trusted with them no more than a client is: a value stays in its
 * place, and a call that needs one that is not there is not made.
 */
#include "common/json_walk.h"
#include "gateway/template_parts.h"

#include <string.h>

int template_parse_result(struct arena *arena, const struct template_scope *scope, const char *name,
			  struct template_part *part, bool *found, struct err *e)
{
	size_t len = strcspn(name, ".["), i = 0;
	struct json_path *path;

	*found = false;
	while (i < scope->result_count &&
	       (strncmp(scope->results[i], name, len) != 0 || strlen(scope->results[i]) != len))
		i++;
	if (i == scope->result_count)
		return 0;
	path = arena_alloc(arena, sizeof(*path));
	if (!path)
		return err_set(e, "out of memory");
	if (json_path_parse(path, arena, name, e) < 0)
		return -1;
	if (path->each)
		return err_set(e, "{%.100s} stands for many values; write one, like [0]", name);
	part->source = TEMPLATE_RESULT;
	part->result = i;
	part->within = path;
	*found = true;
	return 0;
}

bool template_result_value(const struct template_part *part, const struct template_values *v,
			   struct span *value)
{
	enum json_kind kind;

	if (part->source != TEMPLATE_RESULT) {
		if (!v->item_count)
			return false;
		*value = v->items[0];
	} else if (!v->results[part->result].len ||
		   !json_path_find(part->within, 1, v->results[part->result], value)) {
		return false;
	}
	kind = json_kind(*value);
	return kind == JSON_KIND_NUMBER || kind == JSON_KIND_TRUE || kind == JSON_KIND_FALSE ||
	       (kind == JSON_KIND_STRING && value->len > 2);
}

bool template_result_json(const struct template *t, const struct template_values *values,
			  struct span *json)
{
	const struct template_part *part = t->parts;

	*json = (struct span){NULL, 0};
	if (t->count != 1 || part->source != TEMPLATE_RESULT)
		return false;
	if (values->results[part->result].len)
		(void)json_path_find(part->within, 1, values->results[part->result], json);
	return true;
}

void template_put_result(struct buf *out, enum template_place place, struct span value)
{
	struct span rest = {value.at + 1, value.len - 2};
	char bytes[4];

	if (json_kind(value) != JSON_KIND_STRING) {
		for (size_t i = 0; i < value.len; i++)
			template_put_byte(out, place, value.at[i]);
		return;
	}
	while (rest.len) {
		size_t n = json_string_next(&rest, bytes);

		for (size_t i = 0; i < n; i++)
			template_put_byte(out, place, bytes[i]);
	}
}

void template_put_value(struct buf *out, const struct template_part *part,
			const struct template_values *v)
{
	struct span value = {"null", 4};

	if (part->source == TEMPLATE_RESULT && v->results[part->result].len)
		(void)json_path_find(part->within, 1, v->results[part->result], &value);
	else if (part->source == TEMPLATE_ITEM && v->item_count)
		value = v->items[0];
	if (part->source != TEMPLATE_ITEMS) {
		(void)buf_append(out, value.at, value.len); /* failures stick, here and below */
		return;
	}
	for (size_t i = 0; i < v->item_count; i++) {
		(void)buf_putc(out, i ? ',' : '[');
		(void)buf_append(out, v->items[i].at, v->items[i].len);
	}
	(void)buf_puts(out, v->item_count ? "]" : "[]");
}
