/* verdict: what the checker found out about an instance, for the writer. */
#ifndef MICROREG_REGISTRY_VERDICT_H
#define MICROREG_REGISTRY_VERDICT_H

#include "registry/edit.h"

/* The statuses that an HTTP check of it takes for good. */
const char *verdict_expected(const struct record *record);

/* EDIT_CHECK or EDIT_FORGET. With `failed`: it answered `status`; 0: not at all. What can't be
 * submitted now is found out again by the next check. */
void verdict_submit(struct writer *writer, const struct record *record, enum edit_kind kind,
		    bool failed, unsigned status);

#endif
