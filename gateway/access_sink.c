/* access_sink: writes, and counts what could not be written. */
#include "gateway/access_sink.h"
#include "common/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ACCESS_POLL_MS = 100 };

/* ---- Opening ---- */

static int access_sink_mistake(const struct settings_log *settings, struct err *e)
{
	return err_code(e, DAEMON_EXIT_SETTINGS,
			"can't open \"%s\": %s; name a file that can be written, stdout, "
			"journald or off in %s",
			settings->access_file, strerror(errno),
			settings->key ? settings->key : "log.access");
}

static int access_sink_open_journal(struct access_sink *sink, const struct settings_log *settings,
				    struct err *e)
{
	struct stat st;

	sink->journal = true;
	sink->to.sun_family = AF_UNIX;
	memcpy(sink->to.sun_path, settings->access_file, strlen(settings->access_file) + 1);
	if (stat(settings->access_file, &st) < 0)
		return access_sink_mistake(settings, e);
	sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return sink->fd < 0 ? access_sink_mistake(settings, e) : 0;
}

int access_sink_open(struct access_sink *sink, const struct settings_log *settings, struct err *e)
{
	*sink = (struct access_sink){.fd = settings->access == ACCESS_STDERR ? STDERR_FILENO
									     : STDOUT_FILENO};
	if (settings->access == ACCESS_JOURNAL)
		return access_sink_open_journal(sink, settings, e);
	if (settings->access != ACCESS_FILE)
		return 0;
	/* Non-blocking, as a named pipe without a reader would hold the start for ever. */
	sink->fd = open(settings->access_file,
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	return sink->fd < 0 ? access_sink_mistake(settings, e) : 0;
}

void access_sink_close(struct access_sink *sink)
{
	if (sink->fd > STDERR_FILENO)
		(void)close(sink->fd); /* nobody could do anything about an error */
	sink->fd = -1;
}

/* ---- Lines ---- */

/* False when it must not be waited for any longer. */
static bool access_sink_wait(const struct access_sink *sink, const struct access_patience *patience)
{
	struct pollfd wait = {.fd = sink->fd, .events = POLLOUT};
	int n = poll(&wait, 1, ACCESS_POLL_MS);

	return n > 0 || (n < 0 && errno == EINTR) || (n == 0 && patience->go_on(patience->arg));
}

/* Bytes written; 0 to try again; -1 for an error, or when the log is closed and a pipe stays full.
 *
 * Only regular files are written without a look: a pipe that is writable takes PIPE_BUF bytes, so
 * the thread never hangs in write(2) where nobody could stop it. */
static ssize_t access_sink_some(const struct access_sink *sink, const char *data, size_t len,
				const struct access_patience *patience)
{
	struct pollfd ready = {.fd = sink->fd, .events = POLLOUT};
	struct stat st;
	ssize_t n;

	if (fstat(sink->fd, &st) || !S_ISREG(st.st_mode)) {
		if (!access_sink_wait(sink, patience))
			return -1;
		if (poll(&ready, 1, 0) == 0)
			return 0;
		if (len > PIPE_BUF)
			len = PIPE_BUF;
	}
	n = write(sink->fd, data, len);
	return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : n;
}

static uint64_t access_sink_lines(struct access_sink *sink, const char *data, size_t len,
				  const struct access_patience *patience)
{
	uint64_t lost = 0;

	if (sink->cut && access_sink_some(sink, "\n", 1, patience) == 1)
		sink->cut = false;
	while (len > 0) {
		ssize_t n = access_sink_some(sink, data, len, patience);

		if (n < 0)
			break;
		if (n > 0)
			sink->cut = data[n - 1] != '\n';
		data += n;
		len -= (size_t)n;
	}
	for (size_t i = 0; i < len; i++)
		lost += data[i] == '\n';
	return lost;
}

/* ---- Messages ---- */

/* The journal may be started anew at any time, so each message is addressed. */
static bool access_sink_send(const struct access_sink *sink, const char *data, size_t len,
			     const struct access_patience *patience)
{
	do {
		if (sendto(sink->fd, data, len, MSG_NOSIGNAL, (const struct sockaddr *)&sink->to,
			   sizeof(sink->to)) >= 0)
			return true;
		if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
			return false;
	} while (access_sink_wait(sink, patience));
	return false;
}

static uint64_t access_sink_messages(const struct access_sink *sink, const char *data, size_t len,
				     const struct access_patience *patience)
{
	uint64_t lost = 0;

	while (len) {
		const char *end = memmem(data, len, "\n\n", 2);
		size_t size = end ? (size_t)(end - data) + 1 : len;

		lost += !access_sink_send(sink, data, size, patience);
		size += end != NULL; /* the empty line */
		data += size;
		len -= size;
	}
	return lost;
}

uint64_t access_sink_write(struct access_sink *sink, const char *data, size_t len,
			   const struct access_patience *patience)
{
	return sink->journal ? access_sink_messages(sink, data, len, patience)
			     : access_sink_lines(sink, data, len, patience);
}
