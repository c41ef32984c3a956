/* respond_security: a bit for each field that is there already. */
#include "gateway/respond_security.h"
#include "gateway/http1_write.h"
#include "gateway/route_action.h"
#include "gateway/settings.h"
#include "gateway/worker.h"

#include <string.h>

static const struct settings_headers *respond_security(const struct exchange *x)
{
	return x->route ? &x->route->security : &x->table->table->settings->security;
}

bool respond_has_security(const struct exchange *x)
{
	return respond_security(x)->count > 0;
}

void respond_security_saw(struct exchange *x, struct span name)
{
	const struct settings_headers *headers = respond_security(x);

	for (size_t i = 0; i < headers->count; i++)
		if (http_equal_nocase(headers->items[i].name, strlen(headers->items[i].name),
				      name.at, name.len))
			x->security_seen |= 1u << i;
}

void respond_security_write(struct exchange *x, struct buf *out)
{
	const struct settings_headers *headers = respond_security(x);

	for (size_t i = 0; i < headers->count; i++) {
		const struct settings_header *item = &headers->items[i];

		if (x->security_seen & 1u << i ||
		    (x->route && route_action_drops(&x->route->reply_edits,
						    (struct span){item->name, strlen(item->name)})))
			continue;
		http1_write_field(out, item->name, item->value, strlen(item->value));
	}
}
