/* auth_key: API keys. A key is 256 random bits, so its plain hash can be kept and looked up. */
#include "common/clock.h"
#include "gateway/auth.h"
#include "gateway/guard.h"
#include "gateway/key_memory.h"
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

/* Whose it is. FAILED: out of memory. */
static enum auth_result auth_key_owner(struct exchange *x, struct span key, struct key_owner *owner,
				       struct auth *auth)
{
	struct key_memory *memory = guard_keys(x->worker->guard);
	struct key_tag tag = key_memory_tag(memory, key);
	const struct key_owner *known = key_memory_find(memory, &tag, x->table->serial);
	uint8_t sha256[GUARD_SHA256];

	if (known) {
		*owner = *known;
		return AUTH_PROVEN;
	}
	if (guard_sha256(x->worker->guard, key.at, key.len, sha256) < 0)
		return AUTH_FAILED;
	owner->identity = known_by_key(x->table, sha256, &owner->secret);
	if (!owner->identity) {
		auth->early = !known_is_complete(x->table);
		return AUTH_REFUSED;
	}
	key_memory_put(memory, &tag, x->table->serial, owner);
	return AUTH_PROVEN;
}

enum auth_result auth_key_try(struct exchange *x, const struct settings_auth_method *method,
			      struct auth *auth)
{
	struct key_owner owner;
	enum auth_result result;
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
	result = auth_key_owner(x, key, &owner, auth);
	if (result != AUTH_PROVEN)
		return result;
	auth->reason = "the key has expired";
	if (owner.secret->expires_ms && clock_wall_ms() >= owner.secret->expires_ms)
		return AUTH_REFUSED;
	auth->identity = owner.identity;
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
