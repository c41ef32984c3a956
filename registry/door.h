/*
 * door: the registry's doors: /RPC2 and / for XML-RPC, /health, /metrics,
 * and a page that tells what this is.
 */
#ifndef MICROREG_REGISTRY_DOOR_H
#define MICROREG_REGISTRY_DOOR_H

#include "common/buf.h"
#include "common/err.h"
#include "common/httpd.h"
#include "registry/registry.h"

#include <stdint.h>

struct door;
struct inherited;

struct door_options {
	const char *address; /* a literal */
	uint16_t port;
	struct inherited *inherited; /* where a socket for the address may lie; NULL: open one */
	unsigned threads, connections_max, connections_per_address;
	unsigned calls_per_address; /* a second; 0: any number */
	struct httpd_tls tls;	    /* taken */
};

struct door *door_start(struct registry *registry, const struct door_options *options,
			struct err *e);
uint16_t door_port(const struct door *door);

/* As httpd_set_tls. */
int door_set_tls(struct door *door, const struct httpd_tls *tls, struct err *e);

/* From now on calls are answered 503; returns when none is being started any more. */
void door_close(struct door *door);
/* After everything that answers suspended calls has ended. */
void door_stop(struct door **door);

#endif
