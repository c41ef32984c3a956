/*
 * fuzz_rpc_json: a document that the guard lets through becomes JSON that the
 * strict reader takes, or is refused with a reason; what it became goes back
 * into XML that the guard takes, and from there into the same JSON.
 */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/rpc_json.h"
#include "common/xml_guard.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

static struct buf json, xml, again, method;

static struct span span(const struct buf *b)
{
	return (struct span){b->len ? b->data : "", b->len};
}

/* Perhaps a number with an exponent, which a double loses on the way. */
static bool has_exponent(void)
{
	for (size_t i = 1; i < json.len; i++)
		if ((json.data[i] == 'e' || json.data[i] == 'E') && json.data[i - 1] >= '0' &&
		    json.data[i - 1] <= '9')
			return true;
	return false;
}

/* Numbers of more than 32 bits have no way back. */
static void fuzz_back(void)
{
	struct err e = {0};
	bool fault;

	buf_reset(&xml);
	(void)buf_puts(&xml, "<methodResponse><params><param>");
	if (rpc_json_write(&xml, json_value(span(&json)), &e) < 0 || has_exponent())
		return;
	(void)buf_puts(&xml, "</param></params></methodResponse>");
	FUZZ_HOLDS(!xml.failed);
	FUZZ_HOLDS(xml_guard_check_extended(xml.data, xml.len, 200000, 8 << 20, &e) == 0);
	buf_reset(&again);
	FUZZ_HOLDS(rpc_json_read_reply(span(&xml), &again, &fault, &e) == 0);
	FUZZ_HOLDS(!fault && again.len == json.len && memcmp(again.data, json.data, json.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span document = {(const char *)data, len};
	struct err e = {0};
	bool fault = false;

	buf_init(&json, 32 << 20);
	buf_init(&xml, 32 << 20);
	buf_init(&again, 32 << 20);
	buf_init(&method, 1 << 20);
	if (xml_guard_check_extended(document.at, len, XML_GUARD_ELEMENTS_MAX, XML_GUARD_BYTES_MAX,
				     &e) == 0) {
		if (rpc_json_read_reply(document, &json, &fault, &e) == 0) {
			FUZZ_HOLDS(json_check(span(&json), &e) == 0);
			fuzz_back();
		} else {
			FUZZ_HOLDS(e.text[0]);
		}
		buf_reset(&json);
		if (rpc_json_read_call(document, &method, &json, &e) == 0)
			FUZZ_HOLDS(json_check(span(&json), &e) == 0);
	}
	buf_fini(&json);
	buf_fini(&xml);
	buf_fini(&again);
	buf_fini(&method);
	return 0;
}
