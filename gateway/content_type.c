/* content_type: reads the field that there may be one of (RFC 9110 5.3, 8.3). */
#include "gateway/content_type.h"
#include "gateway/http1_parts.h"

#include <string.h>

/* A comma that is not part of a parameter's quoted text makes a list of it. */
static bool content_type_is_list(struct span value)
{
	bool quoted = false;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == ',' && !quoted)
			return true;
	}
	return false;
}

bool content_type_find(const struct http1_head *head, struct span *type)
{
	const char *semicolon;
	bool found = false;

	*type = (struct span){"", 0};
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];

		if (!http_equal_nocase(field->name.at, field->name.len, "Content-Type", 12))
			continue;
		if (found || content_type_is_list(field->value))
			return false;
		*type = field->value;
		found = true;
	}
	semicolon = type->len ? memchr(type->at, ';', type->len) : NULL;
	if (semicolon)
		type->len = (size_t)(semicolon - type->at);
	*type = http1_trim(type->at, type->len);
	return true;
}
