/*
 * admin_change: what an administrator may have done while the gateway runs:
 * a table of paths, each a POST with an object of JSON or nothing. Every one
 * goes to the audit, with whose token it was.
 *
 * Settings are read on the main thread, so that request waits; all else is
 * done at once on the door's own.
 */
#include "common/log.h"
#include "common/loop.h"
#include "gateway/admin_json.h"
#include "gateway/admin_parts.h"
#include "gateway/audit.h"
#include "gateway/cache.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	ADMIN_MEMBERS_MAX = 4,
	ADMIN_ANSWER_MAX = 16 << 10,
};

void admin_change_fail(struct admin_change *c, enum problem problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(c->detail, sizeof(c->detail), format, args); /* cut */
	va_end(args);
	c->problem = problem;
}

static void admin_change_tell(struct admin *admin, struct httpd_request *request,
			      const struct audit_entry *what)
{
	struct audit_entry entry = *what;
	char client[INET6_ADDRSTRLEN];

	httpd_peer_text(request, client);
	entry.event = AUDIT_ADMIN;
	entry.client = (struct span){client, strlen(client)};
	audit_write(admin->gateway->audit, &entry);
}

/* ---- What was sent ---- */

/* A text; NULL when it is not there, or when it is none, which is noted. */
static const char *admin_change_text(struct admin_change *c, const char *name)
{
	const json_t *value = c->in ? json_object_get(c->in, name) : NULL;

	if (!value)
		return NULL;
	if (!json_is_string(value) || !*json_string_value(value))
		admin_change_fail(c, PROBLEM_BAD_REQUEST, "\"%s\" is a text", name);
	return json_string_value(value);
}

/* ---- /drain ---- */

static void admin_drain(struct admin_change *c)
{
	const json_t *value = c->in ? json_object_get(c->in, "draining") : NULL;
	bool held = !value || json_is_true(value), draining;

	if (value && !json_is_boolean(value)) {
		admin_change_fail(c, PROBLEM_BAD_REQUEST, "\"draining\" is true or false");
		return;
	}
	pthread_mutex_lock(&c->admin->lock);
	c->admin->held = held;
	draining = held || c->admin->draining;
	pthread_mutex_unlock(&c->admin->lock);
	admin_key_bool(&c->j, "draining", draining);
	(void)snprintf(c->did, sizeof(c->did), "/ready is %s", held ? "503" : "200 again");
}

/* ---- /log-level ---- */

static void admin_log_level(struct admin_change *c)
{
	const char *text = admin_change_text(c, "level");
	int level = text ? log_level_parse(text) : -1;

	if (c->problem)
		return;
	if (level < 0) {
		admin_change_fail(c, PROBLEM_BAD_REQUEST,
				  "\"level\" is one of debug, info, warn, error");
		return;
	}
	log_set_level((enum log_level)level);
	admin_key_string(&c->j, "level", text);
	(void)snprintf(c->did, sizeof(c->did), "%s, until the settings are read again", text);
}

/* ---- /cache/purge ---- */

/* A route's replies are those of its service below the part of its path that is fixed. What other
 * routes keep there goes as well, which costs a request each. */
static void admin_purge_route(struct admin_change *c, const char *name, struct cache_match *match)
{
	const struct settings *settings = c->view->table->settings;
	const struct settings_route *route = NULL;

	for (size_t i = 0; i < settings->route_count && !route; i++)
		if (strcmp(settings->routes[i].name, name) == 0 ||
		    strcmp(settings->routes[i].pattern, name) == 0)
			route = &settings->routes[i];
	if (!route) {
		admin_change_fail(c, PROBLEM_NOT_THERE, "no route \"%.200s\"; see /routes", name);
	} else if (!route->service_name) {
		admin_change_fail(c, PROBLEM_BAD_REQUEST,
				  "the route \"%.200s\" has no service of its own; say \"service\"",
				  name);
	} else {
		match->service = route->service_name;
		match->prefix = (struct span){route->pattern, strcspn(route->pattern, "{*")};
		if (route->rewrite) /* they are kept by the path that is sent */
			match->prefix = (struct span){0};
	}
}

static void admin_purge(struct admin_change *c)
{
	const char *route = admin_change_text(c, "route"), *prefix = admin_change_text(c, "prefix");
	struct cache_match match = {.service = admin_change_text(c, "service"),
				    .host = admin_change_text(c, "host")};
	uint64_t dropped;

	if (!c->problem && route && (prefix || match.service))
		admin_change_fail(c, PROBLEM_BAD_REQUEST,
				  "\"route\" says service and prefix; leave those out");
	if (!c->problem && prefix && *prefix != '/')
		admin_change_fail(c, PROBLEM_BAD_REQUEST, "\"prefix\" begins with /");
	if (prefix)
		match.prefix = (struct span){prefix, strlen(prefix)};
	if (!c->problem && route)
		admin_purge_route(c, route, &match);
	if (c->problem)
		return;
	dropped = cache_purge(c->admin->gateway->cache, &match);
	json_write_key(&c->j, "dropped");
	json_write_uint(&c->j, dropped);
	(void)snprintf(c->did, sizeof(c->did), "%llu dropped of%s%.100s%s%.100s%s%.100s%s",
		       (unsigned long long)dropped, match.service ? " service " : "",
		       match.service ? match.service : "", match.host ? " host " : "",
		       match.host ? match.host : "", match.prefix.len ? " prefix " : "",
		       match.prefix.len ? (route ? route : prefix) : "",
		       match.service || match.host || match.prefix.len ? "" : " all");
}

/* ---- /reload ---- */

struct admin_reload_call {
	struct loop_message message; /* first */
	struct admin_reload_call *next, **link;
	struct admin *admin;
	struct httpd_request *request; /* NULL: the door has closed */
	char token[ADMIN_NAME_MAX];
};

static void admin_reload_answer(struct admin_reload_call *call)
{
	struct admin *admin = call->admin;
	bool ok = admin->reload.ok; /* only main writes it */
	struct audit_entry entry = {.token = call->token,
				    .action = "reload",
				    .reason = ok ? "in effect"
						 : "refused, the settings have mistakes"};
	static const char done[] = "{\"ok\":true}\n";

	admin_change_tell(admin, call->request, &entry);
	if (ok)
		httpd_reply(call->request, 200, "application/json", done, sizeof(done) - 1);
	else
		admin_problem(call->request, PROBLEM_SETTINGS, admin->reload.text);
}

/* On main's loop, also when that ends. */
static void admin_reload_deliver(struct loop_message *message)
{
	struct admin_reload_call *call = (struct admin_reload_call *)(void *)message;
	struct admin *admin = call->admin;

	if (call->request) {
		pthread_mutex_lock(&admin->lock);
		*call->link = call->next;
		if (call->next)
			call->next->link = call->link;
		pthread_mutex_unlock(&admin->lock);
		admin->owner.reload(admin->owner.arg);
		admin_reload_answer(call);
	}
	free(call);
}

void admin_change_forget(struct admin *admin)
{
	struct admin_reload_call *call;

	pthread_mutex_lock(&admin->lock);
	admin->stopping = true;
	for (call = admin->calls; call; call = call->next)
		call->request = NULL;
	admin->calls = NULL;
	pthread_mutex_unlock(&admin->lock);
}

static void admin_reload(struct admin_change *c)
{
	struct admin *admin = c->admin;
	struct admin_reload_call *call = calloc(1, sizeof(*call));
	struct loop *loop = NULL;

	if (!call) {
		admin_change_fail(c, PROBLEM_NO_MEMORY, "nothing was read");
		return;
	}
	call->message.deliver = admin_reload_deliver;
	call->admin = admin;
	call->request = c->request;
	(void)snprintf(call->token, sizeof(call->token), "%s", c->token); /* shorter */
	c->later = true;
	httpd_suspend(c->request);
	pthread_mutex_lock(&admin->lock);
	if (!admin->stopping)
		loop = admin->owner.loop;
	if (loop) {
		call->next = admin->calls;
		call->link = &admin->calls;
		if (call->next)
			call->next->link = &call->next;
		admin->calls = call;
	}
	pthread_mutex_unlock(&admin->lock);
	if (loop) {
		/* Before the door is closed, which waits for this: then main still delivers. */
		loop_post(loop, &call->message);
		return;
	}
	admin_problem(c->request, PROBLEM_DRAINING, NULL);
	free(call);
}

/* ---- The table ---- */

struct admin_member {
	const char *name, *form, *help;
};

static const struct admin_operation {
	const char *path; /* as it is shown; ends in "/restore": of an instance */
	const char *action, *help;
	struct admin_member members[ADMIN_MEMBERS_MAX]; /* that may be sent */
	void (*run)(struct admin_change *c);
} admin_operations[] = {
	{"/reload",
	 "reload",
	 "Reads the settings again; with mistakes it is a 422 that tells them, and nothing changes",
	 {{.name = NULL}},
	 admin_reload},
	{"/drain",
	 "drain",
	 "Makes `/ready` a 503, so that a load balancer sends its clients elsewhere. Requests that "
	 "still come are served, and the gateway goes on: SIGTERM is what ends it",
	 {{"draining", "boolean", "`false`: takes it back; without it `true`"}},
	 admin_drain},
	{"/log-level",
	 "log-level",
	 "Sets `log.level` until the settings are read again",
	 {{"level", "text", "`debug`, `info`, `warn` or `error`"}},
	 admin_log_level},
	{"/cache/purge",
	 "cache.purge",
	 "Drops kept replies, and tells how many: all that every member given fits, or all",
	 {{"service", "text", "of this service"},
	  {"host", "text", "asked for at this host, its port included"},
	  {"prefix", "text", "whose path, as the service gets it, begins so"},
	  {"route", "text",
	   "of the route of this name or path: its service's, below the part of its path that is "
	   "fixed"}},
	 admin_purge},
	{"/services/NAME/instances/ID/restore",
	 "instance.restore",
	 "Takes back an instance that its failures had ejected, in every worker",
	 {{.name = NULL}},
	 admin_restore},
};

enum { ADMIN_OPERATIONS = sizeof(admin_operations) / sizeof(admin_operations[0]) };

static const struct admin_operation *admin_operation_find(const char *path)
{
	for (size_t i = 0; i < ADMIN_OPERATIONS; i++)
		if (admin_operations[i].run == admin_restore
			    ? admin_restore_is(path)
			    : strcmp(path, admin_operations[i].path) == 0)
			return &admin_operations[i];
	return NULL;
}

bool admin_change_is(const char *path)
{
	return admin_operation_find(path) != NULL;
}

/* What no page of the web may have sent from a browser that knows a token: browsers say where a
 * request comes from, and send this type to other sites only when these allow it. */
static bool admin_change_refuses(struct httpd_request *request, size_t len)
{
	const char *type = httpd_header(request, "Content-Type");
	const char *site = httpd_header(request, "Sec-Fetch-Site");
	static const char json[] = "application/json";

	if (httpd_header(request, "Origin") || (site && strcmp(site, "none") != 0))
		admin_problem(request, PROBLEM_FORBIDDEN, "changes are not taken from web pages");
	else if (len && (!type || strncasecmp(type, json, strlen(json)) != 0 ||
			 !strchr("; \t", type[strlen(json)])))
		admin_problem(request, PROBLEM_UNSUPPORTED_TYPE,
			      "what is to be changed is sent as application/json");
	else if (httpd_has_query(request)) /* or what it narrows down would be done to all */
		admin_problem(request, PROBLEM_BAD_REQUEST,
			      "what is to be changed is sent in the body, as application/json");
	else
		return false;
	return true;
}

static bool admin_operation_takes(const struct admin_operation *operation, const char *name)
{
	for (size_t i = 0; i < ADMIN_MEMBERS_MAX && operation->members[i].name; i++)
		if (strcmp(name, operation->members[i].name) == 0)
			return true;
	return false;
}

static void admin_operation_refuse(struct admin_change *c, const struct admin_operation *operation,
				   const char *name)
{
	char known[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < ADMIN_MEMBERS_MAX && operation->members[i].name; i++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s\"%s\"", i ? ", " : "",
					operation->members[i].name);
	admin_change_fail(c, PROBLEM_BAD_REQUEST, "there is no member \"%.100s\" here; %s%s", name,
			  len ? "there is " : "send none", known);
}

static void admin_change_read(struct admin_change *c, const struct admin_operation *operation)
{
	json_error_t error;
	const char *body, *name;
	json_t *value;
	size_t len;

	body = httpd_body(c->request, &len);
	if (!len)
		return;
	c->in = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(c->in)) {
		admin_change_fail(c, PROBLEM_BAD_REQUEST, "the body is no object of JSON");
		return;
	}
	json_object_foreach(c->in, name, value)
	{
		if (!admin_operation_takes(operation, name))
			admin_operation_refuse(c, operation, name);
	}
}

static void admin_change_reply(struct admin_change *c)
{
	json_write_object_end(&c->j);
	(void)buf_putc(&c->out, '\n');
	if (!c->problem && c->out.failed)
		admin_change_fail(c, PROBLEM_NO_MEMORY, "it was done");
	if (c->problem)
		admin_problem(c->request, c->problem, *c->detail ? c->detail : NULL);
	else
		httpd_reply(c->request, 200, "application/json", c->out.data, c->out.len);
}

static void admin_change_make(struct admin_change *c, const struct admin_operation *operation)
{
	struct audit_entry entry = {.token = c->token, .action = operation->action};

	buf_init(&c->out, ADMIN_ANSWER_MAX);
	json_write_init(&c->j, &c->out);
	json_write_object(&c->j);
	admin_change_read(c, operation);
	if (!c->problem)
		operation->run(c);
	if (!c->later) {
		entry.reason = c->problem ? c->detail : c->did;
		admin_change_tell(c->admin, c->request, &entry);
		admin_change_reply(c);
	}
	json_decref(c->in);
	buf_fini(&c->out);
}

void admin_change_answer(struct admin *admin, struct httpd_request *request,
			 const struct admin_view *view)
{
	const struct admin_operation *operation = admin_operation_find(httpd_path(request));
	const struct settings_admin_token *token;
	struct admin_change change = {.admin = admin, .request = request, .view = view};
	size_t len;

	(void)httpd_body(request, &len); /* its length */
	if (!admin_lets_in(admin, request, view, ADMIN_ROLE_ADMIN, &token))
		return;
	if (strcmp(httpd_method(request), "POST") != 0) {
		(void)httpd_add_header(request, "Allow", "POST"); /* the status says it too */
		admin_problem(request, PROBLEM_NO_METHOD, NULL);
		return;
	}
	if (admin_change_refuses(request, len))
		return;
	change.token = token->name;
	admin_change_make(&change, operation);
}

void admin_change_print_reference(struct buf *out)
{
	for (size_t i = 0; i < ADMIN_OPERATIONS; i++) {
		const struct admin_operation *operation = &admin_operations[i];

		(void)buf_printf(out, "| `POST %s` | | %s |\n", operation->path,
				 operation->help); /* sticks, here and below */
		for (size_t k = 0; k < ADMIN_MEMBERS_MAX && operation->members[k].name; k++)
			(void)buf_printf(out, "| `POST %s` | `%s`: %s | %s |\n", operation->path,
					 operation->members[k].name, operation->members[k].form,
					 operation->members[k].help);
	}
}
