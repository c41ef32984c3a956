/* shared_answer: the last answer is found by who asks the same, and lives as long as somebody has
 * it.
 */
#include "registry/shared_answer.h"
#include "tests/unit/unit.h"

static unsigned forgotten;

static void forget(void *reply)
{
	ck_assert_ptr_eq(reply, &forgotten);
	forgotten++;
}

static struct shared_answer *make(const char *text)
{
	struct shared_answer *answer;
	struct buf buf;

	buf_init(&buf, 100);
	ck_assert_int_eq(buf_puts(&buf, text), 0);
	answer = shared_answer_new(&buf);
	ck_assert_ptr_nonnull(answer);
	answer->reply = &forgotten;
	answer->forget = forget;
	return answer;
}

START_TEST(only_who_asks_the_same_finds_it)
{
	static const struct {
		const char *name;
		struct shared_answer_key key;
		bool found;
	} cases[] = {
		{"the same", {"s", {5, 3}, 9}, true},
		{"another service", {"t", {5, 3}, 9}, false},
		{"of all", {NULL, {5, 3}, 9}, false},
		{"after another revision", {"s", {6, 3}, 9}, false},
		{"within another whole state", {"s", {5, 5}, 9}, false},
		{"after another change", {"s", {5, 3}, 10}, false},
	};
	struct shared_answers *answers = shared_answers_new();
	struct shared_answer *answer = make("text"), *found;

	forgotten = 0;
	ck_assert_ptr_null(shared_answers_find(answers, &cases[0].key));
	shared_answers_keep(answers, &cases[0].key, answer);
	shared_answer_unref(&answer);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		found = shared_answers_find(answers, &cases[i].key);
		ck_assert_msg((found != NULL) == cases[i].found, "%s", cases[i].name);
		shared_answer_unref(&found);
	}
	ck_assert_uint_eq(forgotten, 0);
	shared_answers_free(&answers);
	ck_assert_uint_eq(forgotten, 1);
}
END_TEST

START_TEST(who_has_it_keeps_it_when_another_takes_its_place)
{
	const struct shared_answer_key one = {NULL, {1, 1}, 2}, two = {NULL, {2, 2}, 3};
	struct shared_answers *answers = shared_answers_new();
	struct shared_answer *first = make("one"), *second = make("two");

	forgotten = 0;
	shared_answers_keep(answers, &one, first);
	shared_answers_keep(answers, &two, second);
	shared_answer_unref(&second);
	ck_assert_uint_eq(forgotten, 0);
	ck_assert_str_eq(buf_str(&first->text), "one");
	shared_answers_drop(answers);
	ck_assert_uint_eq(forgotten, 1);
	ck_assert_ptr_null(shared_answers_find(answers, &two));
	shared_answer_unref(&first);
	ck_assert_uint_eq(forgotten, 2);
	shared_answers_free(&answers);
}
END_TEST

START_TEST(without_a_place_to_keep_it_nothing_is_found)
{
	const struct shared_answer_key key = {NULL, {1, 1}, 2};
	struct shared_answer *answer = make("one");

	forgotten = 0;
	shared_answers_keep(NULL, &key, answer);
	ck_assert_ptr_null(shared_answers_find(NULL, &key));
	shared_answers_drop(NULL);
	shared_answer_unref(&answer);
	ck_assert_uint_eq(forgotten, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("shared_answer");
	TCase *t = tcase_create("shared_answer");

	tcase_add_test(t, only_who_asks_the_same_finds_it);
	tcase_add_test(t, who_has_it_keeps_it_when_another_takes_its_place);
	tcase_add_test(t, without_a_place_to_keep_it_nothing_is_found);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
