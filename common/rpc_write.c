/* rpc_write: tags and escaped text. */
#include "common/rpc_write.h"

#include <string.h>

#define WRITE(to, text) ((void)buf_append((to), (text), sizeof(text) - 1)) /* shows in failed */

static const char write_head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
				 "<methodResponse>\r\n<params>\r\n<param>";
static const char write_tail[] = "</param>\r\n</params>\r\n</methodResponse>\r\n";

void rpc_write_begin(struct buf *to)
{
	WRITE(to, write_head);
}

void rpc_write_end(struct buf *to)
{
	WRITE(to, write_tail);
}

const char *rpc_write_value(const struct buf *document, size_t *len)
{
	*len = document->len - (sizeof(write_head) - 1) - (sizeof(write_tail) - 1);
	return document->data + sizeof(write_head) - 1;
}

void rpc_write_struct(struct buf *to)
{
	WRITE(to, "<value><struct>");
}

void rpc_write_struct_end(struct buf *to)
{
	WRITE(to, "</struct></value>");
}

void rpc_write_array(struct buf *to)
{
	WRITE(to, "<value><array><data>");
}

void rpc_write_array_end(struct buf *to)
{
	WRITE(to, "</data></array></value>");
}

/* What a character must be written as, or NULL: as itself. */
static const char *write_escape(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;"; /* "]]>" must not be written */
	case '\r':
		return "\n"; /* XML 1.0 2.11: a reader makes that of it anyway */
	case '\t':
	case '\n':
		return NULL;
	default:
		return c < 0x20 ? "?" : NULL;
	}
}

static void write_text(struct buf *to, const char *text)
{
	const char *from = text;

	for (; *text; text++) {
		const char *escape = write_escape((unsigned char)*text);

		if (!escape)
			continue;
		(void)buf_append(to, from, (size_t)(text - from)); /* shows in failed */
		(void)buf_puts(to, escape);
		from = text + 1;
	}
	(void)buf_append(to, from, (size_t)(text - from));
}

void rpc_write_member(struct buf *to, const char *name)
{
	WRITE(to, "<member><name>");
	write_text(to, name);
	WRITE(to, "</name>");
}

void rpc_write_member_end(struct buf *to)
{
	WRITE(to, "</member>");
}

void rpc_write_string(struct buf *to, const char *text)
{
	WRITE(to, "<value><string>");
	write_text(to, text);
	WRITE(to, "</string></value>");
}

void rpc_write_int(struct buf *to, int number)
{
	char digits[16], *at = digits + sizeof(digits);
	unsigned rest = number < 0 ? 0u - (unsigned)number : (unsigned)number;

	do
		*--at = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		*--at = '-';
	WRITE(to, "<value><i4>");
	(void)buf_append(to, at, (size_t)(digits + sizeof(digits) - at)); /* shows in failed */
	WRITE(to, "</i4></value>");
}

void rpc_write_bool(struct buf *to, bool yes)
{
	if (yes)
		WRITE(to, "<value><boolean>1</boolean></value>");
	else
		WRITE(to, "<value><boolean>0</boolean></value>");
}

void rpc_write_set_string(struct buf *to, const char *name, const char *text)
{
	rpc_write_member(to, name);
	rpc_write_string(to, text);
	rpc_write_member_end(to);
}

void rpc_write_set_int(struct buf *to, const char *name, int number)
{
	rpc_write_member(to, name);
	rpc_write_int(to, number);
	rpc_write_member_end(to);
}

void rpc_write_set_bool(struct buf *to, const char *name, bool yes)
{
	rpc_write_member(to, name);
	rpc_write_bool(to, yes);
	rpc_write_member_end(to);
}

void rpc_write_instance(struct buf *to, const struct instance *in)
{
	rpc_write_struct(to);
	rpc_write_set_string(to, "id", in->id);
	rpc_write_set_string(to, "host", in->host);
	rpc_write_set_int(to, "port", in->port);
	rpc_write_set_string(to, "scheme", in->scheme);
	rpc_write_set_string(to, "status", instance_status_name(in->status));
	rpc_write_set_int(to, "weight", (int)in->weight);
	rpc_write_set_string(to, "zone", in->zone);
	rpc_write_set_string(to, "version", in->version);
	rpc_write_member(to, "tags");
	rpc_write_array(to);
	for (size_t i = 0; i < in->tag_count; i++)
		rpc_write_string(to, in->tags[i]);
	rpc_write_array_end(to);
	rpc_write_member_end(to);
	rpc_write_member(to, "meta");
	rpc_write_struct(to);
	for (size_t i = 0; i < in->meta_count; i++)
		rpc_write_set_string(to, in->meta[i].name, in->meta[i].value);
	rpc_write_struct_end(to);
	rpc_write_member_end(to);
	rpc_write_set_string(to, "detail", in->detail);
	if (in->route_count) {
		rpc_write_member(to, "routes");
		rpc_write_array(to);
		for (size_t i = 0; i < in->route_count; i++)
			rpc_write_string(to, in->routes[i]);
		rpc_write_array_end(to);
		rpc_write_member_end(to);
	}
	rpc_write_struct_end(to);
}
