/* consumer_catalog: the truth in memory of who may call: what is planned, applied, listed, and
 * told. */
#include "common/rpc.h"
#include "registry/consumer_catalog.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct consumer_catalog *c;
static uint64_t revision;

static void start(void)
{
	revision = 0;
	c = consumer_catalog_new(
		&(struct consumer_catalog_limits){.consumers_max = 600, .tombstones_max = 4}, 0);
	ck_assert_ptr_nonnull(c);
}

static void stop(void)
{
	consumer_catalog_free(&c);
}

static struct consumer *make(const char *name, const char *id, const char *group)
{
	const char *groups[] = {group};
	struct consumer draft = {.name = name, .id = id, .password = ""};
	struct consumer *made;

	draft.groups = (struct rpc_strings){groups, group ? 1 : 0};
	made = consumer_new(&draft);
	ck_assert_ptr_nonnull(made);
	return made;
}

/* The fault's code, or 0. */
static int put(const char *name, const char *id)
{
	struct consumer *consumer = make(name, id, NULL);
	struct consumer_catalog_change change = {0};
	struct err e = {0};

	if (consumer_catalog_plan_put(c, consumer, &change, &e) < 0) {
		ck_assert(e.text[0]);
		consumer_unref(&consumer);
		return e.code;
	}
	change.revision = consumer->revision = ++revision;
	consumer_catalog_apply(c, &change, 1, revision);
	return 0;
}

static void remove_one(const char *name)
{
	struct consumer *old = consumer_catalog_find(c, name);
	struct consumer_catalog_change change = {0};

	ck_assert_ptr_nonnull(old);
	consumer_catalog_plan_delete(old, &change);
	consumer_unref(&old);
	change.revision = ++revision;
	consumer_catalog_apply(c, &change, 1, revision);
}

static bool is_there(const char *name)
{
	struct consumer *found = consumer_catalog_find(c, name);
	bool there = found != NULL;

	consumer_unref(&found);
	return there;
}

START_TEST(a_copy_holds_all_that_its_draft_did)
{
	const char *const texts[] = {"one", "two"};
	const struct instance_pair meta[] = {{"k", "v"}};
	const struct consumer_limit limits[] = {
		{.name = "default", .algorithm = "bucket", .by = "key", .quota = 5, .per = "day"}};
	const struct consumer_key keys[] = {
		{.id = "k1", .label = "laptop", .sha256 = {1, 2}, .expires_wall_ms = 7}};
	struct consumer draft = {.name = "ada",
				 .id = "7",
				 .password = "$2b$x",
				 .groups = {texts, 2},
				 .certificates = {texts, 1},
				 .allow = {texts, 2},
				 .deny = {texts + 1, 1},
				 .meta = {meta, 1},
				 .limits = limits,
				 .limit_count = 1,
				 .keys = keys,
				 .key_count = 1,
				 .created_wall_ms = 9};
	struct consumer *copy = consumer_new(&draft);

	ck_assert_ptr_nonnull(copy);
	ck_assert(consumer_is_same(copy, &draft));
	ck_assert_ptr_ne(copy->name, draft.name);
	ck_assert_str_eq(copy->keys[0].label, "laptop");
	ck_assert_int_eq(copy->keys[0].sha256[1], 2);
	ck_assert_int_eq(copy->keys[0].expires_wall_ms, 7);
	ck_assert_int_eq(copy->created_wall_ms, 9);
	draft.deny.count = 0;
	ck_assert(!consumer_is_same(copy, &draft));
	consumer_unref(&copy);
}
END_TEST

START_TEST(new_keys_are_random_and_their_hash_is_of_their_text)
{
	struct consumer *of = make("ada", "ada", NULL);
	char secret[CONSUMER_SECRET_SIZE], other[CONSUMER_SECRET_SIZE];
	char id[CONSUMER_KEY_ID_SIZE], text[CONSUMER_HASH_TEXT_SIZE];
	unsigned char sha256[CONSUMER_HASH_SIZE], again[CONSUMER_HASH_SIZE];
	struct err e = {0};

	ck_assert_int_eq(consumer_make_key(of, secret, id, sha256, &e), 0);
	ck_assert_uint_eq(strlen(secret), 47);
	ck_assert_int_eq(strncmp(secret, "mrk_", 4), 0);
	ck_assert_uint_eq(strspn(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-_"),
			  47);
	consumer_print_hash(sha256, text);
	ck_assert(consumer_parse_hash(text, again));
	ck_assert_mem_eq(sha256, again, sizeof(again));
	ck_assert_int_eq(consumer_make_key(of, other, id, again, &e), 0);
	ck_assert_str_ne(secret, other);
	ck_assert_mem_ne(sha256, again, sizeof(again));
	consumer_unref(&of);
}
END_TEST

START_TEST(an_id_is_one_consumers_until_that_one_lets_go)
{
	ck_assert_int_eq(put("ada", "1"), 0);
	ck_assert_int_eq(put("bob", "1"), RPC_FAULT_FENCED);
	ck_assert(!is_there("bob"));
	ck_assert_int_eq(put("ada", "2"), 0);
	ck_assert_int_eq(put("bob", "1"), 0);
	remove_one("ada");
	ck_assert_int_eq(put("eve", "2"), 0);
	ck_assert_uint_eq(consumer_catalog_count(c), 2);
}
END_TEST

START_TEST(what_is_cancelled_leaves_no_trace)
{
	struct consumer *consumer = make("ada", "1", NULL);
	struct consumer_catalog_change change = {0};
	struct err e = {0};

	ck_assert_int_eq(consumer_catalog_plan_put(c, consumer, &change, &e), 0);
	ck_assert(!is_there("ada"));
	consumer_catalog_cancel(c, &change);
	ck_assert_uint_eq(consumer_catalog_count(c), 0);
	ck_assert_int_eq(put("bob", "1"), 0); /* the id is free again */
	ck_assert_int_eq(put("ada", "ada"), 0);
	consumer = make("ada", "3", "staff"); /* a change of one that is there */
	ck_assert_int_eq(consumer_catalog_plan_put(c, consumer, &change, &e), 0);
	consumer_catalog_cancel(c, &change);
	consumer = consumer_catalog_find(c, "ada");
	ck_assert_str_eq(consumer->id, "ada");
	consumer_unref(&consumer);
	ck_assert_int_eq(put("eve", "3"), 0);
}
END_TEST

START_TEST(there_are_no_more_than_the_limit_says)
{
	char name[16];

	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "c%d", i);
		ck_assert_int_eq(put(name, name), 0);
	}
	ck_assert_int_eq(put("more", "more"), RPC_FAULT_TOO_MANY);
	ck_assert_int_eq(put("c7", "seven"), 0); /* one that is there may change */
	remove_one("c8");
	ck_assert_int_eq(put("more", "more"), 0);
}
END_TEST

START_TEST(they_are_listed_by_name_in_pages)
{
	static const char *const names[] = {"eve", "ada", "adam", "bob", "adele"};
	struct consumer *page[3];

	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(put(names[i], names[i]), 0);
	remove_one("bob");
	ck_assert_int_eq(consumer_catalog_list(c, "", "", page, 3), 3);
	ck_assert_str_eq(page[0]->name, "ada");
	ck_assert_str_eq(page[1]->name, "adam");
	ck_assert_str_eq(page[2]->name, "adele");
	for (size_t i = 0; i < 3; i++)
		consumer_unref(&page[i]);
	ck_assert_int_eq(consumer_catalog_list(c, "", "adele", page, 3), 1);
	ck_assert_str_eq(page[0]->name, "eve");
	consumer_unref(&page[0]);
	ck_assert_int_eq(consumer_catalog_list(c, "ad", "ada", page, 1), 1);
	ck_assert_str_eq(page[0]->name, "adam");
	consumer_unref(&page[0]);
	ck_assert_int_eq(consumer_catalog_list(c, "x", "", page, 3), 0);
}
END_TEST

/* Follows from `at` in pages of two until nothing more is told; returns what was told, in order,
 * "-NAME" for a deleted one. */
static const char *follow(struct catalog_position *at, bool whole, bool *reset)
{
	static char said[256];
	struct consumer_catalog_changes changes;

	said[0] = '\0';
	*reset = false;
	do {
		ck_assert_int_eq(consumer_catalog_changes(c, whole ? NULL : at, 2, &changes), 0);
		*reset |= changes.reset;
		for (size_t i = 0; i < changes.count; i++) {
			size_t len = strlen(said);

			(void)snprintf(said + len, sizeof(said) - len, "%s%s%s", len ? " " : "",
				       changes.items[i].consumer ? "" : "-", changes.items[i].name);
		}
		*at = changes.position;
		whole = false;
		consumer_catalog_changes_fini(&changes);
	} while (changes.more);
	return said;
}

START_TEST(a_watcher_is_told_all_once_and_then_what_changes)
{
	struct catalog_position at = {0};
	uint64_t changed_ms;
	bool reset;

	ck_assert_int_eq(put("ada", "ada"), 0);
	ck_assert_int_eq(put("bob", "bob"), 0);
	ck_assert_int_eq(put("eve", "eve"), 0);
	ck_assert_str_eq(follow(&at, true, &reset), "ada bob eve");
	ck_assert(reset);
	ck_assert(!consumer_catalog_has_news(c, &at, &changed_ms));
	ck_assert_int_eq(put("ada", "1"), 0);
	remove_one("bob");
	ck_assert(consumer_catalog_has_news(c, &at, &changed_ms));
	ck_assert_uint_eq(changed_ms, revision);
	ck_assert_str_eq(follow(&at, false, &reset), "ada -bob");
	ck_assert(!reset);
	ck_assert_str_eq(follow(&at, true, &reset), "eve ada"); /* nobody who is gone */
	ck_assert_int_eq(put("bob", "bob"), 0);			/* again */
	ck_assert_str_eq(follow(&at, false, &reset), "bob");
}
END_TEST

START_TEST(who_was_away_for_too_many_deletions_is_told_all_again)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
	struct catalog_position at = {0};
	bool reset;

	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(put(names[i], names[i]), 0);
	(void)follow(&at, true, &reset);
	for (size_t i = 0; i < 5; i++)
		remove_one(names[i]);
	ck_assert_str_eq(follow(&at, false, &reset), "f");
	ck_assert(reset);
}
END_TEST

START_TEST(who_was_told_a_part_learns_of_deletions_that_are_forgotten_by_then)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
	struct catalog_position at = {0};
	struct consumer_catalog_changes changes;
	bool reset;

	for (size_t i = 0; i < 7; i++)
		ck_assert_int_eq(put(names[i], names[i]), 0);
	(void)follow(&at, true, &reset);
	remove_one("a");
	remove_one("b");
	ck_assert_int_eq(consumer_catalog_changes(c, &at, 2, &changes), 0);
	ck_assert(!changes.reset && !changes.more && changes.count == 2);
	consumer_catalog_changes_cut(&changes, &at, 1); /* b is not told */
	ck_assert(changes.more);
	at = changes.position;
	consumer_catalog_changes_fini(&changes);
	ck_assert_uint_eq(at.base, at.at);
	for (size_t i = 2; i < 6; i++)
		remove_one(names[i]); /* four are remembered: not a and b */
	ck_assert_str_eq(follow(&at, false, &reset), "g");
	ck_assert(reset);
}
END_TEST

START_TEST(after_a_restart_only_a_deletion_makes_a_watcher_begin_anew)
{
	struct catalog_position before = {3, 3}, after = {5, 5};
	struct consumer *stored = make("ada", "ada", NULL);
	struct err e = {0};
	bool reset;

	consumer_catalog_free(&c);
	c = consumer_catalog_new(&(struct consumer_catalog_limits){2, 2},
				 4); /* somebody went at 4 */
	stored->revision = 6;
	ck_assert_int_eq(consumer_catalog_load(c, stored, &e), 0);
	consumer_unref(&stored);
	ck_assert_str_eq(follow(&after, false, &reset), "ada");
	ck_assert(!reset);
	ck_assert_str_eq(follow(&before, false, &reset), "ada");
	ck_assert(reset);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("consumer_catalog");
	TCase *t = tcase_create("consumer_catalog");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, a_copy_holds_all_that_its_draft_did);
	tcase_add_test(t, new_keys_are_random_and_their_hash_is_of_their_text);
	tcase_add_test(t, an_id_is_one_consumers_until_that_one_lets_go);
	tcase_add_test(t, what_is_cancelled_leaves_no_trace);
	tcase_add_test(t, there_are_no_more_than_the_limit_says);
	tcase_add_test(t, they_are_listed_by_name_in_pages);
	tcase_add_test(t, a_watcher_is_told_all_once_and_then_what_changes);
	tcase_add_test(t, who_was_away_for_too_many_deletions_is_told_all_again);
	tcase_add_test(t, who_was_told_a_part_learns_of_deletions_that_are_forgotten_by_then);
	tcase_add_test(t, after_a_restart_only_a_deletion_makes_a_watcher_begin_anew);
	suite_add_tcase(s, t);
	return unit_run(s);
}
