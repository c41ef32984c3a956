/* fuzz: what the fuzz targets share. Each is a libFuzzer program; see `make fuzz`. */
#ifndef MICROREG_TESTS_FUZZ_H
#define MICROREG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An invariant: says which and where, and ends the program so that the input is kept. */
#define FUZZ_HOLDS(condition)                                                                   \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
				      #condition);                                              \
			abort();                                                                \
		}                                                                               \
	} while (0)

#endif
