/*
 * quick_case: reads a call by rpc_quick, and by the guard and xmlrpc-c, and
 * compares what they read. For the unit test and the fuzz target.
 */
#ifndef MICROREG_TESTS_QUICK_CASE_H
#define MICROREG_TESTS_QUICK_CASE_H

#include <stddef.h>

enum quick_outcome {
	QUICK_LEFT = 0, /* rpc_quick does not read it, which is always right */
	QUICK_SAME,	/* both read the same */
	QUICK_DIFFERENT,
};

enum quick_shape { QUICK_REGISTRATION, QUICK_HEARTBEAT, QUICK_HEARTBEATS, QUICK_FIELDS };

/* `why` tells what is different. */
enum quick_outcome quick_case(enum quick_shape shape, const char *body, size_t len, char why[500]);

#endif
