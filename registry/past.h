/*
 * past: services as they were, as far back as the history goes: what is there
 * now, less what has changed since, plus what was there before those changes.
 */
#ifndef MICROREG_REGISTRY_PAST_H
#define MICROREG_REGISTRY_PAST_H

#include "registry/catalog.h"
#include "registry/registry.h"
#include "registry/store.h"

/* A revision as answers tell it, or a time (RFC 3339), as text; -1 with a fault that names `where`
 * when it is neither, or not kept. May block for the disk, as the other does. */
int past_parse(struct registry *registry, const char *where, const char *text, uint64_t *revision,
	       struct err *e);

/* The instances of a service at that revision; the caller's reference. NULL with a fault. */
const struct catalog_view *past_look(struct registry *registry, const char *service,
				     uint64_t revision, struct err *e);

#endif
