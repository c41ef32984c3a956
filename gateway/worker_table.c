/* worker_table: a table as one worker uses it: counted, on the worker's thread alone. */
#include "gateway/roster.h"
#include "gateway/worker.h"

#include <stdlib.h>
#include <string.h>

struct worker_table *worker_table_alloc(struct table *table)
{
	struct worker_table *wt = calloc(1, sizeof(*wt));

	if (!wt)
		return NULL;
	wt->sets = calloc(table->settings->service_count + 1, sizeof(*wt->sets));
	if (!wt->sets) {
		free(wt);
		return NULL;
	}
	wt->users = 1;
	wt->table = table;
	wt->serial = table_next_serial();
	return wt;
}

struct worker_table *worker_table_with(const struct worker_table *of, struct roster *roster)
{
	struct worker_table *wt = worker_table_alloc(of->table);

	if (!wt)
		return NULL;
	memcpy(wt->sets, of->sets, of->table->settings->service_count * sizeof(*wt->sets));
	(void)table_ref(of->table);
	wt->roster = roster_ref(roster);
	return wt;
}

struct worker_table *worker_table_ref(struct worker_table *wt)
{
	wt->users++;
	return wt;
}

void worker_table_unref(struct worker_table **wt)
{
	struct worker_table *t = *wt;

	*wt = NULL;
	if (!t || --t->users)
		return;
	table_unref(&t->table);
	roster_unref(&t->roster);
	free(t->sets);
	free(t);
}
