/* hex: the digits lie in the bytes of a word. */
#include "common/hex.h"

#include <endian.h>
#include <string.h>

/* The eight digits of 32 bits, a byte each, the last one in the lowest byte. */
static uint64_t hex_digits(uint64_t value)
{
	uint64_t letters;

	value = (value | value << 16) & UINT64_C(0x0000ffff0000ffff);
	value = (value | value << 8) & UINT64_C(0x00ff00ff00ff00ff);
	value = (value | value << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	/* 6 more carry into the upper half of a byte where the digit is a letter. */
	letters = ((value + UINT64_C(0x0606060606060606)) >> 4) & UINT64_C(0x0101010101010101);
	return value + UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
}

void hex_print(uint64_t value, char out[HEX_LEN])
{
	uint64_t digits[2] = {htobe64(hex_digits(value >> 32)),
			      htobe64(hex_digits(value & UINT32_MAX))};

	memcpy(out, digits, sizeof(digits));
}
