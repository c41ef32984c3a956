/*
 * log: what the daemons tell their operator, a line each, on standard error.
 *
 *   2026-01-31T23:59:59.123Z info  gateway: listening on 127.0.0.1:8080
 *
 * Any thread may log; each line is one write, so lines never mix. The client
 * library does not use this: it talks through its own callback.
 */
#ifndef MICROREG_COMMON_LOG_H
#define MICROREG_COMMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Call before the first thread. `program` is borrowed for ever. */
void log_open(const char *program, enum log_level level);

/* Any thread. */
void log_set_level(enum log_level level);

/* Any thread: would a line of this level be written? */
bool log_is_shown(enum log_level level);

/* What a line of this level begins with now, for whoever writes it elsewhere than here. */
enum { LOG_HEAD_SIZE = 128 };
void log_head(enum log_level level, char out[LOG_HEAD_SIZE]);

/* "debug", "info", "warn", "error"; -1 for anything else. */
int log_level_parse(const char *text);

/* Control characters in the text are written as \xNN, so that a peer can't forge lines. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
