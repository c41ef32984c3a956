/* openapi_document: the document around the operations, and what they refer to. */
#include "gateway/openapi_parts.h"

#include "common/http.h"
#include "gateway/problem.h"

#include <stdio.h>
#include <string.h>

static void document_text(struct json_writer *j, const char *key, const char *text)
{
	json_write_key(j, key);
	json_write_string(j, text);
}

/* ---- Security schemes ---- */

void openapi_scheme_name(const struct settings_auth_method *method, bool query,
			 char name[OPENAPI_NAME_MAX])
{
	switch (method->kind) {
	case AUTH_KEY:
		(void)snprintf(name, OPENAPI_NAME_MAX, "%s-%s", query ? "query" : "key",
			       query ? method->query : method->header);
		break;
	case AUTH_JWT:
		(void)snprintf(name, OPENAPI_NAME_MAX, "%s-%s", query ? "query" : "token",
			       query		     ? method->query
			       : method->issuer_name ? method->issuer_name
						     : "jwt");
		break;
	case AUTH_BASIC:
		(void)snprintf(name, OPENAPI_NAME_MAX, "basic");
		break;
	case AUTH_FORWARD:
		(void)snprintf(name, OPENAPI_NAME_MAX, "service-%s", method->forward->service_name);
		break;
	case AUTH_CERTIFICATE:
	case AUTH_KIND_COUNT:
		(void)snprintf(name, OPENAPI_NAME_MAX, "certificate");
		break;
	}
	for (char *c = name; *c; c++) /* 4.8.7.1: what a key of components may have */
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		      (*c >= '0' && *c <= '9') || strchr("._-", *c)))
			*c = '_';
}

/* Another service looks at the request: at what of it, is known only when its answers are kept. */
static void document_forward(const struct settings_forward *forward, struct json_writer *j)
{
	const struct settings_forward_by *by = forward->by_count ? &forward->by[0] : NULL;

	document_text(j, "type", "apiKey");
	document_text(j, "in", by && by->cookie ? "cookie" : "header");
	document_text(j, "name", by ? by->name : "Authorization");
	document_text(j, "description", "What the service that is asked wants to see");
}

static void document_scheme(const struct settings *settings,
			    const struct settings_auth_method *method, bool query,
			    struct json_writer *j)
{
	const struct settings_issuer *issuer =
		method->kind == AUTH_JWT && method->issuer_name && settings->issuer_count
			? &settings->issuers[method->issuer]
			: NULL;

	json_write_object(j);
	if (method->kind == AUTH_FORWARD) {
		document_forward(method->forward, j);
	} else if (query || method->kind == AUTH_KEY) {
		document_text(j, "type", "apiKey");
		document_text(j, "in", query ? "query" : "header");
		document_text(j, "name", query ? method->query : method->header);
	} else if (issuer && issuer->discovery) {
		document_text(j, "type", "openIdConnect");
		document_text(j, "openIdConnectUrl", issuer->discovery);
	} else if (method->kind == AUTH_JWT) {
		document_text(j, "type", "http");
		document_text(j, "scheme", "bearer");
		document_text(j, "bearerFormat", "JWT");
	} else if (method->kind == AUTH_BASIC) {
		document_text(j, "type", "http");
		document_text(j, "scheme", "basic");
	} else {
		document_text(j, "type", "mutualTLS");
	}
	json_write_object_end(j);
}

/* Names of JSON's that are there already. */
struct document_seen {
	char names[256][OPENAPI_NAME_MAX];
	size_t count;
};

static bool document_see(struct document_seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->names[i], name) == 0)
			return false;
	if (seen->count == sizeof(seen->names) / sizeof(seen->names[0]))
		return false;
	(void)snprintf(seen->names[seen->count++], OPENAPI_NAME_MAX, "%s", name);
	return true;
}

static void document_schemes_of(const struct settings *settings, const struct settings_auth *auth,
				struct document_seen *seen, struct json_writer *j)
{
	for (size_t i = 0; i < auth->count; i++)
		for (int query = 0; query < (auth->methods[i].query ? 2 : 1); query++) {
			char name[OPENAPI_NAME_MAX];

			openapi_scheme_name(&auth->methods[i], query, name);
			if (!document_see(seen, name))
				continue;
			json_write_key(j, name);
			document_scheme(settings, &auth->methods[i], query, j);
		}
}

static void document_schemes(const struct openapi_model *model, struct json_writer *j)
{
	struct document_seen *seen = arena_zalloc((struct arena *)(uintptr_t)&model->arena,
						  sizeof(*seen)); /* the model is its maker's */

	json_write_key(j, "securitySchemes");
	json_write_object(j);
	for (const struct openapi_path *path = model->paths; path && seen; path = path->next)
		for (const struct openapi_route *r = path->routes; r; r = r->next)
			document_schemes_of(model->settings, &r->route->policy.auth, seen, j);
	json_write_object_end(j);
	j->out->failed |= !seen;
}

/* ---- Problems ---- */

static const char document_problem[] =
	"{\"type\":\"object\",\"description\":\"A problem (RFC 9457)\",\"required\":[\"type\","
	"\"title\",\"status\"],\"properties\":{\"type\":{\"type\":\"string\",\"format\":\"uri\","
	"\"description\":\"The cause, which stays the same\",\"examples\":["
	"\"urn:microreg:problem:no-instance\"]},\"title\":{\"type\":\"string\"},\"status\":{"
	"\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\","
	"\"format\":\"uri\",\"description\":\"The request, as in X-Request-Id\"},\"part\":{"
	"\"type\":\"string\",\"description\":\"The call of a composed answer that failed\"},"
	"\"faultCode\":{\"type\":\"integer\"},\"faultString\":{\"type\":\"string\"}}}";

static const char document_limit_headers[] =
	"{\"Retry-After\":{\"description\":\"Seconds until one may come again\",\"schema\":{"
	"\"type\":\"integer\"}},\"RateLimit\":{\"schema\":{\"type\":\"string\"}},"
	"\"RateLimit-Policy\":{\"schema\":{\"type\":\"string\"}}}";

void openapi_write_components(const struct openapi_model *model, struct json_writer *j)
{
	unsigned status;

	json_write_object(j);
	json_write_key(j, "schemas");
	json_write_object(j);
	json_write_key(j, "Problem");
	json_write_raw(j, document_problem);
	json_write_object_end(j);
	json_write_key(j, "responses");
	json_write_object(j);
	for (size_t i = 0; (status = openapi_problem_at(i)) != 0; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "Problem%u", status);
		json_write_key(j, name);
		json_write_object(j);
		document_text(j, "description", openapi_problem_words(status));
		if (status == 429) {
			json_write_key(j, "headers");
			json_write_raw(j, document_limit_headers);
		}
		json_write_key(j, "content");
		json_write_raw(j, "{\"" PROBLEM_CONTENT_TYPE
				  "\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}");
		json_write_object_end(j);
	}
	json_write_object_end(j);
	document_schemes(model, j);
	json_write_object_end(j);
}

/* ---- The whole ---- */

static void document_info(const struct settings_openapi *openapi, struct json_writer *j)
{
	json_write_key(j, "info");
	json_write_object(j);
	document_text(j, "title", openapi->title);
	document_text(j, "version", openapi->version);
	if (openapi->description)
		document_text(j, "description", openapi->description);
	json_write_object_end(j);
	if (!openapi->servers.count)
		return;
	json_write_key(j, "servers");
	json_write_array(j);
	for (size_t i = 0; i < openapi->servers.count; i++) {
		json_write_object(j);
		document_text(j, "url", openapi->servers.items[i]);
		json_write_object_end(j);
	}
	json_write_array_end(j);
}

static void document_path(const struct openapi_model *model, const struct openapi_path *path,
			  struct json_writer *j)
{
	json_write_key(j, path->text);
	json_write_object(j);
	for (size_t i = 0; i < OPENAPI_METHODS; i++) {
		char key[16];
		size_t k = 0;

		if (!openapi_find(path, openapi_methods[i]))
			continue;
		for (const char *c = http_method_name(openapi_methods[i]); *c; c++)
			key[k++] = (char)(*c | 0x20);
		key[k] = '\0';
		json_write_key(j, key);
		openapi_write_operation(model, path, openapi_methods[i], j);
	}
	json_write_object_end(j);
}

void openapi_write_document(const struct openapi_model *model, struct buf *out)
{
	struct json_writer j;

	json_write_init_pretty(&j, out);
	json_write_object(&j);
	document_text(&j, "openapi", "3.1.0");
	document_info(&model->settings->openapi, &j);
	json_write_key(&j, "paths");
	json_write_object(&j);
	for (const struct openapi_path *path = model->paths; path; path = path->next)
		document_path(model, path, &j);
	json_write_object_end(&j);
	json_write_key(&j, "components");
	openapi_write_components(model, &j);
	json_write_object_end(&j);
	(void)buf_putc(out, '\n'); /* sticks */
}
