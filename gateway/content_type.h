/*
 * content_type: which type a request says that its body has, for those that
 * decide by it.
 */
#ifndef MICROREG_GATEWAY_CONTENT_TYPE_H
#define MICROREG_GATEWAY_CONTENT_TYPE_H

#include "gateway/http1_head.h"

#include <stdbool.h>

/* Without its parameters; len 0: it names none. False: it names two, in two fields or in one.
 * RFC 9110 8.3 leaves to each recipient which of them it takes, so nobody can tell what the
 * service would: such a request is to be refused where the type decides anything. */
bool content_type_find(const struct http1_head *head, struct span *type);

#endif
