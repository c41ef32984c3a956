/* view: conditions, one after the other. */
#include "gateway/view.h"
#include "gateway/exchange.h"
#include "gateway/identity.h"

#include <string.h>

/* The value holds the word, whatever its case. */
static bool view_has(struct span value, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= value.len; i++)
		if (http_equal_nocase(value.at + i, len, word, len))
			return true;
	return false;
}

/* What programs that fetch for others call themselves; and "Mobi" is what browsers agree on for
 * small screens. */
static enum settings_device view_device(const struct exchange *x)
{
	static const char *const bots[] = {"bot", "crawl", "spider", "slurp"};
	const struct http1_field *agent = http1_head_find_text(&x->request, "User-Agent");

	if (!agent)
		return DEVICE_ANY;
	for (size_t i = 0; i < sizeof(bots) / sizeof(bots[0]); i++)
		if (view_has(agent->value, bots[i]))
			return DEVICE_BOT;
	return view_has(agent->value, "Mobi") ? DEVICE_MOBILE : DEVICE_DESKTOP;
}

static bool view_is_of_group(const struct exchange *x, const struct settings_strings *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		if (identity_is_of_group(x->identity,
					 (struct span){groups->items[i], strlen(groups->items[i])}))
			return true;
	return false;
}

static bool view_fits(const struct exchange *x, const struct settings_view *view)
{
	const struct http1_head *request = &x->request;

	for (size_t i = 0; i < view->headers.count; i++)
		if (!router_header_is_there(request, &view->headers.items[i]))
			return false;
	for (size_t i = 0; i < view->query.count; i++)
		if (!router_query_is_there(request, &view->query.items[i]))
			return false;
	if (view->device != DEVICE_ANY && view->device != view_device(x))
		return false;
	return !view->groups.count || view_is_of_group(x, &view->groups);
}

const struct settings_view *view_choose(const struct exchange *x)
{
	const struct settings_route *route = x->route;

	for (size_t i = 0; i < route->view_count; i++)
		if (view_fits(x, &route->views[i]))
			return &route->views[i];
	return NULL;
}

const char *view_vary(struct exchange *x)
{
	const struct settings_route *route = x->route;
	const char *names = "";
	bool device = false;

	for (size_t i = 0; i < route->view_count; i++) {
		const struct settings_view *view = &route->views[i];

		device |= view->device != DEVICE_ANY;
		for (size_t k = 0; k < view->headers.count && names; k++)
			names = arena_printf(&x->arena, "%s%s%s", names, *names ? ", " : "",
					     view->headers.items[k].name);
	}
	if (device && names)
		names = arena_printf(&x->arena, "%s%sUser-Agent", names, *names ? ", " : "");
	return names && *names ? arena_printf(&x->arena, "Vary: %s\r\n", names) : NULL;
}
