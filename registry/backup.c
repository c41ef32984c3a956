/* backup: a thread per copy, joined before the next. */
#include "registry/backup.h"
#include "common/rpc.h"

#include <pthread.h>
#include <stdlib.h>

struct backup {
	struct store *store;
	pthread_mutex_t lock; /* guards the three below */
	pthread_t thread;
	bool busy;    /* a copy is being made */
	bool started; /* there is a thread to join */
	atomic_bool stop;
	/* The copy's; set before its thread starts. */
	void (*done)(void *arg, const char *file, const struct err *why);
	void *arg;
};

struct backup *backup_new(struct store *store)
{
	struct backup *b = calloc(1, sizeof(*b));

	if (b && pthread_mutex_init(&b->lock, NULL)) {
		free(b);
		return NULL;
	}
	if (b)
		b->store = store;
	return b;
}

void backup_free(struct backup **backup)
{
	struct backup *b = *backup;

	*backup = NULL;
	if (!b)
		return;
	atomic_store(&b->stop, true);
	if (b->started)
		(void)pthread_join(b->thread, NULL);
	(void)pthread_mutex_destroy(&b->lock); /* nobody holds it */
	free(b);
}

static void *backup_main(void *arg)
{
	struct backup *b = arg;
	struct err e = {.code = RPC_FAULT_STORE};
	char file[64];
	int r = store_backup(b->store, &b->stop, file, sizeof(file), &e);
	void (*done)(void *arg, const char *file, const struct err *why) = b->done;
	void *whom = b->arg;

	e.code = RPC_FAULT_STORE;
	/* Before the answer, so that whoever has it may ask for the next. */
	(void)pthread_mutex_lock(&b->lock);
	b->busy = false;
	(void)pthread_mutex_unlock(&b->lock);
	done(whom, r == 0 ? file : NULL, &e);
	return NULL;
}

int backup_start(struct backup *backup,
		 void (*done)(void *arg, const char *file, const struct err *why), void *arg,
		 struct err *e)
{
	int r = 0;

	(void)pthread_mutex_lock(&backup->lock);
	if (backup->busy) {
		r = err_code(e, RPC_FAULT_TOO_MANY, "a backup is being made; wait for its end");
		goto done;
	}
	if (backup->started)
		(void)pthread_join(backup->thread, NULL); /* it is only about to answer */
	backup->done = done;
	backup->arg = arg;
	backup->started = pthread_create(&backup->thread, NULL, backup_main, backup) == 0;
	backup->busy = backup->started;
	if (!backup->started)
		r = err_code(e, RPC_FAULT_STORE, "the system starts no more threads");
done:
	(void)pthread_mutex_unlock(&backup->lock);
	return r;
}
