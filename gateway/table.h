/*
 * table: what one reading of the settings file comes to: the settings, the
 * router over their routes, and the shared service behind each name.
 * Immutable and counted; a reload builds another and the workers swap.
 */
#ifndef MICROREG_GATEWAY_TABLE_H
#define MICROREG_GATEWAY_TABLE_H

#include "common/cidr.h"
#include "common/err.h"
#include "gateway/router.h"
#include "gateway/service.h"
#include "gateway/settings.h"

#include <stdatomic.h>

struct bridge_signatures;
struct consumers;
struct tallies;
struct tally;
struct tally_row;
struct gateway;
struct issuer;
struct openapi;
struct programs;
struct signer;
struct tls_door;
struct tls_origin;

struct table {
	atomic_uint refs;
	struct settings *settings;
	struct router *router;
	struct service **services; /* as settings->services */
	struct tally_row **rows;   /* as settings->routes; held */
	struct tallies *tallies;
	struct consumers *consumers;
	struct issuer **issuers; /* as settings->issuers */
	struct bridge_signatures *signatures;
	struct signer *signer;	     /* NULL: nothing is signed */
	uint64_t serial;	     /* of no other table */
	struct tls_door **doors;     /* as settings->listen; NULL: plain */
	struct tls_origin **origins; /* as settings->services; those without `tls` share one */
	struct programs *programs;
	struct openapi *openapi; /* NULL: no route shows it */
};

/* Takes the settings over, and what is shared from `gateway`: its services and issuers, also when
 * it fails. The caller's reference. */
struct table *table_new(struct settings *settings, const struct gateway *gateway, struct err *e);
/* A number for what no table and nothing else has had. Any thread. */
uint64_t table_next_serial(void);
struct table *table_ref(struct table *table);
void table_unref(struct table **table);

/* How TLS is spoken at this address, by the newest settings; NULL: it is not. */
struct tls_door *table_door(const struct table *table, const struct settings_address *address);

/* What a worker counts of a route of this table. */
struct tally *table_tally(const struct table *table, const struct settings_route *route,
			  unsigned worker);

/* The port that whoever asks at this address is sent on to, by the newest settings; 0: none. */
unsigned table_to_https(const struct table *table, const struct settings_address *address);

/* True when the peer is a proxy that may speak for others (trusted_proxies). */
bool table_trusts(const struct table *table, const struct sockaddr_storage *peer);

#endif
