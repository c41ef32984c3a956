/* settings_consumers: who may call, and the hashes of their secrets. */
#include "gateway/settings_parts.h"

#include "common/clock.h"
#include "common/siphash.h"
#include "gateway/hasher.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#include <uthash.h>

enum {
	SETTINGS_KEYS_MAX = 64, /* of one consumer */
	SETTINGS_GROUPS_MAX = 64,
	SETTINGS_CALLER_NAME_MAX = 128,
};

/* ---- Names ---- */

bool settings_name_is_plain(const char *text)
{
	size_t len = strlen(text);

	return len && len <= SETTINGS_CALLER_NAME_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			    "._:@/+-") == len;
}

static bool settings_check_name(struct settings_reader *r, const struct settings_node *node,
				const char *text)
{
	if (settings_name_is_plain(text))
		return true;
	settings_file_mistake(r->file, node,
			      "\"%.60s\" can't be a name here; write 1 to %d letters, digits and "
			      ". _ : @ / + -",
			      text, SETTINGS_CALLER_NAME_MAX);
	return false;
}

static void settings_read_name(struct settings_reader *r, const struct settings_node *node,
			       void *to)
{
	const char *text = settings_table_text(r, node), *copy;

	if (!text || !settings_check_name(r, node, text))
		return;
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static void settings_read_groups(struct settings_reader *r, const struct settings_node *node,
				 void *to)
{
	struct settings_strings *groups = to;
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;

	settings_table_strings(r, node, groups);
	for (; item; item = item == node ? NULL : item->next)
		if (item->kind == SETTINGS_SCALAR && !item->null)
			(void)settings_check_name(r, item, item->text); /* which notes it */
	if (groups->count > SETTINGS_GROUPS_MAX)
		settings_file_mistake(r->file, node,
				      "there are %zu of them; at most %d are allowed",
				      groups->count, SETTINGS_GROUPS_MAX);
}

/* ---- Secrets ---- */

static int settings_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The text is not told: it may be the secret itself. */
static void settings_read_hash(struct settings_reader *r, const struct settings_node *node,
			       void *to)
{
	const char *text = settings_table_text(r, node);
	uint8_t *hash = to;

	if (!text)
		return;
	if (strncmp(text, "sha256:", 7) == 0 && strlen(text + 7) == 64 &&
	    strspn(text + 7, "0123456789abcdef") == 64) {
		for (size_t i = 0; i < 32; i++)
			hash[i] = (uint8_t)(settings_hex(text[7 + 2 * i]) * 16 +
					    settings_hex(text[8 + 2 * i]));
		return;
	}
	settings_file_mistake(r->file, node,
			      "this is no hash of a key; write sha256: and 64 hex digits, as "
			      "microreg-gateway --new-key NAME prints them");
}

static void settings_read_time(struct settings_reader *r, const struct settings_node *node,
			       void *to)
{
	const char *text = settings_table_text(r, node), *end;
	struct tm tm = {0};
	int64_t ms;

	if (!text)
		return;
	end = strptime(text, "%Y-%m-%d", &tm);
	if (end && *end == 'T')
		end = strptime(end, "T%H:%M:%SZ", &tm);
	if (!end || *end) {
		settings_file_mistake(r->file, node,
				      "\"%.60s\" is no time; write one like 2027-01-31 or "
				      "2027-01-31T12:00:00Z",
				      text);
		return;
	}
	ms = (int64_t)timegm(&tm) * 1000;
	memcpy(to, &ms, sizeof(ms));
}

static const struct settings_key settings_secret_keys[] = {
	{.name = "hash",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_secret, sha256),
	 .required = true,
	 .custom = settings_read_hash,
	 .form = "`sha256:` and 64 hex digits",
	 .help = "Hash of the key, as `--new-key` prints it; alone it may stand for the map"},
	{.name = "expires",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_secret, expires_ms),
	 .custom = settings_read_time,
	 .form = "time, like `2027-01-31` or `2027-01-31T12:00:00Z`",
	 .fallback_shown = "never",
	 .help = "From when on it is worth nothing"},
};

static const struct settings_table settings_secret_table = {SETTINGS_KEYS(settings_secret_keys),
							    sizeof(struct settings_secret), NULL};

static void settings_read_keys(struct settings_reader *r, const struct settings_node *node,
			       void *to)
{
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;
	size_t count = node->kind == SETTINGS_LIST ? node->count : 1;
	struct settings_consumer *consumer = to;
	struct settings_secret *keys;

	if (count > SETTINGS_KEYS_MAX) {
		settings_file_mistake(r->file, node, "there are %zu keys; at most %d are allowed",
				      count, SETTINGS_KEYS_MAX);
		return;
	}
	keys = settings_table_alloc(r, count, sizeof(*keys));
	if (!keys)
		return;
	consumer->keys = keys;
	for (; item; item = item == node ? NULL : item->next, keys++) {
		if (item->kind == SETTINGS_MAP)
			settings_table_read(r, &settings_secret_table, item, keys);
		else
			settings_read_hash(r, item, keys->sha256);
		consumer->key_count++;
	}
}

/* The text is not told here either. */
static void settings_read_password(struct settings_reader *r, const struct settings_node *node,
				   void *to)
{
	const char *text = settings_table_text(r, node), *copy;

	if (!text)
		return;
	if (!hasher_knows(text)) {
		settings_file_mistake(r->file, node,
				      "this is no hash of a password; write one that begins with "
				      "$argon2id$, $2b$ or $y$, as microreg-gateway "
				      "--hash-password prints it");
		return;
	}
	copy = settings_table_copy(r, text);
	memcpy(to, &copy, sizeof(copy));
}

static void settings_read_certificates(struct settings_reader *r, const struct settings_node *node,
				       void *to)
{
	struct settings_strings *certificates = to;
	const struct settings_node *item = node->kind == SETTINGS_LIST ? node->first : node;

	settings_table_strings(r, node, certificates);
	for (; item; item = item == node ? NULL : item->next) {
		const char *text = item->kind == SETTINGS_SCALAR ? item->text : "sha256:";
		bool print = strncmp(text, "sha256:", 7) == 0;

		if (print && item->kind == SETTINGS_SCALAR &&
		    (strlen(text + 7) != 64 || strspn(text + 7, "0123456789abcdef") != 64))
			settings_file_mistake(r->file, item,
					      "\"%.80s\" is no fingerprint; write sha256: and 64 "
					      "hex digits, without colons",
					      text);
		else if (!print && strncmp(text, "subject:", 8) != 0 &&
			 strncmp(text, "san:", 4) != 0)
			settings_file_mistake(r->file, item,
					      "\"%.80s\" names no certificate; write sha256:…, "
					      "subject:CN=… or san:NAME",
					      text);
	}
}

/* ---- One consumer ---- */

static const struct settings_key settings_consumer_keys[] = {
	{.name = "name",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_consumer, name),
	 .required = true,
	 .custom = settings_read_name,
	 .form = "text",
	 .help = "Its name; services are told it as X-Consumer-Name"},
	{.name = "id",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_consumer, id),
	 .custom = settings_read_name,
	 .form = "text",
	 .fallback_shown = "the name",
	 .help = "What stays when the name changes; services are told it as X-Consumer-Id"},
	{.name = "groups",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_consumer, groups),
	 .custom = settings_read_groups,
	 .form = "list of texts",
	 .help = "Groups it is in; services are told them as X-Consumer-Groups"},
	{.name = "keys",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_keys,
	 .table = &settings_secret_table,
	 .listed = true,
	 .form = "list of hashes, or of maps with `hash` and `expires`",
	 .help = "Its API keys; several, so that one can be exchanged for another"},
	{.name = "password",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_consumer, password),
	 .custom = settings_read_password,
	 .form = "hash: argon2id, bcrypt or yescrypt",
	 .help = "Hash of its password, for `auth: basic` with its name; as `--hash-password` "
		 "prints it"},
	{.name = "certificates",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_consumer, certificates),
	 .custom = settings_read_certificates,
	 .form = "list of `sha256:FINGERPRINT`, `subject:CN=…,O=…` or `san:NAME`",
	 .help = "Certificates that are its own, for `auth: certificate`"},
	{.name = "ip",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings_consumer, ip),
	 .table = &settings_ip_table,
	 .help = "From which addresses it may call"},
	{.name = "rate_limit",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_consumer, limits),
	 .custom = settings_read_consumer_limits,
	 .table = &settings_limit_table,
	 .listed = true,
	 .form = "map, or list of maps",
	 .help = "How often it may call, all routes together that ask who it is"},
};

static void settings_consumer_done(struct settings_reader *r, const struct settings_node *map,
				   void *to)
{
	struct settings_consumer *consumer = to;

	(void)r;
	consumer->line = map ? map->line : 0;
	if (!consumer->id)
		consumer->id = consumer->name;
}

const struct settings_table settings_consumer_table = {SETTINGS_KEYS(settings_consumer_keys),
						       sizeof(struct settings_consumer),
						       settings_consumer_done};

/* ---- All of them ---- */

/* What two may not share. */
struct settings_taken {
	const void *key;
	const struct settings_consumer *by;
	UT_hash_handle hh;
};

/* Who has it already; NULL after noting whose it is now. */
static const struct settings_consumer *settings_take(struct settings_reader *r,
						     struct settings_taken **taken, const void *key,
						     size_t len, const struct settings_consumer *by)
{
	struct settings_taken *t = NULL;

	HASH_FIND(hh, *taken, key, len, t);
	if (t)
		return t->by;
	t = arena_zalloc(&r->file->arena, sizeof(*t));
	if (!t) {
		r->file->no_memory = true;
		return NULL;
	}
	t->key = key;
	t->by = by;
	HASH_ADD_KEYPTR(hh, *taken, t->key, len, t);
	return NULL;
}

static void settings_check_consumer(struct settings_reader *r, const struct settings_consumer *c,
				    struct settings_taken *taken[3], const struct settings_node *at)
{
	const struct settings_consumer *other = NULL;

	if (!c->name || !c->id)
		return;
	other = settings_take(r, &taken[0], c->name, strlen(c->name), c);
	if (other)
		settings_file_mistake(r->file, at,
				      "the name \"%s\" is that of line %u; choose "
				      "another",
				      c->name, other->line);
	else if ((other = settings_take(r, &taken[1], c->id, strlen(c->id), c)) != NULL)
		settings_file_mistake(r->file, at,
				      "the id \"%s\" is that of line %u; choose another", c->id,
				      other->line);
	for (size_t i = 0; i < c->key_count; i++) {
		other = settings_take(r, &taken[2], c->keys[i].sha256, 32, c);
		if (other)
			settings_file_mistake(r->file, at,
					      "keys[%zu] is a key of line %u, too; remove one, or "
					      "make a new one with --new-key",
					      i, other->line);
	}
}

void settings_check_consumers(struct settings_reader *r, const struct settings *s)
{
	const struct settings_node *list = settings_node_get(r->file->root, "consumers");
	const struct settings_node *at = list ? list->first : NULL;
	struct settings_taken *taken[3] = {NULL, NULL, NULL};

	if (settings_file_has_mistakes(r->file)) /* a hash with a mistake is all zero */
		return;
	for (size_t i = 0; i < s->consumer_count && at; i++, at = at->next)
		settings_check_consumer(r, &s->consumers[i], taken, at);
	for (size_t i = 0; i < 3; i++)
		HASH_CLEAR(hh, taken[i]);
}
