/*
 * jq_value: documents as libjq's values and back, with the digits of numbers.
 *
 * A number of libjq 1.6 is a double in a struct that is copied whole wherever
 * the number goes: into arrays, variables, sorted lists. Its fields for other
 * kinds are unused, and only arithmetic makes a new one. So each number that
 * comes in has, in one of them, where its literal stands, and what comes out
 * with that is written as the literal. A unit test holds libjq to it.
 */
#ifndef MICROREG_GATEWAY_JQ_VALUE_H
#define MICROREG_GATEWAY_JQ_VALUE_H

#include "common/buf.h"
#include "common/span.h"

#include <jv.h>
#include <stddef.h>

/* What marks point into: texts side by side, at most 2 GiB in all. */
struct jq_texts {
	const struct span *items;
	size_t count;
};

/* The value of texts->items[index], which json_check has passed. */
jv jq_value_read(const struct jq_texts *texts, size_t index);

/* Appends it as JSON; borrows the value. -1: it is nested too deep, or the buf failed. */
int jq_value_write(jv value, const struct jq_texts *texts, struct buf *out);

#endif
