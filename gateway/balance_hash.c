/*
 * balance_hash: consistent hashing by Maglev's table (Eisenbud et al., 2016).
 *
 * Every endpoint has a permutation of all places, from its id alone. They take
 * turns in choosing the next free place of theirs, the heavier ones more often.
 * A key's place is its hash modulo the table's length. When an endpoint leaves,
 * nearly all places but its own are chosen as before.
 *
 * Hashes are without a secret, and the order of the turns is that of the ids, so
 * that all workers and all gateways come to the same table.
 */
#include "common/siphash.h"
#include "gateway/balance.h"

#include <stdlib.h>
#include <string.h>

enum {
	BALANCE_TABLE = 65537, /* a prime: every step but 0 visits all places */
	BALANCE_FREE = UINT16_MAX,
};

static const uint8_t balance_hash_key[16] = "microreg-balanc";

/* An endpoint that chooses. */
struct balance_chooser {
	uint64_t hash;
	uint32_t at, step;
	uint32_t weight;
	uint32_t credit; /* its weights of the rounds so far, less the heaviest per place taken */
	uint16_t index;
};

static int balance_order_choosers(const void *a, const void *b)
{
	const struct balance_chooser *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static void balance_choosers(const struct endpoint_set *set, struct balance_chooser *choosers)
{
	for (size_t i = 0; i < set->pick_count; i++) {
		const struct endpoint *ep = set->items[set->picks[i]];
		uint64_t hash = siphash(balance_hash_key, ep->id, strlen(ep->id));

		choosers[i] = (struct balance_chooser){
			.hash = hash,
			.at = (uint32_t)((hash >> 32) % BALANCE_TABLE),
			.step = (uint32_t)((uint32_t)hash % (BALANCE_TABLE - 1)) + 1,
			.weight = ep->weight,
			.index = set->picks[i]};
	}
	qsort(choosers, set->pick_count, sizeof(*choosers), balance_order_choosers);
}

/* The next free place of its permutation. */
static void balance_choose(struct balance_chooser *c, uint16_t *table)
{
	while (table[c->at] != BALANCE_FREE)
		c->at = (c->at + c->step) % BALANCE_TABLE;
	table[c->at] = c->index;
}

static void balance_fill(struct balance_chooser *choosers, size_t count, uint16_t *table)
{
	uint32_t heaviest = 0;
	size_t left = BALANCE_TABLE;

	for (size_t i = 0; i < count; i++)
		if (choosers[i].weight > heaviest)
			heaviest = choosers[i].weight;
	while (left) {
		for (size_t i = 0; i < count && left; i++) {
			choosers[i].credit += choosers[i].weight;
			if (choosers[i].credit < heaviest)
				continue;
			choosers[i].credit -= heaviest;
			balance_choose(&choosers[i], table);
			left--;
		}
	}
}

int balance_hash_build(struct endpoint_set *set)
{
	struct balance_chooser *choosers = calloc(set->pick_count + 1, sizeof(*choosers));
	uint16_t *table = malloc(BALANCE_TABLE * sizeof(*table));

	if (!choosers || !table) {
		free(choosers);
		free(table);
		return -1;
	}
	for (size_t i = 0; i < BALANCE_TABLE; i++)
		table[i] = BALANCE_FREE;
	balance_choosers(set, choosers);
	if (set->pick_count)
		balance_fill(choosers, set->pick_count, table);
	free(choosers);
	free(set->schedule);
	set->schedule = table;
	set->schedule_len = set->pick_count ? BALANCE_TABLE : 0;
	return 0;
}

/* ---- The key of a request ---- */

bool balance_cookie(const struct http1_head *head, const char *name, struct span *value)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];
		const char *at = field->value.at, *end = at + field->value.len;

		if (field->known != HTTP1_COOKIE)
			continue;
		while (at < end) {
			const char *stop = memchr(at, ';', (size_t)(end - at));
			size_t size;

			stop = stop ? stop : end;
			while (at < stop && *at == ' ')
				at++;
			size = (size_t)(stop - at);
			if (size > len && at[len] == '=' && memcmp(at, name, len) == 0) {
				*value = (struct span){at + len + 1, size - len - 1};
				return true;
			}
			at = stop + 1;
		}
	}
	return false;
}

bool balance_key(const struct settings_balance *by, const struct http1_head *head, struct span path,
		 struct span client, uint64_t *key)
{
	const struct http1_field *field = NULL;
	struct span text = {0};

	switch (by->by) {
	case HASH_BY_CLIENT:
		text = client;
		break;
	case HASH_BY_PATH:
		text = path;
		break;
	case HASH_BY_HEADER:
		field = http1_head_find_text(head, by->name);
		text = field ? field->value : text;
		break;
	case HASH_BY_COOKIE:
		if (!balance_cookie(head, by->name, &text))
			return false;
		break;
	}
	if (!text.len)
		return false;
	*key = siphash(balance_hash_key, text.at, text.len);
	return true;
}
