/*
 * blame: which instances gateways saw failing in the last minute, for people
 * who look: in memory only, no revision changes, nobody is woken.
 *
 * Any thread. All functions are harmless with NULL, which is what there is in
 * a registry that does not count.
 */
#ifndef MICROREG_REGISTRY_BLAME_H
#define MICROREG_REGISTRY_BLAME_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BLAME_MAX = 4096, /* instances; of more the failures are not noted */
	BLAME_PERIOD_MS = 30000,
};

struct blame;

struct blame *blame_new(void); /* NULL: no memory */
void blame_free(struct blame **blame);

/* A gateway saw so many failures of an instance since it last reported. */
void blame_note(struct blame *blame, const char *service, const char *id, unsigned failures,
		uint64_t now_ms);

/* True when some instance of the service has failures. No lock while nobody has any. */
bool blame_has(struct blame *blame, const char *service, uint64_t now_ms);

/* Failures in this half of a minute and the one before. */
unsigned blame_count(struct blame *blame, const char *service, const char *id, uint64_t now_ms);

#endif
