/* consumers: open addressing by the key's hash, which nobody can choose. */
#include "gateway/consumers.h"
#include "common/arena.h"
#include "common/siphash.h"
#include "gateway/settings.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define CONSUMERS_ARENA_MAX ((size_t)4 << 30)

struct consumers_key {
	const struct settings_secret *secret; /* NULL: free */
	const struct identity *identity;
};

/* What a text is, so that a name is not taken for an id. */
enum consumers_what { CONSUMERS_ID, CONSUMERS_NAME, CONSUMERS_CERTIFICATE };

struct consumers_text {
	struct span text;
	enum consumers_what what;
	const struct identity *identity; /* NULL: free */
};

struct consumers {
	struct arena arena;
	struct consumers_key *keys;
	struct consumers_text *texts;
	const char *password;
	size_t mask; /* of both; their sizes are powers of two */
};

static size_t consumers_room(const struct settings_consumer *items, size_t count_items)
{
	size_t wanted = 16, count = 2 * count_items;

	for (size_t i = 0; i < count_items; i++)
		count += items[i].key_count + items[i].certificates.count;
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

static bool consumers_is(const struct consumers_text *entry, enum consumers_what what,
			 struct span text)
{
	return entry->what == what && entry->text.len == text.len &&
	       memcmp(entry->text.at, text.at, text.len) == 0;
}

/* The place of a text: its own, or the free one where it belongs. */
static struct consumers_text *consumers_place(const struct consumers *c, enum consumers_what what,
					      struct span text)
{
	size_t slot = (siphash_process(text.at, text.len) + what) & c->mask;

	while (c->texts[slot].identity && !consumers_is(&c->texts[slot], what, text))
		slot = (slot + 1) & c->mask;
	return &c->texts[slot];
}

static void consumers_add_text(struct consumers *c, enum consumers_what what, struct span text,
			       const struct identity *identity)
{
	*consumers_place(c, what, text) = (struct consumers_text){text, what, identity};
}

static int consumers_add(struct consumers *c, const struct settings_consumer *consumer)
{
	struct identity *identity = arena_zalloc(&c->arena, sizeof(*identity));

	if (!identity)
		return -1;
	identity->consumer = consumer;
	identity->id = (struct span){consumer->id, strlen(consumer->id)};
	identity->name = (struct span){consumer->name, strlen(consumer->name)};
	if (identity_write(identity, &c->arena) < 0)
		return -1;
	consumers_add_text(c, CONSUMERS_ID, identity->id, identity);
	consumers_add_text(c, CONSUMERS_NAME, identity->name, identity);
	for (size_t i = 0; i < consumer->certificates.count; i++) {
		const char *text = consumer->certificates.items[i];

		consumers_add_text(c, CONSUMERS_CERTIFICATE, (struct span){text, strlen(text)},
				   identity);
	}
	if (consumer->password)
		c->password = consumer->password;
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

struct consumers *consumers_new(const struct settings_consumer *items, size_t count)
{
	struct consumers *c = calloc(1, sizeof(*c));
	size_t room = consumers_room(items, count);

	if (!c)
		return NULL;
	arena_init(&c->arena, CONSUMERS_ARENA_MAX);
	c->mask = room - 1;
	c->keys = calloc(room, sizeof(*c->keys));
	c->texts = calloc(room, sizeof(*c->texts));
	for (size_t i = 0; i < count; i++)
		if (!c->keys || !c->texts || consumers_add(c, &items[i]) < 0) {
			consumers_free(&c);
			return NULL;
		}
	if (!c->keys || !c->texts)
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
	free(c->texts);
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
	return consumers_place(c, CONSUMERS_ID, id)->identity;
}

const struct identity *consumers_by_name(const struct consumers *c, struct span name)
{
	return consumers_place(c, CONSUMERS_NAME, name)->identity;
}

const struct identity *consumers_by_certificate(const struct consumers *c, struct span certificate)
{
	return consumers_place(c, CONSUMERS_CERTIFICATE, certificate)->identity;
}

const char *consumers_any_password(const struct consumers *c)
{
	return c->password;
}
