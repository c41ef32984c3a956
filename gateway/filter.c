/* filter: the order of the policies. */
#include "gateway/filter.h"
#include "gateway/audit.h"
#include "gateway/client.h"
#include "gateway/gateway.h"
#include "gateway/identity.h"
#include "gateway/pipeline.h"
#include "gateway/respond.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

/* What is cheap and keeps most away comes first. */
static const struct filter {
	enum filter_result (*run)(struct exchange *x);
	enum stat denied;
	const char *name; /* in the audit */
} filters[POLICY_COUNT] = {
	[POLICY_IP] = {filter_ip_run, STAT_DENIED_IP, "ip"},
	[POLICY_CHECK] = {filter_check_run, STAT_DENIED_CHECK, "check"},
	[POLICY_CORS] = {filter_cors_run, STAT_DENIED_CORS, "cors"},
	[POLICY_LIMIT] = {filter_limit_run, STAT_DENIED_LIMIT, "limit"},
	[POLICY_AUTH] = {filter_auth_run, STAT_DENIED_AUTH, "auth"},
	[POLICY_ALLOW] = {filter_allow_run, STAT_DENIED_ALLOW, "allow"},
	[POLICY_LIMIT_CALLER] = {filter_limit_run, STAT_DENIED_LIMIT, "limit"},
};

enum filter_result filter_run(struct exchange *x)
{
	unsigned set = x->route->policy.set;

	for (; x->policy < POLICY_COUNT; x->policy++) {
		enum filter_result result;

		if (!(set & 1u << x->policy))
			continue;
		result = filters[x->policy].run(x);
		if (result != FILTER_PASS)
			return result;
	}
	return FILTER_PASS;
}

void filter_resume(struct exchange *x)
{
	struct client *client = x->client;

	x->unwait = NULL;
	client_enter(client);
	pipeline_resume(x);
	client_leave(client);
}

void filter_cancel(struct exchange *x)
{
	void (*unwait)(struct exchange *) = x->unwait;

	x->unwait = NULL;
	if (unwait)
		unwait(x);
}

static void filter_tell(struct exchange *x, const char *reason)
{
	const struct audit_entry entry = {.event = AUDIT_DENIED,
					  .client = caller_of(x)->text,
					  .consumer = x->identity ? x->identity->name
								  : (struct span){0},
					  .route = x->route->name,
					  .policy = filters[x->policy].name,
					  .reason = reason,
					  .request_id = x->id};

	audit_write(x->worker->gateway->audit, &entry);
}

void filter_count_denied(struct exchange *x, const char *reason)
{
	stats_inc(x->worker->stats, filters[x->policy].denied);
	filter_tell(x, reason);
	x->detail = reason;
}

enum filter_result filter_deny(struct exchange *x, enum problem problem, const char *reason,
			       const char *fields)
{
	filter_count_denied(x, reason);
	respond_problem(x, problem, NULL, fields);
	return FILTER_ANSWERED;
}
