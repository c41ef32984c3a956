/*
 * cache_purges: what was purged last, for replies that were asked for before
 * it and come after it.
 */
#include "gateway/cache_item.h"

#include <string.h>
#include <strings.h>

/* See cache_key_make; the service's name ends in "\n" where more than that makes the key. */
bool cache_is_match(struct span key, const struct cache_match *match)
{
	const char *service_end = memchr(key.at, '\0', key.len), *host_end = NULL, *host;
	size_t len, path_len;

	if (!service_end)
		return false;
	host = service_end + 1;
	host_end = memchr(host, '\0', key.len - (size_t)(host - key.at));
	if (!host_end)
		return false;
	len = match->service ? strlen(match->service) : 0;
	if (match->service &&
	    ((size_t)(service_end - key.at) < len || memcmp(key.at, match->service, len) != 0 ||
	     (key.at + len != service_end && key.at[len] != '\n')))
		return false;
	len = match->host ? strlen(match->host) : 0;
	if (match->host &&
	    ((size_t)(host_end - host) != len || strncasecmp(host, match->host, len) != 0))
		return false;
	path_len = key.len - (size_t)(host_end + 1 - key.at);
	return path_len >= match->prefix.len &&
	       (!match->prefix.len ||
		memcmp(host_end + 1, match->prefix.at, match->prefix.len) == 0);
}

/* A text in the purge's own memory. NULL: it has no room, and counts for any. */
static const char *cache_purge_copy(struct cache_purge *purge, size_t *used, const char *text)
{
	size_t len = text ? strlen(text) + 1 : 0;
	char *to = purge->text + *used;

	if (!text || len > sizeof(purge->text) - *used)
		return NULL;
	memcpy(to, text, len);
	*used += len;
	return to;
}

void cache_purges_add(struct cache_purges *purges, uint64_t number, const struct cache_match *match)
{
	struct cache_purge *purge;
	size_t used = 0, len;

	pthread_mutex_lock(&purges->lock);
	purge = &purges->last[purges->next];
	purges->next = (purges->next + 1) % CACHE_PURGES_MAX;
	if (purge->number > purges->forgotten)
		purges->forgotten = purge->number;
	purge->number = number;
	purge->match.service = cache_purge_copy(purge, &used, match->service);
	purge->match.host = cache_purge_copy(purge, &used, match->host);
	len = sizeof(purge->text) - used;
	len = match->prefix.len < len ? match->prefix.len : len;
	if (len)
		memcpy(purge->text + used, match->prefix.at, len);
	purge->match.prefix = (struct span){.at = purge->text + used, .len = len};
	pthread_mutex_unlock(&purges->lock);
}

bool cache_purges_have(struct cache_purges *purges, struct span key, uint64_t since)
{
	bool found;

	pthread_mutex_lock(&purges->lock);
	found = purges->forgotten > since;
	for (size_t i = 0; i < CACHE_PURGES_MAX && !found; i++)
		found = purges->last[i].number > since &&
			cache_is_match(key, &purges->last[i].match);
	pthread_mutex_unlock(&purges->lock);
	return found;
}
