/* err: formats the reason of a failure into the caller's struct. */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>

static void err_format(struct err *e, int code, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static void err_format(struct err *e, int code, const char *format, va_list args)
{
	if (!e)
		return;
	e->code = code;
	if (vsnprintf(e->text, sizeof(e->text), format, args) < 0)
		e->text[0] = '\0';
}

int err_set(struct err *e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_format(e, 0, format, args);
	va_end(args);
	return -1;
}

int err_code(struct err *e, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_format(e, code, format, args);
	va_end(args);
	return -1;
}
