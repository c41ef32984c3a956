/* consumers: open addressing by the key's hash, which nobody can choose. */
#include "gateway/consumers.h"
#include "common/arena.h"
#include "common/siphash.h"
#include "gateway/settings.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct consumers_key {
	const struct settings_secret *secret; /* NULL: free */
	const struct identity *identity;
};

struct consumers {
	struct arena arena;
	struct consumers_key *keys;
	const struct identity **ids;
	size_t mask; /* of both; their sizes are powers of two */
};

static size_t consumers_room(const struct settings *settings)
{
	size_t wanted = 16, count = settings->consumer_count;

	for (size_t i = 0; i < settings->consumer_count; i++)
		count += settings->consumers[i].key_count;
	while (wanted < 2 * count)
		wanted *= 2;
	return wanted;
}

static size_t consumers_slot(const struct consumers *c, const uint8_t sha256[32])
{
	size_t slot;

	memcpy(&slot, sha256, sizeof(slot));
	return slot & c->mask;
}

static void consumers_add_key(struct consumers *c, const struct settings_secret *secret,
			      const struct identity *identity)
{
	size_t slot = consumers_slot(c, secret->sha256);

	while (c->keys[slot].secret)
		slot = (slot + 1) & c->mask;
	c->keys[slot] = (struct consumers_key){secret, identity};
}

static void consumers_add_id(struct consumers *c, const struct identity *identity)
{
	size_t slot = siphash_process(identity->id.at, identity->id.len) & c->mask;

	while (c->ids[slot])
		slot = (slot + 1) & c->mask;
	c->ids[slot] = identity;
}

static int consumers_add(struct consumers *c, const struct settings_consumer *consumer)
{
	struct identity *identity = arena_zalloc(&c->arena, sizeof(*identity));

	if (!identity)
		return -1;
	identity->consumer = consumer;
	identity->id = (struct span){consumer->id, strlen(consumer->id)};
	identity->name = (struct span){consumer->name, strlen(consumer->name)};
	if (identity_write(identity, &c->arena, NULL) < 0)
		return -1;
	consumers_add_id(c, identity);
	for (size_t i = 0; i < consumer->key_count; i++) {
		struct identity *own = arena_alloc(&c->arena, sizeof(*own));

		if (!own)
			return -1;
		*own = *identity;
		own->method = "key";
		own->key = consumer->keys[i].sha256;
		consumers_add_key(c, &consumer->keys[i], own);
	}
	return 0;
}

struct consumers *consumers_new(const struct settings *settings)
{
	struct consumers *c = calloc(1, sizeof(*c));
	size_t room = consumers_room(settings);

	if (!c)
		return NULL;
	arena_init(&c->arena, (size_t)256 << 20);
	c->mask = room - 1;
	c->keys = calloc(room, sizeof(*c->keys));
	c->ids = calloc(room, sizeof(*c->ids));
	for (size_t i = 0; i < settings->consumer_count; i++)
		if (!c->keys || !c->ids || consumers_add(c, &settings->consumers[i]) < 0) {
			consumers_free(&c);
			return NULL;
		}
	if (!c->keys || !c->ids)
		consumers_free(&c);
	return c;
}

void consumers_free(struct consumers **consumers)
{
	struct consumers *c = *consumers;

	*consumers = NULL;
	if (!c)
		return;
	arena_fini(&c->arena);
	free(c->keys);
	free(c->ids);
	free(c);
}

const struct identity *consumers_by_key(const struct consumers *c, const uint8_t sha256[32],
					const struct settings_secret **secret)
{
	for (size_t slot = consumers_slot(c, sha256); c->keys[slot].secret;
	     slot = (slot + 1) & c->mask)
		if (CRYPTO_memcmp(c->keys[slot].secret->sha256, sha256, 32) == 0) {
			*secret = c->keys[slot].secret;
			return c->keys[slot].identity;
		}
	return NULL;
}

const struct identity *consumers_by_id(const struct consumers *c, struct span id)
{
	for (size_t slot = siphash_process(id.at, id.len) & c->mask; c->ids[slot];
	     slot = (slot + 1) & c->mask)
		if (c->ids[slot]->id.len == id.len &&
		    memcmp(c->ids[slot]->id.at, id.at, id.len) == 0)
			return c->ids[slot];
	return NULL;
}
