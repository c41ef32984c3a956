/* rpc_quick: literal tags, one after the other, and what lies between them. */
#include "common/rpc_quick.h"
#include "common/xml_guard.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { QUICK_LIST_MAX = 64, QUICK_DIGITS_MAX = 9 };

/* ---- Bytes ---- */

static void quick_space(struct rpc_quick *q)
{
	while (q->at < q->end &&
	       (*q->at == ' ' || *q->at == '\n' || *q->at == '\r' || *q->at == '\t'))
		q->at++;
}

static bool quick_bytes(struct rpc_quick *q, const char *bytes, size_t len)
{
	if ((size_t)(q->end - q->at) < len || memcmp(q->at, bytes, len) != 0)
		return false;
	q->at += len;
	return true;
}

/* A literal right here. */
#define QUICK(q, text) quick_bytes((q), (text), sizeof(text) - 1)

static bool quick_after_space(struct rpc_quick *q, const char *tag, size_t len)
{
	quick_space(q);
	return quick_bytes(q, tag, len);
}

/* A tag where only elements may be, so that space before it means nothing. */
#define QUICK_TAG(q, text) quick_after_space((q), (text), sizeof(text) - 1)

/* A start tag likewise. The guard counts elements, so they are counted here too. */
#define QUICK_OPEN(q, text) \
	(QUICK_TAG((q), (text)) && ++(q)->elements <= (size_t)XML_GUARD_ELEMENTS_MAX)

/* Text up to the next tag, as long as every byte stands for itself. */
static bool quick_text(struct rpc_quick *q, const char **text, size_t *len)
{
	*text = q->at;
	while (q->at < q->end && *q->at != '<') {
		unsigned char c = (unsigned char)*q->at;

		if (c < 0x20 || c >= 0x7f || c == '&' || c == '>')
			return false;
		q->at++;
	}
	*len = (size_t)(q->at - *text);
	return q->at < q->end;
}

/* ---- Values, after their <value> ---- */

static bool quick_string(struct rpc_quick *q, const struct rpc_field *field, long min, long max,
			 const char **out)
{
	const char *text;
	char *copy;
	size_t len;

	if (!QUICK_OPEN(q, "<string>") || !quick_text(q, &text, &len) || !QUICK(q, "</string>"))
		return false;
	if (len < (size_t)min || (max && len > (size_t)max))
		return false;
	copy = arena_strndup(q->arena, text, len);
	if (!copy || (field->is_valid && !field->is_valid(copy)))
		return false;
	*out = copy;
	return true;
}

/* Digits in the one form that every reader takes. */
static bool quick_int(struct rpc_quick *q, const struct rpc_field *field, int *out)
{
	long max = field->max ? field->max : INT_MAX, number = 0;
	bool i4, negative;
	const char *text;
	size_t len;

	quick_space(q);
	i4 = QUICK_OPEN(q, "<i4>");
	if (!i4 && !QUICK_OPEN(q, "<int>"))
		return false;
	negative = QUICK(q, "-");
	if (!quick_text(q, &text, &len) || len == 0 || len > QUICK_DIGITS_MAX ||
	    (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (text[i] - '0');
	}
	if (negative)
		number = -number;
	*out = (int)number;
	return number >= field->min && number <= max &&
	       (i4 ? QUICK(q, "</i4>") : QUICK(q, "</int>"));
}

static bool quick_bool(struct rpc_quick *q, bool *out)
{
	*out = QUICK_OPEN(q, "<boolean>") && QUICK(q, "1");
	return (*out || QUICK(q, "0")) && QUICK(q, "</boolean>");
}

static bool quick_count_fits(const struct rpc_field *field, size_t count)
{
	return count >= (size_t)field->min && (!field->max || count <= (size_t)field->max);
}

static bool quick_strings(struct rpc_quick *q, const struct rpc_field *field,
			  struct rpc_strings *out)
{
	long item_max = field->item_max ? field->item_max : INSTANCE_TEXT_MAX;
	const char *items[QUICK_LIST_MAX], **copy;
	size_t n = 0;

	if (!QUICK_OPEN(q, "<array>") || !QUICK_OPEN(q, "<data>"))
		return false;
	while (!QUICK_TAG(q, "</data>")) {
		if (n == QUICK_LIST_MAX || !QUICK_OPEN(q, "<value>") ||
		    !quick_string(q, field, 1, item_max, &items[n++]) || !QUICK_TAG(q, "</value>"))
			return false;
	}
	copy = arena_alloc(q->arena, (n + 1) * sizeof(*copy));
	if (!copy || !quick_count_fits(field, n))
		return false;
	memcpy(copy, items, n * sizeof(*copy));
	*out = (struct rpc_strings){.items = copy, .count = n};
	return QUICK_TAG(q, "</array>");
}

static int quick_compare_pairs(const void *a, const void *b)
{
	const struct instance_pair *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* "<member><name>NAME</name><value>"; false also at the struct's end. */
static bool quick_member(struct rpc_quick *q, const char **name, size_t *len)
{
	return QUICK_OPEN(q, "<member>") && QUICK_OPEN(q, "<name>") && quick_text(q, name, len) &&
	       QUICK(q, "</name>") && QUICK_OPEN(q, "<value>");
}

static bool quick_member_end(struct rpc_quick *q)
{
	return QUICK_TAG(q, "</value>") && QUICK_TAG(q, "</member>");
}

static bool quick_pairs(struct rpc_quick *q, const struct rpc_field *field, struct rpc_pairs *out)
{
	struct instance_pair items[QUICK_LIST_MAX], *copy;
	const char *name;
	size_t n = 0, len;

	if (!QUICK_OPEN(q, "<struct>"))
		return false;
	while (!QUICK_TAG(q, "</struct>")) {
		struct instance_pair *pair = &items[n];

		if (n++ == QUICK_LIST_MAX || !quick_member(q, &name, &len) || len < 1 ||
		    len > INSTANCE_TEXT_MAX ||
		    !quick_string(q, field, 0, INSTANCE_VALUE_MAX, &pair->value) ||
		    !quick_member_end(q))
			return false;
		pair->name = arena_strndup(q->arena, name, len);
		if (!pair->name || (field->is_valid && !field->is_valid(pair->name)))
			return false;
	}
	qsort(items, n, sizeof(items[0]), quick_compare_pairs);
	for (size_t i = 1; i < n; i++)
		if (strcmp(items[i - 1].name, items[i].name) == 0)
			return false;
	copy = arena_alloc(q->arena, (n + 1) * sizeof(*copy));
	if (!copy || !quick_count_fits(field, n))
		return false;
	memcpy(copy, items, n * sizeof(*copy));
	*out = (struct rpc_pairs){.items = copy, .count = n};
	return true;
}

static bool quick_field(struct rpc_quick *q, const struct rpc_field *field, void *out)
{
	void *to = (char *)out + field->offset;

	switch (field->type) {
	case RPC_STRING:
		return quick_string(q, field, field->min, field->max, to);
	case RPC_INT:
		return quick_int(q, field, to);
	case RPC_BOOL:
		return quick_bool(q, to);
	case RPC_STRINGS:
		return quick_strings(q, field, to);
	case RPC_PAIRS:
		return quick_pairs(q, field, to);
	case RPC_STRUCT:
	case RPC_ARRAY:
		break; /* what reads them wants xmlrpc-c's values */
	}
	return false;
}

/* ---- A call ---- */

static bool quick_prolog(struct rpc_quick *q)
{
	/* What Python, xmlrpc-c, PHP, Perl, Java and Node write. */
	return QUICK(q, "<?xml version=\"1.0\"?>") ||
	       QUICK(q, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>") ||
	       QUICK(q, "<?xml version=\"1.0\" encoding=\"utf-8\"?>") ||
	       QUICK(q, "<?xml version='1.0'?>") ||
	       QUICK(q, "<?xml version='1.0' encoding='utf-8'?>") || !QUICK(q, "<?xml");
}

bool rpc_quick_open(struct rpc_quick *q, const char *body, size_t len, struct arena *arena,
		    char name[RPC_QUICK_NAME_MAX])
{
	const char *text;
	size_t n;

	*q = (struct rpc_quick){.at = body, .end = body + len, .arena = arena};
	if (len > XML_GUARD_BYTES_MAX || !quick_prolog(q) || !QUICK_OPEN(q, "<methodCall>") ||
	    !QUICK_OPEN(q, "<methodName>") || !quick_text(q, &text, &n) ||
	    n >= RPC_QUICK_NAME_MAX || !QUICK(q, "</methodName>") || !QUICK_OPEN(q, "<params>") ||
	    !QUICK_OPEN(q, "<param>"))
		return false;
	memcpy(name, text, n);
	name[n] = '\0';
	return true;
}

bool rpc_quick_close(struct rpc_quick *q)
{
	if (!QUICK_TAG(q, "</param>") || !QUICK_TAG(q, "</params>") ||
	    !QUICK_TAG(q, "</methodCall>"))
		return false;
	quick_space(q);
	return q->at == q->end;
}

/* A finder: the field of that name, or NULL. */
static const struct rpc_field *quick_find(const struct rpc_field *fields, size_t count,
					  const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(fields[i].name, name, len) == 0 && fields[i].name[len] == '\0')
			return &fields[i];
	return NULL;
}

bool rpc_quick_struct(struct rpc_quick *q, const struct rpc_field *fields, size_t count, void *out)
{
	uint64_t seen = 0;
	const char *name;
	size_t len;

	if (!QUICK_OPEN(q, "<value>") || !QUICK_OPEN(q, "<struct>"))
		return false;
	while (!QUICK_TAG(q, "</struct>")) {
		const struct rpc_field *field;
		uint64_t bit;

		if (!quick_member(q, &name, &len))
			return false;
		field = quick_find(fields, count, name, len);
		bit = field ? (uint64_t)1 << (field - fields) : 0;
		if (!field || (seen & bit) || !quick_field(q, field, out) || !quick_member_end(q))
			return false;
		seen |= bit;
		if (field->given)
			*((bool *)((char *)out + field->given - 1)) = true;
	}
	for (size_t i = 0; i < count; i++)
		if (fields[i].required && !(seen & (uint64_t)1 << i))
			return false;
	return QUICK_TAG(q, "</value>");
}

bool rpc_quick_array(struct rpc_quick *q)
{
	return QUICK_OPEN(q, "<value>") && QUICK_OPEN(q, "<array>") && QUICK_OPEN(q, "<data>");
}

bool rpc_quick_array_end(struct rpc_quick *q)
{
	return QUICK_TAG(q, "</data>") && QUICK_TAG(q, "</array>") && QUICK_TAG(q, "</value>");
}
