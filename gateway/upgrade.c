/* upgrade: Upgrade fields on both sides, and the handshake of RFC 6455. */
#include "gateway/upgrade.h"
#include "common/base64.h"

#include <openssl/evp.h>
#include <string.h>

enum {
	UPGRADE_KEY_LEN = 24, /* 16 bytes in base64 */
	UPGRADE_SHA1_LEN = 20,
};

/* The one field of that name; NULL when there is none, or more than one. */
static const struct http1_field *upgrade_single(const struct http1_head *head, const char *name)
{
	const struct http1_field *found = NULL;

	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];

		if (!http_equal_nocase(field->name.at, field->name.len, name, strlen(name)))
			continue;
		if (found)
			return NULL;
		found = field;
	}
	return found;
}

static bool upgrade_key_is_valid(struct span key)
{
	if (key.len != UPGRADE_KEY_LEN)
		return false;
	for (size_t i = 0; i < UPGRADE_KEY_LEN - 2; i++)
		if (!memchr(base64_digits, key.at[i], 64))
			return false;
	return key.at[UPGRADE_KEY_LEN - 2] == '=' && key.at[UPGRADE_KEY_LEN - 1] == '=';
}

/* RFC 6455 4.2.2: base64 of the SHA-1 of the key and a fixed text. -1: no memory. */
static int upgrade_accept(struct span key, char *accept)
{
	static const char text[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char hash[EVP_MAX_MD_SIZE];
	char both[UPGRADE_KEY_LEN + sizeof(text)];

	memcpy(both, key.at, UPGRADE_KEY_LEN);
	memcpy(both + UPGRADE_KEY_LEN, text, sizeof(text));
	if (!EVP_Digest(both, UPGRADE_KEY_LEN + sizeof(text) - 1, hash, NULL, EVP_sha1(), NULL))
		return -1;
	(void)EVP_EncodeBlock((unsigned char *)accept, hash, UPGRADE_SHA1_LEN); /* a fixed length */
	return 0;
}

static bool upgrade_takes_websocket(const struct http1_head *request, struct upgrade *upgrade)
{
	const struct http1_field *key = upgrade_single(request, "Sec-WebSocket-Key");

	return request->method == HTTP_GET && key && !key->hop &&
	       upgrade_key_is_valid(key->value) && upgrade_accept(key->value, upgrade->accept) == 0;
}

void upgrade_choose(const struct settings_strings *allowed, const struct http1_head *request,
		    struct upgrade *upgrade)
{
	*upgrade = (struct upgrade){0};
	if (!request->upgrade || request->framing == HTTP1_CHUNKED || request->content_length)
		return;
	for (size_t i = 0; i < allowed->count; i++) {
		const char *protocol = allowed->items[i];

		if (!http1_head_has_token(request, HTTP1_UPGRADE, protocol))
			continue;
		if (strcmp(protocol, "websocket") == 0 &&
		    !upgrade_takes_websocket(request, upgrade))
			continue;
		upgrade->protocol = protocol;
		return;
	}
}

bool upgrade_is_agreed(const struct upgrade *upgrade, const struct http1_head *reply)
{
	const struct http1_field *to = upgrade_single(reply, "Upgrade"), *accept;

	if (!upgrade->protocol || !reply->upgrade || !to ||
	    !http_equal_nocase(to->value.at, to->value.len, upgrade->protocol,
			       strlen(upgrade->protocol)))
		return false;
	if (!*upgrade->accept)
		return true;
	accept = upgrade_single(reply, "Sec-WebSocket-Accept");
	return accept && accept->value.len == UPGRADE_ACCEPT_SIZE - 1 &&
	       memcmp(accept->value.at, upgrade->accept, UPGRADE_ACCEPT_SIZE - 1) == 0;
}
