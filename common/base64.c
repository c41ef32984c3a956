/* base64: six bits at a time. */
#include "common/base64.h"

const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char base64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- Reading ---- */

static int base64_value(char c, const char *digits)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == digits[62])
		return 62;
	return c == digits[63] ? 63 : -1;
}

size_t base64_size(size_t len)
{
	return len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
}

static bool base64_read(struct span text, const char *digits, uint8_t *out)
{
	unsigned held = 0, bits = 0;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = base64_value(text.at[i], digits);

		if (value < 0)
			return false;
		held = (held << 6 | (unsigned)value) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (uint8_t)(held >> bits);
		}
	}
	return !(held & ((1u << bits) - 1));
}

bool base64_decode(struct span text, uint8_t *out)
{
	return base64_read(text, base64_digits, out);
}

bool base64url_decode(struct span text, uint8_t *out)
{
	return base64_read(text, base64url_digits, out);
}

/* ---- Writing ---- */

/* The digits that up to three bytes are; how many. */
static size_t base64_group(struct span bytes, const char *digits, char four[4])
{
	uint32_t held = 0;

	for (size_t i = 0; i < 3; i++)
		held = held << 8 | (i < bytes.len ? (uint8_t)bytes.at[i] : 0);
	for (size_t i = 0; i < 4; i++)
		four[i] = digits[held >> (18 - 6 * i) & 63];
	return bytes.len < 3 ? bytes.len + 1 : 4;
}

static void base64_append(struct span bytes, const char *digits, bool pads, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		char four[4];
		size_t n = base64_group((struct span){bytes.at + i, bytes.len - i}, digits, four);

		for (size_t k = n; k < 4; k++)
			four[k] = '=';
		(void)buf_append(out, four, pads ? 4 : n); /* sticks */
	}
}

void base64_write(struct span bytes, struct buf *out)
{
	base64_append(bytes, base64_digits, true, out);
}

void base64url_write(struct span bytes, struct buf *out)
{
	base64_append(bytes, base64url_digits, false, out);
}

void base64url_print(struct span bytes, char *out)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		char four[4];
		size_t n = base64_group((struct span){bytes.at + i, bytes.len - i},
					base64url_digits, four);

		for (size_t k = 0; k < n; k++)
			*out++ = four[k];
	}
}
