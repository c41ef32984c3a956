/* import: jansson reads, each entry becomes a record, one commit stores them. */
#include "registry/import.h"
#include "common/clock.h"
#include "common/daemon.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMPORT_BYTES_MAX = 64 << 20, IMPORT_ARENA_MAX = 256 << 20, IMPORT_MAX = 20000 };

int legacy_split_host(struct arena *arena, const char *text, struct instance *in)
{
	size_t len;

	in->scheme = "http";
	if (strncmp(text, "http://", 7) == 0) {
		text += 7;
	} else if (strncmp(text, "https://", 8) == 0) {
		text += 8;
		in->scheme = "https";
	}
	len = strlen(text);
	if (len && text[len - 1] == '/')
		len--;
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	in->host = arena_strndup(arena, text, len);
	return in->host && instance_host_is_valid(in->host) ? 0 : -1;
}

/* ---- The file ---- */

static char *import_read(const char *name, size_t *len, struct err *e)
{
	FILE *file = fopen(name, "rbe");
	char *text = file ? malloc(IMPORT_BYTES_MAX + 1) : NULL;

	if (!file) {
		(void)err_code(e, DAEMON_EXIT_USAGE, "--import %s: %s", name, strerror(errno));
		return NULL;
	}
	*len = text ? fread(text, 1, IMPORT_BYTES_MAX + 1, file) : 0;
	if (!text || ferror(file) || *len > IMPORT_BYTES_MAX) {
		(void)err_code(e, DAEMON_EXIT_USAGE, "--import %s: %s", name,
			       text ? "can't be read, or is longer than 64 MiB" : "out of memory");
		free(text);
		text = NULL;
	}
	(void)fclose(file); /* it was only read */
	return text;
}

/* ---- Entries ---- */

struct import {
	struct store *store;
	struct catalog *catalog;
	struct buf *said;
	struct import_count *count;
	struct arena arena;
	struct store_change *changes;
	struct record **records;
	size_t n;
	uint64_t revision, number;
};

/* A number, or digits as text: the original's client sends what its file says. */
static bool import_number(const json_t *value, long long min, long long max, long long *out)
{
	const char *text = json_string_value(value);
	char nothing[] = "", *end = nothing;

	if (json_is_integer(value))
		*out = json_integer_value(value);
	else if (json_is_real(value))
		*out = (long long)json_real_value(value);
	else if (text)
		*out = strtoll(text, &end, 10);
	else
		return false;
	return (!text || (end != text && *end == '\0')) && *out >= min && *out <= max;
}

/* Why the entry can't be one of ours, or NULL with the draft filled. */
static const char *import_draft(struct import *im, const json_t *entry, struct record *draft)
{
	const char *name = json_string_value(json_object_get(entry, "name"));
	const char *host = json_string_value(json_object_get(entry, "host"));
	long long port, status = 1, seconds = 0;
	struct instance *in = &draft->in;

	*draft = (struct record){
		.admin = RECORD_NO_ADMIN, .legacy = true, .lease = "", .origin = ""};
	if (!name || !instance_service_is_valid(name))
		return "name: at most 128 letters, digits, '.', '_' and '-'";
	if (!host || strlen(host) > INSTANCE_HOST_MAX ||
	    legacy_split_host(&im->arena, host, in) < 0)
		return "host: a host name or address, with or without http:// before it";
	if (!import_number(json_object_get(entry, "port"), 1, 65535, &port))
		return "port: 1 to 65535";
	if (json_object_get(entry, "status") &&
	    !import_number(json_object_get(entry, "status"), -1, 1, &status))
		return "status: 1, 0 or -1";
	if (!import_number(json_object_get(entry, "reg_timestamp"), 1, INT64_C(1) << 40, &seconds))
		seconds = clock_wall_ms() / 1000; /* some versions wrote a date in words */
	in->service = name;
	in->port = (uint16_t)port;
	in->id = arena_printf(&im->arena, "%s%s:%lld", in->host[0] == ':' ? "0" : "", in->host,
			      port);
	in->weight = INSTANCE_WEIGHT_DEFAULT;
	in->ttl_ms = INSTANCE_TTL_DEFAULT_MS;
	draft->legacy_host = host;
	draft->legacy_status = (int)status;
	draft->own = status == 1 ? INSTANCE_UP : INSTANCE_DOWN;
	draft->registered_wall_ms = seconds * 1000;
	return in->id && instance_id_is_valid(in->id) ? NULL : "host: longer than 120 characters";
}

/* Is it there, or earlier in the file? */
static bool import_is_known(struct import *im, const struct instance *in)
{
	struct record *found = catalog_find(im->catalog, in->service, in->id, NULL);
	bool known = found && record_is_live(found);

	record_unref(&found);
	for (size_t i = 0; !known && i < im->n; i++)
		known = strcmp(im->records[i]->in.service, in->service) == 0 &&
			strcmp(im->records[i]->in.id, in->id) == 0;
	return known;
}

static int import_add(struct import *im, const char *key, const json_t *entry)
{
	struct record draft;
	const char *why = import_draft(im, entry, &draft);
	struct store_change *change = &im->changes[im->n];

	if (why) {
		im->count->refused++;
		return buf_printf(im->said, "entry \"%.40s\" is left out: %s\n", key, why);
	}
	if (import_is_known(im, &draft.in)) {
		im->count->known++;
		return 0;
	}
	draft.number = ++im->number;
	draft.revision = ++im->revision;
	im->records[im->n] = record_new(&draft);
	if (!im->records[im->n])
		return -1;
	*change = (struct store_change){.kind = STORE_PUT, .record = im->records[im->n]};
	change->event = (struct store_event){.name = "registered",
					     .service = im->records[im->n]->in.service,
					     .id = im->records[im->n]->in.id,
					     .detail = "imported",
					     .revision = draft.revision};
	im->n++;
	return 0;
}

static int import_all(struct import *im, json_t *root, struct err *e)
{
	size_t room = json_object_size(root);
	json_t *entry;
	const char *key;
	int failed = 0;

	im->changes = calloc(room + 1, sizeof(*im->changes));
	im->records = calloc(room + 1, sizeof(struct record *));
	if (!im->changes || !im->records)
		failed = -1;
	json_object_foreach(root, key, entry)
	{
		if (!failed)
			failed = import_add(im, key, entry);
	}
	if (failed)
		return err_code(e, DAEMON_EXIT_SYSTEM, "--import: out of memory");
	im->count->imported = im->n;
	if (im->n && store_commit(im->store, im->changes, im->n, im->revision, im->number, e) < 0) {
		e->code = DAEMON_EXIT_DATA_DIR;
		return -1;
	}
	return 0;
}

int import_file(const char *file, struct store *store, struct catalog *catalog, struct buf *said,
		struct import_count *count, struct err *e)
{
	struct import im = {.store = store, .catalog = catalog, .said = said, .count = count};
	json_error_t error;
	size_t len;
	char *text = import_read(file, &len, e);
	json_t *root;
	int r;

	*count = (struct import_count){0};
	if (!text)
		return -1;
	/* It was written over a longer one that was not cut. */
	root = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, &error);
	if (!json_is_object(root) || json_object_size(root) > IMPORT_MAX) {
		r = err_code(e, DAEMON_EXIT_USAGE,
			     "--import %s: no backup of an original MicroReg: %s (line %d)", file,
			     root ? "no JSON object" : error.text, root ? 1 : error.line);
	} else {
		arena_init(&im.arena, IMPORT_ARENA_MAX);
		im.revision = store_revision(store);
		im.number = store_number(store);
		r = import_all(&im, root, e);
		for (size_t i = 0; i < im.n; i++)
			record_unref(&im.records[i]);
		free(im.records);
		free(im.changes);
		arena_fini(&im.arena);
	}
	json_decref(root);
	free(text);
	return r;
}
