/* setup: the registry's settings file, and the flags over it. */
#ifndef MICROREG_REGISTRY_SETUP_H
#define MICROREG_REGISTRY_SETUP_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/log.h"
#include "common/httpd.h"
#include "common/url.h"
#include "registry/access.h"

#include <stdbool.h>
#include <stdint.h>

struct setup_limits {
	unsigned instances, services, consumers, watchers, connections, quotas;
	unsigned connections_per_address, calls_per_address; /* 0: any number */
	uint64_t answers_bytes;
};

struct setup_checks {
	unsigned interval_ms, timeout_ms, failures, rise, fall, keep_ms;
};

struct setup_history {
	unsigned events;
	int64_t age_ms;
};

struct setup_log {
	unsigned level; /* enum log_level */
};

struct setup {
	struct arena arena;
	const char *listen;   /* as written */
	const char *data_dir; /* NULL: setup_data_dir decides */
	bool insecure;
	unsigned threads;
	bool legacy_strict;
	struct setup_limits limits;
	struct setup_checks checks;
	struct setup_log log;
	struct setup_history history;
	struct httpd_tls_names tls;
	const struct access_token *tokens;
	size_t token_count;
};

/* Reads a file; `name` NULL: the defaults. NULL on any mistake: then `mistakes` holds a line for
 * each, "FILE:LINE: what is wrong; what to write". */
struct setup *setup_read(const char *name, struct buf *mistakes);
void setup_free(struct setup **settings);

/* Where data goes when nobody says: /var/lib/microreg when it is there and writable, else
 * ./microreg-data. */
const char *setup_data_dir(void);

/* The address of `listen`. Without tokens only this machine may ask, unless `insecure`:
 * code DAEMON_EXIT_LISTEN; a mistaken text: DAEMON_EXIT_SETTINGS. */
int setup_address(const struct setup *settings, struct url_address *out, struct err *e);

/* Does it listen only where this machine alone can ask? After setup_address. */
bool setup_is_local(const struct setup *settings);

/* The reference of every key, as Markdown. */
void setup_print_reference(struct buf *out);

#endif
