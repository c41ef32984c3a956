/* unit: runs one suite as a program. */
#ifndef MICROREG_TESTS_UNIT_H
#define MICROREG_TESTS_UNIT_H

#include <check.h>

/* Runs it in Check's forks and prints Check's summary line, which scripts/run-tests counts. The
 * exit code of the program: 0 when every check passed. */
int unit_run(Suite *suite);

#endif
