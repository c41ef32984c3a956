/*
 * claims: which service has which routes, as its live instances registered
 * them. Two services can't have one route: the same path, names of parameters
 * aside, and a method in common.
 *
 * The catalog's, and guarded by its lock. Instances of one service may claim
 * different routes; a route is free again when the last one that claims it is
 * gone.
 */
#ifndef MICROREG_REGISTRY_CLAIMS_H
#define MICROREG_REGISTRY_CLAIMS_H

#include "common/err.h"
#include "common/instance.h"

#include <stdbool.h>

struct claims;

/* NULL: out of memory. */
struct claims *claims_new(void);
void claims_free(struct claims **claims);

/* Makes room for what the instance claims, so that claims_count can't fail. -1 with
 * RPC_FAULT_FENCED, and the other owner in the text, when another service has one of it;
 * RPC_FAULT_STORE when memory is short. The room stays until claims_settle. */
int claims_reserve(struct claims *claims, const struct instance *in, struct err *e);

/* True when no live instance of its service claims one of its routes yet. */
bool claims_are_new(const struct claims *claims, const struct instance *in);

/* A live instance came, or went. Passes over what there is no room for. */
void claims_count(struct claims *claims, const struct instance *in, bool came);

/* All changes are counted: forgets what nobody claims, and room that nobody came to use. */
void claims_settle(struct claims *claims);

#endif
