/* print: two passes over a table: the widths, then the text. */
#include "client-lib/tool/print.h"
#include "common/json_write.h"

#include <stdio.h>
#include <string.h>

/* ---- Text ---- */

/* Bytes of the UTF-8 character at `text`; 0: it is none, or one that moves a terminal's cursor. */
static size_t print_character(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t len = at[0] < 0x80   ? 1
		     : at[0] < 0xc2 ? 0
		     : at[0] < 0xe0 ? 2
		     : at[0] < 0xf0 ? 3
		     : at[0] < 0xf5 ? 4
				    : 0;

	if (at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0)) /* C0, DEL, C1 */
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Bytes to go on after; what is masked goes whole, so that it is one '?'. */
static size_t print_step(const char *text, size_t len)
{
	if (len)
		return len;
	for (len = 1; ((unsigned char)text[len] & 0xc0) == 0x80;)
		len++;
	return len;
}

void print_safe(struct buf *out, const char *text)
{
	while (*text) {
		size_t len = print_character(text);

		(void)buf_append(out, len ? text : "?", len ? len : 1);
		text += print_step(text, len);
	}
}

size_t print_width(const char *text)
{
	size_t width = 0;

	for (; *text; width++)
		text += print_step(text, print_character(text));
	return width;
}

int print_out(struct buf *out)
{
	bool failed =
		out->failed || fwrite(out->data ? out->data : "", 1, out->len, stdout) != out->len;

	return failed || fflush(stdout) != 0 ? -1 : 0;
}

/* ---- Colours ---- */

const char *print_color(bool color, const char *text)
{
	if (!color)
		return "";
	if (strcmp(text, "up") == 0)
		return "\033[32m";
	return strcmp(text, "down") == 0 ? "\033[31m" : "\033[33m";
}

const char *print_color_end(bool color)
{
	return color ? "\033[0m" : "";
}

/* ---- Tables ---- */

void print_table_init(struct print_table *table, const char *const *titles, size_t columns,
		      bool color)
{
	*table = (struct print_table){.titles = titles, .columns = columns, .color = color};
	buf_init(&table->cells, PRINT_BYTES_MAX);
	for (size_t i = 0; i < columns; i++)
		table->widths[i] = strlen(titles[i]);
}

void print_cell(struct print_table *table, const char *text)
{
	size_t width;

	if (!text || !*text)
		text = "-";
	width = print_width(text);
	if (width > table->widths[table->column])
		table->widths[table->column] = width;
	print_safe(&table->cells, text);
	(void)buf_putc(&table->cells, '\0');
	if (++table->column == table->columns)
		table->column = 0;
}

void print_cell_number(struct print_table *table, long number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ld", number);
	print_cell(table, text);
}

/* The last column is not filled up. */
static void print_one_cell(struct buf *out, const struct print_table *table, const char *text,
			   size_t column)
{
	bool is_status = table->color && text != table->titles[column] &&
			 strcmp(table->titles[column], "STATUS") == 0;
	size_t width = print_width(text);

	(void)buf_printf(out, "%s%s%s", is_status ? print_color(true, text) : "", text,
			 print_color_end(is_status));
	if (column + 1 == table->columns) {
		(void)buf_putc(out, '\n');
		return;
	}
	for (; width < table->widths[column] + 2; width++)
		(void)buf_putc(out, ' ');
}

int print_table_end(struct print_table *table)
{
	const char *cell = table->cells.data;
	size_t column = 0;
	struct buf out;
	int result;

	buf_init(&out, PRINT_BYTES_MAX);
	if (table->color)
		(void)buf_puts(&out, "\033[1m");
	for (size_t i = 0; i < table->columns; i++)
		print_one_cell(&out, table, table->titles[i], i);
	if (table->color)
		(void)buf_puts(&out, "\033[0m");
	while (cell && cell < table->cells.data + table->cells.len) {
		print_one_cell(&out, table, cell, column);
		if (++column == table->columns)
			column = 0;
		cell += strlen(cell) + 1;
	}
	result = table->cells.failed ? -1 : print_out(&out);
	buf_fini(&out);
	buf_fini(&table->cells);
	return result;
}

/* ---- JSON ---- */

void print_json_value(struct json_writer *j, const struct microreg_value *value)
{
	bool is_struct = value->type == MICROREG_TYPE_STRUCT;

	switch (value->type) {
	case MICROREG_TYPE_STRING:
		json_write_string(j, value->text);
		return;
	case MICROREG_TYPE_INT:
		json_write_int(j, value->number);
		return;
	case MICROREG_TYPE_BOOL:
		json_write_bool(j, value->number != 0);
		return;
	case MICROREG_TYPE_ARRAY:
	case MICROREG_TYPE_STRUCT:
		break;
	}
	if (is_struct)
		json_write_object(j);
	else
		json_write_array(j);
	for (size_t i = 0; i < value->count; i++) {
		if (is_struct)
			json_write_key(j, value->items[i].name);
		print_json_value(j, &value->items[i]); /* as deep as the registry's reply */
	}
	if (is_struct)
		json_write_object_end(j);
	else
		json_write_array_end(j);
}

int print_json(const struct microreg_value *value)
{
	struct json_writer j;
	struct buf out;
	int result;

	buf_init(&out, PRINT_BYTES_MAX);
	json_write_init(&j, &out);
	print_json_value(&j, value);
	(void)buf_putc(&out, '\n');
	result = print_out(&out);
	buf_fini(&out);
	return result;
}
