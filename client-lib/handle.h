/*
 * handle: what a struct microreg holds, for the files of this room only.
 *
 * One lock guards what changes. It is never held while calling out, waiting
 * for the network or touching the disk.
 */
#ifndef MICROREG_CLIENT_HANDLE_H
#define MICROREG_CLIENT_HANDLE_H

#include "client-lib/carrier.h"
#include "client-lib/error.h"
#include "client-lib/microreg.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HANDLE_ADDRESSES_MAX = 16,
	HANDLE_TIMEOUT_DEFAULT_MS = 5000,
	HANDLE_TIMEOUT_MIN_MS = 10,
	HANDLE_TIMEOUT_MAX_MS = 600000,
};

struct handle_address {
	char *url;
	char *shown; /* without user and password */
};

struct watch;

struct microreg {
	/* Constant after microreg_open. */
	struct handle_address addresses[HANDLE_ADDRESSES_MAX];
	unsigned address_count;
	struct curl_slist *headers;
	struct carrier_tls tls;
	unsigned timeout_ms;
	char *name, *kind;
	char *snapshot_file, *consumers_file; /* both NULL: nothing is kept */
	void (*on_log)(void *arg, enum microreg_log_level level, const char *text);
	void (*on_change)(void *arg);
	void *arg;

	atomic_uint good; /* index of the address that answered last */
	atomic_bool closing;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* monotonic; leases and follows tell their waiters by it */

	/* Guarded by lock. */
	struct carrier *busy, *idle; /* who calls now; kept connections */
	unsigned idle_count;
	struct microreg_lease *leases;
	pthread_t lease_thread;
	bool lease_thread_runs;
	struct watch *watch;				  /* NULL until something is followed */
	const struct microreg_snapshot *snapshot;	  /* never NULL */
	const struct microreg_snapshot *saved;		  /* of the file, may be NULL */
	const struct microreg_consumers *consumers;	  /* NULL: nothing is known of them */
	const struct microreg_consumers *saved_consumers; /* of the file, until they are followed */
};

/* Calls the program's log. Without the lock. */
void handle_log(const struct microreg *m, enum microreg_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool handle_is_closing(const struct microreg *m);

/* Waits for `changed`, until `at_ms` of the monotonic clock at most. With the lock. */
void handle_wait_locked(struct microreg *m, uint64_t at_ms);

/* Starts a thread that takes no signals. 0 or -1. */
int handle_start_thread(pthread_t *thread, void *(*run)(void *), void *arg,
			struct microreg_error *e);

/* The other files' part of microreg_close: end their threads and free. */
void lease_close_all(struct microreg *m);
void watch_close(struct microreg *m);

#endif
