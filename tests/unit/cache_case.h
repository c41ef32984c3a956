/*
 * cache_case: heads for the tests of the cache, written as text.
 */
#ifndef MICROREG_TESTS_CACHE_CASE_H
#define MICROREG_TESTS_CACHE_CASE_H

#include "common/arena.h"
#include "gateway/http1_head.h"

/* "GET /a" or "200", and field lines, each with "\r\n". What they come to lies in the arena. */
struct http1_head cache_case_request(struct arena *arena, const char *line, const char *fields);
struct http1_head cache_case_reply(struct arena *arena, const char *status, const char *fields);

/* The second the tests take place in: Sun, 06 Nov 1994 08:49:37 GMT. */
#define CACHE_CASE_WALL_S INT64_C(784111777)

#endif
