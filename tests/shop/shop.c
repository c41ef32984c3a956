/*
 * shop: the common half of the example services. Everything that belongs to
 * MicroReg is in shop_register and shop_run, at the end; the rest is an
 * ordinary small HTTP server.
 */
#include "tests/shop/shop.h"

#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <microreg.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHOP_BODY_MAX = 64 * 1024 };

struct shop_options {
	const char *registry, *host, *id;
	unsigned port, delay_ms, fail_percent, ttl_ms;
};

/* A running service; the threads of libmicrohttpd only read it. */
struct shop_server {
	const struct shop *shop;
	struct shop_options options;
	char id[300]; /* host:port unless --id says otherwise */
};

/* A request's body as it comes. */
struct shop_body {
	size_t len;
	char text[SHOP_BODY_MAX + 1];
};

/* ---- Answering ---- */

void shop_reply(struct shop_call *call, unsigned status, const char *json)
{
	call->status = status;
	call->response = MHD_create_response_from_buffer(strlen(json), (void *)(uintptr_t)json,
							 MHD_RESPMEM_MUST_COPY);
	shop_header(call, "Content-Type", "application/json");
}

void shop_fail(struct shop_call *call, unsigned status, const char *why)
{
	char json[200];

	(void)snprintf(json, sizeof(json), "{\"error\": \"%s\"}", why);
	shop_reply(call, status, json);
}

void shop_header(struct shop_call *call, const char *name, const char *value)
{
	if (call->response)
		(void)MHD_add_response_header(call->response, name, value); /* or go without */
}

void shop_reply_record(struct shop_call *call, const struct shop_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(records[i].key, call->item) == 0) {
			shop_reply(call, MHD_HTTP_OK, records[i].json);
			return;
		}
	shop_fail(call, MHD_HTTP_NOT_FOUND, "not found");
}

void shop_reply_list(struct shop_call *call, const struct shop_record *records, size_t count,
		     const char *owner)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	const char *comma = "";

	if (!out)
		return;
	(void)fputc('[', out);
	for (size_t i = 0; i < count; i++)
		if (!owner || (records[i].owner && strcmp(records[i].owner, owner) == 0)) {
			(void)fprintf(out, "%s%s", comma, records[i].json);
			comma = ", ";
		}
	(void)fputc(']', out);
	if (fclose(out) == 0)
		shop_reply(call, MHD_HTTP_OK, text);
	free(text);
}

const char *shop_query(const struct shop_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* ---- Serving ---- */

/* True when the path is the route's; then *item is what stands for its {name}, or NULL. */
static bool shop_route_matches(const struct shop_route *route, const char *path, const char **item)
{
	size_t fixed = strcspn(route->path, "{");

	*item = route->path[fixed] ? path + fixed : NULL;
	if (!*item)
		return strcmp(path, route->path) == 0;
	return strncmp(path, route->path, fixed) == 0 && **item && !strchr(*item, '/');
}

static void shop_answer(const struct shop_server *server, const char *method, const char *path,
			struct shop_call *call)
{
	const struct shop *shop = server->shop;
	bool other_method = false;

	if (strcmp(path, "/health") == 0) {
		shop_reply(call, MHD_HTTP_OK, "{\"status\": \"up\"}");
		return;
	}
	if ((unsigned)rand() % 100 < server->options.fail_percent) {
		shop_fail(call, MHD_HTTP_SERVICE_UNAVAILABLE, "as asked");
		return;
	}
	if (strcmp(method, "HEAD") == 0)
		method = "GET"; /* libmicrohttpd leaves the body out */
	for (size_t i = 0; i < shop->route_count; i++) {
		if (!shop_route_matches(&shop->routes[i], path, &call->item))
			continue;
		if (strcmp(method, shop->routes[i].method) == 0) {
			shop->routes[i].answer(call);
			return;
		}
		other_method = true;
	}
	if (other_method)
		shop_fail(call, MHD_HTTP_METHOD_NOT_ALLOWED, "no such method");
	else
		shop_fail(call, MHD_HTTP_NOT_FOUND, "not found");
}

/* Collects the body; false when it is too long. */
static bool shop_collect(struct shop_body *body, const char *data, size_t len)
{
	if (len > SHOP_BODY_MAX - body->len)
		return false;
	memcpy(body->text + body->len, data, len);
	body->len += len;
	body->text[body->len] = '\0';
	return true;
}

/* libmicrohttpd calls this when the head is there, for each piece of a body, and at its end. Each
 * connection has a thread of its own, so a delay holds up nobody else. */
static enum MHD_Result shop_on_request(void *arg, struct MHD_Connection *connection,
				       const char *path, const char *method, const char *version,
				       const char *data, size_t *len, void **state)
{
	const struct shop_server *server = arg;
	struct shop_body *body = *state;
	struct timespec delay = {.tv_sec = server->options.delay_ms / 1000,
				 .tv_nsec = server->options.delay_ms % 1000 * 1000000L};
	struct shop_call call = {.connection = connection};
	enum MHD_Result result;

	(void)version;
	if (!body) {
		*state = body = malloc(sizeof(*body));
		if (body)
			body->len = 0, body->text[0] = '\0';
		return body ? MHD_YES : MHD_NO;
	}
	if (*len) {
		result = shop_collect(body, data, *len) ? MHD_YES : MHD_NO;
		*len = 0;
		return result;
	}
	call.body = body->text;
	(void)nanosleep(&delay, NULL); /* an early end is no harm */
	shop_answer(server, method, path, &call);
	if (!call.response)
		return MHD_NO;
	shop_header(&call, "X-Instance", server->id);
	result = MHD_queue_response(connection, call.status, call.response);
	MHD_destroy_response(call.response);
	return result;
}

static void shop_on_end(void *arg, struct MHD_Connection *connection, void **state,
			enum MHD_RequestTerminationCode why)
{
	(void)arg, (void)connection, (void)why;
	free(*state);
}

static struct MHD_Daemon *shop_serve(struct shop_server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)server->options.port)};
	struct MHD_Daemon *daemon;

	if (inet_pton(AF_INET, server->options.host, &address.sin_addr) != 1) {
		(void)fprintf(stderr, "--host %s: write an IPv4 address\n", server->options.host);
		return NULL;
	}
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
					  MHD_USE_THREAD_PER_CONNECTION,
				  0, NULL, NULL, shop_on_request, server, MHD_OPTION_SOCK_ADDR,
				  (struct sockaddr *)&address, MHD_OPTION_CONNECTION_TIMEOUT, 30U,
				  MHD_OPTION_NOTIFY_COMPLETED, shop_on_end, NULL, MHD_OPTION_END);
	if (!daemon) {
		(void)fprintf(stderr, "can't listen on %s:%u: %s\n", server->options.host,
			      server->options.port, strerror(errno));
		return NULL;
	}
	server->options.port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	return daemon;
}

/* ---- Options ---- */

static const char usage[] =
	"usage: %s [--port N] [--host ADDR] [--id ID] [--registry URL] [--ttl-ms N]\n"
	"          [--delay-ms N] [--fail-rate PERCENT]\n";

static bool shop_parse_number(const char *text, unsigned long max, unsigned *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max)
		return false;
	*out = (unsigned)value;
	return true;
}

static bool shop_parse_options(struct shop_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"host", required_argument, NULL, 'h'},
		{"id", required_argument, NULL, 'i'},
		{"registry", required_argument, NULL, 'r'},
		{"ttl-ms", required_argument, NULL, 't'},
		{"delay-ms", required_argument, NULL, 'd'},
		{"fail-rate", required_argument, NULL, 'f'},
		{NULL, 0, NULL, 0},
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			good = shop_parse_number(optarg, 65535, &o->port);
		else if (c == 't')
			good = shop_parse_number(optarg, 3600000, &o->ttl_ms);
		else if (c == 'd')
			good = shop_parse_number(optarg, 600000, &o->delay_ms);
		else if (c == 'f')
			good = shop_parse_number(optarg, 100, &o->fail_percent);
		else if (c == 'h')
			o->host = optarg;
		else if (c == 'i')
			o->id = optarg;
		else if (c == 'r')
			o->registry = optarg;
		else
			good = false;
	}
	return good && optind == argc;
}

/* ---- Being registered ---- */

static void shop_on_log(void *arg, enum microreg_log_level level, const char *text)
{
	const struct shop_server *server = arg;

	if (level >= MICROREG_LOG_WARN)
		(void)fprintf(stderr, "%s/%s: %s\n", server->shop->service, server->id, text);
}

/* Registers with the address of the door that is open already: from the moment the registry
 * knows of this instance, requests may come. */
static struct microreg_lease *shop_register(struct shop_server *server, struct microreg **registry)
{
	struct microreg_options options = {
		.urls = server->options.registry,
		.on_log = shop_on_log,
		.arg = server,
	};
	struct microreg_registration me = {
		.service = server->shop->service,
		.id = server->id,
		.host = server->options.host,
		.port = (uint16_t)server->options.port,
		.ttl_ms = server->options.ttl_ms,
	};
	struct microreg_error error;
	struct microreg_lease *lease;

	*registry = microreg_open(&options, &error);
	lease = microreg_register(*registry, &me, &error);
	if (!lease)
		(void)fprintf(stderr, "%s/%s: %s\n", me.service, me.id, error.text);
	return lease;
}

int shop_run(const struct shop *shop, int argc, char **argv)
{
	struct shop_server server = {.shop = shop,
				     .options = {.host = "127.0.0.1", .ttl_ms = 10000}};
	struct microreg *registry = NULL;
	struct microreg_lease *lease;
	struct MHD_Daemon *daemon;
	sigset_t stop;
	int which;

	if (!shop_parse_options(&server.options, argc, argv))
		return fprintf(stderr, usage, argv[0]), 2;
	/* Before the first thread, so that all of them leave these to sigwait below. */
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &stop, NULL);

	daemon = shop_serve(&server);
	if (!daemon)
		return 1;
	if (server.options.id)
		(void)snprintf(server.id, sizeof(server.id), "%s", server.options.id);
	else
		(void)snprintf(server.id, sizeof(server.id), "%s:%u", server.options.host,
			       server.options.port);
	lease = shop_register(&server, &registry);
	if (lease) {
		(void)printf("%s/%s: listening on %s:%u\n", shop->service, server.id,
			     server.options.host, server.options.port);
		(void)fflush(stdout);
		(void)sigwait(&stop, &which);
	}
	/* First out of the registry, and only when no gateway sends anything more, out of business.
	 */
	which = lease ? 0 : 1;
	(void)microreg_deregister(&lease, 2000, NULL); /* if it fails, the lease runs out */
	microreg_close(&registry);
	MHD_stop_daemon(daemon);
	return which;
}
