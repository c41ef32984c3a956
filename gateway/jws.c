/* jws: three parts between dots, and a header that is read with suspicion. */
#include "gateway/jws.h"
#include "common/base64.h"

#include <jansson.h>
#include <string.h>

static const struct jws_known {
	const char *name;
	enum jws_family family;
	unsigned bits;
} jws_known[JWS_COUNT] = {
#define JWS_KNOWN(name, family, bits) {#name, JWS_##family, bits},
	JWS_ALGORITHMS(JWS_KNOWN)
#undef JWS_KNOWN
};

static const struct jws_known *jws_row(enum jws_algorithm algorithm)
{
	size_t i = 0;

	while (i + 1 < JWS_COUNT && (unsigned)algorithm != 1u << i)
		i++;
	return &jws_known[i];
}

enum jws_family jws_family(enum jws_algorithm algorithm)
{
	return jws_row(algorithm)->family;
}

unsigned jws_hash_bits(enum jws_algorithm algorithm)
{
	return jws_row(algorithm)->bits;
}

/* ---- The header ---- */

static int jws_read_algorithm(struct jws *jws, const json_t *header, const char **reason)
{
	const json_t *alg = json_object_get(header, "alg");
	const char *name = json_string_value(alg);

	*reason = "the token's alg is missing or no text";
	if (!name)
		return -1;
	for (size_t i = 0; i < JWS_COUNT; i++)
		if (strcmp(jws_known[i].name, name) == 0)
			jws->algorithm = (enum jws_algorithm)(1u << i);
	*reason = "the token's alg is unknown, or none";
	return jws->algorithm ? 0 : -1;
}

static int jws_copy(struct span *to, struct arena *arena, const json_t *text)
{
	const char *copy = arena_strndup(arena, json_string_value(text), json_string_length(text));

	*to = (struct span){copy, json_string_length(text)};
	return copy ? 0 : -1;
}

static int jws_read_header(struct jws *jws, struct arena *arena, const json_t *header,
			   const char **reason)
{
	const json_t *kid = json_object_get(header, "kid");
	const json_t *type = json_object_get(header, "typ");

	*reason = "the token's header is no object";
	if (!json_is_object(header))
		return -1;
	/* RFC 7515 4.1.11: what it lists must be understood; nothing of it is. */
	*reason = "the token's header has crit";
	if (json_object_get(header, "crit"))
		return -1;
	*reason = "the token's header has b64"; /* RFC 7797: which needs crit */
	if (json_object_get(header, "b64"))
		return -1;
	*reason = "the token is compressed or encrypted";
	if (json_object_get(header, "zip") || json_object_get(header, "enc"))
		return -1;
	*reason = "the token's kid or typ is no text";
	if ((kid && !json_is_string(kid)) || (type && !json_is_string(type)))
		return -1;
	if (jws_read_algorithm(jws, header, reason) < 0)
		return -1;
	*reason = NULL;
	if (kid && jws_copy(&jws->kid, arena, kid) < 0)
		return -1;
	return type ? jws_copy(&jws->type, arena, type) : 0;
}

/* ---- The parts ---- */

static uint8_t *jws_decode(struct arena *arena, struct span text, const char **reason)
{
	uint8_t *out = arena_alloc(arena, base64_size(text.len) + 1);

	if (!out)
		*reason = NULL;
	else if (base64url_decode(text, out))
		return out;
	return NULL;
}

int jws_read(struct jws *jws, struct arena *arena, struct span text, const char **reason)
{
	const char *first = text.len ? memchr(text.at, '.', text.len) : NULL;
	const char *second =
		first ? memchr(first + 1, '.', (size_t)(text.at + text.len - first - 1)) : NULL;
	struct span header, payload, signature;
	uint8_t *bytes;
	json_t *json;
	int result;

	*jws = (struct jws){0};
	*reason = "the token is too long";
	if (text.len > JWS_BYTES_MAX)
		return -1;
	*reason = "the token does not have three parts";
	if (!second || memchr(second + 1, '.', (size_t)(text.at + text.len - second - 1)))
		return -1;
	header = (struct span){text.at, (size_t)(first - text.at)};
	payload = (struct span){first + 1, (size_t)(second - first - 1)};
	signature = (struct span){second + 1, (size_t)(text.at + text.len - second - 1)};
	*reason = "the token's signature is missing";
	if (!signature.len)
		return -1;
	*reason = "the token is no base64url";
	bytes = jws_decode(arena, header, reason);
	jws->payload.at = bytes ? (const char *)jws_decode(arena, payload, reason) : NULL;
	jws->signature = jws->payload.at ? jws_decode(arena, signature, reason) : NULL;
	if (!jws->signature)
		return -1;
	jws->payload.len = base64_size(payload.len);
	jws->signature_len = base64_size(signature.len);
	jws->input = (struct span){text.at, (size_t)(second - text.at)};
	*reason = "the token's header is no JSON, or has a member twice";
	json = json_loadb((const char *)bytes, base64_size(header.len), JSON_REJECT_DUPLICATES,
			  NULL);
	if (!json)
		return -1;
	result = jws_read_header(jws, arena, json, reason);
	json_decref(json);
	return result;
}
