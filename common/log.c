/* log: formats a line and writes it in one call. */
#include "common/log.h"
#include "common/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LINE = 2048 };

static const char *const log_names[] = {"debug", "info", "warn", "error"};
static const char *log_program = "microreg"; /* set once, before threads */
static atomic_int log_threshold = LOG_INFO;

void log_open(const char *program, enum log_level level)
{
	log_program = program;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_threshold, (int)level, memory_order_relaxed);
}

bool log_is_shown(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_threshold, memory_order_relaxed);
}

void log_head(enum log_level level, char out[LOG_HEAD_SIZE])
{
	char stamp[CLOCK_RFC3339_SIZE];

	clock_rfc3339(clock_wall_ms(), stamp);
	(void)snprintf(out, LOG_HEAD_SIZE, "%s %-5s %s: ", stamp, log_names[level],
		       log_program); /* a program's name is short */
}

int log_level_parse(const char *text)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(text, log_names[i]) == 0)
			return i;
	return -1;
}

/* U+0080 to U+009F, which terminals take for orders: the first of their two bytes. */
static bool log_is_control_pair(const char *text)
{
	return (unsigned char)text[0] == 0xc2 && ((unsigned char)text[1] & 0xe0) == 0x80;
}

/* Copies text with control characters written out; returns the length. */
static size_t log_escape(char *out, size_t room, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	const char *escaped = text; /* all before it is written out */
	size_t n = 0;

	for (; *text && n + 5 < room; text++) {
		unsigned char c = (unsigned char)*text;

		if (log_is_control_pair(text))
			escaped = text + 2;
		if (c >= 0x20 && c != 0x7f && text >= escaped) {
			out[n++] = *text;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

void log_write(enum log_level level, const char *format, ...)
{
	char text[LOG_LINE], line[LOG_LINE + LOG_HEAD_SIZE];
	va_list args;
	size_t n;

	if (!log_is_shown(level))
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut when too long */
	va_end(args);
	log_head(level, line);
	n = strlen(line);
	n += log_escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return; /* nobody is left to tell */
}
