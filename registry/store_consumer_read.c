/* store_consumer_read: the way back, with every value checked. Apart from store_consumer.c because
 * our JSON writer and jansson share names. */
#include "registry/store_consumer.h"

#include <jansson.h>
#include <limits.h>
#include <string.h>

struct consumer_reader {
	sqlite3_stmt *row;
	struct arena *arena;
	struct err *e;
	bool failed;
};

static void consumer_fail(struct consumer_reader *r, int column, const char *what)
{
	if (!r->failed)
		(void)err_set(r->e, "column %s holds %s", sqlite3_column_name(r->row, column),
			      what);
	r->failed = true;
}

static const char *consumer_keep(struct consumer_reader *r, int column, const char *text,
				 size_t len)
{
	const char *copy = arena_strndup(r->arena, text, len);

	if (!copy)
		consumer_fail(r, column, "more text than there is memory for");
	return copy ? copy : "";
}

static const char *consumer_text(struct consumer_reader *r, int column)
{
	const unsigned char *text = sqlite3_column_text(r->row, column);
	int len = sqlite3_column_bytes(r->row, column);

	if (text && len >= 0 && !memchr(text, 0, (size_t)len))
		return consumer_keep(r, column, (const char *)text, (size_t)len);
	consumer_fail(r, column, "no text");
	return "";
}

static int64_t consumer_number(struct consumer_reader *r, int column)
{
	int64_t value = sqlite3_column_int64(r->row, column);

	if (sqlite3_column_type(r->row, column) == SQLITE_INTEGER && value >= 0)
		return value;
	consumer_fail(r, column, "no number in its range");
	return 0;
}

/* A JSON string, at most `max` bytes, that passes `is_valid` (NULL: any). */
static const char *consumer_json_text(struct consumer_reader *r, int column, const json_t *value,
				      size_t max, bool (*is_valid)(const char *text))
{
	const char *text = json_string_value(value);

	if (text && strlen(text) <= max && (!is_valid || is_valid(text)))
		return consumer_keep(r, column, text, strlen(text));
	consumer_fail(r, column, "a text that can't be there");
	return "";
}

static int64_t consumer_json_int(struct consumer_reader *r, int column, const json_t *of,
				 const char *name, int64_t max)
{
	const json_t *value = json_object_get(of, name);
	json_int_t number = json_integer_value(value);

	if (json_is_integer(value) && number >= 0 && number <= max)
		return number;
	consumer_fail(r, column, "no number in its range");
	return 0;
}

/* Room for the items of a list; *count 0 when there is none of it. */
static void *consumer_room(struct consumer_reader *r, int column, const json_t *list, size_t max,
			   size_t size, size_t *count)
{
	void *room;

	*count = json_array_size(list);
	if (!json_is_array(list) || *count > max) {
		consumer_fail(r, column, "no list, or a longer one than can be");
		*count = 0;
	}
	room = arena_zalloc(r->arena, (*count + 1) * size);
	if (!room) {
		consumer_fail(r, column, "more than there is memory for");
		*count = 0;
	}
	return room;
}

static void consumer_strings(struct consumer_reader *r, const json_t *list, size_t max,
			     bool (*is_valid)(const char *text), struct rpc_strings *out)
{
	const char **items =
		consumer_room(r, CONSUMER_COL_DESCRIPTION, list, max, sizeof(*items), &out->count);

	for (size_t i = 0; i < out->count; i++)
		items[i] = consumer_json_text(r, CONSUMER_COL_DESCRIPTION, json_array_get(list, i),
					      CONSUMER_CERTIFICATE_MAX, is_valid);
	out->items = items;
}

static void consumer_meta(struct consumer_reader *r, json_t *object, struct rpc_pairs *out)
{
	size_t count = json_object_size(object), i = 0;
	struct instance_pair *pairs;
	const char *name;
	json_t *value;

	if (count > CONSUMER_META_MAX)
		consumer_fail(r, CONSUMER_COL_DESCRIPTION, "more than can be");
	pairs = r->failed ? NULL : arena_zalloc(r->arena, (count + 1) * sizeof(*pairs));
	if (!pairs) {
		consumer_fail(r, CONSUMER_COL_DESCRIPTION, "more than there is memory for");
		return;
	}
	/* jansson keeps the order of the text, which is sorted. */
	json_object_foreach(object, name, value)
	{
		pairs[i].name = consumer_keep(r, CONSUMER_COL_DESCRIPTION, name, strlen(name));
		pairs[i++].value = consumer_json_text(r, CONSUMER_COL_DESCRIPTION, value,
						      INSTANCE_VALUE_MAX, NULL);
	}
	*out = (struct rpc_pairs){pairs, i};
}

static void consumer_limits(struct consumer_reader *r, const json_t *list, struct consumer *draft)
{
	const int column = CONSUMER_COL_DESCRIPTION;
	struct consumer_limit *limits = consumer_room(r, column, list, CONSUMER_LIMITS_MAX,
						      sizeof(*limits), &draft->limit_count);

	for (size_t i = 0; i < draft->limit_count; i++) {
		const json_t *of = json_array_get(list, i);
		struct consumer_limit *limit = &limits[i];

		limit->name = consumer_json_text(r, column, json_object_get(of, "name"),
						 CONSUMER_NAME_MAX, NULL);
		limit->algorithm = consumer_json_text(r, column, json_object_get(of, "algorithm"),
						      CONSUMER_NAME_MAX, NULL);
		limit->by = consumer_json_text(r, column, json_object_get(of, "by"),
					       CONSUMER_NAME_MAX, consumer_by_is_valid);
		limit->rate = (int)consumer_json_int(r, column, of, "rate", CONSUMER_RATE_MAX);
		limit->per_ms = (int)consumer_json_int(r, column, of, "per_ms", INT_MAX);
		limit->burst = (int)consumer_json_int(r, column, of, "burst", CONSUMER_RATE_MAX);
		limit->concurrent =
			(int)consumer_json_int(r, column, of, "concurrent", CONSUMER_RATE_MAX);
		limit->per = "";
		if (!json_object_get(of, "quota"))
			continue;
		limit->quota = (int)consumer_json_int(r, column, of, "quota", CONSUMER_QUOTA_MAX);
		limit->per = consumer_json_text(r, column, json_object_get(of, "per"),
						CONSUMER_NAME_MAX, consumer_per_is_valid);
	}
	draft->limits = limits;
}

static void consumer_description(struct consumer_reader *r, json_t *of, struct consumer *draft)
{
	consumer_strings(r, json_object_get(of, "groups"), CONSUMER_GROUPS_MAX,
			 consumer_name_is_valid, &draft->groups);
	consumer_strings(r, json_object_get(of, "certificates"), CONSUMER_CERTIFICATES_MAX,
			 consumer_certificate_is_valid, &draft->certificates);
	consumer_strings(r, json_object_get(of, "allow"), CONSUMER_NETWORKS_MAX,
			 consumer_network_is_valid, &draft->allow);
	consumer_strings(r, json_object_get(of, "deny"), CONSUMER_NETWORKS_MAX,
			 consumer_network_is_valid, &draft->deny);
	consumer_limits(r, json_object_get(of, "limits"), draft);
	consumer_meta(r, json_object_get(of, "meta"), &draft->meta);
}

static void consumer_keys(struct consumer_reader *r, json_t *list, struct consumer *draft)
{
	const int column = CONSUMER_COL_KEYS;
	struct consumer_key *keys =
		consumer_room(r, column, list, CONSUMER_KEYS_MAX, sizeof(*keys), &draft->key_count);

	for (size_t i = 0; i < draft->key_count; i++) {
		const json_t *of = json_array_get(list, i);
		const char *hash = json_string_value(json_object_get(of, "hash"));
		struct consumer_key *key = &keys[i];

		key->id = consumer_json_text(r, column, json_object_get(of, "id"),
					     CONSUMER_KEY_ID_SIZE, consumer_name_is_valid);
		key->label = consumer_json_text(r, column, json_object_get(of, "label"),
						CONSUMER_LABEL_MAX, NULL);
		key->created_wall_ms = consumer_json_int(r, column, of, "created", INT64_MAX);
		key->expires_wall_ms = consumer_json_int(r, column, of, "expires", INT64_MAX);
		if (!hash || !consumer_parse_hash(hash, key->sha256))
			consumer_fail(r, column, "no hash of a key");
	}
	draft->keys = keys;
}

/* The JSON of a column, for `read`. */
static void consumer_json(struct consumer_reader *r, int column, struct consumer *draft,
			  void (*read)(struct consumer_reader *r, json_t *json,
				       struct consumer *draft))
{
	json_t *json = json_loads(consumer_text(r, column), 0, NULL);

	if (json)
		read(r, json, draft);
	else
		consumer_fail(r, column, "no JSON");
	json_decref(json);
}

int store_consumer_read(sqlite3_stmt *from, struct arena *arena, struct consumer *draft,
			struct err *e)
{
	struct consumer_reader r = {.row = from, .arena = arena, .e = e};

	*draft = (struct consumer){.name = consumer_text(&r, CONSUMER_COL_NAME),
				   .id = consumer_text(&r, CONSUMER_COL_ID),
				   .password = consumer_text(&r, CONSUMER_COL_PASSWORD)};
	if (!consumer_name_is_valid(draft->name))
		consumer_fail(&r, CONSUMER_COL_NAME, "no name");
	if (!consumer_name_is_valid(draft->id))
		consumer_fail(&r, CONSUMER_COL_ID, "no id");
	consumer_json(&r, CONSUMER_COL_DESCRIPTION, draft, consumer_description);
	consumer_json(&r, CONSUMER_COL_KEYS, draft, consumer_keys);
	draft->created_wall_ms = consumer_number(&r, CONSUMER_COL_CREATED);
	draft->revision = (uint64_t)consumer_number(&r, CONSUMER_COL_REVISION);
	return r.failed ? -1 : 0;
}
