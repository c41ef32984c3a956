/* store_row_read: the way back, with every value checked. Apart from store_row.c because our JSON
 * writer and jansson share names. */
#include "registry/store_row.h"
#include "common/status_ranges.h"

#include <jansson.h>
#include <string.h>

enum { STORE_ROW_STRINGS = 2 * INSTANCE_META_MAX }; /* of one column; more than of tags, routes */

/* From a row of a statement, or from the arguments of an SQL function, which cost a third: each
 * call about a statement's column locks, looks it up and unlocks. */
struct store_row_reader {
	sqlite3_stmt *row;
	sqlite3_value **values; /* NULL: row's */
	struct arena *arena;
	struct err *e;
	bool failed;
};

/* The name of a column, cut out of the list of all. */
static int store_row_name(int column, const char **name)
{
	const char *at = STORE_ROW_COLUMNS;

	while (column--)
		at += strcspn(at, " ") + 1;
	*name = at;
	return (int)strcspn(at, ",");
}

static void store_row_fail(struct store_row_reader *r, int column, const char *what)
{
	const char *name;
	int len = store_row_name(column, &name);

	if (!r->failed)
		(void)err_set(r->e, "column %.*s holds %s", len, name, what);
	r->failed = true;
}

/* The row's own text, until its next step. */
static const char *store_row_get_text(struct store_row_reader *r, int column)
{
	const unsigned char *text = r->values ? sqlite3_value_text(r->values[column])
					      : sqlite3_column_text(r->row, column);
	int len = r->values ? sqlite3_value_bytes(r->values[column])
			    : sqlite3_column_bytes(r->row, column);

	if (!text || len < 0 || strlen((const char *)text) != (size_t)len) {
		store_row_fail(r, column, "no text");
		return "";
	}
	return (const char *)text;
}

static int64_t store_row_get_int(struct store_row_reader *r, int column, int64_t min, int64_t max)
{
	int type = r->values ? sqlite3_value_type(r->values[column])
			     : sqlite3_column_type(r->row, column);
	int64_t value = r->values ? sqlite3_value_int64(r->values[column])
				  : sqlite3_column_int64(r->row, column);

	if (type != SQLITE_INTEGER || value < min || value > max) {
		store_row_fail(r, column, "no number in its range");
		return min;
	}
	return value;
}

static json_t *store_row_get_json(struct store_row_reader *r, int column, const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

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

/* Cuts a list or an object of plain strings into them: printable ASCII without escapes, which most
 * are. How many there are in `out`; 0: it takes a parser. */
static size_t store_row_cut(char *text, const char *out[STORE_ROW_STRINGS])
{
	const bool is_list = *text == '[';
	size_t n = 0;

	if (!is_list && *text != '{')
		return 0;
	do {
		if (n == STORE_ROW_STRINGS || text[1] != '"')
			return 0;
		text += 2;
		out[n++] = text;
		while (*text >= ' ' && *text < 0x7f && *text != '"' && *text != '\\')
			text++;
		if (*text != '"')
			return 0;
		*text++ = '\0';
	} while (*text == (is_list || n % 2 == 0 ? ',' : ':'));
	return strcmp(text, is_list ? "]" : "}") == 0 && (is_list || n % 2 == 0) ? n : 0;
}

static size_t store_row_parse_list(struct store_row_reader *r, int column, const char *text,
				   const char **out)
{
	json_t *json = store_row_get_json(r, column, text);
	size_t count = json_array_size(json); /* 0 of what is no list */

	if (json && (!json_is_array(json) || count > STORE_ROW_STRINGS))
		store_row_fail(r, column, "no list of what may be there");
	for (size_t i = 0; i < count && !r->failed; i++)
		out[i] = store_row_json_text(r, column, json_array_get(json, i));
	json_decref(json);
	return r->failed ? 0 : count;
}

/* Names and values in turn. */
static size_t store_row_parse_pairs(struct store_row_reader *r, int column, const char *text,
				    const char **out)
{
	json_t *json = store_row_get_json(r, column, text), *value;
	const char *name;
	size_t n = 0;

	if (json && (!json_is_object(json) || json_object_size(json) > STORE_ROW_STRINGS / 2))
		store_row_fail(r, column, "no pairs of what may be there");
	/* jansson keeps the order of the text, which is sorted. */
	json_object_foreach(r->failed ? NULL : json, name, value)
	{
		out[n] = arena_strndup(r->arena, name, strlen(name));
		if (!out[n++])
			store_row_fail(r, column, "more text than there is memory for");
		out[n++] = store_row_json_text(r, column, value);
	}
	json_decref(json);
	return r->failed ? 0 : n;
}

/* The strings of a list, or an object's names and values in turn; `*out` is the arena's. */
static size_t store_row_get_strings(struct store_row_reader *r, int column, const char *none,
				    const char ***out)
{
	const char *text = store_row_get_text(r, column), *strings[STORE_ROW_STRINGS];
	char *copy;
	size_t n;

	*out = NULL;
	if (strcmp(text, none) == 0) /* most have none */
		return 0;
	copy = arena_strndup(r->arena, text, strlen(text));
	n = copy && *copy == *none ? store_row_cut(copy, strings) : 0;
	if (!n)
		n = *none == '[' ? store_row_parse_list(r, column, text, strings)
				 : store_row_parse_pairs(r, column, text, strings);
	*out = arena_alloc(r->arena, (n + 1) * sizeof(*strings));
	if (!*out) {
		store_row_fail(r, column, "more text than there is memory for");
		return 0;
	}
	memcpy(*out, strings, n * sizeof(*strings));
	return n;
}

static size_t store_row_get_list(struct store_row_reader *r, int column, const char *const **out)
{
	const char **strings;
	size_t count = store_row_get_strings(r, column, "[]", &strings);

	*out = strings;
	return count;
}

static size_t store_row_get_pairs(struct store_row_reader *r, int column,
				  const struct instance_pair **out)
{
	const char **strings;
	size_t count = store_row_get_strings(r, column, "{}", &strings) / 2;
	struct instance_pair *pairs;

	*out = NULL;
	if (!count)
		return 0;
	pairs = arena_alloc(r->arena, count * sizeof(*pairs));
	*out = pairs;
	if (!pairs) {
		store_row_fail(r, column, "more text than there is memory for");
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		pairs[i] = (struct instance_pair){strings[2 * i], strings[2 * i + 1]};
	return count;
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
	in->check_status = store_row_get_text(r, COL_CHECK_STATUS);
	if (*in->check_status && !status_ranges_are_valid(in->check_status))
		store_row_fail(r, COL_CHECK_STATUS, "no statuses");
}

static int store_row_read_record(struct store_row_reader *r, struct record *draft)
{
	const char *admin;
	int64_t check;

	memset(draft, 0, sizeof(*draft));
	store_row_read_instance(r, &draft->in);
	draft->number = (uint64_t)store_row_get_int(r, COL_NUMBER, 1, INT64_MAX);
	draft->own = (enum instance_status)store_row_get_status(r, COL_OWN);
	admin = store_row_get_text(r, COL_ADMIN);
	draft->admin = *admin ? store_row_get_status(r, COL_ADMIN) : RECORD_NO_ADMIN;
	check = store_row_get_int(r, COL_CHECK_FAILED, 0, 2);
	draft->check_failed = check == 1;
	draft->check_pending = check == 2;
	draft->legacy = store_row_get_int(r, COL_LEGACY, 0, 1) == 1;
	draft->legacy_status = (int)store_row_get_int(r, COL_LEGACY_STATUS, -1, 1);
	draft->legacy_host = store_row_get_text(r, COL_LEGACY_HOST);
	draft->origin = store_row_get_text(r, COL_ORIGIN);
	draft->lease = store_row_get_text(r, COL_LEASE);
	draft->registered_wall_ms = store_row_get_int(r, COL_REGISTERED, 0, INT64_MAX);
	draft->expired_wall_ms = store_row_get_int(r, COL_EXPIRED, 0, INT64_MAX);
	draft->down_wall_ms = store_row_get_int(r, COL_DOWN, 0, INT64_MAX);
	draft->revision = (uint64_t)store_row_get_int(r, COL_REVISION, 1, INT64_MAX);
	return r->failed ? -1 : 0;
}

int store_row_read(sqlite3_stmt *from, struct arena *arena, struct record *draft, struct err *e)
{
	struct store_row_reader r = {.row = from, .arena = arena, .e = e};

	return store_row_read_record(&r, draft);
}

int store_row_read_values(sqlite3_value **from, struct arena *arena, struct record *draft,
			  struct err *e)
{
	struct store_row_reader r = {.values = from, .arena = arena, .e = e};

	return store_row_read_record(&r, draft);
}
