/* auth_jwt: finds the token in the request, verifies it, or remembers that it did. */
#include "common/clock.h"
#include "gateway/auth.h"
#include "gateway/guard.h"
#include "gateway/issuer.h"
#include "gateway/jws.h"
#include "gateway/query.h"
#include "gateway/token.h"
#include "gateway/worker.h"

#include <string.h>

/* ---- Where it stands ---- */

/* What comes after "Bearer "; false: it is another scheme's. */
static bool auth_jwt_bearer(struct span value, bool alone, struct span *token)
{
	if (value.len >= 7 && http_equal_nocase(value.at, 6, "Bearer", 6) && value.at[6] == ' ') {
		*token = (struct span){value.at + 7, value.len - 7};
		while (token->len && token->at[0] == ' ')
			*token = (struct span){token->at + 1, token->len - 1};
		return true;
	}
	*token = value;
	return alone;
}

static size_t auth_jwt_find_header(struct exchange *x, const struct settings_auth_method *method,
				   struct span *token)
{
	size_t len = strlen(method->header), count = 0;
	bool alone = !http_equal_nocase(method->header, len, "Authorization", 13);

	for (size_t i = 0; i < x->request.field_count; i++) {
		const struct http1_field *field = &x->request.fields[i];
		struct span found;

		if (!http_equal_nocase(field->name.at, field->name.len, method->header, len) ||
		    !auth_jwt_bearer(field->value, alone, &found))
			continue;
		*token = found;
		count++;
	}
	return count;
}

size_t auth_cookie_find(const struct exchange *x, const char *name, struct span *value)
{
	size_t len = strlen(name), count = 0;

	for (size_t i = 0; i < x->request.field_count; i++) {
		struct span rest = x->request.fields[i].value;

		if (x->request.fields[i].known != HTTP1_COOKIE)
			continue;
		while (rest.len) {
			const char *end = memchr(rest.at, ';', rest.len);
			size_t used = end ? (size_t)(end - rest.at) : rest.len;
			struct span pair = {rest.at, used};

			while (pair.len && pair.at[0] == ' ')
				pair = (struct span){pair.at + 1, pair.len - 1};
			if (pair.len > len && memcmp(pair.at, name, len) == 0 &&
			    pair.at[len] == '=') {
				*value = (struct span){pair.at + len + 1, pair.len - len - 1};
				count++;
			}
			used += end != NULL;
			rest = (struct span){rest.at + used, rest.len - used};
		}
	}
	return count;
}

static size_t auth_jwt_find(struct exchange *x, const struct settings_auth_method *method,
			    struct span *token)
{
	struct span rest = x->request.query, name, value;
	size_t count = auth_jwt_find_header(x, method, token);

	if (method->cookie)
		count += auth_cookie_find(x, method->cookie, token);
	while (method->query && query_next(&rest, &name, &value)) {
		if (!query_equal(name, method->query))
			continue;
		*token = value; /* base64url has nothing that is escaped */
		count++;
	}
	return count;
}

/* ---- Whether it counts ---- */

static void auth_jwt_on_cancel(struct exchange *x)
{
	guard_forget(x->worker->guard, x);
}

/* Unknown keys are asked for once, and the request waits for what comes of it. */
static enum auth_result auth_jwt_wait(struct exchange *x, struct issuer *issuer, struct auth *auth)
{
	if (!issuer_wants_news(issuer, auth->asked))
		return AUTH_REFUSED;
	auth->asked = true;
	x->unwait = auth_jwt_on_cancel;
	guard_remember(x->worker->guard, GUARD_ISSUER, x);
	return AUTH_WAITS;
}

/* A token that nobody has seen. */
static enum auth_result auth_jwt_verify(struct exchange *x, const struct settings_issuer *settings,
					const struct keyring *ring, struct span text,
					struct auth *auth)
{
	const char *iss = settings->issuer ? settings->issuer : ring->iss;
	const char *reason;
	struct token *token;
	struct jws jws;

	if (jws_read(&jws, &x->arena, text, &reason) < 0) {
		auth->reason = reason;
		return reason ? AUTH_REFUSED : AUTH_FAILED;
	}
	switch (jws_verify(&jws, ring->keys, settings->algorithms, &auth->reason)) {
	case JWS_UNKNOWN_KEY: /* so far; of another issuer's token nothing is asked */
		return token_may_be_of(&jws, iss) ? AUTH_ABSENT : AUTH_REFUSED;
	case JWS_BAD:
		return AUTH_REFUSED;
	case JWS_VERIFIED:
		break;
	}
	token = token_read(settings, iss, x->table, &jws, clock_wall_ms(), &reason);
	auth->reason = reason;
	if (!token)
		return reason ? AUTH_REFUSED : AUTH_FAILED;
	x->token = token;
	return AUTH_PROVEN;
}

static bool auth_jwt_is_revoked(const struct keyring *ring, const struct token *token)
{
	const struct claim *jti = claims_find(&token->claims, "jti", 3);

	return jti && keyring_has_revoked(ring, jti->text);
}

static enum auth_result auth_jwt_learn(struct exchange *x,
				       const struct settings_auth_method *method, struct span text,
				       const uint8_t *sha256, struct auth *auth)
{
	struct issuer *issuer = x->table->table->issuers[method->issuer];
	struct keyring *ring = issuer_keyring(issuer);
	enum auth_result result = AUTH_ABSENT;

	auth->reason = "the issuer's keys are not known yet";
	if (ring)
		result = auth_jwt_verify(x, &x->table->table->settings->issuers[method->issuer],
					 ring, text, auth);
	if (result == AUTH_ABSENT)
		result = auth_jwt_wait(x, issuer, auth);
	if (result == AUTH_PROVEN && auth_jwt_is_revoked(ring, x->token)) {
		auth->reason = "the token was revoked";
		token_unref(&x->token);
		result = AUTH_REFUSED;
	}
	if (result == AUTH_PROVEN) {
		memcpy(x->token->sha256, sha256, GUARD_SHA256);
		x->token->generation = ring->generation;
		x->token->table = x->table->serial;
		token_memory_put(guard_tokens(x->worker->guard), x->token);
	}
	keyring_unref(&ring);
	return result;
}

/* Makes room for the token of this method. Where all have to be shown, somebody is known by the one
 * before, and stays so until the request ends. */
static int auth_jwt_put_by(struct exchange *x, const struct auth *auth)
{
	struct token_held *held;

	if (!x->token || !auth->identity) {
		token_unref(&x->token);
		return 0;
	}
	held = arena_alloc(&x->arena, sizeof(*held));
	if (!held)
		return -1;
	*held = (struct token_held){x->token, x->held};
	x->held = held;
	x->token = NULL;
	return 0;
}

enum auth_result auth_jwt_try(struct exchange *x, const struct settings_auth_method *method,
			      struct auth *auth)
{
	const struct table *table = x->table->table;
	const struct settings_issuer *settings = &table->settings->issuers[method->issuer];
	enum auth_result result = AUTH_PROVEN;
	uint8_t sha256[GUARD_SHA256];
	struct token *token;
	struct span text;
	size_t count = auth_jwt_find(x, method, &text);

	if (!count)
		return AUTH_ABSENT;
	auth->bearer = true;
	auth->reason = "there are two tokens";
	if (count > 1)
		return AUTH_REFUSED;
	auth->reason = "the token is too long";
	if (text.len > JWS_BYTES_MAX)
		return AUTH_REFUSED;
	if (guard_sha256(x->worker->guard, text.at, text.len, sha256) < 0 ||
	    auth_jwt_put_by(x, auth) < 0)
		return AUTH_FAILED;
	token = token_memory_find(guard_tokens(x->worker->guard), sha256, settings,
				  issuer_generation(table->issuers[method->issuer]),
				  x->table->serial);
	if (token)
		x->token = token_ref(token);
	else
		result = auth_jwt_learn(x, method, text, sha256, auth);
	if (result != AUTH_PROVEN)
		return result;
	auth->reason = token_is_over(x->token, clock_wall_ms());
	if (auth->reason)
		return AUTH_REFUSED;
	auth->identity = &x->token->identity;
	return AUTH_PROVEN;
}

void auth_jwt_strip(struct exchange *x, const struct settings_auth_method *method)
{
	if (x->table->table->settings->issuers[method->issuer].strip)
		auth_key_strip(x, method);
}
