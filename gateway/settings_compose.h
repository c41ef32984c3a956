/*
 * settings_compose: a composed route as structs: its calls, and how their
 * replies are joined. Lives in the settings' arena, immutable once read.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_COMPOSE_H
#define MICROREG_GATEWAY_SETTINGS_COMPOSE_H

#include "common/http.h"
#include "common/json_path.h"
#include "common/settings_table.h"
#include "common/span.h"
#include "gateway/settings_conditions.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct body_template;
struct settings_cache;
struct settings_field;
struct template;

/* Of a route; a set of them, and of the client's body, is a uint32_t. */
enum { SETTINGS_CALLS_MAX = 31 };

/* What becomes of the answer when a call fails. */
enum settings_require {
	REQUIRE_REQUIRED = 0, /* it fails */
	REQUIRE_OPTIONAL,     /* goes without */
	REQUIRE_STALE,	      /* a kept reply will do; else it fails */
	REQUIRE_DEFAULT,      /* has this in its place */
};

enum settings_when_test { WHEN_GIVEN = 0, WHEN_EQUAL, WHEN_NOT_EQUAL };

/* `"{query.expand} == customer"`; without a comparison: not empty, and not "false". */
struct settings_when {
	const struct template *value;
	enum settings_when_test test;
	struct span other;
};

/* `for_each`: once per distinct value of a list in an earlier call's reply. */
struct settings_each {
	bool given;
	size_t call;		    /* whose reply; the number of calls: the client's body */
	struct json_path list;	    /* its first step is the call's name */
	unsigned concurrency;	    /* 8 */
	unsigned values_max;	    /* 100 */
	unsigned batch;		    /* values of one request; 0: no batches */
	struct json_path batch_key; /* where a batch's reply has the value in each element */
};

struct settings_call {
	const char *name;
	unsigned line;
	const char *service_name; /* of `service` below */
	size_t service;		  /* index into settings.services */
	enum http_method method;
	const char *method_text;
	const struct template *path;
	const struct settings_field *fields;
	size_t field_count;
	const struct body_template *body; /* NULL: none */
	uint32_t after;			  /* the calls that it waits for */
	struct settings_each each;
	const struct settings_when *when; /* all must hold */
	size_t when_count;
	enum settings_require require;
	struct span otherwise; /* of DEFAULT */
	unsigned timeout_ms;   /* 0: what the route leaves */
	uint64_t reply_bytes;  /* 1MiB */
	const struct settings_cache *cache;
	/* As the file has them, until all calls are known: */
	const char *path_text, *require_text;
};

/* A program of jq. */
struct settings_program {
	const char *text;	  /* NULL: none */
	size_t index;		  /* of settings.program_count */
	const char *const *names; /* of its input */
	size_t name_count;
};

/* A value of a declared join: a call, and where in its reply. */
struct settings_join_value {
	struct span name; /* the member's, as JSON, with its quotes */
	size_t call;
	struct json_path within; /* its first step is the call's name */
};

struct settings_join {
	bool has_from;
	size_t from;
	const struct settings_join_value *set;
	size_t set_count;
	const struct span *drop; /* names, plain */
	size_t drop_count;
	struct settings_program program; /* in the place of the others */
};

enum settings_device { DEVICE_ANY = 0, DEVICE_MOBILE, DEVICE_DESKTOP, DEVICE_BOT };

/* What some clients get of a composed answer. */
struct settings_view {
	const char *name;
	unsigned line;
	struct settings_conditions headers, query;
	enum settings_device device;
	struct settings_strings groups; /* of the consumer: one of them; none: any */
	struct settings_program program;
};

struct settings_compose {
	const struct settings_call *calls; /* none: the route is not composed */
	size_t call_count;
	struct settings_join join;
	uint64_t answer_bytes; /* 8MiB, of the joined document */
	bool needs_body;       /* of the client: its names have `body` */
};

#endif
