/*
 * route_action: what a route does to a request beside choosing its service:
 * rewriting the path, editing header fields. The texts come from the route's
 * templates.
 */
#ifndef MICROREG_GATEWAY_ROUTE_ACTION_H
#define MICROREG_GATEWAY_ROUTE_ACTION_H

#include "common/buf.h"
#include "gateway/exchange.h"
#include "gateway/template.h"

struct settings_edits;

/* Sets x->service, which the request goes to: the route's, or its turn of the split's. `client` is
 * the client's address; each gateway comes to the same service for it. */
void route_action_choose(struct exchange *x, struct span client);

/* The request as its service will get it: path and query rewritten, and the fields that the route
 * sets and adds, in x->extra. 0, or -1 with *reason as template_render says. */
int route_action_prepare(struct exchange *x, const char **reason);

/* What templates of this request stand for. */
struct template_values route_action_values(struct exchange *x);

/* A template for this request, in its arena. As above. */
int route_action_render(struct exchange *x, const struct template *t, struct span *text,
			const char **reason);

/* What a status of the service is answered as. */
unsigned route_action_status(const struct exchange *x, unsigned status);

/* The query without the parameter with which clients select fields, which is the gateway's; in the
 * arena. 0, or -1: that is spent. */
int route_action_strip(struct exchange *x, struct span *query);

/* True when the field is set or removed: what came of it is dropped. "_" counts as "-", as it does
 * for CGI and its like. */
bool route_action_drops(const struct settings_edits *edits, struct span name);
bool route_action_is_empty(const struct settings_edits *edits);

/* The fields that are set and added, each a line with its CRLF. Errors stick in the buf. */
void route_action_write(struct exchange *x, const struct settings_edits *edits, struct buf *out);

/* What the cache knows the service by: its name, and what else of the route changes what the
 * service is asked. In the arena; len 0 when that is spent. */
struct span route_action_cache_name(struct exchange *x);

#endif
