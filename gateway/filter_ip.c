/* filter_ip: from which addresses the gateway, and the route, may be called. */
#include "gateway/caller.h"
#include "gateway/filter.h"
#include "gateway/worker.h"

enum filter_result filter_ip_run(struct exchange *x)
{
	const struct settings_ip *rules[] = {&x->table->table->settings->ip, &x->route->policy.ip};
	const struct caller *caller = caller_of(x);

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (caller_is_in(caller, &rules[i]->deny))
			return filter_deny(x, PROBLEM_FORBIDDEN,
					   i ? "the route's ip.deny has the address"
					     : "ip.deny has the address",
					   NULL);
		if (rules[i]->allow.count && !caller_is_in(caller, &rules[i]->allow))
			return filter_deny(x, PROBLEM_FORBIDDEN,
					   i ? "the route's ip.allow does not have the address"
					     : "ip.allow does not have the address",
					   NULL);
	}
	return FILTER_PASS;
}
