/* fields_select: the selection in a request's query. */
#include "gateway/exchange.h"
#include "gateway/fields.h"
#include "gateway/query.h"
#include "gateway/respond.h"
#include "gateway/route_action.h"

#include <errno.h>

bool fields_select(struct exchange *x, const struct fields **fields)
{
	const struct settings_fields *settings = &x->route->fields;
	struct span query = route_action_values(x).query, value;
	struct err e = {0};
	size_t len = 0;
	char *text;

	*fields = NULL;
	if (!query_find(query, settings->param, &value) || !value.len)
		return true;
	text = arena_alloc(&x->arena, value.len);
	while (text && value.len)
		text[len++] = (char)query_byte(&value);
	if (text)
		*fields = fields_parse(&x->arena, (struct span){text, len}, settings->max, &e);
	if (*fields)
		return true;
	if (!text || e.code == ENOMEM)
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
	else
		respond_problem(x, PROBLEM_BAD_REQUEST,
				arena_printf(&x->arena, "%s: %s", settings->param, e.text), NULL);
	return false;
}
