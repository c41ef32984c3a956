/*
 * admin_access: who may do what at the admin door: its tokens, and how often
 * an address may try some that are none.
 */
#ifndef MICROREG_GATEWAY_ADMIN_ACCESS_H
#define MICROREG_GATEWAY_ADMIN_ACCESS_H

#include "gateway/settings.h"

#include <stdbool.h>

struct httpd_request;
struct rate;

enum admin_verdict {
	ADMIN_ALLOWED = 0,
	ADMIN_UNKNOWN,	 /* 401: no token is shown, or one that is none */
	ADMIN_FORBIDDEN, /* 403: the token's role is another */
	ADMIN_TOO_OFTEN, /* 429: the address has shown too many that are none */
	ADMIN_TOKENLESS, /* 403: changes need a token, and there are none */
};

/* Of a request that wants `role`. `token` is whose it is, borrowed from the settings; NULL: not
 * known, or not asked. Any thread. */
enum admin_verdict admin_access(const struct settings_admin *settings, struct rate *failures,
				struct httpd_request *request, enum settings_admin_role role,
				const struct settings_admin_token **token);

#endif
