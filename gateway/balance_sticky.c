/* balance_sticky: a sorted list of hashes beside the set. */
#include "gateway/balance_sticky.h"
#include "common/siphash.h"
#include "gateway/balance.h"

#include <stdlib.h>
#include <string.h>

/* One place of the list. */
struct endpoint_name {
	uint64_t value;
	uint32_t index; /* into the set's items */
};

static uint64_t balance_sticky_half(const uint8_t with[16], const char *secret, const char *service)
{
	uint8_t key[16];
	uint64_t half = siphash(with, secret, strlen(secret));

	memcpy(key, with, sizeof(key));
	memcpy(key, &half, sizeof(half));
	return siphash(key, service, strlen(service)); /* two services share no names */
}

void balance_sticky_key(const struct settings_sticky *sticky, const char *service, uint8_t key[16])
{
	static const uint8_t low[16] = "microreg-sticky", high[16] = "microreg-stick2";
	const char *secret = sticky->key ? sticky->key : "";
	uint64_t halves[] = {balance_sticky_half(low, secret, service),
			     balance_sticky_half(high, secret, service)};

	memcpy(key, halves, sizeof(halves));
}

uint64_t balance_sticky_value(const struct endpoint_set *set, const struct endpoint *ep)
{
	return siphash(set->sticky_key, ep->id, strlen(ep->id));
}

static int balance_sticky_order(const void *a, const void *b)
{
	const struct endpoint_name *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

int balance_sticky_build(struct endpoint_set *set)
{
	set->names = NULL;
	if (!set->sticky || !set->count)
		return 0;
	set->names = calloc(set->count, sizeof(*set->names));
	if (!set->names)
		return -1;
	for (size_t i = 0; i < set->count; i++)
		set->names[i] = (struct endpoint_name){balance_sticky_value(set, set->items[i]),
						       (uint32_t)i};
	qsort(set->names, set->count, sizeof(*set->names), balance_sticky_order);
	return 0;
}

struct endpoint *balance_sticky_find(const struct endpoint_set *set, uint64_t value)
{
	const struct endpoint_name key = {.value = value}, *found;
	struct endpoint *ep;

	if (!set->names)
		return NULL;
	found = bsearch(&key, set->names, set->count, sizeof(*set->names), balance_sticky_order);
	ep = found ? set->items[found->index] : NULL;
	return ep && ep->up && !ep->ejected_until_ms ? ep : NULL;
}

static bool balance_sticky_parse(struct span text, uint64_t *value)
{
	*value = 0;
	if (text.len != BALANCE_STICKY_SIZE - 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

bool balance_sticky_read(const struct settings_sticky *sticky, const struct http1_head *head,
			 uint64_t *value)
{
	struct span text;

	return balance_cookie(head, sticky->cookie, &text) && balance_sticky_parse(text, value);
}
