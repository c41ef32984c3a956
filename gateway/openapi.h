/*
 * openapi: what the gateway offers, as an OpenAPI 3.1 document for programs and
 * as a page for people. Made once of a set of settings; immutable then.
 *
 *   settings -> openapi_model (paths, and the routes behind each method)
 *            -> openapi_document, openapi_page
 */
#ifndef MICROREG_GATEWAY_OPENAPI_H
#define MICROREG_GATEWAY_OPENAPI_H

#include "common/err.h"
#include "gateway/settings.h"

struct exchange;
struct openapi;

/* Routes that are `hidden`, and those that show the document, are left out. NULL: no memory. */
struct openapi *openapi_new(const struct settings *settings, struct err *e);
void openapi_free(struct openapi **openapi); /* harmless with NULL; leaves NULL */

/* Borrowed. */
struct span openapi_text(const struct openapi *openapi, enum settings_openapi_form form);

/* Answers with the form that the exchange's route shows, or 304. May free the exchange. */
void openapi_respond(struct exchange *x);

#endif
