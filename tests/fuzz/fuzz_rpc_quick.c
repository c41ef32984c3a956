/*
 * fuzz_rpc_quick: what rpc_quick reads, the guard lets through, and xmlrpc-c
 * reads the same of it. The first byte says which struct is meant; the rest is
 * the body, or with an upper-case letter what lies within <param>.
 */
#include "common/buf.h"
#include "common/rpc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/quick_case.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *body = (const char *)data + 1;
	char why[500] = "";
	struct buf whole;

	if (len < 2)
		return 0;
	buf_init(&whole, 4 << 20);
	if (data[0] >= 'A' && data[0] <= 'Z') {
		(void)buf_puts(&whole, "<methodCall><methodName>m</methodName><params><param>");
		(void)buf_append(&whole, body, len - 1);
		(void)buf_puts(&whole, "</param></params></methodCall>");
	} else {
		(void)buf_append(&whole, body, len - 1);
	}
	if (quick_case((enum quick_shape)(data[0] % 4), whole.data, whole.len, why) ==
	    QUICK_DIFFERENT) {
		(void)fprintf(stderr, "%s\n%.*s\n", why, (int)whole.len, whole.data);
		abort();
	}
	buf_fini(&whole);
	return 0;
}
