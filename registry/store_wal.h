/*
 * store_wal: looks at SQLite's write-ahead log before SQLite does. SQLite ends
 * its recovery silently at the first frame that is not whole, which is right
 * for a write that a crash tore, and loses what was acknowledged when the disk
 * damaged it. For store_sqlite only.
 */
#ifndef MICROREG_REGISTRY_STORE_WAL_H
#define MICROREG_REGISTRY_STORE_WAL_H

#include "common/err.h"

/* 0 when there is no log, or nothing of it that was ever synced is damaged. -1 with exit code
 * DAEMON_EXIT_DATABASE when changes are lost that later ones followed, or when the log can't be
 * read. Blocks for the disk. */
int store_wal_check(const char *dir, struct err *e);

#endif
