/*
 * compose_parts: what the files of compose share; nobody else includes this.
 * compose.c runs the graph, compose_part.c one call of it, compose_each.c a
 * call for each value of a list; compose_join.c makes the answer of theirs.
 */
#ifndef MICROREG_GATEWAY_COMPOSE_PARTS_H
#define MICROREG_GATEWAY_COMPOSE_PARTS_H

#include "gateway/call.h"
#include "gateway/compose.h"
#include "gateway/program_run.h"
#include "gateway/settings.h"
#include "gateway/template.h"

struct compose_each;
struct fields;

enum part_state { PART_WAITING = 0, PART_RUNNING, PART_DONE };

enum part_outcome {
	PART_GOOD = 0,
	PART_STALE,
	PART_DEFAULT,
	PART_ABSENT,  /* optional, and failed */
	PART_SKIPPED, /* its condition did not hold */
	PART_FAILED,
};

struct compose_part {
	struct compose *compose;
	const struct settings_call *settings;
	enum part_state state;
	enum part_outcome outcome;
	unsigned status;      /* of its reply; 0: none came */
	enum problem problem; /* of a failed or absent one */
	const char *reason;   /* why; static text or in the arena */
	struct span result;   /* JSON, checked; len 0: none */
	uint64_t started_us, took_us;
	struct call call;
	struct compose_each *each; /* in the place of `call` */
};

struct compose {
	struct exchange *x;
	const struct settings_compose *settings;
	struct compose_part *parts; /* as settings->calls */
	size_t part_count;
	struct span *results; /* of the parts, for templates; the last is the client's body */
	bool awaits_body;     /* before the first call */
	struct buf body;
	struct call_base base;
	uint64_t started_us;
	uint64_t due_us; /* when the parts must have answered */
	uint32_t done;
	struct buf answer, viewed, selected;
	const struct settings_view *view; /* that is being made of the answer; NULL: none */
	const struct fields *fields;	  /* that are selected of that; NULL: all */
	enum problem problem;		  /* of the join … */
	const char *detail;		  /* … and why; static text or in the arena */
	struct program_run run;		  /* joins it, or makes the view */
};

/* ---- compose.c ---- */

/* From the loop: a part has got on. Answers the client when all is done, so that the exchange may
 * be gone. */
void compose_go_on(struct compose *c);

/* ---- compose_part.c ---- */

/* Starts it; it may be done at once. */
void part_start(struct compose_part *part);
/* Gives up what is under way and frees. */
void part_fini(struct compose_part *part);

/* Fails as the part's `require` says. `status` 0: the problem's. */
void part_fail(struct compose_part *part, enum problem problem, unsigned status,
	       const char *reason);
void part_succeed(struct compose_part *part, enum part_outcome outcome, unsigned status,
		  struct span result);

/* What is left of the part's time, in ms; 0: it is over. */
unsigned part_left_ms(const struct compose_part *part);

/* Fills the call in for these items (none: count 0) and starts it: 1 when it is over already, 0
 * when its on_done is to come, -1 after setting *problem and *reason. */
int part_call(struct compose_part *part, struct call *call, const struct span *items, size_t count,
	      enum problem *problem, const char **reason);

/* What an ended call's reply is: 0 and a value of JSON, or -1 with what is wrong. */
int part_reply(const struct call *call, struct span *value, enum problem *problem,
	       const char **reason);

/* ---- compose_each.c ---- */

void compose_each_start(struct compose_part *part);
void compose_each_free(struct compose_each **each);
/* How many of how many values have a reply. */
void compose_each_count(const struct compose_each *each, size_t *good, size_t *all);
/* True when each value has the reply of its service. */
bool compose_each_is_whole(const struct compose_each *each);

/* ---- compose_join.c ---- */

/* Writes the answer into c->answer. 0, or -1 with c->problem and c->detail, in the arena. */
int compose_join(struct compose *c);

#endif
