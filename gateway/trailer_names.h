/*
 * trailer_names: which fields may stand in a trailer section that is passed on
 * (RFC 9110 6.5.1), by their names alone.
 *
 * There are programs that read trailer fields as if they were in the head. So
 * whatever a head is judged, stripped or given something by must not come after
 * it: what frames and routes, shows who asks, asks for or steers how something
 * is answered, describes the content, and what only the gateway says.
 */
#ifndef MICROREG_GATEWAY_TRAILER_NAMES_H
#define MICROREG_GATEWAY_TRAILER_NAMES_H

#include "common/span.h"

#include <stdbool.h>

enum { TRAILER_NAME_MAX = 64 }; /* a longer one is not passed */

/* "_" counts as "-", as it does for CGI and its like, and case does not count. */
bool trailer_name_passes(struct span name);

#endif
