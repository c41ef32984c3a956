/*
 * upgrade: which change of protocol a request asks for and its route allows,
 * and whether an instance has agreed to it (RFC 9110 7.8, RFC 6455). What
 * flows then is tunnel's.
 *
 * A 101 that nobody checks is a way past the routes: whoever can make an
 * instance say it, or make the gateway believe it was said, speaks to that
 * instance without a gateway. So only what a route allows is asked for, one
 * protocol at a time, and the answer has to name it; of a WebSocket it has to
 * prove that it read the request.
 */
#ifndef MICROREG_GATEWAY_UPGRADE_H
#define MICROREG_GATEWAY_UPGRADE_H

#include "common/settings_table.h"
#include "gateway/http1_head.h"

#include <stdbool.h>

enum { UPGRADE_ACCEPT_SIZE = 29 }; /* of 20 bytes in base64, and the NUL */

struct upgrade {
	const char *protocol;		  /* as the settings write it; NULL: none */
	char accept[UPGRADE_ACCEPT_SIZE]; /* Sec-WebSocket-Accept; "" for other protocols */
};

/* The first of `allowed` that the request offers, or none: nothing is offered, HTTP/1.0, a request
 * with a body (where its bytes end and the other protocol's begin is what smuggling is made of), or
 * `websocket` without what RFC 6455 4.1 wants of its request. The texts must outlive `upgrade`. */
void upgrade_choose(const struct settings_strings *allowed, const struct http1_head *request,
		    struct upgrade *upgrade);

/* Whether this 101 agrees to what was chosen. */
bool upgrade_is_agreed(const struct upgrade *upgrade, const struct http1_head *reply);

#endif
