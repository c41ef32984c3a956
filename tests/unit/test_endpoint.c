/* endpoint: a set follows its list: what stays is kept, and panic. */
#include "client-lib/service.h"
#include "gateway/balance.h"
#include "gateway/endpoint.h"
#include "gateway/usage.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct usages *usages;
static struct endpoint_set set;

static void setup(void)
{
	usages = usages_new(NULL);
	endpoint_set_init(&set, NULL);
}

static void teardown(void)
{
	endpoint_set_fini(&set);
	usages_free(&usages);
}

/* ---- Lists of the registry ---- */

/* Instances "0", "1" … with a status each, by its first letter. */
static void show(const char *statuses)
{
	static const enum instance_status by_letter[] = {['u'] = INSTANCE_UP,
							 ['d'] = INSTANCE_DOWN,
							 ['m'] = INSTANCE_MAINTENANCE,
							 ['r'] = INSTANCE_DRAINING,
							 ['s'] = INSTANCE_STARTING};
	struct instance instances[8] = {0};
	static char ids[8][2];
	struct service_facts facts = {
		.name = "s", .revision = "1", .reason = "", .instances = instances};
	const struct microreg_service *service;

	for (facts.count = 0; statuses[facts.count]; facts.count++) {
		ids[facts.count][0] = (char)('0' + facts.count);
		instances[facts.count] =
			(struct instance){.service = "s",
					  .id = ids[facts.count],
					  .host = "127.0.0.1",
					  .scheme = "http",
					  .zone = "",
					  .version = "",
					  .detail = "",
					  .port = (uint16_t)(9000 + facts.count),
					  .weight = 1,
					  .status = by_letter[(int)statuses[facts.count]]};
	}
	service = service_new(&facts);
	ck_assert_int_eq(endpoint_set_update(&set, service, usages, 0), 0);
	ck_assert(set.panic == endpoint_is_panic(service));
	microreg_service_unref(&service);
}

static const struct {
	const char *statuses, *taking;
	bool panic;
} lists[] = {
	{"uu", "01", false}, {"udm", "0", false},  {"dd", "01", true}, {"dmrs", "0", true},
	{"mr", "", false},   {"mdrd", "13", true}, {"s", "", false},   {"", "", false},
	{"ds", "0", true},   {"rd", "1", true},	   {"du", "1", false},
};

START_TEST(requests_go_to_those_up_else_to_those_down_never_to_those_taken_out)
{
	struct balance_tried none = {0};
	char taking[9] = "";
	size_t count = 0;

	show(lists[_i].statuses);
	for (size_t i = 0; i < set.count; i++)
		if (set.items[i]->up)
			taking[count++] = set.items[i]->id[0];
	ck_assert_str_eq(taking, lists[_i].taking);
	ck_assert(set.panic == lists[_i].panic);
	for (uint64_t turn = 0; turn < 20; turn++) {
		const struct endpoint *ep = balance_pick(&set, &none, turn);

		ck_assert(count ? ep && strchr(taking, ep->id[0]) : !ep);
	}
}
END_TEST

START_TEST(panic_ends_when_one_is_up_again)
{
	show("dd");
	ck_assert(set.panic);
	show("du");
	ck_assert(!set.panic);
	ck_assert_uint_eq(set.up_count, 1);
}
END_TEST

/* ---- Large lists ---- */

static struct settings_instance *make_list(size_t from, size_t count)
{
	struct settings_instance *list = calloc(count, sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		char *text = malloc(40);

		(void)snprintf(text, 40, "http://10.0.0.1:80/%zu", from + i);
		list[i] = (struct settings_instance){
			.text = text, .host = "10.0.0.1", .port = 80, .weight = 1};
	}
	return list;
}

static void free_list(struct settings_instance *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)list[i].text);
	free(list);
}

static void use_list(struct settings_service *service, struct settings_instance *list, size_t count)
{
	*service =
		(struct settings_service){.name = "s", .instances = list, .instance_count = count};
	ck_assert_int_eq(endpoint_set_update_settings(&set, service, usages, 0), 0);
	ck_assert_uint_eq(set.count, count);
}

enum { MANY = 50000 };

START_TEST(tens_of_thousands_are_replaced_at_once)
{
	struct settings_instance *a = make_list(0, MANY), *b = make_list(MANY, MANY);
	struct settings_service first, second;

	/* A search through all for each would take many seconds. */
	use_list(&first, a, MANY);
	use_list(&second, b, MANY);
	ck_assert_str_eq(set.items[MANY - 1]->id, b[MANY - 1].text);
	free_list(a, MANY);
	free_list(b, MANY);
}
END_TEST

START_TEST(what_stays_is_kept_whatever_the_order)
{
	struct settings_instance *a = make_list(0, 1000);
	struct settings_service first, second;
	struct endpoint *before[1000];

	use_list(&first, a, 1000);
	memcpy(before, set.items, sizeof(before));
	for (size_t i = 0; i < 500; i++) {
		struct settings_instance swap = a[i];

		a[i] = a[999 - i];
		a[999 - i] = swap;
	}
	use_list(&second, a, 900); /* turned round, and a tenth is gone */
	for (size_t i = 0; i < 900; i++)
		ck_assert_ptr_eq(set.items[i], before[999 - i]);
	free_list(a, 1000);
}
END_TEST

START_TEST(one_address_twice_in_the_settings_is_no_harm)
{
	struct settings_instance *a = make_list(0, 4), twice[4];
	struct settings_service first, second;

	memcpy(twice, a, sizeof(twice));
	twice[1] = twice[2] = twice[0];
	use_list(&first, twice, 4);
	use_list(&second, a, 4);
	use_list(&first, twice, 4);
	use_list(&second, a, 2);
	free_list(a, 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("endpoint");
	TCase *t = tcase_create("endpoint");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, requests_go_to_those_up_else_to_those_down_never_to_those_taken_out,
			    0, (int)(sizeof(lists) / sizeof(lists[0])));
	tcase_add_test(t, panic_ends_when_one_is_up_again);
	tcase_add_test(t, tens_of_thousands_are_replaced_at_once);
	tcase_add_test(t, what_stays_is_kept_whatever_the_order);
	tcase_add_test(t, one_address_twice_in_the_settings_is_no_harm);
	suite_add_tcase(s, t);
	return unit_run(s);
}
