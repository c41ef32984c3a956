/*
 * service: the block is measured, allocated and filled by one function that
 * runs twice, first without memory.
 */
#include "client-lib/service.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct service_block {
	atomic_uint refs;
	size_t bytes; /* of the whole block */
	struct microreg_service shown;
};

/* Where the next piece goes; `base` is NULL while measuring. */
struct pack {
	char *base;
	size_t at;
};

static struct service_block *service_block(const struct microreg_service *s)
{
	return (struct service_block *)((uintptr_t)s - offsetof(struct service_block, shown));
}

static void *pack_room(struct pack *p, size_t size, size_t align)
{
	size_t at = (p->at + align - 1) / align * align;

	p->at = at + size;
	return p->base ? p->base + at : NULL;
}

static const char *pack_text(struct pack *p, const char *text)
{
	size_t size = strlen(text) + 1;
	char *to;

	if (size == 1)
		return "";
	to = pack_room(p, size, 1);
	return to ? memcpy(to, text, size) : NULL;
}

static const char *pack_scheme(struct pack *p, const char *text)
{
	return strcmp(text, "http") == 0 ? "http" : pack_text(p, text);
}

static void pack_texts(struct pack *p, const char *const *texts, size_t count, const char **to)
{
	for (size_t i = 0; i < count; i++) {
		const char *text = pack_text(p, texts[i]);

		if (to)
			to[i] = text;
	}
}

static void pack_instance(struct pack *p, const struct instance *in, struct microreg_instance *out)
{
	const char **tags = pack_room(p, in->tag_count * sizeof(*tags), alignof(char *));
	const char **routes = pack_room(p, in->route_count * sizeof(*routes), alignof(char *));
	struct microreg_pair *meta =
		pack_room(p, in->meta_count * sizeof(*meta), alignof(struct microreg_pair));
	struct microreg_instance shown = {
		.id = pack_text(p, in->id),
		.host = pack_text(p, in->host),
		.scheme = pack_scheme(p, in->scheme),
		.status = instance_status_name(in->status),
		.zone = pack_text(p, in->zone),
		.version = pack_text(p, in->version),
		.detail = pack_text(p, in->detail),
		.port = in->port,
		.weight = in->weight,
		.tags = tags,
		.tag_count = in->tag_count,
		.meta = meta,
		.meta_count = in->meta_count,
		.routes = routes,
		.route_count = in->route_count,
	};

	pack_texts(p, in->tags, in->tag_count, tags);
	pack_texts(p, in->routes, in->route_count, routes);
	for (size_t i = 0; i < in->meta_count; i++) {
		struct microreg_pair pair = {.name = pack_text(p, in->meta[i].name),
					     .value = pack_text(p, in->meta[i].value)};

		if (meta)
			meta[i] = pair;
	}
	if (out)
		*out = shown;
}

static void pack_service(struct pack *p, const struct service_facts *facts)
{
	struct service_block *block = pack_room(p, sizeof(*block), alignof(struct service_block));
	struct microreg_instance *instances =
		pack_room(p, facts->count * sizeof(*instances), alignof(struct microreg_instance));
	struct microreg_service shown = {
		.name = pack_text(p, facts->name),
		.revision = pack_text(p, facts->revision),
		.reason = pack_text(p, facts->reason),
		.held = facts->held,
		.instances = instances,
		.count = facts->count,
	};

	for (size_t i = 0; i < facts->count; i++)
		pack_instance(p, &facts->instances[i], instances ? &instances[i] : NULL);
	if (block)
		block->shown = shown;
}

const struct microreg_service *service_new(const struct service_facts *facts)
{
	struct pack measure = {0}, fill = {0};
	struct service_block *block;

	pack_service(&measure, facts);
	block = malloc(measure.at);
	if (!block)
		return NULL;
	fill.base = (char *)block;
	pack_service(&fill, facts);
	atomic_init(&block->refs, 1);
	block->bytes = measure.at;
	return &block->shown;
}

const struct microreg_service *service_hold(const struct microreg_service *s)
{
	struct instance *instances = calloc(s->count ? s->count : 1, sizeof(*instances));
	struct service_facts facts = {.name = s->name,
				      .revision = s->revision,
				      .reason = s->reason,
				      .held = true,
				      .instances = instances,
				      .count = s->count};
	const struct microreg_service *held;

	if (!instances)
		return NULL;
	for (size_t i = 0; i < s->count; i++) {
		const struct microreg_instance *in = &s->instances[i];

		instances[i] = (struct instance){
			.id = in->id,
			.host = in->host,
			.scheme = in->scheme,
			.zone = in->zone,
			.version = in->version,
			.detail = in->detail,
			.port = in->port,
			.weight = in->weight,
			.status = (enum instance_status)instance_status_parse(in->status),
			.tags = in->tags,
			.tag_count = in->tag_count,
			/* The two structs of pairs are laid out alike. */
			.meta = (const struct instance_pair *)(const void *)in->meta,
			.meta_count = in->meta_count,
			.routes = in->routes,
			.route_count = in->route_count,
		};
	}
	held = service_new(&facts);
	free(instances);
	return held;
}

_Static_assert(sizeof(struct microreg_pair) == sizeof(struct instance_pair) &&
		       offsetof(struct microreg_pair, value) ==
			       offsetof(struct instance_pair, value),
	       "pairs are alike");

static bool service_same_instance(const struct microreg_instance *a,
				  const struct microreg_instance *b)
{
	if (strcmp(a->id, b->id) != 0 || strcmp(a->host, b->host) != 0 || a->port != b->port ||
	    a->weight != b->weight || strcmp(a->status, b->status) != 0 ||
	    strcmp(a->scheme, b->scheme) != 0 || strcmp(a->zone, b->zone) != 0 ||
	    strcmp(a->version, b->version) != 0 || strcmp(a->detail, b->detail) != 0 ||
	    a->tag_count != b->tag_count || a->meta_count != b->meta_count ||
	    a->route_count != b->route_count)
		return false;
	for (size_t i = 0; i < a->route_count; i++)
		if (strcmp(a->routes[i], b->routes[i]) != 0)
			return false;
	for (size_t i = 0; i < a->tag_count; i++)
		if (strcmp(a->tags[i], b->tags[i]) != 0)
			return false;
	for (size_t i = 0; i < a->meta_count; i++)
		if (strcmp(a->meta[i].name, b->meta[i].name) != 0 ||
		    strcmp(a->meta[i].value, b->meta[i].value) != 0)
			return false;
	return true;
}

bool service_is_same(const struct microreg_service *a, const struct microreg_service *b)
{
	if (strcmp(a->name, b->name) != 0 || strcmp(a->reason, b->reason) != 0 ||
	    a->held != b->held || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!service_same_instance(&a->instances[i], &b->instances[i]))
			return false;
	return true;
}

size_t service_bytes(const struct microreg_service *s)
{
	return service_block(s)->bytes;
}

const struct microreg_service *microreg_service_ref(const struct microreg_service *s)
{
	if (s)
		(void)atomic_fetch_add_explicit(&service_block(s)->refs, 1, memory_order_relaxed);
	return s;
}

void microreg_service_unref(const struct microreg_service **s)
{
	struct service_block *block;

	if (!s || !*s)
		return;
	block = service_block(*s);
	*s = NULL;
	/* Acquire: all other readers are done before the memory goes. */
	if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) == 1)
		free(block);
}
