/* store_row_read: the way back, with every value checked. Apart from store_row.c because our JSON
 * writer and jansson share names. */
#include "registry/store_row.h"

#include <jansson.h>
#include <string.h>

struct store_row_reader {
	sqlite3_stmt *row;
	struct arena *arena;
	struct err *e;
	bool failed;
};

static void store_row_fail(struct store_row_reader *r, int column, const char *what)
{
	if (!r->failed)
		(void)err_set(r->e, "column %s holds %s", sqlite3_column_name(r->row, column),
			      what);
	r->failed = true;
}

static const char *store_row_get_text(struct store_row_reader *r, int column)
{
	const unsigned char *text = sqlite3_column_text(r->row, column);
	int len = sqlite3_column_bytes(r->row, column);
	const char *copy;

	if (!text || len < 0 || memchr(text, 0, (size_t)len)) {
		store_row_fail(r, column, "no text");
		return "";
	}
	copy = arena_strndup(r->arena, (const char *)text, (size_t)len);
	if (!copy)
		store_row_fail(r, column, "more text than there is memory for");
	return copy ? copy : "";
}

static int64_t store_row_get_int(struct store_row_reader *r, int column, int64_t min, int64_t max)
{
	int64_t value = sqlite3_column_int64(r->row, column);

	if (sqlite3_column_type(r->row, column) != SQLITE_INTEGER || value < min || value > max) {
		store_row_fail(r, column, "no number in its range");
		return min;
	}
	return value;
}

static json_t *store_row_get_json(struct store_row_reader *r, int column)
{
	json_t *json = json_loads(store_row_get_text(r, column), 0, NULL);

	if (!json)
		store_row_fail(r, column, "no JSON");
	return json;
}

/* A borrowed JSON string as one of the arena's. */
static const char *store_row_json_text(struct store_row_reader *r, int column, const json_t *value)
{
	const char *text = json_string_value(value), *copy;

	if (!text) {
		store_row_fail(r, column, "something that is no string");
		return "";
	}
	copy = arena_strndup(r->arena, text, strlen(text));
	if (!copy)
		store_row_fail(r, column, "more text than there is memory for");
	return copy ? copy : "";
}

/* Most have none: no parser is needed to see that. */
static bool store_row_is(struct store_row_reader *r, int column, const char *text)
{
	const unsigned char *is = sqlite3_column_text(r->row, column);

	return is && strcmp((const char *)is, text) == 0;
}

static size_t store_row_get_list(struct store_row_reader *r, int column, const char *const **out)
{
	json_t *json;
	const char **items;
	size_t count;

	*out = NULL;
	if (store_row_is(r, column, "[]"))
		return 0;
	json = store_row_get_json(r, column);
	count = json_is_array(json) ? json_array_size(json) : 0;
	items = arena_zalloc(r->arena, (count + 1) * sizeof(*items));
	if (!items)
		count = 0;
	for (size_t i = 0; i < count; i++)
		items[i] = store_row_json_text(r, column, json_array_get(json, i));
	json_decref(json);
	*out = items;
	return count;
}

static size_t store_row_get_pairs(struct store_row_reader *r, int column,
				  const struct instance_pair **out)
{
	struct instance_pair *pairs;
	json_t *json, *value;
	size_t count, i = 0;
	const char *name;

	*out = NULL;
	if (store_row_is(r, column, "{}"))
		return 0;
	json = store_row_get_json(r, column);
	count = json_is_object(json) ? json_object_size(json) : 0;
	pairs = arena_zalloc(r->arena, (count + 1) * sizeof(*pairs));
	*out = pairs;
	if (!pairs) {
		json_decref(json);
		return 0;
	}
	/* jansson keeps the order of the text, which is sorted. */
	json_object_foreach(json, name, value)
	{
		pairs[i].name = arena_strndup(r->arena, name, strlen(name));
		pairs[i].value = store_row_json_text(r, column, value);
		if (!pairs[i].name) {
			store_row_fail(r, column, "more text than there is memory for");
			break;
		}
		i++;
	}
	json_decref(json);
	return i;
}

static int store_row_get_status(struct store_row_reader *r, int column)
{
	int status = instance_status_parse(store_row_get_text(r, column));

	if (status < 0)
		store_row_fail(r, column, "no status");
	return status < 0 ? 0 : status;
}

static enum instance_check store_row_get_check(struct store_row_reader *r)
{
	const char *text = store_row_get_text(r, COL_CHECK_TYPE);

	for (unsigned i = 0; i < 3; i++)
		if (strcmp(text, store_row_checks[i]) == 0)
			return (enum instance_check)i;
	store_row_fail(r, COL_CHECK_TYPE, "no type of check");
	return INSTANCE_CHECK_NONE;
}

static void store_row_read_instance(struct store_row_reader *r, struct instance *in)
{
	in->service = store_row_get_text(r, COL_SERVICE);
	in->id = store_row_get_text(r, COL_ID);
	if (!instance_service_is_valid(in->service))
		store_row_fail(r, COL_SERVICE, "no name of a service");
	if (!instance_id_is_valid(in->id))
		store_row_fail(r, COL_ID, "no id");
	in->host = store_row_get_text(r, COL_HOST);
	in->port = (uint16_t)store_row_get_int(r, COL_PORT, 1, 65535);
	in->scheme = store_row_get_text(r, COL_SCHEME);
	in->zone = store_row_get_text(r, COL_ZONE);
	in->version = store_row_get_text(r, COL_VERSION);
	in->weight = (unsigned)store_row_get_int(r, COL_WEIGHT, 1, INSTANCE_WEIGHT_MAX);
	in->ttl_ms =
		(unsigned)store_row_get_int(r, COL_TTL, INSTANCE_TTL_MIN_MS, INSTANCE_TTL_MAX_MS);
	in->detail = store_row_get_text(r, COL_DETAIL);
	in->tag_count = store_row_get_list(r, COL_TAGS, &in->tags);
	in->meta_count = store_row_get_pairs(r, COL_META, &in->meta);
	in->route_count = store_row_get_list(r, COL_ROUTES, &in->routes);
	in->check = store_row_get_check(r);
	in->check_path = store_row_get_text(r, COL_CHECK_PATH);
	in->check_interval_ms = (unsigned)store_row_get_int(r, COL_CHECK_INTERVAL, 0, 3600000);
	in->check_timeout_ms = (unsigned)store_row_get_int(r, COL_CHECK_TIMEOUT, 0, 3600000);
}

int store_row_read(sqlite3_stmt *from, struct arena *arena, struct record *draft, struct err *e)
{
	struct store_row_reader r = {.row = from, .arena = arena, .e = e};
	int64_t check;

	memset(draft, 0, sizeof(*draft));
	store_row_read_instance(&r, &draft->in);
	draft->number = (uint64_t)store_row_get_int(&r, COL_NUMBER, 1, INT64_MAX);
	draft->own = (enum instance_status)store_row_get_status(&r, COL_OWN);
	draft->admin = RECORD_NO_ADMIN;
	if (sqlite3_column_bytes(from, COL_ADMIN))
		draft->admin = store_row_get_status(&r, COL_ADMIN);
	check = store_row_get_int(&r, COL_CHECK_FAILED, 0, 2);
	draft->check_failed = check == 1;
	draft->check_pending = check == 2;
	draft->legacy = store_row_get_int(&r, COL_LEGACY, 0, 1) == 1;
	draft->legacy_status = (int)store_row_get_int(&r, COL_LEGACY_STATUS, -1, 1);
	draft->legacy_host = store_row_get_text(&r, COL_LEGACY_HOST);
	draft->origin = store_row_get_text(&r, COL_ORIGIN);
	draft->lease = store_row_get_text(&r, COL_LEASE);
	draft->registered_wall_ms = store_row_get_int(&r, COL_REGISTERED, 0, INT64_MAX);
	draft->expired_wall_ms = store_row_get_int(&r, COL_EXPIRED, 0, INT64_MAX);
	draft->down_wall_ms = store_row_get_int(&r, COL_DOWN, 0, INT64_MAX);
	draft->revision = (uint64_t)store_row_get_int(&r, COL_REVISION, 1, INT64_MAX);
	return r.failed ? -1 : 0;
}
