/* main: the program microreg-gateway. */
#include "common/bearer.h"
#include "common/daemon.h"
#include "common/instance.h"
#include "common/log.h"
#include "gateway/admin.h"
#include "gateway/admin_pages.h"
#include "gateway/explain.h"
#include "gateway/hasher.h"
#include "gateway/jq_wire.h"
#include "gateway/openapi.h"
#include "gateway/options.h"
#include "gateway/problem.h"
#include "gateway/server.h"
#include "gateway/stats.h"
#include "gateway/template.h"
#include "gateway/xml_json.h"

#include <stdio.h>
#include <string.h>

static int main_print_reference(void)
{
	struct buf out;
	int result = DAEMON_EXIT_SYSTEM;

	buf_init(&out, 1 << 20);
	(void)buf_puts(&out, "# microreg-gateway\n\n## Settings\n\n");
	settings_print_reference(&out);
	(void)buf_puts(&out, "\n## Templates\n\n");
	template_print_reference(&out);
	(void)buf_puts(&out, "\n## XML as JSON\n\n");
	xml_json_print_reference(&out);
	(void)buf_puts(&out, "\n## Problems\n\nA required part of a composed answer that answered "
			     "with a 4xx or 5xx gives `part-failed` its own status, a 404 say; "
			     "else it is the 502 below.\n\n");
	problem_print_reference(&out);
	(void)buf_puts(&out, "\n## Admin door\n\nGET wants a token of any role where there are "
			     "tokens, POST one of the role `admin`. What is to be changed is sent "
			     "as an object of `application/json`, or not at all.\n\n");
	admin_print_reference(&out);
	(void)buf_puts(&out, "\n## Metrics\n\n| metric | type | meaning |\n|---|---|---|\n");
	stats_print_reference(&out);
	admin_print_metrics(&out);
	(void)buf_puts(&out, "\n## Exit codes\n\n");
	daemon_print_reference(&out, DAEMON_GATEWAY);
	if (!out.failed && fwrite(out.data, 1, out.len, stdout) == out.len)
		result = DAEMON_EXIT_OK;
	buf_fini(&out);
	return result;
}

static int main_hash_password(void)
{
	char line[HASHER_PASSWORD_MAX + 2], hash[256];
	size_t len;

	if (!fgets(line, sizeof(line), stdin))
		line[0] = '\0';
	len = strcspn(line, "\n");
	if (!len || len > HASHER_PASSWORD_MAX) {
		(void)fprintf(stderr,
			      "microreg-gateway: --hash-password: a password of 1 to %d bytes has "
			      "to come on standard input\n",
			      HASHER_PASSWORD_MAX);
		return DAEMON_EXIT_USAGE;
	}
	if (hasher_make(line, len, hash, sizeof(hash)) < 0)
		return DAEMON_EXIT_SYSTEM;
	(void)printf("%s\n", hash);
	return DAEMON_EXIT_OK;
}

static int main_new_key(const char *name)
{
	char secret[BEARER_KEY_SIZE], text[BEARER_HASH_TEXT_SIZE];
	unsigned char hash[BEARER_HASH_SIZE];
	struct err e;

	if (bearer_make_key(secret, hash, &e) < 0) {
		(void)fprintf(stderr, "microreg-gateway: --new-key: %s\n", e.text);
		return DAEMON_EXIT_SYSTEM;
	}
	bearer_print_hash(hash, text);
	(void)printf("key, shown this once: %s\n\nfor the settings:\n\nconsumers:\n"
		     "  - {name: %s, keys: [\"%s\"]}\n",
		     secret, name, text);
	return DAEMON_EXIT_OK;
}

static int main_new_token(const char *name)
{
	char secret[BEARER_SECRET_SIZE], hash[BEARER_HASH_TEXT_SIZE];
	struct err e;

	if (!*name || !instance_id_is_valid(name)) {
		(void)fprintf(
			stderr,
			"microreg-gateway: --new-token: \"%.80s\" is no name; allowed: at most "
			"128 letters, digits, '.', '_', '-' and ':'\n",
			name);
		return DAEMON_EXIT_USAGE;
	}
	if (bearer_make(secret, hash, &e) < 0) {
		(void)fprintf(stderr, "microreg-gateway: --new-token: %s\n", e.text);
		return DAEMON_EXIT_SYSTEM;
	}
	(void)printf("token, shown this once: %s\n\nfor the settings; role: read or admin:\n\n"
		     "admin:\n  tokens:\n    - {name: %s, role: read, hash: \"%s\"}\n",
		     secret, name, hash);
	return DAEMON_EXIT_OK;
}

static int main_check(const char *file, const struct settings *settings)
{
	(void)printf("%s: no mistakes; %zu route%s, %zu service%s\n", file, settings->route_count,
		     settings->route_count == 1 ? "" : "s", settings->service_count,
		     settings->service_count == 1 ? "" : "s");
	return DAEMON_EXIT_OK;
}

/* The exit code: 0 when a route takes the request, 1 when none does. */
static int main_explain(struct settings *settings, const char *request)
{
	struct err e = {0};
	struct buf out;
	int code = DAEMON_EXIT_USAGE, found;

	buf_init(&out, 4 << 20);
	explain_add_claims(settings, &out);
	found = explain(settings, request, &out, &e);
	if (found < 0)
		(void)fprintf(stderr, "microreg-gateway: --explain: %s\n", e.text);
	else if (out.failed || fwrite(out.data, 1, out.len, stdout) != out.len)
		code = DAEMON_EXIT_SYSTEM;
	else
		code = found ? 0 : 1;
	buf_fini(&out);
	return code;
}

/* With the routes of registrations, as far as the registry tells them; what it does not goes to
 * standard error. */
static int main_openapi(struct settings *settings)
{
	struct openapi *openapi;
	struct err e = {0};
	struct span text;
	struct buf left_out;
	bool written;

	buf_init(&left_out, 4 << 20);
	explain_add_claims(settings, &left_out);
	(void)fputs(left_out.len && buf_str(&left_out) ? left_out.data : "", stderr);
	buf_fini(&left_out);
	openapi = openapi_new(settings, &e);
	if (!openapi) {
		(void)fprintf(stderr, "microreg-gateway: --openapi: %s\n", e.text);
		return DAEMON_EXIT_SYSTEM;
	}
	text = openapi_text(openapi, OPENAPI_DOCUMENT);
	written = fwrite(text.at, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
	openapi_free(&openapi);
	return written ? DAEMON_EXIT_OK : DAEMON_EXIT_SYSTEM;
}

int main(int argc, char **argv)
{
	struct options options;
	struct settings *settings;
	struct server_options running = {.argv = argv};
	struct server server;
	struct buf mistakes;
	struct err e = {.code = DAEMON_EXIT_SYSTEM};
	int code;

	/* No option for people: what runs programs of jq for a worker. */
	if (argc == 3 && strcmp(argv[1], JQ_HELPER_OPTION) == 0)
		return jq_helper_main(argv[2]);
	code = options_read(&options, argc, argv);
	if (code >= 0)
		return code;
	if (options.reference)
		return main_print_reference();
	if (options.hash_password)
		return main_hash_password();
	if (options.new_key)
		return main_new_key(options.new_key);
	if (options.new_token)
		return main_new_token(options.new_token);
	buf_init(&mistakes, 1 << 20);
	reload_mark(&running.file, options.config);
	settings = settings_read(options.config, &mistakes);
	if (!settings) {
		const char *text = buf_str(&mistakes);

		(void)fputs(text ? text : "out of memory\n", stderr);
		buf_fini(&mistakes);
		return DAEMON_EXIT_SETTINGS;
	}
	buf_fini(&mistakes);
	if (options.check) {
		code = main_check(options.config, settings);
		(void)fflush(stdout);
	}
	if (options.explain)
		code = main_explain(settings, options.explain);
	if (options.openapi)
		code = main_openapi(settings);
	if (options.check || options.explain || options.openapi) {
		settings_free(&settings);
		return code;
	}
	log_open("gateway", settings->log.level);
	xml_json_init();
	running.replace = options.replace;
	if (server_run(&server, &running, settings, &e) == 0)
		return DAEMON_EXIT_OK;
	log_error("%s", e.text);
	return e.code ? e.code : DAEMON_EXIT_SYSTEM;
}
