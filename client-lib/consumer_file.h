/*
 * consumer_file: consumers on disk, beside the snapshot of services, so that a
 * gateway that restarts while the registry is away still knows who may call.
 *
 * A file of its own: it has hashes of secrets, a change of an instance does not
 * write it again, nor a new key the instances, and programs that know nothing
 * of consumers go on reading the other.
 */
#ifndef MICROREG_CLIENT_CONSUMER_FILE_H
#define MICROREG_CLIENT_CONSUMER_FILE_H

#include "client-lib/microreg.h"
#include "common/err.h"

/* Replaces the file, mode 0600. Blocks as long as the disk does. */
int consumer_file_write(const char *path, const struct microreg_consumers *set, struct err *e);

/* The caller's reference. NULL: there is none (`e->code` is ENOENT then), or it is cut, damaged, of
 * another version, or another program's; the text says which. */
const struct microreg_consumers *consumer_file_read(const char *path, struct err *e);

#endif
