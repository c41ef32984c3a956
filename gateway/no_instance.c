/* no_instance: looks at what the worker knows of the service, and for one of a similar name. */
#include "gateway/no_instance.h"
#include "client-lib/microreg.h"
#include "common/log.h"
#include "common/suggest.h"
#include "gateway/exchange.h"
#include "gateway/worker.h"

#include <string.h>

/* A name that the registry knows and that is near. */
static const char *no_instance_near(const struct worker *w, const char *name)
{
	struct suggest suggest = {.name = name};
	const struct microreg_service *s;
	size_t at = 0;

	while (w->snapshot && (s = microreg_snapshot_next(w->snapshot, &at)) != NULL)
		suggest_offer(&suggest, s->name);
	return suggest.best;
}

/* Of a service that has instances: one that is about to come up is not down. */
static const char *no_instance_statuses(const struct microreg_service *known)
{
	size_t starting = 0;

	for (size_t i = 0; i < known->count; i++)
		starting += strcmp(known->instances[i].status, "starting") == 0;
	if (starting == known->count)
		return "that none is up yet (starting)";
	return starting ? "that none is up, and some are starting"
			: "that all are down or draining";
}

static const char *no_instance_why(struct exchange *x, const char *name, bool told)
{
	struct worker *w = x->worker;
	const struct microreg_service *known =
		w->snapshot ? microreg_snapshot_find(w->snapshot, name) : NULL;
	const char *near = NULL, *why;

	if (x->forward.set->from_settings)
		return "none of the instances in the settings can be used";
	if (known)
		why = arena_printf(&x->arena, "the registry says %s",
				   known->count ? no_instance_statuses(known) : known->reason);
	else if (!w->gateway->registry || microreg_follow_wait(w->gateway->registry, 0, NULL) < 0)
		why = "the registry has not answered yet";
	else if (told && (near = no_instance_near(w, name)) != NULL)
		why = arena_printf(&x->arena,
				   "the registry knows no service \"%s\"; did you mean \"%s\"?",
				   name, near);
	else
		why = arena_printf(&x->arena, "the registry knows no service \"%s\"", name);
	return why ? why : "out of memory";
}

/* Is it time to say it again? */
static bool no_instance_is_told(struct service *service, uint64_t now)
{
	uint64_t told = atomic_load_explicit(&service->told_ms, memory_order_relaxed);

	return (!told || now >= told + NO_INSTANCE_TELL_MS) &&
	       atomic_compare_exchange_strong(&service->told_ms, &told, now);
}

/* The registry may know a hundred thousand names. To compare them all takes longer than any other
 * request, so it is done for the line in the log alone. */
const char *no_instance_reason(struct exchange *x)
{
	struct service *service = x->forward.set->service;
	bool told = no_instance_is_told(service, loop_now_ms(worker_loop(x->worker)));
	const char *why = no_instance_why(x, service->name, told);

	if (told)
		log_warn("service \"%s\": no instance for %s: %s", service->name,
			 x->route ? x->route->name : "a request", why);
	return why;
}
