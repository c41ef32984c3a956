/* template: rendering. Each source comes in one of three codings, each place wants another. */
#include "gateway/template.h"
#include "gateway/identity.h"
#include "gateway/query.h"
#include "gateway/router.h"
#include "gateway/template_parts.h"

#include <string.h>
#include <strings.h>

static const char template_hex[] = "0123456789ABCDEF";

bool template_is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

bool template_is_segment_char(char c)
{
	return template_is_unreserved(c) || (c && strchr("!$&'()*+,;=:@", c));
}

bool template_is_dots(struct span segment)
{
	unsigned dots = 0;

	for (size_t i = 0; i < segment.len; dots++) {
		if (segment.at[i] == '.')
			i++;
		else if (segment.len - i >= 3 && strncasecmp(segment.at + i, "%2e", 3) == 0)
			i += 3;
		else
			return false;
	}
	return dots == 1 || dots == 2;
}

size_t template_path_start(const char *text, size_t len)
{
	size_t at;

	if (len && text[0] == '/')
		return 0;
	at = len > 8 && strncmp(text, "https://", 8) == 0 ? 8 : 7;
	while (at < len && text[at] != '/' && text[at] != '?')
		at++;
	return at < len ? at : len;
}

bool template_has_query(const struct template *t)
{
	return t->has_query;
}

uint32_t template_results(const struct template *t)
{
	return t->results;
}

bool template_has_item(const struct template *t)
{
	return t->has_item;
}

bool template_has_query_name(const struct template *t, struct span name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->parts[i].source == TEMPLATE_QUERY && query_equal(name, t->parts[i].text))
			return true;
	return false;
}

const char *template_needs(const struct template *t, enum template_need need, size_t i)
{
	static const enum template_source sources[] = {[TEMPLATE_NEEDS_PATH] = TEMPLATE_PARAMETER,
						       [TEMPLATE_NEEDS_QUERY] = TEMPLATE_QUERY,
						       [TEMPLATE_NEEDS_HEADER] = TEMPLATE_HEADER};

	for (size_t k = 0; k < t->count; k++)
		if (t->parts[k].source == sources[need] && i-- == 0)
			return t->parts[k].text;
	return NULL;
}

const char *template_text(const struct template *t)
{
	return t->text;
}

/* ---- Encoding; failures stick in the buf ---- */

static void template_put_escape(struct buf *out, char c)
{
	unsigned char byte = (unsigned char)c;
	char escape[3] = {'%', template_hex[byte >> 4], template_hex[byte & 15]};

	(void)buf_append(out, escape, sizeof(escape));
}

/* RFC 8259 7; bytes of UTF-8 stay. */
static void template_put_json(struct buf *out, char c)
{
	unsigned char byte = (unsigned char)c;
	char escape[6] = {'\\', 'u', '0', '0', template_hex[byte >> 4], template_hex[byte & 15]};

	if (c == '"' || c == '\\')
		(void)buf_putc(out, '\\');
	if (byte < ' ')
		(void)buf_append(out, escape, sizeof(escape));
	else
		(void)buf_putc(out, c);
}

/* What may stand in text and in attributes; bytes of UTF-8 stay. */
static void template_put_markup(struct buf *out, char c)
{
	if (c == '&')
		(void)buf_puts(out, "&amp;");
	else if (c == '<')
		(void)buf_puts(out, "&lt;");
	else if (c == '>')
		(void)buf_puts(out, "&gt;");
	else if (c == '"')
		(void)buf_puts(out, "&quot;");
	else if (c == '\'')
		(void)buf_puts(out, "&#39;");
	else
		(void)buf_putc(out, c);
}

void template_put_byte(struct buf *out, enum template_place place, char c)
{
	bool plain = place == TEMPLATE_IN_RAW	 ? true
		     : place == TEMPLATE_IN_TEXT ? c >= ' ' && c <= '~'
						 : template_is_unreserved(c);

	if (place == TEMPLATE_IN_JSON) {
		template_put_json(out, c);
		return;
	}
	if (place == TEMPLATE_IN_MARKUP) {
		template_put_markup(out, c);
		return;
	}
	if (plain)
		(void)buf_putc(out, c);
	else
		template_put_escape(out, c);
}

static void template_put_raw(struct buf *out, enum template_place place, struct span value)
{
	if (place == TEMPLATE_IN_TEXT || place == TEMPLATE_IN_AUTHORITY ||
	    place == TEMPLATE_IN_RAW) {
		(void)buf_append(out, value.at, value.len);
		return;
	}
	for (size_t i = 0; i < value.len; i++)
		template_put_byte(out, place, value.at[i]);
}

static void template_put_form(struct buf *out, enum template_place place, struct span value)
{
	while (value.len)
		template_put_byte(out, place, (char)query_byte(&value));
}

/* Of a path: its escapes are sound, since it was normalized, and stay. */
static void template_put_path(struct buf *out, enum template_place place, struct span value,
			      bool slashes)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == '%' || (place == TEMPLATE_IN_PATH &&
				 (template_is_segment_char(c) || (slashes && c == '/'))))
			(void)buf_putc(out, c);
		else
			template_put_byte(out, place, c);
	}
}

static int template_hex_value(char c)
{
	const char *at = c ? strchr(template_hex, c) : NULL;

	return at ? (int)(at - template_hex) : 0;
}

/* As people would write it; in text, what a field can't hold stays escaped. */
static void template_put_decoded(struct buf *out, enum template_place place, struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == '%' && value.len - i >= 3) {
			c = (char)(template_hex_value(value.at[i + 1]) * 16 +
				   template_hex_value(value.at[i + 2]));
			i += 2;
		}
		template_put_byte(out, place, c);
	}
}

/* Whatever a token says: nothing of it was looked at as a field's value is. */
static void template_put_plain(struct buf *out, enum template_place place, struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		template_put_byte(out, place, value.at[i]);
}

static void template_put_query(struct buf *out, struct span query)
{
	for (size_t i = 0; i < query.len; i++) {
		char c = query.at[i];

		if (template_is_segment_char(c) || c == '/' || c == '?' || c == '%')
			(void)buf_putc(out, c);
		else
			template_put_escape(out, c);
	}
}

void template_append_query(struct buf *out, struct span query)
{
	(void)buf_putc(out, '?');
	template_put_query(out, query);
}

/* ---- Values ---- */

/* Without its port. */
static struct span template_host(struct span authority)
{
	const char *colon = authority.len ? memrchr(authority.at, ':', authority.len) : NULL;

	if (colon && !memchr(colon, ']', authority.len - (size_t)(colon - authority.at)))
		authority.len = (size_t)(colon - authority.at);
	return authority;
}

static struct span template_identity_value(const struct template_part *part,
					   const struct identity *identity)
{
	const struct claim *claim;

	if (!identity)
		return (struct span){"", 0};
	if (part->source == TEMPLATE_CONSUMER_ID)
		return identity->id;
	if (part->source == TEMPLATE_CONSUMER_NAME)
		return identity->name;
	claim = claims_find(identity->claims, part->text, part->len);
	return claim ? claim->text : (struct span){"", 0};
}

/* False: the request has none. */
static bool template_value(const struct template_part *part, const struct template_values *v,
			   struct span *value)
{
	const struct http1_field *field;

	*value = (struct span){"", 0};
	switch (part->source) {
	case TEMPLATE_LITERAL:
		break;
	case TEMPLATE_PARAMETER:
		for (size_t i = 0; i < v->match->parameter_count; i++)
			if (v->match->parameters[i].name.len == part->len &&
			    memcmp(v->match->parameters[i].name.at, part->text, part->len) == 0)
				*value = v->match->parameters[i].value;
		break;
	case TEMPLATE_REST:
		*value = v->match->rest;
		return true; /* also when it is empty */
	case TEMPLATE_QUERY:
		if (query_find(v->query, part->text, value))
			return value->len > 0 || part->place == TEMPLATE_IN_RAW;
		*value = (struct span){"", 0};
		break;
	case TEMPLATE_HEADER:
		field = http1_head_find_text(v->request, part->text);
		*value = field ? field->value : *value;
		break;
	case TEMPLATE_REQUEST_PATH:
		*value = v->path;
		break;
	case TEMPLATE_REQUEST_QUERY:
		*value = v->query;
		break;
	case TEMPLATE_REQUEST_HOST:
		*value = template_host(v->request->authority);
		break;
	case TEMPLATE_REQUEST_METHOD:
		*value = v->request->method_text;
		break;
	case TEMPLATE_REQUEST_ID:
		*value = v->id;
		break;
	case TEMPLATE_CLIENT_ADDRESS:
		*value = v->address;
		break;
	case TEMPLATE_CONSUMER_ID:
	case TEMPLATE_CONSUMER_NAME:
	case TEMPLATE_CLAIM:
		*value = template_identity_value(part, v->identity);
		break;
	case TEMPLATE_RESULT:
	case TEMPLATE_ITEM:
	case TEMPLATE_ITEMS:
		return template_result_value(part, v, value);
	}
	return value->len > 0;
}

static bool template_is_body_place(enum template_place place)
{
	return place == TEMPLATE_IN_RAW || place == TEMPLATE_IN_JSON || place == TEMPLATE_IN_MARKUP;
}

static void template_put(struct buf *out, const struct template_part *part, struct span value)
{
	switch ((int)part->source) {
	case TEMPLATE_PARAMETER:
		if (part->place == TEMPLATE_IN_TEXT || template_is_body_place(part->place))
			template_put_decoded(out, part->place, value);
		else
			template_put_path(out, part->place, value, false);
		break;
	case TEMPLATE_REST:
	case TEMPLATE_REQUEST_PATH:
		if (template_is_body_place(part->place))
			template_put_decoded(out, part->place, value);
		else if (part->place == TEMPLATE_IN_TEXT)
			template_put_raw(out, part->place, value);
		else
			template_put_path(out, part->place, value, true);
		break;
	case TEMPLATE_QUERY:
		template_put_form(out, part->place, value);
		break;
	case TEMPLATE_REQUEST_QUERY:
		if (part->place == TEMPLATE_IN_RAW || part->place == TEMPLATE_IN_MARKUP)
			template_put_raw(out, part->place, value);
		else
			template_put_query(out, value);
		break;
	case TEMPLATE_CONSUMER_ID:
	case TEMPLATE_CONSUMER_NAME:
	case TEMPLATE_CLAIM:
		template_put_plain(out, part->place, value);
		break;
	case TEMPLATE_RESULT:
	case TEMPLATE_ITEM:
		template_put_result(out, part->place, value);
		break;
	default:
		template_put_raw(out, part->place, value);
		break;
	}
}

/* ---- The whole ---- */

/* The parts are sound one by one; side by side they may still make ".." or "//host". */
static const char *template_check(enum template_kind kind, const char *at, size_t len)
{
	size_t start = template_path_start(at, len);
	const char *question = memchr(at, '?', len), *segment = at + start, *end;

	end = question ? question : at + len;
	if (kind == TEMPLATE_URL && start == 0 && end - at >= 2 && at[1] == '/')
		return "the route would redirect to a path that begins with two slashes";
	for (const char *c = segment; c <= end; c++) {
		if (c < end && *c != '/')
			continue;
		if (template_is_dots((struct span){segment, (size_t)(c - segment)}))
			return "the path that the route sends on would have a dot segment";
		segment = c + 1;
	}
	len = (size_t)(end - at);
	for (size_t i = 0; i + 2 < len; i++)
		if (at[i] == '%' && at[i + 1] == '0' && at[i + 2] == '0')
			return "a value that the route sends on holds a NUL";
	return NULL;
}

static const char template_request_lacks[] = "the request lacks a value that the route needs";

bool template_is_request_lack(const char *reason)
{
	return reason == template_request_lacks;
}

/* Why a part without its value can't be rendered, or NULL. */
static const char *template_lack(enum template_kind kind, const struct template_part *part)
{
	if (kind >= TEMPLATE_BODY)
		return NULL;
	if (part->place == TEMPLATE_IN_RAW)
		return template_request_lacks;
	if (part->source == TEMPLATE_RESULT)
		return "the body or an earlier reply lacks a value that it needs";
	if (part->source == TEMPLATE_ITEM || part->source == TEMPLATE_ITEMS)
		return "a value of the list is no text and no number";
	if (part->place == TEMPLATE_IN_PATH || part->place == TEMPLATE_IN_AUTHORITY)
		return template_request_lacks;
	return NULL;
}

/* Each encoded, so that a comma in one of them does not part it. */
static void template_put_items(struct buf *out, const struct template_part *part,
			       const struct template_values *values)
{
	for (size_t i = 0; i < values->item_count; i++) {
		if (i)
			(void)buf_putc(out, ',');
		template_put_result(out, part->place, values->items[i]);
	}
}

int template_render(const struct template *t, const struct template_values *values, struct buf *out,
		    const char **reason)
{
	size_t start = out->len;

	*reason = NULL;
	for (size_t i = 0; i < t->count; i++) {
		const struct template_part *part = &t->parts[i];
		struct span value;

		if (part->source == TEMPLATE_LITERAL) {
			(void)buf_append(out, part->text, part->len); /* sticks */
			continue;
		}
		/* "/users/" in the place of "/users/7" would be another thing altogether. */
		if (!template_value(part, values, &value)) {
			*reason = template_lack(t->kind, part);
			if (*reason)
				return -1;
			if (t->kind >= TEMPLATE_BODY)
				continue;
		}
		if (part->source == TEMPLATE_ITEMS)
			template_put_items(out, part, values);
		else
			template_put(out, part, value);
	}
	if (out->failed)
		return -1;
	if (t->kind == TEMPLATE_TARGET || t->kind == TEMPLATE_URL)
		*reason = template_check(t->kind, out->data + start, out->len - start);
	return *reason ? -1 : 0;
}

void template_render_value(const struct template *t, const struct template_values *values,
			   struct buf *out)
{
	const struct template_part *part = &t->parts[0];
	struct span value;

	if (part->source == TEMPLATE_RESULT || part->source == TEMPLATE_ITEM ||
	    part->source == TEMPLATE_ITEMS) {
		template_put_value(out, part, values);
	} else if (!template_value(part, values, &value)) {
		(void)buf_puts(out, "null"); /* failures stick, here and below */
	} else {
		(void)buf_putc(out, '"');
		template_put(out, part, value);
		(void)buf_putc(out, '"');
	}
}
