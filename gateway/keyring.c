/* keyring: made by an issuer's thread, looked into by workers. */
#include "gateway/keyring.h"
#include "gateway/jws.h"
#include "gateway/revoked.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct keyring_held {
	struct keyring ring; /* first: what others see of it */
	atomic_uint refs;
	struct revoked *revoked;
	char *iss;
};

static struct keyring_held *keyring_held(const struct keyring *ring)
{
	return (struct keyring_held *)(uintptr_t)ring;
}

struct keyring *keyring_new(struct jwk_set *keys, struct revoked *revoked, const char *iss,
			    uint64_t generation)
{
	struct keyring_held *held = calloc(1, sizeof(*held));

	if (held && iss)
		held->iss = strdup(iss);
	if (!held || (iss && !held->iss)) {
		free(held);
		return NULL;
	}
	atomic_init(&held->refs, 1);
	held->revoked = revoked ? revoked_ref(revoked) : NULL;
	held->ring = (struct keyring){jwk_set_ref(keys), held->iss, generation};
	return &held->ring;
}

struct keyring *keyring_ref(struct keyring *ring)
{
	(void)atomic_fetch_add_explicit(&keyring_held(ring)->refs, 1, memory_order_relaxed);
	return ring;
}

void keyring_unref(struct keyring **ring)
{
	struct keyring_held *held = keyring_held(*ring);

	*ring = NULL;
	if (!held || atomic_fetch_sub_explicit(&held->refs, 1, memory_order_acq_rel) != 1)
		return;
	jwk_set_unref(&held->ring.keys);
	revoked_unref(&held->revoked);
	free(held->iss);
	free(held);
}

bool keyring_has_revoked(const struct keyring *ring, struct span jti)
{
	const struct keyring_held *held = keyring_held(ring);

	return held->revoked && revoked_has(held->revoked, jti);
}
