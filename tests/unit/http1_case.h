/*
 * http1_case: reads one head for the codec's tests, in pieces of any size, and
 * says what came out as one line of text, so that two readings can be compared
 * and tables can hold what is expected.
 */
#ifndef MICROREG_TESTS_HTTP1_CASE_H
#define MICROREG_TESTS_HTTP1_CASE_H

#include "common/buf.h"
#include "gateway/http1_head.h"

struct http1_case {
	struct arena arena;
	struct http1_reader reader;
	struct http1_head head;
	enum http1_result result;
	size_t head_len;
	size_t seen; /* bytes given when the result came */
};

/* `piece` 0 gives all at once. The bytes lie in a heap block of their exact length each time, so
 * that the address sanitizer sees a look beyond them. */
void http1_case_read(struct http1_case *c, enum http1_kind kind, enum http_method asked,
		     const struct http1_limits *limits, const char *data, size_t len, size_t piece);
void http1_case_fini(struct http1_case *c);

/* Everything of the outcome in words; for DONE all parts of the head. */
void http1_case_describe(const struct http1_case *c, struct buf *out);

#endif
