/* settings_policy: a route's `ip`, and what of the policies is set in all. */
#include "gateway/settings_parts.h"

#include <string.h>

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

/* All the parameters by which credentials come. */
static void settings_gather_secrets(struct settings_reader *r, struct settings *s)
{
	size_t room = 0, n = 0;
	const char **names;

	for (size_t i = 0; i < s->route_count; i++)
		room += s->routes[i].policy.auth.count;
	names = settings_table_alloc(r, room, sizeof(*names));
	for (size_t i = 0; names && i < s->route_count; i++) {
		const struct settings_auth *auth = &s->routes[i].policy.auth;

		for (size_t k = 0; k < auth->count; k++) {
			const char *name = auth->methods[k].query;
			bool known = !name;

			for (size_t j = 0; j < n && !known; j++)
				known = strcmp(names[j], name) == 0;
			if (!known)
				names[n++] = name;
		}
	}
	s->secret_parameters = (struct settings_strings){names, n};
}

void settings_check_policies(struct settings_reader *r, struct settings *s,
			     struct settings_route *routes)
{
	settings_gather_secrets(r, s);
	for (size_t i = 0; i < s->route_count; i++) {
		struct settings_policy *policy = &routes[i].policy;

		if (settings_ip_is_set(&policy->ip) || settings_ip_is_set(&s->ip))
			policy->set |= 1u << POLICY_IP;
		if (policy->auth.count)
			policy->set |= 1u << POLICY_AUTH;
	}
}
