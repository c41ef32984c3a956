/*
 * rule: who may, as a person writes it:
 *
 *	group:staff
 *	scope:orders.read and claim:tenant = {tenant}
 *	(group:support or consumer:ada) and not method:DELETE and time:08:00-18:00
 *
 *	group:NAME  consumer:ID  scope:NAME  issuer:NAME   what is known of who asks
 *	known                                              it is known who asks
 *	claim:NAME                                         the token says something of that name
 *	claim:NAME = VALUE   claim:NAME != VALUE           what it says, or one item of it
 *	method:GET,HEAD  path:/a/b                         what is asked for; with a star at
 *	                                                   its end a path and all below it
 *	time:08:00-18:00  days:mon-fri                     when, in UTC
 *
 * `and` binds closer than `or`, `not` closer than both. A value is a word, a
 * text in quotes, or a template. A value that the request lacks is equal to
 * nothing. Parsed once, with the settings; immutable, any thread may ask.
 */
#ifndef MICROREG_GATEWAY_RULE_H
#define MICROREG_GATEWAY_RULE_H

#include "common/arena.h"
#include "common/err.h"
#include "gateway/template.h"

#include <stdbool.h>
#include <stdint.h>

struct rule;

enum { RULE_BYTES_MAX = 2048, RULE_DEPTH_MAX = 16 };

/* NULL with an error that says what is wrong with the text. Lives in the arena. */
const struct rule *rule_parse(struct arena *arena, const char *text,
			      const struct template_scope *scope, struct err *e);

/* Whether it holds for the request whose values these are. `wall_ms`: since 1970. False also when
 * there is no memory for a value. */
bool rule_holds(const struct rule *rule, const struct template_values *values, int64_t wall_ms);

/* Whether it depends on the time; else `wall_ms` may be any. */
bool rule_needs_time(const struct rule *rule);

/* Whether it can only hold for somebody who is known: where nobody can be, it never does. */
bool rule_needs_somebody(const struct rule *rule);

/* The first name of an issuer, a scope or a claim in it, of which `has` says no: so a rule that
 * can't mean anything is known. NULL: there is none. */
typedef bool rule_has_fn(const void *arg, const char *kind, struct span name);
const char *rule_find_strange(const struct rule *rule, rule_has_fn *has, const void *arg,
			      struct span *name);

/* As it was written. */
const char *rule_text(const struct rule *rule);

#endif
