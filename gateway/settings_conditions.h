/* settings_conditions: what a request must have, of a route and of a view. */
#ifndef MICROREG_GATEWAY_SETTINGS_CONDITIONS_H
#define MICROREG_GATEWAY_SETTINGS_CONDITIONS_H

#include <stddef.h>

/* `headers: {X-Canary: "1"}` or `{X-Canary: true}`: present with any value. Also for query. */
struct settings_condition {
	const char *name;
	const char *value; /* NULL: any */
};

struct settings_conditions {
	const struct settings_condition *items;
	size_t count;
};

#endif
