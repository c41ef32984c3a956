/*
 * settings_token: what the tokens of the registry's door and of the gateway's
 * admin door have in common: a name and the hash of a secret (bearer.h).
 */
#ifndef MICROREG_COMMON_SETTINGS_TOKEN_H
#define MICROREG_COMMON_SETTINGS_TOKEN_H

#include "common/settings_table.h"

struct settings_token {
	const char *name, *hash_text; /* as they were read; NULL: with a mistake, which is noted */
	unsigned char *hash;	      /* where its bytes go */
	const char *program;	      /* that makes them */
};

/* Notes what is wrong with the name and the hash of the map that it was read from. */
void settings_token_check(struct settings_reader *r, const struct settings_node *map,
			  const struct settings_token *token);

/* Notes names that two have, which would make the log say nothing. Those are `count` pointers,
 * `stride` bytes from one to the next. */
void settings_token_check_names(struct settings_reader *r, const struct settings_node *list,
				const void *names, size_t stride, size_t count);

#endif
