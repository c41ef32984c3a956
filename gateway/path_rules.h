/*
 * path_rules: what of a path a service may read otherwise than the routes do.
 *
 * Routes and their rules go by segments. A service that takes `%2F` or `\` for a
 * separator, folds `//`, or cuts a segment off at `;` would serve under the
 * rules of one route what is another's. So these are refused unless the settings
 * (`paths`) say that they mean something; runs of slashes are made one.
 */
#ifndef MICROREG_GATEWAY_PATH_RULES_H
#define MICROREG_GATEWAY_PATH_RULES_H

#include "common/span.h"
#include "gateway/settings.h"

/* Makes one of each run of slashes, in place; *len shrinks. The path is normalized. */
void path_rules_merge(char *path, size_t *len);

/* One key of `paths`, and what the path has that it is about. */
struct path_rule {
	const char *key, *what;
};

/* The one that refuses the path, static, or NULL. */
const struct path_rule *path_rules_refuse(const struct settings_paths *paths, struct span path);

#endif
