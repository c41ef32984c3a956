/*
 * settings_table: fills structs from a settings file by tables of keys, and
 * prints the reference from the same tables.
 *
 * A table says for one map which keys it may have and where their values go.
 * Whatever is wrong becomes a mistake of the file, and reading goes on, so
 * that all mistakes are told in one run. Defaults are texts that are read like
 * the file's own, so the reference can't differ from what happens.
 *
 *	static const struct settings_key point_keys[] = {
 *		{.name = "x", .type = SETTINGS_INT, .at = offsetof(struct point, x),
 *		 .fallback = "0", .max = 100, .help = "how far to the right"},
 *	};
 *	static const struct settings_table point_table = {SETTINGS_KEYS(point_keys),
 *							  sizeof(struct point), NULL};
 */
#ifndef MICROREG_COMMON_SETTINGS_TABLE_H
#define MICROREG_COMMON_SETTINGS_TABLE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/settings_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum settings_type {			/* what it fills; what min and max mean */
		     SETTINGS_BOOL,	/* bool */
		     SETTINGS_INT,	/* unsigned; the number */
		     SETTINGS_DURATION, /* unsigned; milliseconds */
		     SETTINGS_MS64,	/* int64_t; milliseconds */
		     SETTINGS_SIZE,	/* uint64_t; bytes */
		     SETTINGS_STRING,	/* const char *; its length */
		     SETTINGS_ENUM,	/* an enum: the value of one of `names` */
		     SETTINGS_FLAGS,	/* unsigned: the values of some `names`, or-ed */
		     SETTINGS_STRINGS,	/* struct settings_strings; max: how many */
		     SETTINGS_SUBMAP,	/* the struct of `table`, in place */
		     SETTINGS_LISTED, /* const T *, and size_t at count_at: a list of maps; max: how
					 many */
		     SETTINGS_NAMED,  /* the same of a map of named maps; `done` takes the name from
					 node->key */
		     SETTINGS_CUSTOM, /* what `custom` does */
};

/* A list of texts; a single text in the file is a list of one. */
struct settings_strings {
	const char *const *items;
	size_t count;
};

/* Ends with a NULL name. */
struct settings_name {
	const char *name;
	unsigned value;
};

/* Where values go: the mistakes to the file, the memory from the arena. */
struct settings_reader {
	struct settings_file *file;
	struct arena *arena;
	void *arg; /* for `custom` and `done` */
};

struct settings_table;

struct settings_key {
	const char *name;
	enum settings_type type;
	size_t at;	      /* offset in the table's struct */
	size_t count_at;      /* of LISTED and NAMED */
	const char *fallback; /* the default, as the file would say it; NULL: zero, NULL, none */
	const char *fallback_shown; /* in the reference, when no text can say it: "the cores" */
	bool required;
	bool hidden;	   /* known only to be refused with a better reason */
	uint64_t min, max; /* max 0: none but the type's */
	const char *help;  /* what it does, a phrase for the reference */
	const struct settings_name *names;
	/* Of SUBMAP, LISTED and NAMED; of CUSTOM for the reference: `listed` when it is of the
	 * entries of a list. */
	const struct settings_table *table;
	bool listed;
	const char *form; /* CUSTOM: what is written, for the reference and when it is missing */
	/* `node` is what the file says, never NULL or null, or else the default's text. */
	void (*custom)(struct settings_reader *r, const struct settings_node *node, void *to);
};

struct settings_table {
	const struct settings_key *keys;
	size_t key_count;
	size_t size; /* of the struct */
	/* After the keys: checks between them, names and lines. `map` NULL: it was not given; it
	 * may be null (map->null), which is a map without keys. */
	void (*done)(struct settings_reader *r, const struct settings_node *map, void *to);
};

#define SETTINGS_KEYS(keys) (keys), sizeof(keys) / sizeof((keys)[0])

/* Fills `to`, which is zeroed by the caller. `map` NULL: all defaults. Out of memory becomes
 * file->no_memory. */
void settings_table_read(struct settings_reader *r, const struct settings_table *table,
			 const struct settings_node *map, void *to);

/* For custom readers. The text of a scalar, or NULL after noting that it is none. */
const char *settings_table_text(struct settings_reader *r, const struct settings_node *node);
/* Copies it into the reader's arena; NULL (and no_memory) when that is spent. */
const char *settings_table_copy(struct settings_reader *r, const char *text);
/* Zeroed memory of the reader's arena for `count` things; NULL as above, and for count 0. */
void *settings_table_alloc(struct settings_reader *r, size_t count, size_t size);
/* A text or a list of texts. */
void settings_table_strings(struct settings_reader *r, const struct settings_node *node,
			    struct settings_strings *to);

/* Rows of the reference, Markdown: | key | value | default | meaning |, one per key, nested keys
 * with their path, after a heading row. */
void settings_table_print(const struct settings_table *table, struct buf *out);

#endif
