/* explain_bodies: what a route makes of bodies and statuses, in words. */
#include "gateway/explain.h"
#include "gateway/jq.h"

#include <inttypes.h>

static const char *explain_format(enum body_format format)
{
	static const char *const words[] = {[FORMAT_BY_TYPE] = "what its Content-Type says",
					    [FORMAT_JSON] = "JSON",
					    [FORMAT_XML] = "XML",
					    [FORMAT_FORM] = "a form",
					    [FORMAT_TEXT] = "text"};

	return words[format];
}

static void explain_statuses(const struct settings_statuses *statuses, struct buf *out)
{
	for (size_t i = 0; i < statuses->count; i++) {
		const struct settings_status *status = &statuses->items[i];

		if (i)
			(void)buf_puts(out, ", "); /* failures stick, here and below */
		if (status->first == status->last)
			(void)buf_printf(out, "%u", status->first);
		else
			(void)buf_printf(out, "%uxx", status->first / 100);
		if (status->to)
			(void)buf_printf(out, " as %u", status->to);
	}
}

static void explain_body(const struct settings_body *body, struct buf *out)
{
	(void)buf_printf(out, "from %s", explain_format(body->from));
	if (body->program.text)
		(void)buf_printf(out, ", by a program of jq in %s",
				 jq_text_is_tame(body->program.text)
					 ? "the worker while the body is small"
					 : "a process of its own, since it may run long");
	if (body->text)
		(void)buf_printf(out, ", to a text of %s\n", body->type);
	else
		(void)buf_printf(out, ", to %s\n", explain_format(body->to));
}

void explain_bodies(const struct settings_route *route, struct buf *out)
{
	const struct settings_body *request = &route->request_edits.body;
	const struct settings_body *reply = &route->reply_edits.body;

	if (request->given) {
		(void)buf_printf(out,
				 "request body: gathered, at most %" PRIu64 " bytes, and made ",
				 route->limits.body_bytes);
		explain_body(request, out);
	}
	if (route->reply_edits.statuses.count) {
		(void)buf_puts(out, "status: ");
		explain_statuses(&route->reply_edits.statuses, out);
		(void)buf_puts(out, "\n");
	}
	if (reply->given) {
		(void)buf_printf(out, "reply body: gathered, at most %" PRIu64 " bytes, of ",
				 route->limits.reply_bytes);
		if (reply->on.count)
			explain_statuses(&reply->on, out);
		else
			(void)buf_puts(out, "2xx");
		(void)buf_puts(out, ", and made ");
		explain_body(reply, out);
	}
	for (size_t i = 0; i < route->view_count; i++)
		(void)buf_printf(out, "view: %s, where its conditions are met\n",
				 route->views[i].name);
	if (route->fields.given)
		(void)buf_printf(out, "fields: ?%s= selects at most %u names of a JSON answer\n",
				 route->fields.param, route->fields.max);
}
