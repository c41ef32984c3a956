/* trace: reads and writes traceparent: 00-TRACE(32)-PARENT(16)-FLAGS(2). */
#include "gateway/trace.h"
#include "common/hex.h"
#include "gateway/http1_write.h"
#include "gateway/worker.h"

#include <string.h>

enum { TRACE_LEN = 55, TRACE_ID = 3, TRACE_PARENT = 36, TRACE_FLAGS = 53 };

/* Lower-case hex, not all zero unless that is allowed. */
static bool trace_is_hex(const char *at, size_t len, bool zero)
{
	bool some = false;

	for (size_t i = 0; i < len; i++) {
		if (!((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f')))
			return false;
		some |= at[i] != '0';
	}
	return some || zero;
}

static bool trace_is_valid(struct span v)
{
	if (v.len < TRACE_LEN || !trace_is_hex(v.at, 2, true) || memcmp(v.at, "ff", 2) == 0)
		return false;
	/* Version 00 has nothing after the flags; a later one may. */
	if (v.len > TRACE_LEN && (memcmp(v.at, "00", 2) == 0 || v.at[TRACE_LEN] != '-'))
		return false;
	return v.at[2] == '-' && v.at[TRACE_PARENT - 1] == '-' && v.at[TRACE_FLAGS - 1] == '-' &&
	       trace_is_hex(v.at + TRACE_ID, 32, false) &&
	       trace_is_hex(v.at + TRACE_PARENT, 16, false) &&
	       trace_is_hex(v.at + TRACE_FLAGS, 2, true);
}

void trace_write(struct exchange *x, struct buf *out)
{
	const struct http1_field *given = http1_head_find(&x->request, HTTP1_TRACEPARENT);
	const struct http1_field *state = http1_head_find(&x->request, HTTP1_TRACESTATE);
	char value[TRACE_LEN];

	memcpy(value, "00-", 3);
	if (given && trace_is_valid(given->value)) {
		memcpy(value + TRACE_ID, given->value.at + TRACE_ID, 32);
		memcpy(value + TRACE_FLAGS, given->value.at + TRACE_FLAGS, 2);
	} else {
		state = NULL;
		hex_print(worker_random(x->worker), value + TRACE_ID);
		hex_print(worker_random(x->worker), value + TRACE_ID + 16);
		memcpy(value + TRACE_FLAGS, "01", 2);
	}
	value[TRACE_PARENT - 1] = value[TRACE_FLAGS - 1] = '-';
	hex_print(worker_random(x->worker) | 1, value + TRACE_PARENT);
	http1_write_field(out, "traceparent", value, sizeof(value));
	if (state)
		http1_write_span(out, state->name, state->value);
}

void trace_write_again(struct exchange *x, struct span written, struct buf *out)
{
	static const size_t parent = sizeof("traceparent: ") - 1 + TRACE_PARENT;
	size_t start = out->len;

	if (buf_append(out, written.at, written.len) == 0 && written.len > parent + 16)
		hex_print(worker_random(x->worker) | 1, out->data + start + parent);
}
