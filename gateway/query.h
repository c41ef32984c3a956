/*
 * query: the parameters of a query string, as forms encode them: name=value
 * between '&', with %XX and '+' for a space. A broken escape stands for itself.
 */
#ifndef MICROREG_GATEWAY_QUERY_H
#define MICROREG_GATEWAY_QUERY_H

#include "gateway/http1_head.h"

/* Takes the next parameter off `rest`, still encoded; one without '=' has an empty value. False at
 * the end. */
bool query_next(struct span *rest, struct span *name, struct span *value);

/* True when the encoded text stands for `text`. */
bool query_equal(struct span encoded, const char *text);

/* The first parameter of that name: its value, still encoded. False: there is none. */
bool query_find(struct span query, const char *name, struct span *value);

/* Takes the next byte off a non-empty encoded text. */
unsigned char query_byte(struct span *encoded);

#endif
