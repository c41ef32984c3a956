/* query: one pass over the string each time; queries are short. */
#include "gateway/query.h"

#include <string.h>

static int query_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

unsigned char query_byte(struct span *encoded)
{
	const char *at = encoded->at;
	size_t used = 1;
	unsigned char c = (unsigned char)at[0];

	if (c == '+') {
		c = ' ';
	} else if (c == '%' && encoded->len >= 3 && query_hex(at[1]) >= 0 &&
		   query_hex(at[2]) >= 0) {
		c = (unsigned char)(query_hex(at[1]) * 16 + query_hex(at[2]));
		used = 3;
	}
	encoded->at += used;
	encoded->len -= used;
	return c;
}

bool query_next(struct span *rest, struct span *name, struct span *value)
{
	const char *end, *equals;
	size_t len;

	if (!rest->len)
		return false;
	end = memchr(rest->at, '&', rest->len);
	len = end ? (size_t)(end - rest->at) : rest->len;
	equals = memchr(rest->at, '=', len);
	*name = (struct span){rest->at, equals ? (size_t)(equals - rest->at) : len};
	*value = equals ? (struct span){equals + 1, len - name->len - 1}
			: (struct span){rest->at + len, 0};
	rest->at += end ? len + 1 : len;
	rest->len -= end ? len + 1 : len;
	return true;
}

bool query_equal(struct span encoded, const char *text)
{
	for (; encoded.len; text++)
		if (!*text || query_byte(&encoded) != (unsigned char)*text)
			return false;
	return !*text;
}

bool query_find(struct span query, const char *name, struct span *value)
{
	struct span key;

	while (query_next(&query, &key, value))
		if (query_equal(key, name))
			return true;
	return false;
}
