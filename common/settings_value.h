/*
 * settings_value: numbers as people write them in settings and flags:
 * durations ("250ms", "5s", "10m", "1h") and sizes ("64KiB", "10MB", "123").
 */
#ifndef MICROREG_COMMON_SETTINGS_VALUE_H
#define MICROREG_COMMON_SETTINGS_VALUE_H

#include "common/err.h"

#include <stdint.h>

/* 0, or -1 with a text that quotes the value and says what to write. A duration is whole
 * milliseconds; its unit may be left out for 0 only. */
int settings_value_number(const char *text, uint64_t *value, struct err *e);
int settings_value_duration(const char *text, uint64_t *ms, struct err *e);
int settings_value_size(const char *text, uint64_t *bytes, struct err *e);

/* The shortest exact way to write it. */
enum { SETTINGS_VALUE_SIZE = 32 };
void settings_value_print_duration(uint64_t ms, char out[SETTINGS_VALUE_SIZE]);
void settings_value_print_size(uint64_t bytes, char out[SETTINGS_VALUE_SIZE]);

#endif
