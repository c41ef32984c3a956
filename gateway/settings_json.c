/* settings_json: writes a YAML value of the settings as JSON. */
#include "gateway/settings_parts.h"

#include "common/json_write.h"

#include <string.h>

/* RFC 8259 6. Numbers keep the digits they were written with. */
static bool settings_is_json_number(const char *at)
{
	static const char digits[] = "0123456789";
	size_t whole;

	at += *at == '-';
	whole = strspn(at, digits);
	if (whole == 0 || (whole > 1 && *at == '0'))
		return false;
	at += whole;
	if (*at == '.') {
		if (strspn(at + 1, digits) == 0)
			return false;
		at += 1 + strspn(at + 1, digits);
	}
	if (*at == 'e' || *at == 'E') {
		at += 1 + (at[1] == '+' || at[1] == '-');
		if (strspn(at, digits) == 0)
			return false;
		at += strspn(at, digits);
	}
	return !*at;
}

static void settings_json_scalar(struct json_writer *j, const struct settings_node *node)
{
	bool raw = node->plain && settings_is_json_number(node->text);

	if (node->null)
		json_write_string(j, NULL);
	else if (node->plain && strcmp(node->text, "true") == 0)
		json_write_bool(j, true);
	else if (node->plain && strcmp(node->text, "false") == 0)
		json_write_bool(j, false);
	else if (raw)
		json_write_raw(j, node->text);
	else
		json_write_string(j, node->text);
}

/* As deep as the file, which is bounded. */
static void settings_json_node(struct json_writer *j, const struct settings_node *node)
{
	switch (node->kind) {
	case SETTINGS_SCALAR:
		settings_json_scalar(j, node);
		break;
	case SETTINGS_LIST:
		json_write_array(j);
		for (const struct settings_node *n = node->first; n; n = n->next)
			settings_json_node(j, n);
		json_write_array_end(j);
		break;
	case SETTINGS_MAP:
		json_write_object(j);
		for (const struct settings_node *n = node->first; n; n = n->next) {
			json_write_key(j, n->key);
			settings_json_node(j, n);
		}
		json_write_object_end(j);
		break;
	}
}

const char *settings_json_text(struct settings_reader *r, const struct settings_node *node)
{
	const char *text = NULL;
	struct json_writer j;
	struct buf out;

	buf_init(&out, 4 * SETTINGS_FILE_BYTES_MAX);
	json_write_init(&j, &out);
	settings_json_node(&j, node);
	if (buf_str(&out))
		text = settings_table_copy(r, out.data);
	else
		r->file->no_memory = true;
	buf_fini(&out);
	return text;
}

void settings_read_json(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_fallback *fallback = to;

	/* '{"a": 1}' in quotes is a text, which is hardly what is meant. */
	if (node->kind == SETTINGS_SCALAR && !node->plain && strchr("{[", node->text[0]) &&
	    node->text[0]) {
		settings_file_mistake(
			r->file, node,
			"this is a text that looks like JSON; write the value itself, "
			"without quotes, or use `text` and `type`");
		return;
	}
	fallback->body = settings_json_text(r, node);
	fallback->body_len = fallback->body ? strlen(fallback->body) : 0;
}
