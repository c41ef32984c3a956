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
 * for another type, 400 for two of them or where a body is expected), or waits for its body, and
 * `go_on` is called when x->sent is there; unless the body is answered with 400 or 413. A form or
 * a text may be empty. */
bool request_body_start(struct exchange *x, void (*go_on)(struct exchange *x));

/* Whether there is a body, or chunks that may come to one. */
bool request_body_is_there(const struct http1_head *request);

/* Whether its method is one of those that say something by their body: POST, PUT and PATCH. */
bool request_body_is_expected(const struct exchange *x);
#define REQUEST_BODY_MISSING "the request needs a body and has none"

/* Somebody else answers. Harmless with NULL. */
void request_body_cancel(struct request_body *r);
/* The same, and frees; leaves NULL. */
void request_body_free(struct request_body **r);

#endif
