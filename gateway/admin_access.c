/*
 * admin_access: who may do what at the admin door. The hash of what is shown
 * is compared with every token's; an address that shows many that are none
 * has to wait.
 */
#include "common/bearer.h"
#include "common/clock.h"
#include "common/rate.h"
#include "gateway/admin_parts.h"
#include "gateway/audit.h"

#include <stdio.h>
#include <string.h>

enum { ADMIN_SECONDS = 60 }; /* of `failures` */

enum admin_verdict {
	ADMIN_ALLOWED = 0,
	ADMIN_UNKNOWN,	 /* no token is shown */
	ADMIN_WRONG,	 /* one is shown that is none */
	ADMIN_FORBIDDEN, /* the token's role is another */
	ADMIN_TOO_OFTEN, /* the address has shown too many that are none */
	ADMIN_TOKENLESS, /* changes need a token, and there are none */
};

static const struct settings_admin_token *admin_find_token(const struct settings_admin *settings,
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

static enum admin_verdict admin_judge(const struct settings_admin *settings, struct rate *failures,
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
	*token = admin_find_token(settings, authorization);
	if (*token)
		return (*token)->role >= role ? ADMIN_ALLOWED : ADMIN_FORBIDDEN;
	/* Who shows nothing has tried nothing: a browser asks like that first. */
	if (authorization && settings->failures)
		(void)rate_take(failures, key, len, settings->failures, now_us); /* as looked */
	return authorization ? ADMIN_WRONG : ADMIN_UNKNOWN;
}

static const struct admin_refusal {
	enum problem problem;
	const char *detail, *reason; /* to whoever asks, and in the audit */
} admin_refusals[] = {
	[ADMIN_UNKNOWN] = {PROBLEM_UNAUTHORIZED,
			   "a token is wanted: send Authorization: Bearer TOKEN",
			   "no token is shown"},
	[ADMIN_WRONG] = {PROBLEM_UNAUTHORIZED,
			 "what Authorization shows is none of the tokens in admin.tokens; make one "
			 "with microreg-gateway --new-token NAME",
			 "a token is shown that is none"},
	[ADMIN_FORBIDDEN] = {PROBLEM_FORBIDDEN,
			     "the token's role is read; changes want one of the role admin",
			     "the token's role is read"},
	[ADMIN_TOO_OFTEN] = {PROBLEM_RATE_LIMITED,
			     "too many tokens that are none came from this address",
			     "too many tokens that are none"},
	[ADMIN_TOKENLESS] = {PROBLEM_FORBIDDEN,
			     "changes want a token of the role admin: give admin.tokens in the "
			     "settings",
			     "changes want a token, and admin.tokens has none"},
};

static void admin_refuse(struct admin *admin, struct httpd_request *request,
			 const struct settings_admin *settings, enum admin_verdict verdict,
			 const struct settings_admin_token *token)
{
	const struct admin_refusal *refusal = &admin_refusals[verdict];
	char client[INET6_ADDRSTRLEN], seconds[16];
	struct audit_entry entry = {.event = AUDIT_DENIED,
				    .token = token ? token->name : NULL,
				    .policy = "admin",
				    .reason = refusal->reason};

	httpd_peer_text(request, client);
	entry.client = (struct span){client, strlen(client)};
	audit_write(admin->gateway->audit, &entry);
	atomic_fetch_add_explicit(&admin->denied, 1, memory_order_relaxed);
	/* Without these fields the status says it too. */
	if (verdict == ADMIN_UNKNOWN || verdict == ADMIN_WRONG) {
		(void)httpd_add_header(request, "WWW-Authenticate", "Bearer realm=\"microreg\"");
		(void)httpd_add_header(request, "WWW-Authenticate", "Basic realm=\"microreg\"");
	} else if (verdict == ADMIN_TOO_OFTEN) {
		(void)snprintf(seconds, sizeof(seconds), "%u",
			       ADMIN_SECONDS / settings->failures + 1);
		(void)httpd_add_header(request, "Retry-After", seconds);
	}
	admin_problem(request, refusal->problem, refusal->detail);
}

bool admin_lets_in(struct admin *admin, struct httpd_request *request,
		   const struct admin_view *view, enum settings_admin_role role,
		   const struct settings_admin_token **token)
{
	const struct settings_admin *settings = &view->rules->settings->admin;
	enum admin_verdict verdict = admin_judge(settings, admin->failures, request, role, token);

	if (verdict != ADMIN_ALLOWED)
		admin_refuse(admin, request, settings, verdict, *token);
	return verdict == ADMIN_ALLOWED;
}
