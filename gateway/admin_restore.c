/* admin_restore: POST /services/NAME/instances/ID/restore: each worker takes the instance back. */
#include "common/clock.h"
#include "gateway/admin_json.h"
#include "gateway/admin_parts.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char admin_services[] = "/services/", admin_instances[] = "/instances/",
		  admin_restored[] = "/restore";

struct admin_restore {
	struct worker *worker;
	char service[ADMIN_NAME_MAX], instance[ADMIN_NAME_MAX];
};

/* An instance of the settings has slashes in its name. */
static bool admin_restore_read(const char *path, struct admin_restore *to)
{
	size_t len = strlen(path), tail = strlen(admin_restored), head = strlen(admin_services);
	const char *instance, *service = path + head;

	if (strncmp(path, admin_services, head) != 0 || len < head + tail ||
	    strcmp(path + len - tail, admin_restored) != 0)
		return false;
	instance = strstr(service, admin_instances);
	if (!instance || instance == service ||
	    instance + strlen(admin_instances) >= path + len - tail ||
	    instance - service >= ADMIN_NAME_MAX || len - head >= ADMIN_NAME_MAX)
		return false;
	(void)snprintf(to->service, sizeof(to->service), "%.*s", (int)(instance - service),
		       service);
	instance += strlen(admin_instances);
	(void)snprintf(to->instance, sizeof(to->instance), "%.*s",
		       (int)(path + len - tail - instance), instance);
	return true;
}

static void admin_restore_run(void *arg)
{
	struct admin_restore *restore = arg;

	worker_restore(restore->worker, restore->service, restore->instance);
	free(restore);
}

static bool admin_restore_post(struct worker *worker, const struct admin_restore *what)
{
	struct admin_restore *restore = malloc(sizeof(*restore));

	if (!restore)
		return false;
	*restore = *what;
	restore->worker = worker;
	if (worker_post_call(worker, admin_restore_run, restore) == 0)
		return true;
	free(restore);
	return false;
}

bool admin_restore_is(const char *path)
{
	struct admin_restore what;

	return admin_restore_read(path, &what);
}

void admin_restore(struct admin_change *c)
{
	const struct gateway *g = c->admin->gateway;
	size_t ready = atomic_load_explicit(&g->workers_ready, memory_order_acquire);
	struct admin_restore what = {0};
	struct tally_sum sum;

	if (!admin_restore_read(httpd_path(c->request), &what) ||
	    !tallies_read(stats_tallies(g->stats), TALLY_INSTANCE, what.service, what.instance,
			  clock_ms(), &sum)) {
		admin_change_fail(c, PROBLEM_NOT_THERE,
				  "no instance \"%.128s\" of a service \"%.128s\" has had a "
				  "request; see /services",
				  what.instance, what.service);
		return;
	}
	for (size_t i = 0; i < ready; i++)
		if (!admin_restore_post(g->workers[i], &what))
			admin_change_fail(c, PROBLEM_NO_MEMORY, "not every worker was told");
	admin_key_uint(&c->j, "was_ejected_by_workers", sum.ejectors);
	(void)snprintf(c->did, sizeof(c->did), "%s of %s, ejected by %u workers", what.instance,
		       what.service, sum.ejectors);
}
