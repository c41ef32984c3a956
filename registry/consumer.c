/* consumer: copied into one block: the struct, then the arrays, then the text. */
#include "registry/consumer.h"
#include "common/bearer.h"
#include "common/cidr.h"
#include "common/http.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- Copies ---- */

/* Where a copy is written: first only counted, `at` NULL. */
struct consumer_copy {
	char *arrays, *text;
	size_t arrays_size, text_size;
};

static const char *consumer_copy_text(struct consumer_copy *c, const char *from)
{
	size_t size = from ? strlen(from) + 1 : 1;
	char *to = c->text;

	c->text_size += size;
	if (!to)
		return "";
	memcpy(to, from ? from : "", size);
	c->text += size;
	return to;
}

/* Room for `count` of that size, a multiple of a pointer's; NULL while it is only counted. */
static void *consumer_copy_array(struct consumer_copy *c, size_t count, size_t size)
{
	void *to = c->arrays;

	c->arrays_size += count * size;
	if (c->arrays)
		c->arrays += count * size;
	return to;
}

static void consumer_copy_strings(struct consumer_copy *c, struct rpc_strings *strings)
{
	const char **items = consumer_copy_array(c, strings->count, sizeof(*items));

	for (size_t i = 0; i < strings->count; i++) {
		const char *text = consumer_copy_text(c, strings->items[i]);

		if (items)
			items[i] = text;
	}
	if (items)
		strings->items = items;
}

static void consumer_copy_pairs(struct consumer_copy *c, struct rpc_pairs *pairs)
{
	struct instance_pair *items = consumer_copy_array(c, pairs->count, sizeof(*items));

	for (size_t i = 0; i < pairs->count; i++) {
		struct instance_pair pair = {consumer_copy_text(c, pairs->items[i].name),
					     consumer_copy_text(c, pairs->items[i].value)};

		if (items)
			items[i] = pair;
	}
	if (items)
		pairs->items = items;
}

static void consumer_copy_limits(struct consumer_copy *c, struct consumer *to)
{
	struct consumer_limit *limits = consumer_copy_array(c, to->limit_count, sizeof(*limits));

	for (size_t i = 0; i < to->limit_count; i++) {
		struct consumer_limit limit = to->limits[i];

		limit.name = consumer_copy_text(c, limit.name);
		limit.algorithm = consumer_copy_text(c, limit.algorithm);
		limit.by = consumer_copy_text(c, limit.by);
		limit.per = consumer_copy_text(c, limit.per);
		if (limits)
			limits[i] = limit;
	}
	if (limits)
		to->limits = limits;
}

static void consumer_copy_keys(struct consumer_copy *c, struct consumer *to)
{
	struct consumer_key *keys = consumer_copy_array(c, to->key_count, sizeof(*keys));

	for (size_t i = 0; i < to->key_count; i++) {
		struct consumer_key key = to->keys[i];

		key.id = consumer_copy_text(c, key.id);
		key.label = consumer_copy_text(c, key.label);
		if (keys)
			keys[i] = key;
	}
	if (keys)
		to->keys = keys;
}

/* Everything `to` points at; once to count, once to copy. */
static void consumer_copy_all(struct consumer_copy *c, struct consumer *to)
{
	const char *name = consumer_copy_text(c, to->name), *id = consumer_copy_text(c, to->id);
	const char *password = consumer_copy_text(c, to->password);

	consumer_copy_strings(c, &to->groups);
	consumer_copy_strings(c, &to->certificates);
	consumer_copy_strings(c, &to->allow);
	consumer_copy_strings(c, &to->deny);
	consumer_copy_pairs(c, &to->meta);
	consumer_copy_limits(c, to);
	consumer_copy_keys(c, to);
	if (!c->text)
		return;
	to->name = name;
	to->id = id;
	to->password = password;
}

struct consumer consumer_draft(const struct consumer *of)
{
	const size_t from = offsetof(struct consumer, revision);
	struct consumer draft = {0};

	/* Not the count before it, which others change meanwhile. */
	memcpy((char *)&draft + from, (const char *)of + from, sizeof(draft) - from);
	return draft;
}

struct consumer *consumer_new(const struct consumer *draft)
{
	struct consumer_copy c = {0};
	struct consumer *made, shallow = consumer_draft(draft);

	consumer_copy_all(&c, &shallow);
	made = malloc(sizeof(*made) + c.arrays_size + c.text_size);
	if (!made)
		return NULL;
	*made = shallow;
	atomic_init(&made->refs, 1);
	c.arrays = (char *)(made + 1);
	c.text = c.arrays + c.arrays_size;
	consumer_copy_all(&c, made);
	return made;
}

struct consumer *consumer_ref(const struct consumer *consumer)
{
	/* Counting is the one thing that changes in an immutable one. */
	struct consumer *c = (struct consumer *)(uintptr_t)consumer;

	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void consumer_unref(struct consumer **consumer)
{
	struct consumer *c = *consumer;

	*consumer = NULL;
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		free(c);
}

/* ---- Comparing ---- */

static bool consumer_strings_are_same(const struct rpc_strings *a, const struct rpc_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool consumer_pairs_are_same(const struct rpc_pairs *a, const struct rpc_pairs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
		    strcmp(a->items[i].value, b->items[i].value) != 0)
			return false;
	return true;
}

static bool consumer_limits_are_same(const struct consumer *a, const struct consumer *b)
{
	if (a->limit_count != b->limit_count)
		return false;
	for (size_t i = 0; i < a->limit_count; i++) {
		const struct consumer_limit *x = &a->limits[i], *y = &b->limits[i];

		if (strcmp(x->name, y->name) != 0 || strcmp(x->algorithm, y->algorithm) != 0 ||
		    strcmp(x->by, y->by) != 0 || x->rate != y->rate || x->per_ms != y->per_ms ||
		    x->burst != y->burst || x->concurrent != y->concurrent ||
		    x->quota != y->quota || strcmp(x->per, y->per) != 0)
			return false;
	}
	return true;
}

bool consumer_is_same(const struct consumer *a, const struct consumer *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->id, b->id) == 0 &&
	       strcmp(a->password, b->password) == 0 &&
	       consumer_strings_are_same(&a->groups, &b->groups) &&
	       consumer_strings_are_same(&a->certificates, &b->certificates) &&
	       consumer_strings_are_same(&a->allow, &b->allow) &&
	       consumer_strings_are_same(&a->deny, &b->deny) &&
	       consumer_pairs_are_same(&a->meta, &b->meta) && consumer_limits_are_same(a, b);
}

const struct consumer_key *consumer_find_key(const struct consumer *consumer, const char *id)
{
	for (size_t i = 0; i < consumer->key_count; i++)
		if (strcmp(consumer->keys[i].id, id) == 0)
			return &consumer->keys[i];
	return NULL;
}

/* ---- What may be in one ---- */

bool consumer_name_is_valid(const char *text)
{
	size_t len = strlen(text);

	return len && len <= CONSUMER_NAME_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			    "._:@/+-") == len;
}

bool consumer_certificate_is_valid(const char *text)
{
	unsigned char sha256[CONSUMER_HASH_SIZE];

	if (!instance_text_is_valid(text))
		return false;
	return consumer_parse_hash(text, sha256) || strncmp(text, "subject:", 8) == 0 ||
	       strncmp(text, "san:", 4) == 0;
}

bool consumer_password_is_valid(const char *text)
{
	static const char *const begins[] = {"$argon2id$", "$2a$", "$2b$", "$2y$", "$y$"};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncmp(text, begins[i], strlen(begins[i])) == 0)
			return instance_text_is_valid(text) && !strchr(text, ' ');
	return false;
}

bool consumer_network_is_valid(const char *text)
{
	struct cidr range;

	return cidr_parse(&range, text) == 0;
}

bool consumer_by_is_valid(const char *text)
{
	static const char *const names[] = {"address", "consumer", "key",
					    "route",   "service",  "all"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			return true;
	return strncmp(text, "header:", 7) == 0 && http_is_token(text + 7, strlen(text + 7));
}

bool consumer_per_is_valid(const char *text)
{
	return strcmp(text, "day") == 0 || strcmp(text, "month") == 0;
}

/* ---- Secrets ---- */

void consumer_print_hash(const unsigned char sha256[CONSUMER_HASH_SIZE],
			 char out[CONSUMER_HASH_TEXT_SIZE])
{
	bearer_print_hash(sha256, out);
}

bool consumer_parse_hash(const char *text, unsigned char sha256[CONSUMER_HASH_SIZE])
{
	_Static_assert((int)CONSUMER_HASH_SIZE == (int)BEARER_HASH_SIZE, "both are SHA-256");
	return bearer_parse_hash(text, sha256);
}

int consumer_make_key(const struct consumer *of, char secret[CONSUMER_SECRET_SIZE],
		      char id[CONSUMER_KEY_ID_SIZE], unsigned char sha256[CONSUMER_HASH_SIZE],
		      struct err *e)
{
	struct err why;
	unsigned number;

	_Static_assert((int)CONSUMER_SECRET_SIZE == (int)BEARER_KEY_SIZE, "it is made there");
	do {
		if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
			return err_code(e, RPC_FAULT_STORE, "the system has no randomness");
		(void)snprintf(id, CONSUMER_KEY_ID_SIZE, "k%08x", number); /* always fits */
	} while (consumer_find_key(of, id));
	if (bearer_make_key(secret, sha256, &why) < 0)
		return err_code(e, RPC_FAULT_STORE, "%s", why.text);
	return 0;
}
