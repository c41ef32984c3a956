/*
 * resolver: host names to addresses without blocking, by c-ares on a loop.
 * Each worker has one. Answers are kept for their time to live, together with
 * the failures; one question at a time is asked for a name, however many wait.
 *
 * The system's settings hold: /etc/hosts first, then the servers and search
 * domains of /etc/resolv.conf as they were when the resolver was made.
 */
#ifndef MICROREG_GATEWAY_RESOLVER_H
#define MICROREG_GATEWAY_RESOLVER_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct loop;
struct resolver;
struct resolver_entry;

struct resolver_address {
	int family; /* AF_INET, AF_INET6 */
	unsigned char bytes[16];
};

enum resolver_status {
	RESOLVER_OK = 0,
	RESOLVER_WAITING,
	RESOLVER_NOT_FOUND, /* no such name, no address, or no host name at all */
	RESOLVER_TIMEOUT,
	RESOLVER_FAILED, /* servers fail or refuse, out of memory, too many names at once */
};

/* The addresses come sorted (RFC 6724: those that can't be reached from here last). They are
 * borrowed: good until the callback returns, or until the next call of the resolver. */
struct resolver_answer {
	enum resolver_status status;
	const struct resolver_address *addresses; /* of OK: at least one */
	size_t count;
	bool stale;	    /* too old, but nobody can say better now (RFC 8767) */
	const char *reason; /* for the log; static text; NULL when OK and not stale */
};

/* Who waits for a name; part of its owner, who sets `done` (and finds itself from the query). */
struct resolver_query {
	void (*done)(struct resolver_query *query, const struct resolver_answer *answer);
	struct resolver_query *next, **link; /* the resolver's; link NULL: not waiting */
};

struct resolver_options {
	const char *servers; /* "127.0.0.1:5353,[::1]:53"; NULL: the system's */
	unsigned try_ms;     /* 0: 1000; for one server's first answer, doubled for the second */
	unsigned timeout_ms; /* 0: 5000; for all of one lookup, however many servers and domains */
};

/* NULL when out of memory or descriptors, or the servers are malformed. `options` may be NULL. */
struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options,
			      struct err *e);
/* Queries that still wait are forgotten: their `done` is not called. Not from a `done`. */
void resolver_free(struct resolver **resolver);

/* Looks a host up: a literal address (no brackets), a name that is known, or one to be asked for.
 * WAITING: `done` will be called once, from the loop, never before this returns. Anything else:
 * `answer` is filled and `done` is not called. The query must not be waiting already. */
enum resolver_status resolver_lookup(struct resolver *resolver, const char *host,
				     struct resolver_query *query, struct resolver_answer *answer);

/* `done` will not be called any more. Harmless when not waiting. */
void resolver_cancel(struct resolver_query *query);

/* True for an IPv4 or IPv6 literal without brackets or zone; fills *address. */
bool resolver_literal(const char *host, struct resolver_address *address);

/* Fills *to for connect(2) and returns its length. */
socklen_t resolver_sockaddr(const struct resolver_address *address, uint16_t port,
			    struct sockaddr_storage *to);

#endif
