/*
 * request_body: the body of a request, gathered and made into what the route's
 * `request.body` says, before the service is asked.
 *
 *   type? -> gathered -> transformed -> on as if it had come so
 */
#ifndef MICROREG_GATEWAY_REQUEST_BODY_H
#define MICROREG_GATEWAY_REQUEST_BODY_H

#include "gateway/exchange.h"

struct request_body;

/* False: there is nothing to be made, and the request goes on as it is. True: it is answered (415
 * for another type), or waits for its body, and `go_on` is called when x->sent is there; unless the
 * body is answered with 400 or 413. */
bool request_body_start(struct exchange *x, void (*go_on)(struct exchange *x));

/* Somebody else answers. Harmless with NULL. */
void request_body_cancel(struct request_body *r);
/* The same, and frees; leaves NULL. */
void request_body_free(struct request_body **r);

#endif
