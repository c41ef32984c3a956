/*
 * endpoint: one instance of a service as one worker sees it: where it is, its
 * idle connections, how it has been doing. Belongs to the worker's thread.
 *
 * An endpoint is counted: its set holds it while the instance is listed, and
 * every connection to it holds it too.
 */
#ifndef MICROREG_GATEWAY_ENDPOINT_H
#define MICROREG_GATEWAY_ENDPOINT_H

#include "gateway/service.h"
#include "gateway/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct tally;
struct upstream;
struct usage;
struct usages;
struct microreg_service;
struct endpoint_name;
struct ssl_session_st;
struct tls_origin;

/* Where an instance is, and what it is called. */
struct endpoint_place {
	const char *id;
	const char *host; /* a name, an address without brackets, or a Unix socket's path */
	uint16_t port;	  /* 0: of a Unix socket */
	bool https;
	unsigned weight; /* 0 is 1 */
};

struct endpoint {
	unsigned refs;
	char *id, *host;
	struct usage *usage; /* of the whole gateway; NULL: out of memory */
	/* What this worker counts of it, and of its service. NULL: nothing. */
	struct tally *tally, *service_tally;
	uint16_t port;
	bool https;
	unsigned weight;
	bool listed; /* still in its set */
	bool up;     /* its status in the registry allows new requests */
	bool near;   /* in the gateway's zone */
	/* The address when the host is a literal or a path; else length 0, and the name is
	 * resolved. */
	struct sockaddr_storage address;
	socklen_t address_len;
	struct settings_pool pool;
	struct tls_origin *tls;		/* how TLS is spoken now; NULL: not */
	struct ssl_session_st *session; /* the newest, to be taken up again; NULL: none */
	uint64_t told_ms;		/* when the log was told of its TLS; 0: never */
	struct upstream *idle;		/* newest first; pool.c's */
	unsigned idle_count;
	/* health.c's: */
	unsigned failures;	   /* in a row */
	unsigned overtaken;	   /* likewise */
	unsigned ejections;	   /* that are not forgotten yet … */
	uint64_t forget_from_ms;   /* … as of then, the end of the last one */
	uint64_t ejected_until_ms; /* 0: not ejected */
	/* balance.c's: */
	unsigned share;		/* of the requests, beside the others': its weight times 1 to 10 */
	uint64_t warm_since_ms; /* slow start began; 0: it is over */
};

/* NULL when out of memory. The caller's reference. */
struct endpoint *endpoint_new(const struct endpoint_place *place);
struct endpoint *endpoint_ref(struct endpoint *ep);
void endpoint_unref(struct endpoint **ep);

/* Takes over how connections are made and kept. A `tls` that is not the same (tls_origin_is_same)
 * ends the idle connections and the session of the one before. */
void endpoint_configure(struct endpoint *ep, const struct settings_pool *pool,
			struct tls_origin *tls);

/* A worker's endpoints of one service. */
struct endpoint_set {
	struct service *service; /* shared by all workers */
	unsigned worker;	 /* whose set it is */
	struct endpoint **items; /* in the registry's order, the same in every worker */
	size_t count;
	size_t up_count;
	bool panic;	    /* none is up, so those that are down count as up */
	size_t ejected;	    /* items that health.c has taken out */
	uint64_t review_ms; /* when the first of them may come back */
	unsigned active;    /* requests of this worker to the service, and those that are retries */
	unsigned retrying;
	/* What the settings say; `changed` since the lists below were built: */
	enum settings_balance_kind wanted;
	unsigned slow_start_ms;
	unsigned per_instance; /* requests under way at one; 0: any number */
	char *zone;	       /* the gateway's; NULL: none */
	struct settings_pool pool;
	struct tls_origin *tls; /* a reference; NULL: https instances can't be reached */
	bool sticky;
	uint8_t sticky_key[16];
	bool changed;
	enum settings_balance_kind balance; /* what they were built for, and are picked by */
	/* balance's, indexes into items: those that may be picked, and the algorithm's own list. */
	uint16_t *picks;
	size_t pick_count;
	uint16_t *schedule;
	size_t schedule_len;
	struct endpoint_name *names;	     /* balance_sticky's; as many as items, or NULL */
	uint64_t warm_next_ms;		     /* when shares grow; 0: none does */
	const struct microreg_service *from; /* what items were made of; a reference */
	const struct settings_service *from_settings;
};

void endpoint_set_init(struct endpoint_set *set, struct service *service);
void endpoint_set_fini(struct endpoint_set *set);

/* Takes over what the settings say about choosing and connecting; the next update builds by it. A
 * reference to `tls` is taken. -1: no memory. */
int endpoint_set_configure(struct endpoint_set *set, const struct settings_service *service,
			   const char *zone, struct tls_origin *tls);

/* Makes the set show `from` (NULL: nothing is known); endpoints that stay keep their connections
 * and their record. On no memory it stays as it was and -1 is returned. Does nothing when `from` is
 * what it shows. */
int endpoint_set_update(struct endpoint_set *set, const struct microreg_service *from,
			struct usages *usages, uint64_t now_ms);

/* Semantics: panic. True when no instance is up, and some are down by the registry's checks: a bad
 * guess beats a sure 503. What an administrator or its owner took out is in no such list, or has
 * another status. Any thread. NULL: false. */
bool endpoint_is_panic(const struct microreg_service *from);

/* The same from the `instances` of the settings. */
int endpoint_set_update_settings(struct endpoint_set *set, const struct settings_service *from,
				 struct usages *usages, uint64_t now_ms);

#endif
