/*
 * fuzz_rpc_answer: what a service answers, JSON of any kind, becomes a reply of
 * XML-RPC that the guard takes, in the plain dialect without an extension, and
 * that is read back as sound JSON; or it is refused with a reason. What is of a
 * declared type is so in both.
 */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "common/rpc.h"
#include "common/rpc_json.h"
#include "common/xml_guard.h"
#include "gateway/settings_rpc.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>

static struct buf xml, again;

/* More members or depth than a guard takes is the reader's bound, not a mistake. */
static bool fuzz_guard(enum rpc_json_dialect dialect)
{
	struct err e = {0};
	int result = dialect == RPC_JSON_PLAIN
			     ? xml_guard_check(xml.data, xml.len, 1 << 20, 32 << 20, &e)
			     : xml_guard_check_extended(xml.data, xml.len, 1 << 20, 32 << 20, &e);

	FUZZ_HOLDS(result == 0 || e.code == RPC_FAULT_TOO_LARGE);
	return result == 0;
}

static void fuzz_answer(struct span json, enum rpc_json_dialect dialect)
{
	struct err e = {0};
	bool fault = true;

	buf_reset(&xml);
	buf_reset(&again);
	(void)buf_puts(&xml, "<methodResponse><params><param>");
	if (rpc_json_write_as(&xml, json, dialect, &e) < 0) {
		FUZZ_HOLDS(e.text[0]);
		return;
	}
	(void)buf_puts(&xml, "</param></params></methodResponse>");
	FUZZ_HOLDS(!xml.failed);
	if (!fuzz_guard(dialect))
		return;
	FUZZ_HOLDS(rpc_json_read_reply((struct span){xml.data, xml.len}, &again, &fault, &e) == 0);
	FUZZ_HOLDS(!fault && json_check((struct span){again.data, again.len}, &e) == 0);
	for (int type = RPC_VALUE_BOOLEAN; type < RPC_VALUE_TYPE_COUNT; type++)
		if (json_kind(json) != JSON_KIND_NUMBER && json_kind(json) != JSON_KIND_NULL)
			FUZZ_HOLDS(rpc_value_is((enum rpc_value_type)type, json) ==
				   rpc_value_is((enum rpc_value_type)type,
						json_value((struct span){again.data, again.len})));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct span text = {(const char *)data, len};
	struct err e = {0};

	buf_init(&xml, 32 << 20);
	buf_init(&again, 32 << 20);
	if (json_check(text, &e) == 0) {
		fuzz_answer(json_value(text), RPC_JSON_PLAIN);
		fuzz_answer(json_value(text), RPC_JSON_EXTENDED);
	}
	buf_fini(&xml);
	buf_fini(&again);
	return 0;
}
