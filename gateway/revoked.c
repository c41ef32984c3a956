/* revoked: the file's text, and its lines in order. */
#include "gateway/revoked.h"
#include "common/buf.h"
#include "gateway/issuer_source.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct revoked {
	atomic_uint refs;
	struct buf text;
	struct span *lines; /* sorted */
	size_t count;
};

static int revoked_compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->at, y->at, x->len);
}

static void revoked_cut(struct revoked *r)
{
	size_t at = 0;

	while (at < r->text.len) {
		const char *line = r->text.data + at;
		const char *end = memchr(line, '\n', r->text.len - at);
		size_t len = end ? (size_t)(end - line) : r->text.len - at;

		at += len + 1;
		while (len && strchr("\r\t ", line[len - 1]))
			len--;
		while (len && strchr("\t ", *line)) {
			line++;
			len--;
		}
		if (len && *line != '#')
			r->lines[r->count++] = (struct span){line, len};
	}
	if (r->count)
		qsort(r->lines, r->count, sizeof(*r->lines), revoked_compare);
}

struct revoked *revoked_read(const char *file, struct err *e)
{
	struct revoked *r = calloc(1, sizeof(*r));
	size_t lines = 1;

	if (!r) {
		(void)err_set(e, "%s: out of memory", file);
		return NULL;
	}
	atomic_init(&r->refs, 1);
	buf_init(&r->text, ISSUER_SOURCE_MAX);
	if (issuer_source_file(file, &r->text, e) < 0) {
		revoked_unref(&r);
		return NULL;
	}
	for (size_t i = 0; i < r->text.len; i++)
		lines += r->text.data[i] == '\n';
	r->lines = calloc(lines, sizeof(*r->lines));
	if (!r->lines) {
		(void)err_set(e, "%s: out of memory", file);
		revoked_unref(&r);
		return NULL;
	}
	revoked_cut(r);
	return r;
}

struct revoked *revoked_ref(struct revoked *r)
{
	(void)atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void revoked_unref(struct revoked **revoked)
{
	struct revoked *r = *revoked;

	*revoked = NULL;
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	buf_fini(&r->text);
	free(r->lines);
	free(r);
}

bool revoked_has(const struct revoked *r, struct span jti)
{
	return r->count && bsearch(&jti, r->lines, r->count, sizeof(*r->lines), revoked_compare);
}
