/* stats: counts per worker, summed up at a scrape; counts per service, shared. */
#include "gateway/stats.h"
#include "common/metrics.h"
#include "gateway/tally.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Names come from the settings, and later from the registry; uthash's own function would do, but
 * clang refuses its unmarked fall-throughs. */
#include "common/siphash.h"
#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)siphash_process((key), (len)))
#include <uthash.h>

#define STATS_PREFIX "microreg_gateway_"

struct stats_service {
	char *name;
	atomic_uint_fast64_t counts[SERVICE_STAT_COUNT];
	UT_hash_handle hh;
};

struct stats {
	unsigned workers;
	struct tallies *tallies;
	struct stats_worker *slots; /* of the workers, then the main thread's */
	pthread_mutex_t lock;	    /* guards services; those in it stay */
	struct stats_service *services;
};

static const struct stats_row {
	struct metric metric;
	struct metric_label label;
} stats_rows[] = {
#define STATS_ROW(id, kind, text, label_name, label_value, words) \
	{{STATS_PREFIX text, METRIC_##kind, words}, {label_name, label_value}},
	STATS(STATS_ROW)
#undef STATS_ROW
};

static const struct metric stats_service_metrics[] = {
#define STATS_SERVICE_ROW(id, text, words) {STATS_PREFIX text, METRIC_COUNTER, words},
	SERVICE_STATS(STATS_SERVICE_ROW)
#undef STATS_SERVICE_ROW
};

static const struct metric stats_duration = {
	STATS_PREFIX "request_duration_seconds", METRIC_HISTOGRAM,
	"Time from the first byte of a request to the last of its answer"};

struct stats *stats_new(unsigned workers)
{
	struct stats *stats = calloc(1, sizeof(*stats));
	size_t size = (workers + 1) * sizeof(*stats->slots);

	if (!stats)
		return NULL;
	stats->workers = workers;
	stats->slots = aligned_alloc(_Alignof(struct stats_worker), size);
	stats->tallies = tallies_new(workers);
	if (!stats->slots || !stats->tallies || pthread_mutex_init(&stats->lock, NULL)) {
		tallies_free(&stats->tallies);
		free(stats->slots);
		free(stats);
		return NULL;
	}
	memset(stats->slots, 0, size);
	return stats;
}

void stats_free(struct stats **stats)
{
	struct stats *s = *stats;
	struct stats_service *service, *next;

	if (!s)
		return;
	*stats = NULL;
	HASH_ITER(hh, s->services, service, next)
	{
		HASH_DEL(s->services, service);
		free(service->name);
		free(service);
	}
	(void)pthread_mutex_destroy(&s->lock);
	tallies_free(&s->tallies);
	free(s->slots);
	free(s);
}

struct tallies *stats_tallies(struct stats *stats)
{
	return stats->tallies;
}

struct stats_worker *stats_worker(struct stats *stats, unsigned index)
{
	return &stats->slots[index];
}

struct stats_worker *stats_main(struct stats *stats)
{
	return &stats->slots[stats->workers];
}

void stats_request(struct stats_worker *w, unsigned status, uint64_t duration_us)
{
	unsigned i = 0;

	if (status >= 100 && status <= 599)
		stats_inc(w, (enum stat)(STAT_STATUS_1XX + (status / 100 - 1)));
	if (status == 101)
		return;
	while (i < TALLY_BOUNDS && duration_us > tally_bounds_us[i])
		i++;
	stats_bump(&w->durations[i], 1);
	stats_bump(&w->duration_sum_us, duration_us);
}

static struct stats_service *stats_service_new(const char *name)
{
	struct stats_service *service = calloc(1, sizeof(*service));

	if (!service)
		return NULL;
	service->name = strdup(name);
	if (service->name)
		return service;
	free(service);
	return NULL;
}

struct stats_service *stats_service(struct stats *stats, const char *name)
{
	struct stats_service *service;

	pthread_mutex_lock(&stats->lock);
	HASH_FIND_STR(stats->services, name, service);
	if (!service && HASH_COUNT(stats->services) < STATS_SERVICES_MAX) {
		service = stats_service_new(name);
		if (service)
			HASH_ADD_KEYPTR(hh, stats->services, service->name, strlen(service->name),
					service);
		if (service && !service->hh.tbl) { /* out of memory: it was not added */
			free(service->name);
			free(service);
			service = NULL;
		}
	}
	pthread_mutex_unlock(&stats->lock);
	return service;
}

void stats_service_inc(struct stats_service *service, enum service_stat stat)
{
	if (service)
		atomic_fetch_add_explicit(&service->counts[stat], 1, memory_order_relaxed);
}

uint64_t stats_sum(const struct stats *stats, enum stat stat)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= stats->workers; i++)
		sum += atomic_load_explicit(&stats->slots[i].counts[stat], memory_order_relaxed);
	return sum;
}

static void stats_write_durations(const struct stats *stats, struct buf *out)
{
	uint64_t counts[TALLY_BOUNDS + 1] = {0};
	struct metric_histogram histogram = {
		.bounds_us = tally_bounds_us, .counts = counts, .bound_count = TALLY_BOUNDS};

	for (unsigned i = 0; i <= stats->workers; i++) {
		const struct stats_worker *w = &stats->slots[i];

		for (unsigned k = 0; k <= TALLY_BOUNDS; k++)
			counts[k] += atomic_load_explicit(&w->durations[k], memory_order_relaxed);
		histogram.sum_us += atomic_load_explicit(&w->duration_sum_us, memory_order_relaxed);
	}
	metrics_head(out, &stats_duration);
	metrics_samples(out, &stats_duration, NULL, 0, &histogram);
}

static void stats_write_services(struct stats *stats, struct buf *out)
{
	struct stats_service *service;

	pthread_mutex_lock(&stats->lock);
	for (unsigned i = 0; stats->services && i < SERVICE_STAT_COUNT; i++) {
		metrics_head(out, &stats_service_metrics[i]);
		for (service = stats->services; service; service = service->hh.next) {
			struct metric_label label = {"service", service->name};

			metrics_sample(
				out, &stats_service_metrics[i], &label, 1,
				atomic_load_explicit(&service->counts[i], memory_order_relaxed));
		}
	}
	pthread_mutex_unlock(&stats->lock);
}

/* The rows of one name stand together; the first has the help. */
static bool stats_row_is_first(unsigned i)
{
	return i == 0 || strcmp(stats_rows[i].metric.name, stats_rows[i - 1].metric.name) != 0;
}

void stats_write(struct stats *stats, uint64_t now_ms, struct buf *out)
{
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		const struct stats_row *row = &stats_rows[i];

		if (stats_row_is_first(i))
			metrics_head(out, &row->metric);
		metrics_sample(out, &row->metric, &row->label, row->label.name != NULL,
			       stats_sum(stats, (enum stat)i));
	}
	stats_write_durations(stats, out);
	stats_write_services(stats, out);
	tallies_write(stats->tallies, now_ms, out);
}

void stats_print_reference(struct buf *out)
{
	for (unsigned i = 0; i < STAT_COUNT; i++)
		if (stats_row_is_first(i))
			metrics_print_reference(out, &stats_rows[i].metric);
	metrics_print_reference(out, &stats_duration);
	for (unsigned i = 0; i < SERVICE_STAT_COUNT; i++)
		metrics_print_reference(out, &stats_service_metrics[i]);
	tallies_print_reference(out);
}
