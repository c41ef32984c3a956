/*
 * jq_wire: what a worker and a helper process say to each other over a
 * socket of their own. Both are the same program, so numbers are as memory has
 * them.
 *
 *   worker -> helper   jq_ask, the program, the names (each with its NUL), then for each name
 *                      the length and the document
 *   helper -> worker   jq_said, then the result or the message
 */
#ifndef MICROREG_GATEWAY_JQ_WIRE_H
#define MICROREG_GATEWAY_JQ_WIRE_H

#include <stdint.h>

struct jq_ask {
	uint32_t program_len;
	uint32_t names_len;
	uint32_t count;
	uint32_t cpu_ms;
	uint64_t values_len; /* with their lengths, of uint64_t */
	uint64_t result_max;
};

struct jq_said {
	uint32_t result; /* enum jq_result */
	uint32_t padding;
	uint64_t len;
};

#define JQ_HELPER_OPTION "--jq-helper"

/* What `JQ_HELPER_OPTION MEMORY` runs: answers on descriptor 0 until its end. Returns the exit
 * code. */
int jq_helper_main(const char *memory);

#endif
