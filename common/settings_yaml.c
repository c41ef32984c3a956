/* settings_yaml: builds the tree from libyaml's events, iteratively, within its bounds. */
#include "common/settings_yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { SETTINGS_ANCHORS_MAX = 1000 };

static const char settings_too_deep[] = "more than 32 levels lie inside each other";

struct settings_anchor {
	const char *name;
	const struct settings_node *node;
	struct settings_anchor *next;
};

struct settings_frame {
	struct settings_node *node;
	struct settings_node *last;
	const char *anchor;
	const char *key; /* of a map: its value comes next */
	unsigned key_line;
};

struct settings_builder {
	struct settings_file *file;
	struct settings_frame frames[SETTINGS_FILE_DEPTH_MAX];
	size_t depth;
	struct settings_anchor *anchors;
	size_t anchor_count;
	size_t nodes;
	unsigned documents;
	bool done;
};

static int settings_no_memory(struct settings_file *file)
{
	file->no_memory = true;
	return -1;
}

/* A mistake that has a line but no node. */
static int settings_yaml_stop(struct settings_builder *b, unsigned line, const char *text)
{
	struct settings_node at = {.line = line};

	settings_file_mistake(b->file, &at, "%s", text);
	return -1;
}

static int settings_anchor_add(struct settings_builder *b, const char *name,
			       const struct settings_node *node)
{
	struct settings_anchor *a;

	if (!name)
		return 0;
	if (b->anchor_count++ == SETTINGS_ANCHORS_MAX)
		return settings_yaml_stop(b, node->line, "there are more than 1000 anchors ('&')");
	a = arena_alloc(&b->file->arena, sizeof(*a));
	if (!a)
		return settings_no_memory(b->file);
	*a = (struct settings_anchor){.name = name, .node = node, .next = b->anchors};
	b->anchors = a;
	return 0;
}

/* Hangs a node where the document is. */
static int settings_builder_add(struct settings_builder *b, struct settings_node *node)
{
	struct settings_frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;

	b->nodes += node->weight;
	if (b->nodes > SETTINGS_FILE_NODES_MAX)
		return settings_yaml_stop(b, node->line,
					  "the file stands for more than 200000 values");
	if (!f) {
		b->file->root = node;
		return 0;
	}
	f->node->weight += node->weight;
	if (f->node->height <= node->height)
		f->node->height = node->height + 1;
	node->parent = f->node;
	node->index = f->node->count++;
	if (f->node->kind == SETTINGS_MAP) {
		node->key = f->key;
		node->line = f->key_line;
		f->key = NULL;
	}
	if (f->last)
		f->last->next = node;
	else
		f->node->first = node;
	f->last = node;
	return 0;
}

static bool settings_builder_wants_key(const struct settings_builder *b)
{
	const struct settings_frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;

	return f && f->node->kind == SETTINGS_MAP && !f->key;
}

static struct settings_node *settings_node_new(struct settings_builder *b, enum settings_kind kind,
					       const yaml_mark_t *mark)
{
	struct settings_node *node = arena_zalloc(&b->file->arena, sizeof(*node));

	if (!node) {
		(void)settings_no_memory(b->file); /* the NULL tells it */
		return NULL;
	}
	node->kind = kind;
	node->line = (unsigned)mark->line + 1;
	node->text = "";
	node->weight = 1;
	return node;
}

/* ---- ${NAME} ---- */

static bool settings_is_name(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((at[i] >= 'A' && at[i] <= 'Z') || (at[i] >= 'a' && at[i] <= 'z') ||
		      at[i] == '_' || (i > 0 && at[i] >= '0' && at[i] <= '9')))
			return false;
	return len > 0;
}

/* Appends what "${NAME}" at `at` stands for; returns its length in the text, 0 on a mistake. */
static size_t settings_expand_one(struct settings_file *file, const struct settings_node *node,
				  const char *at, struct buf *out)
{
	const char *end = strchr(at, '}'), *value;
	size_t len = end ? (size_t)(end - at) - 2 : 0;
	char name[128];

	if (!end || !settings_is_name(at + 2, len) || len >= sizeof(name)) {
		settings_file_mistake(file, node,
				      "\"%.60s\" names no environment variable; write ${NAME}, or "
				      "$${ for the text itself",
				      at);
		return 0;
	}
	memcpy(name, at + 2, len);
	name[len] = '\0';
	value = getenv(name);
	if (!value) {
		settings_file_mistake(file, node,
				      "the environment variable %s is not set; set it, or write "
				      "the value here",
				      name);
		return 0;
	}
	(void)buf_puts(out, value); /* the failure sticks in the buffer */
	return len + 3;
}

static int settings_expand(struct settings_builder *b, struct settings_node *node)
{
	const char *at = node->text, *dollar = strstr(at, "${");
	struct buf out;
	bool unknown = false;
	int result = 0;

	if (!dollar)
		return 0;
	buf_init(&out, SETTINGS_FILE_BYTES_MAX);
	for (; dollar; dollar = strstr(at, "${")) {
		size_t used;

		if (dollar > at && dollar[-1] == '$') {
			(void)buf_append(&out, at, (size_t)(dollar - at) - 1);
			(void)buf_puts(&out, "${");
			at = dollar + 2;
			continue;
		}
		(void)buf_append(&out, at, (size_t)(dollar - at));
		used = settings_expand_one(b->file, node, dollar, &out);
		unknown |= !used;
		at = dollar + (used ? used : 2);
	}
	node->unknown = unknown; /* not before: each of its mistakes is told */
	(void)buf_puts(&out, at);
	if (!buf_str(&out))
		result = settings_no_memory(b->file);
	else
		node->text = arena_strndup(&b->file->arena, out.data, out.len);
	if (!node->text)
		result = settings_no_memory(b->file);
	buf_fini(&out);
	return result;
}

/* ---- Events ---- */

static const char *settings_copy(struct settings_builder *b, const yaml_char_t *text, size_t len)
{
	const char *copy = arena_strndup(&b->file->arena, (const char *)text, len);

	if (!copy)
		b->file->no_memory = true;
	return copy;
}

static int settings_anchor_copy(struct settings_builder *b, const yaml_char_t *anchor,
				const char **name)
{
	*name = NULL;
	if (!anchor)
		return 0;
	*name = settings_copy(b, anchor, strlen((const char *)anchor));
	return *name ? 0 : -1;
}

static bool settings_is_null(const char *text)
{
	return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
	       strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static int settings_on_scalar(struct settings_builder *b, const yaml_event_t *event)
{
	unsigned line = (unsigned)event->start_mark.line + 1;
	size_t len = event->data.scalar.length;
	struct settings_node *node;
	const char *text, *anchor;

	if (memchr(event->data.scalar.value, '\0', len))
		return settings_yaml_stop(b, line, "a value holds a NUL byte; remove the \\0");
	if (event->data.scalar.tag)
		return settings_yaml_stop(b, line, "tags ('!…') are not supported; remove it");
	text = settings_copy(b, event->data.scalar.value, len);
	if (!text)
		return -1;
	if (settings_builder_wants_key(b)) {
		b->frames[b->depth - 1].key = text;
		b->frames[b->depth - 1].key_line = line;
		return 0;
	}
	node = settings_node_new(b, SETTINGS_SCALAR, &event->start_mark);
	if (!node || settings_anchor_copy(b, event->data.scalar.anchor, &anchor) < 0)
		return -1;
	node->text = text;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->null = node->plain && settings_is_null(text);
	if (settings_builder_add(b, node) < 0 || settings_expand(b, node) < 0)
		return -1;
	return settings_anchor_add(b, anchor, node);
}

static int settings_on_start(struct settings_builder *b, enum settings_kind kind,
			     const yaml_char_t *anchor, const yaml_char_t *tag,
			     const yaml_mark_t *mark)
{
	unsigned line = (unsigned)mark->line + 1;
	struct settings_node *node;
	struct settings_frame *f;

	if (tag)
		return settings_yaml_stop(b, line, "tags ('!…') are not supported; remove it");
	if (settings_builder_wants_key(b))
		return settings_yaml_stop(
			b, line,
			"a key is a list or a map; write \"NAME: value\" (text that "
			"starts with '{' or '[' needs quotes)");
	if (b->depth == SETTINGS_FILE_DEPTH_MAX)
		return settings_yaml_stop(b, line, settings_too_deep);
	node = settings_node_new(b, kind, mark);
	if (!node || settings_builder_add(b, node) < 0)
		return -1;
	f = &b->frames[b->depth++];
	*f = (struct settings_frame){.node = node};
	return settings_anchor_copy(b, anchor, &f->anchor);
}

static int settings_key_compare(const void *a, const void *b)
{
	const struct settings_node *const *left = a, *const *right = b;
	int order = strcmp((*left)->key, (*right)->key);

	if (order)
		return order;
	return (*left)->index < (*right)->index ? -1 : (*left)->index > (*right)->index;
}

/* The second of two equal keys would silently win or lose. */
static int settings_check_twins(struct settings_builder *b, const struct settings_node *map)
{
	const struct settings_node **all;
	size_t n = 0;

	if (map->kind != SETTINGS_MAP || map->count < 2)
		return 0;
	all = arena_alloc(&b->file->arena, map->count * sizeof(const struct settings_node *));
	if (!all)
		return settings_no_memory(b->file);
	for (const struct settings_node *m = map->first; m; m = m->next)
		all[n++] = m;
	qsort(all, n, sizeof(const struct settings_node *), settings_key_compare);
	for (size_t i = 1; i < n; i++)
		if (strcmp(all[i - 1]->key, all[i]->key) == 0)
			settings_file_mistake(b->file, all[i],
					      "the key is given twice, first on line %u; keep one",
					      all[i - 1]->line);
	return 0;
}

static int settings_on_end(struct settings_builder *b)
{
	struct settings_frame *f = &b->frames[--b->depth];

	if (b->depth) { /* the node itself was counted when it was added */
		struct settings_node *parent = b->frames[b->depth - 1].node;

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a frame has its node */
		parent->weight += f->node->weight - 1;
		if (parent->height <= f->node->height)
			parent->height = f->node->height + 1;
	}
	if (settings_check_twins(b, f->node) < 0)
		return -1;
	return settings_anchor_add(b, f->anchor, f->node);
}

/* An alias is a copy of the node's head: both share the children. Anchors are known only once
 * their node is whole, so nothing can hold itself. */
static int settings_on_alias(struct settings_builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	unsigned line = (unsigned)event->start_mark.line + 1;
	struct settings_anchor *a = b->anchors;
	struct settings_node *node;

	if (settings_builder_wants_key(b))
		return settings_yaml_stop(b, line,
					  "an alias ('*…') can't be a key; write the key out");
	while (a && strcmp(a->name, name) != 0)
		a = a->next;
	if (!a)
		return settings_yaml_stop(
			b, line,
			"an alias ('*…') has no anchor ('&…') before it; text that "
			"starts with '*' needs quotes");
	if (b->depth + a->node->height >= SETTINGS_FILE_DEPTH_MAX)
		return settings_yaml_stop(b, line, settings_too_deep);
	node = settings_node_new(b, a->node->kind, &event->start_mark);
	if (!node)
		return -1;
	*node = *a->node;
	node->line = line;
	node->key = NULL;
	node->next = NULL;
	return settings_builder_add(b, node);
}

static int settings_on_event(struct settings_builder *b, const yaml_event_t *event)
{
	unsigned line = (unsigned)event->start_mark.line + 1;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++)
			return settings_yaml_stop(
				b, line,
				"a second document starts here ('---'); one file is "
				"one document");
		return 0;
	case YAML_ALIAS_EVENT:
		return settings_on_alias(b, event);
	case YAML_SCALAR_EVENT:
		return settings_on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return settings_on_start(b, SETTINGS_LIST, event->data.sequence_start.anchor,
					 event->data.sequence_start.tag, &event->start_mark);
	case YAML_MAPPING_START_EVENT:
		return settings_on_start(b, SETTINGS_MAP, event->data.mapping_start.anchor,
					 event->data.mapping_start.tag, &event->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return settings_on_end(b);
	case YAML_STREAM_END_EVENT:
	case YAML_NO_EVENT:
		b->done = true;
		return 0;
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

/* {path: /orders/{id}} is what people write first, or a line that starts with a tab. */
static const char *settings_yaml_hint(const yaml_parser_t *parser, const char *text)
{
	size_t at = parser->problem_mark.index; /* in characters: right as long as all were ASCII */

	if (parser->context && strstr(parser->context, " flow "))
		return "; text that holds any of {}[], needs quotes here";
	if (parser->problem && strstr(parser->problem, "cannot start any token") &&
	    at < strlen(text) && text[at] == '\t')
		return "; a tab is here, YAML is indented by spaces";
	return "";
}

/* What libyaml says of text that is no YAML, with the line it means. */
static int settings_yaml_broken(struct settings_builder *b, const yaml_parser_t *parser,
				const char *text)
{
	struct settings_node at = {.line = (unsigned)parser->problem_mark.line + 1};
	const char *problem = parser->problem ? parser->problem : "it can't be read";

	if (parser->error == YAML_MEMORY_ERROR)
		return settings_no_memory(b->file);
	if (parser->error == YAML_READER_ERROR) {
		at.line = 1;
		for (size_t i = 0; i < parser->problem_offset && text[i]; i++)
			at.line += text[i] == '\n';
		settings_file_mistake(b->file, &at, "this is not UTF-8 text: %s", problem);
		return -1;
	}
	if (parser->context && parser->context_mark.line != parser->problem_mark.line)
		settings_file_mistake(b->file, &at,
				      "this is not YAML: %s, %s that starts on line %zu%s", problem,
				      parser->context, parser->context_mark.line + 1,
				      settings_yaml_hint(parser, text));
	else
		settings_file_mistake(b->file, &at, "this is not YAML: %s%s%s%s", problem,
				      parser->context ? ", " : "",
				      parser->context ? parser->context : "",
				      settings_yaml_hint(parser, text));
	return -1;
}

int settings_yaml_read(struct settings_file *file, const char *text, size_t len)
{
	struct settings_builder b = {.file = file};
	yaml_parser_t parser;
	yaml_event_t event;
	int result = 0;

	if (!yaml_parser_initialize(&parser))
		return settings_no_memory(file);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!b.done && result == 0) {
		if (!yaml_parser_parse(&parser, &event)) {
			result = settings_yaml_broken(&b, &parser, text);
			break;
		}
		result = settings_on_event(&b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	if (result < 0)
		file->root = NULL;
	return result;
}
