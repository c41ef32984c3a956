/*
 * fuzz_token: any bytes as a token, as a set of keys, and as the claims of a
 * token whose signature was verified: nothing crashes, none that is refused
 * leaves anything behind, and what is told to services are whole lines.
 */
#include "gateway/consumers.h"
#include "gateway/jws.h"
#include "gateway/settings.h"
#include "gateway/token.h"
#include "gateway/worker.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char keys_text[] =
	"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":"
	"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
	"\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
	"\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void check_fields(struct span fields)
{
	size_t lines = 0;

	FUZZ_HOLDS(fields.len >= 2 && memcmp(fields.at + fields.len - 2, "\r\n", 2) == 0);
	for (size_t i = 0; i < fields.len; i++) {
		unsigned char c = (unsigned char)fields.at[i];

		if (c == '\r') {
			FUZZ_HOLDS(i + 1 < fields.len && fields.at[i + 1] == '\n');
			i++;
			lines++;
			continue;
		}
		FUZZ_HOLDS(c >= ' ' && c <= '~');
	}
	FUZZ_HOLDS(lines >= 1 && lines <= 6); /* id, name, scopes, issuer, two claims */
}

static void check_claims(const struct settings_issuer *issuer, struct consumers *consumers,
			 const uint8_t *data, size_t len)
{
	struct jws jws = {.algorithm = JWS_EdDSA, .payload = {(const char *)data, len}};
	const char *reason = "";
	struct table table = {.consumers = consumers};
	const struct worker_table known = {.table = &table};
	struct token *token = token_read(issuer, NULL, &known, &jws, 1000, &reason);

	if (!token) {
		FUZZ_HOLDS(reason == NULL || *reason);
		return;
	}
	check_fields(token->identity.fields);
	FUZZ_HOLDS(token_is_over(token, 1000) == NULL);
	token_unref(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct settings_claim_field fields[] = {{"X-Email", "email"}, {"X-R", "r.s"}};
	static const struct settings_issuer issuer = {
		.name = "i", .fields = fields, .field_count = 2, .consumer = "sub"};
	struct consumers *consumers = consumers_new(NULL, 0);
	struct err e = {0};
	struct jwk_set *keys = jwk_set_read(keys_text, strlen(keys_text), &e), *own;
	struct arena arena;
	const char *reason = "";
	struct jws jws;

	FUZZ_HOLDS(keys && consumers);
	arena_init(&arena, 1 << 20);
	if (jws_read(&jws, &arena, (struct span){(const char *)data, len}, &reason) == 0) {
		FUZZ_HOLDS(len <= JWS_BYTES_MAX && jws.algorithm);
		(void)jws_verify(&jws, keys, ~0u, &reason);
	} else {
		FUZZ_HOLDS(reason && *reason);
	}
	if (len <= JWS_BYTES_MAX)
		check_claims(&issuer, consumers, data, len);
	own = jwk_set_read((const char *)data, len, &e);
	FUZZ_HOLDS(own || *e.text);
	jwk_set_unref(&own);
	jwk_set_unref(&keys);
	consumers_free(&consumers);
	arena_fini(&arena);
	return 0;
}
