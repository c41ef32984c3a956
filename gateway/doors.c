/* doors: which worker listens on which socket. */
#include "gateway/doors.h"
#include "common/daemon.h"
#include "common/inherited.h"
#include "common/listen.h"
#include "common/log.h"
#include "gateway/listener.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct doors_address {
	int *fds; /* at least one for each worker; -1: taken by its worker */
	size_t count;
};

static int doors_keep(struct doors_address *a, int fd, struct err *e)
{
	int *fds = fd < 0 ? NULL : realloc(a->fds, (a->count + 1) * sizeof(*fds));

	if (!fds) {
		if (fd >= 0)
			(void)close(fd); /* nothing to lose */
		return err_code(e, DAEMON_EXIT_SYSTEM, "listeners: out of memory or descriptors");
	}
	a->fds = fds;
	a->fds[a->count++] = fd;
	return 0;
}

/* Looks whether an address is free before the workers share it: with SO_REUSEPORT a second gateway
 * of the same user would quietly get half of the connections. */
static int doors_probe(const struct settings_address *address, struct err *e)
{
	int fd = listen_open(address->host, address->port, false, NULL, e);

	if (fd < 0)
		return -1;
	(void)close(fd); /* it was only asked for */
	return 0;
}

/* One more socket beside the first, which is there. systemd's can't be joined by another: then
 * the workers share it. */
static int doors_open_another(const struct settings_address *address, int first, struct err *e)
{
	uint16_t port = listen_port(first);
	int fd = -1;

	if (listen_is_shared(first))
		fd = listen_open(address->host, port, true, NULL, e);
	return fd < 0 ? fcntl(first, F_DUPFD_CLOEXEC, 0) : fd;
}

static int doors_fill(struct doors *d, size_t index, struct inherited *inherited, struct err *e)
{
	const struct settings_address *address = &d->settings->listen[index];
	struct doors_address *a = &d->addresses[index];
	size_t taken;
	int fd;

	while ((fd = inherited_take(inherited, address->host, address->port)) >= 0)
		if (doors_keep(a, fd, e) < 0)
			return -1;
	taken = a->count;
	if (!taken) {
		if (address->port && doors_probe(address, e) < 0)
			return -1;
		fd = listen_open(address->host, address->port, true, NULL, e);
		if (fd < 0 || doors_keep(a, fd, e) < 0)
			return -1;
	}
	assert(a->fds); /* one was kept */
	while (a->count < d->settings->workers)
		if (doors_keep(a, doors_open_another(address, a->fds[0], e), e) < 0)
			return -1;
	log_info("listening on %s%s%s:%u%s", strchr(address->host, ':') ? "[" : "", address->host,
		 strchr(address->host, ':') ? "]" : "", (unsigned)listen_port(a->fds[0]),
		 taken ? ", taken over" : "");
	return 0;
}

int doors_open(struct doors *d, const struct settings *settings, struct inherited *inherited,
	       struct err *e)
{
	d->settings = settings;
	d->addresses = calloc(settings->listen_count, sizeof(*d->addresses));
	if (!d->addresses)
		return err_code(e, DAEMON_EXIT_SYSTEM, "listeners: out of memory");
	for (size_t i = 0; i < settings->listen_count; i++)
		if (doors_fill(d, i, inherited, e) < 0)
			return -1;
	return 0;
}

struct listener *doors_take(struct doors *d, unsigned worker, size_t *count)
{
	size_t addresses = d->settings->listen_count, most = 0, n = 0;
	struct listener *listeners;

	for (size_t i = 0; i < addresses; i++)
		most += d->addresses[i].count / d->settings->workers + 1;
	listeners = calloc(most + 1, sizeof(*listeners));
	if (!listeners)
		return NULL;
	for (size_t i = 0; i < addresses; i++) {
		struct doors_address *a = &d->addresses[i];

		for (size_t k = worker; k < a->count; k += d->settings->workers) {
			listener_init(&listeners[n++], &d->settings->listen[i], a->fds[k]);
			a->fds[k] = -1;
		}
	}
	*count = n;
	return listeners;
}

void doors_close(struct doors *d)
{
	for (size_t i = 0; d->addresses && i < d->settings->listen_count; i++) {
		for (size_t k = 0; k < d->addresses[i].count; k++)
			if (d->addresses[i].fds[k] >= 0)
				(void)close(d->addresses[i].fds[k]); /* nothing to lose */
		free(d->addresses[i].fds);
	}
	free(d->addresses);
	d->addresses = NULL;
}
