/*
 * microreg: the client library of MicroReg, for services that register and
 * for programs that look services up.
 *
 * A service that stays registered while it runs:
 *
 *     #include <microreg.h>
 *     #include <stdio.h>
 *     #include <unistd.h>
 *
 *     int main(void)
 *     {
 *             struct microreg_options options = {.urls = "http://127.0.0.1:8000/RPC2"};
 *             struct microreg_registration me = {.service = "hello", .port = 9000};
 *             struct microreg_error error;
 *             struct microreg *registry = microreg_open(&options, &error);
 *             struct microreg_lease *lease = microreg_register(registry, &me, &error);
 *             if (!lease)
 *                     return fprintf(stderr, "%s\n", error.text), 1;
 *             pause(); // serve: the library keeps the lease alive
 *             microreg_deregister(&lease, 0, NULL);
 *             microreg_close(&registry);
 *     }
 *
 * Build with `cc hello.c $(pkg-config --cflags --libs microreg)`.
 *
 * Rules that hold for every function: any thread may call it with any handle
 * it has not closed; it never aborts, never raises a signal, never prints;
 * NULL handles are an error or harmless, as said; a call that asks the
 * registry returns within its deadline. Functions that fail return NULL or -1
 * and fill `error` (may be NULL) with a text that says what to do. xmlrpc-c's
 * bound on the size of a document, one for the whole program, is raised to
 * 32 MiB when it is lower.
 */
#ifndef MICROREG_H
#define MICROREG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MICROREG_API __attribute__((visibility("default")))

/* ---- Errors ---- */

enum microreg_code {
	MICROREG_OK = 0,
	MICROREG_BAD_ARGUMENT, /* the text names the argument, its value and what is allowed */
	MICROREG_NO_MEMORY,
	MICROREG_TIMEOUT,     /* no registry answered before the deadline */
	MICROREG_UNREACHABLE, /* no registry could be connected to */
	MICROREG_BAD_REPLY,   /* what answered is no MicroReg registry, or is broken */
	MICROREG_DENIED,      /* HTTP 401 or 403: the token is missing or may not do this */
	MICROREG_FENCED,      /* fault 409: a newer process has this instance's id */
	MICROREG_FAULT,	      /* any other fault of the registry: see `fault` */
	MICROREG_CLOSED,      /* the handle was being closed */
	MICROREG_UNKNOWN,     /* no such service in the snapshot or the registry */
};

struct microreg_error {
	enum microreg_code code;
	int fault;	/* the XML-RPC fault code when code is FAULT, FENCED or DENIED */
	char text[500]; /* NUL-terminated */
};

/* ---- The handle ---- */

enum microreg_log_level {
	MICROREG_LOG_DEBUG,
	MICROREG_LOG_INFO,
	MICROREG_LOG_WARN,
	MICROREG_LOG_ERROR
};

struct microreg_options {
	/* Registry addresses (http or https, at most 16), separated by commas or spaces, tried in
	 * this order, the one that answered last first. NULL: the environment's MICROREG_URL, else
	 * http://127.0.0.1:8000/RPC2. `http://any:TOKEN@host:8000/` works too. */
	const char *urls;
	const char *token; /* sent as a Bearer token; NULL: MICROREG_TOKEN, else none */
	/* Deadline of each call in milliseconds, retries on other addresses included: 10 to 600000;
	 * 0: 5000. With several addresses each has its share of it. */
	unsigned timeout_ms;
	/* What this program is called in the registry's list of watchers; NULL: host:pid. */
	const char *name;
	/* A file that keeps the followed services over a restart of this program. It is written
	 * at most 200 ms after a change, replaced by rename. NULL: none. */
	const char *snapshot_file;
	/* Called from the library's threads, never with a lock held; may call the library, but
	 * not microreg_close. The strings are borrowed for the call. */
	void (*on_log)(void *arg, enum microreg_log_level level, const char *text);
	/* Called after microreg_snapshot changed, from the watch thread. */
	void (*on_change)(void *arg);
	void *arg;
	const char *kind; /* what it is to the registry: "gateway"; NULL: "client" */
	/* For https, PEM files. The CAs that may have signed the registry's certificate; NULL: the
	 * environment's MICROREG_CA, else those of the system. */
	const char *ca_file;
	/* The certificate to show, and its key; NULL: none. */
	const char *cert_file, *key_file;
};

struct microreg;

/* Starts nothing on the network; a registry that is down is no error here. Strings are copied.
 * NULL on a bad option or no memory. */
MICROREG_API struct microreg *microreg_open(const struct microreg_options *options,
					    struct microreg_error *error);

/* Ends the threads within 100 ms, whatever the registry does, and frees the handle and its
 * leases; sets *registry to NULL. Instances that were not deregistered expire with their ttl.
 * Snapshots and lists that were taken stay valid until they are given back. */
MICROREG_API void microreg_close(struct microreg **registry);

/* The library's version, "MAJOR.MINOR.PATCH". */
MICROREG_API const char *microreg_version(void);

/* ---- Being registered ---- */

struct microreg_pair {
	const char *name, *value;
};

struct microreg_check {
	const char *type;		  /* "tcp" or "http"; NULL: no check */
	const char *path;		  /* for http; NULL: "/" */
	unsigned interval_ms, timeout_ms; /* 0: the registry's defaults */
	const char *status; /* for http: what is good, "200-299,401"; NULL: "200-399" */
};

/* Zero and NULL members mean the registry's default. */
struct microreg_registration {
	const char *service; /* [A-Za-z0-9_][A-Za-z0-9._-]{0,127} */
	uint16_t port;	     /* 1 to 65535 */
	const char *host;    /* default: the address the call comes from */
	const char *id;	     /* default: host:port */
	const char *scheme;  /* default: "http" */
	unsigned ttl_ms;     /* 1000 to 3600000, default 30000 */
	unsigned weight;     /* 1 to 1000, default 1 */
	const char *zone, *version;
	const char *const *tags;
	size_t tag_count;
	const struct microreg_pair *meta;
	size_t meta_count;
	const char *status; /* "up" (default), "starting", "draining", "maintenance", "down" */
	struct microreg_check check;
	const char *const *routes; /* "GET /orders/{id}" */
	size_t route_count;
};

struct microreg_lease;

/* Registers, then keeps the lease alive from a thread of the library until it is deregistered
 * or the handle closed; registers again by itself when the registry has lost it. Returns once
 * the registry has stored it, or NULL. Everything in `me` is copied, and checked before anything
 * is sent. A fault 409 here is a conflict that the text explains, say a route of another service.
 * `registry` NULL is an error that leaves `error` as it is when that already tells why, so that the
 * result of microreg_open need not be checked. */
MICROREG_API struct microreg_lease *microreg_register(struct microreg *registry,
						      const struct microreg_registration *me,
						      struct microreg_error *error);

enum microreg_lease_state {
	/* Not registered right now, say because another service has taken one of its routes
	 * meanwhile, which the log tells; the library keeps trying. */
	MICROREG_LEASE_LOST = 0,
	MICROREG_LEASE_HELD,
	MICROREG_LEASE_FENCED, /* another process has taken the id; the library has stopped */
};

MICROREG_API enum microreg_lease_state microreg_lease_state(const struct microreg_lease *lease);
/* The id the registry knows it by; borrowed, as long as the lease. */
MICROREG_API const char *microreg_lease_id(const struct microreg_lease *lease);

/* Tells the registry how busy this instance is, 0 to 100, with the next heartbeat. */
MICROREG_API void microreg_lease_set_load(struct microreg_lease *lease, unsigned load);

/* Sets the status of an instance of ours, with a reason for people (may be NULL). */
MICROREG_API int microreg_set_status(struct microreg_lease *lease, const char *status,
				     const char *reason, struct microreg_error *error);

/* Takes the instance out and frees the lease; *lease becomes NULL whatever happens. With
 * `wait_ms`, of which 60000 count at most, it returns when every gateway has stopped using the
 * instance, or after that time.
 * 0, or -1 when the registry could not be told (the instance then expires) or a newer process has
 * the id (MICROREG_FENCED). Returns within the options' timeout_ms and wait_ms. */
MICROREG_API int microreg_deregister(struct microreg_lease **lease, unsigned wait_ms,
				     struct microreg_error *error);

/* ---- Asking ---- */

struct microreg_instance {
	const char *id, *host, *scheme, *status, *zone, *version, *detail; /* never NULL */
	uint16_t port;
	unsigned weight;
	const char *const *tags;
	size_t tag_count;
	const struct microreg_pair *meta;
	size_t meta_count;
	const char *const *routes; /* that it claims at gateways: "GET /orders/{id}" */
	size_t route_count;
};

/* One service's instances at one revision. Immutable and counted: all threads may read it. */
struct microreg_service {
	const char *name;
	const char *revision;
	/* Why `instances` is empty: "unknown_service", "all_expired", …; else "". */
	const char *reason;
	bool held; /* the registry holds expiry back: some of these may be gone */
	const struct microreg_instance *instances;
	size_t count;
};

MICROREG_API const struct microreg_service *microreg_service_ref(const struct microreg_service *s);
/* Harmless with NULL; sets *s to NULL. */
MICROREG_API void microreg_service_unref(const struct microreg_service **s);

/* What to look up; zero and NULL members ask for anything. */
struct microreg_query {
	const char *service;
	const char *zone, *version;
	const char *const *tags;
	size_t tag_count;
	const char *const *status; /* default: "up" */
	size_t status_count;
};

/* Asks the registry now. The result is the caller's reference. */
MICROREG_API const struct microreg_service *microreg_lookup(struct microreg *registry,
							    const struct microreg_query *query,
							    struct microreg_error *error);

/* ---- Any method ---- */

enum microreg_type {
	MICROREG_TYPE_STRING = 0,
	MICROREG_TYPE_INT,
	MICROREG_TYPE_BOOL,
	MICROREG_TYPE_ARRAY,
	MICROREG_TYPE_STRUCT,
};

/* A value of XML-RPC, of the types that a registry uses. */
struct microreg_value {
	enum microreg_type type;
	const char *name;		    /* of a member of a struct; else NULL */
	const char *text;		    /* of a string: UTF-8 */
	int number;			    /* of an int; of a bool 0 or 1 */
	const struct microreg_value *items; /* of an array; the members of a struct */
	size_t count;
};

/* Calls any method of the registry, for what has no function of its own here: registry.services,
 * registry.stats, registry.backup … `param` is its one parameter, NULL for none; it may be nested
 * 16 deep. Waits at most the options' timeout_ms and `wait_ms`, which is at most 3600000. The
 * result is the caller's, freed by microreg_value_free; NULL on an error, where MICROREG_FAULT is
 * the registry's refusal. */
MICROREG_API const struct microreg_value *
microreg_call(struct microreg *registry, const char *method, const struct microreg_value *param,
	      unsigned wait_ms, struct microreg_error *error);

/* Frees a result whole, and sets *value to NULL. Not for parts of one. Harmless with NULL. */
MICROREG_API void microreg_value_free(const struct microreg_value **value);

/* The member of a struct with that name; NULL when there is none, or `value` is no struct or NULL.
 */
MICROREG_API const struct microreg_value *microreg_value_find(const struct microreg_value *value,
							      const char *name);

/* ---- Following ---- */

/* Keeps `service` (NULL: every service) current in the snapshot from now on, by a watch; more than
 * 16 by name are followed by one watch of all that keeps only those. Following twice is harmless.
 * Does not wait for the first answer; a snapshot file's content is there at once. Instances of
 * every status are in it, so check `status`; "down" only those that the registry's checks found
 * so, not those that were said to be. */
MICROREG_API int microreg_follow(struct microreg *registry, const char *service,
				 struct microreg_error *error);

/* Waits until the registry (or a snapshot file) has answered for all that is followed. 0, or -1
 * when `wait_ms` passed first. */
MICROREG_API int microreg_follow_wait(struct microreg *registry, unsigned wait_ms,
				      struct microreg_error *error);

/* A followed service's instances as last known, without asking anybody. The caller's reference;
 * NULL when nothing is known of it. A list once known is never replaced by an empty one without
 * a reason; and when a registry that is asked for everything does not know the service (it may have
 * lost its memory), the list stays, with `held` set. */
MICROREG_API const struct microreg_service *microreg_resolve(struct microreg *registry,
							     const char *service);

/* All followed services at one moment. Immutable and counted. */
struct microreg_snapshot;
MICROREG_API const struct microreg_snapshot *microreg_snapshot_ref(struct microreg *registry);
MICROREG_API void microreg_snapshot_unref(const struct microreg_snapshot **snapshot);
/* Borrowed from the snapshot; NULL when not known. */
MICROREG_API const struct microreg_service *
microreg_snapshot_find(const struct microreg_snapshot *snapshot, const char *service);
/* The services one after the other, in no order: start with *at = 0; NULL at the end. */
MICROREG_API const struct microreg_service *
microreg_snapshot_next(const struct microreg_snapshot *snapshot, size_t *at);

/* ---- Consumers, for gateways ---- */

/* Keeps the consumers that the registry knows current from now on, by a watch of its own, and in
 * `FILE.consumers` (mode 0600: it has hashes of secrets) beside the options' snapshot_file. Needs a
 * token of the role gateway; a registry that refuses is told to the log and asked again now and
 * then, and services are followed all the same. Following twice is harmless. Does not wait for the
 * first answer; a file's content is there at once. microreg_follow_wait waits for them, too, unless
 * they are refused; the options' on_change is called when they changed. */
MICROREG_API int microreg_follow_consumers(struct microreg *registry, struct microreg_error *error);

/* All consumers at one moment. Immutable and counted. */
struct microreg_consumers;
/* The caller's reference; NULL: nothing is known of them. Without asking anybody. */
MICROREG_API const struct microreg_consumers *microreg_consumers_ref(struct microreg *registry);
/* Harmless with NULL; sets *consumers to NULL. */
MICROREG_API void microreg_consumers_unref(const struct microreg_consumers **consumers);
/* A number that no other set of this process has; 0 for NULL. */
MICROREG_API uint64_t microreg_consumers_version(const struct microreg_consumers *consumers);
MICROREG_API size_t microreg_consumers_count(const struct microreg_consumers *consumers);
/* One of them, by name in order: the struct that registry.consumer_watch tells, of which only the
 * name was checked. Borrowed; NULL from the count on. */
MICROREG_API const struct microreg_value *
microreg_consumers_at(const struct microreg_consumers *consumers, size_t index);
/* True when the last call of that watch was answered. */
MICROREG_API bool microreg_consumers_current(struct microreg *registry);

/* What the watch is doing, for health pages. */
struct microreg_watch_status {
	bool connected;	      /* the last watch call was answered */
	char revision[40];    /* the newest seen */
	uint64_t answered_ms; /* milliseconds since the last answer; UINT64_MAX: never */
};
MICROREG_API void microreg_watch_status(struct microreg *registry,
					struct microreg_watch_status *status);

/* Tells the registry what a gateway has in flight and has seen fail (registry.report). Waits for
 * the answer. 0 or -1. */
struct microreg_use {
	const char *service, *id;
	unsigned in_flight, failures;
};
MICROREG_API int microreg_report(struct microreg *registry, const char *revision,
				 const struct microreg_use *uses, size_t count,
				 struct microreg_error *error);

/* What a caller has used of a quota in one day or month, UTC. */
struct microreg_quota {
	const char *name;   /* the quota's, at most 64 bytes */
	const char *key;    /* whose use it is, at most 160 bytes; no secret: it is stored */
	const char *period; /* "2026-01-31" or "2026-01" */
	unsigned used;	    /* since the last report that was answered; 0 only asks */
	unsigned quota;	    /* of how many */
	/* The answer: what all gateways together have used, which is on the registry's disk then.
	 * `counted` false: the registry does not keep it, see its limits.quotas. */
	unsigned total;
	bool counted;
};

struct microreg_report {
	const char *revision;		 /* as microreg_report's, with uses */
	const struct microreg_use *uses; /* NULL: those that were told last still hold */
	size_t count;
	/* A report that was not answered may be sent again, the same with the same sequence: it
	 * counts once. The sender is unique to the process; the sequence begins with 1 and grows.
	 */
	const char *sender;
	unsigned sequence;
	struct microreg_quota *quotas; /* at most 500, whose answers are filled in */
	size_t quota_count;
	unsigned gateways; /* the answer: how many are alive */
};

/* The same for quotas. */
MICROREG_API int microreg_report_quotas(struct microreg *registry, struct microreg_report *report,
					struct microreg_error *error);

#ifdef __cplusplus
}
#endif
#endif
