/* explain_policy: what a request has to pass before its service sees it, in the order it does. */
#include "gateway/explain.h"
#include "gateway/rule.h"
#include "gateway/settings.h"

#include <inttypes.h>

static void explain_ip(const struct settings_ip *ip, const char *whose, struct buf *out)
{
	if (ip->allow.count || ip->deny.count)
		(void)buf_printf(out, "ip%s: %zu networks allowed, %zu denied\n", whose,
				 ip->allow.count, ip->deny.count); /* sticks, here and below */
}

static void explain_limits(const struct settings_limits_list *limits, const char *whose,
			   struct buf *out)
{
	static const char *const whom[] = {
		[LIMIT_BY_ADDRESS] = "address", [LIMIT_BY_CONSUMER] = "consumer",
		[LIMIT_BY_KEY] = "key",		[LIMIT_BY_HEADER] = "header ",
		[LIMIT_BY_ROUTE] = "route",	[LIMIT_BY_SERVICE] = "service",
		[LIMIT_BY_ALL] = "all",
	};

	for (size_t i = 0; i < limits->count; i++) {
		const struct settings_limit *limit = &limits->items[i];
		const char *header = limit->header ? limit->header : "";

		if (limit->kind == LIMIT_QUOTA)
			(void)buf_printf(out,
					 "limit%s: \"%s\", %u each %s by %s%s, at all gateways\n",
					 whose, limit->name, limit->rate,
					 limit->period == PERIOD_MONTH ? "month" : "day",
					 whom[limit->by], header);
		else if (limit->kind == LIMIT_CONCURRENT)
			(void)buf_printf(out, "limit%s: \"%s\", %u at once by %s%s\n", whose,
					 limit->name, limit->rate, whom[limit->by], header);
		else
			(void)buf_printf(out, "limit%s: \"%s\", %u in %u ms by %s%s\n", whose,
					 limit->name, limit->rate, limit->per_ms, whom[limit->by],
					 header);
	}
}

static void explain_forward(const struct settings_forward *forward, struct buf *out)
{
	(void)buf_printf(out, "  %s is asked: %s %s, within %u ms", forward->service_name,
			 forward->method_text, forward->path_text, forward->timeout_ms);
	if (forward->ttl_ms)
		(void)buf_printf(out, "; a yes counts %u ms, a no %u ms, for the %s by",
				 forward->ttl_ms, forward->refused_ms,
				 forward->per == FORWARD_PER_ROUTE ? "route" : "same request");
	for (size_t i = 0; i < forward->by_count; i++)
		(void)buf_printf(out, "%s %s %s", i ? " and" : "",
				 forward->by[i].cookie ? "cookie" : "header", forward->by[i].name);
	(void)buf_puts(out, "\n");
}

static void explain_auth(const struct settings *settings, const struct settings_auth *auth,
			 struct buf *out)
{
	static const char *const names[AUTH_KIND_COUNT] = {
		[AUTH_KEY] = "key",	     [AUTH_JWT] = "jwt ",
		[AUTH_BASIC] = "basic",	     [AUTH_CERTIFICATE] = "certificate",
		[AUTH_FORWARD] = "forward ",
	};

	if (!auth->count)
		return;
	(void)buf_puts(out, auth->all ? "auth: all of" : "auth:");
	for (size_t i = 0; i < auth->count; i++) {
		const struct settings_auth_method *method = &auth->methods[i];

		(void)buf_printf(out, "%s %s%s", i ? (auth->all ? " and" : " or") : "",
				 names[method->kind],
				 method->issuer_name ? method->issuer_name
				 : method->forward   ? method->forward->service_name
						     : "");
	}
	(void)buf_puts(out, auth->optional ? ", or nobody\n" : "\n");
	for (size_t i = 0; i < auth->count; i++)
		if (auth->methods[i].forward)
			explain_forward(auth->methods[i].forward, out);
	(void)buf_printf(out, "consumers: %zu of the settings%s\n", settings->consumer_count,
			 settings->registry.consumers ? ", and those of the registry" : "");
}

void explain_policy(const struct settings *settings, const struct settings_route *route,
		    struct buf *out)
{
	const struct settings_policy *policy = &route->policy;

	explain_ip(&settings->ip, " of the gateway", out);
	explain_ip(&policy->ip, "", out);
	if (policy->agents.allow.count || policy->agents.deny.count)
		(void)buf_printf(out, "user_agents: %zu patterns allowed, %zu denied\n",
				 policy->agents.allow.count, policy->agents.deny.count);
	for (size_t i = 0; i < policy->content_types.count; i++)
		(void)buf_printf(out, "content type: %s\n", policy->content_types.items[i]);
	if (policy->query.given)
		(void)buf_printf(out, "query: at most %" PRIu64 " bytes and %u parameters%s\n",
				 policy->query.max_bytes, policy->query.max_parameters,
				 policy->query.allow.count ? ", of those that are listed" : "");
	if (route->body_check)
		(void)buf_printf(out, "body: JSON is checked before it is sent on%s\n",
				 route->body_check == BODY_JSON ? "; POST, PUT and PATCH need one"
								: "");
	if (policy->cors.given)
		(void)buf_printf(out, "cors: %s\n",
				 policy->cors.any ? "any origin" : "listed origins");
	explain_limits(&settings->rate_limits, " of the gateway", out);
	explain_limits(&policy->limits, "", out);
	explain_auth(settings, &policy->auth, out);
	if (settings->sign.key_file)
		(void)buf_printf(out, "signed: who asks and what is asked, in %s\n",
				 settings->sign.header);
	for (size_t i = 0; i < policy->allow.count; i++)
		(void)buf_printf(out, "%s %s\n",
				 i ? "    or" : "allow:", rule_text(policy->allow.items[i]));
}
