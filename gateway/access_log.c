/*
 * access_log: two buffers. Workers append to one under a lock, held for a
 * copy; the log's thread takes it, gives them the other, and writes.
 *
 * The thread waits a little after the first line for more, so that a busy
 * gateway wakes it some twenty times a second and not once a request.
 */
#include "gateway/access_log.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "gateway/access_field.h"
#include "gateway/access_line.h"
#include "gateway/access_sink.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ACCESS_BUFFER_BYTES = 1 << 20,
	ACCESS_URGENT_BYTES = ACCESS_BUFFER_BYTES / 4,
	ACCESS_GATHER_MS = 50,
	ACCESS_CLOSE_MS = 1000,
	ACCESS_TELL_MS = 10000,
};

struct access_log {
	pthread_t thread;
	pthread_mutex_t lock;  /* guards what follows, up to `closing` */
	pthread_cond_t first;  /* a buffer is not empty any more, or closing */
	pthread_cond_t urgent; /* much has come, or closing */
	char *filling;
	size_t filled;
	struct access_sink next; /* replaces `sink`; fd -1: none */
	bool closing;
	char *writing;		 /* the thread's */
	struct access_sink sink; /* the thread's */
	uint64_t told, told_ms;	 /* the thread's: losses that were said, and when */
	atomic_bool give_up;
	atomic_int access; /* enum settings_access */
	atomic_int format;
	atomic_uint_fast64_t dropped;
};

/* ---- The thread ---- */

static void access_count_lost(struct access_log *log, uint64_t lines)
{
	if (lines)
		atomic_fetch_add_explicit(&log->dropped, lines, memory_order_relaxed);
}

/* Says that lines were lost, but not all the time. */
static void access_tell_lost(struct access_log *log)
{
	uint64_t dropped = access_log_dropped(log), now = clock_ms();

	if (dropped == log->told || (log->told && now < log->told_ms + ACCESS_TELL_MS))
		return;
	log_warn("access log: %" PRIu64
		 " lines were lost: its disk, pipe or journal is full or too "
		 "slow",
		 dropped - log->told);
	log->told = dropped;
	log->told_ms = now;
}

/* While a pipe is full, lines may be lost as well. */
static bool access_go_on(void *arg)
{
	struct access_log *log = arg;

	access_tell_lost(log);
	return !atomic_load(&log->give_up);
}

static void access_wait_locked(struct access_log *log)
{
	struct timespec until;

	while (log->filled == 0 && !log->closing && log->next.fd < 0)
		pthread_cond_wait(&log->first, &log->lock);
	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* can't fail */
	until.tv_nsec += ACCESS_GATHER_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (log->filled < ACCESS_URGENT_BYTES && !log->closing && log->next.fd < 0)
		if (pthread_cond_timedwait(&log->urgent, &log->lock, &until) == ETIMEDOUT)
			return;
}

static void *access_run(void *arg)
{
	struct access_log *log = arg;
	const struct access_patience patience = {access_go_on, log};
	bool closing;

	do {
		char *data;
		size_t len;
		struct access_sink next;

		pthread_mutex_lock(&log->lock);
		access_wait_locked(log);
		data = log->filling;
		len = log->filled;
		log->filling = log->writing;
		log->writing = data;
		log->filled = 0;
		next = log->next;
		log->next.fd = -1;
		closing = log->closing;
		pthread_mutex_unlock(&log->lock);
		/* What came before the change goes to where it was. */
		access_count_lost(log, access_sink_write(&log->sink, data, len, &patience));
		access_tell_lost(log);
		if (next.fd >= 0) {
			access_sink_close(&log->sink);
			log->sink = next;
		}
	} while (!closing);
	return NULL;
}

/* ---- The workers ---- */

bool access_log_is_on(const struct access_log *log)
{
	return atomic_load_explicit(&log->access, memory_order_relaxed) != ACCESS_OFF;
}

void access_log_append(struct access_log *log, const char *line, size_t len)
{
	bool first, urgent, fits;

	pthread_mutex_lock(&log->lock);
	fits = len <= ACCESS_BUFFER_BYTES - log->filled;
	first = fits && log->filled == 0;
	urgent = fits && log->filled < ACCESS_URGENT_BYTES &&
		 log->filled + len >= ACCESS_URGENT_BYTES;
	if (fits) {
		memcpy(log->filling + log->filled, line, len);
		log->filled += len;
	}
	pthread_mutex_unlock(&log->lock);
	if (first)
		pthread_cond_signal(&log->first);
	if (urgent)
		pthread_cond_signal(&log->urgent);
	if (!fits)
		atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
}

static void access_write_record(const struct access_log *log, struct buf *line,
				const struct access_record *record)
{
	int format = atomic_load_explicit(&log->format, memory_order_relaxed);

	if (atomic_load_explicit(&log->access, memory_order_relaxed) == ACCESS_JOURNAL)
		access_line_journal(line, record);
	else if (format == LOG_FORMAT_COMBINED)
		access_line_combined(line, record);
	/* A request that began before the reload has no template. */
	else if (format == LOG_FORMAT_TEMPLATE && record->template && record->template->count)
		access_line_template(line, record->template, record);
	else
		access_line_json(line, record);
}

void access_log_write(struct access_log *log, const struct access_record *record)
{
	char memory[ACCESS_LINE_MAX];
	/* Never grows, so it needs no heap. */
	struct buf line = {.data = memory, .cap = sizeof(memory), .max = sizeof(memory)};

	if (!access_log_is_on(log))
		return;
	access_write_record(log, &line, record);
	if (line.failed)
		atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
	else
		access_log_append(log, line.data, line.len);
}

uint64_t access_log_dropped(const struct access_log *log)
{
	return atomic_load_explicit(&log->dropped, memory_order_relaxed);
}

/* ---- Open, change, close ---- */

static void access_set(struct access_log *log, const struct settings_log *settings)
{
	atomic_store_explicit(&log->format, (int)settings->format, memory_order_relaxed);
	atomic_store_explicit(&log->access, (int)settings->access, memory_order_relaxed);
}

int access_log_apply(struct access_log *log, const struct settings_log *settings, struct err *e)
{
	struct access_sink next, unused;

	if (access_sink_open(&next, settings, e) < 0)
		return -1;
	access_set(log, settings);
	pthread_mutex_lock(&log->lock);
	unused = log->next;
	log->next = next;
	pthread_mutex_unlock(&log->lock);
	pthread_cond_signal(&log->first);
	pthread_cond_signal(&log->urgent);
	access_sink_close(&unused);
	return 0;
}

static int access_init(struct access_log *log)
{
	pthread_condattr_t attr;
	bool ok;

	log->filling = malloc(ACCESS_BUFFER_BYTES);
	log->writing = malloc(ACCESS_BUFFER_BYTES);
	if (!log->filling || !log->writing || pthread_condattr_init(&attr))
		return -1;
	/* None of these fails on Linux; they take no memory. */
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	     pthread_mutex_init(&log->lock, NULL) == 0 &&
	     pthread_cond_init(&log->first, NULL) == 0 &&
	     pthread_cond_init(&log->urgent, &attr) == 0;
	(void)pthread_condattr_destroy(&attr);
	return ok && pthread_create(&log->thread, NULL, access_run, log) == 0 ? 0 : -1;
}

static void access_free(struct access_log *log)
{
	access_sink_close(&log->sink);
	access_sink_close(&log->next);
	free(log->filling);
	free(log->writing);
	free(log);
}

struct access_log *access_log_open(const struct settings_log *settings, struct err *e)
{
	struct access_log *log = calloc(1, sizeof(*log));

	if (!log) {
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "out of memory");
		return NULL;
	}
	log->next.fd = -1;
	if (access_sink_open(&log->sink, settings, e) < 0) {
		free(log);
		return NULL;
	}
	access_set(log, settings);
	if (access_init(log) == 0)
		return log;
	(void)err_code(e, DAEMON_EXIT_SYSTEM,
		       "can't start the access log: the system refused memory or a thread");
	access_free(log);
	return NULL;
}

void access_log_close(struct access_log **log)
{
	struct access_log *l = *log;
	struct timespec until;

	if (!l)
		return;
	*log = NULL;
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	pthread_mutex_unlock(&l->lock);
	pthread_cond_signal(&l->first);
	pthread_cond_signal(&l->urgent);
	(void)clock_gettime(CLOCK_REALTIME, &until); /* pthread_timedjoin_np's clock */
	until.tv_sec += ACCESS_CLOSE_MS / 1000;
	if (pthread_timedjoin_np(l->thread, NULL, &until)) {
		atomic_store(&l->give_up, true);
		(void)pthread_join(l->thread, NULL);
	}
	(void)pthread_mutex_destroy(&l->lock);
	(void)pthread_cond_destroy(&l->first);
	(void)pthread_cond_destroy(&l->urgent);
	access_free(l);
}
