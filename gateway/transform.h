/*
 * transform: makes one body of another, step by step:
 *
 *	read -> the route's program -> the view's program -> the fields asked for -> write
 *
 * Between the first and the last it is JSON, as bytes. A program may run in a
 * helper process, so the end may come later, from the loop. It belongs to an
 * exchange and ends with it.
 */
#ifndef MICROREG_GATEWAY_TRANSFORM_H
#define MICROREG_GATEWAY_TRANSFORM_H

#include "common/buf.h"
#include "common/span.h"
#include "gateway/problem.h"
#include "gateway/program_run.h"
#include "gateway/settings_body.h"

struct exchange;
struct fields;
struct settings_view;

/* How much larger than its bound what is made of a body may be. */
enum { TRANSFORM_GROWTH = 4 };

/* What is to be done. */
struct transform_plan {
	enum body_format from;		  /* never FORMAT_BY_TYPE */
	const struct settings_body *body; /* NULL: JSON stays JSON */
	const struct settings_view *view; /* NULL: none */
	const struct fields *fields;	  /* NULL: all */
	unsigned status;		  /* of the reply; 0: it is a request's body */
};

struct transform {
	/* When it is over, as transform_start says: */
	struct span made;
	const char *type; /* of what was made; NULL: it is still what it was */
	enum problem problem;
	const char *detail; /* static text, or in the arena */
	/* Its own: */
	struct exchange *x;
	struct transform_plan plan;
	void (*on_done)(struct exchange *x, int result);
	struct span value; /* the body; then the JSON so far */
	unsigned step;
	bool unchecked;	    /* a program made the value: json_check has not seen it */
	bool running;	    /* a program */
	struct buf bufs[2]; /* the value is in one, what is made of it goes to the other */
	unsigned turn;	    /* the other */
	struct program_run run;
};

/* Begins; `t` is zeroed, `body` stays until the end, and is at most `max` bytes long. 0: it is
 * made; -1: it can't be, see problem and detail; 1: on_done is called from the loop with one of
 * those. */
int transform_start(struct transform *t, struct exchange *x, const struct transform_plan *plan,
		    struct span body, uint64_t max);

/* Gives up, and frees what was made. Harmless when zeroed. */
void transform_fini(struct transform *t);

/* ---- transform_values.c ---- */

/* The documents for a program's names, in the arena: the first is `body`, the others are values of
 * the request. -1: the arena is spent. */
int transform_values(struct exchange *x, const struct settings_program *program, struct span body,
		     unsigned status, struct span *values);

#endif
