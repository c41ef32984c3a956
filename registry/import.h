/*
 * import: the backup file of an original MicroReg, which becomes instances of
 * original clients. Before anything is served.
 */
#ifndef MICROREG_REGISTRY_IMPORT_H
#define MICROREG_REGISTRY_IMPORT_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/instance.h"
#include "registry/catalog.h"
#include "registry/store.h"

struct import_count {
	size_t imported, known, refused;
};

/* Reads `file`, a JSON object {"1": {"id", "name", "host", "port", "status", "reg_timestamp"}, …},
 * which bytes of a longer one before it may follow, and stores what is not registered yet;
 * `catalog` is loaded from the store. What is refused is told in `said`, a line each. All of it is
 * durable, or
 * (-1, e->code an exit code) nothing. Blocks for the disk. */
int import_file(const char *file, struct store *store, struct catalog *catalog, struct buf *said,
		struct import_count *count, struct err *e);

/* "http://10.0.0.1" or "10.0.0.1": fills scheme and bare host, in the arena. -1 when it is none
 * (in->host NULL: out of memory). */
int legacy_split_host(struct arena *arena, const char *text, struct instance *in);

#endif
