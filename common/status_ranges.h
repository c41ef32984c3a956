/*
 * status_ranges: HTTP statuses that somebody expects, as text: numbers and
 * ranges of them between commas, like "200-299,401". It stays text: it is
 * asked once in a check's interval.
 */
#ifndef MICROREG_COMMON_STATUS_RANGES_H
#define MICROREG_COMMON_STATUS_RANGES_H

#include <stdbool.h>

/* Final statuses (RFC 9110 15): 200 to 599, no spaces, and no range that ends before it begins.
 * Length is not its business. "" is none. */
bool status_ranges_are_valid(const char *text);
/* Of a valid text. */
bool status_ranges_have(const char *text, unsigned status);

#endif
