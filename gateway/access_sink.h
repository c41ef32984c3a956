/*
 * access_sink: where the access log's thread writes: a file, standard output,
 * the journal. It may wait; workers never call it.
 */
#ifndef MICROREG_GATEWAY_ACCESS_SINK_H
#define MICROREG_GATEWAY_ACCESS_SINK_H

#include "common/err.h"
#include "gateway/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

/* Asked a few times a second while the destination takes nothing: false gives up. */
struct access_patience {
	bool (*go_on)(void *arg);
	void *arg;
};

struct access_sink {
	int fd;	  /* -1: none */
	bool cut; /* the last line was written in part */
	bool journal;
	struct sockaddr_un to; /* of the journal */
};

/* Opens what `log.access` says; standard output for `off`. -1 with e->code when it can't be. */
int access_sink_open(struct access_sink *sink, const struct settings_log *settings, struct err *e);
void access_sink_close(struct access_sink *sink); /* harmless when it is not open */

/* Writes lines, or messages that end in an empty line. Waits for a pipe or the journal to take them
 * as long as it is told to go on. Returns how many were lost: a full disk, a closed pipe. */
uint64_t access_sink_write(struct access_sink *sink, const char *data, size_t len,
			   const struct access_patience *patience);

#endif
