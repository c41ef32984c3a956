/*
 * fuzz_form: what is read of a form is JSON; written as a form and read again it
 * is the same. Lenient reading takes anything.
 */
#include "common/json_check.h"
#include "gateway/form.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

static void check_form(struct span form, bool lenient)
{
	struct buf json, again, back;
	struct err e = {0};
	int result;

	buf_init(&json, 8 * form.len + 64);
	buf_init(&again, 8 * form.len + 64);
	buf_init(&back, 16 * form.len + 64);
	result = form_to_json(form, lenient, &json, &e);
	FUZZ_HOLDS(!lenient || result == 0);
	FUZZ_HOLDS(e.code != EFBIG);
	if (result == 0) {
		FUZZ_HOLDS(json_check((struct span){json.data, json.len}, &e) == 0);
		FUZZ_HOLDS(form_from_json((struct span){json.data, json.len}, &back, &e) == 0);
		FUZZ_HOLDS(form_to_json((struct span){back.data, back.len}, false, &again, &e) ==
			   0);
		/* "=" alone is a pair without name and value, which is passed over. */
		FUZZ_HOLDS(strstr(buf_str(&json), "\"\":") ||
			   strcmp(buf_str(&json), buf_str(&again)) == 0);
	}
	buf_fini(&back);
	buf_fini(&again);
	buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* Of its very size, so that reading behind it shows. */
	char *form = malloc(len ? len : 1);

	FUZZ_HOLDS(form);
	memcpy(form, data, len);
	check_form((struct span){form, len}, false);
	check_form((struct span){form, len}, true);
	free(form);
	return 0;
}
