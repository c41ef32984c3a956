/* settings_case: settings files from texts, for the tests of the gateway's settings. */
#ifndef MICROREG_TESTS_SETTINGS_CASE_H
#define MICROREG_TESTS_SETTINGS_CASE_H

#include "common/buf.h"
#include "gateway/settings.h"

extern struct settings *settings; /* of the last text that was read */
extern struct buf settings_case_mistakes;
extern char settings_case_file[];

/* The fixture of each test. */
void settings_case_setup(void);
void settings_case_teardown(void);

/* Reads a text as a file. What is told, without the file's name; "" when all is well. */
const char *settings_case_read(const char *text);

#endif
