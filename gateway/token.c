/* token: the registered claims, checked; all claims, flattened. */
#include "gateway/token.h"
#include "common/buf.h"
#include "gateway/known.h"
#include "gateway/jws.h"
#include "gateway/settings.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOKEN_ARENA_MAX = 256 << 10,
	TOKEN_CLAIMS_MAX = 256,
	TOKEN_DEPTH_MAX = 6,
};

/* ---- Texts of values ---- */

/* False for what has no text: objects, lists, null. */
static bool token_scalar(struct buf *out, const json_t *value)
{
	char number[40];

	switch ((int)json_typeof(value)) {
	case JSON_STRING:
		(void)buf_append(out, json_string_value(value), json_string_length(value));
		return true;
	case JSON_INTEGER:
		(void)buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return true;
	case JSON_REAL: /* the shortest that is the same number */
		for (int digits = 15; digits <= 17; digits++) {
			(void)snprintf(number, sizeof(number), "%.*g", digits,
				       json_real_value(value));
			if (strtod(number, NULL) == json_real_value(value))
				break;
		}
		(void)buf_puts(out, number);
		return true;
	case JSON_TRUE:
		(void)buf_puts(out, "true");
		return true;
	case JSON_FALSE:
		(void)buf_puts(out, "false");
		return true;
	default:
		return false;
	}
}

static struct span token_keep(struct arena *arena, const struct buf *text)
{
	char *copy =
		text->failed ? NULL : arena_strndup(arena, text->len ? text->data : "", text->len);

	return (struct span){copy, text->len};
}

/* ---- Claims ---- */

struct token_claims {
	struct token *token;
	struct claim items[TOKEN_CLAIMS_MAX]; /* a token keeps as many as it has */
	size_t count;
	struct buf text, rest; /* of the claim at hand */
	bool failed;
};

static void token_add_claim(struct token_claims *c, const char *name)
{
	struct claim *claim = &c->items[c->count];

	claim->name =
		(struct span){arena_strndup(&c->token->arena, name, strlen(name)), strlen(name)};
	claim->text = token_keep(&c->token->arena, &c->text);
	claim->rest = token_keep(&c->token->arena, &c->rest);
	c->failed |= !claim->name.at || !claim->text.at || !claim->rest.at;
	c->count++;
}

static void token_add_value(struct token_claims *c, const char *name, const json_t *value)
{
	const json_t *item;
	size_t i;

	buf_reset(&c->text);
	buf_reset(&c->rest);
	if (!json_is_array(value)) {
		if (!token_scalar(&c->text, value))
			return;
		(void)buf_append(&c->rest, c->text.len ? c->text.data : "", c->text.len);
		(void)buf_putc(&c->rest, '\0');
		token_add_claim(c, name);
		return;
	}
	json_array_foreach(value, i, item)
	{
		size_t before = c->text.len;

		if (c->text.len)
			(void)buf_putc(&c->text, ' ');
		if (!token_scalar(&c->text, item)) {
			c->text.len = before;
			continue;
		}
		(void)token_scalar(&c->rest, item); /* as before */
		(void)buf_putc(&c->rest, '\0');
	}
	token_add_claim(c, name);
}

/* Members before the members of members: nobody hides a name behind a longer path. */
static void token_add_members(struct token_claims *c, const json_t *object, const char *prefix,
			      unsigned depth)
{
	json_t *members = (json_t *)(uintptr_t)object; /* jansson's loop takes no const */
	const char *key;
	json_t *value;
	char name[512];

	json_object_foreach(members, key, value)
	{
		if (c->count == TOKEN_CLAIMS_MAX)
			return;
		if ((size_t)snprintf(name, sizeof(name), "%s%s", prefix, key) < sizeof(name))
			token_add_value(c, name, value);
	}
	json_object_foreach(members, key, value)
	{
		if (!json_is_object(value) || depth == TOKEN_DEPTH_MAX)
			continue;
		if ((size_t)snprintf(name, sizeof(name), "%s%s.", prefix, key) < sizeof(name))
			token_add_members(c, value, name, depth + 1);
	}
}

static int token_flatten(struct token *token, const json_t *root)
{
	struct token_claims c = {.token = token};
	struct claim *items;

	buf_init(&c.text, JWS_BYTES_MAX);
	buf_init(&c.rest, 2 * JWS_BYTES_MAX);
	token_add_members(&c, root, "", 0);
	buf_fini(&c.text);
	buf_fini(&c.rest);
	items = arena_alloc(&token->arena, c.count * sizeof(*items) + 1);
	if (!items || c.failed)
		return -1;
	memcpy(items, c.items, c.count * sizeof(*items));
	token->claims = (struct claims){items, c.count};
	return 0;
}

/* ---- Checks ---- */

/* RFC 7519 2: NumericDate. False: it is there and no number. */
static bool token_date(const json_t *root, const char *name, double *date)
{
	const json_t *value = json_object_get(root, name);

	if (!value)
		return true;
	if (!json_is_number(value))
		return false;
	*date = json_number_value(value);
	return true;
}

static const char *token_check_dates(struct token *token, const struct settings_issuer *issuer,
				     const json_t *root, int64_t now_ms)
{
	double skew = issuer->skew_ms / 1000.0, now = (double)now_ms / 1000.0;
	double exp = HUGE_VAL, nbf = -HUGE_VAL, iat = -HUGE_VAL;

	if (!token_date(root, "exp", &exp) || !token_date(root, "nbf", &nbf) ||
	    !token_date(root, "iat", &iat))
		return "the token's exp, nbf or iat is no number";
	token->expires_s = exp + skew;
	token->starts_s = nbf - skew;
	if (iat - skew > now)
		return "the token's iat is in the future";
	return token_is_over(token, now_ms);
}

const char *token_is_over(const struct token *token, int64_t now_ms)
{
	double now = (double)now_ms / 1000.0;

	if (now >= token->expires_s)
		return "the token has expired";
	return now < token->starts_s ? "the token is not valid yet" : NULL;
}

static bool token_is_for(const struct settings_strings *audience, const json_t *aud)
{
	const json_t *item;
	size_t i;

	for (size_t k = 0; k < audience->count; k++) {
		if (json_is_string(aud) && strcmp(json_string_value(aud), audience->items[k]) == 0)
			return true;
		json_array_foreach(aud, i, item) if (json_is_string(item) &&
						     strcmp(json_string_value(item),
							    audience->items[k]) == 0) return true;
	}
	return false;
}

static bool token_is_type(const struct settings_strings *types, struct span type)
{
	static const char *const usual[] = {"JWT", "at+jwt"};
	const char *const *names = types->count ? types->items : usual;
	size_t count = types->count ? types->count : 2;

	if (!type.at)
		return !types->count;
	if (type.len > 12 && http_equal_nocase(type.at, 12, "application/", 12))
		type = (struct span){type.at + 12, type.len - 12}; /* RFC 7515 4.1.9 */
	for (size_t i = 0; i < count; i++)
		if (http_equal_nocase(type.at, type.len, names[i], strlen(names[i])))
			return true;
	return false;
}

static const char *token_check(struct token *token, const struct settings_issuer *issuer,
			       const char *iss, const json_t *root, int64_t now_ms)
{
	const json_t *claimed = json_object_get(root, "iss");
	static const char *const texts[] = {"iss", "sub", "jti"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (json_object_get(root, texts[i]) &&
		    !json_is_string(json_object_get(root, texts[i])))
			return "the token's iss, sub or jti is no text";
	if (iss && (!claimed || strcmp(json_string_value(claimed), iss) != 0))
		return "the token's iss is another's";
	if (issuer->audience.count &&
	    !token_is_for(&issuer->audience, json_object_get(root, "aud")))
		return "the token's aud is another's";
	for (size_t i = 0; i < issuer->require.count; i++)
		if (!json_object_get(root, issuer->require.items[i]))
			return "the token lacks a claim that is required";
	return token_check_dates(token, issuer, root, now_ms);
}

/* ---- Who it is ---- */

static struct span token_text(const struct token *token, const char *name)
{
	const struct claim *claim = name ? claims_find(&token->claims, name, strlen(name)) : NULL;

	return claim ? claim->text : (struct span){"", 0};
}

/* The first of them that the token has. */
static struct span token_first(const struct token *token, const char *const *names, size_t count)
{
	struct span text = {"", 0};

	for (size_t i = 0; i < count && !text.len; i++)
		text = token_text(token, names[i]);
	return text;
}

/* The fields of chosen claims, and the issuer. */
static const char *token_fields(struct token *token, const struct settings_issuer *issuer)
{
	struct buf out;
	char *copy;

	buf_init(&out, 64 << 10);
	(void)buf_printf(&out, "X-Auth-Issuer: %s\r\n", issuer->name);
	for (size_t i = 0; i < issuer->field_count; i++)
		identity_put(&out, issuer->fields[i].header,
			     token_text(token, issuer->fields[i].claim));
	copy = buf_str(&out) ? arena_strndup(&token->arena, out.data, out.len) : NULL;
	buf_fini(&out);
	return copy;
}

static int token_identify(struct token *token, const struct settings_issuer *issuer,
			  const struct worker_table *wt)
{
	static const char *const subjects[] = {"sub", "client_id", "azp"};
	static const char *const scopes[] = {"scope", "scp"};
	struct identity *identity = &token->identity;
	const struct identity *known = NULL;
	struct span id = token_text(token, issuer->consumer);
	const char *fields = token_fields(token, issuer);

	if (id.len)
		known = known_by_id(wt, id);
	if (known)
		*identity = *known;
	if (!known)
		identity->id = token_first(token, subjects, 3);
	if (!known)
		identity->name = identity->id;
	if (!known && issuer->display && token_text(token, issuer->display).len)
		identity->name = token_text(token, issuer->display);
	identity->method = "jwt";
	identity->claims = &token->claims;
	identity->scopes =
		issuer->scope ? token_text(token, issuer->scope) : token_first(token, scopes, 2);
	identity->issuer = issuer->name;
	if (!fields)
		return -1;
	identity->more = (struct span){fields, strlen(fields)};
	return identity_write(identity, &token->arena);
}

/* ---- The whole ---- */

struct token *token_read(const struct settings_issuer *issuer, const char *iss,
			 const struct worker_table *known, const struct jws *jws, int64_t now_ms,
			 const char **reason)
{
	struct token *token = calloc(1, sizeof(*token));
	json_t *root = json_loadb(jws->payload.at, jws->payload.len, JSON_REJECT_DUPLICATES, NULL);

	*reason = NULL;
	if (!token)
		goto fail;
	token->refs = 1;
	arena_init(&token->arena, TOKEN_ARENA_MAX);
	if (!token_is_type(&issuer->types, jws->type))
		*reason = "the token's typ is that of another kind of token";
	else if (!json_is_object(root))
		*reason = "the token's claims are no JSON object, or one is there twice";
	else
		*reason = token_check(token, issuer, iss, root, now_ms);
	if (*reason || token_flatten(token, root) < 0 || token_identify(token, issuer, known) < 0)
		goto fail;
	token->issuer = issuer;
	json_decref(root);
	return token;
fail:
	json_decref(root);
	token_unref(&token);
	return NULL;
}

bool token_may_be_of(const struct jws *jws, const char *iss)
{
	json_t *root = json_loadb(jws->payload.at, jws->payload.len, JSON_REJECT_DUPLICATES, NULL);
	const char *said = json_string_value(json_object_get(root, "iss"));
	bool may = !iss || (said && strcmp(said, iss) == 0);

	json_decref(root);
	return may;
}

struct token *token_ref(struct token *token)
{
	token->refs++;
	return token;
}

void token_unref(struct token **token)
{
	struct token *t = *token;

	*token = NULL;
	if (!t || --t->refs)
		return;
	arena_fini(&t->arena);
	free(t);
}
