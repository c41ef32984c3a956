/*
 * xml_guard: a scanner of the small part of XML that XML-RPC needs. It holds
 * the open elements and the names of the members of the open structs, nothing
 * else, and reads every byte once.
 *
 * It refuses rather than understands: what it lets through, xmlrpc-c's parser
 * still judges. Only that no element, however nested, costs that parser more
 * than its bytes is decided here.
 */
#include "common/xml_guard.h"
#include "common/rpc.h"
#include "common/xml_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* The parser compares each name with those before it; no struct of ours is near this. */
	GUARD_MEMBERS_MAX = 256,
	/* A struct within a struct is three elements deeper. */
	GUARD_HASHES = (XML_GUARD_DEPTH_MAX / 3 + 1) * GUARD_MEMBERS_MAX,
	GUARD_ATTRIBUTES_MAX = 16, /* of a whole document: XML-RPC has none but name spaces */
	GUARD_ROOM = 16 << 10,
	GUARD_ROOM_EACH = 320,
};

enum guard_element {
	GUARD_DOCUMENT, /* what the root lies in */
	GUARD_CALL,
	GUARD_RESPONSE,
	GUARD_METHOD_NAME,
	GUARD_PARAMS,
	GUARD_PARAM,
	GUARD_FAULT,
	GUARD_VALUE,
	GUARD_SCALAR,
	GUARD_STRUCT,
	GUARD_MEMBER,
	GUARD_NAME,
	GUARD_ARRAY,
	GUARD_DATA,
};

#define IN(element) (1u << GUARD_##element)

/* Which elements there are, what each may lie in, whether it holds text, what must lie in it, and
 * whether that may be there more than once. */
static const struct guard_kind {
	const char *name;
	enum guard_element element;
	unsigned parents;
	bool text;
	unsigned needs;
	bool many;
	bool extension; /* of XML-RPC: only where those are allowed */
} guard_kinds[] = {
	{"value", GUARD_VALUE, IN(PARAM) | IN(FAULT) | IN(MEMBER) | IN(DATA), true, 0, false,
	 false},
	{"member", GUARD_MEMBER, IN(STRUCT), false, IN(NAME) | IN(VALUE), false, false},
	{"name", GUARD_NAME, IN(MEMBER), true, 0, false, false},
	{"string", GUARD_SCALAR, IN(VALUE), true, 0, false, false},
	{"int", GUARD_SCALAR, IN(VALUE), true, 0, false, false},
	{"i4", GUARD_SCALAR, IN(VALUE), true, 0, false, false},
	{"boolean", GUARD_SCALAR, IN(VALUE), true, 0, false, false},
	{"double", GUARD_SCALAR, IN(VALUE), true, 0, false, false},
	{"dateTime.iso8601", GUARD_SCALAR, IN(VALUE), true, 0, false, false},
	{"base64", GUARD_SCALAR, IN(VALUE), true, 0, false, false},
	{"i8", GUARD_SCALAR, IN(VALUE), true, 0, false, true},
	{"nil", GUARD_SCALAR, IN(VALUE), false, 0, false, true},
	{"struct", GUARD_STRUCT, IN(VALUE), false, 0, true, false},
	{"array", GUARD_ARRAY, IN(VALUE), false, IN(DATA), false, false},
	{"data", GUARD_DATA, IN(ARRAY), false, 0, true, false},
	{"methodCall", GUARD_CALL, IN(DOCUMENT), false, IN(METHOD_NAME), false, false},
	{"methodName", GUARD_METHOD_NAME, IN(CALL), true, 0, false, false},
	{"params", GUARD_PARAMS, IN(CALL) | IN(RESPONSE), false, 0, true, false},
	{"param", GUARD_PARAM, IN(PARAMS), false, IN(VALUE), false, false},
	{"methodResponse", GUARD_RESPONSE, IN(DOCUMENT), false, 0, false, false},
	{"fault", GUARD_FAULT, IN(RESPONSE), false, IN(VALUE), false, false},
};

/* Types that some implementations add; others than these fail as unknown elements. */
static const char *const guard_extensions[] = {
	"nil",	"i1",	    "i2",	  "i8",		"float",	"short", "byte",
	"long", "dateTime", "bigdecimal", "biginteger", "serializable", "dom",
};

struct guard {
	struct xml_scan scan;
	size_t elements, elements_max;
	bool extensions; /* nil and i8 are allowed */
	unsigned attributes;
	unsigned depth;
	const struct guard_kind *open[XML_GUARD_DEPTH_MAX]; /* `depth` of them, the root first */
	unsigned seen[XML_GUARD_DEPTH_MAX]; /* which elements lie in each, as IN() */
	uint64_t name_hash;		    /* of the <name> being read */
	uint64_t *hashes;		    /* of the members of the open structs */
	size_t hash_count;
	size_t struct_base[XML_GUARD_DEPTH_MAX]; /* where an open struct's hashes begin */
};

static enum guard_element guard_parent(const struct guard *g)
{
	return g->depth ? g->open[g->depth - 1]->element : GUARD_DOCUMENT;
}

/* FNV-1a over characters: a sender who makes two names collide only has his own call refused. */
static void guard_hash(struct guard *g, uint32_t c)
{
	g->name_hash = (g->name_hash ^ c) * 0x100000001b3u;
}

/* One character of content, at an '&' or anything but '<'. */
static int guard_text(struct guard *g)
{
	const struct guard_kind *in = g->depth ? g->open[g->depth - 1] : NULL;
	size_t at = g->scan.at;
	bool reference = g->scan.body[g->scan.at] == '&';
	uint32_t c;

	if (reference ? xml_scan_reference(&g->scan, &c) : xml_scan_char(&g->scan, &c))
		return -1;
	if (in && in->text) {
		if (in->element == GUARD_NAME)
			guard_hash(g, c);
		return 0;
	}
	if (xml_scan_is_space(c) && !reference)
		return 0;
	g->scan.at = at;
	return in ? xml_scan_fail(&g->scan, RPC_FAULT_CALL,
				  "text in <%s>, where only elements belong", in->name)
		  : xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "text outside the document's element");
}

/* In a CDATA section '&' is a letter, so guard_text can't read it. */
static int guard_cdata(struct guard *g)
{
	const struct guard_kind *in = g->depth ? g->open[g->depth - 1] : NULL;
	uint32_t c;

	if (!in)
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE,
				     "a CDATA section outside the document's element");
	if (!in->text)
		return xml_scan_fail(&g->scan, RPC_FAULT_CALL, "a CDATA section in <%s>", in->name);
	g->scan.at += strlen("<![CDATA[");
	while (g->scan.at < g->scan.len && !xml_scan_looks_at(&g->scan, "]]>")) {
		if (xml_scan_char(&g->scan, &c))
			return -1;
		if (in->element == GUARD_NAME)
			guard_hash(g, c);
	}
	if (g->scan.at == g->scan.len)
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE,
				     "the document ends in a CDATA section");
	g->scan.at += strlen("]]>");
	return 0;
}

/* At "<!". */
static int guard_declaration(struct guard *g)
{
	if (xml_scan_looks_at(&g->scan, "<!--")) {
		g->scan.at += strlen("<!--");
		return xml_scan_until(&g->scan, "-->");
	}
	if (xml_scan_looks_at(&g->scan, "<![CDATA["))
		return guard_cdata(g);
	return xml_scan_fail(&g->scan, RPC_FAULT_PARSE,
			     "a document type declaration, which XML-RPC has no use for");
}

/* Refuses an element that may not be here, by name. */
static const struct guard_kind *guard_kind(struct guard *g, const char *name)
{
	enum guard_element parent = guard_parent(g);
	const struct guard_kind *kind = NULL;
	bool extension = strncmp(name, "ex:", 3) == 0 || strncmp(name, "ex.", 3) == 0;

	for (size_t i = 0; i < sizeof(guard_kinds) / sizeof(guard_kinds[0]) && !kind; i++)
		if (strcmp(name, guard_kinds[i].name) == 0)
			kind = &guard_kinds[i];
	if (kind && (kind->parents & 1u << parent) && (g->extensions || !kind->extension))
		return kind;
	for (size_t i = 0; i < sizeof(guard_extensions) / sizeof(guard_extensions[0]); i++)
		extension |= strcmp(name, guard_extensions[i]) == 0;
	if (parent == GUARD_VALUE && extension)
		(void)xml_scan_fail(
			&g->scan, RPC_FAULT_PARAMS,
			"<%s> is an extension of XML-RPC; allowed: int, boolean, string, "
			"double, dateTime.iso8601, base64, struct, array",
			name);
	else
		(void)xml_scan_fail(
			&g->scan, RPC_FAULT_CALL, "<%s> in %s%s%s, where XML-RPC has none", name,
			g->depth ? "<" : "a document", g->depth ? g->open[g->depth - 1]->name : "",
			g->depth ? ">" : "");
	return NULL;
}

/* The elements of a call or reply may come in any order, but each only as often as it has a
 * meaning; of the types in a value there is one. */
static int guard_count(struct guard *g, const struct guard_kind *kind)
{
	const struct guard_kind *in = g->depth ? g->open[g->depth - 1] : NULL;
	unsigned *seen = in ? &g->seen[g->depth - 1] : NULL;

	if (!in || in->many)
		return 0;
	if (in->element == GUARD_VALUE ? *seen : *seen & 1u << kind->element)
		return xml_scan_fail(&g->scan, RPC_FAULT_CALL, "a second <%s> in <%s>", kind->name,
				     in->name);
	*seen |= 1u << kind->element;
	return 0;
}

static int guard_push(struct guard *g, const struct guard_kind *kind)
{
	if (g->depth == XML_GUARD_DEPTH_MAX)
		return xml_scan_fail(&g->scan, RPC_FAULT_TOO_LARGE,
				     "nested deeper than %d elements", XML_GUARD_DEPTH_MAX);
	if (g->elements == g->elements_max)
		return xml_scan_fail(&g->scan, RPC_FAULT_TOO_LARGE, "more than %zu elements",
				     g->elements_max);
	if (!g->depth && g->elements)
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "a second document");
	if (guard_count(g, kind))
		return -1;
	g->elements++;
	g->seen[g->depth] = 0;
	g->struct_base[g->depth] = g->hash_count;
	g->open[g->depth++] = kind;
	g->name_hash = 0xcbf29ce484222325u;
	return 0;
}

/* A <name> ended: it must be new in its struct. */
static int guard_member(struct guard *g)
{
	/* The name lies in a member and that in a struct, or it had not been let in. */
	size_t base = g->struct_base[g->depth - 3];

	if (!g->hashes)
		g->hashes = malloc(GUARD_HASHES * sizeof(*g->hashes));
	if (!g->hashes)
		return xml_scan_fail(&g->scan, RPC_FAULT_STORE, "out of memory");
	if (g->hash_count - base >= GUARD_MEMBERS_MAX)
		return xml_scan_fail(&g->scan, RPC_FAULT_TOO_LARGE,
				     "a struct of more than %d members", GUARD_MEMBERS_MAX);
	for (size_t i = base; i < g->hash_count; i++)
		if (g->hashes[i] == g->name_hash)
			return xml_scan_fail(&g->scan, RPC_FAULT_PARAMS,
					     "a struct has a member twice");
	g->hashes[g->hash_count++] = g->name_hash;
	return 0;
}

static int guard_pop(struct guard *g)
{
	const struct guard_kind *kind = g->open[g->depth - 1];
	unsigned lacks = kind->needs & ~g->seen[g->depth - 1];

	if (lacks)
		return xml_scan_fail(&g->scan, RPC_FAULT_CALL, "<%s> without its %s", kind->name,
				     lacks & IN(METHOD_NAME) ? "methodName"
				     : lacks & IN(NAME)	     ? "name"
				     : lacks & IN(VALUE)     ? "value"
							     : "data");
	if (kind->element == GUARD_NAME && guard_member(g))
		return -1;
	g->depth--;
	if (kind->element == GUARD_STRUCT)
		g->hash_count = g->struct_base[g->depth];
	return 0;
}

/* At the '<' of a start tag or an empty element. */
static int guard_start(struct guard *g)
{
	char name[XML_SCAN_NAME_MAX], attribute[XML_SCAN_NAME_MAX];
	const struct guard_kind *kind;

	g->scan.at++;
	if (!xml_scan_name(&g->scan, name))
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "a '<' that begins no tag");
	kind = guard_kind(g, name);
	if (!kind || guard_push(g, kind))
		return -1;
	for (;;) {
		size_t space = xml_scan_skip_space(&g->scan);

		if (xml_scan_looks_at(&g->scan, ">")) {
			g->scan.at++;
			return 0;
		}
		if (xml_scan_looks_at(&g->scan, "/>")) {
			g->scan.at += 2;
			return guard_pop(g);
		}
		if (!space)
			return xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "the tag <%s is not closed",
					     name);
		if (++g->attributes > GUARD_ATTRIBUTES_MAX)
			return xml_scan_fail(&g->scan, RPC_FAULT_CALL, "more than %d attributes",
					     GUARD_ATTRIBUTES_MAX);
		if (xml_scan_attribute(&g->scan, attribute, NULL))
			return -1;
	}
}

static int guard_end(struct guard *g)
{
	char name[XML_SCAN_NAME_MAX];

	g->scan.at += 2;
	(void)xml_scan_name(&g->scan, name); /* an empty one is nobody's end */
	(void)xml_scan_skip_space(&g->scan); /* there may be none */
	if (!xml_scan_looks_at(&g->scan, ">") || !g->depth ||
	    strcmp(name, g->open[g->depth - 1]->name) != 0)
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "</%s> closes nothing", name);
	if (guard_pop(g))
		return -1;
	g->scan.at++;
	return 0;
}

static int guard_next(struct guard *g)
{
	if (g->scan.body[g->scan.at] != '<')
		return guard_text(g);
	if (xml_scan_looks_at(&g->scan, "</"))
		return guard_end(g);
	if (xml_scan_looks_at(&g->scan, "<!"))
		return guard_declaration(g);
	if (xml_scan_looks_at(&g->scan, "<?"))
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "a processing instruction");
	return guard_start(g);
}

static int guard_document(struct guard *g)
{
	if (xml_scan_declaration(&g->scan))
		return -1;
	while (g->scan.at < g->scan.len)
		if (guard_next(g))
			return -1;
	if (g->depth)
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "the document ends within <%s>",
				     g->open[g->depth - 1]->name);
	if (!g->elements)
		return xml_scan_fail(&g->scan, RPC_FAULT_PARSE, "no XML");
	return 0;
}

/* xmlrpc-c 1.33's parser frees what it never had when its memory runs out in the middle. So what it
 * takes at most must be there before: its tree and its values, some 250 bytes an element. */
static int guard_room(struct guard *g)
{
	/* volatile: else compilers leave out what is freed unused */
	void *volatile room = malloc(GUARD_ROOM + g->scan.len * 2 + g->elements * GUARD_ROOM_EACH);

	if (!room)
		return xml_scan_fail(&g->scan, RPC_FAULT_STORE, "out of memory");
	free(room);
	return 0;
}

static int guard_check(struct guard *g, size_t bytes_max)
{
	int result;

	if (g->scan.len > bytes_max)
		return err_code(g->scan.e, RPC_FAULT_TOO_LARGE,
				"a document of %zu bytes; allowed: %zu", g->scan.len, bytes_max);
	result = guard_document(g);
	free(g->hashes);
	return result ? result : guard_room(g);
}

int xml_guard_check(const char *body, size_t len, size_t elements_max, size_t bytes_max,
		    struct err *e)
{
	struct guard g = {.scan = {.body = (const unsigned char *)body, .len = len, .e = e},
			  .elements_max = elements_max};

	return guard_check(&g, bytes_max);
}

int xml_guard_check_extended(const char *body, size_t len, size_t elements_max, size_t bytes_max,
			     struct err *e)
{
	struct guard g = {.scan = {.body = (const unsigned char *)body, .len = len, .e = e},
			  .elements_max = elements_max,
			  .extensions = true};

	return guard_check(&g, bytes_max);
}

size_t xml_guard_mark(const char *body, size_t len)
{
	return len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}
