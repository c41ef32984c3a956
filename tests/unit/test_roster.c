/* roster: the registry's consumers beside the settings': who wins, and what makes no sense. */
#include "gateway/roster.h"
#include "client-lib/consumer_set.h"
#include "client-lib/microreg.h"
#include "gateway/consumers.h"
#include "gateway/settings.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define HEX "0000000000000000000000000000000000000000000000000000000000000000"

/* The settings' one consumer: ada with the id 1 and the key of zeros. */
static struct consumers *settings_consumers(void)
{
	static const struct settings_secret keys[1];
	static const struct settings_consumer ada = {
		.name = "ada", .id = "1", .keys = keys, .key_count = 1};
	struct consumers *made = consumers_new(&ada, 1);

	ck_assert_ptr_nonnull(made);
	return made;
}

struct told {
	const char *name, *id, *group, *hash, *expires, *password, *network, *by, *per;
	int rate, per_ms, burst, quota;
};

/* A set with that one consumer; what is NULL is not told. */
static const struct microreg_consumers *tell(const struct told *t)
{
	struct microreg_value group = {.text = t->group}, network = {.text = t->network};
	struct microreg_value key_members[] = {
		{.name = "hash", .text = t->hash},
		{.name = "expires", .text = t->expires ? t->expires : ""},
	};
	struct microreg_value key = {
		.type = MICROREG_TYPE_STRUCT, .items = key_members, .count = 2};
	struct microreg_value limit_members[] = {
		{.name = "name", .text = "default"},
		{.name = "by", .text = t->by},
		{.name = "rate", .type = MICROREG_TYPE_INT, .number = t->rate},
		{.name = "per_ms", .type = MICROREG_TYPE_INT, .number = t->per_ms},
		{.name = "burst", .type = MICROREG_TYPE_INT, .number = t->burst},
		{.name = "quota", .type = MICROREG_TYPE_INT, .number = t->quota},
		{.name = "per", .text = t->per ? t->per : ""},
	};
	struct microreg_value limit = {
		.type = MICROREG_TYPE_STRUCT, .items = limit_members, .count = 7};
	struct microreg_value allow = {.name = "allow",
				       .type = MICROREG_TYPE_ARRAY,
				       .items = &network,
				       .count = t->network != NULL};
	struct microreg_value members[] = {
		{.name = "name", .text = t->name},
		{.name = "id", .text = t->id ? t->id : t->name},
		{.name = "groups",
		 .type = MICROREG_TYPE_ARRAY,
		 .items = &group,
		 .count = t->group != NULL},
		{.name = "keys",
		 .type = MICROREG_TYPE_ARRAY,
		 .items = &key,
		 .count = t->hash != NULL},
		{.name = "limits",
		 .type = MICROREG_TYPE_ARRAY,
		 .items = &limit,
		 .count = t->by != NULL},
		{.name = "ip", .type = MICROREG_TYPE_STRUCT, .items = &allow, .count = 1},
		{.name = "password_hash", .text = t->password ? t->password : ""},
	};
	struct microreg_value value = {.type = MICROREG_TYPE_STRUCT, .items = members, .count = 7};
	struct consumer_item *item = consumer_item_new(&value);
	const struct microreg_consumers *set = consumer_set_new(NULL, &item, 1, "db.1");

	consumer_item_unref(&item);
	ck_assert_ptr_nonnull(set);
	return set;
}

static const struct {
	struct told told;
	const char *reason; /* NULL: it is in effect */
} cases[] = {
	{{.name = "bob"}, NULL},
	{{.name = "bob", .group = "staff", .network = "10.0.0.0/8", .password = "$2b$12$x"}, NULL},
	{{.name = "bob", .by = "consumer", .rate = 5, .per_ms = 1000}, NULL},
	{{.name = "bob", .by = "header:x-a", .rate = 5, .per_ms = 1000, .burst = 9}, NULL},
	{{.name = "bob", .by = "consumer", .quota = 1000000000, .per = "month"}, NULL},
	{{.name = "bob", .by = "consumer", .quota = 5, .per = "day"}, NULL},
	{{.name = "bob", .by = "consumer", .quota = 5, .per = "year"}, "limits makes no sense"},
	{{.name = "bob", .by = "consumer", .quota = 5}, "limits makes no sense"},
	{{.name = "bob", .by = "moon", .rate = 5, .per_ms = 1000}, "limits makes no sense"},
	{{.name = "bob", .by = "all", .rate = 5}, "limits makes no sense"},
	{{.name = "bob", .by = "all", .per_ms = 5}, "limits makes no sense"},
	{{.name = "bob", .by = "all", .rate = 1, .per_ms = 2147483647, .burst = 2147483647},
	 "burst is too large"},
	{{.name = "b\r\nX-A: b"}, "header field"},
	{{.name = "bob", .id = ""}, "header field"},
	{{.name = "bob", .group = "a,b"}, "header field"},
	{{.name = "bob", .group = ""}, "no text"},
	{{.name = "bob", .network = "all"}, "no address"},
	{{.name = "bob", .password = "open sesame"}, "password"},
	{{.name = "bob", .hash = "sha256:00"}, "no hash"},
	{{.name = "bob", .hash = "sha256:" HEX, .expires = "soon"}, "no time"},
	{{.name = "ada", .id = "2"}, "of that name"},
	{{.name = "bob", .id = "1"}, "of that id"},
};

START_TEST(what_makes_no_sense_or_is_the_settings_is_left_out)
{
	struct consumers *first = settings_consumers();
	struct roster *roster = roster_new(tell(&cases[_i].told), first);

	ck_assert_ptr_nonnull(roster);
	ck_assert_uint_eq(roster->count, cases[_i].reason == NULL);
	ck_assert_uint_eq(roster->left_out, cases[_i].reason != NULL);
	if (cases[_i].reason)
		ck_assert_msg(strstr(roster->reason, cases[_i].reason) != NULL, "%s",
			      roster->reason);
	roster_unref(&roster);
	consumers_free(&first);
}
END_TEST

START_TEST(a_key_of_the_settings_is_theirs_and_the_rest_of_the_consumer_stays)
{
	const struct told told = {.name = "bob", .hash = "sha256:" HEX};
	struct consumers *first = settings_consumers();
	struct roster *roster = roster_new(tell(&told), first);
	const struct settings_secret *secret;
	const uint8_t zeros[32] = {0};

	ck_assert_ptr_nonnull(roster);
	ck_assert_uint_eq(roster->count, 1);
	ck_assert_uint_eq(roster->left_out, 1);
	ck_assert_ptr_null(consumers_by_key(roster->consumers, zeros, &secret));
	ck_assert_ptr_nonnull(consumers_by_name(roster->consumers, (struct span){"bob", 3}));
	roster_unref(&roster);
	consumers_free(&first);
}
END_TEST

START_TEST(a_quota_is_one_of_the_calendar)
{
	const struct told told = {.name = "bob", .by = "key", .quota = 9, .per = "month"};
	struct consumers *first = settings_consumers();
	struct roster *roster = roster_new(tell(&told), first);
	const struct settings_limit *limit;

	ck_assert_ptr_nonnull(roster);
	limit = consumers_by_name(roster->consumers, (struct span){"bob", 3})
			->consumer->limits.items;
	ck_assert_int_eq(limit->kind, LIMIT_QUOTA);
	ck_assert_int_eq(limit->period, PERIOD_MONTH);
	ck_assert_int_eq(limit->by, LIMIT_BY_KEY);
	ck_assert_uint_eq(limit->rate, 9);
	roster_unref(&roster);
	consumers_free(&first);
}
END_TEST

START_TEST(a_key_opens_with_its_end_and_its_limits)
{
	const struct told told = {.name = "bob",
				  .hash = "sha256:ff" HEX,
				  .expires = "2030-01-01T00:00:00.000Z",
				  .by = "consumer",
				  .rate = 10,
				  .per_ms = 1000};
	struct told good = told;
	struct consumers *first = settings_consumers();
	char hash[80];
	const struct settings_secret *secret = NULL;
	const struct identity *identity;
	uint8_t sha256[32] = {0xff};
	struct roster *roster;

	(void)snprintf(hash, sizeof(hash), "sha256:ff%.62s", HEX);
	good.hash = hash;
	roster = roster_new(tell(&good), first);
	ck_assert_ptr_nonnull(roster);
	identity = consumers_by_key(roster->consumers, sha256, &secret);
	ck_assert_ptr_nonnull(identity);
	ck_assert_int_eq(secret->expires_ms, 1893456000000);
	ck_assert_uint_eq(identity->consumer->limits.count, 1);
	ck_assert_uint_eq(identity->consumer->limits.items[0].burst, 10);
	ck_assert_uint_eq(identity->consumer->limits.items[0].step_ns, 100000000);
	ck_assert_str_eq(identity->consumer->limits.items[0].policy, "\"consumer\";q=10;w=1");
	roster_unref(&roster);
	consumers_free(&first);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("roster");
	TCase *t = tcase_create("roster");

	tcase_add_loop_test(t, what_makes_no_sense_or_is_the_settings_is_left_out, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, a_key_of_the_settings_is_theirs_and_the_rest_of_the_consumer_stays);
	tcase_add_test(t, a_quota_is_one_of_the_calendar);
	tcase_add_test(t, a_key_opens_with_its_end_and_its_limits);
	suite_add_tcase(s, t);
	return unit_run(s);
}
