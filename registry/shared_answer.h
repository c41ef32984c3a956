/*
 * shared_answer: one answer that many calls get. A change wakes all who watch
 * a service, and most of them are at the same revision: the text is written
 * for the first of them, and whoever sends it makes ready to do so once.
 */
#ifndef MICROREG_REGISTRY_SHARED_ANSWER_H
#define MICROREG_REGISTRY_SHARED_ANSWER_H

#include "common/buf.h"
#include "registry/catalog.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Counted. On the keeper's thread only. */
struct shared_answer {
	unsigned refs;
	struct buf text; /* a document, complete */
	/* What the door makes of it when it sends it first, and how that is freed. */
	void *reply;
	void (*forget)(void *reply);
};

/* Takes the memory of `text`, unless it returns NULL: out of memory. One reference. */
struct shared_answer *shared_answer_new(struct buf *text);
void shared_answer_unref(struct shared_answer **answer);

/* The last one, and for whom it is. */
struct shared_answers;

struct shared_answers *shared_answers_new(void);
void shared_answers_free(struct shared_answers **answers);

struct shared_answer_key {
	const char *service; /* NULL: of all */
	struct catalog_position since;
	uint64_t revision; /* of the catalog */
};

/* A reference, or NULL when the last one is not that. `answers` may be NULL. */
struct shared_answer *shared_answers_find(struct shared_answers *answers,
					  const struct shared_answer_key *key);
/* Keeps a reference in the place of the last one. */
void shared_answers_keep(struct shared_answers *answers, const struct shared_answer_key *key,
			 struct shared_answer *answer);
/* Keeps none: the next turn of the keeper looks at the catalog again. */
void shared_answers_drop(struct shared_answers *answers);

#endif
