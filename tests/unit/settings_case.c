/* settings_case: see the header. */
#include "tests/unit/settings_case.h"
#include "common/buf.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings *settings;
struct buf settings_case_mistakes;
char settings_case_file[] = "/tmp/test_gateway_settings_XXXXXX";

void settings_case_setup(void)
{
	int fd = mkstemp(settings_case_file);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	buf_init(&settings_case_mistakes, 1 << 20);
}

void settings_case_teardown(void)
{
	settings_free(&settings);
	buf_fini(&settings_case_mistakes);
	ck_assert_int_eq(unlink(settings_case_file), 0);
}

const char *settings_case_read(const char *text)
{
	static char told[65536];
	size_t used = 0, prefix = strlen(settings_case_file) + 1;
	FILE *f = fopen(settings_case_file, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(text, 1, strlen(text), f), strlen(text));
	ck_assert_int_eq(fclose(f), 0);
	settings_free(&settings);
	buf_reset(&settings_case_mistakes);
	settings = settings_read(settings_case_file, &settings_case_mistakes);
	ck_assert((settings == NULL) == (settings_case_mistakes.len > 0));
	told[0] = '\0';
	for (const char *line = buf_str(&settings_case_mistakes); line && *line;
	     line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\n") + 1;

		ck_assert_int_eq(strncmp(line, settings_case_file, prefix - 1), 0);
		ck_assert_uint_lt(used + len, sizeof(told));
		memcpy(told + used, line + prefix, len - prefix);
		used += len - prefix;
		told[used] = '\0';
	}
	return told;
}
