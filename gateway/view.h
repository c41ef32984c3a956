/*
 * view: which of a route's views a request gets: what some kinds of clients see
 * of an answer (settings_view).
 */
#ifndef MICROREG_GATEWAY_VIEW_H
#define MICROREG_GATEWAY_VIEW_H

struct exchange;
struct settings_view;

/* The first that fits, or NULL: the whole. */
const struct settings_view *view_choose(const struct exchange *x);

/* What the choice depends on, as a line Vary, in the arena; NULL: nothing, or the arena is spent.
 */
const char *view_vary(struct exchange *x);

#endif
