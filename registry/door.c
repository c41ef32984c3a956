/* door: routes requests by path, carries calls to the methods and back. */
#include "registry/door.h"
#include "common/clock.h"
#include "common/httpd.h"
#include "common/json_write.h"
#include "common/metrics.h"
#include "common/xml_guard.h"
#include "registry/catalog.h"
#include "registry/door_metrics.h"
#include "registry/method.h"
#include "common/rate.h"
#include "registry/writer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	DOOR_SMALL_MAX = 64 << 10,
	DOOR_IDLE_S = 90,	   /* longer than a watch waits */
	DOOR_POOL_BYTES = 8 << 10, /* of each of ten thousand connections */
};

#define DOOR_XML "text/xml; charset=utf-8"
#define DOOR_HOST_CHARACTERS         \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz0123456789.:[]-"

struct door {
	struct registry *registry;
	struct httpd *httpd;
	struct rate *rate;
	unsigned calls_per_address;
	bool secure;	       /* it speaks TLS */
	pthread_rwlock_t gate; /* read: a handler is at work; write: door_close */
	bool closed;	       /* under gate */
};

static const char door_page[] =
	"MicroReg registry " MICROREG_VERSION "\n"
	"\n"
	"Services register here and keep a lease alive; gateways and clients ask where they run.\n"
	"\n"
	"  POST /RPC2     XML-RPC: registry.*, system.*, and the methods of the original MicroReg\n"
	"  GET  /health   200 when it is ready and its store takes changes\n"
	"  GET  /metrics  counters, for Prometheus\n"
	"\n"
	"Try it:\n"
	"  python3 -c \"import xmlrpc.client as x; "
	"print(x.ServerProxy('%s://%s/RPC2').registry.services())\"\n";

/* ---- Small answers ---- */

static void door_problem(struct httpd_request *request, unsigned status, const char *title,
			 const char *detail)
{
	struct buf text;
	struct json_writer j;

	buf_init(&text, DOOR_SMALL_MAX);
	json_write_init(&j, &text);
	json_write_object(&j);
	json_write_key(&j, "type");
	json_write_string(&j, "about:blank");
	json_write_key(&j, "title");
	json_write_string(&j, title);
	json_write_key(&j, "status");
	json_write_uint(&j, status);
	json_write_key(&j, "detail");
	json_write_string(&j, detail);
	json_write_object_end(&j);
	httpd_reply(request, status, "application/problem+json", text.data,
		    text.failed ? 0 : text.len);
	buf_fini(&text);
}

static void door_health(struct door *s, struct httpd_request *request)
{
	struct catalog_stats stats;
	struct err why = {0};
	bool healthy = writer_is_healthy(s->registry->writer, &why);
	struct buf text;
	struct json_writer j;

	catalog_stats(s->registry->catalog, &stats);
	buf_init(&text, DOOR_SMALL_MAX);
	json_write_init(&j, &text);
	json_write_object(&j);
	json_write_key(&j, "status");
	json_write_string(&j, healthy ? "ok" : "failing");
	if (!healthy) {
		json_write_key(&j, "detail");
		json_write_string(&j, why.text);
	}
	json_write_key(&j, "services");
	json_write_uint(&j, stats.services);
	json_write_key(&j, "instances");
	json_write_uint(&j, stats.instances);
	json_write_object_end(&j);
	(void)httpd_add_header(request, "Cache-Control", "no-store"); /* without it still right */
	httpd_reply(request, healthy ? 200 : 503, "application/json", text.data,
		    text.failed ? 0 : text.len);
	buf_fini(&text);
}

static void door_metrics(struct door *s, struct httpd_request *request)
{
	struct buf text;

	buf_init(&text, DOOR_SMALL_MAX);
	door_metrics_write(s->registry, &text);
	httpd_reply(request, text.failed ? 503 : 200, METRICS_CONTENT_TYPE, text.data,
		    text.failed ? 0 : text.len);
	buf_fini(&text);
}

/* ---- Calls ---- */

static void door_suspend(struct call *call)
{
	httpd_suspend(call->owner);
}

static void door_forget(void *reply)
{
	struct httpd_shared *shared = reply;

	httpd_shared_unref(&shared);
}

static void door_answer_shared(struct httpd_request *request, struct shared_answer *answer)
{
	if (!answer->reply) {
		answer->reply = httpd_shared_new(DOOR_XML, answer->text.data, answer->text.len);
		answer->forget = door_forget;
	}
	if (answer->reply)
		httpd_reply_shared(request, 200, answer->reply);
	else
		door_problem(request, 503, "Service Unavailable", "the registry is out of memory");
}

static void door_answered(struct call *call, xmlrpc_value *result, const struct err *fault)
{
	struct httpd_request *request = call->owner;
	unsigned status = 200;
	struct buf text;

	if (!result && !fault && call->shared) {
		door_answer_shared(request, call->shared);
		return;
	}
	if (!result && !fault) {
		httpd_reply_take(request, 200, DOOR_XML, call->text.data, call->text.len);
		buf_release(&call->text);
		return;
	}
	if (fault && (fault->code == RPC_FAULT_ACCESS || fault->code == RPC_FAULT_FORBIDDEN)) {
		status = (unsigned)fault->code;
		atomic_fetch_add_explicit(&call->registry->denied, 1, memory_order_relaxed);
	}
	buf_init(&text, CALL_TEXT_MAX);
	if (method_serialize(call, result, fault, &text) < 0)
		door_problem(request, 503, "Service Unavailable", "the registry is out of memory");
	else
		httpd_reply(request, status, DOOR_XML, text.data, text.len);
	buf_fini(&text);
	if (result)
		xmlrpc_DECREF(result);
}

/* "text/xml; charset=utf-8" is "text/xml". */
static bool door_is_type(const char *value, const char *type)
{
	size_t len = strlen(type);

	return strncasecmp(value, type, len) == 0 && strchr("; \t", value[len]);
}

/* What no XML-RPC client sends. A web page in the browser of somebody who can reach this door could
 * else make calls: browsers send text/plain and forms to any site without asking it first, and an
 * Origin with every POST. */
static bool door_refuses(struct httpd_request *request)
{
	const char *type = httpd_header(request, "Content-Type");
	const char *encoding = httpd_header(request, "Content-Encoding");

	if (httpd_header(request, "Origin"))
		door_problem(request, 403, "Forbidden", "calls from web pages are not taken");
	else if (type && !door_is_type(type, "text/xml") && !door_is_type(type, "application/xml"))
		door_problem(request, 415, "Unsupported Media Type", "calls are sent as text/xml");
	else if (encoding && strcasecmp(encoding, "identity") != 0)
		door_problem(request, 415, "Unsupported Media Type",
			     "calls are sent without a Content-Encoding");
	else
		return false;
	return true;
}

/* The example calls the address that the reader has just used. */
static void door_show_page(const struct door *s, struct httpd_request *request)
{
	const char *host = httpd_header(request, "Host");
	struct buf text;

	/* It goes into a command line. */
	if (!host || !*host || host[strspn(host, DOOR_HOST_CHARACTERS)])
		host = "HOST:PORT";
	buf_init(&text, DOOR_SMALL_MAX);
	if (buf_printf(&text, door_page, s->secure ? "https" : "http", host) < 0)
		door_problem(request, 503, "Service Unavailable", "the registry is out of memory");
	else
		httpd_reply(request, 200, "text/plain; charset=utf-8", text.data, text.len);
	buf_fini(&text);
}

/* ---- Access ---- */

/* Who calls, where there are tokens. False, with 401 answered, for nobody. */
static bool door_knows(struct door *s, struct httpd_request *request, struct call *call)
{
	const char *shown = httpd_header(request, "Authorization");

	call->access = access_gate_get(s->registry->access);
	if (!call->access)
		return true;
	call->token = access_find(call->access, shown);
	if (call->token)
		return true;
	/* Without these two the status says it too. */
	(void)httpd_add_header(request, "WWW-Authenticate", "Bearer realm=\"microreg\"");
	(void)httpd_add_header(request, "WWW-Authenticate", "Basic realm=\"microreg\"");
	call_fault(call, RPC_FAULT_ACCESS,
		   shown ? "the token that was sent is none of those in the registry's settings "
			   "(tokens)"
			 : "a token is wanted: send Authorization: Bearer TOKEN, or "
			   "http://any:TOKEN@HOST/");
	return false;
}

/* False, with the fault answered, when there were too many. */
static bool door_allows(struct door *s, struct httpd_request *request, struct call *call)
{
	const struct access_token *token = call->token;
	unsigned char key[HTTPD_NETWORK_SIZE];
	uint64_t now_us;
	size_t len;

	if (!s->calls_per_address && !(token && token->calls))
		return true;
	now_us = clock_us();
	len = httpd_peer_network(request, key);
	if (s->calls_per_address && !rate_take(s->rate, key, len, s->calls_per_address, now_us))
		call_fault(call, RPC_FAULT_TOO_MANY,
			   "more than %u calls a second from this address "
			   "(limits.calls_per_address)",
			   s->calls_per_address);
	else if (token && token->calls &&
		 !rate_take(s->rate, token->name, strlen(token->name), token->calls, now_us))
		call_fault(call, RPC_FAULT_TOO_MANY,
			   "more than %u calls a second of the token "
			   "\"%s\" (tokens: calls)",
			   token->calls, token->name);
	else
		return true;
	atomic_fetch_add_explicit(&s->registry->limited, 1, memory_order_relaxed);
	return false;
}

static void door_call(struct door *s, struct httpd_request *request)
{
	struct call *call;
	const char *body;
	size_t len;

	if (door_refuses(request))
		return;
	call = call_new(s->registry);
	if (!call) {
		door_problem(request, 503, "Service Unavailable", "the registry is out of memory");
		return;
	}
	call->owner = request;
	call->answered = door_answered;
	call->suspend = door_suspend;
	httpd_peer_text(request, call->peer);
	if (!door_knows(s, request, call) || !door_allows(s, request, call))
		return;
	body = httpd_body(request, &len);
	method_handle(call, body, len);
}

/* Counters tell what is registered here: they are for whoever may look it up. */
static bool door_may_look(struct door *s, struct httpd_request *request)
{
	const char *shown = httpd_header(request, "Authorization");
	struct access *access = access_gate_get(s->registry->access);
	bool may = !access || access_find(access, shown);

	access_unref(&access);
	if (may)
		return true;
	(void)httpd_add_header(request, "WWW-Authenticate", "Bearer realm=\"microreg\"");
	door_problem(request, 401, "Unauthorized",
		     shown ? "the token that was sent is none of those in the registry's settings"
			   : "a token is wanted: send Authorization: Bearer TOKEN");
	return false;
}

/* ---- Routing ---- */

static void door_not_allowed(struct httpd_request *request, const char *allow)
{
	char detail[128];

	(void)httpd_add_header(request, "Allow", allow); /* without it the detail says so */
	(void)snprintf(detail, sizeof(detail), "allowed here: %s", allow);
	door_problem(request, 405, "Method Not Allowed", detail);
}

static void door_route(struct door *s, struct httpd_request *request)
{
	const char *path = httpd_path(request), *method = httpd_method(request);
	bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	bool post = strcmp(method, "POST") == 0, root = strcmp(path, "/") == 0;

	if (root || strcmp(path, "/RPC2") == 0) {
		if (post)
			door_call(s, request);
		else if (root && get)
			door_show_page(s, request);
		else
			door_not_allowed(request, root ? "GET, HEAD, POST" : "POST");
		return;
	}
	if (strcmp(path, "/health") != 0 && strcmp(path, "/metrics") != 0) {
		door_problem(request, 404, "Not Found",
			     "here are /RPC2 (POST), /health, /metrics and /");
		return;
	}
	if (!get)
		door_not_allowed(request, "GET, HEAD");
	else if (strcmp(path, "/health") == 0)
		door_health(s, request);
	else if (door_may_look(s, request))
		door_metrics(s, request);
}

static void door_handle(void *arg, struct httpd_request *request)
{
	struct door *s = arg;

	(void)pthread_rwlock_rdlock(&s->gate);
	if (s->closed)
		door_problem(request, 503, "Service Unavailable", "the registry is stopping");
	else
		door_route(s, request);
	(void)pthread_rwlock_unlock(&s->gate);
}

/* ---- Life ---- */

static void door_free(struct door *s)
{
	rate_free(&s->rate);
	(void)pthread_rwlock_destroy(&s->gate); /* nobody holds it */
	free(s);
}

struct door *door_start(struct registry *registry, const struct door_options *options,
			struct err *e)
{
	struct door *s = calloc(1, sizeof(*s));
	bool secure = options->tls.cert != NULL; /* httpd takes them */
	struct httpd_options httpd = {.address = options->address,
				      .port = options->port,
				      .inherited = options->inherited,
				      .threads = options->threads,
				      .body_max_bytes = XML_GUARD_BYTES_MAX,
				      .connections_max = options->connections_max,
				      .connections_per_address = options->connections_per_address,
				      .tls = options->tls,
				      .idle_timeout_s = DOOR_IDLE_S,
				      .pool_bytes = DOOR_POOL_BYTES,
				      .handler = door_handle,
				      .arg = s};

	if (s)
		s->rate = rate_new();
	if (!s || !s->rate || pthread_rwlock_init(&s->gate, NULL)) {
		(void)err_set(e, "door: out of memory");
		httpd_tls_fini(&httpd.tls);
		if (s)
			rate_free(&s->rate);
		free(s);
		return NULL;
	}
	s->registry = registry;
	s->calls_per_address = options->calls_per_address;
	s->secure = secure;
	s->httpd = httpd_start(&httpd, e);
	if (s->httpd)
		return s;
	door_free(s);
	return NULL;
}

uint16_t door_port(const struct door *door)
{
	return httpd_port(door->httpd);
}

int door_set_tls(struct door *door, const struct httpd_tls *tls, struct err *e)
{
	return httpd_set_tls(door->httpd, tls, e);
}

void door_close(struct door *door)
{
	httpd_quiesce(door->httpd);
	(void)pthread_rwlock_wrlock(&door->gate);
	door->closed = true;
	(void)pthread_rwlock_unlock(&door->gate);
}

void door_stop(struct door **door)
{
	struct door *s = *door;

	if (!s)
		return;
	httpd_stop(&s->httpd);
	door_free(s);
	*door = NULL;
}
