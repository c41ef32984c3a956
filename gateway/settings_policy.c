/* settings_policy: a route's `ip`, and what of the policies is set in all. */
#include "gateway/rule.h"
#include "gateway/settings_parts.h"

#include <string.h>

enum { SETTINGS_PARAMETERS_MAX = 64 };

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

/* ---- query_check ---- */

static const struct settings_key settings_query_keys[] = {
	{.name = "max_bytes",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_query_check, max_bytes),
	 .fallback = "8KiB",
	 .min = 1,
	 .max = 1 << 20,
	 .help = "How long it may be, as it is written; a longer one gets a 414"},
	{.name = "max_parameters",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_query_check, max_parameters),
	 .fallback = "100",
	 .max = 10000,
	 .help = "How many parameters it may have; more get a 400"},
	{.name = "allow",
	 .type = SETTINGS_STRINGS,
	 .at = offsetof(struct settings_query_check, allow),
	 .max = SETTINGS_PARAMETERS_MAX,
	 .form = "list of names, like `page`",
	 .fallback_shown = "any",
	 .help = "Names of its parameters, beside those of the route's `auth` and `fields`; others "
		 "get a 400 that names them"},
};

static void settings_query_done(struct settings_reader *r, const struct settings_node *map,
				void *out)
{
	struct settings_query_check *check = out;

	(void)r;
	check->given = map != NULL;
}

const struct settings_table settings_query_table = {SETTINGS_KEYS(settings_query_keys),
						    sizeof(struct settings_query_check),
						    settings_query_done};

/* ---- All of them ---- */

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

/* Consumers may have limits of their own. */
static bool settings_consumers_have_limits(const struct settings *s)
{
	if (s->registry.consumers)
		return true;
	for (size_t i = 0; i < s->consumer_count; i++)
		if (s->consumers[i].limits.count)
			return true;
	return false;
}

static bool settings_limits_need(const struct settings_limits_list *limits, bool caller)
{
	for (size_t i = 0; i < limits->count; i++)
		if (settings_limit_is_of_caller(&limits->items[i]) == caller)
			return true;
	return false;
}

/* A rule about who asks never holds where nobody is asked who they are. */
static void settings_check_allow(struct settings_reader *r, const struct settings_policy *policy,
				 const struct settings_node *route)
{
	const struct settings_node *at = route ? settings_node_get(route, "allow") : NULL;
	bool list = at && at->kind == SETTINGS_LIST;

	if (!at || policy->auth.count || settings_node_get(route, "auth") ||
	    policy->allow.count != (list ? at->count : 1)) /* else a mistake is noted */
		return;
	at = list ? at->first : at;
	for (size_t i = 0; i < policy->allow.count; i++, at = at->next)
		if (rule_needs_somebody(policy->allow.items[i]))
			settings_file_mistake(
				r->file, at,
				"\"%.100s\" never holds, since the route has no `auth` "
				"and so knows nobody; write `auth`, or remove the rule",
				rule_text(policy->allow.items[i]));
}

struct settings_callers {
	const struct settings *settings;
	const struct settings_auth *auth;
};

/* Scopes and claims are told by tokens, and by services that are asked. */
static bool settings_callers_have(const void *arg, const char *kind, struct span name)
{
	const struct settings_callers *callers = arg;
	const struct settings *s = callers->settings;

	if (strcmp(kind, "issuer") == 0) {
		for (size_t i = 0; i < s->issuer_count; i++)
			if (s->issuers[i].name && strlen(s->issuers[i].name) == name.len &&
			    memcmp(s->issuers[i].name, name.at, name.len) == 0)
				return true;
		return false;
	}
	for (size_t i = 0; i < callers->auth->count; i++)
		if (callers->auth->methods[i].kind == AUTH_JWT ||
		    callers->auth->methods[i].kind == AUTH_FORWARD)
			return true;
	return false;
}

/* Of what only the settings can bring. Which consumers and groups there are is no matter of this:
 * one that is removed must not keep the settings from being taken. */
static void settings_check_names(struct settings_reader *r, const struct settings *s,
				 const struct settings_policy *policy,
				 const struct settings_node *route)
{
	const struct settings_callers callers = {s, &policy->auth};
	const struct settings_node *at = route ? settings_node_get(route, "allow") : NULL;
	bool list = at && at->kind == SETTINGS_LIST;

	if (!at || !policy->auth.count || policy->allow.count != (list ? at->count : 1))
		return; /* else a mistake is noted */
	at = list ? at->first : at;
	for (size_t i = 0; i < policy->allow.count; i++, at = at->next) {
		struct span name;
		const char *kind = rule_find_strange(policy->allow.items[i], settings_callers_have,
						     &callers, &name);

		if (kind && *kind == 'i')
			settings_file_mistake(r->file, at,
					      "\"issuer:%.*s\": there is no issuer of that name; "
					      "write one of the `issuers`",
					      (int)name.len, name.at);
		else if (kind)
			settings_file_mistake(r->file, at,
					      "\"%s:%.*s\": nobody here has a %s, since `auth` "
					      "takes no token; add {jwt: ISSUER} or {forward: …} "
					      "to it, or remove the rule",
					      kind, (int)name.len, name.at, kind);
	}
}

/* They are compared without parameters, so these match nothing. */
static void settings_check_types(struct settings_reader *r, const struct settings_policy *policy,
				 const struct settings_node *route)
{
	static const struct {
		const char *name, *type;
	} short_names[] = {
		{"json", "application/json"},
		{"xml", "application/xml"},
		{"form", "application/x-www-form-urlencoded"},
		{"text", "text/plain"},
		{"html", "text/html"},
	};
	const struct settings_node *at = route ? settings_node_get(route, "content_types") : NULL;

	for (size_t i = 0; at && i < policy->content_types.count; i++) {
		const char *type = policy->content_types.items[i], *remedy = NULL;

		if (strchr(type, ';')) {
			settings_file_mistake(r->file, at,
					      "\"%.100s\": types are compared without parameters; "
					      "write what is before the semicolon",
					      type);
			continue;
		}
		if (strchr(type, '/') || strchr(type, '*'))
			continue;
		for (size_t k = 0; k < sizeof(short_names) / sizeof(short_names[0]); k++)
			if (strcmp(type, short_names[k].name) == 0)
				remedy = short_names[k].type;
		settings_file_mistake(r->file, at, "\"%.100s\" is no media type; write %s", type,
				      remedy ? remedy : "type/subtype, like image/png or image/*");
	}
}

/* Which policies a route has, of its own and of the top level. */
static void settings_check_policy(struct settings_reader *r, const struct settings *s,
				  struct settings_route *route, bool consumers)
{
	struct settings_policy *policy = &route->policy;
	bool known = policy->auth.count > 0;

	if (settings_ip_is_set(&policy->ip) || settings_ip_is_set(&s->ip))
		policy->set |= 1u << POLICY_IP;
	if (known)
		policy->set |= 1u << POLICY_AUTH;
	settings_cors_default(r, route);
	if (policy->cors.given)
		policy->set |= 1u << POLICY_CORS;
	if (policy->agents.allow.count || policy->agents.deny.count ||
	    policy->content_types.count || policy->query.given)
		policy->set |= 1u << POLICY_CHECK;
	if (policy->allow.count)
		policy->set |= 1u << POLICY_ALLOW;
	if (settings_limits_need(&policy->limits, false) ||
	    settings_limits_need(&s->rate_limits, false))
		policy->set |= 1u << POLICY_LIMIT;
	if (settings_limits_need(&policy->limits, true) ||
	    settings_limits_need(&s->rate_limits, true) || (known && consumers))
		policy->set |= 1u << POLICY_LIMIT_CALLER;
}

void settings_check_policies(struct settings_reader *r, struct settings *s,
			     struct settings_route *routes)
{
	const struct settings_node *list = settings_node_get(r->file->root, "routes");
	const struct settings_node *at = list ? list->first : NULL;
	bool consumers = settings_consumers_have_limits(s);

	settings_gather_secrets(r, s);
	for (size_t i = 0; i < s->route_count; i++, at = at ? at->next : NULL) {
		settings_check_allow(r, &routes[i].policy, at);
		settings_check_names(r, s, &routes[i].policy, at);
		settings_check_types(r, &routes[i].policy, at);
		settings_check_policy(r, s, &routes[i], consumers);
	}
	settings_check_policy(r, s, &s->default_route, consumers);
}
