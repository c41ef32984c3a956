/* settings_identity: how services can tell that what they are told comes from the gateway. */
#include "gateway/settings_parts.h"

#include "gateway/http1_head.h"
#include "gateway/signer.h"

#include <string.h>

#define HOUR_MS (3600 * UINT64_C(1000))

static void settings_read_sign_header(struct settings_reader *r, const struct settings_node *node,
				      void *to)
{
	const char *text = settings_table_text(r, node), *copy;

	if (!text || !settings_field_is_editable(r, node, text, false))
		return;
	if (http1_field_known(text, strlen(text)) != HTTP1_OTHER) {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" has a meaning of its own; write a name like "
				      "X-Identity-Signature",
				      text);
		return;
	}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static const struct settings_key settings_sign_keys[] = {
	{.name = "key_file",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_sign, key_file),
	 .required = true,
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "A private key of P-256 or Ed25519, PEM without a password (ES256, EdDSA), else a "
		 "secret of at least 32 bytes (HS256), which costs the least; read with the "
		 "settings"},
	{.name = "header",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_sign, header),
	 .custom = settings_read_sign_header,
	 .fallback = "X-Identity-Signature",
	 .form = "name of a field",
	 .help = "Field with the signature, which clients can't send"},
	{.name = "issuer",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_sign, issuer),
	 .fallback = "microreg",
	 .min = 1,
	 .max = 1024,
	 .form = "text",
	 .help = "Its `iss`; its `aud` is the name of the service that is asked"},
	{.name = "key_id",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_sign, key_id),
	 .fallback_shown = "none",
	 .min = 1,
	 .max = 128,
	 .form = "text",
	 .help = "Its `kid`, for when the key changes"},
	{.name = "ttl",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_sign, ttl_ms),
	 .fallback = "60s",
	 .min = 1000,
	 .max = HOUR_MS,
	 .help = "How long it is good"},
	{.name = "claims",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_sign, claims),
	 .max = 16,
	 .form = "list of names",
	 .fallback_shown = "none",
	 .help = "Which claims of the caller's token are in it, as `claims`; lists are joined by "
		 "spaces"},
};

/* The key is read here too, so that --check finds what is wrong with it. */
static void settings_sign_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	const struct settings_sign *sign = to;
	struct signer *signer;
	struct err e = {0};

	if (!map || !sign->key_file || !sign->issuer)
		return;
	signer = signer_new(sign, &e);
	if (!signer)
		settings_file_mistake(r->file, settings_node_get(map, "key_file"), "%s", e.text);
	signer_free(&signer);
}

static const struct settings_table settings_sign_table = {
	SETTINGS_KEYS(settings_sign_keys), sizeof(struct settings_sign), settings_sign_done};

static const struct settings_key settings_identity_keys[] = {
	{.name = "sign",
	 .type = SETTINGS_SUBMAP,
	 .at = 0, /* the table's struct is the one field of the settings */
	 .table = &settings_sign_table,
	 .fallback_shown = "nothing is signed",
	 .help = "Signs for services, per request, who asks and what is asked, as a JWS: `sub`, "
		 "`name`, `groups`, `scope`, `method`, `path`, `query`, `jti` (the request's id)"},
};

const struct settings_table settings_identity_table = {SETTINGS_KEYS(settings_identity_keys),
						       sizeof(struct settings_sign), NULL};
