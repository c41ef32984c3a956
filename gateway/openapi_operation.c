/* openapi_operation: one method on one path, as OpenAPI 3.1 wants it (4.8.10). */
#include "gateway/openapi_parts.h"

#include "common/json_check.h"
#include "gateway/template.h"

#include <stdio.h>
#include <string.h>

enum { OPERATION_WORDS_MAX = 1 << 20 };

static void write_text(struct json_writer *j, const char *key, const char *text)
{
	json_write_key(j, key);
	json_write_string(j, text);
}

/* ---- What is said of it ---- */

static void write_paragraph(struct buf *words, const char *text)
{
	(void)buf_printf(words, "%s%s", words->len ? "\n\n" : "", text); /* sticks */
}

static void write_others(const struct openapi_model *model, const struct openapi_path *path,
			 enum http_method method, struct buf *words)
{
	const struct settings_route *told = openapi_find(path, method);
	struct buf when;

	buf_init(&when, OPERATION_WORDS_MAX);
	for (const struct openapi_route *r = path->routes; r; r = r->next) {
		if (r->route == told || !openapi_route_has(r->route, method))
			continue;
		buf_reset(&when);
		openapi_write_when(r->route, &when);
		write_paragraph(words, buf_str(&when) && when.len ? "Otherwise " : "Otherwise: ");
		(void)buf_printf(words, "%s%s", buf_str(&when) ? when.data : "",
				 when.len ? ": " : "");
		if (r->route->docs.summary)
			(void)buf_printf(words, "%s ", r->route->docs.summary);
		openapi_write_does(model->settings, r->route, words);
	}
	words->failed |= when.failed;
	buf_fini(&when);
}

static void write_words(const struct openapi_model *model, const struct openapi_path *path,
			enum http_method method, struct json_writer *j)
{
	const struct settings_route *route = openapi_find(path, method);
	const struct settings_docs *docs = &route->docs;
	struct buf words, when;

	buf_init(&words, OPERATION_WORDS_MAX);
	buf_init(&when, OPERATION_WORDS_MAX);
	if (docs->summary)
		write_text(j, "summary", docs->summary);
	if (docs->description)
		write_paragraph(&words, docs->description);
	write_paragraph(&words, "");
	openapi_write_does(model->settings, route, &words);
	openapi_write_when(route, &when);
	if (buf_str(&when) && when.len) {
		write_paragraph(&words, "Taken ");
		(void)buf_printf(&words, "%s.", when.data);
	}
	write_others(model, path, method, &words);
	if (buf_str(&words))
		write_text(j, "description", words.data + strspn(words.data, "\n"));
	j->out->failed |= words.failed || when.failed;
	buf_fini(&words);
	buf_fini(&when);
	json_write_key(j, "tags");
	json_write_array(j);
	for (size_t i = 0; i < docs->tags.count; i++)
		json_write_string(j, docs->tags.items[i]);
	if (!docs->tags.count)
		json_write_string(j, openapi_tag(route));
	json_write_array_end(j);
}

/* ---- What it takes ---- */

/* A value as its schema's type has it, when it is one. */
static void write_value(struct json_writer *j, const char *type, const char *text)
{
	struct err e = {0};

	if (type && strcmp(type, "string") != 0 &&
	    json_check((struct span){text, strlen(text)}, &e) == 0)
		json_write_raw(j, text);
	else
		json_write_string(j, text);
}

static void write_param(void *arg, const struct openapi_param *param)
{
	struct json_writer *j = arg;

	json_write_object(j);
	write_text(j, "name", param->name);
	write_text(j, "in", param->in);
	json_write_key(j, "required");
	json_write_bool(j, param->required);
	if (param->words)
		write_text(j, "description", param->words);
	json_write_key(j, "schema");
	json_write_object(j);
	if (param->type)
		write_text(j, "type", param->type);
	if (param->format)
		write_text(j, "format", param->format);
	if (param->only) {
		json_write_key(j, "const");
		write_value(j, param->type, param->only);
	}
	if (param->otherwise) {
		json_write_key(j, "default");
		write_value(j, param->type, param->otherwise);
	}
	json_write_object_end(j);
	json_write_object_end(j);
}

/* {"TYPE": {"schema": …}, …} */
static void write_content(struct json_writer *j, const char *const *types, size_t count,
			  const char *schema)
{
	json_write_key(j, "content");
	json_write_object(j);
	for (size_t i = 0; i < count; i++) {
		json_write_key(j, types[i]);
		json_write_object(j);
		json_write_key(j, "schema");
		json_write_raw(j, schema ? schema : "{}");
		json_write_object_end(j);
	}
	json_write_object_end(j);
}

static void write_request(const struct settings_route *route, enum http_method method,
			  struct json_writer *j)
{
	bool takes = ((unsigned)method & (HTTP_POST | HTTP_PUT | HTTP_PATCH)) != 0;
	const char *types[OPENAPI_TYPES_MAX];
	size_t count = openapi_request_types(route, types);

	if (!takes && !route->docs.request)
		return;
	json_write_key(j, "requestBody");
	json_write_object(j);
	/* Without one it is a 400. */
	if (takes && route->body_check == BODY_JSON) {
		json_write_key(j, "required");
		json_write_bool(j, true);
	}
	write_content(j, types, count, route->docs.request);
	json_write_object_end(j);
}

/* ---- What it answers ---- */

static void write_location(struct json_writer *j)
{
	json_write_key(j, "headers");
	json_write_raw(j, "{\"Location\":{\"schema\":{\"type\":\"string\"}}}");
}

static void write_fixed(const struct settings_fallback *fixed, struct json_writer *j)
{
	struct err e = {0};

	if (!fixed->body || !fixed->type)
		return;
	json_write_key(j, "content");
	json_write_object(j);
	json_write_key(j, fixed->type);
	json_write_object(j);
	json_write_key(j, "example");
	if (strcmp(fixed->type, "application/json") == 0 &&
	    json_check((struct span){fixed->body, fixed->body_len}, &e) == 0)
		json_write_raw(j, fixed->body);
	else
		json_write_string_n(j, fixed->body, fixed->body_len);
	json_write_object_end(j);
	json_write_object_end(j);
}

static void write_answer(const struct settings_route *route, struct json_writer *j)
{
	char status[8] = "200";
	const char *type = openapi_reply_type(route);
	bool made = route->compose.call_count || route->bridge.method;

	if (route->redirect.to || route->respond.given)
		(void)snprintf(status, sizeof(status), "%u",
			       route->redirect.to ? route->redirect.status : route->respond.status);
	else if (!made && !route->rpc.method_count)
		(void)snprintf(status, sizeof(status), "2XX");
	json_write_key(j, status);
	json_write_object(j);
	write_text(j, "description", route->redirect.to ? "Sent on" : "The answer");
	if (route->redirect.to)
		write_location(j);
	else if (route->respond.given)
		write_fixed(&route->respond, j);
	else if (type)
		write_content(j, &type, 1, route->rpc.method_count ? NULL : route->docs.reply);
	json_write_object_end(j);
}

static void write_responses(const struct settings *settings, const struct settings_route *route,
			    enum http_method method, struct json_writer *j)
{
	unsigned statuses[OPENAPI_STATUSES_MAX];
	size_t count = openapi_problems(settings, route, method, statuses);

	json_write_key(j, "responses");
	json_write_object(j);
	write_answer(route, j);
	for (size_t i = 0; i < count; i++) {
		char text[64];

		/* A fixed answer may be such a status itself. */
		if (route->respond.given && route->respond.status == statuses[i])
			continue;
		(void)snprintf(text, sizeof(text), "%u", statuses[i]);
		json_write_key(j, text);
		json_write_object(j);
		(void)snprintf(text, sizeof(text), "#/components/responses/Problem%u", statuses[i]);
		write_text(j, "$ref", text);
		json_write_object_end(j);
	}
	json_write_object_end(j);
}

/* ---- Who may call ---- */

static void write_scheme(struct json_writer *j, const struct settings_auth_method *method,
			 bool query)
{
	char name[OPENAPI_NAME_MAX];

	openapi_scheme_name(method, query, name);
	json_write_key(j, name);
	json_write_array(j);
	json_write_array_end(j);
}

static void write_security(const struct settings_auth *auth, struct json_writer *j)
{
	if (!auth->count)
		return;
	json_write_key(j, "security");
	json_write_array(j);
	if (auth->optional)
		json_write_raw(j, "{}");
	for (size_t i = 0; i < auth->count && !auth->all; i++)
		for (int query = 0; query < (auth->methods[i].query ? 2 : 1); query++) {
			json_write_object(j);
			write_scheme(j, &auth->methods[i], query);
			json_write_object_end(j);
		}
	if (auth->all) {
		json_write_object(j);
		for (size_t i = 0; i < auth->count; i++)
			write_scheme(j, &auth->methods[i], false);
		json_write_object_end(j);
	}
	json_write_array_end(j);
}

/* ---- Where ---- */

static bool has_tls(const struct settings *settings)
{
	for (size_t i = 0; i < settings->listen_count; i++)
		if (settings->listen[i].tls.count)
			return true;
	return false;
}

static void write_servers(const struct settings *settings, const struct settings_route *route,
			  struct json_writer *j)
{
	const char *scheme = has_tls(settings) ? "https" : "http";

	if (!route->hosts.count)
		return;
	json_write_key(j, "servers");
	json_write_array(j);
	for (size_t i = 0; i < route->hosts.count; i++) {
		const char *host = route->hosts.items[i];
		bool wild = host[0] == '*';
		char url[512];

		(void)snprintf(url, sizeof(url), "%s://%s%s", scheme, wild ? "{name}" : "",
			       host + wild);
		json_write_object(j);
		write_text(j, "url", url);
		if (wild) {
			json_write_key(j, "variables");
			json_write_raw(j, "{\"name\":{\"default\":\"www\"}}");
		}
		json_write_object_end(j);
	}
	json_write_array_end(j);
}

static void write_limits(const struct settings *settings, const struct settings_route *route,
			 struct json_writer *j)
{
	struct buf words;

	buf_init(&words, OPERATION_WORDS_MAX);
	openapi_write_limits(&route->policy.limits, &words);
	openapi_write_limits(&settings->rate_limits, &words);
	if (words.len && buf_str(&words))
		write_text(j, "x-limits", words.data);
	j->out->failed |= words.failed;
	buf_fini(&words);
}

static void write_rpc(const struct settings_rpc *rpc, struct json_writer *j)
{
	if (!rpc->method_count)
		return;
	json_write_key(j, "x-xmlrpc-methods");
	json_write_object(j);
	for (size_t i = 0; i < rpc->method_count; i++) {
		const struct settings_rpc_method *method = &rpc->methods[i];

		json_write_key(j, method->name);
		json_write_object(j);
		json_write_key(j, "params");
		json_write_array(j);
		for (size_t k = 0; k < method->param_count; k++) {
			json_write_object(j);
			write_text(j, "name", method->params[k].name);
			write_text(j, "type", rpc_value_type_name(method->params[k].type));
			json_write_key(j, "required");
			json_write_bool(j, !method->params[k].otherwise.len);
			json_write_object_end(j);
		}
		json_write_array_end(j);
		write_text(j, "returns", rpc_value_type_name(method->returns));
		if (method->help)
			write_text(j, "help", method->help);
		json_write_object_end(j);
	}
	json_write_object_end(j);
}

void openapi_write_operation(const struct openapi_model *model, const struct openapi_path *path,
			     enum http_method method, struct json_writer *j)
{
	const struct settings_route *route = openapi_find(path, method);

	json_write_object(j);
	write_words(model, path, method, j);
	write_servers(model->settings, route, j);
	write_security(&route->policy.auth, j);
	json_write_key(j, "parameters");
	json_write_array(j);
	openapi_each_param(path, route, write_param, j);
	json_write_array_end(j);
	write_request(route, method, j);
	write_responses(model->settings, route, method, j);
	write_limits(model->settings, route, j);
	write_rpc(&route->rpc, j);
	json_write_object_end(j);
}
