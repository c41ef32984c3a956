/* store_row: lists and pairs are JSON text, so that people can read the table with sqlite3. */
#include "registry/store_row.h"
#include "common/buf.h"
#include "common/json_write.h"

enum { STORE_ROW_JSON_MAX = 1 << 20 };

const char *const store_row_checks[3] = {"", "tcp", "http"};

static int store_row_text(sqlite3_stmt *to, int column, const char *text)
{
	return sqlite3_bind_text(to, column + 1, text ? text : "", -1, SQLITE_STATIC) == SQLITE_OK
		       ? 0
		       : -1;
}

static int store_row_int(sqlite3_stmt *to, int column, int64_t value)
{
	return sqlite3_bind_int64(to, column + 1, value) == SQLITE_OK ? 0 : -1;
}

static int store_row_list(sqlite3_stmt *to, int column, const char *const *items, size_t count)
{
	struct buf text;
	struct json_writer j;
	int r = -1;

	buf_init(&text, STORE_ROW_JSON_MAX);
	json_write_init(&j, &text);
	json_write_array(&j);
	for (size_t i = 0; i < count; i++)
		json_write_string(&j, items[i]);
	json_write_array_end(&j);
	if (!text.failed && sqlite3_bind_text(to, column + 1, text.data, (int)text.len,
					      SQLITE_TRANSIENT) == SQLITE_OK)
		r = 0;
	buf_fini(&text);
	return r;
}

static int store_row_pairs(sqlite3_stmt *to, int column, const struct instance_pair *pairs,
			   size_t count)
{
	struct buf text;
	struct json_writer j;
	int r = -1;

	buf_init(&text, STORE_ROW_JSON_MAX);
	json_write_init(&j, &text);
	json_write_object(&j);
	for (size_t i = 0; i < count; i++) {
		json_write_key(&j, pairs[i].name);
		json_write_string(&j, pairs[i].value);
	}
	json_write_object_end(&j);
	if (!text.failed && sqlite3_bind_text(to, column + 1, text.data, (int)text.len,
					      SQLITE_TRANSIENT) == SQLITE_OK)
		r = 0;
	buf_fini(&text);
	return r;
}

int store_row_bind(sqlite3_stmt *to, const struct record *record)
{
	const struct instance *in = &record->in;
	int r = 0;

	r |= store_row_text(to, COL_SERVICE, in->service);
	r |= store_row_text(to, COL_ID, in->id);
	r |= store_row_int(to, COL_NUMBER, (int64_t)record->number);
	r |= store_row_text(to, COL_HOST, in->host);
	r |= store_row_int(to, COL_PORT, in->port);
	r |= store_row_text(to, COL_SCHEME, in->scheme);
	r |= store_row_text(to, COL_ZONE, in->zone);
	r |= store_row_text(to, COL_VERSION, in->version);
	r |= store_row_int(to, COL_WEIGHT, in->weight);
	r |= store_row_int(to, COL_TTL, in->ttl_ms);
	r |= store_row_text(to, COL_OWN, instance_status_name(record->own));
	r |= store_row_text(to, COL_ADMIN,
			    record->admin == RECORD_NO_ADMIN
				    ? ""
				    : instance_status_name((enum instance_status)record->admin));
	r |= store_row_text(to, COL_DETAIL, in->detail);
	r |= store_row_int(to, COL_CHECK_FAILED,
			   record->check_failed	   ? 1
			   : record->check_pending ? 2
						   : 0);
	r |= store_row_int(to, COL_LEGACY, record->legacy);
	r |= store_row_int(to, COL_LEGACY_STATUS, record->legacy_status);
	r |= store_row_text(to, COL_LEGACY_HOST, record->legacy_host);
	r |= store_row_text(to, COL_ORIGIN, record->origin);
	r |= store_row_text(to, COL_LEASE, record->lease);
	r |= store_row_list(to, COL_TAGS, in->tags, in->tag_count);
	r |= store_row_pairs(to, COL_META, in->meta, in->meta_count);
	r |= store_row_list(to, COL_ROUTES, in->routes, in->route_count);
	r |= store_row_text(to, COL_CHECK_TYPE, store_row_checks[in->check]);
	r |= store_row_text(to, COL_CHECK_PATH, in->check_path);
	r |= store_row_int(to, COL_CHECK_INTERVAL, in->check_interval_ms);
	r |= store_row_int(to, COL_CHECK_TIMEOUT, in->check_timeout_ms);
	r |= store_row_text(to, COL_CHECK_STATUS, in->check_status);
	r |= store_row_int(to, COL_REGISTERED, record->registered_wall_ms);
	r |= store_row_int(to, COL_EXPIRED, record->expired_wall_ms);
	r |= store_row_int(to, COL_DOWN, record->down_wall_ms);
	r |= store_row_int(to, COL_REVISION, (int64_t)record->revision);
	return r;
}
