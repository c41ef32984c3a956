/* record: copied into one block: the struct, then the arrays, then the text. */
#include "registry/record.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_STRINGS = 12 };

/* Every string of a record, as addresses of its pointers. */
static void record_strings(struct record *r, const char **at[RECORD_STRINGS])
{
	struct instance *in = &r->in;
	const char **all[RECORD_STRINGS] = {
		&in->service,	   &in->id,	 &in->host,   &in->scheme,
		&in->zone,	   &in->version, &in->detail, &in->check_path,
		&in->check_status, &r->lease,	 &r->origin,  &r->legacy_host,
	};

	memcpy(at, all, sizeof(all));
}

static size_t record_len(const char *text)
{
	return text ? strlen(text) + 1 : 1;
}

/* The sizes of the strings, as record_strings orders them, and of all text together. */
static size_t record_text_size(struct record *draft, size_t sizes[RECORD_STRINGS])
{
	const char **strings[RECORD_STRINGS];
	size_t size = 0;

	record_strings(draft, strings);
	for (size_t i = 0; i < RECORD_STRINGS; i++) {
		sizes[i] = record_len(*strings[i]);
		size += sizes[i];
	}
	for (size_t i = 0; i < draft->in.tag_count; i++)
		size += record_len(draft->in.tags[i]);
	for (size_t i = 0; i < draft->in.route_count; i++)
		size += record_len(draft->in.routes[i]);
	for (size_t i = 0; i < draft->in.meta_count; i++)
		size += record_len(draft->in.meta[i].name) + record_len(draft->in.meta[i].value);
	return size;
}

static const char *record_put_sized(char **text, const char *from, size_t size)
{
	char *to = *text;

	memcpy(to, from ? from : "", size);
	*text += size;
	return to;
}

static const char *record_put(char **text, const char *from)
{
	return record_put_sized(text, from, record_len(from));
}

static void record_copy_texts(struct record *r, char *arrays, char *text,
			      const size_t sizes[RECORD_STRINGS])
{
	const struct instance *from = &r->in;
	const char **strings[RECORD_STRINGS];
	struct instance_pair *meta = (void *)arrays;
	const char **tags = (void *)(meta + from->meta_count);
	const char **routes = tags + from->tag_count;

	for (size_t i = 0; i < from->meta_count; i++) {
		meta[i].name = record_put(&text, from->meta[i].name);
		meta[i].value = record_put(&text, from->meta[i].value);
	}
	for (size_t i = 0; i < from->tag_count; i++)
		tags[i] = record_put(&text, from->tags[i]);
	for (size_t i = 0; i < from->route_count; i++)
		routes[i] = record_put(&text, from->routes[i]);
	r->in.meta = meta;
	r->in.tags = tags;
	r->in.routes = routes;
	record_strings(r, strings);
	for (size_t i = 0; i < RECORD_STRINGS; i++)
		*strings[i] = record_put_sized(&text, *strings[i], sizes[i]);
}

void record_settle(struct record *draft)
{
	if (draft->admin != RECORD_NO_ADMIN)
		draft->in.status = (enum instance_status)draft->admin;
	else if (draft->check_failed)
		draft->in.status = INSTANCE_DOWN;
	else if (draft->check_pending && draft->own == INSTANCE_UP)
		draft->in.status = INSTANCE_STARTING;
	else
		draft->in.status = draft->own;
}

struct record record_draft(const struct record *of)
{
	const size_t from = offsetof(struct record, in);
	struct record draft = {0};

	/* Not the count before them, which others change meanwhile. */
	memcpy((char *)&draft + from, (const char *)of + from, sizeof(draft) - from);
	return draft;
}

struct record *record_new(const struct record *draft)
{
	struct record shallow = *draft, *r;
	size_t sizes[RECORD_STRINGS];
	size_t arrays = draft->in.meta_count * sizeof(struct instance_pair) +
			(draft->in.tag_count + draft->in.route_count) * sizeof(char *);

	r = malloc(sizeof(*r) + arrays + record_text_size(&shallow, sizes));
	if (!r)
		return NULL;
	*r = shallow;
	atomic_init(&r->refs, 1);
	record_copy_texts(r, (char *)(r + 1), (char *)(r + 1) + arrays, sizes);
	record_settle(r);
	return r;
}

struct record *record_ref(const struct record *record)
{
	/* Counting is the one thing that changes in an immutable record. */
	struct record *r = (struct record *)(uintptr_t)record;

	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void record_unref(struct record **record)
{
	struct record *r = *record;

	*record = NULL;
	if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
		free(r);
}
