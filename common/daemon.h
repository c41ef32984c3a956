/*
 * daemon: what both programs share at the edge: their exit codes.
 *
 * The table is the source of the reference page and of --help.
 */
#ifndef MICROREG_COMMON_DAEMON_H
#define MICROREG_COMMON_DAEMON_H

#include "common/buf.h"

#include <stdio.h>

/* X(name, code, programs, meaning) */
#define DAEMON_EXITS(X)                                                                        \
	X(EXIT_OK, 0, DAEMON_BOTH, "stopped as asked, or --check found no mistake")            \
	X(EXIT_SETTINGS, 1, DAEMON_BOTH,                                                       \
	  "the settings have mistakes; each is printed with file and line")                    \
	X(EXIT_USAGE, 2, DAEMON_BOTH, "the command line is wrong")                             \
	X(EXIT_LISTEN, 3, DAEMON_BOTH,                                                         \
	  "an address can't be listened on: in use, not ours, not allowed")                    \
	X(EXIT_DATA_DIR, 4, DAEMON_REGISTRY,                                                   \
	  "the data directory can't be used: missing, not writable, full")                     \
	X(EXIT_LOCKED, 5, DAEMON_REGISTRY, "the data directory is in use by another registry") \
	X(EXIT_DATABASE, 6, DAEMON_REGISTRY,                                                   \
	  "the database is damaged, of a newer version, or not one")                           \
	X(EXIT_SYSTEM, 7, DAEMON_BOTH, "the system refused memory, threads or descriptors at start")

/* Whose exit code it is. */
enum daemon_program {
	DAEMON_REGISTRY = 1 << 0,
	DAEMON_GATEWAY = 1 << 1,
	DAEMON_BOTH = DAEMON_REGISTRY | DAEMON_GATEWAY,
};

enum daemon_exit {
#define DAEMON_ENUM(name, code, programs, meaning) DAEMON_##name = (code),
	DAEMON_EXITS(DAEMON_ENUM)
#undef DAEMON_ENUM
};

/* Prints the exit codes of one program, a line each, as --help shows them. */
void daemon_print_exits(FILE *out, enum daemon_program program);

/* Prints them as a Markdown table, for the reference. */
void daemon_print_reference(struct buf *out, enum daemon_program program);

/* Blocks every signal the daemons take by signalfd (INT, TERM, HUP, USR1, USR2) in this and all
 * later threads, ignores SIGPIPE and SIGXFSZ, and returns the signalfd (non-blocking,
 * close-on-exec), or -1. */
int daemon_signals(void);

/* Raises the number of descriptors this process may have open to what the system allows it, and
 * returns that number. */
unsigned long daemon_raise_files(void);

#endif
