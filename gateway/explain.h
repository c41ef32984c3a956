/*
 * explain: what the gateway would do with a request, in words for people:
 * the route that takes it, those that nearly do and why not, the service and
 * its instances. For the command line; no worker is needed.
 */
#ifndef MICROREG_GATEWAY_EXPLAIN_H
#define MICROREG_GATEWAY_EXPLAIN_H

#include "common/buf.h"
#include "common/err.h"
#include "gateway/settings.h"

/* The request is "GET /orders/7 Host:shop.example X-Canary:1"; without a method it is a GET. 1: a
 * route takes it; 0: none does, or the door refuses it; -1: the text is no request, or memory is
 * spent. Errors of writing stick in the buf. May block for a few seconds, since it asks the
 * registry. */
int explain(const struct settings *settings, const char *request, struct buf *out, struct err *e);

/* ---- between the files of explain ---- */

struct http1_head;
struct router;
struct span;
struct template_values;

/* Why the route does not take the request, each reason with a ", " before it but for the first;
 * nothing when it does. False: the route is so far off that nobody meant it. */
bool explain_route(const struct settings_route *route, const struct http1_head *request,
		   struct span path, struct buf *why);

/* What becomes of bodies and statuses. */
void explain_bodies(const struct settings_route *route, struct buf *out);
/* The calls of a composed route, and their services; the request's values fill what they know. */
void explain_compose(const struct settings *settings, const struct settings_route *route,
		     const struct template_values *values, struct buf *out);

/* The methods that the asked route offers, and the routes that take what they become. */
struct explain_asked {
	const struct settings_route *route;
	const struct http1_head *request;
};
void explain_rpc(const struct settings *settings, const struct router *router,
		 const struct explain_asked *asked, struct buf *out);

/* The service's instances, as the settings or the registry have them. */
void explain_service(const struct settings *settings, const struct settings_service *service,
		     struct buf *out);

/* What a request has to pass on that route, a line each. Errors stick in the buf. */
void explain_policy(const struct settings *settings, const struct settings_route *route,
		    struct buf *out);

/* With `registry_routes`: asks the registry which routes registrations bring, adds them to the
 * settings, and says which are left out. Waits for it a few seconds at most. */
void explain_add_claims(struct settings *settings, struct buf *out);

#endif
