/* error: texts into the caller's struct. */
#include "client-lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct microreg_error *e, enum microreg_code code, const char *format, ...)
{
	va_list args;

	if (!e)
		return -1;
	e->code = code;
	e->fault = 0;
	va_start(args, format);
	if (vsnprintf(e->text, sizeof(e->text), format, args) < 0)
		e->text[0] = '\0';
	va_end(args);
	return -1;
}

int error_memory(struct microreg_error *e)
{
	return error_set(e, MICROREG_NO_MEMORY, "out of memory");
}

void error_clear(struct microreg_error *e)
{
	if (!e)
		return;
	e->code = MICROREG_OK;
	e->fault = 0;
	e->text[0] = '\0';
}

bool error_is_set(const struct microreg_error *e)
{
	return e && e->code > MICROREG_OK && e->code <= MICROREG_UNKNOWN && e->text[0] &&
	       memchr(e->text, '\0', sizeof(e->text));
}
