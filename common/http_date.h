/*
 * http_date: reads the dates of HTTP (RFC 9110 5.6.7), also the two obsolete
 * forms. Writing them is clock_http's.
 */
#ifndef MICROREG_COMMON_HTTP_DATE_H
#define MICROREG_COMMON_HTTP_DATE_H

#include <stddef.h>
#include <stdint.h>

/* Seconds since 1970, or -1 for what is no date or before 1970. `now_s` places the two-digit years
 * of RFC 850: at most 50 years ahead. A leap second counts as the second before it. */
int64_t http_date_parse(const char *text, size_t len, int64_t now_s);

#endif
