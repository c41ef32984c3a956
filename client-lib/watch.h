/*
 * watch: keeps what is followed current: one thread with a long poll per
 * followed service, or one for all. watch_reply takes over what the registry
 * answers.
 */
#ifndef MICROREG_CLIENT_WATCH_H
#define MICROREG_CLIENT_WATCH_H

#include "client-lib/call.h"
#include "client-lib/handle.h"
#include "client-lib/pace.h"
#include "client-lib/snapshot.h"

enum {
	WATCH_WAIT_MS = 30000,	  /* how long the registry may hold a call */
	WATCH_LEAST_MS = 5,	  /* between two calls, whatever they are answered */
	WATCH_SINGLE_MAX = 16,	  /* more services than this are followed by one poll for all */
	WATCH_NAMES_MAX = 100000, /* that one handle may follow by name */
	WATCH_REVISION_MAX = 128,
	WATCH_SAVE_MS = 100, /* from a change to the snapshot file's writing */
};

/* One long poll. The watch thread owns it but for what the comment says. */
struct follow {
	char *service;		 /* NULL: all. Constant. */
	bool consumers;		 /* of consumers, not of services. Constant. */
	struct follow *next;	 /* under the lock; only the watch thread takes out */
	bool answered;		 /* under the lock: the registry or the file has said something */
	bool cancelled;		 /* under the lock: the thread drops it */
	struct carrier *carrier; /* NULL until first needed */
	xmlrpc_mem_block *body;	 /* while a call runs */
	bool running;
	bool quick; /* asks to be answered at once: to see whether the registry is there */
	unsigned address;
	unsigned tried; /* addresses that failed in a row */
	uint64_t deadline_ms, began_ms;
	struct pace pace;
	char revision[WATCH_REVISION_MAX + 1];
	struct microreg_snapshot
		*reset; /* what came since the registry began to say it all; or NULL */
	const struct microreg_consumers *partial; /* the same of consumers */
	bool held; /* the consumers that are known are not this registry's */
};

/* A file that is to be written. The watch thread's. */
struct watch_save {
	bool dirty; /* what is known is newer than the file */
	bool warned;
	uint64_t at_ms;
};

/* A name that is followed, for the poll of all. Never forgotten while the handle lives. */
struct watch_name;

struct watch {
	CURLM *multi; /* the thread's; any thread may wake it */
	pthread_t thread;
	/* Under the handle's lock. */
	struct follow *follows;
	struct watch_name *names; /* NULL and `all`: every name counts */
	size_t name_count;
	bool all;
	bool connected, consumers_connected;
	bool consumers_followed;
	char revision[WATCH_REVISION_MAX + 1];
	uint64_t answered_ms; /* 0: never */
	/* The thread's. */
	bool warned, consumers_warned, full_warned, bad_warned;
	struct watch_save save, consumers_save;
};

/* Takes over one answer of registry.watch: the follow's revision, the handle's snapshot. `*more`:
 * ask again at once. */
int watch_take_reply(struct microreg *m, struct follow *f, xmlrpc_value *result, bool *more,
		     struct microreg_error *e);

/* The same of registry.consumer_watch, and the handle's consumers. */
int watch_take_consumers(struct microreg *m, struct follow *f, xmlrpc_value *result, bool *more,
			 struct microreg_error *e);

/* The thread; `arg` is the handle. */
void *watch_run(void *arg);

void watch_forget_names(struct watch *w);

/* True when the name is followed, by itself or as one of all. With the lock. */
bool watch_has_name_locked(const struct watch *w, const char *name);

#endif
