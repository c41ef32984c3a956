/* quota_key: what can be read as it is, else the hash of it. */
#include "gateway/quota_key.h"
#include "gateway/caller.h"
#include "gateway/exchange.h"
#include "gateway/guard.h"
#include "gateway/identity.h"
#include "gateway/settings.h"
#include "gateway/worker.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { QUOTA_KEY_PLAIN_MAX = 100, QUOTA_KEY_HASH = 16 };

static const char *quota_key_hex(struct exchange *x, const char *kind, const uint8_t *hash)
{
	char hex[2 * QUOTA_KEY_HASH + 1];

	for (size_t i = 0; i < QUOTA_KEY_HASH; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	return arena_printf(&x->arena, "%s:%s", kind, hex);
}

static const char *quota_key_hash(struct exchange *x, const char *kind, const char *text,
				  size_t len)
{
	uint8_t hash[GUARD_SHA256];

	if (guard_sha256(x->worker->guard, text, len, hash) < 0)
		return NULL;
	return quota_key_hex(x, kind, hash);
}

/* Printable and not too long, so that it can be sent and shown; else its hash. */
static const char *quota_key_text(struct exchange *x, const char *kind, const char *text,
				  size_t len)
{
	bool plain = len <= QUOTA_KEY_PLAIN_MAX;

	for (size_t i = 0; plain && i < len; i++)
		plain = text[i] > ' ' && text[i] < 0x7f;
	if (!plain)
		return quota_key_hash(x, kind, text, len);
	return arena_printf(&x->arena, "%s:%.*s", kind, (int)len, text);
}

static const char *quota_key_of_address(struct exchange *x)
{
	const uint8_t *bytes = caller_of(x)->bytes;
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t network[16] = {0};
	char text[INET6_ADDRSTRLEN];

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		if (!inet_ntop(AF_INET, bytes + 12, text, sizeof(text)))
			return NULL;
		return arena_printf(&x->arena, "address:%s", text);
	}
	/* An IPv6 network of /64 is one household. */
	memcpy(network, bytes, 8);
	if (!inet_ntop(AF_INET6, network, text, sizeof(text)))
		return NULL;
	return arena_printf(&x->arena, "address:%s/64", text);
}

static const char *quota_key_of_identity(struct exchange *x, const struct settings_limit *limit)
{
	const struct identity *identity = x->identity;
	const char *text;

	if (!identity || !identity->id.len)
		return quota_key_of_address(x);
	if (limit->by == LIMIT_BY_KEY && identity->key)
		return quota_key_hex(x, "key", identity->key);
	if (!identity->issuer || identity->consumer)
		return quota_key_text(x, "consumer", identity->id.at, identity->id.len);
	/* Two issuers may know the same subject. */
	text = arena_printf(&x->arena, "%s/%.*s", identity->issuer, (int)identity->id.len,
			    identity->id.at);
	return text ? quota_key_text(x, "subject", text, strlen(text)) : NULL;
}

const char *quota_key(struct exchange *x, const struct settings_limit *limit)
{
	const struct http1_field *field;
	const char *service = x->route->service_name, *pattern = x->route->pattern;

	switch (limit->by) {
	case LIMIT_BY_ADDRESS:
		break;
	case LIMIT_BY_CONSUMER:
	case LIMIT_BY_KEY:
		return quota_key_of_identity(x, limit);
	case LIMIT_BY_HEADER: /* it may be a secret */
		field = http1_head_find_text(&x->request, limit->header);
		if (field && field->value.len)
			return quota_key_hash(x, "header", field->value.at, field->value.len);
		break;
	case LIMIT_BY_SERVICE:
		if (service)
			return quota_key_text(x, "service", service, strlen(service));
		return quota_key_text(x, "route", pattern, strlen(pattern));
	case LIMIT_BY_ROUTE:
		return quota_key_text(x, "route", pattern, strlen(pattern));
	case LIMIT_BY_ALL:
		return "all";
	}
	return quota_key_of_address(x);
}
