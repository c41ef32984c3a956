/* filter_auth: who asks: the route's methods in turn, any of them or all. */
#include "gateway/auth.h"
#include "gateway/caller.h"
#include "gateway/filter.h"

#include <string.h>

static const struct auth_method {
	enum auth_result (*try)(struct exchange *x, const struct settings_auth_method *method,
				struct auth *auth);
	void (*strip)(struct exchange *x, const struct settings_auth_method *method);
	const char *challenge; /* RFC 9110 11.6.1; NULL: its service says it */
} auth_methods[AUTH_KIND_COUNT] = {
	[AUTH_KEY] = {auth_key_try, auth_key_strip, "ApiKey realm=\"microreg\""},
	[AUTH_JWT] = {auth_jwt_try, auth_jwt_strip, "Bearer realm=\"microreg\""},
	[AUTH_BASIC] = {auth_basic_try, auth_basic_strip,
			"Basic realm=\"microreg\", charset=\"UTF-8\""},
	[AUTH_CERTIFICATE] = {auth_certificate_try, auth_certificate_strip,
			      "Certificate realm=\"microreg\""},
	[AUTH_FORWARD] = {auth_forward_try, auth_forward_strip, NULL},
};

/* ---- Answers ---- */

/* One challenge for each method that would do; of tokens also what RFC 6750 3 says. */
enum filter_result auth_challenge(struct exchange *x, const char *reason)
{
	const struct settings_auth *settings = &x->route->policy.auth;
	const struct auth *auth = x->auth;
	const char *fields = "";

	for (size_t i = 0; i < settings->count && fields; i++) {
		const struct auth_method *method = &auth_methods[settings->methods[i].kind];
		bool again = !method->challenge;

		for (size_t k = 0; k < i; k++)
			again |= settings->methods[k].kind == settings->methods[i].kind;
		if (!again)
			fields = arena_printf(&x->arena, "%sWWW-Authenticate: %s%s\r\n", fields,
					      method->challenge,
					      settings->methods[i].kind == AUTH_JWT && auth->bearer
						      ? ", error=\"invalid_token\""
						      : "");
	}
	if (!fields)
		return filter_deny(x, PROBLEM_NO_MEMORY, "out of memory", NULL);
	return filter_deny(x, PROBLEM_UNAUTHORIZED, reason, fields);
}

static enum filter_result auth_refuse(struct exchange *x)
{
	if (x->auth->unheard)
		return filter_deny(x, PROBLEM_AUTH_UNAVAILABLE, x->auth->reason, NULL);
	if (x->auth->refusal)
		return auth_forward_refuse(x);
	if (x->auth->early)
		return filter_deny(x, PROBLEM_AUTH_UNAVAILABLE,
				   "the registry's consumers are not known yet",
				   "Retry-After: 1\r\n");
	return auth_challenge(x, x->auth->reason ? x->auth->reason : "no credential is shown");
}

/* ---- The methods in turn ---- */

static struct span auth_join_lines(struct exchange *x, struct span a, struct span b)
{
	char *both = arena_alloc(&x->arena, a.len + b.len + 1);

	if (!both)
		return (struct span){0};
	if (a.len)
		memcpy(both, a.at, a.len);
	if (b.len)
		memcpy(both + a.len, b.at, b.len);
	return (struct span){both, a.len + b.len};
}

/* Of two that are proven the first says who it is; whatever a token says stays. */
static bool auth_join(struct auth *auth, const struct identity *before, struct exchange *x)
{
	struct identity *both;

	if (!before || !auth->identity || before == auth->identity)
		return true;
	both = arena_alloc(&x->arena, sizeof(*both));
	if (!both)
		return false;
	*both = *before;
	if (!both->claims) {
		both->claims = auth->identity->claims;
		both->scopes = auth->identity->scopes;
	}
	if (!both->groups.len)
		both->groups = auth->identity->groups;
	both->more = auth_join_lines(x, before->more, auth->identity->more);
	if ((before->more.len || auth->identity->more.len) && !both->more.len)
		return false;
	if (identity_write(both, &x->arena) < 0)
		return false;
	auth->identity = both;
	return true;
}

/* Asks on from where it stands. WAITS and FAILED are told at once. */
static enum auth_result auth_ask(struct exchange *x, const struct settings_auth *settings,
				 struct auth *auth)
{
	for (; auth->at < settings->count; auth->at++) {
		const struct settings_auth_method *method = &settings->methods[auth->at];
		const struct identity *before = auth->identity;
		enum auth_result result = auth_methods[method->kind].try(x, method, auth);

		if (result == AUTH_WAITS || result == AUTH_FAILED)
			return result;
		auth->shown |= result != AUTH_ABSENT;
		auth->refused |= result == AUTH_REFUSED;
		if (result == AUTH_PROVEN && !settings->all)
			return AUTH_PROVEN;
		if (result == AUTH_PROVEN && !auth_join(auth, before, x))
			return AUTH_FAILED;
		if (settings->all && result == AUTH_ABSENT) {
			auth->refused = true;
			auth->reason = "one of the credentials is missing";
		}
	}
	if (!auth->shown)
		return AUTH_ABSENT;
	return settings->all && !auth->refused ? AUTH_PROVEN : AUTH_REFUSED;
}

int auth_strip(struct exchange *x, const struct settings_auth *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct settings_auth_method *method = &settings->methods[i];

		auth_methods[method->kind].strip(x, method);
		if (method->query && auth_query_without(x, method->query) < 0)
			return -1;
	}
	return 0;
}

static const char *auth_address_reason(struct exchange *x, const struct identity *identity)
{
	const struct settings_ip *ip = identity->consumer ? &identity->consumer->ip : NULL;

	if (!ip || !(ip->allow.count || ip->deny.count))
		return NULL;
	if (caller_is_in(caller_of(x), &ip->deny))
		return "the consumer's ip.deny has the address";
	if (ip->allow.count && !caller_is_in(caller_of(x), &ip->allow))
		return "the consumer's ip.allow does not have the address";
	return NULL;
}

enum filter_result filter_auth_run(struct exchange *x)
{
	const struct settings_auth *settings = &x->route->policy.auth;
	const char *reason;

	if (!x->auth)
		x->auth = arena_zalloc(&x->arena, sizeof(*x->auth));
	switch (x->auth ? auth_ask(x, settings, x->auth) : AUTH_FAILED) {
	case AUTH_WAITS:
		return FILTER_WAITS;
	case AUTH_FAILED:
		if (x->auth && x->auth->busy)
			return filter_deny(x, PROBLEM_SHED, "too many passwords are waiting",
					   "Retry-After: 1\r\n");
		return filter_deny(x, PROBLEM_NO_MEMORY, "out of memory", NULL);
	case AUTH_REFUSED:
		return auth_refuse(x);
	case AUTH_ABSENT: /* a bad credential does not make anybody anonymous */
		if (!settings->optional)
			return auth_refuse(x);
		return FILTER_PASS;
	case AUTH_PROVEN:
		break;
	}
	x->identity = x->auth->identity;
	reason = auth_address_reason(x, x->identity);
	if (reason)
		return filter_deny(x, PROBLEM_FORBIDDEN, reason, NULL);
	/* Requests that are made in the caller's name show it again: see inner_strip. */
	if (!x->route->rpc.method_count && auth_strip(x, settings) < 0)
		return filter_deny(x, PROBLEM_NO_MEMORY, "out of memory", NULL);
	return FILTER_PASS;
}
