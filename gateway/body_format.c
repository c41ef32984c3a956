/* body_format: the table of types, and who reads and writes each. */
#include "gateway/body_format.h"
#include "common/http.h"
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/json_write.h"
#include "gateway/form.h"
#include "gateway/xml_json.h"

#include <errno.h>
#include <string.h>

static const struct body_type {
	const char *type;
	bool ending; /* of the subtype, after anything */
	enum body_format format;
} body_types[] = {
	{"application/json", false, FORMAT_JSON},
	{"text/json", false, FORMAT_JSON},
	{"+json", true, FORMAT_JSON},
	{"application/xml", false, FORMAT_XML},
	{"text/xml", false, FORMAT_XML},
	{"+xml", true, FORMAT_XML},
	{"application/x-www-form-urlencoded", false, FORMAT_FORM},
};

/* Without its parameters. */
static struct span body_media_type(struct span type)
{
	const char *end = type.len ? memchr(type.at, ';', type.len) : NULL;

	if (end)
		type.len = (size_t)(end - type.at);
	while (type.len && (type.at[type.len - 1] == ' ' || type.at[type.len - 1] == '\t'))
		type.len--;
	return type;
}

enum body_format body_format_of(struct span type)
{
	struct span media = body_media_type(type);

	for (size_t i = 0; i < sizeof(body_types) / sizeof(body_types[0]); i++) {
		const struct body_type *known = &body_types[i];
		size_t len = strlen(known->type), skip = 0;

		if (known->ending && media.len <= len)
			continue;
		if (known->ending)
			skip = media.len - len;
		if (media.len &&
		    http_equal_nocase(media.at + skip, media.len - skip, known->type, len))
			return known->format;
	}
	return FORMAT_BY_TYPE;
}

bool body_format_is_foreign(struct span type)
{
	static const char *const ours[] = {"utf-8", "\"utf-8\"", "us-ascii", "\"us-ascii\""};
	const char *at = type.len ? memchr(type.at, ';', type.len) : NULL,
		   *end = type.at + type.len;

	while (at) {
		const char *next = memchr(at + 1, ';', (size_t)(end - at) - 1);
		size_t len;

		for (at++; at < end && (*at == ' ' || *at == '\t'); at++)
			;
		len = (size_t)((next ? next : end) - at);
		while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
			len--;
		if (len > 8 && http_equal_nocase(at, 8, "charset=", 8)) {
			for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
				if (http_equal_nocase(at + 8, len - 8, ours[i], strlen(ours[i])))
					return false;
			return true;
		}
		at = next;
	}
	return false;
}

const char *body_format_type(enum body_format format)
{
	switch (format) {
	case FORMAT_XML:
		return "application/xml";
	case FORMAT_FORM:
		return "application/x-www-form-urlencoded";
	case FORMAT_TEXT:
		return "text/plain; charset=utf-8";
	case FORMAT_JSON:
	case FORMAT_BY_TYPE:
		break;
	}
	return "application/json";
}

static int body_full(const struct buf *out, struct err *e)
{
	return out->full ? err_code(e, EFBIG, "it is too large")
			 : err_code(e, ENOMEM, "out of memory");
}

static int body_read_text(struct span body, struct buf *out, struct err *e)
{
	struct json_writer j;

	if (!json_is_utf8(body))
		return err_set(e, "the text is not UTF-8");
	json_write_init(&j, out);
	json_write_string_n(&j, body.at, body.len);
	return out->failed ? body_full(out, e) : 0;
}

int body_format_read(enum body_format format, struct span body, struct buf *out, struct span *json,
		     struct err *e)
{
	size_t start = out->len;
	int result = 0;

	switch (format) {
	case FORMAT_JSON:
	case FORMAT_BY_TYPE:
		if (json_check(body, e) < 0)
			return -1;
		*json = json_value(body);
		return 0;
	case FORMAT_XML:
		result = xml_to_json(body, out, e);
		break;
	case FORMAT_FORM:
		result = form_to_json(body, false, out, e);
		break;
	case FORMAT_TEXT:
		result = body_read_text(body, out, e);
		break;
	}
	if (result == 0)
		*json = (struct span){out->data + start, out->len - start};
	return result;
}

int body_format_write(enum body_format format, const char *root, struct span json, struct buf *out,
		      struct err *e)
{
	switch (format) {
	case FORMAT_XML:
		return xml_from_json(json, root, out, e);
	case FORMAT_FORM:
		return form_from_json(json, out, e);
	case FORMAT_TEXT:
		if (json_kind(json) == JSON_KIND_STRING) {
			json_string_decode(json, out);
			break;
		}
		(void)buf_append(out, json.at, json.len); /* sticks */
		break;
	case FORMAT_JSON:
	case FORMAT_BY_TYPE:
		(void)buf_append(out, json.at, json.len);
		break;
	}
	return out->failed ? body_full(out, e) : 0;
}
