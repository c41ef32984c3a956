/* shared_answer: a counted text, and a cache of one. */
#include "registry/shared_answer.h"

#include <stdlib.h>
#include <string.h>

struct shared_answers {
	struct shared_answer *last; /* NULL: none */
	bool of_all;
	char service[INSTANCE_NAME_MAX + 1];
	struct catalog_position since;
	uint64_t revision;
};

struct shared_answer *shared_answer_new(struct buf *text)
{
	struct shared_answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		return NULL;
	answer->refs = 1;
	answer->text = *text;
	buf_release(text);
	return answer;
}

void shared_answer_unref(struct shared_answer **answer)
{
	struct shared_answer *a = *answer;

	*answer = NULL;
	if (!a || --a->refs)
		return;
	if (a->reply)
		a->forget(a->reply);
	buf_fini(&a->text);
	free(a);
}

struct shared_answers *shared_answers_new(void)
{
	return calloc(1, sizeof(struct shared_answers));
}

void shared_answers_free(struct shared_answers **answers)
{
	shared_answers_drop(*answers);
	free(*answers);
	*answers = NULL;
}

struct shared_answer *shared_answers_find(struct shared_answers *answers,
					  const struct shared_answer_key *key)
{
	if (!answers || !answers->last || answers->of_all != !key->service ||
	    answers->revision != key->revision || answers->since.at != key->since.at ||
	    answers->since.base != key->since.base ||
	    (key->service && strcmp(answers->service, key->service) != 0))
		return NULL;
	answers->last->refs++;
	return answers->last;
}

void shared_answers_keep(struct shared_answers *answers, const struct shared_answer_key *key,
			 struct shared_answer *answer)
{
	if (!answers)
		return;
	shared_answers_drop(answers);
	answers->last = answer;
	answer->refs++;
	answers->of_all = !key->service;
	answers->service[0] = '\0';
	if (key->service)
		memcpy(answers->service, key->service, strlen(key->service) + 1);
	answers->since = key->since;
	answers->revision = key->revision;
}

void shared_answers_drop(struct shared_answers *answers)
{
	if (answers)
		shared_answer_unref(&answers->last);
}
