/* hex: numbers as hexadecimal digits of a fixed width, for ids. */
#ifndef MICROREG_COMMON_HEX_H
#define MICROREG_COMMON_HEX_H

#include <stdint.h>

enum { HEX_LEN = 16 };

/* Writes 16 lower-case digits; nothing ends them. Every request takes some, for its id and its
 * trace, so eight are made at once. */
void hex_print(uint64_t value, char out[HEX_LEN]);

#endif
