/* admin: a table of pages, and what they are shown. */
#include "gateway/admin.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/httpd.h"
#include "common/log.h"
#include "common/metrics.h"
#include "gateway/admin_pages.h"
#include "gateway/problem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a page: a registry may know very many instances. */
#define ADMIN_PAGE_MAX ((size_t)64 << 20)

struct admin {
	struct httpd *httpd;
	struct gateway *gateway;
	int64_t started_wall_ms;
	uint64_t started_ms;
	pthread_mutex_t lock; /* guards what follows */
	struct table *table;
	struct admin_reload reload;
	bool draining;
};

static void admin_page_health(const struct admin_view *view, struct buf *out)
{
	(void)view;
	(void)buf_puts(out, "{\"status\":\"ok\"}"); /* failure sticks */
}

static const struct admin_page {
	const char *path, *type;
	void (*write)(const struct admin_view *view, struct buf *out);
	bool ready; /* 503 unless ready */
} admin_pages[] = {
	{"/health", "application/json", admin_page_health, false},
	{"/ready", "application/json", admin_page_ready, true},
	{"/metrics", METRICS_CONTENT_TYPE, admin_page_metrics, false},
	{"/status", "application/json", admin_page_status, false},
	{"/services", "application/json", admin_page_services, false},
	{"/routes", "application/json", admin_page_routes, false},
};

static const char admin_of_service[] = "/services/"; /* and its name */

enum { ADMIN_PAGES = sizeof(admin_pages) / sizeof(admin_pages[0]) };

static void admin_problem(struct httpd_request *request, enum problem problem, const char *detail)
{
	struct buf out;

	buf_init(&out, 64 << 10);
	problem_write(&out, problem, detail, NULL);
	httpd_reply(request, problem_kind(problem)->status, PROBLEM_CONTENT_TYPE, out.data,
		    out.failed ? 0 : out.len);
	buf_fini(&out);
}

/* Prometheus asks for it first, and takes the other. */
static bool admin_wants_open(const struct httpd_request *request)
{
	const char *accept = httpd_header(request, "Accept");

	return accept && strstr(accept, "application/openmetrics-text");
}

/* The page as OpenMetrics, in its place. Returns its type. */
static const char *admin_make_open(struct buf *page)
{
	struct buf open;

	buf_init(&open, page->max);
	metrics_to_open(page, &open);
	open.failed |= page->failed;
	buf_fini(page);
	*page = open;
	return METRICS_OPEN_CONTENT_TYPE;
}

static void admin_reply(struct httpd_request *request, const struct admin_page *page,
			const struct admin_view *view)
{
	unsigned status = page->ready && !admin_is_ready(view) ? 503 : 200;
	const char *type = page->type;
	struct buf out;

	buf_init(&out, ADMIN_PAGE_MAX);
	page->write(view, &out);
	if (page->write == admin_page_metrics && admin_wants_open(request))
		type = admin_make_open(&out);
	if (out.failed) {
		admin_problem(request, PROBLEM_NO_MEMORY, "the page is too large");
		buf_fini(&out);
		return;
	}
	/* Numbers of a moment; a failure to say so does no harm. */
	(void)httpd_add_header(request, "Cache-Control", "no-store");
	httpd_reply_take(request, status, type, out.data, out.len);
	buf_release(&out);
}

static struct admin_view *admin_view_new(struct admin *admin)
{
	struct admin_view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->gateway = admin->gateway;
	view->started_wall_ms = admin->started_wall_ms;
	view->uptime_ms = clock_ms() - admin->started_ms;
	pthread_mutex_lock(&admin->lock);
	view->table = table_ref(admin->table);
	view->reload = admin->reload;
	view->draining = admin->draining;
	pthread_mutex_unlock(&admin->lock);
	return view;
}

/* The page of one service. */
static void admin_reply_service(struct httpd_request *request, const struct admin_view *view)
{
	struct buf out, why;

	buf_init(&out, ADMIN_PAGE_MAX);
	buf_init(&why, 16 << 10);
	if (!admin_page_service(view, &out, &why)) {
		admin_problem(request, PROBLEM_NOT_THERE, buf_str(&why));
	} else if (out.failed) {
		admin_problem(request, PROBLEM_NO_MEMORY, "the page is too large");
	} else {
		(void)httpd_add_header(request, "Cache-Control", "no-store"); /* as above */
		httpd_reply(request, 200, "application/json", out.data, out.len);
	}
	buf_fini(&out);
	buf_fini(&why);
}

/* `page` NULL: of the service `name`. */
static void admin_show(struct admin *admin, struct httpd_request *request,
		       const struct admin_page *page, const char *name)
{
	struct admin_view *view = admin_view_new(admin);
	struct table *table;

	if (!view) {
		admin_problem(request, PROBLEM_NO_MEMORY, NULL);
		return;
	}
	view->name = name;
	if (page)
		admin_reply(request, page, view);
	else
		admin_reply_service(request, view);
	table = view->table;
	table_unref(&table);
	free(view);
}

static void admin_handle(void *arg, struct httpd_request *request)
{
	const char *path = httpd_path(request), *method = httpd_method(request);

	const char *name = NULL;
	size_t i = 0;

	while (i < ADMIN_PAGES && strcmp(path, admin_pages[i].path) != 0)
		i++;
	if (strncmp(path, admin_of_service, strlen(admin_of_service)) == 0)
		name = path + strlen(admin_of_service);
	if (i == ADMIN_PAGES && (!name || !*name)) {
		admin_problem(request, PROBLEM_NOT_THERE,
			      "the admin door has /health, /ready, /metrics, /status, /services, "
			      "/services/NAME and /routes");
	} else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		(void)httpd_add_header(request, "Allow", "GET, HEAD");
		admin_problem(request, PROBLEM_NO_METHOD, NULL);
	} else {
		admin_show(arg, request, i < ADMIN_PAGES ? &admin_pages[i] : NULL, name);
	}
}

struct admin *admin_start(struct gateway *gateway, struct table *table, struct inherited *inherited,
			  struct err *e)
{
	const struct settings_address *address = &table->settings->admin;
	struct admin *admin = calloc(1, sizeof(*admin));
	struct err why;
	struct httpd_options options = {.address = address->host,
					.port = address->port,
					.inherited = inherited,
					.threads = 1,
					.body_max_bytes = 64 << 10,
					.connections_max = 256,
					.idle_timeout_s = 30,
					.handler = admin_handle,
					.arg = admin};

	if (!admin || pthread_mutex_init(&admin->lock, NULL)) {
		free(admin);
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "admin: out of memory");
		return NULL;
	}
	admin->gateway = gateway;
	admin->started_wall_ms = clock_wall_ms();
	admin->started_ms = clock_ms();
	admin->table = table_ref(table);
	admin_note_reload(admin, true, "read at the start");
	admin->httpd = httpd_start(&options, &why);
	if (!admin->httpd) {
		/* 127.0.0.1:8081 is the default: whom it says nothing may not have written it. */
		(void)err_code(e, why.code, "admin: %.300s; `admin` sets it, off is possible",
			       why.text);
		admin_stop(&admin);
		return NULL;
	}
	log_info("admin on %s%s%s:%u", strchr(address->host, ':') ? "[" : "", address->host,
		 strchr(address->host, ':') ? "]" : "", (unsigned)admin_port(admin));
	return admin;
}

void admin_stop(struct admin **admin)
{
	struct admin *a = *admin;

	if (!a)
		return;
	*admin = NULL;
	httpd_stop(&a->httpd);
	table_unref(&a->table);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}

uint16_t admin_port(const struct admin *admin)
{
	return admin ? httpd_port(admin->httpd) : 0;
}

int admin_share(struct admin *admin)
{
	return admin ? httpd_share(admin->httpd) : -1;
}

void admin_set_draining(struct admin *admin)
{
	if (!admin)
		return;
	pthread_mutex_lock(&admin->lock);
	admin->draining = true;
	pthread_mutex_unlock(&admin->lock);
}

void admin_set_table(struct admin *admin, struct table *table)
{
	struct table *old;

	if (!admin)
		return;
	pthread_mutex_lock(&admin->lock);
	old = admin->table;
	admin->table = table_ref(table);
	pthread_mutex_unlock(&admin->lock);
	table_unref(&old);
}

void admin_note_reload(struct admin *admin, bool ok, const char *text)
{
	if (!admin)
		return;
	pthread_mutex_lock(&admin->lock);
	admin->reload.ok = ok;
	admin->reload.wall_ms = clock_wall_ms();
	if (ok)
		admin->reload.ok_wall_ms = admin->reload.wall_ms;
	(void)snprintf(admin->reload.text, sizeof(admin->reload.text), "%s", text); /* cut */
	pthread_mutex_unlock(&admin->lock);
}
