/* respond_redirect: answers that send the client elsewhere. */
#include "gateway/client.h"
#include "gateway/respond.h"
#include "gateway/route_action.h"
#include "gateway/template.h"

#include <stdio.h>
#include <string.h>

void respond_redirect(struct exchange *x)
{
	const struct settings_redirect *redirect = &x->route->redirect;
	struct span query = x->request.query, to;
	const char *reason, *location;
	struct buf fields;

	if (route_action_render(x, redirect->to, &to, &reason) < 0) {
		respond_problem(x, reason ? PROBLEM_BAD_REQUEST : PROBLEM_NO_MEMORY, reason, NULL);
		return;
	}
	buf_init(&fields, 256 << 10);
	(void)buf_puts(&fields, "Location: "); /* failure sticks, here and below */
	(void)buf_append(&fields, to.at, to.len);
	if (query.len && !template_has_query(redirect->to))
		template_append_query(&fields, query);
	(void)buf_puts(&fields, "\r\n");
	location = buf_str(&fields);
	if (location)
		respond_empty(x, redirect->status, location);
	else
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
	buf_fini(&fields);
}

/* The authority without its port (RFC 3986 3.2). */
static struct span respond_host(struct span authority)
{
	const char *colon = authority.len ? memrchr(authority.at, ':', authority.len) : NULL;

	if (colon && !memchr(colon, ']', authority.len - (size_t)(colon - authority.at)))
		authority.len = (size_t)(colon - authority.at);
	return authority;
}

void respond_to_https(struct exchange *x, unsigned port)
{
	struct span host = respond_host(x->request.authority), query = x->request.query;
	struct span path = x->request.asterisk ? (struct span){"/", 1} : x->request.path;
	char number[16] = "";
	const char *location;

	if (!host.len) { /* of HTTP/1.0 */
		respond_problem(x, PROBLEM_BAD_REQUEST,
				"here one is sent on to https, but no Host says where", NULL);
		return;
	}
	if (port != 443)
		(void)snprintf(number, sizeof(number), ":%u", port);
	location = arena_printf(&x->arena, "Location: https://%.*s%s%.*s%s%.*s\r\n", (int)host.len,
				host.at, number, (int)path.len, path.at,
				x->request.has_query ? "?" : "", (int)query.len,
				query.len ? query.at : "");
	if (location)
		respond_empty(x, 308, location);
	else
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
}
