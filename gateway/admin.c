/* admin: a table of pages, and what they are shown. */
#include "gateway/admin_parts.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/rate.h"
#include "gateway/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a page: a registry may know very many instances. */
#define ADMIN_PAGE_MAX ((size_t)64 << 20)

static void admin_page_health(const struct admin_view *view, struct buf *out)
{
	(void)view;
	(void)buf_puts(out, "{\"status\":\"ok\"}"); /* failure sticks */
}

static const struct admin_page {
	const char *path, *type;
	void (*write)(const struct admin_view *view, struct buf *out);
	unsigned open; /* the ADMIN_OPEN_… that has it shown without a token */
	const char *help;
} admin_pages[] = {
	{"/health", "application/json", admin_page_health, ADMIN_OPEN_HEALTH,
	 "200 while the gateway runs"},
	{"/ready", "application/json", admin_page_ready, ADMIN_OPEN_READY,
	 "200 when requests are welcome; 503 before the services are known, while it drains, and "
	 "after `POST /drain`"},
	{"/metrics", METRICS_CONTENT_TYPE, admin_page_metrics, ADMIN_OPEN_METRICS,
	 "Metrics in Prometheus's format, or as OpenMetrics to who accepts that"},
	{"/status", "application/json", admin_page_status, 0,
	 "Version, how busy the workers are, the registry, quotas, the cache, and the last reading "
	 "of "
	 "the settings"},
	{"/services", "application/json", admin_page_services, 0,
	 "Each service with its instances, and how requests to them go"},
	{"/routes", "application/json", admin_page_routes, 0,
	 "The routes in effect, with their lines, and those that registrations brought"},
	{"/consumers", "application/json", admin_page_consumers, 0,
	 "Who may call, without their secrets"},
};

static const char admin_of_service[] = "/services/"; /* and its name */

enum { ADMIN_PAGES = sizeof(admin_pages) / sizeof(admin_pages[0]) };

void admin_problem(struct httpd_request *request, enum problem problem, const char *detail)
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
	unsigned status = page->write == admin_page_ready && !admin_is_ready(view) ? 503 : 200;
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
	view->denied = atomic_load_explicit(&admin->denied, memory_order_relaxed);
	pthread_mutex_lock(&admin->lock);
	view->table = table_ref(admin->table);
	view->rules = table_ref(admin->rules);
	view->roster = roster_ref(admin->roster);
	view->reload = admin->reload;
	view->draining = admin->draining || admin->held;
	pthread_mutex_unlock(&admin->lock);
	return view;
}

static void admin_view_free(struct admin_view **view)
{
	table_unref(&(*view)->table);
	table_unref(&(*view)->rules);
	roster_unref(&(*view)->roster);
	free(*view);
	*view = NULL;
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

/* ---- Requests ---- */

static const struct admin_page *admin_find_page(const char *path)
{
	for (size_t i = 0; i < ADMIN_PAGES; i++)
		if (strcmp(path, admin_pages[i].path) == 0)
			return &admin_pages[i];
	return NULL;
}

static void admin_answer(struct admin *admin, struct httpd_request *request,
			 struct admin_view *view)
{
	const char *path = httpd_path(request), *method = httpd_method(request);
	const struct admin_page *page = admin_find_page(path);
	const struct settings_admin_token *token;
	unsigned open = view->rules->settings->admin.open;

	if (admin_change_is(path)) {
		admin_change_answer(admin, request, view);
		return;
	}
	if (!(page && page->open & open) &&
	    !admin_lets_in(admin, request, view, ADMIN_ROLE_READ, &token))
		return;
	if (strncmp(path, admin_of_service, strlen(admin_of_service)) == 0)
		view->name = path + strlen(admin_of_service);
	if (!page && !(view->name && *view->name)) {
		admin_problem(request, PROBLEM_NOT_THERE,
			      "the admin door has /health, /ready, /metrics, /status, /services, "
			      "/services/NAME, /routes and /consumers; by POST /reload, /drain, "
			      "/log-level, "
			      "/cache/purge and /services/NAME/instances/ID/restore");
	} else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		(void)httpd_add_header(request, "Allow", "GET, HEAD");
		admin_problem(request, PROBLEM_NO_METHOD, NULL);
	} else if (page) {
		admin_reply(request, page, view);
	} else {
		admin_reply_service(request, view);
	}
}

static void admin_handle(void *arg, struct httpd_request *request)
{
	struct admin *admin = arg;
	struct admin_view *view = admin_view_new(admin);

	if (!view) {
		admin_problem(request, PROBLEM_NO_MEMORY, NULL);
		return;
	}
	admin_answer(admin, request, view);
	admin_view_free(&view);
}

/* ---- Life ---- */

/* Only where they are sent to others over a network. */
static void admin_warn(const struct settings_admin *settings)
{
	const char *host = settings->address.host;

	if (settings->token_count && !settings->tls.cert && strncmp(host, "127.", 4) != 0 &&
	    strcmp(host, "::1") != 0)
		log_warn("admin: tokens are sent in the clear: give admin.tls in the settings");
}

static struct admin *admin_new(struct gateway *gateway, struct table *table)
{
	struct admin *admin = calloc(1, sizeof(*admin));

	if (!admin)
		return NULL;
	admin->failures = rate_new();
	if (!admin->failures || pthread_mutex_init(&admin->lock, NULL)) {
		rate_free(&admin->failures);
		free(admin);
		return NULL;
	}
	admin->gateway = gateway;
	admin->started_wall_ms = clock_wall_ms();
	admin->started_ms = clock_ms();
	admin->table = table_ref(table);
	admin->rules = table_ref(table);
	admin_note_reload(admin, true, "read at the start");
	return admin;
}

struct admin *admin_start(struct gateway *gateway, struct table *table, struct inherited *inherited,
			  struct err *e)
{
	const struct settings_admin *settings = &table->settings->admin;
	const struct settings_address *address = &settings->address;
	struct admin *admin = admin_new(gateway, table);
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

	if (!admin) {
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "admin: out of memory");
		return NULL;
	}
	if (!settings->tls.cert || httpd_tls_load(&options.tls, &settings->tls, &why) == 0)
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
	admin_warn(settings);
	return admin;
}

void admin_stop(struct admin **admin)
{
	struct admin *a = *admin;

	if (!a)
		return;
	*admin = NULL;
	admin_change_forget(a);
	httpd_stop(&a->httpd);
	table_unref(&a->table);
	table_unref(&a->rules);
	roster_unref(&a->roster);
	rate_free(&a->failures);
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

void admin_set_owner(struct admin *admin, const struct admin_owner *owner)
{
	if (!admin)
		return;
	pthread_mutex_lock(&admin->lock);
	admin->owner = *owner;
	pthread_mutex_unlock(&admin->lock);
}

void admin_set_draining(struct admin *admin)
{
	if (!admin)
		return;
	pthread_mutex_lock(&admin->lock);
	admin->draining = true;
	pthread_mutex_unlock(&admin->lock);
}

/* The certificates' files may hold others by now, whose names are the same. */
static void admin_renew_tls(struct admin *admin, const struct settings_admin *settings)
{
	struct httpd_tls tls;
	struct err e;

	if (!settings->tls.cert)
		return;
	if (httpd_tls_load(&tls, &settings->tls, &e) < 0 ||
	    httpd_set_tls(admin->httpd, &tls, &e) < 0)
		log_warn("reload: admin.%s; it goes on with the certificate that it had", e.text);
	httpd_tls_fini(&tls);
}

bool admin_is_same_door(const struct settings_admin *a, const struct settings_admin *b)
{
	if (!a->address.host || !b->address.host)
		return a->address.host == b->address.host;
	return strcmp(a->address.host, b->address.host) == 0 &&
	       a->address.port == b->address.port && !a->tls.cert == !b->tls.cert;
}

void admin_set_roster(struct admin *admin, struct roster *roster)
{
	struct roster *old;

	pthread_mutex_lock(&admin->lock);
	old = admin->roster;
	admin->roster = roster_ref(roster);
	pthread_mutex_unlock(&admin->lock);
	roster_unref(&old);
}

void admin_set_table(struct admin *admin, struct table *table)
{
	const struct settings_admin *settings = &table->settings->admin;
	struct table *old, *rules = NULL;

	if (!admin)
		return;
	/* Rules for another address may be too lax for the one it has until a restart. */
	if (admin_is_same_door(&admin->rules->settings->admin, settings)) {
		admin_renew_tls(admin, settings);
		rules = table_ref(table);
	}
	pthread_mutex_lock(&admin->lock);
	old = admin->table;
	admin->table = table_ref(table);
	if (rules) {
		struct table *before = admin->rules;

		admin->rules = rules;
		rules = before;
	}
	pthread_mutex_unlock(&admin->lock);
	table_unref(&old);
	table_unref(&rules);
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

void admin_print_reference(struct buf *out)
{
	(void)buf_puts(out, "| request | member | meaning |\n|---|---|---|\n"); /* sticks */
	for (size_t i = 0; i < ADMIN_PAGES; i++)
		(void)buf_printf(out, "| `GET %s` | | %s |\n", admin_pages[i].path,
				 admin_pages[i].help);
	(void)buf_printf(out, "| `GET %sNAME` | | One service |\n", admin_of_service);
	admin_change_print_reference(out);
}
