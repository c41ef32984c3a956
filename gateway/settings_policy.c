/* settings_policy: a route's `ip`, and what of the policies is set in all. */
#include "gateway/settings_parts.h"

static const struct settings_key settings_ip_keys[] = {
	{.name = "allow",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_ip, allow),
	 .custom = settings_read_networks,
	 .form = "list of networks, like `10.0.0.0/8`",
	 .fallback_shown = "all",
	 .help = "Who may; all others get a 403"},
	{.name = "deny",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_ip, deny),
	 .custom = settings_read_networks,
	 .form = "list of networks, like `10.0.0.0/8`",
	 .help = "Who may not, also when `allow` has them"},
};

const struct settings_table settings_ip_table = {SETTINGS_KEYS(settings_ip_keys),
						 sizeof(struct settings_ip), NULL};

static bool settings_ip_is_set(const struct settings_ip *ip)
{
	return ip->allow.count || ip->deny.count;
}

void settings_check_policies(struct settings *s, struct settings_route *routes)
{
	for (size_t i = 0; i < s->route_count; i++) {
		struct settings_policy *policy = &routes[i].policy;

		if (settings_ip_is_set(&policy->ip) || settings_ip_is_set(&s->ip))
			policy->set |= 1u << POLICY_IP;
	}
}
