/*
 * xml_to_json: what libxml2 tells of a document becomes text at once.
 *
 * `done` holds, of each open element, its name and then what is finished within
 * it: names and values. When it ends, these are put together, and the result
 * takes their place, as one finished thing of the element around it.
 */
#include "common/json_write.h"
#include "common/xml_scan.h"
#include "gateway/xml_json.h"

#include <errno.h>
#include <libxml/parser.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* What libxml2 takes at most for a document of some size must be there before: it does not
	 * get over its memory running out everywhere. */
	XML_ROOM = 64 << 10,
	XML_ROOM_EACH = 4,
};

/* A finished element or attribute: its name, with quotes, and its value are in `done`. */
struct xml_piece {
	size_t name, name_len, value, value_len;
	size_t next; /* the next one of its name; 0: none */
	bool later;  /* there is one before it */
};

struct xml_open {
	size_t name, name_len; /* in `done` */
	size_t first;	       /* of the pieces that are within it */
	struct buf text;
};

struct xml_reader {
	xmlParserCtxt *parser;
	struct buf done, made, order;
	struct xml_piece *pieces;
	struct buf room; /* for them */
	size_t count, total;
	struct xml_open open[XML_JSON_DEPTH_MAX];
	unsigned depth;
	struct buf *out;
	bool failed; /* *e is set */
	struct err *e;
};

static void xml_stop(struct xml_reader *r)
{
	r->failed = true;
	xmlStopParser(r->parser);
}

static void xml_no_memory(struct xml_reader *r)
{
	if (r->done.full || r->made.full || r->out->full)
		(void)err_code(r->e, EFBIG, "the XML is too large");
	else
		(void)err_code(r->e, ENOMEM, "out of memory");
	xml_stop(r);
}

static void xml_write_string(struct buf *out, const char *text, size_t len)
{
	struct json_writer j;

	json_write_init(&j, out);
	json_write_string_n(&j, text, len);
}

/* ---- Pieces ---- */

/* NULL: there are too many, or no memory; then it has stopped. */
static struct xml_piece *xml_add(struct xml_reader *r)
{
	struct xml_piece *piece;

	r->room.len = r->count * sizeof(*piece);
	if (!buf_reserve(&r->room, sizeof(*piece))) {
		xml_no_memory(r);
		return NULL;
	}
	r->pieces = (struct xml_piece *)(void *)r->room.data;
	piece = &r->pieces[r->count++];
	*piece = (struct xml_piece){0};
	return piece;
}

static bool xml_count(struct xml_reader *r)
{
	if (r->total++ < XML_JSON_PIECES_MAX)
		return true;
	(void)err_set(r->e, "the XML has more than %d elements and attributes",
		      XML_JSON_PIECES_MAX);
	xml_stop(r);
	return false;
}

static void xml_add_attribute(struct xml_reader *r, const char *name, const char *value)
{
	struct xml_piece *piece = xml_count(r) ? xml_add(r) : NULL;

	if (!piece)
		return;
	piece->name = r->done.len;
	(void)buf_puts(&r->done, "\"@"); /* failures stick */
	(void)buf_puts(&r->done, name);	 /* names of XML need no escapes */
	(void)buf_putc(&r->done, '"');
	piece->name_len = r->done.len - piece->name;
	piece->value = r->done.len;
	xml_write_string(&r->done, value, strlen(value));
	piece->value_len = r->done.len - piece->value;
}

/* ---- An element that ends ---- */

struct xml_named {
	const char *name;
	size_t len, index;
};

static int xml_compare(const void *a, const void *b)
{
	const struct xml_named *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->name, y->name, len);

	if (order == 0)
		order = x->len < y->len ? -1 : x->len > y->len;
	return order ? order : x->index < y->index ? -1 : 1;
}

/* Chains the pieces of one name, from `first` on. False: no memory. */
static bool xml_chain(struct xml_reader *r, size_t first)
{
	size_t count = r->count - first;
	struct xml_named *named;

	buf_reset(&r->order);
	named = (struct xml_named *)(void *)buf_reserve(&r->order, (count + 1) * sizeof(*named));
	if (!named)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct xml_piece *piece = &r->pieces[first + i];

		named[i] =
			(struct xml_named){r->done.data + piece->name, piece->name_len, first + i};
	}
	qsort(named, count, sizeof(*named), xml_compare);
	for (size_t i = 1; i < count; i++) {
		if (named[i].len != named[i - 1].len ||
		    memcmp(named[i].name, named[i - 1].name, named[i].len) != 0)
			continue;
		r->pieces[named[i - 1].index].next = named[i].index;
		r->pieces[named[i].index].later = true;
	}
	return true;
}

static void xml_make_member(struct xml_reader *r, const struct xml_piece *piece)
{
	bool list = piece->next != 0;

	(void)buf_append(&r->made, r->done.data + piece->name, piece->name_len);
	(void)buf_puts(&r->made, list ? ":[" : ":");
	for (;;) {
		(void)buf_append(&r->made, r->done.data + piece->value, piece->value_len);
		if (!piece->next)
			break;
		(void)buf_putc(&r->made, ',');
		piece = &r->pieces[piece->next];
	}
	if (list)
		(void)buf_putc(&r->made, ']');
}

static bool xml_is_blank(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (!xml_scan_is_space((unsigned char)text->data[i]))
			return false;
	return true;
}

/* The value of the innermost element, into r->made. */
static void xml_make(struct xml_reader *r)
{
	const struct xml_open *open = &r->open[r->depth - 1];
	bool comma = false;

	buf_reset(&r->made);
	if (r->count == open->first) {
		xml_write_string(&r->made, open->text.len ? open->text.data : "", open->text.len);
		return;
	}
	if (r->done.failed || !xml_chain(r, open->first)) {
		r->made.failed = true;
		return;
	}
	for (size_t i = open->first; i < r->count; i++) {
		if (r->pieces[i].later)
			continue;
		(void)buf_putc(&r->made, comma ? ',' : '{');
		comma = true;
		xml_make_member(r, &r->pieces[i]);
	}
	if (!xml_is_blank(&open->text)) {
		(void)buf_puts(&r->made, ",\"#text\":");
		xml_write_string(&r->made, open->text.data, open->text.len);
	}
	(void)buf_putc(&r->made, '}');
}

/* ---- What libxml2 tells ---- */

static void xml_on_start(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
	struct xml_reader *r = ctx;
	struct xml_open *open;

	if (r->failed || !xml_count(r))
		return;
	if (r->depth == XML_JSON_DEPTH_MAX) {
		(void)err_set(r->e, "the XML is nested deeper than %d elements",
			      XML_JSON_DEPTH_MAX);
		xml_stop(r);
		return;
	}
	open = &r->open[r->depth++];
	open->first = r->count;
	open->name = r->done.len;
	buf_reset(&open->text);
	xml_write_string(&r->done, (const char *)name, strlen((const char *)name));
	open->name_len = r->done.len - open->name;
	for (size_t i = 0; attributes && attributes[i] && !r->failed; i += 2)
		xml_add_attribute(r, (const char *)attributes[i],
				  attributes[i + 1] ? (const char *)attributes[i + 1] : "");
	if (r->done.failed && !r->failed)
		xml_no_memory(r);
}

static void xml_on_end(void *ctx, const xmlChar *name)
{
	struct xml_reader *r = ctx;
	const struct xml_open *open;
	struct xml_piece *piece;

	(void)name; /* libxml2 has compared it */
	if (r->failed || !r->depth)
		return;
	open = &r->open[r->depth - 1];
	xml_make(r);
	if (r->made.failed || open->text.failed) {
		xml_no_memory(r);
		return;
	}
	r->done.len = open->name + open->name_len;
	r->count = open->first;
	r->depth--;
	piece = xml_add(r);
	if (!piece)
		return;
	piece->name = open->name;
	piece->name_len = open->name_len;
	piece->value = r->done.len;
	piece->value_len = r->made.len;
	if (buf_append(&r->done, r->made.data, r->made.len) < 0)
		xml_no_memory(r);
}

static void xml_on_text(void *ctx, const xmlChar *text, int len)
{
	struct xml_reader *r = ctx;

	if (!r->failed && r->depth)
		(void)buf_append(&r->open[r->depth - 1].text, text, (size_t)len); /* sticks */
}

/* A document type that was not seen before the root element can't come to be; still. */
static void xml_on_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
			   const xmlChar *system)
{
	struct xml_reader *r = ctx;

	(void)name;
	(void)external;
	(void)system;
	(void)err_set(r->e, "the XML has a document type declaration");
	xml_stop(r);
}

/* ---- The whole ---- */

/* Over a tag, from behind its '<'. libxml2 compares each attribute with all before it, before
 * anybody is told of one. */
static int xml_look_over_tag(struct xml_scan *scan)
{
	unsigned char quote = 0;
	size_t count = 0;

	for (; scan->at < scan->len; scan->at++) {
		unsigned char c = scan->body[scan->at];

		if (quote) {
			quote = c == quote ? 0 : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '>') {
			return 0;
		} else if (c == '=' && ++count > XML_JSON_ATTRIBUTES_MAX) {
			return err_set(scan->e,
				       "the XML has an element with more than %d attributes",
				       XML_JSON_ATTRIBUTES_MAX);
		}
	}
	return 0; /* the parser will miss its end */
}

/* Over what begins there and is no tag; 0 when nothing such does. */
static int xml_look_over_other(struct xml_scan *scan)
{
	static const struct {
		const char *begin, *end;
	} others[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!xml_scan_looks_at(scan, others[i].begin))
			continue;
		scan->at += strlen(others[i].begin); /* "<!-->" is not the end as well */
		return xml_scan_until(scan, others[i].end) < 0 ? -1 : 1;
	}
	return 0;
}

/* The root element and all in it. */
static int xml_look_over_tags(struct xml_scan *scan)
{
	while (scan->at < scan->len) {
		int other = xml_look_over_other(scan);

		if (other < 0 ||
		    (other == 0 && scan->body[scan->at++] == '<' && xml_look_over_tag(scan) < 0))
			return -1;
	}
	return 0;
}

/* All of it is UTF-8 and characters of XML, what stands before the root element is no document
 * type, and no element has too many attributes. */
static int xml_look_over(struct span xml, struct err *e)
{
	struct xml_scan scan = {.body = (const unsigned char *)xml.at, .len = xml.len, .e = e};
	size_t start;
	uint32_t c;

	if (xml_scan_declaration(&scan) < 0)
		return -1;
	start = scan.at;
	while (scan.at < scan.len)
		if (xml_scan_char(&scan, &c) < 0)
			return -1;
	scan.at = start;
	for (;;) {
		(void)xml_scan_skip_space(&scan); /* there may be none */
		if (xml_scan_looks_at(&scan, "<!--")) {
			scan.at += strlen("<!--");
			if (xml_scan_until(&scan, "-->") < 0)
				return -1;
		} else if (xml_scan_looks_at(&scan, "<?")) {
			if (xml_scan_until(&scan, "?>") < 0)
				return -1;
		} else if (xml_scan_looks_at(&scan, "<!")) {
			return err_set(e, "the XML has a document type declaration");
		} else {
			return xml_look_over_tags(&scan);
		}
	}
}

static int xml_has_room(size_t len, struct err *e)
{
	/* volatile: else compilers leave out what is freed unused */
	void *volatile room = malloc(XML_ROOM + len * XML_ROOM_EACH);

	if (!room)
		return err_code(e, ENOMEM, "out of memory");
	free(room);
	return 0;
}

static void xml_tell(const struct xml_reader *r)
{
	const xmlError *error = xmlCtxtGetLastError(r->parser);
	size_t len = error && error->message ? strcspn(error->message, "\n") : 0;

	if (error && error->code == XML_ERR_NO_MEMORY)
		(void)err_code(r->e, ENOMEM, "out of memory");
	else
		(void)err_set(r->e, "line %d of the XML: %.*s", error ? error->line : 0,
			      (int)(len < 200 ? len : 200),
			      len ? error->message : "not well-formed");
}

static int xml_parse(struct xml_reader *r, struct span xml)
{
	xmlSAXHandler sax = {.startElement = xml_on_start,
			     .endElement = xml_on_end,
			     .characters = xml_on_text,
			     .ignorableWhitespace = xml_on_text,
			     .internalSubset = xml_on_doctype};

	r->parser = xmlNewParserCtxt();
	if (!r->parser)
		return err_code(r->e, ENOMEM, "out of memory");
	*r->parser->sax = sax; /* of SAX 1: names come as they are written */
	r->parser->userData = r;
	(void)xmlCtxtReadMemory(r->parser, xml.at, (int)xml.len, NULL, "UTF-8",
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!r->failed && !r->parser->wellFormed) {
		xml_tell(r);
		r->failed = true;
	}
	xmlFreeParserCtxt(r->parser);
	return r->failed ? -1 : 0;
}

/* What is wrong is told by whoever asked. */
static void xml_say_nothing(void *ctx, const char *format, ...)
{
	(void)ctx;
	(void)format;
}

void xml_json_init(void)
{
	xmlInitParser();
	xmlSetGenericErrorFunc(NULL, xml_say_nothing);
	xmlThrDefSetGenericErrorFunc(NULL, xml_say_nothing); /* of threads to come */
}

int xml_to_json(struct span xml, struct buf *out, struct err *e)
{
	struct xml_reader r = {.out = out, .e = e};
	size_t max = out->max < SIZE_MAX / 2 ? out->max : SIZE_MAX / 2;
	int result;

	if (xml_look_over(xml, e) < 0 || xml_has_room(xml.len, e) < 0)
		return -1;
	buf_init(&r.done, max * 2); /* what is finished, and names */
	buf_init(&r.made, max);
	buf_init(&r.order, (XML_JSON_PIECES_MAX + 1) * sizeof(struct xml_named));
	buf_init(&r.room, (XML_JSON_PIECES_MAX + 1) * sizeof(struct xml_piece));
	for (size_t i = 0; i < XML_JSON_DEPTH_MAX; i++)
		buf_init(&r.open[i].text, xml.len);
	result = xml_parse(&r, xml);
	if (result == 0) {
		(void)buf_putc(out, '{'); /* failures stick */
		(void)buf_append(out, r.done.data, r.pieces[0].name_len);
		(void)buf_putc(out, ':');
		(void)buf_append(out, r.done.data + r.pieces[0].value, r.pieces[0].value_len);
		(void)buf_putc(out, '}');
		if (out->failed)
			result = out->full ? err_code(e, EFBIG, "the XML is too large")
					   : err_code(e, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < XML_JSON_DEPTH_MAX; i++)
		buf_fini(&r.open[i].text);
	buf_fini(&r.room);
	buf_fini(&r.order);
	buf_fini(&r.made);
	buf_fini(&r.done);
	return result;
}
