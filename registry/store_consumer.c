/* store_consumer: statements, and a consumer as a row. */
#include "registry/store_consumer.h"
#include "common/buf.h"
#include "common/json_write.h"
#include "registry/store_schema.h"

#include <string.h>

enum { STORE_CONSUMER_JSON_MAX = 1 << 20 };

int store_consumers_open(struct store_consumers *c, sqlite3 *db)
{
	static const char put[] = "INSERT OR REPLACE INTO consumers (" STORE_CONSUMER_COLUMNS
				  ") VALUES (" STORE_CONSUMER_MARKS ")";
	static const char remove[] = "DELETE FROM consumers WHERE name = ?";
	static const char gone[] = "UPDATE meta SET value = ? WHERE name = 'consumers_gone'";
	int rc = sqlite3_prepare_v3(db, put, -1, SQLITE_PREPARE_PERSISTENT, &c->put, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(db, remove, -1, SQLITE_PREPARE_PERSISTENT, &c->remove,
					NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v3(db, gone, -1, SQLITE_PREPARE_PERSISTENT, &c->set_gone,
					NULL);
	if (rc == SQLITE_OK)
		c->gone = (uint64_t)store_schema_number(
			db, "SELECT value FROM meta WHERE name = 'consumers_gone'", &rc);
	return rc;
}

void store_consumers_close(struct store_consumers *c)
{
	(void)sqlite3_finalize(c->put); /* these repeat an old error */
	(void)sqlite3_finalize(c->remove);
	(void)sqlite3_finalize(c->set_gone);
	*c = (struct store_consumers){0};
}

/* ---- Writing ---- */

static void store_consumer_list(struct json_writer *j, const char *key,
				const struct rpc_strings *strings)
{
	json_write_key(j, key);
	json_write_array(j);
	for (size_t i = 0; i < strings->count; i++)
		json_write_string(j, strings->items[i]);
	json_write_array_end(j);
}

static void store_consumer_limits(struct json_writer *j, const struct consumer *consumer)
{
	json_write_key(j, "limits");
	json_write_array(j);
	for (size_t i = 0; i < consumer->limit_count; i++) {
		const struct consumer_limit *limit = &consumer->limits[i];

		json_write_object(j);
		json_write_key(j, "name");
		json_write_string(j, limit->name);
		json_write_key(j, "algorithm");
		json_write_string(j, limit->algorithm);
		json_write_key(j, "by");
		json_write_string(j, limit->by);
		json_write_key(j, "rate");
		json_write_int(j, limit->rate);
		json_write_key(j, "per_ms");
		json_write_int(j, limit->per_ms);
		json_write_key(j, "burst");
		json_write_int(j, limit->burst);
		json_write_key(j, "concurrent");
		json_write_int(j, limit->concurrent);
		if (limit->quota) {
			json_write_key(j, "quota");
			json_write_int(j, limit->quota);
			json_write_key(j, "per");
			json_write_string(j, limit->per);
		}
		json_write_object_end(j);
	}
	json_write_array_end(j);
}

static void store_consumer_description(struct buf *text, const struct consumer *consumer)
{
	struct json_writer j;

	json_write_init(&j, text);
	json_write_object(&j);
	store_consumer_list(&j, "groups", &consumer->groups);
	store_consumer_list(&j, "certificates", &consumer->certificates);
	store_consumer_list(&j, "allow", &consumer->allow);
	store_consumer_list(&j, "deny", &consumer->deny);
	store_consumer_limits(&j, consumer);
	json_write_key(&j, "meta");
	json_write_object(&j);
	for (size_t i = 0; i < consumer->meta.count; i++) {
		json_write_key(&j, consumer->meta.items[i].name);
		json_write_string(&j, consumer->meta.items[i].value);
	}
	json_write_object_end(&j);
	json_write_object_end(&j);
}

static void store_consumer_keys(struct buf *text, const struct consumer *consumer)
{
	char hash[CONSUMER_HASH_TEXT_SIZE];
	struct json_writer j;

	json_write_init(&j, text);
	json_write_array(&j);
	for (size_t i = 0; i < consumer->key_count; i++) {
		const struct consumer_key *key = &consumer->keys[i];

		consumer_print_hash(key->sha256, hash);
		json_write_object(&j);
		json_write_key(&j, "id");
		json_write_string(&j, key->id);
		json_write_key(&j, "label");
		json_write_string(&j, key->label);
		json_write_key(&j, "hash");
		json_write_string(&j, hash);
		json_write_key(&j, "created");
		json_write_int(&j, key->created_wall_ms);
		json_write_key(&j, "expires");
		json_write_int(&j, key->expires_wall_ms);
		json_write_object_end(&j);
	}
	json_write_array_end(&j);
}

static int store_consumer_bind(sqlite3_stmt *to, enum store_consumer_column column,
			       const char *text, size_t len)
{
	return sqlite3_bind_text(to, (int)column + 1, text, (int)len, SQLITE_TRANSIENT);
}

static int store_consumer_bind_json(sqlite3_stmt *to, enum store_consumer_column column,
				    void (*write)(struct buf *text,
						  const struct consumer *consumer),
				    const struct consumer *consumer)
{
	struct buf text;
	int rc = SQLITE_NOMEM;

	buf_init(&text, STORE_CONSUMER_JSON_MAX);
	write(&text, consumer);
	if (!text.failed)
		rc = store_consumer_bind(to, column, text.data, text.len);
	buf_fini(&text);
	return rc;
}

static int store_consumer_run(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	(void)sqlite3_reset(stmt); /* repeats rc */
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int store_consumer_put(sqlite3_stmt *to, const struct consumer *consumer)
{
	int rc = store_consumer_bind(to, CONSUMER_COL_NAME, consumer->name, strlen(consumer->name));

	if (rc == SQLITE_OK)
		rc = store_consumer_bind(to, CONSUMER_COL_ID, consumer->id, strlen(consumer->id));
	if (rc == SQLITE_OK)
		rc = store_consumer_bind(to, CONSUMER_COL_PASSWORD, consumer->password,
					 strlen(consumer->password));
	if (rc == SQLITE_OK)
		rc = store_consumer_bind_json(to, CONSUMER_COL_DESCRIPTION,
					      store_consumer_description, consumer);
	if (rc == SQLITE_OK)
		rc = store_consumer_bind_json(to, CONSUMER_COL_KEYS, store_consumer_keys, consumer);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(to, CONSUMER_COL_CREATED + 1, consumer->created_wall_ms);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(to, CONSUMER_COL_REVISION + 1,
					(sqlite3_int64)consumer->revision);
	return rc == SQLITE_OK ? store_consumer_run(to) : rc;
}

int store_consumers_write(struct store_consumers *c, const struct store_change *change)
{
	int rc;

	if (change->kind == STORE_CONSUMER_PUT)
		return store_consumer_put(c->put, change->consumer);
	rc = store_consumer_bind(c->remove, CONSUMER_COL_NAME, change->event.id,
				 strlen(change->event.id));
	if (rc == SQLITE_OK)
		rc = store_consumer_run(c->remove);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(c->set_gone, 1, (sqlite3_int64)change->event.revision);
	return rc == SQLITE_OK ? store_consumer_run(c->set_gone) : rc;
}
