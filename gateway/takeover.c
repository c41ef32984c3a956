/* takeover: asks, and takes what comes. */
#include "gateway/takeover.h"
#include "common/daemon.h"
#include "common/log.h"
#include "gateway/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TAKEOVER_WAIT_S = 10 };

static int takeover_connect(struct takeover *t, const char *path, struct err *e)
{
	const struct timeval most = {.tv_sec = TAKEOVER_WAIT_S};
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	memcpy(at.sun_path, path, strlen(path) + 1);
	t->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (t->fd < 0 || setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) < 0 ||
	    setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) < 0)
		return err_code(e, DAEMON_EXIT_SYSTEM, "replace: %s", strerror(errno));
	if (connect(t->fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		int error = errno;

		(void)close(t->fd); /* not connected */
		t->fd = -1;
		if (error == ENOENT || error == ECONNREFUSED)
			return 0;
		return err_code(e, DAEMON_EXIT_LISTEN, "replace: can't reach %s: %s", path,
				strerror(error));
	}
	if (handover_is_ours(t->fd, NULL))
		return 0;
	return err_code(e, DAEMON_EXIT_LISTEN,
			"replace: the gateway at %s is another user's: run this one as that user",
			path);
}

/* "listen HOST PORT", and the descriptor that came with it, which is taken over in any case. */
static int takeover_keep(struct takeover *t, char *line, int fd, struct err *e)
{
	char *host = strchr(line, ' '), *port = host ? strchr(host + 1, ' ') : NULL;

	if (!port) {
		(void)close(fd); /* of no use */
		return err_code(e, DAEMON_EXIT_LISTEN, "replace: \"%s\" names no socket", line);
	}
	*host++ = *port++ = '\0';
	return inherited_add(strcmp(line, "admin") == 0 ? &t->admin : &t->doors, fd, host,
			     (uint16_t)strtoul(port, NULL, 10), e);
}

static int takeover_keep_all(struct takeover *t, char *text, const int *fds, size_t count,
			     struct err *e)
{
	char *rest = text, *line;
	int result = 0;
	size_t i = 0;

	while (i < count && (line = strsep(&rest, "\n")) && *line)
		result |= takeover_keep(t, line, fds[i++], e);
	if (i < count)
		result = err_code(e, DAEMON_EXIT_LISTEN, "replace: sockets came without a name");
	for (; i < count; i++)
		(void)close(fds[i]); /* of no use */
	return result;
}

/* One message: 1 when there are more, 0 when it was the last one. */
static int takeover_receive(struct takeover *t, struct err *e)
{
	static char text[HANDOVER_TEXT_MAX + 1];
	struct iovec part = {.iov_base = text, .iov_len = HANDOVER_TEXT_MAX};
	union {
		char room[CMSG_SPACE(HANDOVER_BATCH * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.room,
				 .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(t->fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	/* Who refuses hangs up without having read what we said; why comes behind that news. */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(t->fd, &message, MSG_CMSG_CLOEXEC);
	c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (n <= 0)
		return err_code(e, DAEMON_EXIT_LISTEN,
				"replace: the running gateway did not hand its sockets over: %s",
				n < 0 ? strerror(errno) : "it hung up");
	text[n] = '\0';
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fds[HANDOVER_BATCH];

		memcpy(fds, CMSG_DATA(c), count * sizeof(int));
		return takeover_keep_all(t, text, fds, count, e) < 0 ? -1 : 1;
	}
	if (strcmp(text, HANDOVER_END) == 0)
		return 0;
	return err_code(e, DAEMON_EXIT_LISTEN, "replace: the running gateway answered: %.300s",
			text);
}

int takeover_begin(struct takeover *t, const struct settings *settings, struct err *e)
{
	char path[HANDOVER_PATH_SIZE] = "";
	int more = 1;

	*t = (struct takeover){.fd = -1};
	for (size_t i = 0; t->fd < 0 && i < settings->listen_count; i++)
		if (handover_path(settings, i, path) && takeover_connect(t, path, e) < 0)
			goto fail;
	if (t->fd < 0) {
		log_info("there is no gateway to replace%s%s; starting", path[0] ? " at " : "",
			 path);
		return 0;
	}
	/* Where it fails an answer may have come before. */
	(void)send(t->fd, HANDOVER_TAKE, strlen(HANDOVER_TAKE), MSG_NOSIGNAL);
	while (more > 0)
		more = takeover_receive(t, e);
	if (more == 0)
		return 0;
fail:
	takeover_close(t);
	return -1;
}

void takeover_finish(struct takeover *t)
{
	char text[16];

	if (t->fd < 0)
		return;
	if (send(t->fd, HANDOVER_READY, strlen(HANDOVER_READY), MSG_NOSIGNAL) < 0 ||
	    recv(t->fd, text, sizeof(text), 0) != (ssize_t)strlen(HANDOVER_DONE))
		log_warn("the gateway that is replaced did not say good-bye");
	(void)close(t->fd); /* nothing to lose */
	t->fd = -1;
}

void takeover_close(struct takeover *t)
{
	if (t->fd >= 0)
		(void)close(t->fd); /* nothing to lose */
	t->fd = -1;
	(void)inherited_close(&t->doors); /* those of addresses that the settings no longer have */
	(void)inherited_close(&t->admin);
}
