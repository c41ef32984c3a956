/* settings_reference: prints the tables of keys as Markdown. */
#include "common/settings_table.h"

#include "common/settings_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A '|' ends a cell even within backquotes. */
static void reference_cell(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			(void)buf_putc(out, '\\');
		(void)buf_putc(out, *text);
	}
}

static void reference_names(const struct settings_name *names, struct buf *out)
{
	for (const struct settings_name *n = names; n->name; n++)
		(void)buf_printf(out, "%s`%s`", n == names ? "" : ", ", n->name);
}

static void reference_range(const struct settings_key *key, struct buf *out)
{
	char low[SETTINGS_VALUE_SIZE], high[SETTINGS_VALUE_SIZE];
	bool duration = key->type == SETTINGS_DURATION || key->type == SETTINGS_MS64;

	(void)buf_puts(out, duration ? "duration" : key->type == SETTINGS_SIZE ? "size" : "number");
	if (!key->max)
		return;
	if (duration) {
		settings_value_print_duration(key->min, low);
		settings_value_print_duration(key->max, high);
	} else if (key->type == SETTINGS_SIZE) {
		settings_value_print_size(key->min, low);
		settings_value_print_size(key->max, high);
	} else {
		(void)snprintf(low, sizeof(low), "%" PRIu64, key->min);
		(void)snprintf(high, sizeof(high), "%" PRIu64, key->max);
	}
	(void)buf_printf(out, ", %s to %s", low, high);
}

static void reference_value(const struct settings_key *key, struct buf *out)
{
	switch (key->type) {
	case SETTINGS_BOOL:
		(void)buf_puts(out, "`true` or `false`");
		break;
	case SETTINGS_INT:
	case SETTINGS_DURATION:
	case SETTINGS_MS64:
	case SETTINGS_SIZE:
		reference_range(key, out);
		break;
	case SETTINGS_STRING:
		reference_cell(out, key->form ? key->form : "text");
		break;
	case SETTINGS_ENUM:
		reference_names(key->names, out);
		break;
	case SETTINGS_FLAGS:
		(void)buf_puts(out, "list of ");
		reference_names(key->names, out);
		break;
	case SETTINGS_STRINGS:
		reference_cell(out, key->form ? key->form : "list of texts");
		break;
	case SETTINGS_SUBMAP:
		(void)buf_puts(out, "map");
		break;
	case SETTINGS_LISTED:
		(void)buf_puts(out, "list of maps");
		break;
	case SETTINGS_NAMED:
		(void)buf_puts(out, "map of named maps");
		break;
	case SETTINGS_CUSTOM:
		reference_cell(out, key->form);
		break;
	}
}

static void reference_default(const struct settings_key *key, struct buf *out)
{
	if (key->required)
		(void)buf_puts(out, "required");
	else if (key->fallback_shown)
		reference_cell(out, key->fallback_shown);
	else if (key->fallback)
		(void)buf_printf(out, "`%s`", key->fallback);
	else if (key->type == SETTINGS_BOOL)
		(void)buf_puts(out, "`false`");
}

/* `prefix` grows by what the path to the nested keys is. */
static void reference_rows(const struct settings_table *table, const char *prefix, struct buf *out)
{
	for (size_t i = 0; i < table->key_count; i++) {
		const struct settings_key *key = &table->keys[i];
		char nested[256];

		if (key->hidden)
			continue;
		(void)buf_printf(out, "| `%s%s` | ", prefix, key->name);
		reference_value(key, out);
		(void)buf_puts(out, " | ");
		reference_default(key, out);
		(void)buf_puts(out, " | ");
		reference_cell(out, key->help);
		(void)buf_puts(out, " |\n");
		if (!key->table)
			continue;
		(void)snprintf(nested, sizeof(nested), "%s%s%s", prefix, key->name,
			       key->type == SETTINGS_LISTED || key->listed ? "[]."
			       : key->type == SETTINGS_NAMED		   ? ".NAME."
									   : ".");
		reference_rows(key->table, nested, out);
	}
}

void settings_table_print(const struct settings_table *table, struct buf *out)
{
	(void)buf_puts(out, "| Key | Value | Default | Meaning |\n| --- | --- | --- | --- |\n");
	reference_rows(table, "", out);
}
