/* openapi: both forms, made once, and their answers. */
#include "gateway/openapi.h"

#include "common/siphash.h"
#include "gateway/cache_rules.h"
#include "gateway/exchange.h"
#include "gateway/openapi_parts.h"
#include "gateway/respond.h"
#include "gateway/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPENAPI_BYTES_MAX = 128 << 20 };

struct openapi {
	struct buf document, page;
	char document_fields[256], page_fields[512]; /* lines of the answers' heads */
	char document_tag[32], page_tag[32];
};

/* The same for the same bytes, in every process. */
static void openapi_tag_of(const struct buf *text, char tag[32])
{
	static const uint8_t key[16] = "microreg-openapi";

	(void)snprintf(tag, 32, "\"%016" PRIx64 "\"", siphash(key, text->data, text->len));
}

static int openapi_finish(struct openapi *o)
{
	char policy[256];

	if (o->document.failed || o->page.failed || openapi_page_policy(policy, sizeof(policy)) < 0)
		return -1;
	openapi_tag_of(&o->document, o->document_tag);
	openapi_tag_of(&o->page, o->page_tag);
	(void)snprintf(o->document_fields, sizeof(o->document_fields),
		       "ETag: %s\r\nCache-Control: no-cache\r\n"
		       "X-Content-Type-Options: nosniff\r\n",
		       o->document_tag);
	(void)snprintf(o->page_fields, sizeof(o->page_fields),
		       "ETag: %s\r\nCache-Control: no-cache\r\n"
		       "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
		       "Content-Security-Policy: %s\r\n",
		       o->page_tag, policy);
	return 0;
}

struct openapi *openapi_new(const struct settings *settings, struct err *e)
{
	struct openapi *o = calloc(1, sizeof(*o));
	struct openapi_model model;
	int result;

	if (!o) {
		(void)err_set(e, "the OpenAPI document: out of memory");
		return NULL;
	}
	buf_init(&o->document, OPENAPI_BYTES_MAX);
	buf_init(&o->page, OPENAPI_BYTES_MAX);
	result = openapi_model_make(&model, settings);
	if (result == 0) {
		openapi_write_document(&model, &o->document);
		openapi_write_page(&model, &o->page);
		result = openapi_finish(o);
	}
	openapi_model_fini(&model);
	if (result < 0) {
		(void)err_set(e, "the OpenAPI document: out of memory");
		openapi_free(&o);
	}
	return o;
}

void openapi_free(struct openapi **openapi)
{
	struct openapi *o = *openapi;

	*openapi = NULL;
	if (!o)
		return;
	buf_fini(&o->document);
	buf_fini(&o->page);
	free(o);
}

struct span openapi_text(const struct openapi *openapi, enum settings_openapi_form form)
{
	const struct buf *text = form == OPENAPI_PAGE ? &openapi->page : &openapi->document;

	return (struct span){text->data, text->len};
}

static bool openapi_has_changed(const struct exchange *x, const char *tag)
{
	for (size_t i = 0; i < x->request.field_count; i++)
		if (x->request.fields[i].known == HTTP1_IF_NONE_MATCH &&
		    cache_rules_tags_match(x->request.fields[i].value,
					   (struct span){tag, strlen(tag)}))
			return false;
	return true;
}

/* The exchange holds the table, and with it the text. */
void openapi_respond(struct exchange *x)
{
	const struct openapi *o = x->table->table->openapi;
	bool page = x->route->openapi == OPENAPI_PAGE;
	const char *fields = page ? o->page_fields : o->document_fields;

	if (!openapi_has_changed(x, page ? o->page_tag : o->document_tag))
		respond_empty(x, 304, fields);
	else
		respond_made(x, page ? "text/html; charset=utf-8" : "application/json",
			     openapi_text(o, x->route->openapi), fields);
}
