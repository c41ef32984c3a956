/*
 * writer: durable first, then memory, then the answer; a store that refuses
 * changes nothing. The store is a fake that can be told to refuse or to hold.
 */
#include "common/rpc.h"
#include "registry/edit.h"
#include "registry/writer.h"
#include "tests/unit/store_stub.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A store of our own, in the place of the real one ---- */

/* What it is told to do, and what it has seen. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t commits, rows, largest;
	bool hold, holding;
	bool seen_early; /* a change was readable before it was committed */
	uint64_t told;	 /* the revision of the last event */
} disk;

static struct store fake;
static struct catalog *c;
static struct writer *w;

int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t revision, uint64_t number, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&disk.lock);
	disk.holding = true;
	pthread_cond_broadcast(&disk.moved);
	while (disk.hold)
		pthread_cond_wait(&disk.moved, &disk.lock);
	disk.holding = false;
	if (catalog_revision(c) >= revision && count)
		disk.seen_early = true;
	if (store->refuse) {
		r = err_set(e, "disk full");
	} else {
		store->revision = revision;
		store->number = number;
		disk.commits++;
		disk.rows += count;
		disk.largest = count > disk.largest ? count : disk.largest;
	}
	for (size_t i = 0; i < count; i++) {
		disk.told = changes[i].event.revision;
		if (changes[i].kind == STORE_PUT)
			ck_assert_uint_gt(changes[i].record->revision, 0);
	}
	pthread_mutex_unlock(&disk.lock);
	return r;
}

static void hold(bool yes)
{
	pthread_mutex_lock(&disk.lock);
	disk.hold = yes;
	pthread_cond_broadcast(&disk.moved);
	pthread_mutex_unlock(&disk.lock);
}

static void refuse(bool yes)
{
	pthread_mutex_lock(&disk.lock);
	fake.refuse = yes;
	pthread_mutex_unlock(&disk.lock);
}

static void await_holding(void)
{
	pthread_mutex_lock(&disk.lock);
	while (!disk.holding)
		pthread_cond_wait(&disk.moved, &disk.lock);
	pthread_mutex_unlock(&disk.lock);
}

/* ---- Edits that can be waited for ---- */

struct job {
	struct edit edit; /* first */
	bool done;
};

static pthread_mutex_t job_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_done = PTHREAD_COND_INITIALIZER;

static void job_finish(struct edit *edit)
{
	struct job *job = (void *)edit;

	pthread_mutex_lock(&job_lock);
	job->done = true;
	pthread_cond_broadcast(&job_done);
	pthread_mutex_unlock(&job_lock);
}

static void submit(struct job *job)
{
	job->done = false;
	job->edit.finish = job_finish;
	ck_assert_int_eq(edit_submit(w, &job->edit, NULL), 0);
}

static void await(struct job *job)
{
	pthread_mutex_lock(&job_lock);
	while (!job->done)
		pthread_cond_wait(&job_done, &job_lock);
	pthread_mutex_unlock(&job_lock);
}

static void run(struct job *job)
{
	submit(job);
	await(job);
}

static struct job registration(const char *service, const char *id, const char *lease)
{
	struct job job = {0};

	job.edit.kind = EDIT_REGISTER;
	job.edit.origin = "127.0.0.1";
	job.edit.in = (struct instance){.service = service,
					.id = id,
					.host = "h",
					.port = 1,
					.ttl_ms = 30000,
					.weight = 1,
					.status = INSTANCE_UP};
	(void)snprintf(job.edit.lease, sizeof(job.edit.lease), "%s", lease);
	return job;
}

static struct job on(enum edit_kind kind, const char *service, const char *id, const char *lease)
{
	struct job job = {0};

	job.edit.kind = kind;
	job.edit.service = service;
	job.edit.id = id;
	job.edit.detail = "";
	job.edit.origin = "127.0.0.1";
	(void)snprintf(job.edit.lease, sizeof(job.edit.lease), "%s", lease);
	return job;
}

static struct job status(const char *service, const char *id, const char *lease,
			 enum instance_status to)
{
	struct job job = on(EDIT_STATUS, service, id, lease);

	job.edit.status = to;
	return job;
}

static enum instance_status status_of(const char *service, const char *id)
{
	struct record *r = catalog_find(c, service, id, NULL);
	enum instance_status s;

	ck_assert_ptr_nonnull(r);
	s = r->in.status;
	record_unref(&r);
	return s;
}

static bool is_there(const char *service, const char *id)
{
	struct record *r = catalog_find(c, service, id, NULL);
	bool there = r != NULL;

	record_unref(&r);
	return there;
}

static void on_change(void *arg)
{
	(void)arg;
}

static void start(void)
{
	struct catalog_limits limits = {.instances_max = 5000,
					.services_max = 100,
					.tombstones_max = 10,
					.texts_max_bytes = 1 << 20};
	struct writer_options options = {.store = &fake, .on_change = on_change};

	fake = (struct store){0};
	memset(&disk, 0, sizeof(disk));
	pthread_mutex_init(&disk.lock, NULL);
	pthread_cond_init(&disk.moved, NULL);
	options.catalog = c = catalog_new("00aa00aa00", 0, &limits, 0);
	w = writer_start(&options, NULL);
	ck_assert(c && w);
}

static void stop(void)
{
	writer_stop(&w);
	catalog_free(&c);
	ck_assert(!disk.seen_early);
}

START_TEST(a_registration_is_in_the_store_before_it_is_answered)
{
	struct job job = registration("s", "a", "t");

	run(&job);
	ck_assert_int_eq(job.edit.op.err.code, 0);
	ck_assert_uint_eq(job.edit.op.revision, 1);
	ck_assert_uint_eq(fake.revision, 1);
	ck_assert_uint_eq(disk.rows, 1);
	ck_assert(is_there("s", "a"));
}
END_TEST

START_TEST(what_waits_shares_the_next_transaction)
{
	enum { N = 100 };
	struct job first = registration("s", "first", "t"), jobs[N];
	char ids[N][16];

	hold(true);
	submit(&first);
	await_holding();
	for (int i = 0; i < N; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "i%d", i);
		jobs[i] = registration("s", ids[i], "t");
		submit(&jobs[i]);
	}
	hold(false);
	await(&first);
	for (int i = 0; i < N; i++)
		await(&jobs[i]);
	ck_assert_uint_eq(disk.rows, N + 1);
	ck_assert_uint_gt(disk.largest, 1);
	ck_assert_uint_le(disk.largest, WRITER_BATCH_MAX);
	ck_assert_uint_lt(disk.commits, N);
	ck_assert_uint_eq(fake.revision, N + 1);
}
END_TEST

START_TEST(a_store_that_refuses_is_a_fault_for_all_and_changes_nothing)
{
	struct job known = registration("s", "known", "t"), fresh = registration("new", "a", "t");
	struct job change = status("s", "known", "t", INSTANCE_DRAINING);
	struct job leave = on(EDIT_DEREGISTER, "s", "known", "t");
	struct catalog_stats stats;
	struct err why = {0};

	run(&known);
	refuse(true);
	run(&fresh);
	run(&change);
	run(&leave);
	ck_assert_int_eq(fresh.edit.op.err.code, RPC_FAULT_STORE);
	ck_assert_str_eq(fresh.edit.op.err.text, "disk full");
	ck_assert_int_eq(change.edit.op.err.code, RPC_FAULT_STORE);
	ck_assert_int_eq(leave.edit.op.err.code, RPC_FAULT_STORE);
	ck_assert(!is_there("new", "a"));
	ck_assert_int_eq((int)status_of("s", "known"), INSTANCE_UP);
	ck_assert(!writer_is_healthy(w, &why));
	ck_assert_str_eq(why.text, "disk full");
	catalog_stats(c, &stats);
	ck_assert_uint_eq(stats.services, 1);
	ck_assert_uint_eq(stats.revision, 1);

	refuse(false);
	writer_touch(w);
	run(&fresh);
	ck_assert_int_eq(fresh.edit.op.err.code, 0);
	ck_assert_uint_eq(fresh.edit.op.revision, 2);
	ck_assert(writer_is_healthy(w, &why));
}
END_TEST

START_TEST(a_refusing_store_recovers_without_a_change)
{
	struct job fresh = registration("s", "a", "t");
	struct job missing = on(EDIT_DEREGISTER, "nobody", "a", "");
	struct err why;

	refuse(true);
	run(&fresh);
	ck_assert(!writer_is_healthy(w, &why));
	refuse(false);
	writer_touch(w);
	run(&missing); /* behind the touch */
	ck_assert(writer_is_healthy(w, &why));
	ck_assert(!missing.edit.existed);
}
END_TEST

START_TEST(two_changes_of_one_instance_at_once_happen_in_order)
{
	struct job first = registration("s", "x", "t"), again = registration("s", "a", "one");
	struct job newer = registration("s", "a", "two");
	struct job late = status("s", "a", "one", INSTANCE_DRAINING);
	struct job leave = on(EDIT_DEREGISTER, "s", "a", "two");

	hold(true);
	submit(&first);
	await_holding();
	submit(&again);
	submit(&newer);
	submit(&late);
	submit(&leave);
	hold(false);
	await(&leave);
	ck_assert_int_eq(again.edit.op.err.code, 0);
	ck_assert_int_eq(newer.edit.op.err.code, 0);
	ck_assert_int_eq(late.edit.op.err.code, RPC_FAULT_FENCED);
	ck_assert_int_eq(leave.edit.op.err.code, 0);
	ck_assert(leave.edit.existed);
	ck_assert(!is_there("s", "a"));
}
END_TEST

START_TEST(an_older_process_is_fenced)
{
	struct job old = registration("s", "a", "old"), new = registration("s", "a", "new");
	struct job bad_status = status("s", "a", "old", INSTANCE_DOWN);
	struct job bad_leave = on(EDIT_DEREGISTER, "s", "a", "old");
	struct job good = status("s", "a", "new", INSTANCE_DRAINING);

	run(&old);
	run(&new);
	run(&bad_status);
	run(&bad_leave);
	ck_assert_int_eq(bad_status.edit.op.err.code, RPC_FAULT_FENCED);
	ck_assert_int_eq(bad_leave.edit.op.err.code, RPC_FAULT_FENCED);
	ck_assert_int_eq((int)status_of("s", "a"), INSTANCE_UP);
	run(&good);
	ck_assert_int_eq((int)status_of("s", "a"), INSTANCE_DRAINING);
}
END_TEST

START_TEST(an_admins_status_wins_until_cleared)
{
	struct job reg = registration("s", "a", "t");
	struct job admin = status("s", "a", "", INSTANCE_MAINTENANCE);
	struct job own = status("s", "a", "t", INSTANCE_UP);
	struct job again = registration("s", "a", "u");
	struct job clear = status("s", "a", "", INSTANCE_UP);

	run(&reg);
	run(&admin);
	ck_assert_int_eq((int)status_of("s", "a"), INSTANCE_MAINTENANCE);
	run(&own);
	ck_assert_int_eq(own.edit.op.err.code, 0);
	ck_assert_int_eq((int)status_of("s", "a"), INSTANCE_MAINTENANCE);
	run(&again);
	ck_assert_int_eq((int)status_of("s", "a"), INSTANCE_MAINTENANCE);
	run(&clear);
	ck_assert_int_eq((int)status_of("s", "a"), INSTANCE_UP);
}
END_TEST

START_TEST(a_status_that_is_the_same_is_no_change)
{
	struct job reg = registration("s", "a", "t"), same = status("s", "a", "t", INSTANCE_UP);
	struct job missing = status("s", "b", "t", INSTANCE_UP);

	run(&reg);
	run(&same);
	ck_assert_uint_eq(same.edit.op.revision, 1);
	ck_assert_uint_eq(disk.rows, 1);
	run(&missing);
	ck_assert_int_eq(missing.edit.op.err.code, RPC_FAULT_UNKNOWN);
}
END_TEST

START_TEST(a_lost_instance_is_restored_with_its_own_token)
{
	struct job lost = registration("s", "a", "mine"), other = registration("s", "a", "his");
	struct job made = registration("s", "b", "");

	lost.edit.kind = other.edit.kind = made.edit.kind = EDIT_RESTORE;
	run(&lost);
	ck_assert_int_eq(lost.edit.op.err.code, 0);
	ck_assert_str_eq(lost.edit.lease, "mine");
	run(&other);
	ck_assert_int_eq(other.edit.op.err.code, RPC_FAULT_FENCED);
	run(&lost);
	ck_assert_int_eq(lost.edit.op.err.code, 0);
	ck_assert_uint_eq(disk.rows, 1);
	run(&made);
	ck_assert_uint_eq(strlen(made.edit.lease), RECORD_LEASE_SIZE - 1);
}
END_TEST

/* ---- Original clients ---- */

static struct job legacy(const char *name, const char *id, const char *origin)
{
	struct job job = registration(name, id, "");

	job.edit.kind = EDIT_LEGACY_REGISTER;
	job.edit.legacy_host = "http://h";
	job.edit.legacy_status = 1;
	job.edit.origin = origin;
	return job;
}

START_TEST(numbers_count_from_one_and_stay_with_the_instance)
{
	struct job a = legacy("s", "h:1", "x"), b = legacy("s", "h:2", "x");
	struct job again = legacy("s", "h:1", "x"), failed = legacy("s", "h:3", "x");

	run(&a);
	run(&b);
	run(&again);
	ck_assert_uint_eq(a.edit.number, 1);
	ck_assert_uint_eq(b.edit.number, 2);
	ck_assert_uint_eq(again.edit.number, 1);
	refuse(true);
	run(&failed);
	refuse(false);
	run(&failed);
	ck_assert_uint_eq(failed.edit.number, 3);
}
END_TEST

START_TEST(a_strict_registry_takes_a_name_once)
{
	struct job first = registration("t", "x", "t"), a = legacy("s", "h:1", "x"),
		   b = legacy("s", "h:2", "x");

	a.edit.strict = b.edit.strict = true;
	hold(true);
	submit(&first);
	await_holding();
	submit(&a);
	submit(&b);
	hold(false);
	await(&b);
	ck_assert_uint_ne(a.edit.number, 0);
	ck_assert_uint_eq(b.edit.number, 0);
}
END_TEST

START_TEST(they_act_on_the_callers_instances_else_on_all_of_the_name)
{
	struct job a = legacy("s", "h:1", "1.1.1.1"), b = legacy("s", "h:2", "2.2.2.2");
	struct job mine = on(EDIT_LEGACY_STATUS, "s", NULL, ""), all = mine;
	struct job leave = on(EDIT_LEGACY_UNREGISTER, "s", NULL, ""), none = leave;

	run(&a);
	run(&b);
	mine.edit.origin = "1.1.1.1";
	run(&mine);
	ck_assert(mine.edit.existed);
	ck_assert_int_eq((int)status_of("s", "h:1"), INSTANCE_DOWN);
	ck_assert_int_eq((int)status_of("s", "h:2"), INSTANCE_UP);
	all.edit.origin = "3.3.3.3";
	run(&all);
	ck_assert_int_eq((int)status_of("s", "h:2"), INSTANCE_DOWN);
	leave.edit.origin = "2.2.2.2";
	run(&leave);
	ck_assert(leave.edit.existed && !is_there("s", "h:2") && is_there("s", "h:1"));
	none.edit.service = "nobody";
	run(&none);
	ck_assert(!none.edit.existed);
}
END_TEST

START_TEST(they_leave_instances_with_a_lease_alone)
{
	struct job modern = registration("s", "h:1", "t"), old = legacy("s", "h:1", "127.0.0.1");
	struct job leave = on(EDIT_LEGACY_UNREGISTER, "s", NULL, "");

	run(&modern);
	run(&old);
	ck_assert_uint_eq(old.edit.number, 0);
	run(&leave);
	ck_assert(!leave.edit.existed);
	ck_assert(is_there("s", "h:1"));
}
END_TEST

START_TEST(a_failed_check_takes_it_down_and_a_passed_one_brings_it_back)
{
	struct job a = legacy("s", "h:1", "x"), bad = on(EDIT_CHECK, "s", "h:1", ""), good = bad;
	struct job stopped = on(EDIT_LEGACY_STATUS, "s", NULL, "");

	run(&a);
	bad.edit.failed = true;
	run(&bad);
	ck_assert(bad.edit.existed);
	ck_assert_int_eq((int)status_of("s", "h:1"), INSTANCE_DOWN);
	run(&good);
	ck_assert_int_eq((int)status_of("s", "h:1"), INSTANCE_UP);
	/* What its client stopped does not come back by answering. */
	run(&stopped);
	run(&bad);
	run(&good);
	ck_assert_int_eq((int)status_of("s", "h:1"), INSTANCE_DOWN);
}
END_TEST

START_TEST(a_reason_that_a_status_took_away_comes_back_with_the_next_check)
{
	struct job a = registration("s", "a", "t"), bad = on(EDIT_CHECK, "s", "a", "");
	struct job owner = status("s", "a", "t", INSTANCE_UP);
	struct record *record;
	int64_t down_wall_ms;

	run(&a);
	bad.edit.failed = true;
	bad.edit.detail = "down: no answer";
	run(&bad);
	record = catalog_find(c, "s", "a", NULL);
	down_wall_ms = record->down_wall_ms;
	ck_assert_str_eq(record->in.detail, "down: no answer");
	ck_assert(!edit_wants_reason(record));
	record_unref(&record);
	owner.edit.detail = "";
	run(&owner);
	record = catalog_find(c, "s", "a", NULL);
	ck_assert(edit_wants_reason(record));
	record_unref(&record);
	run(&bad);
	record = catalog_find(c, "s", "a", NULL);
	ck_assert_str_eq(record->in.detail, "down: no answer");
	ck_assert(record->down_wall_ms == down_wall_ms && record->check_failed);
	record_unref(&record);
	bad.edit.existed = false;
	run(&bad);
	ck_assert(!bad.edit.existed);
}
END_TEST

START_TEST(each_event_has_a_revision_of_its_own)
{
	struct job a = registration("s", "a", "t"), b = registration("s", "b", "t");
	struct job note = on(EDIT_NOTE, "s", "a", "");

	run(&a);
	note.edit.event = "fenced";
	for (uint64_t i = 1; i <= 3; i++) {
		run(&note);
		ck_assert_uint_eq(disk.told, a.edit.op.revision + i);
		ck_assert_uint_eq(catalog_revision(c), a.edit.op.revision + i);
	}
	refuse(true);
	run(&note);
	refuse(false);
	run(&b);
	ck_assert_uint_eq(b.edit.op.revision, a.edit.op.revision + 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("writer");
	TCase *t = tcase_create("writer");

	tcase_add_checked_fixture(t, start, stop);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_registration_is_in_the_store_before_it_is_answered);
	tcase_add_test(t, what_waits_shares_the_next_transaction);
	tcase_add_test(t, a_store_that_refuses_is_a_fault_for_all_and_changes_nothing);
	tcase_add_test(t, a_refusing_store_recovers_without_a_change);
	tcase_add_test(t, two_changes_of_one_instance_at_once_happen_in_order);
	tcase_add_test(t, an_older_process_is_fenced);
	tcase_add_test(t, an_admins_status_wins_until_cleared);
	tcase_add_test(t, a_status_that_is_the_same_is_no_change);
	tcase_add_test(t, a_lost_instance_is_restored_with_its_own_token);
	tcase_add_test(t, numbers_count_from_one_and_stay_with_the_instance);
	tcase_add_test(t, a_strict_registry_takes_a_name_once);
	tcase_add_test(t, they_act_on_the_callers_instances_else_on_all_of_the_name);
	tcase_add_test(t, they_leave_instances_with_a_lease_alone);
	tcase_add_test(t, a_failed_check_takes_it_down_and_a_passed_one_brings_it_back);
	tcase_add_test(t, a_reason_that_a_status_took_away_comes_back_with_the_next_check);
	tcase_add_test(t, each_event_has_a_revision_of_its_own);
	suite_add_tcase(s, t);
	return unit_run(s);
}
