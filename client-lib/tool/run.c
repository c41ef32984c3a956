/*
 * run: starts a command and keeps it registered while it runs.
 *
 *   register --> start the command --> wait --+-- it ends ---> deregister --> exit with its code
 *                                             +-- a signal --> deregister, wait for the gateways,
 *                                                              pass the signal on, wait on
 *
 * The main thread takes the signals; whatever waits for the registry is done
 * by a thread beside it, so that no signal waits for the network.
 */
#include "client-lib/tool/registration.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	RUN_WAIT_DEFAULT_MS = 10000, /* for the gateways to let go */
	RUN_AGAIN_MS = 1000,	     /* between two tries to register */
	RUN_SIGNAL_CODE = 128,	     /* as shells say that a signal ended a program */
};

struct run {
	struct tool *tool;
	struct microreg_registration me;
	struct microreg_lease *lease; /* the registrar's once it runs */
	unsigned wait_ms;
	pid_t child;
	sigset_t before; /* the signal mask to give back to the child */
	bool hurry;	 /* the main thread's: asked twice, so the registry is not waited for */
	pthread_t registrar;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* Guarded by lock: */
	bool stop;  /* take it out of the registry */
	int signal; /* and then send this; 0: none */
	bool ended; /* the child has; nobody need be waited for */
};

/* ---- The registry's side, in a thread of its own ---- */

/* Until it is registered or no longer wanted. */
static void run_register(struct run *run)
{
	struct microreg_error error;
	struct timespec until;

	(void)pthread_mutex_lock(&run->lock);
	while (!run->lease && !run->stop) {
		(void)pthread_mutex_unlock(&run->lock);
		run->lease = microreg_register(run->tool->registry, &run->me, &error);
		(void)pthread_mutex_lock(&run->lock);
		if (run->lease || run->stop)
			break;
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += RUN_AGAIN_MS / 1000;
		(void)pthread_cond_timedwait(&run->changed, &run->lock, &until);
	}
	(void)pthread_mutex_unlock(&run->lock);
}

static void *run_registrar(void *arg)
{
	struct run *run = arg;
	struct microreg_error error;
	unsigned wait_ms;
	int signal_number;

	run_register(run);
	(void)pthread_mutex_lock(&run->lock);
	while (!run->stop)
		(void)pthread_cond_wait(&run->changed, &run->lock);
	wait_ms = run->ended ? 0 : run->wait_ms;
	signal_number = run->signal;
	(void)pthread_mutex_unlock(&run->lock);
	if (run->lease && microreg_deregister(&run->lease, wait_ms, &error) < 0)
		(void)fprintf(stderr, "microreg run: %s\n", error.text);
	(void)pthread_mutex_lock(&run->lock);
	if (signal_number && !run->ended) /* not reaped yet, so the number is still the child's */
		(void)kill(run->child, signal_number);
	(void)pthread_mutex_unlock(&run->lock);
	return NULL;
}

static void run_stop(struct run *run, int signal_number, bool ended)
{
	(void)pthread_mutex_lock(&run->lock);
	run->signal = run->stop ? run->signal : signal_number;
	run->stop = true;
	run->ended = run->ended || ended;
	(void)pthread_cond_broadcast(&run->changed);
	(void)pthread_mutex_unlock(&run->lock);
}

/* ---- The command's side ---- */

/* In the child: never returns. */
static void run_exec(const struct run *run, pid_t parent)
{
	const char *const *command = run->tool->words;
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", run->me.port);
	(void)setenv("PORT", port, 1);
	/* Without its runner nobody would keep or end its lease. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(TOOL_RUN);
	(void)sigprocmask(SIG_SETMASK, &run->before, NULL);
	(void)execvp(command[0], (char *const *)(uintptr_t)command);
	(void)fprintf(stderr, "microreg run: %s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? TOOL_NOT_FOUND : TOOL_NOT_EXECUTABLE);
}

static int run_start(struct run *run)
{
	pid_t parent = getpid();

	run->child = fork();
	if (run->child == 0)
		run_exec(run, parent);
	if (run->child > 0)
		return TOOL_OK;
	(void)fprintf(stderr, "microreg run: fork: %s\n", strerror(errno));
	return TOOL_SYSTEM;
}

/* Reaps whatever has ended (as the first process of a container it inherits orphans). True when the
 * command is among them; its exit code is in `code`. */
static bool run_reap(struct run *run, int *code)
{
	bool ended = false;
	int status;
	pid_t pid;

	for (;;) {
		/* Under the lock: a number that was reaped must not be sent a signal. */
		(void)pthread_mutex_lock(&run->lock);
		pid = waitpid(-1, &status, WNOHANG);
		run->ended = run->ended || pid == run->child;
		(void)pthread_mutex_unlock(&run->lock);
		if (pid <= 0)
			return ended;
		if (pid != run->child)
			continue;
		ended = true;
		*code = WIFSIGNALED(status) ? RUN_SIGNAL_CODE + WTERMSIG(status)
					    : WEXITSTATUS(status);
	}
}

/* The first of those that end a program takes the instance out, and is passed on when the gateways
 * have let go; all others are passed on at once. */
static void run_take_signal(struct run *run, const siginfo_t *info)
{
	bool is_end =
		info->si_signo == SIGTERM || info->si_signo == SIGINT || info->si_signo == SIGQUIT;
	/* A terminal has sent it to the command as well. */
	bool is_known = info->si_code == SI_KERNEL;

	(void)pthread_mutex_lock(&run->lock);
	run->hurry = run->hurry || (is_end && run->stop);
	is_end = is_end && !run->stop;
	if (!is_end && !is_known && !run->ended)
		(void)kill(run->child, info->si_signo);
	(void)pthread_mutex_unlock(&run->lock);
	if (is_end)
		run_stop(run, is_known ? 0 : info->si_signo, false);
}

/* Until the command has ended; its exit code. */
static int run_wait(struct run *run, const sigset_t *signals)
{
	siginfo_t info;
	int code = 0;

	for (;;) {
		if (sigwaitinfo(signals, &info) < 0)
			continue; /* stopped and continued */
		if (info.si_signo != SIGCHLD)
			run_take_signal(run, &info);
		else if (run_reap(run, &code))
			return code;
	}
}

/* What is passed on to the command. Those that stop and continue do so to both. */
static void run_signals(sigset_t *signals)
{
	static const int passed[] = {SIGHUP,  SIGINT,  SIGQUIT,	 SIGTERM,
				     SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};

	(void)sigemptyset(signals);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		(void)sigaddset(signals, passed[i]);
}

/* The first try to register. A registry that is away is no reason not to start: TOOL_OK then. */
static int run_try(struct run *run)
{
	struct microreg_error error;

	run->lease = microreg_register(run->tool->registry, &run->me, &error);
	if (run->lease)
		return TOOL_OK;
	(void)fprintf(stderr, "microreg run: %s\n", error.text);
	if (error.code != MICROREG_TIMEOUT && error.code != MICROREG_UNREACHABLE &&
	    error.code != MICROREG_BAD_REPLY)
		return error.code == MICROREG_BAD_ARGUMENT ? TOOL_USAGE : TOOL_RUN;
	(void)fprintf(stderr, "microreg run: %s starts without; registering goes on being tried\n",
		      run->tool->words[0]);
	return TOOL_OK;
}

static int run_all(struct run *run)
{
	sigset_t signals;
	int code;

	run_signals(&signals);
	(void)pthread_sigmask(SIG_BLOCK, &signals, &run->before);
	code = run_try(run);
	if (code)
		return code;
	code = run_start(run);
	if (code) {
		(void)microreg_deregister(&run->lease, 0, NULL); /* NULL: harmless */
		return code;
	}
	if (pthread_create(&run->registrar, NULL, run_registrar, run) != 0) {
		(void)fprintf(stderr, "microreg run: can't start a thread\n");
		(void)kill(run->child, SIGTERM);
		return TOOL_SYSTEM;
	}
	code = run_wait(run, &signals);
	run_stop(run, 0, true);
	if (run->hurry) /* the registrar may wait for an answer yet: its lease expires */
		_exit(code);
	(void)pthread_join(run->registrar, NULL);
	return code;
}

int run_run(struct tool *tool)
{
	struct run run = {.tool = tool, .wait_ms = RUN_WAIT_DEFAULT_MS};
	pthread_condattr_t attributes;
	int code;

	if (!tool->given[TOOL_OPTION_SERVICE])
		return tool_usage(tool, "--service NAME is missing: what the command is one of");
	/* A check by default: it is `starting`, and gets no requests, until it listens. */
	code = registration_read(tool, tool->given[TOOL_OPTION_SERVICE], "tcp", &run.me);
	if (code == TOOL_OK)
		code = tool_duration(tool, TOOL_OPTION_WAIT, &run.wait_ms);
	if (code)
		return code;
	if (run.me.check.type && !run.me.check.interval_ms)
		run.me.check.interval_ms = 1000; /* soon after it listens */
	(void)pthread_mutex_init(&run.lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&run.changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	code = run_all(&run);
	(void)pthread_cond_destroy(&run.changed);
	(void)pthread_mutex_destroy(&run.lock);
	return code;
}
