/*
 * snapshot_file: the layout, all numbers little endian:
 *
 *   "microreg snapshot 2\n"      1: the same without routes
 *   'S' name revision reason held:1 count:4  and per instance
 *       id host scheme status zone version detail port:2 weight:4
 *       tags:4 and each tag, pairs:4 and each name and value, routes:4 and each
 *   …
 *   'E' services:8 hash:8       FNV-1a of all bytes before the hash
 *
 * A text is its length:2 and its bytes. The hash finds damage, not malice:
 * every text and number is checked like a reply of the registry.
 */
#include "client-lib/snapshot_file.h"
#include "client-lib/packed.h"
#include "client-lib/replace.h"
#include "client-lib/service.h"
#include "common/instance.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char snapshot_file_magic[] = "microreg snapshot 2\n";

static const char snapshot_file_first[] = "microreg snapshot 1\n"; /* is still read */

enum {
	SNAPSHOT_FILE_MAGIC = sizeof(snapshot_file_magic) - 1,
	SNAPSHOT_FILE_FLUSH = 1 << 18,
	SNAPSHOT_FILE_INSTANCES_MAX = 2000000, /* of one service */
	SNAPSHOT_FILE_REASON_MAX = 1024,
};

#define SNAPSHOT_FILE_BYTES_MAX (SNAPSHOT_BYTES_MAX * 2)

/* ---- Writing ---- */

struct snapshot_writer {
	int fd;
	struct buf out;
	uint64_t hash;
	int failed; /* an errno; once set, nothing more is written */
};

static void writer_flush(struct snapshot_writer *w)
{
	if (w->out.failed)
		w->failed = ENOMEM;
	w->hash = packed_hash(w->hash, w->out.data, w->out.len);
	if (!w->failed)
		w->failed = packed_send(w->fd, &w->out);
	buf_reset(&w->out);
}

static void writer_bytes(struct snapshot_writer *w, const void *data, size_t len)
{
	(void)buf_append(&w->out, data, len); /* failure sticks, and is seen at the flush */
}

static void writer_text(struct snapshot_writer *w, const char *text)
{
	size_t len = strlen(text);

	/* The longest is a reason, far shorter than this allows. */
	packed_put_number(&w->out, len, 2);
	writer_bytes(w, text, len & 0xffff);
}

static void writer_instance(struct snapshot_writer *w, const struct microreg_instance *in)
{
	const char *const texts[] = {in->id,   in->host,    in->scheme, in->status,
				     in->zone, in->version, in->detail};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		writer_text(w, texts[i]);
	packed_put_number(&w->out, in->port, 2);
	packed_put_number(&w->out, in->weight, 4);
	packed_put_number(&w->out, in->tag_count, 4);
	for (size_t i = 0; i < in->tag_count; i++)
		writer_text(w, in->tags[i]);
	packed_put_number(&w->out, in->meta_count, 4);
	for (size_t i = 0; i < in->meta_count; i++) {
		writer_text(w, in->meta[i].name);
		writer_text(w, in->meta[i].value);
	}
	packed_put_number(&w->out, in->route_count, 4);
	for (size_t i = 0; i < in->route_count; i++)
		writer_text(w, in->routes[i]);
	if (w->out.len >= SNAPSHOT_FILE_FLUSH)
		writer_flush(w);
}

static void writer_snapshot(struct snapshot_writer *w, const struct microreg_snapshot *s)
{
	const struct microreg_service *service;
	size_t at = 0;

	writer_bytes(w, snapshot_file_magic, SNAPSHOT_FILE_MAGIC);
	while (!w->failed && (service = microreg_snapshot_next(s, &at)) != NULL) {
		writer_bytes(w, "S", 1);
		writer_text(w, service->name);
		writer_text(w, service->revision);
		writer_text(w, service->reason);
		packed_put_number(&w->out, service->held, 1);
		packed_put_number(&w->out, service->count, 4);
		for (size_t i = 0; i < service->count; i++)
			writer_instance(w, &service->instances[i]);
		if (w->out.len >= SNAPSHOT_FILE_FLUSH)
			writer_flush(w);
	}
	writer_bytes(w, "E", 1);
	packed_put_number(&w->out, snapshot_count(s), 8);
	writer_flush(w);
	packed_put_number(&w->out, w->hash, 8);
	writer_flush(w);
}

int snapshot_file_write(const char *path, const struct microreg_snapshot *s, struct err *e)
{
	struct snapshot_writer w = {.hash = PACKED_HASH_START};
	struct replace file;

	if (replace_open(&file, path, e) < 0)
		return -1;
	w.fd = file.fd;
	buf_init(&w.out, SNAPSHOT_FILE_FLUSH * 4);
	writer_snapshot(&w, s);
	buf_fini(&w.out);
	return replace_close(&file, w.failed, e);
}

/* ---- Reading ---- */

struct snapshot_reader {
	struct packed_reader in; /* its arena is of the service being read */
	bool has_routes;	 /* version 2 */
};

/* "" when bad. `is_valid` NULL: any text. */
static const char *reader_text(struct snapshot_reader *r, size_t max,
			       bool (*is_valid)(const char *))
{
	const char *text = packed_text(&r->in, 2, max);

	if (!r->in.bad && (!is_valid || is_valid(text)))
		return text;
	r->in.bad = true;
	return "";
}

static void reader_routes(struct snapshot_reader *r, struct instance *in)
{
	const char **routes;

	in->route_count = packed_count(&r->in, INSTANCE_ROUTES_MAX, 2);
	routes = packed_room(&r->in, in->route_count, sizeof(*routes));
	for (size_t i = 0; !r->in.bad && i < in->route_count; i++)
		routes[i] = reader_text(r, INSTANCE_ROUTE_MAX, NULL);
	in->routes = routes;
}

static void reader_instance(struct snapshot_reader *r, struct instance *in)
{
	const char **tags, *status;
	struct instance_pair *meta;

	in->id = reader_text(r, INSTANCE_NAME_MAX, instance_id_is_valid);
	in->host = reader_text(r, INSTANCE_HOST_MAX, instance_host_is_valid);
	in->scheme = reader_text(r, INSTANCE_SCHEME_MAX, instance_scheme_is_valid);
	status = reader_text(r, INSTANCE_TEXT_MAX, NULL);
	in->zone = reader_text(r, INSTANCE_TEXT_MAX, NULL);
	in->version = reader_text(r, INSTANCE_TEXT_MAX, NULL);
	in->detail = reader_text(r, INSTANCE_VALUE_MAX, NULL);
	in->port = (uint16_t)packed_number(&r->in, 2);
	in->weight = (unsigned)packed_number(&r->in, 4);
	if (!in->port || !in->weight || in->weight > INSTANCE_WEIGHT_MAX ||
	    instance_status_parse(status) < 0) {
		r->in.bad = true;
		return;
	}
	in->status = (enum instance_status)instance_status_parse(status);
	in->tag_count = packed_count(&r->in, INSTANCE_TAGS_MAX, 2);
	tags = packed_room(&r->in, in->tag_count, sizeof(*tags));
	for (size_t i = 0; !r->in.bad && i < in->tag_count; i++)
		tags[i] = reader_text(r, INSTANCE_TEXT_MAX, NULL);
	in->tags = tags;
	in->meta_count = packed_count(&r->in, INSTANCE_META_MAX, 4);
	meta = packed_room(&r->in, in->meta_count, sizeof(*meta));
	for (size_t i = 0; !r->in.bad && i < in->meta_count; i++) {
		meta[i].name = reader_text(r, INSTANCE_TEXT_MAX, NULL);
		meta[i].value = reader_text(r, INSTANCE_VALUE_MAX, NULL);
	}
	in->meta = meta;
	if (r->has_routes)
		reader_routes(r, in);
}

/* After an 'S'. */
static void reader_service(struct snapshot_reader *r, struct microreg_snapshot *to)
{
	enum { INSTANCE_BYTES = 28 }; /* the least one takes: its numbers and lengths */
	struct service_facts facts = {0};
	const struct microreg_service *service;
	struct instance *instances;

	arena_reset(&r->in.arena);
	facts.name = reader_text(r, INSTANCE_NAME_MAX, instance_service_is_valid);
	facts.revision = reader_text(r, INSTANCE_TEXT_MAX, NULL);
	facts.reason = reader_text(r, SNAPSHOT_FILE_REASON_MAX, NULL);
	facts.held = packed_number(&r->in, 1) != 0;
	facts.count = packed_count(&r->in, SNAPSHOT_FILE_INSTANCES_MAX, INSTANCE_BYTES);
	instances = packed_room(&r->in, facts.count, sizeof(*instances));
	for (size_t i = 0; !r->in.bad && i < facts.count; i++)
		reader_instance(r, &instances[i]);
	if (r->in.bad)
		return;
	facts.instances = instances;
	service = service_new(&facts);
	if (!service || snapshot_put(to, service))
		r->in.bad = true;
	microreg_service_unref(&service);
}

/* NULL: not good to the last byte. */
static struct microreg_snapshot *reader_snapshot(struct snapshot_reader *r)
{
	struct microreg_snapshot *s = snapshot_new();
	const struct microreg_snapshot *drop = s;

	if (!s)
		return NULL;
	arena_init(&r->in.arena, SNAPSHOT_BYTES_MAX);
	while (!r->in.bad && packed_number(&r->in, 1) == 'S')
		reader_service(r, s);
	/* What ended the loop is the 'E', if it is good at all. */
	if (!r->in.bad && r->in.data[r->in.at - 1] == 'E' &&
	    packed_number(&r->in, 8) == snapshot_count(s) && !r->in.bad && r->in.at == r->in.len)
		drop = NULL;
	arena_fini(&r->in.arena);
	if (!drop)
		return s;
	microreg_snapshot_unref(&drop);
	return NULL;
}

static struct microreg_snapshot *snapshot_file_decode(const char *path, const unsigned char *data,
						      size_t size, struct err *e)
{
	const size_t number = 8;
	struct snapshot_reader r = {.in = {.data = data, .at = SNAPSHOT_FILE_MAGIC}};
	struct microreg_snapshot *s = NULL;

	if (size < SNAPSHOT_FILE_MAGIC || memcmp(data, snapshot_file_magic, 17) != 0) {
		(void)err_set(e, "snapshot file %s: not a snapshot of MicroReg; ignored", path);
		return NULL;
	}
	r.has_routes = memcmp(data, snapshot_file_magic, SNAPSHOT_FILE_MAGIC) == 0;
	if (!r.has_routes && memcmp(data, snapshot_file_first, SNAPSHOT_FILE_MAGIC) != 0) {
		(void)err_set(e, "snapshot file %s: of another version of MicroReg; ignored", path);
		return NULL;
	}
	if (size >= SNAPSHOT_FILE_MAGIC + number) {
		struct packed_reader end = {.data = data, .len = size, .at = size - number};

		r.in.len = size - number;
		if (packed_number(&end, 8) == packed_hash(PACKED_HASH_START, data, r.in.len))
			s = reader_snapshot(&r);
	}
	if (!s)
		(void)err_set(e, "snapshot file %s: cut or damaged; ignored", path);
	return s;
}

struct microreg_snapshot *snapshot_file_read(const char *path, struct err *e)
{
	struct microreg_snapshot *s;
	unsigned char *data;
	size_t size;

	data = replace_load(path, SNAPSHOT_FILE_BYTES_MAX, &size, e);
	if (!data)
		return NULL;
	s = snapshot_file_decode(path, data, size, e);
	free(data);
	return s;
}
