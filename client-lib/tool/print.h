/*
 * print: what people and scripts read: tables, and JSON. Text that came from
 * the registry is made harmless for a terminal first.
 */
#ifndef MICROREG_TOOL_PRINT_H
#define MICROREG_TOOL_PRINT_H

#include "client-lib/microreg.h"
#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { PRINT_COLUMNS_MAX = 12, PRINT_BYTES_MAX = 512 << 20 };

/* Rows of cells, printed with the widths that they need. The cells are copied. */
struct print_table {
	const char *const *titles;
	size_t columns;
	bool color;
	struct buf cells; /* each cell's text and a NUL, row after row */
	size_t widths[PRINT_COLUMNS_MAX];
	size_t column; /* of the next cell */
};

void print_table_init(struct print_table *table, const char *const *titles, size_t columns,
		      bool color);

/* The next cell of the row. NULL and "" are shown as "-". */
void print_cell(struct print_table *table, const char *text);
void print_cell_number(struct print_table *table, long number);

/* Prints it on standard output, and frees. -1 when memory was short, or the output is closed. */
int print_table_end(struct print_table *table);

/* A status in its colour, as a column of that title is shown: green what gets requests, red what is
 * down, yellow the others. "" without colour. */
const char *print_color(bool color, const char *text);
const char *print_color_end(bool color);

/* Appends text with control characters and broken UTF-8 replaced by '?'. */
void print_safe(struct buf *out, const char *text);

/* How many columns of a terminal it takes: its characters. */
size_t print_width(const char *text);

/* A value as a JSON document and a line's end on standard output. -1 as print_table_end. */
int print_json(const struct microreg_value *value);

struct json_writer;
/* The same as a part of a document. */
void print_json_value(struct json_writer *j, const struct microreg_value *value);

/* Writes it all to standard output, at once. -1 when the output is closed or `out` failed. */
int print_out(struct buf *out);

#endif
