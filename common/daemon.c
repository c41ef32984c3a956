/* daemon: exit codes and signals of both programs. */
#include "common/daemon.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

static const struct daemon_exit_row {
	int code;
	unsigned programs;
	const char *meaning;
} daemon_exit_rows[] = {
#define DAEMON_ROW(name, code, programs, meaning) {code, programs, meaning},
	DAEMON_EXITS(DAEMON_ROW)
#undef DAEMON_ROW
};

enum { DAEMON_EXIT_ROWS = sizeof(daemon_exit_rows) / sizeof(daemon_exit_rows[0]) };

void daemon_print_exits(FILE *out, enum daemon_program program)
{
	for (size_t i = 0; i < DAEMON_EXIT_ROWS; i++)
		if (daemon_exit_rows[i].programs & (unsigned)program)
			(void)fprintf(out, "  %d  %s\n", daemon_exit_rows[i].code,
				      daemon_exit_rows[i].meaning);
}

void daemon_print_reference(struct buf *out, enum daemon_program program)
{
	(void)buf_puts(out, "| code | meaning |\n|---|---|\n");
	for (size_t i = 0; i < DAEMON_EXIT_ROWS; i++)
		if (daemon_exit_rows[i].programs & (unsigned)program)
			(void)buf_printf(out, "| %d | %s |\n", daemon_exit_rows[i].code,
					 daemon_exit_rows[i].meaning);
}

int daemon_signals(void)
{
	static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	(void)sigemptyset(&set); /* can't fail on our own set */
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		(void)sigaddset(&set, taken[i]);
	/* SIGXFSZ: a limit of file sizes is a disk that is full, which is no reason to die. */
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) || sigaction(SIGPIPE, &ignore, NULL) < 0 ||
	    sigaction(SIGXFSZ, &ignore, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

unsigned long daemon_raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return 0;
	if (files.rlim_cur < files.rlim_max) {
		rlim_t before = files.rlim_cur;

		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			files.rlim_cur = before;
	}
	return (unsigned long)files.rlim_cur;
}
