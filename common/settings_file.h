/*
 * settings_file: a settings file (YAML) as a tree whose nodes know their line,
 * and the list of mistakes found in it. What the keys mean is the business of
 * settings_table and of each daemon.
 *
 * Bounded: 1 MiB, 32 levels, 200,000 values, aliases counted as often as they
 * are used. `${NAME}` in a value is replaced by the environment's; `$${` writes
 * "${". Tags and a second document are refused. Not for threads.
 */
#ifndef MICROREG_COMMON_SETTINGS_FILE_H
#define MICROREG_COMMON_SETTINGS_FILE_H

#include "common/arena.h"
#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	SETTINGS_FILE_BYTES_MAX = 1 << 20,
	SETTINGS_FILE_DEPTH_MAX = 32,
	SETTINGS_FILE_NODES_MAX = 200000,
	SETTINGS_FILE_MISTAKES_MAX = 200, /* more are counted only */
};

enum settings_kind { SETTINGS_SCALAR, SETTINGS_LIST, SETTINGS_MAP };

struct settings_node {
	enum settings_kind kind;
	unsigned line;	  /* from 1; of a map's member: its key's */
	bool plain;	  /* a scalar without quotes */
	bool null;	  /* nothing, `~` or `null`, without quotes */
	bool unknown;	  /* its ${NAME} is not set: no more mistakes are told of it */
	const char *text; /* of a scalar, ${NAME} replaced; never NULL */
	const char *key;  /* as a member of a map; else NULL */
	size_t index;	  /* place among its parent's children */
	size_t count;	  /* of children; a map's are its values */
	const struct settings_node *first, *next, *parent;
	size_t weight;	 /* values in it, itself and used aliases included */
	unsigned height; /* levels below it, those of used aliases included */
};

struct settings_mistake;

struct settings_file {
	struct arena arena; /* the nodes' and mistakes' */
	const char *name;
	const struct settings_node *root; /* NULL: it could not be read; mistakes say why */
	struct settings_mistake *mistakes;
	size_t mistake_count;
	bool no_memory; /* that is then the only mistake told */
};

/* Reads a file; what is wrong with it becomes mistakes. An empty file is an empty map. NULL only
 * when out of memory. `name` is borrowed. May block on the file. */
struct settings_file *settings_file_read(const char *name);
/* The same from memory. */
struct settings_file *settings_file_read_text(const char *name, const char *text, size_t len);
void settings_file_free(struct settings_file **file);

/* The member of a map, or NULL; NULL also when `map` is NULL or no map. */
const struct settings_node *settings_node_get(const struct settings_node *map, const char *key);

/* "list", "map", "value": what to call a node in a mistake. */
const char *settings_node_kind(const struct settings_node *node);

/* Notes a mistake: "LINE: path.to[3].node: text". The text says what is wrong, then, after a
 * semicolon, what to write. `at` NULL: about the file as a whole. */
void settings_file_mistake(struct settings_file *file, const struct settings_node *at,
			   const char *format, ...) __attribute__((format(printf, 3, 4)));

bool settings_file_has_mistakes(const struct settings_file *file);

/* Appends a line for each mistake, "FILE:LINE: …", in the file's order. */
void settings_file_print_mistakes(struct settings_file *file, struct buf *out);

#endif
