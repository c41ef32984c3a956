/* usage_choice: whoever may be waited for is told of, however many there are. */
#include "gateway/usage_choice.h"
#include "client-lib/service.h"
#include "client-lib/snapshot.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 3000 };

static char ids[MANY][8];
static struct instance instances[MANY];
static struct microreg_use uses[MANY];

/* All are up but every hundredth. */
static struct microreg_snapshot *make(void)
{
	struct microreg_snapshot *snapshot = snapshot_new();
	const struct microreg_service *service;

	ck_assert_ptr_nonnull(snapshot);
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%zu", i);
		uses[i] = (struct microreg_use){"s", ids[i], 1, 0};
		instances[i] =
			(struct instance){.service = "s",
					  .id = ids[i],
					  .host = "h",
					  .port = 1,
					  .scheme = "http",
					  .zone = "",
					  .version = "",
					  .detail = "",
					  .status = i % 100 ? INSTANCE_UP : INSTANCE_DRAINING};
	}
	service = service_new(&(struct service_facts){
		.name = "s", .revision = "1", .reason = "", .instances = instances, .count = MANY});
	ck_assert_ptr_nonnull(service);
	ck_assert_int_eq(snapshot_put(snapshot, service), 0);
	microreg_service_unref(&service);
	return snapshot;
}

START_TEST(those_that_are_no_longer_up_come_first)
{
	struct microreg_snapshot *snapshot = make();
	const struct microreg_snapshot *drop = snapshot;

	uses[0].in_flight = 0; /* nobody waits for that one any more */
	uses[1].service = "gone";
	ck_assert_uint_eq(usage_choose(uses, MANY, snapshot), USAGE_TOLD_MAX);
	for (size_t i = 0; i < MANY / 100; i++) {
		bool gone = strcmp(uses[i].service, "gone") == 0;
		unsigned long id = strtoul(uses[i].id, NULL, 10);

		ck_assert(gone ? id == 1 : id && id % 100 == 0);
	}
	microreg_snapshot_unref(&drop);
}
END_TEST

START_TEST(few_are_all_told_as_they_are)
{
	struct microreg_snapshot *snapshot = make();
	const struct microreg_snapshot *drop = snapshot;

	ck_assert_uint_eq(usage_choose(uses, USAGE_TOLD_MAX, snapshot), USAGE_TOLD_MAX);
	ck_assert_str_eq(uses[7].id, "7");
	ck_assert_uint_eq(usage_choose(uses, 0, snapshot), 0);
	microreg_snapshot_unref(&drop);
}
END_TEST

START_TEST(without_a_snapshot_some_are_told)
{
	struct microreg_snapshot *snapshot = make();
	const struct microreg_snapshot *drop = snapshot;

	ck_assert_uint_eq(usage_choose(uses, MANY, NULL), USAGE_TOLD_MAX);
	microreg_snapshot_unref(&drop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("usage_choice");
	TCase *t = tcase_create("usage_choice");

	tcase_add_test(t, those_that_are_no_longer_up_come_first);
	tcase_add_test(t, few_are_all_told_as_they_are);
	tcase_add_test(t, without_a_snapshot_some_are_told);
	suite_add_tcase(s, t);
	return unit_run(s);
}
