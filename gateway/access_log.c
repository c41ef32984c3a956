/*
 * access_log: two buffers. Workers append to one under a lock, held for a
 * copy; the log's thread takes it, gives them the other, and writes.
 *
 * The thread waits a little after the first line for more, so that a busy
 * gateway wakes it some twenty times a second and not once a request.
 */
#include "gateway/access_log.h"
#include "common/daemon.h"
#include "gateway/access_line.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	ACCESS_BUFFER_BYTES = 1 << 20,
	ACCESS_URGENT_BYTES = ACCESS_BUFFER_BYTES / 4,
	ACCESS_GATHER_MS = 50,
	ACCESS_CLOSE_MS = 1000,
	ACCESS_POLL_MS = 100,
};

struct access_log {
	pthread_t thread;
	pthread_mutex_t lock;  /* guards what follows, up to `closing` */
	pthread_cond_t first;  /* a buffer is not empty any more, or closing */
	pthread_cond_t urgent; /* much has come, or closing */
	char *filling;
	size_t filled;
	int next_fd; /* replaces fd; -1: none */
	bool closing;
	char *writing; /* the thread's */
	int fd;	       /* the thread's; closed unless it is standard output */
	bool cut;      /* the thread's: the last line was written in part */
	atomic_bool give_up;
	atomic_int access; /* enum settings_access */
	atomic_int format;
	atomic_uint_fast64_t dropped;
};

/* ---- The thread ---- */

static void access_close_fd(int fd)
{
	if (fd > STDOUT_FILENO)
		(void)close(fd); /* nobody could do anything about an error */
}

static void access_count_lost(struct access_log *log, const char *data, size_t len)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	atomic_fetch_add_explicit(&log->dropped, lines, memory_order_relaxed);
}

/* Bytes written; 0 to try again; -1 for an error, or when the log is closed and a pipe stays full.
 *
 * Only regular files are written without a look: a pipe that is writable takes PIPE_BUF bytes, so
 * the thread never hangs in write(2) where nobody could stop it. */
static ssize_t access_write_some(struct access_log *log, const char *data, size_t len)
{
	struct pollfd wait = {.fd = log->fd, .events = POLLOUT};
	struct stat st;
	ssize_t n;

	if (fstat(log->fd, &st) || !S_ISREG(st.st_mode)) {
		n = poll(&wait, 1, ACCESS_POLL_MS);
		if (n < 0)
			return errno == EINTR ? 0 : -1;
		if (n == 0)
			return atomic_load(&log->give_up) ? -1 : 0;
		if (len > PIPE_BUF)
			len = PIPE_BUF;
	}
	n = write(log->fd, data, len);
	return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : n;
}

static void access_write_all(struct access_log *log, const char *data, size_t len)
{
	if (log->cut && access_write_some(log, "\n", 1) == 1)
		log->cut = false;
	while (len > 0) {
		ssize_t n = access_write_some(log, data, len);

		if (n < 0) { /* a full disk, a closed pipe: the count of dropped lines tells */
			access_count_lost(log, data, len);
			return;
		}
		if (n > 0)
			log->cut = data[n - 1] != '\n';
		data += n;
		len -= (size_t)n;
	}
}

static void access_wait_locked(struct access_log *log)
{
	struct timespec until;

	while (log->filled == 0 && !log->closing && log->next_fd < 0)
		pthread_cond_wait(&log->first, &log->lock);
	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* can't fail */
	until.tv_nsec += ACCESS_GATHER_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	while (log->filled < ACCESS_URGENT_BYTES && !log->closing && log->next_fd < 0)
		if (pthread_cond_timedwait(&log->urgent, &log->lock, &until) == ETIMEDOUT)
			return;
}

static void *access_run(void *arg)
{
	struct access_log *log = arg;
	bool closing;

	do {
		char *data;
		size_t len;
		int fd;

		pthread_mutex_lock(&log->lock);
		access_wait_locked(log);
		data = log->filling;
		len = log->filled;
		log->filling = log->writing;
		log->writing = data;
		log->filled = 0;
		fd = log->next_fd;
		log->next_fd = -1;
		closing = log->closing;
		pthread_mutex_unlock(&log->lock);
		/* What came before the change goes to where it was. */
		access_write_all(log, data, len);
		if (fd >= 0) {
			access_close_fd(log->fd);
			log->fd = fd;
			log->cut = false;
		}
	} while (!closing);
	return NULL;
}

/* ---- The workers ---- */

bool access_log_is_on(const struct access_log *log)
{
	return atomic_load_explicit(&log->access, memory_order_relaxed) != ACCESS_OFF;
}

static void access_append(struct access_log *log, const char *line, size_t len)
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

void access_log_write(struct access_log *log, const struct access_record *record)
{
	char memory[ACCESS_LINE_MAX];
	/* Never grows, so it needs no heap. */
	struct buf line = {.data = memory, .cap = sizeof(memory), .max = sizeof(memory)};

	if (!access_log_is_on(log))
		return;
	if (atomic_load_explicit(&log->format, memory_order_relaxed) == LOG_FORMAT_COMBINED)
		access_line_combined(&line, record);
	else
		access_line_json(&line, record);
	if (line.failed)
		atomic_fetch_add_explicit(&log->dropped, 1, memory_order_relaxed);
	else
		access_append(log, line.data, line.len);
}

uint64_t access_log_dropped(const struct access_log *log)
{
	return atomic_load_explicit(&log->dropped, memory_order_relaxed);
}

/* ---- Open, change, close ---- */

static int access_open_fd(const struct settings_log *settings, struct err *e)
{
	int fd;

	if (settings->access != ACCESS_FILE)
		return STDOUT_FILENO;
	/* Non-blocking, as a named pipe without a reader would hold the start for ever. */
	fd = open(settings->access_file,
		  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (fd >= 0)
		return fd;
	return err_code(e, DAEMON_EXIT_SETTINGS,
			"can't open the access log \"%s\": %s; name a file that can be written, "
			"stdout or off in log.access",
			settings->access_file, strerror(errno));
}

static void access_set(struct access_log *log, const struct settings_log *settings)
{
	atomic_store_explicit(&log->format, (int)settings->format, memory_order_relaxed);
	atomic_store_explicit(&log->access, (int)settings->access, memory_order_relaxed);
}

int access_log_apply(struct access_log *log, const struct settings_log *settings, struct err *e)
{
	int fd = access_open_fd(settings, e), unused;

	if (fd < 0)
		return -1;
	access_set(log, settings);
	pthread_mutex_lock(&log->lock);
	unused = log->next_fd;
	log->next_fd = fd;
	pthread_mutex_unlock(&log->lock);
	pthread_cond_signal(&log->first);
	pthread_cond_signal(&log->urgent);
	access_close_fd(unused);
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
	access_close_fd(log->fd);
	access_close_fd(log->next_fd);
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
	log->next_fd = -1;
	log->fd = access_open_fd(settings, e);
	if (log->fd < 0) {
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
