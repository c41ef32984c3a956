/* balance_case: sets of endpoints made by hand, for the tests of balance. */
#ifndef MICROREG_TESTS_BALANCE_CASE_H
#define MICROREG_TESTS_BALANCE_CASE_H

#include "gateway/balance.h"

/* Endpoints "0", "1" … without addresses; weights NULL: 1 each. Built as round robin. */
void balance_case_fill(struct endpoint_set *set, const unsigned *weights, size_t count);

/* The same, built by another algorithm. */
void balance_case_use(struct endpoint_set *set, enum settings_balance_kind kind);

size_t balance_case_index(const struct endpoint_set *set, const struct endpoint *ep);

/* Picks for the numbers 0 to turns - 1, and counts who gets them. */
void balance_case_count(const struct endpoint_set *set, unsigned turns, unsigned *counts);

#endif
