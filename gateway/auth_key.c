/* auth_key: API keys. A key is 256 random bits, so its plain hash can be kept and looked up. */
#include "common/clock.h"
#include "gateway/auth.h"
#include "gateway/guard.h"
#include "gateway/known.h"
#include "gateway/query.h"
#include "gateway/worker.h"

#include <string.h>

enum { AUTH_KEY_MAX = 1024 }; /* no key of ours is longer; what is need not be hashed */

/* How many there are; `key` is the last. */
static size_t auth_key_find(struct exchange *x, const struct settings_auth_method *method,
			    struct span *key)
{
	size_t len = strlen(method->header), count = 0;
	struct span rest = x->request.query, name, value;

	for (size_t i = 0; i < x->request.field_count; i++) {
		const struct http1_field *field = &x->request.fields[i];

		if (!http_equal_nocase(field->name.at, field->name.len, method->header, len))
			continue;
		*key = field->value;
		count++;
	}
	while (method->query && query_next(&rest, &name, &value)) {
		if (!query_equal(name, method->query))
			continue;
		*key = value; /* keys have no character that is escaped */
		count++;
	}
	return count;
}

enum auth_result auth_key_try(struct exchange *x, const struct settings_auth_method *method,
			      struct auth *auth)
{
	const struct settings_secret *secret = NULL;
	const struct identity *identity;
	uint8_t sha256[GUARD_SHA256];
	struct span key;
	size_t count = auth_key_find(x, method, &key);

	if (!count)
		return AUTH_ABSENT;
	auth->reason = "there are two keys";
	if (count > 1)
		return AUTH_REFUSED;
	auth->reason = "the key is unknown";
	if (key.len > AUTH_KEY_MAX)
		return AUTH_REFUSED;
	if (guard_sha256(x->worker->guard, key.at, key.len, sha256) < 0)
		return AUTH_FAILED;
	identity = known_by_key(x->table, sha256, &secret);
	if (!identity)
		return AUTH_REFUSED;
	auth->reason = "the key has expired";
	if (secret->expires_ms && clock_wall_ms() >= secret->expires_ms)
		return AUTH_REFUSED;
	auth->identity = identity;
	return AUTH_PROVEN;
}

void auth_key_strip(struct exchange *x, const struct settings_auth_method *method)
{
	size_t len = strlen(method->header);

	for (size_t i = 0; i < x->request.field_count; i++) {
		struct http1_field *field = &x->request.fields[i];

		if (http_equal_nocase(field->name.at, field->name.len, method->header, len))
			field->hop = true; /* for this hop only */
	}
}
