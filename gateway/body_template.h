/*
 * body_template: a body of JSON whose strings have names in braces that each
 * request fills (template.h). What a name stands for can't leave its string:
 * it is escaped. A string that is one name and nothing else becomes the value
 * itself: {"user": "{order.customerId}"} sends a number when that is one, with
 * its digits.
 *
 * Parsed once, immutable then.
 */
#ifndef MICROREG_GATEWAY_BODY_TEMPLATE_H
#define MICROREG_GATEWAY_BODY_TEMPLATE_H

#include "gateway/template.h"

struct body_template;

/* `json` is sound JSON. NULL with *e: what is wrong with a name in it, or that memory is spent.
 * Lives in the arena. */
const struct body_template *body_template_parse(struct arena *arena, const char *json,
						const struct template_scope *scope, struct err *e);

/* Appends the body. -1: *reason says why not, as template_render does. */
int body_template_render(const struct body_template *body, const struct template_values *values,
			 struct buf *out, const char **reason);

/* As template_results. */
uint32_t body_template_results(const struct body_template *body);

#endif
