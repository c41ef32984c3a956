/* route_claim: methods, a space, a pattern. */
#include "common/route_claim.h"
#include "common/http.h"

#include <string.h>

static int route_claim_methods(struct route_claim *claim, const char *text, size_t len,
			       struct err *e)
{
	while (len) {
		const char *comma = memchr(text, ',', len);
		size_t one = comma ? (size_t)(comma - text) : len;
		enum http_method method = http_method_parse(text, one);

		if (method == HTTP_OTHER || method == HTTP_CONNECT)
			return err_set(e, "\"%.*s\" is no method that a route takes", (int)one,
				       text);
		claim->methods |= (unsigned)method;
		text += one + (comma != NULL);
		len -= one + (comma != NULL);
	}
	if (claim->methods & HTTP_GET)
		claim->methods |= HTTP_HEAD;
	return 0;
}

int route_claim_parse(struct route_claim *claim, const char *text, struct err *e)
{
	const char *space = strchr(text, ' ');

	claim->methods = 0;
	if (space && route_claim_methods(claim, text, (size_t)(space - text), e) < 0)
		return -1;
	if (!claim->methods)
		claim->methods = HTTP_ANY;
	return route_pattern_parse(&claim->path, space ? space + 1 : text, e);
}

bool route_claim_is_valid(const char *text)
{
	struct route_claim claim;
	struct err e;

	return route_claim_parse(&claim, text, &e) == 0;
}

void route_claim_key(const struct route_pattern *path, char key[ROUTE_CLAIM_KEY_SIZE])
{
	size_t at = 0;

	for (size_t i = 0; i < path->count; i++) {
		const struct route_segment *s = &path->segments[i];
		const char *text = s->kind == ROUTE_LITERAL ? s->text
				   : s->kind == ROUTE_REST  ? "*"
							    : "{}";
		size_t len = s->kind == ROUTE_LITERAL ? s->len : strlen(text);

		if (at + len + 2 > ROUTE_CLAIM_KEY_SIZE) /* normalizing never lengthens a pattern */
			break;
		key[at++] = '/';
		memcpy(key + at, text, len);
		at += len;
	}
	key[at] = '\0';
}

bool route_claim_covers(const struct route_pattern *outer, const struct route_pattern *inner)
{
	for (size_t i = 0; i < outer->count; i++) {
		const struct route_segment *o = &outer->segments[i], *in = &inner->segments[i];

		if (i >= inner->count)
			return false;
		if (o->kind == ROUTE_REST)
			return true;
		if (in->kind == ROUTE_REST || (o->kind == ROUTE_LITERAL && in->kind != o->kind))
			return false;
		if (o->kind == ROUTE_LITERAL &&
		    (o->len != in->len || memcmp(o->text, in->text, o->len) != 0))
			return false;
		if (o->kind == ROUTE_PARAMETER && in->kind == ROUTE_LITERAL && !in->len)
			return false; /* {name} takes no empty segment */
	}
	return outer->count == inner->count;
}
