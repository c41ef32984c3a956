/* filter_allow: whether one of the route's rules holds for who asks and what is asked. */
#include "common/clock.h"
#include "gateway/auth.h"
#include "gateway/filter.h"
#include "gateway/route_action.h"
#include "gateway/rule.h"

enum { FILTER_ALLOW_TOLD = 400 }; /* bytes of the rules, in the log */

/* All of them failed, so all of them are the reason. */
static const char *filter_allow_reason(struct exchange *x)
{
	const struct settings_rules *allow = &x->route->policy.allow;
	const char *reason = "no rule of allow holds:";

	for (size_t i = 0; i < allow->count && reason; i++)
		reason = arena_printf(&x->arena, "%.*s%s \"%s\"", FILTER_ALLOW_TOLD, reason,
				      i ? "," : "", rule_text(allow->items[i]));
	return reason ? reason : "no rule of allow holds";
}

enum filter_result filter_allow_run(struct exchange *x)
{
	const struct settings_rules *allow = &x->route->policy.allow;
	struct template_values values = route_action_values(x);

	for (size_t i = 0; i < allow->count; i++) {
		const struct rule *rule = allow->items[i];

		if (rule_holds(rule, &values, rule_needs_time(rule) ? clock_wall_ms() : 0))
			return FILTER_PASS;
	}
	if (!x->identity && x->route->policy.auth.count)
		return auth_challenge(x, filter_allow_reason(x));
	return filter_deny(x, PROBLEM_FORBIDDEN, filter_allow_reason(x), NULL);
}
