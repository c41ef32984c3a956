/* successor: posix_spawn, and a pidfd to hear of its end. */
#include "gateway/successor.h"
#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const char successor_flag[] = "--replace";

/* What the environment says of this very process is not for the next one. */
static bool successor_inherits(const char *variable)
{
	static const char *const ours[] = {"WATCHDOG_PID=", "LISTEN_PID=", "LISTEN_FDS="};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strncmp(variable, ours[i], strlen(ours[i])) == 0)
			return false;
	return true;
}

/* Both lists are NULL-terminated, hold borrowed texts and are freed with free(3). */
static char **successor_arguments(char *const *argv)
{
	size_t n = 0;
	char **list;

	while (argv[n])
		n++;
	list = calloc(n + 2, sizeof(*list));
	if (!list)
		return NULL;
	memcpy(list, argv, n * sizeof(*list));
	for (size_t i = 1; i < n; i++)
		if (strcmp(list[i], successor_flag) == 0)
			return list;
	list[n] = (char *)(uintptr_t)successor_flag; /* spawn does not write to it */
	return list;
}

static char **successor_environment(void)
{
	size_t n = 0, k = 0;
	char **list;

	while (environ[n])
		n++;
	list = calloc(n + 1, sizeof(*list));
	for (size_t i = 0; list && i < n; i++)
		if (successor_inherits(environ[i]))
			list[k++] = environ[i];
	return list;
}

/* An errno value. Signals are as a fresh program expects them: ours are blocked for signalfd. */
static int successor_spawn(pid_t *pid, char **argv, char **environment)
{
	posix_spawnattr_t attr;
	sigset_t none, all;
	int error = posix_spawnattr_init(&attr);

	if (error)
		return error;
	(void)sigemptyset(&none); /* can't fail on our own sets */
	(void)sigemptyset(&all);
	(void)sigaddset(&all, SIGPIPE);
	(void)sigaddset(&all, SIGXFSZ);
	error = posix_spawnattr_setsigmask(&attr, &none);
	if (!error)
		error = posix_spawnattr_setsigdefault(&attr, &all);
	if (!error)
		error = posix_spawnattr_setflags(&attr,
						 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!error)
		error = posix_spawnp(pid, argv[0], NULL, &attr, argv, environment);
	(void)posix_spawnattr_destroy(&attr); /* it was initialised */
	return error;
}

static void successor_on_end(struct loop_fd *lfd, unsigned events)
{
	struct successor *s =
		(struct successor *)(void *)((char *)lfd - offsetof(struct successor, end));
	int status = 0;

	(void)events; /* readable: it has ended */
	if (waitpid(s->pid, &status, WNOHANG) == 0)
		return;
	log_error("the gateway that was started to replace this one ended with %s %d",
		  WIFSIGNALED(status) ? "signal" : "code",
		  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	successor_leave(s);
}

void successor_start(struct successor *s, struct loop *loop, char *const *argv)
{
	char **arguments, **environment;
	int error = ENOMEM;

	if (s->pid) {
		log_warn("process %ld is starting already to replace this one", (long)s->pid);
		return;
	}
	arguments = successor_arguments(argv);
	environment = successor_environment();
	if (arguments && environment)
		error = successor_spawn(&s->pid, arguments, environment);
	free(arguments);
	free(environment);
	if (error) {
		s->pid = 0;
		log_error("can't start %s: %s; this gateway goes on", argv[0], strerror(error));
		return;
	}
	log_info("started process %ld to replace this one", (long)s->pid);
	s->loop = loop;
	s->end = (struct loop_fd){.fd = pidfd_open(s->pid, 0), .on_event = successor_on_end};
	if (s->end.fd < 0 || loop_watch(loop, &s->end, true) < 0)
		log_warn("can't watch process %ld: %s", (long)s->pid, strerror(errno));
}

void successor_leave(struct successor *s)
{
	if (!s->pid)
		return;
	loop_unwatch(s->loop, &s->end);
	if (s->end.fd >= 0)
		(void)close(s->end.fd); /* nothing to lose */
	*s = (struct successor){0};
}
