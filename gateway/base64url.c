/* base64url: six bits at a time. */
#include "gateway/base64url.h"

static int base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

void base64url_write(struct span bytes, struct buf *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned held = 0, bits = 0;

	for (size_t i = 0; i < bytes.len; i++) {
		held = (held << 8 | (uint8_t)bytes.at[i]) & 0xffff;
		for (bits += 8; bits >= 6; bits -= 6)
			(void)buf_putc(out, digits[held >> (bits - 6) & 63]); /* sticks */
	}
	if (bits)
		(void)buf_putc(out, digits[held << (6 - bits) & 63]);
}

size_t base64url_size(size_t len)
{
	return len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
}

bool base64url_decode(struct span text, uint8_t *out)
{
	unsigned held = 0, bits = 0;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		int value = base64url_value(text.at[i]);

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
