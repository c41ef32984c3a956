/* path_rules: one look over the path finds what is in it; the settings say what that means. */
#include "gateway/path_rules.h"

#include <string.h>

enum {
	PATH_HAS_SLASHES = 1 << 0,
	PATH_HAS_ESCAPED_SLASH = 1 << 1,
	PATH_HAS_BACKSLASH = 1 << 2, /* plain or escaped, as below */
	PATH_HAS_SEMICOLON = 1 << 3,
};

/* Of "%XX". */
static unsigned path_rules_escape(const char *at, size_t left)
{
	if (left < 3)
		return 0;
	if (at[1] == '2' && (at[2] == 'F' || at[2] == 'f'))
		return PATH_HAS_ESCAPED_SLASH;
	if (at[1] == '5' && (at[2] == 'C' || at[2] == 'c'))
		return PATH_HAS_BACKSLASH;
	return at[1] == '3' && (at[2] == 'B' || at[2] == 'b') ? PATH_HAS_SEMICOLON : 0;
}

static unsigned path_rules_find(struct span path)
{
	unsigned found = 0;

	for (size_t i = 0; i < path.len; i++) {
		if (path.at[i] == '/' && i && path.at[i - 1] == '/')
			found |= PATH_HAS_SLASHES;
		else if (path.at[i] == '%')
			found |= path_rules_escape(path.at + i, path.len - i);
		else if (path.at[i] == '\\')
			found |= PATH_HAS_BACKSLASH;
		else if (path.at[i] == ';')
			found |= PATH_HAS_SEMICOLON;
	}
	return found;
}

void path_rules_merge(char *path, size_t *len)
{
	size_t to = 0;

	for (size_t from = 0; from < *len; from++)
		if (path[from] != '/' || !to || path[to - 1] != '/')
			path[to++] = path[from];
	*len = to;
}

const struct path_rule *path_rules_refuse(const struct settings_paths *paths, struct span path)
{
	static const struct path_rule slashes = {"repeated_slash", "two slashes in a row"},
				      escaped = {"escaped_slash", "an escaped slash"},
				      backslash = {"backslash", "a backslash"},
				      semicolon = {"semicolon", "a semicolon"};
	unsigned found = path_rules_find(path);

	if ((found & PATH_HAS_SLASHES) && paths->repeated_slash == PATH_REFUSE)
		return &slashes;
	if ((found & PATH_HAS_ESCAPED_SLASH) && paths->escaped_slash == PATH_REFUSE)
		return &escaped;
	if ((found & PATH_HAS_BACKSLASH) && paths->backslash == PATH_REFUSE)
		return &backslash;
	if ((found & PATH_HAS_SEMICOLON) && paths->semicolon == PATH_REFUSE)
		return &semicolon;
	return NULL;
}
