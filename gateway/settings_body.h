/*
 * settings_body: what a route makes of bodies and statuses, as structs. Lives in
 * the settings' arena, immutable once read.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_BODY_H
#define MICROREG_GATEWAY_SETTINGS_BODY_H

#include "gateway/settings_compose.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct template;

/* What a body is written in. */
enum body_format { FORMAT_BY_TYPE = 0, FORMAT_JSON, FORMAT_XML, FORMAT_FORM, FORMAT_TEXT };

/* Statuses of a service's replies, and what they become. */
struct settings_status {
	unsigned first, last;
	unsigned to; /* 0: not said */
};

struct settings_statuses {
	const struct settings_status *items; /* the first that fits counts */
	size_t count;
};

/* `body` of a route's `request` or `reply`. */
struct settings_body {
	bool given;
	enum body_format from, to;
	struct settings_program program; /* its first name is the body */
	const struct template *text;	 /* in the place of `to`; NULL: none */
	const char *type;		 /* of what is made; NULL: that of `to` */
	const char *root;		 /* of XML that is made; NULL: the only member */
	struct settings_statuses on;	 /* of a reply: those that it is done to; none: 2xx */
};

/* `fields`: clients may ask for a part of a reply. */
struct settings_fields {
	bool given;
	const char *param; /* the query parameter */
	unsigned max;	   /* names in it */
};

#endif
