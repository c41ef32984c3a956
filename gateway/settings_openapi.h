/*
 * settings_openapi: what the settings say of routes for people and their
 * programs: the document as a whole, and each route in it. Lives in the
 * settings' arena, immutable once read.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_OPENAPI_H
#define MICROREG_GATEWAY_SETTINGS_OPENAPI_H

#include "common/settings_table.h"

#include <stdbool.h>

/* What a route answers of it. */
enum settings_openapi_form { OPENAPI_NONE = 0, OPENAPI_DOCUMENT, OPENAPI_PAGE };

struct settings_openapi {
	const char *title, *version;
	const char *description;	 /* NULL: none */
	struct settings_strings servers; /* URLs; none: where the document came from */
};

/* A route's part in it. */
struct settings_docs {
	bool hidden;
	const char *summary, *description; /* NULL: none */
	struct settings_strings tags;	   /* none: its service's name */
	const char *request, *reply;	   /* schemas, as JSON; NULL: none */
};

#endif
