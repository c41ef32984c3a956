/* admin_access: the hash of what is shown is compared with every token's. */
#include "gateway/admin_access.h"
#include "common/clock.h"
#include "common/httpd.h"
#include "common/rate.h"

enum { ADMIN_SECONDS = 60 }; /* of `failures` */

static const struct settings_admin_token *admin_access_find(const struct settings_admin *settings,
							    const char *authorization)
{
	const struct settings_admin_token *found = NULL;
	unsigned char hash[BEARER_HASH_SIZE];

	if (!bearer_hash_shown(authorization, hash))
		return NULL;
	/* All of them: time tells nothing. */
	for (size_t i = 0; i < settings->token_count; i++)
		if (bearer_is_equal(hash, settings->tokens[i].hash))
			found = &settings->tokens[i];
	return found;
}

enum admin_verdict admin_access(const struct settings_admin *settings, struct rate *failures,
				struct httpd_request *request, enum settings_admin_role role,
				const struct settings_admin_token **token)
{
	const char *authorization = httpd_header(request, "Authorization");
	unsigned char key[HTTPD_NETWORK_SIZE];
	size_t len = httpd_peer_network(request, key);
	/* A rate's seconds are minutes when time runs slower by that. */
	uint64_t now_us = clock_us() / ADMIN_SECONDS;

	*token = NULL;
	if (!settings->token_count)
		return role == ADMIN_ROLE_READ ? ADMIN_ALLOWED : ADMIN_TOKENLESS;
	if (settings->failures && rate_is_spent(failures, key, len, settings->failures, now_us))
		return ADMIN_TOO_OFTEN;
	*token = admin_access_find(settings, authorization);
	if (*token)
		return (*token)->role >= role ? ADMIN_ALLOWED : ADMIN_FORBIDDEN;
	/* Who shows nothing has tried nothing: a browser asks like that first. */
	if (authorization && settings->failures)
		(void)rate_take(failures, key, len, settings->failures, now_us); /* as looked */
	return ADMIN_UNKNOWN;
}
