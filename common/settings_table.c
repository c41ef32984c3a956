/* settings_table: one reader per type; maps recurse, as deep as the tables do. */
#include "common/settings_table.h"

#include "common/settings_value.h"
#include "common/suggest.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- For all types ---- */

const char *settings_table_text(struct settings_reader *r, const struct settings_node *node)
{
	if (node->kind != SETTINGS_SCALAR) {
		settings_file_mistake(r->file, node, "this is a %s; write a single value",
				      settings_node_kind(node));
		return NULL;
	}
	if (node->null) {
		settings_file_mistake(r->file, node,
				      "there is no value; write one, or remove the key");
		return NULL;
	}
	return node->text;
}

const char *settings_table_copy(struct settings_reader *r, const char *text)
{
	const char *copy = arena_strndup(r->arena, text, strlen(text));

	if (!copy)
		r->file->no_memory = true;
	return copy;
}

void *settings_table_alloc(struct settings_reader *r, size_t count, size_t size)
{
	void *at = NULL;

	if (count == 0)
		return NULL;
	if (count <= SIZE_MAX / size)
		at = arena_zalloc(r->arena, count * size);
	if (!at)
		r->file->no_memory = true;
	return at;
}

static bool settings_is_kind(struct settings_reader *r, const struct settings_node *node,
			     enum settings_kind kind, const char *form)
{
	if (node->kind == kind)
		return true;
	settings_file_mistake(r->file, node, "this is a %s; write %s", settings_node_kind(node),
			      form);
	return false;
}

static bool settings_is_few(struct settings_reader *r, const struct settings_key *key,
			    const struct settings_node *node)
{
	if (key->max == 0 || node->count <= key->max)
		return true;
	settings_file_mistake(r->file, node,
			      "there are %zu of them; at most %" PRIu64 " are allowed", node->count,
			      key->max);
	return false;
}

/* ---- Numbers ---- */

static void settings_print_value(enum settings_type type, uint64_t value,
				 char out[SETTINGS_VALUE_SIZE])
{
	if (type == SETTINGS_DURATION || type == SETTINGS_MS64)
		settings_value_print_duration(value, out);
	else if (type == SETTINGS_SIZE)
		settings_value_print_size(value, out);
	else
		(void)snprintf(out, SETTINGS_VALUE_SIZE, "%" PRIu64, value);
}

static uint64_t settings_key_max(const struct settings_key *key)
{
	if (key->max)
		return key->max;
	return key->type == SETTINGS_INT || key->type == SETTINGS_DURATION ? UINT_MAX : INT64_MAX;
}

static void settings_read_number(struct settings_reader *r, const struct settings_key *key,
				 const struct settings_node *node, char *to)
{
	const char *text = settings_table_text(r, node);
	char low[SETTINGS_VALUE_SIZE], high[SETTINGS_VALUE_SIZE];
	struct err e = {0};
	uint64_t value = 0;
	unsigned small;
	int failed;

	if (!text)
		return;
	if (key->type == SETTINGS_INT)
		failed = settings_value_number(text, &value, &e);
	else if (key->type == SETTINGS_SIZE)
		failed = settings_value_size(text, &value, &e);
	else
		failed = settings_value_duration(text, &value, &e);
	if (failed) {
		settings_file_mistake(r->file, node, "%s", e.text);
		return;
	}
	if (value < key->min || value > settings_key_max(key)) {
		settings_print_value(key->type, key->min, low);
		settings_print_value(key->type, settings_key_max(key), high);
		settings_file_mistake(r->file, node, "%.60s is too %s; write %s to %s", text,
				      value < key->min ? "little" : "much", low, high);
		return;
	}
	small = (unsigned)value;
	if (key->type == SETTINGS_INT || key->type == SETTINGS_DURATION)
		memcpy(to, &small, sizeof(small));
	else
		memcpy(to, &value, sizeof(value)); /* an int64_t too: it is below INT64_MAX */
}

/* ---- Words ---- */

static void settings_read_bool(struct settings_reader *r, const struct settings_node *node,
			       char *to)
{
	const char *text = settings_table_text(r, node);
	bool value;

	if (!text)
		return;
	value = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
	if (!value && strcmp(text, "false") != 0 && strcmp(text, "no") != 0 &&
	    strcmp(text, "off") != 0) {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" is not yes or no; write true or false", text);
		return;
	}
	memcpy(to, &value, sizeof(value));
}

static void settings_read_string(struct settings_reader *r, const struct settings_key *key,
				 const struct settings_node *node, char *to)
{
	const char *text = settings_table_text(r, node), *copy;
	size_t len;

	if (!text)
		return;
	len = strlen(text);
	if (len < key->min) {
		settings_file_mistake(r->file, node,
				      "the text is empty; write one, or remove the key");
		return;
	}
	if (key->max && len > key->max) {
		settings_file_mistake(r->file, node,
				      "the text is %zu bytes long; at most %" PRIu64 " are allowed",
				      len, key->max);
		return;
	}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static const struct settings_name *settings_name_find(struct settings_reader *r,
						      const struct settings_key *key,
						      const struct settings_node *node,
						      const char *text, size_t len)
{
	struct suggest near = {.best = NULL};
	char word[64], all[512];
	size_t used = 0;

	(void)snprintf(word, sizeof(word), "%.*s", (int)(len < 60 ? len : 60), text);
	near.name = word;
	for (const struct settings_name *n = key->names; n->name; n++) {
		int wrote;

		if (strcmp(n->name, word) == 0)
			return n;
		suggest_offer(&near, n->name);
		wrote = snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", n->name);
		if (wrote > 0 && (size_t)wrote < sizeof(all) - used)
			used += (size_t)wrote;
	}
	if (near.best)
		settings_file_mistake(r->file, node, "\"%s\" is none of %s; did you mean \"%s\"?",
				      word, all, near.best);
	else
		settings_file_mistake(r->file, node, "\"%s\" is not possible here; write one of %s",
				      word, all);
	return NULL;
}

static void settings_read_enum(struct settings_reader *r, const struct settings_key *key,
			       const struct settings_node *node, char *to)
{
	const char *text = settings_table_text(r, node);
	const struct settings_name *n;

	if (!text)
		return;
	n = settings_name_find(r, key, node, text, strlen(text));
	if (n)
		memcpy(to, &n->value, sizeof(n->value));
}

/* A list of words, or one text with words between commas. */
static void settings_read_flags(struct settings_reader *r, const struct settings_key *key,
				const struct settings_node *node, char *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	unsigned value = 0;

	if (!settings_is_few(r, key, node))
		return;
	if (node->kind == SETTINGS_LIST && node->count == 0)
		settings_file_mistake(r->file, node,
				      "the list is empty; write some, or remove the key");
	for (; item; item = item == node ? NULL : item->next) {
		const char *text = settings_table_text(r, item);

		if (text && !*text)
			settings_file_mistake(r->file, item, "the text is empty; remove it");
		while (text && *text) {
			size_t skip = strspn(text, ", "), len = strcspn(text + skip, ", ");
			const struct settings_name *n =
				len || !value ? settings_name_find(r, key, item, text + skip, len)
					      : NULL;

			value |= n ? n->value : 0;
			text += skip + len;
		}
	}
	memcpy(to, &value, sizeof(value));
}

void settings_table_strings(struct settings_reader *r, const struct settings_node *node,
			    struct settings_strings *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t room = node->kind == SETTINGS_LIST ? node->count : 1;
	const char **items = settings_table_alloc(r, room, sizeof(*items));
	size_t n = 0;

	if (!items)
		return;
	for (; item; item = item == node ? NULL : item->next) {
		const char *text = settings_table_text(r, item);
		const char *copy = text ? settings_table_copy(r, text) : NULL;

		if (text && !*text)
			settings_file_mistake(r->file, item, "the text is empty; remove it");
		if (copy)
			items[n++] = copy;
	}
	to->items = items;
	to->count = n;
}

/* ---- Maps ---- */

static void settings_read_items(struct settings_reader *r, const struct settings_key *key,
				const struct settings_node *node, char *base)
{
	bool named = key->type == SETTINGS_NAMED;
	char *items, *item;

	if (node->null) /* a key whose entries are commented out */
		return;
	if (!settings_is_kind(r, node, named ? SETTINGS_MAP : SETTINGS_LIST,
			      named ? "a map of names"
				    : "a list, each entry starting with \"- \"") ||
	    !settings_is_few(r, key, node))
		return;
	items = settings_table_alloc(r, node->count, key->table->size);
	if (!items)
		return;
	item = items;
	for (const struct settings_node *n = node->first; n; n = n->next, item += key->table->size)
		settings_table_read(r, key->table, n, item);
	memcpy(base + key->at, &items, sizeof(items));
	memcpy(base + key->count_at, &node->count, sizeof(node->count));
}

static void settings_read_value(struct settings_reader *r, const struct settings_key *key,
				const struct settings_node *node, char *base)
{
	char *to = base + key->at;

	switch (key->type) {
	case SETTINGS_BOOL:
		settings_read_bool(r, node, to);
		break;
	case SETTINGS_INT:
	case SETTINGS_DURATION:
	case SETTINGS_MS64:
	case SETTINGS_SIZE:
		settings_read_number(r, key, node, to);
		break;
	case SETTINGS_STRING:
		settings_read_string(r, key, node, to);
		break;
	case SETTINGS_ENUM:
		settings_read_enum(r, key, node, to);
		break;
	case SETTINGS_FLAGS:
		settings_read_flags(r, key, node, to);
		break;
	case SETTINGS_STRINGS:
		if (settings_is_few(r, key, node))
			settings_table_strings(r, node, (struct settings_strings *)(void *)to);
		break;
	case SETTINGS_SUBMAP:
		settings_table_read(r, key->table, node, to);
		break;
	case SETTINGS_LISTED:
	case SETTINGS_NAMED:
		settings_read_items(r, key, node, base);
		break;
	case SETTINGS_CUSTOM:
		if (node->null)
			(void)settings_table_text(r, node); /* which says that it has no value */
		else
			key->custom(r, node, to);
		break;
	}
}

static void settings_read_default(struct settings_reader *r, const struct settings_key *key,
				  char *base)
{
	const struct settings_node node = {.kind = SETTINGS_SCALAR,
					   .plain = true,
					   .text = key->fallback ? key->fallback : "",
					   .key = key->name,
					   .weight = 1};

	if (key->type == SETTINGS_SUBMAP)
		settings_table_read(r, key->table, NULL, base + key->at);
	else if (key->fallback)
		settings_read_value(r, key, &node, base);
}

static void settings_check_unknown(struct settings_reader *r, const struct settings_table *table,
				   const struct settings_node *map)
{
	for (const struct settings_node *m = map->first; m; m = m->next) {
		struct suggest near = {.name = m->key};
		size_t i = 0;

		while (i < table->key_count && strcmp(table->keys[i].name, m->key) != 0)
			i++;
		if (i < table->key_count)
			continue;
		for (i = 0; i < table->key_count; i++)
			if (!table->keys[i].hidden)
				suggest_offer(&near, table->keys[i].name);
		if (near.best)
			settings_file_mistake(r->file, m,
					      "there is no such key; did you mean \"%s\"?",
					      near.best);
		else
			settings_file_mistake(
				r->file, m,
				"there is no such key; remove it, or look it up in the "
				"reference");
	}
}

void settings_table_read(struct settings_reader *r, const struct settings_table *table,
			 const struct settings_node *map, void *to)
{
	/* "limits:" with everything in it commented out is a map without keys. */
	bool empty = map && map->null;

	if (map && !empty &&
	    !settings_is_kind(r, map, SETTINGS_MAP, "a map, \"KEY: value\" on each line"))
		return;
	for (size_t i = 0; i < table->key_count; i++) {
		const struct settings_key *key = &table->keys[i];
		const struct settings_node *node = settings_node_get(map, key->name);

		if (node)
			settings_read_value(r, key, node, to);
		else if (!key->required)
			settings_read_default(r, key, to);
		else if (map)
			settings_file_mistake(r->file, map,
					      "the key \"%s\" is missing; write %s: %s", key->name,
					      key->name, key->form ? key->form : "…");
	}
	if (map && !empty)
		settings_check_unknown(r, table, map);
	if (table->done)
		table->done(r, map, to);
}
