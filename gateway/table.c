/* table: built once per reload. */
#include "gateway/table.h"

#include <stdlib.h>

struct table *table_new(struct settings *settings, struct services *services, struct err *e)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table) {
		settings_free(&settings);
		(void)err_set(e, "route table: out of memory");
		return NULL;
	}
	atomic_init(&table->refs, 1);
	table->settings = settings;
	table->router = router_new(settings->routes, settings->route_count, e);
	if (!table->router) {
		table_unref(&table);
		return NULL;
	}
	table->services = calloc(settings->service_count + 1, sizeof(*table->services));
	for (size_t i = 0; table->services && i < settings->service_count; i++) {
		table->services[i] = services_get(services, settings->services[i].name);
		if (!table->services[i]) {
			free(table->services);
			table->services = NULL;
		}
	}
	if (!table->services) {
		(void)err_set(e, "route table: out of memory");
		table_unref(&table);
	}
	return table;
}

struct table *table_ref(struct table *table)
{
	(void)atomic_fetch_add_explicit(&table->refs, 1, memory_order_relaxed);
	return table;
}

void table_unref(struct table **table)
{
	struct table *t = *table;

	*table = NULL;
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	router_free(&t->router);
	settings_free(&t->settings);
	free(t->services);
	free(t);
}
