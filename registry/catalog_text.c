/*
 * catalog_text: what was written of a service as it is now, kept for the next
 * who asks the same. A service's texts go with its view and with its hold; all
 * of them together have a maximum, and those used longest ago go first.
 */
#include "registry/catalog_shape.h"

#include <stdlib.h>
#include <string.h>

const struct catalog_text *catalog_text_ref(const struct catalog_text *text)
{
	/* Counting is the one thing that changes in an immutable text. */
	struct catalog_text *t = (struct catalog_text *)(uintptr_t)text;

	if (t)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void catalog_text_unref(const struct catalog_text **text)
{
	struct catalog_text *t = (struct catalog_text *)(uintptr_t)*text;

	*text = NULL;
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
		free(t);
}

static void catalog_text_unlink(struct catalog_service *s)
{
	struct catalog *c = s->catalog;

	*(s->text_newer ? &s->text_newer->text_older : &c->text_newest) = s->text_older;
	*(s->text_older ? &s->text_older->text_newer : &c->text_oldest) = s->text_newer;
	s->text_newer = s->text_older = NULL;
}

static void catalog_text_link(struct catalog_service *s)
{
	struct catalog *c = s->catalog;

	s->text_newer = NULL;
	s->text_older = c->text_newest;
	*(c->text_newest ? &c->text_newest->text_newer : &c->text_oldest) = s;
	c->text_newest = s;
}

void catalog_text_drop_locked(struct catalog_service *service)
{
	if (!service->text_bytes)
		return;
	catalog_text_unlink(service);
	service->catalog->text_bytes -= service->text_bytes;
	service->text_bytes = 0;
	for (size_t i = 0; i < CATALOG_TEXTS; i++)
		catalog_text_unref(&service->texts[i]);
}

const struct catalog_text *catalog_text_locked(struct catalog_service *service,
					       enum catalog_text_kind kind)
{
	if (!service->texts[kind])
		return NULL;
	if (service->catalog->text_newest != service) {
		catalog_text_unlink(service);
		catalog_text_link(service);
	}
	return catalog_text_ref(service->texts[kind]);
}

void catalog_keep_text(struct catalog *catalog, enum catalog_text_kind kind,
		       const struct catalog_answer *of, const char *data, size_t len)
{
	size_t max = catalog->limits.texts_max_bytes, size = sizeof(struct catalog_text) + len;
	struct catalog_service *s;
	struct catalog_text *text;

	/* A quarter at most: one large service must not drive all others out. */
	if (!of->view || size > max / 4)
		return;
	text = malloc(size);
	if (!text)
		return; /* it is written again, then */
	atomic_init(&text->refs, 1);
	text->len = len;
	memcpy(text->data, data, len);
	(void)pthread_mutex_lock(&catalog->lock);
	s = catalog_service_locked(catalog, of->view->service);
	if (s && s->view == of->view && (s->held > 0) == of->held && !s->texts[kind]) {
		if (s->text_bytes)
			catalog_text_unlink(s);
		catalog_text_link(s);
		s->texts[kind] = text;
		s->text_bytes += size;
		catalog->text_bytes += size;
		text = NULL;
		while (catalog->text_bytes > max)
			catalog_text_drop_locked(catalog->text_oldest);
	}
	(void)pthread_mutex_unlock(&catalog->lock);
	free(text);
}
