/* settings_security: `security_headers`, of the top level and of a route. */
#include "gateway/settings_parts.h"

#include "gateway/http1_head.h"

#include <string.h>

enum { SECURITY_HEADERS_MAX = 16 };

/* What does no harm to an API, and little to pages: Mozilla's and OWASP's advice. */
static const struct settings_header settings_security_usual[] = {
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Content-Security-Policy", "frame-ancestors 'none'"},
	{"Referrer-Policy", "strict-origin-when-cross-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"X-Permitted-Cross-Domain-Policies", "none"},
};

/* A value that can't end its line. */
static bool settings_is_field_value(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return *text != '\0';
}

static void settings_read_security_map(struct settings_reader *r, const struct settings_node *node,
				       struct settings_headers *headers)
{
	struct settings_header *items = settings_table_alloc(r, node->count, sizeof(*items));
	size_t n = 0;

	for (const struct settings_node *m = node->first; items && m; m = m->next) {
		const char *text = settings_table_text(r, m);

		if (!text || !settings_field_is_editable(r, m, m->key, true))
			continue;
		if (!settings_is_field_value(text)) {
			settings_file_mistake(r->file, m,
					      "the value is empty, or has what no field can hold; "
					      "write one like nosniff");
			continue;
		}
		items[n++] = (struct settings_header){settings_table_copy(r, m->key),
						      settings_table_copy(r, text)};
	}
	headers->items = items;
	headers->count = n;
}

void settings_read_security(struct settings_reader *r, const struct settings_node *node, void *to)
{
	struct settings_headers *headers = to;
	bool scalar = node->kind == SETTINGS_SCALAR;

	headers->given = true;
	if (scalar && strcmp(node->text, "true") == 0)
		*headers = (struct settings_headers){true, settings_security_usual,
						     sizeof(settings_security_usual) /
							     sizeof(settings_security_usual[0])};
	else if (node->kind == SETTINGS_MAP && node->count <= SECURITY_HEADERS_MAX)
		settings_read_security_map(r, node, headers);
	else if (!scalar || strcmp(node->text, "false") != 0)
		settings_file_mistake(r->file, node,
				      "write true for the usual ones, false for none, or a map of "
				      "at most %d, like {X-Frame-Options: DENY}",
				      SECURITY_HEADERS_MAX);
}
