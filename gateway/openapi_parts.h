/*
 * openapi_parts: what the files of openapi share; nobody else includes this.
 * openapi_model.c sorts routes by path and method, openapi_words.c says in
 * words what one does, openapi_params.c and openapi_types.c what it takes,
 * openapi_document.c and openapi_operation.c write the document, openapi_page.c
 * the page.
 */
#ifndef MICROREG_GATEWAY_OPENAPI_PARTS_H
#define MICROREG_GATEWAY_OPENAPI_PARTS_H

#include "common/arena.h"
#include "common/json_write.h"
#include "gateway/openapi.h"

struct route_pattern;

enum {
	OPENAPI_METHODS = 8,
	OPENAPI_STATUSES_MAX = 16,
	OPENAPI_NAME_MAX = 128,
	OPENAPI_TYPES_MAX = 64, /* of the bodies of one route; more are left out */
};

struct openapi_route {
	const struct settings_route *route;
	struct openapi_route *next;
};

struct openapi_path {
	const char *text; /* "/orders/{id}"; a final star is {rest} */
	const struct route_pattern *pattern;
	struct openapi_route *routes; /* fewest conditions first */
	struct openapi_path *next;
};

struct openapi_model {
	struct arena arena;
	const struct settings *settings;
	struct openapi_path *paths; /* in the order of the settings */
};

/* 0 or -1: no memory. */
int openapi_model_make(struct openapi_model *model, const struct settings *settings);
void openapi_model_fini(struct openapi_model *model);

/* The methods that are told, in their order. */
extern const enum http_method openapi_methods[OPENAPI_METHODS];
/* The route that tells of a method on a path, and those beside it; NULL: none takes it. */
const struct settings_route *openapi_find(const struct openapi_path *path, enum http_method method);
/* True of a route that `method` is told of, too. */
bool openapi_route_has(const struct settings_route *route, enum http_method method);
/* What the parameter of that segment is called on this path. */
const char *openapi_rest_name(const struct route_pattern *pattern);

/* What it stands under when it says nothing itself. */
const char *openapi_tag(const struct settings_route *route);

/* ---- openapi_words.c: with `names`; failures stick in the buf ---- */

void openapi_write_does(const struct settings *settings, const struct settings_route *route,
			struct buf *out);
/* "of host `a`, with the header `X-Canary: 1`"; nothing when it has no conditions. */
void openapi_write_when(const struct settings_route *route, struct buf *out);
/* "100 in 60 s by address", a sentence for each limit. */
void openapi_write_limits(const struct settings_limits_list *limits, struct buf *out);
/* "How callers show who they are", one sentence; nothing when nobody is asked. */
void openapi_write_auth(const struct settings *settings, const struct settings_auth *auth,
			struct buf *out);
/* Which problems it may answer with; how many. */
size_t openapi_problems(const struct settings *settings, const struct settings_route *route,
			enum http_method method, unsigned statuses[OPENAPI_STATUSES_MAX]);
/* The ith of all that there are; 0: there are no more. */
unsigned openapi_problem_at(size_t i);
/* What is said of a problem's status. */
const char *openapi_problem_words(unsigned status);

/* ---- openapi_params.c ---- */

struct openapi_param {
	const char *name;
	const char *in; /* path, query, header */
	bool required;
	const char *type, *format; /* of the schema; NULL: any, none */
	const char *only;	   /* the one value; NULL: any */
	const char *otherwise;	   /* the default; NULL: none */
	const char *words;	   /* NULL: none */
};

/* Calls for each parameter once: of the path, of the conditions, of what the route makes of query
 * and header, of its views and selection, of what is allowed in the query. */
void openapi_each_param(const struct openapi_path *path, const struct settings_route *route,
			void (*each)(void *arg, const struct openapi_param *param), void *arg);

/* ---- openapi_types.c ---- */

/* The types that a body of a request may have; how many, at least one. They live as long as the
 * settings. */
size_t openapi_request_types(const struct settings_route *route,
			     const char *types[OPENAPI_TYPES_MAX]);
/* What a good answer's body is; NULL: what the service says. */
const char *openapi_reply_type(const struct settings_route *route);

/* ---- The writers ---- */

void openapi_write_document(const struct openapi_model *model, struct buf *out);
void openapi_write_operation(const struct openapi_model *model, const struct openapi_path *path,
			     enum http_method method, struct json_writer *j);
/* The name of a method of auth among securitySchemes; `query`: of the key in the query. */
void openapi_scheme_name(const struct settings_auth_method *method, bool query,
			 char name[OPENAPI_NAME_MAX]);
void openapi_write_components(const struct openapi_model *model, struct json_writer *j);
void openapi_write_page(const struct openapi_model *model, struct buf *out);
/* The page's Content-Security-Policy: nothing but its own style. */
int openapi_page_policy(char *text, size_t size);

#endif
