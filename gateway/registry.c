/* registry: options and callbacks of libmicroreg. */
#include "gateway/registry.h"
#include "client-lib/microreg.h"
#include "common/buf.h"
#include "common/daemon.h"
#include "common/log.h"
#include "gateway/reporter.h"
#include "gateway/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REGISTRY_TOKEN_MAX = 4096, REGISTRY_URLS_MAX = 16384 };

static void registry_on_log(void *arg, enum microreg_log_level level, const char *text)
{
	static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};

	(void)arg;
	log_write(levels[level], "registry: %s", text);
}

/* From the library's watch thread. Workers that are not made yet take the snapshot when they
 * are. */
static void registry_on_change(void *arg)
{
	struct gateway *gateway = arg;
	size_t count = atomic_load_explicit(&gateway->workers_ready, memory_order_acquire);

	for (size_t i = 0; i < count; i++)
		worker_post_snapshot(gateway->workers[i]);
	/* A drain may have begun, of an instance that nothing is in flight to. */
	if (count)
		reporter_hurry(gateway->reporter);
}

/* The first line of the file, without the white space after it. */
static int registry_read_token(const char *file, char *token, size_t room, struct err *e)
{
	FILE *f = fopen(file, "re");
	size_t len;

	if (!f)
		return err_code(e, DAEMON_EXIT_SETTINGS, "registry.token_file: can't read %s: %s",
				file, strerror(errno));
	if (!fgets(token, (int)room, f))
		token[0] = '\0';
	(void)fclose(f); /* only read */
	len = strcspn(token, " \t\r\n");
	token[len] = '\0';
	if (!len)
		return err_code(e, DAEMON_EXIT_SETTINGS,
				"registry.token_file: %s has no token on its first line", file);
	return 0;
}

void registry_name(char name[REGISTRY_NAME_SIZE])
{
	char host[64] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
		memcpy(host, "gateway", sizeof("gateway"));
	(void)snprintf(name, REGISTRY_NAME_SIZE, "%s:%ld", host, (long)getpid());
}

struct microreg *registry_connect(const struct settings_registry *settings, const char *name,
				  unsigned timeout_ms, struct gateway *gateway, struct err *e)
{
	struct microreg_options options = {
		.kind = "gateway", .name = name, .timeout_ms = timeout_ms};
	char token[REGISTRY_TOKEN_MAX];
	struct microreg_error error = {0};
	struct microreg *handle = NULL;
	struct buf urls;

	if (gateway) {
		options.snapshot_file = settings->snapshot;
		options.on_log = registry_on_log;
		options.on_change = registry_on_change;
		options.arg = gateway;
	}
	buf_init(&urls, REGISTRY_URLS_MAX);
	for (size_t i = 0; i < settings->urls.count; i++)
		(void)buf_printf(&urls, "%s%s", i ? "," : "", settings->urls.items[i]);
	options.urls = buf_str(&urls);
	if (!options.urls) {
		(void)err_code(e, DAEMON_EXIT_SETTINGS, "registry.urls: more than %d bytes",
			       REGISTRY_URLS_MAX);
		goto done;
	}
	if (settings->token_file) {
		if (registry_read_token(settings->token_file, token, sizeof(token), e) < 0)
			goto done;
		options.token = token;
	}
	options.ca_file = settings->ca;
	options.cert_file = settings->cert;
	options.key_file = settings->key;
	handle = microreg_open(&options, &error);
	if (!handle)
		(void)err_code(e, DAEMON_EXIT_SETTINGS, "registry: %s", error.text);
done:
	buf_fini(&urls);
	return handle;
}

int registry_open(struct gateway *gateway, const struct settings_registry *settings,
		  const char *name, struct err *e)
{
	struct microreg_error error = {0};

	gateway->registry = registry_connect(settings, name, 0, gateway, e);
	if (!gateway->registry)
		return -1;
	if (microreg_follow(gateway->registry, NULL, &error) < 0)
		return err_code(e, DAEMON_EXIT_SYSTEM, "registry: %s", error.text);
	if (settings->consumers && microreg_follow_consumers(gateway->registry, &error) < 0)
		return err_code(e, DAEMON_EXIT_SYSTEM, "registry: %s", error.text);
	return 0;
}
