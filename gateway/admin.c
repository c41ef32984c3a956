/* admin: a table of pages. */
#include "gateway/admin.h"
#include "common/httpd.h"
#include "common/log.h"
#include "gateway/stats.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct admin {
	struct httpd *httpd;
	struct gateway *gateway;
	atomic_bool draining;
};

static void admin_text(struct httpd_request *request, unsigned status, const char *text)
{
	httpd_reply(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void admin_metrics(struct admin *admin, struct httpd_request *request)
{
	struct buf out;

	buf_init(&out, 16 << 20);
	stats_write(admin->gateway->stats, &out);
	if (out.failed)
		admin_text(request, 503, "out of memory\n");
	else
		httpd_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", out.data,
			    out.len);
	buf_fini(&out);
}

static void admin_handle(void *arg, struct httpd_request *request)
{
	struct admin *admin = arg;
	const char *path = httpd_path(request);

	if (strcmp(path, "/health") == 0)
		admin_text(request, 200, "ok\n");
	else if (strcmp(path, "/ready") == 0)
		admin_text(request, atomic_load(&admin->draining) ? 503 : 200,
			   atomic_load(&admin->draining) ? "draining\n" : "ready\n");
	else if (strcmp(path, "/metrics") == 0)
		admin_metrics(admin, request);
	else
		admin_text(request, 404, "no such page; there are /health, /ready, /metrics\n");
}

struct admin *admin_start(struct gateway *gateway, const struct settings *settings, struct err *e)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	struct httpd_options options = {.address = settings->admin.host,
					.port = settings->admin.port,
					.threads = 1,
					.body_max_bytes = 64 << 10,
					.connections_max = 256,
					.idle_timeout_s = 30,
					.handler = admin_handle,
					.arg = admin};

	if (!admin) {
		(void)err_set(e, "admin: out of memory");
		return NULL;
	}
	admin->gateway = gateway;
	admin->httpd = httpd_start(&options, e);
	if (!admin->httpd) {
		free(admin);
		return NULL;
	}
	log_info("admin on %s:%u", settings->admin.host, (unsigned)httpd_port(admin->httpd));
	return admin;
}

void admin_stop(struct admin **admin)
{
	if (!*admin)
		return;
	httpd_stop(&(*admin)->httpd);
	free(*admin);
	*admin = NULL;
}

void admin_set_draining(struct admin *admin)
{
	if (admin)
		atomic_store(&admin->draining, true);
}

void admin_note_reload(struct admin *admin, bool ok, const char *text)
{
	(void)admin; /* /status is not here yet */
	(void)ok;
	(void)text;
}
