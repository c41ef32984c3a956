/* settings_issuers: whose tokens are believed, and what of them counts. */
#include "gateway/settings_parts.h"

#include "common/suggest.h"
#include "common/url.h"
#include "gateway/http1_head.h"
#include "gateway/identity.h"
#include "gateway/issuer.h"
#include "gateway/jws.h"

#include <string.h>

enum { SETTINGS_CLAIM_FIELDS_MAX = 16 };

#define MINUTE_MS (60 * UINT64_C(1000))

static const struct settings_name settings_algorithms[] = {
#define SETTINGS_ALGORITHM(name, family, bits) {#name, JWS_##name},
	JWS_ALGORITHMS(SETTINGS_ALGORITHM)
#undef SETTINGS_ALGORITHM
		{NULL, 0},
};

static void settings_read_https(struct settings_reader *r, const struct settings_node *node,
				void *to)
{
	const char *text = settings_table_text(r, node), *copy;
	struct err e = {0};
	struct url url;

	if (!text)
		return;
	if (url_parse(&url, text, &e) < 0) {
		settings_file_mistake(r->file, node, "%s", e.text);
		return;
	}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static void settings_read_claim_fields(struct settings_reader *r, const struct settings_node *node,
				       void *to)
{
	struct settings_issuer *issuer = to;
	struct settings_claim_field *fields;

	if (node->kind != SETTINGS_MAP || node->count > SETTINGS_CLAIM_FIELDS_MAX) {
		settings_file_mistake(r->file, node,
				      "this is no map of at most %d fields; write {X-User-Email: "
				      "email}",
				      SETTINGS_CLAIM_FIELDS_MAX);
		return;
	}
	fields = settings_table_alloc(r, node->count, sizeof(*fields));
	issuer->fields = fields;
	for (const struct settings_node *m = node->first; fields && m; m = m->next) {
		const char *claim = settings_table_text(r, m);
		size_t len = strlen(m->key);
		enum http1_name known = http1_field_known(m->key, len);

		if (!http_is_token(m->key, len) || known != HTTP1_OTHER ||
		    identity_is_field((struct span){m->key, len}))
			settings_file_mistake(r->file, m,
					      "\"%.60s\" can't be a field for a claim; write a "
					      "name of your own, like X-User-Email",
					      m->key);
		else if (claim)
			fields[issuer->field_count++] = (struct settings_claim_field){
				settings_table_copy(r, m->key), settings_table_copy(r, claim)};
	}
}

static const struct settings_key settings_issuer_keys[] = {
	{.name = "issuer",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_issuer, issuer),
	 .min = 1,
	 .max = 1024,
	 .form = "text, like `https://id.example.org`",
	 .fallback_shown = "what `discovery` says, else any",
	 .help = "What a token's `iss` has to be"},
	{.name = "audience",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_issuer, audience),
	 .max = 32,
	 .fallback_shown = "any",
	 .help = "Names of this gateway: a token's `aud` has to have one of them"},
	{.name = "jwks_file",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_issuer, jwks_file),
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "Its keys, a JWK set (RFC 7517); read again when it changes"},
	{.name = "jwks_url",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_issuer, jwks_url),
	 .custom = settings_read_https,
	 .form = "URL",
	 .help = "Where the set is fetched; the last good one is kept while that fails"},
	{.name = "discovery",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_issuer, discovery),
	 .custom = settings_read_https,
	 .form = "URL of the issuer, or of its openid-configuration",
	 .help = "Where the address of the set is asked (OpenID Connect Discovery)"},
	{.name = "refresh",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_issuer, refresh_ms),
	 .fallback = "10m",
	 .min = 1000,
	 .max = 24 * 60 * MINUTE_MS,
	 .help = "How long a fetched set is good; an unknown `kid` fetches it anew, once in 10 s "
		 "at most"},
	{.name = "algorithms",
	 .type = SETTINGS_FLAGS,
	 .at = offsetof(struct settings_issuer, algorithms),
	 .names = settings_algorithms,
	 .fallback_shown = "all but HS256, HS384 and HS512, as the key allows",
	 .help = "How its tokens may be signed"},
	{.name = "skew",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_issuer, skew_ms),
	 .fallback = "60s",
	 .max = 10 * MINUTE_MS,
	 .help = "How far its clock may be off, for `exp`, `nbf` and `iat`"},
	{.name = "types",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_issuer, types),
	 .max = 8,
	 .fallback_shown = "`JWT`, `at+jwt`, or none",
	 .help = "What a token's `typ` has to be, one of them"},
	{.name = "require",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_issuer, require),
	 .max = 16,
	 .fallback_shown = "`exp`",
	 .help = "Claims that a token has to have; `[]` lets tokens in that never expire"},
	{.name = "scope",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_issuer, scope),
	 .min = 1,
	 .max = 128,
	 .form = "name of a claim",
	 .fallback_shown = "`scope`, else `scp`",
	 .help = "Claim with the scopes; services are told them as X-Auth-Scopes"},
	{.name = "consumer",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_issuer, consumer),
	 .min = 1,
	 .max = 128,
	 .form = "name of a claim",
	 .fallback_shown = "none",
	 .help = "Claim that is the id of one of the `consumers`, whose groups and limits then "
		 "count"},
	{.name = "name",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_issuer, display),
	 .min = 1,
	 .max = 128,
	 .form = "name of a claim",
	 .fallback_shown = "the subject",
	 .help = "Claim that services are told as X-Consumer-Name"},
	{.name = "headers",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_claim_fields,
	 .form = "map of `FIELD: claim`",
	 .help = "More claims that services are told, each in a field, which clients can't send"},
	{.name = "revoked_file",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_issuer, revoked_file),
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "File with the `jti` of tokens that count no more, one a line; read again when "
		 "it changes"},
	{.name = "strip",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_issuer, strip),
	 .fallback = "false",
	 .help = "Whether services do not get the header field with the token"},
};

/* The files are read here too, so that --check finds what is wrong with them. */
static void settings_check_issuer_files(struct settings_reader *r, const struct settings_node *map,
					const struct settings_issuer *issuer)
{
	struct err e = {0};

	if (issuer_check(issuer, &e) < 0)
		settings_file_mistake(r->file, map, "%s", e.text);
}

static void settings_issuer_done(struct settings_reader *r, const struct settings_node *map,
				 void *to)
{
	static const char *const expires[] = {"exp"};
	struct settings_issuer *issuer = to;
	unsigned sources = (unsigned)(issuer->jwks_file != NULL) + (issuer->jwks_url != NULL) +
			   (issuer->discovery != NULL);

	if (!map)
		return;
	issuer->name = settings_table_copy(r, map->key);
	issuer->line = map->line;
	if (!settings_node_get(map, "require"))
		issuer->require = (struct settings_strings){expires, 1};
	if (!issuer->algorithms)
		issuer->algorithms = JWS_ASYMMETRIC;
	if (sources != 1)
		settings_file_mistake(r->file, map,
				      sources ? "there are two ways to its keys; keep one of "
						"jwks_file, jwks_url and discovery"
					      : "there is no way to its keys; write jwks_file, "
						"jwks_url or discovery");
	else
		settings_check_issuer_files(r, map, issuer);
}

const struct settings_table settings_issuer_table = {
	SETTINGS_KEYS(settings_issuer_keys), sizeof(struct settings_issuer), settings_issuer_done};

/* ---- What the routes mean ---- */

static void settings_find_issuer(struct settings_reader *r, const struct settings *s,
				 struct settings_auth_method *method,
				 const struct settings_node *at)
{
	struct suggest near = {.name = method->issuer_name};

	for (size_t i = 0; i < s->issuer_count; i++) {
		if (s->issuers[i].name && strcmp(s->issuers[i].name, method->issuer_name) == 0) {
			method->issuer = i;
			return;
		}
		if (s->issuers[i].name)
			suggest_offer(&near, s->issuers[i].name);
	}
	if (near.best)
		settings_file_mistake(r->file, at,
				      "no issuer \"%s\" is listed; did you mean \"%s\"?",
				      method->issuer_name, near.best);
	else
		settings_file_mistake(r->file, at,
				      "no issuer \"%s\" is listed; list it under issuers",
				      method->issuer_name);
}

/* The fields that answers to questions about callers bring for services: no client may send them.
 * Credentials it has to; where they are replaced, auth_forward does that. NULL: only how many. */
static size_t settings_forward_names(const struct settings_auth *auth, const char **names)
{
	size_t n = 0;

	for (size_t i = 0; i < auth->count; i++) {
		const struct settings_forward *forward = auth->methods[i].forward;

		for (size_t k = 0; forward && k < forward->request_headers.count; k++) {
			const char *name = forward->request_headers.items[k];
			enum http1_name known = http1_field_known(name, strlen(name));

			if (known == HTTP1_AUTHORIZATION || known == HTTP1_COOKIE)
				continue;
			if (names)
				names[n] = name;
			n++;
		}
	}
	return n;
}

static void settings_gather_fields(struct settings_reader *r, struct settings *s)
{
	size_t room = 1, n = 0;
	const char **names;

	for (size_t i = 0; i < s->issuer_count; i++)
		room += s->issuers[i].field_count;
	for (size_t i = 0; i < s->route_count; i++)
		room += settings_forward_names(&s->routes[i].policy.auth, NULL);
	names = settings_table_alloc(r, room, sizeof(*names));
	for (size_t i = 0; names && i < s->issuer_count; i++)
		for (size_t k = 0; k < s->issuers[i].field_count; k++)
			names[n++] = s->issuers[i].fields[k].header;
	for (size_t i = 0; names && i < s->route_count; i++)
		n += settings_forward_names(&s->routes[i].policy.auth, names + n);
	if (names && s->sign.key_file && s->sign.header)
		names[n++] = s->sign.header;
	s->identity_names = (struct settings_strings){names, n};
}

void settings_check_issuers(struct settings_reader *r, struct settings *s,
			    const struct settings_route *routes)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;

	for (size_t i = 0; i < s->route_count && at; i++, at = at->next) {
		const struct settings_auth *auth = &routes[i].policy.auth;
		struct settings_auth_method *methods =
			(struct settings_auth_method *)(uintptr_t)auth->methods;

		for (size_t k = 0; k < auth->count; k++)
			if (methods[k].kind == AUTH_JWT && methods[k].issuer_name)
				settings_find_issuer(r, s, &methods[k],
						     settings_node_get(at, "auth"));
	}
	settings_gather_fields(r, s);
}
