/* resolver_cache: a uthash table, whose order of insertion decides who leaves first. */
#include "gateway/resolver_cache.h"

#include <stdlib.h>
#include <string.h>

void resolver_cache_fini(struct resolver_cache *cache)
{
	struct resolver_entry *entry, *next;

	HASH_ITER(hh, cache->entries, entry, next)
	{
		resolver_cache_drop(cache, entry);
	}
}

static bool resolver_cache_is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

int resolver_cache_key(const char *name, char key[RESOLVER_NAME_MAX + 1])
{
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > RESOLVER_NAME_MAX || name[0] == '.')
		return -1;
	for (size_t i = 0; i < len; i++) {
		key[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
		if (!resolver_cache_is_name_char(key[i]))
			return -1;
	}
	key[len] = '\0';
	return 0;
}

struct resolver_entry *resolver_cache_find(struct resolver_cache *cache, const char *key)
{
	struct resolver_entry *entry;

	HASH_FIND_STR(cache->entries, key, entry);
	return entry;
}

void resolver_cache_drop(struct resolver_cache *cache, struct resolver_entry *entry)
{
	HASH_DEL(cache->entries, entry);
	free(entry);
}

static bool resolver_cache_make_room(struct resolver_cache *cache)
{
	struct resolver_entry *entry, *next;

	if (HASH_COUNT(cache->entries) < RESOLVER_NAMES_MAX)
		return true;
	HASH_ITER(hh, cache->entries, entry, next)
	{
		if (!entry->busy) {
			resolver_cache_drop(cache, entry);
			return true;
		}
	}
	return false;
}

struct resolver_entry *resolver_cache_add(struct resolver_cache *cache, const char *key)
{
	struct resolver_entry *entry;

	if (!resolver_cache_make_room(cache))
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->status = RESOLVER_WAITING;
	memcpy(entry->name, key, strlen(key)); /* a key fits; the NUL is there */
	HASH_ADD_STR(cache->entries, name, entry);
	if (!entry->hh.tbl) { /* out of memory inside uthash */
		free(entry);
		return NULL;
	}
	return entry;
}

void resolver_cache_put(struct resolver_entry *entry, const struct resolver_address *addresses,
			size_t count, uint64_t ttl_ms, uint64_t now_ms)
{
	if (count > RESOLVER_ADDRESSES_MAX)
		count = RESOLVER_ADDRESSES_MAX;
	if (ttl_ms < RESOLVER_TTL_LEAST_MS)
		ttl_ms = RESOLVER_TTL_LEAST_MS;
	if (ttl_ms > RESOLVER_TTL_MOST_MS)
		ttl_ms = RESOLVER_TTL_MOST_MS;
	memcpy(entry->addresses, addresses, count * sizeof(*addresses));
	entry->count = count;
	entry->status = RESOLVER_OK;
	entry->reason = NULL;
	entry->fresh_until = now_ms + ttl_ms;
	entry->stale_until = entry->fresh_until + RESOLVER_STALE_MS;
}

void resolver_cache_put_failure(struct resolver_entry *entry, enum resolver_status status,
				const char *reason, uint64_t now_ms)
{
	if (status == RESOLVER_NOT_FOUND)
		entry->count = 0;
	entry->status = status;
	entry->reason = reason;
	entry->fresh_until = now_ms + RESOLVER_FAILURE_TTL_MS;
}

bool resolver_cache_is_fresh(const struct resolver_entry *entry, uint64_t now_ms)
{
	return entry->status != RESOLVER_WAITING && now_ms < entry->fresh_until;
}

void resolver_cache_answer(const struct resolver_entry *entry, uint64_t now_ms,
			   struct resolver_answer *answer)
{
	bool usable = entry->count > 0 && now_ms < entry->stale_until;

	*answer = (struct resolver_answer){.status = entry->status, .reason = entry->reason};
	if (entry->status == RESOLVER_WAITING || !usable)
		return;
	answer->stale = entry->status != RESOLVER_OK;
	answer->status = RESOLVER_OK;
	answer->addresses = entry->addresses;
	answer->count = entry->count;
}
