/*
 * template_parts: what template_parse.c makes and template.c renders. Nobody
 * else's.
 */
#ifndef MICROREG_GATEWAY_TEMPLATE_PARTS_H
#define MICROREG_GATEWAY_TEMPLATE_PARTS_H

#include "common/json_path.h"
#include "gateway/template.h"

enum template_source {
	TEMPLATE_LITERAL,
	TEMPLATE_PARAMETER, /* `name` is the path's */
	TEMPLATE_REST,
	TEMPLATE_QUERY,
	TEMPLATE_HEADER,
	TEMPLATE_REQUEST_PATH,
	TEMPLATE_REQUEST_QUERY,
	TEMPLATE_REQUEST_HOST,
	TEMPLATE_REQUEST_METHOD,
	TEMPLATE_REQUEST_ID,
	TEMPLATE_CLIENT_ADDRESS,
	TEMPLATE_CONSUMER_ID,
	TEMPLATE_CONSUMER_NAME,
	TEMPLATE_CLAIM,
	TEMPLATE_RESULT,
	TEMPLATE_ITEM,
	TEMPLATE_ITEMS,
};

/* Where a part stands decides how its value is encoded. */
enum template_place {
	TEMPLATE_IN_TEXT,
	TEMPLATE_IN_AUTHORITY,
	TEMPLATE_IN_PATH,
	TEMPLATE_IN_QUERY,
	TEMPLATE_IN_RAW,
	TEMPLATE_IN_JSON,
	TEMPLATE_IN_MARKUP,
};

struct template_part {
	enum template_source source;
	enum template_place place;
	const char *text; /* the literal, or the name; NUL-terminated */
	size_t len;
	/* Of RESULT, and where in it: */
	size_t result;
	const struct json_path *within;
};

struct template
{
	const char *text; /* as written */
	enum template_kind kind;
	bool has_query;
	struct template_part *parts;
	size_t count;
	uint32_t results;
	bool has_item;
};

/* Reads "order.customerId" if it is the result of a call; *found says. Without the name of a call
 * nothing is touched. */
int template_parse_result(struct arena *arena, const struct template_scope *scope, const char *name,
			  struct template_part *part, bool *found, struct err *e);

/* A value of JSON that stands for one text: a string, a number, true or false. False: the part has
 * none in these values. */
bool template_result_value(const struct template_part *part, const struct template_values *v,
			   struct span *value);

/* Appends such a value as its place wants it. */
void template_put_result(struct buf *out, enum template_place place, struct span value);

/* The same as JSON, whatever it is: null when it is not there, a list of {items}. */
void template_put_value(struct buf *out, const struct template_part *part,
			const struct template_values *v);

/* ---- of template.c ---- */

/* A byte of a value: whatever could end the place it stands in is escaped. */
void template_put_byte(struct buf *out, enum template_place place, char c);

/* Characters of a path's segment (RFC 3986 3.3: pchar), without escapes. */
bool template_is_segment_char(char c);
/* RFC 3986 2.3. */
bool template_is_unreserved(char c);
/* "." or "..", also escaped. */
bool template_is_dots(struct span segment);
/* Where the path begins in a URL or target, and the end of its scheme and authority. */
size_t template_path_start(const char *text, size_t len);

#endif
