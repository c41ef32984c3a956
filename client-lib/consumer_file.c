/*
 * consumer_file: the layout, all numbers little endian:
 *
 *   "microreg consumers 1\n"
 *   revision count:4 and per consumer its value:
 *       type:1 name, then of a string the text, of an int or bool the number:4,
 *       of an array or struct the count:4 and that many values
 *   hash:8                      FNV-1a of all bytes before it
 *
 * A text is its length:4 and its bytes; a name that there is none of is empty.
 * The hash finds damage, not malice: every number is checked like a reply of
 * the registry, and what a consumer says is for its reader to check.
 */
#include "client-lib/consumer_file.h"
#include "client-lib/consumer_set.h"
#include "client-lib/packed.h"
#include "client-lib/replace.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char consumer_file_magic[] = "microreg consumers 1\n";

enum {
	CONSUMER_FILE_MAGIC = sizeof(consumer_file_magic) - 1,
	CONSUMER_FILE_HASH = 8,
	CONSUMER_FILE_DEPTH_MAX = 16,
	CONSUMER_FILE_TEXT_MAX = 1 << 20,
	CONSUMER_FILE_VALUE_BYTES = 9, /* the least that one takes */
};

/* ---- Writing; failures stick in the buf ---- */

static void consumer_put_text(struct buf *out, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	packed_put_number(out, len, 4);
	(void)buf_append(out, text ? text : "", len);
}

static void consumer_put_value(struct buf *out, const struct microreg_value *value)
{
	packed_put_number(out, value->type, 1);
	consumer_put_text(out, value->name);
	if (value->type == MICROREG_TYPE_STRING)
		consumer_put_text(out, value->text);
	else if (value->type == MICROREG_TYPE_INT || value->type == MICROREG_TYPE_BOOL)
		packed_put_number(out, (uint32_t)value->number, 4);
	else
		packed_put_number(out, value->count, 4);
	for (size_t i = 0; i < value->count; i++)
		consumer_put_value(out, &value->items[i]);
}

int consumer_file_write(const char *path, const struct microreg_consumers *set, struct err *e)
{
	size_t count = microreg_consumers_count(set);
	struct replace file;
	struct buf out;
	int failed;

	buf_init(&out, 2 * CONSUMER_SET_BYTES_MAX);
	(void)buf_append(&out, consumer_file_magic, CONSUMER_FILE_MAGIC);
	consumer_put_text(&out, consumer_set_revision(set));
	packed_put_number(&out, count, 4);
	for (size_t i = 0; i < count; i++)
		consumer_put_value(&out, microreg_consumers_at(set, i));
	if (!out.failed)
		packed_put_number(&out, packed_hash(PACKED_HASH_START, out.data, out.len), 8);
	failed = replace_open(&file, path, e);
	if (!failed)
		failed = replace_close(&file, out.failed ? ENOMEM : packed_send(file.fd, &out), e);
	buf_fini(&out);
	return failed;
}

/* ---- Reading ---- */

static const char *consumer_get_text(struct packed_reader *r)
{
	return packed_text(r, 4, CONSUMER_FILE_TEXT_MAX);
}

static void consumer_get_value(struct packed_reader *r, struct microreg_value *to, unsigned depth)
{
	struct microreg_value *items;
	uint64_t type = packed_number(r, 1);

	to->name = consumer_get_text(r);
	if (type > MICROREG_TYPE_STRUCT || depth == CONSUMER_FILE_DEPTH_MAX)
		r->bad = true;
	if (r->bad)
		return;
	to->type = (enum microreg_type)type;
	if (to->type == MICROREG_TYPE_STRING) {
		to->text = consumer_get_text(r);
		return;
	}
	if (to->type == MICROREG_TYPE_INT || to->type == MICROREG_TYPE_BOOL) {
		to->number = (int)(uint32_t)packed_number(r, 4);
		return;
	}
	to->count = packed_count(r, SIZE_MAX, CONSUMER_FILE_VALUE_BYTES);
	items = packed_room(r, to->count + 1, sizeof(*items));
	to->items = items;
	for (size_t i = 0; !r->bad && i < to->count; i++)
		consumer_get_value(r, &items[i], depth + 1);
}

/* NULL: not good to the last byte. */
static const struct microreg_consumers *consumer_get_set(struct packed_reader *r)
{
	const struct microreg_consumers *set = NULL;
	char revision[CONSUMER_SET_REVISION_MAX + 1] = "";
	struct consumer_item **items = NULL;
	const char *text = consumer_get_text(r);
	size_t count = packed_count(r, SIZE_MAX, CONSUMER_FILE_VALUE_BYTES), n = 0;

	if (strlen(text) > CONSUMER_SET_REVISION_MAX)
		r->bad = true;
	else
		memcpy(revision, text, strlen(text) + 1);
	if (!r->bad)
		items = malloc((count + 1) * sizeof(struct consumer_item *));
	while (items && !r->bad && n < count) {
		struct microreg_value value = {0};

		arena_reset(&r->arena);
		consumer_get_value(r, &value, 0);
		items[n] = r->bad ? NULL : consumer_item_new(&value);
		r->bad |= !items[n];
		n += items[n] != NULL;
	}
	if (items && !r->bad && r->at == r->len)
		set = consumer_set_new(NULL, items, count, revision);
	while (items && n)
		consumer_item_unref(&items[--n]);
	free(items);
	return set;
}

const struct microreg_consumers *consumer_file_read(const char *path, struct err *e)
{
	const struct microreg_consumers *set = NULL;
	struct packed_reader r = {.at = CONSUMER_FILE_MAGIC}, end = {0};
	unsigned char *data;
	size_t size;

	data = replace_load(path, 2 * CONSUMER_SET_BYTES_MAX, &size, e);
	if (!data)
		return NULL;
	if (size < CONSUMER_FILE_MAGIC ||
	    memcmp(data, consumer_file_magic, CONSUMER_FILE_MAGIC) != 0) {
		(void)err_set(e,
			      "snapshot file %s: not of consumers, or of another version; ignored",
			      path);
		free(data);
		return NULL;
	}
	if (size >= (size_t)CONSUMER_FILE_MAGIC + CONSUMER_FILE_HASH) {
		r.data = end.data = data;
		r.len = end.at = size - CONSUMER_FILE_HASH;
		end.len = size;
		arena_init(&r.arena, CONSUMER_SET_BYTES_MAX);
		if (packed_number(&end, 8) == packed_hash(PACKED_HASH_START, data, r.len))
			set = consumer_get_set(&r);
		arena_fini(&r.arena);
	}
	if (!set)
		(void)err_set(e, "snapshot file %s: cut or damaged; ignored", path);
	free(data);
	return set;
}
