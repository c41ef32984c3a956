/* method_edit: what the methods that change something share. For method_*.c only. */
#ifndef MICROREG_REGISTRY_METHOD_EDIT_H
#define MICROREG_REGISTRY_METHOD_EDIT_H

#include "registry/method.h"

/* Fills in what a registration did not say: the caller's address as host, host:port as id. -1 with
 * a fault that names `where`. */
int write_complete(const char *where, struct call *call, struct instance *in, struct err *e);

/* Tells the history that an older process was refused. */
void call_fenced(const struct call *call, const char *service, const char *id);

#endif
