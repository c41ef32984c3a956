/* handover: gives the sockets, and learns when it may go. */
#include "gateway/handover.h"
#include "common/daemon.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Main's thread may wait so long for a reader; its loop has nothing urgent. */
enum { HANDOVER_SEND_S = 2 };

#define handover_of(member, pointer) \
	((struct handover *)(void *)((char *)(pointer)-offsetof(struct handover, member)))

/* ---- Where ---- */

/* A folder of ours that nobody else can write to, made when it is missing. */
static bool handover_is_safe(const char *folder)
{
	struct stat st;

	(void)mkdir(folder, 0700); /* whether it is there now is asked next */
	return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool handover_try(char *folder, size_t room, const char *parent, const char *name)
{
	int n = snprintf(folder, room, "%s%s", parent, name);

	return n > 0 && (size_t)n < room && handover_is_safe(folder);
}

/* systemd's RuntimeDirectory=, else the user's, else root's, else one of ours. */
static bool handover_folder(char *folder, size_t room)
{
	const char *given = getenv("RUNTIME_DIRECTORY"), *user = getenv("XDG_RUNTIME_DIR");
	char name[48];

	if (given && given[0] == '/' && handover_try(folder, room, given, ""))
		return true;
	if (user && user[0] == '/' && handover_try(folder, room, user, "/microreg"))
		return true;
	if (geteuid() == 0)
		return handover_try(folder, room, "/run", "/microreg");
	(void)snprintf(name, sizeof(name), "/microreg-%lu", (unsigned long)geteuid());
	return handover_try(folder, room, "/tmp", name);
}

bool handover_path(const struct settings *settings, size_t listen, char path[HANDOVER_PATH_SIZE])
{
	const struct settings_address *address = &settings->listen[listen];
	char folder[HANDOVER_PATH_SIZE];
	int n;

	path[0] = '\0';
	if (settings->handover && strcmp(settings->handover, "off") == 0)
		return false;
	if (settings->handover) {
		n = snprintf(path, HANDOVER_PATH_SIZE, "%s", settings->handover);
		return n > 0 && n < HANDOVER_PATH_SIZE;
	}
	/* Port 0 is another one each time, so it names nobody. */
	if (!address->port || !handover_folder(folder, sizeof(folder)))
		return false;
	n = snprintf(path, HANDOVER_PATH_SIZE, "%s/gateway-%s-%u.sock", folder, address->host,
		     (unsigned)address->port);
	if (n <= 0 || n >= HANDOVER_PATH_SIZE)
		path[0] = '\0';
	return path[0];
}

bool handover_is_ours(int fd, pid_t *pid)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (pid)
		*pid = peer.pid;
	return peer.uid == geteuid();
}

/* ---- Giving ---- */

static int handover_send(struct handover *h, const char *text, const int *fds, size_t count)
{
	struct iovec part = {.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
	union {
		char room[CMSG_SPACE(HANDOVER_BATCH * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (count) {
		struct cmsghdr *c = &control.align;

		message.msg_control = control.room;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	return sendmsg(h->peer.fd, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* The peer is gone, or is of no use. */
static void handover_hang_up(struct handover *h)
{
	if (h->peer.fd < 0)
		return;
	loop_unwatch(h->loop, &h->peer);
	(void)close(h->peer.fd); /* nothing to lose */
	h->peer.fd = -1;
	if (h->gave)
		log_warn("the gateway that was to replace this one gave up: this one goes on");
	h->gave = false;
}

static int handover_give(struct handover *h)
{
	const struct handover_owner *owner = h->owner;
	struct handover_socket s;
	int fds[HANDOVER_BATCH];
	struct buf text;
	size_t count = 0;
	int result = 0;

	buf_init(&text, HANDOVER_TEXT_MAX);
	for (size_t i = 0; result == 0 && owner->socket_at(owner->arg, i, &s); i++) {
		fds[count++] = s.fd;
		(void)buf_printf(&text, "%s %s %u\n", s.kind, s.address->host,
				 (unsigned)s.address->port);
		if (count < HANDOVER_BATCH)
			continue;
		result = text.failed ? -1 : handover_send(h, buf_str(&text), fds, count);
		buf_reset(&text);
		count = 0;
	}
	if (result == 0 && count)
		result = text.failed ? -1 : handover_send(h, buf_str(&text), fds, count);
	buf_fini(&text);
	return result < 0 ? -1 : handover_send(h, HANDOVER_END, NULL, 0);
}

static void handover_answer(struct handover *h, const char *text)
{
	const struct handover_owner *owner = h->owner;

	if (strcmp(text, HANDOVER_TAKE) == 0 && !h->gave) {
		log_info("process %ld takes the listening sockets over", (long)h->peer_pid);
		h->gave = handover_give(h) == 0;
		if (!h->gave)
			handover_hang_up(h);
	} else if (strcmp(text, HANDOVER_READY) == 0 && h->gave) {
		h->gave = false; /* from here on its end is its own business */
		owner->heir_is_ready(owner->arg, h->peer_pid);
		(void)handover_send(h, HANDOVER_DONE, NULL, 0); /* or it waits for our end */
		handover_close(h);
	} else {
		(void)handover_send(h,
				    "refused: it speaks another language: stop this gateway and "
				    "start the new one",
				    NULL, 0);
		handover_hang_up(h);
	}
}

static void handover_on_peer(struct loop_fd *lfd, unsigned events)
{
	struct handover *h = handover_of(peer, lfd);
	char text[64];
	ssize_t n = recv(lfd->fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	(void)events; /* the read tells */
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		handover_hang_up(h);
		return;
	}
	text[n] = '\0';
	handover_answer(h, text);
}

static void handover_on_door(struct loop_fd *lfd, unsigned events)
{
	struct handover *h = handover_of(door, lfd);
	int fd = accept4(lfd->fd, NULL, NULL, SOCK_CLOEXEC);
	const struct timeval most = {.tv_sec = HANDOVER_SEND_S};
	const char *refusal = h->owner->refusal(h->owner->arg);
	struct handover other = {.peer.fd = fd}; /* only to answer by */
	pid_t pid = 0;

	(void)events; /* watched for reading only */
	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)); /* else it may block */
	if (!handover_is_ours(fd, &pid))
		refusal = "refused: it is another user's";
	else if (h->peer.fd >= 0)
		refusal = "refused: another one is taking over at this moment";
	if (refusal)
		(void)handover_send(&other, refusal, NULL, 0); /* an end says as much */
	h->peer_pid = refusal ? h->peer_pid : pid;
	if (!refusal) {
		h->peer = (struct loop_fd){.fd = fd, .on_event = handover_on_peer};
		if (loop_watch(h->loop, &h->peer, true) == 0)
			return;
		h->peer.fd = -1;
	}
	(void)close(fd); /* nothing to lose */
}

/* ---- The door ---- */

/* Bound under another name and renamed: whoever looks finds the old door or the new one. */
static int handover_bind(struct handover *h, int fd)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t before;
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s.%ld", h->path, (long)getpid());
	int failed;

	if (n < 0 || (size_t)n >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)unlink(at.sun_path); /* of an earlier process of this number */
	before = umask(0177);	   /* 0600 from the first moment */
	failed = bind(fd, (struct sockaddr *)&at, sizeof(at));
	(void)umask(before);
	if (failed)
		return -1;
	if (listen(fd, 4) == 0 && lstat(at.sun_path, &st) == 0 &&
	    rename(at.sun_path, h->path) == 0) {
		h->device = st.st_dev;
		h->inode = st.st_ino;
		return 0;
	}
	(void)unlink(at.sun_path); /* best effort */
	return -1;
}

int handover_open(struct handover *h, struct loop *loop, const struct handover_owner *owner,
		  const char *path, struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*h = (struct handover){.loop = loop, .owner = owner, .peer.fd = -1};
	(void)snprintf(h->path, sizeof(h->path), "%s", path); /* it fits, or bind fails */
	h->door = (struct loop_fd){.fd = fd, .on_event = handover_on_door};
	if (fd >= 0 && handover_bind(h, fd) == 0 && loop_watch(loop, &h->door, true) == 0)
		return 0;
	(void)err_code(e, DAEMON_EXIT_LISTEN, "handover: can't listen on %s: %s", path,
		       strerror(errno));
	handover_close(h);
	return -1;
}

void handover_close(struct handover *h)
{
	struct stat now;

	if (!h->path[0])
		return;
	handover_hang_up(h);
	if (h->door.fd >= 0) {
		loop_unwatch(h->loop, &h->door);
		(void)close(h->door.fd); /* nothing to lose */
		h->door.fd = -1;
	}
	if (lstat(h->path, &now) == 0 && now.st_dev == h->device && now.st_ino == h->inode)
		(void)unlink(h->path); /* best effort */
	h->path[0] = '\0';
}
