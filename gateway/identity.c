/* identity: what is known of somebody, and how services are told. */
#include "gateway/identity.h"
#include "common/arena.h"
#include "common/buf.h"
#include "gateway/settings.h"

#include <stdio.h>
#include <string.h>

/* ---- Claims ---- */

const struct claim *claims_find(const struct claims *claims, const char *name, size_t len)
{
	for (size_t i = 0; claims && i < claims->count; i++)
		if (claims->items[i].name.len == len &&
		    memcmp(claims->items[i].name.at, name, len) == 0)
			return &claims->items[i];
	return NULL;
}

bool claim_has(const struct claim *claim, struct span text)
{
	struct span rest = claim->rest;

	while (rest.len) {
		const char *end = memchr(rest.at, '\0', rest.len);
		size_t len = end ? (size_t)(end - rest.at) : rest.len;

		if (len == text.len && memcmp(rest.at, text.at, len) == 0)
			return true;
		len += end != NULL;
		rest.at += len;
		rest.len -= len;
	}
	return false;
}

/* ---- Scopes and groups ---- */

bool identity_lists(struct span rest, char between, struct span name)
{
	while (rest.len) {
		const char *end = memchr(rest.at, between, rest.len);
		size_t len = end ? (size_t)(end - rest.at) : rest.len;

		if (len == name.len && memcmp(rest.at, name.at, len) == 0)
			return true;
		len += end != NULL;
		rest = (struct span){rest.at + len, rest.len - len};
	}
	return false;
}

bool identity_is_of_group(const struct identity *identity, struct span name)
{
	const struct settings_strings *groups =
		identity && identity->consumer ? &identity->consumer->groups : NULL;

	for (size_t i = 0; groups && i < groups->count; i++)
		if (strlen(groups->items[i]) == name.len &&
		    memcmp(groups->items[i], name.at, name.len) == 0)
			return true;
	return identity && identity_lists(identity->groups, ',', name);
}

/* ---- What services are told ---- */

/* A client's own words (a token's subject, say) must not make a field of their own. */
void identity_put(struct buf *out, const char *name, struct span value)
{
	if (!value.len)
		return;
	(void)buf_printf(out, "%s: ", name); /* failure sticks, here and below */
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];

		if (c < ' ' || c > '~' || c == '%')
			(void)buf_printf(out, "%%%02X", c);
		else
			(void)buf_putc(out, value.at[i]);
	}
	(void)buf_puts(out, "\r\n");
}

/* Those of the settings, then those that a service has told. */
static void identity_put_groups(struct buf *out, const struct identity *identity)
{
	const struct settings_consumer *consumer = identity->consumer;
	size_t count = consumer ? consumer->groups.count : 0;

	for (size_t i = 0; i < count; i++)
		(void)buf_printf(out, "%s%s",
				 i ? "," : "X-Consumer-Groups: ", consumer->groups.items[i]);
	if (!count)
		identity_put(out, "X-Consumer-Groups", identity->groups);
	else if (identity->groups.len)
		(void)buf_printf(out, ",%.*s\r\n", (int)identity->groups.len, identity->groups.at);
	else
		(void)buf_puts(out, "\r\n");
}

int identity_write(struct identity *identity, struct arena *arena)
{
	struct buf out;
	char *copy;

	buf_init(&out, 64 << 10);
	identity_put(&out, "X-Consumer-Id", identity->id);
	identity_put(&out, "X-Consumer-Name", identity->name);
	identity_put_groups(&out, identity);
	identity_put(&out, "X-Auth-Scopes", identity->scopes);
	(void)buf_append(&out, identity->more.at, identity->more.len); /* sticks */
	copy = buf_str(&out) ? arena_strndup(arena, out.data, out.len) : NULL;
	identity->fields = (struct span){copy, copy ? out.len : 0};
	buf_fini(&out);
	return copy ? 0 : -1;
}

/* ---- What clients may not say ---- */

/* Programs behind CGI and its like see "-" and "_" as one. */
static bool identity_is(struct span name, const char *own, size_t len)
{
	if (name.len != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char a = name.at[i] == '_' ? '-' : name.at[i];
		char b = own[i] == '_' ? '-' : own[i];

		a = a >= 'A' && a <= 'Z' ? (char)(a | 0x20) : a;
		b = b >= 'A' && b <= 'Z' ? (char)(b | 0x20) : b;
		if (a != b)
			return false;
	}
	return true;
}

bool identity_name_is(struct span name, const char *own)
{
	return identity_is(name, own, strlen(own));
}

bool identity_is_field(struct span name)
{
	/* Nearly all fields of all requests leave here. */
	if (name.len < 13 || name.len > 17 || (name.at[0] | 0x20) != 'x')
		return false;
	return identity_is(name, "x-consumer-id", 13) || identity_is(name, "x-auth-scopes", 13) ||
	       identity_is(name, "x-auth-issuer", 13) || identity_is(name, "x-consumer-name", 15) ||
	       identity_is(name, "x-consumer-groups", 17);
}

static bool identity_is_override(struct span name)
{
	if (name.len < 13 || name.len > 22 || (name.at[0] | 0x20) != 'x')
		return false;
	return identity_is(name, "x-http-method", 13) ||
	       identity_is(name, "x-method-override", 17) ||
	       identity_is(name, "x-http-method-override", 22);
}

bool identity_clear(struct http1_head *request, const struct settings_strings *chosen)
{
	bool overrides = false;
	size_t kept = 0;

	for (size_t i = 0; i < request->field_count; i++) {
		struct span name = request->fields[i].name;
		bool ours = identity_is_field(name);

		for (size_t k = 0; k < chosen->count && !ours; k++)
			ours = identity_name_is(name, chosen->items[k]);
		if (ours)
			continue;
		overrides |= identity_is_override(name);
		if (kept != i)
			request->fields[kept] = request->fields[i];
		kept++;
	}
	request->field_count = kept;
	return overrides;
}
