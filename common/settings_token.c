/* settings_token: names and hashes, checked. */
#include "common/settings_token.h"
#include "common/bearer.h"
#include "common/instance.h"

#include <string.h>

void settings_token_check(struct settings_reader *r, const struct settings_node *map,
			  const struct settings_token *token)
{
	if (token->name && !instance_id_is_valid(token->name))
		settings_file_mistake(r->file, settings_node_get(map, "name"),
				      "\"%.80s\"; letters, digits, '.', '_', '-' and ':'",
				      token->name);
	if (token->hash_text && !bearer_parse_hash(token->hash_text, token->hash))
		settings_file_mistake(r->file, settings_node_get(map, "hash"),
				      "no hash; \"sha256:\" and 64 hex digits, which "
				      "%s --new-token NAME makes",
				      token->program);
}

static const char *settings_token_name(const void *names, size_t stride, size_t i)
{
	const char *name;

	memcpy(&name, (const char *)names + i * stride, sizeof(name));
	return name;
}

void settings_token_check_names(struct settings_reader *r, const struct settings_node *list,
				const void *names, size_t stride, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *name = settings_token_name(names, stride, i);

		for (size_t k = 0; name && k < i; k++) {
			const char *other = settings_token_name(names, stride, k);

			if (other && strcmp(name, other) == 0)
				settings_file_mistake(r->file, list,
						      "two tokens are called \"%s\"; give each a "
						      "name of its own",
						      name);
		}
	}
}
