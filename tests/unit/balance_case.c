/* balance_case: see the header. */
#include "tests/unit/balance_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

void balance_case_fill(struct endpoint_set *set, const unsigned *weights, size_t count)
{
	*set = (struct endpoint_set){0};
	set->items = calloc(count, sizeof(*set->items));
	for (size_t i = 0; i < count; i++) {
		char id[24];

		(void)snprintf(id, sizeof(id), "%zu", i);
		set->items[i] =
			endpoint_new(&(struct endpoint_place){.id = id,
							      .host = "127.0.0.1",
							      .port = 80,
							      .weight = weights ? weights[i] : 1});
		set->items[i]->up = set->items[i]->listed = true;
	}
	set->count = set->up_count = count;
	ck_assert_int_eq(balance_build(set, 0), 0);
}

void balance_case_use(struct endpoint_set *set, enum settings_balance_kind kind)
{
	set->balance = kind;
	ck_assert_int_eq(balance_build(set, 0), 0);
}

size_t balance_case_index(const struct endpoint_set *set, const struct endpoint *ep)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i] == ep)
			return i;
	ck_abort_msg("an endpoint of no set");
}

void balance_case_count(const struct endpoint_set *set, unsigned turns, unsigned *counts)
{
	struct balance_tried none = {0};

	for (unsigned turn = 0; turn < turns; turn++)
		counts[balance_case_index(set, balance_pick(set, &none, turn))]++;
}
