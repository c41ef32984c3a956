/*
 * programs: the jq programs of a table, compiled once for each worker, since
 * no two threads may run one. They live as long as the table.
 */
#ifndef MICROREG_GATEWAY_PROGRAMS_H
#define MICROREG_GATEWAY_PROGRAMS_H

#include "common/err.h"
#include "gateway/jq.h"

struct programs;
struct settings;

/* May take tens of milliseconds for each program and worker. */
struct programs *programs_new(const struct settings *settings, struct err *e);
void programs_free(struct programs **programs);

/* The worker's own; NULL when it ran out of memory once, or is none of the settings'. */
struct jq *programs_get(const struct programs *programs, size_t program, unsigned worker);
/* It ran out of memory: it is left as it is. For its worker. */
void programs_give_up(struct programs *programs, size_t program, unsigned worker);

#endif
