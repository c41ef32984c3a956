/* filter: the order of the policies. */
#include "gateway/filter.h"
#include "gateway/client.h"
#include "gateway/pipeline.h"
#include "gateway/respond.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

/* What is cheap and keeps most away comes first. */
static const struct filter {
	enum filter_result (*run)(struct exchange *x);
	enum stat denied;
} filters[POLICY_COUNT] = {
	[POLICY_IP] = {filter_ip_run, STAT_DENIED_IP},
	[POLICY_CHECK] = {filter_check_run, STAT_DENIED_CHECK},
	[POLICY_CORS] = {filter_cors_run, STAT_DENIED_CORS},
	[POLICY_LIMIT] = {filter_limit_run, STAT_DENIED_LIMIT},
	[POLICY_AUTH] = {filter_auth_run, STAT_DENIED_AUTH},
	[POLICY_ALLOW] = {filter_allow_run, STAT_DENIED_ALLOW},
	[POLICY_LIMIT_CALLER] = {filter_limit_run, STAT_DENIED_LIMIT},
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

void filter_count_denied(struct exchange *x, const char *reason)
{
	stats_inc(x->worker->stats, filters[x->policy].denied);
	x->detail = reason;
}

enum filter_result filter_deny(struct exchange *x, enum problem problem, const char *reason,
			       const char *fields)
{
	filter_count_denied(x, reason);
	respond_problem(x, problem, NULL, fields);
	return FILTER_ANSWERED;
}
