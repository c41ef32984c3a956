/*
 * watch: the thread and its long polls.
 *
 *   idle --due--> running --answer--> idle, due at once
 *                    |------error--> idle, due: at once on the next address;
 *                                    with backoff when all have failed
 *
 * A registry that hangs is noticed when it has held a call for longer than it
 * may; until then, and for as long as it takes, the last snapshot stays.
 */
#include "client-lib/watch.h"
#include "client-lib/consumer_file.h"
#include "client-lib/snapshot_file.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- One poll ---- */

static xmlrpc_value *watch_build(const struct microreg *m, const struct follow *f)
{
	xmlrpc_value *param, *watcher;
	xmlrpc_env env;

	xmlrpc_env_init(&env);
	param = rpc_new_struct(&env);
	rpc_set_string(&env, param, "revision", f->revision);
	if (f->service)
		rpc_set_string(&env, param, "service", f->service);
	rpc_set_int(&env, param, "wait_ms", f->quick ? 0 : WATCH_WAIT_MS);
	if (!f->consumers) {
		watcher = rpc_new_struct(&env);
		rpc_set_string(&env, watcher, "name", m->name);
		rpc_set_string(&env, watcher, "kind", m->kind);
		rpc_set_value(&env, param, "watcher", rpc_built(&env, watcher));
	}
	param = rpc_built(&env, param);
	xmlrpc_env_clean(&env);
	return param;
}

static int watch_begin(struct microreg *m, struct follow *f, struct microreg_error *e)
{
	xmlrpc_value *param;
	struct carrier_request request = {.url = m->addresses[f->address].url,
					  .reply_max = CALL_REPLY_LARGE,
					  .connect_ms = m->timeout_ms,
					  .headers = m->headers,
					  .tls = &m->tls};

	f->quick = f->tried || !f->pace.answered_ms;
	param = watch_build(m, f);
	if (!param)
		return error_memory(e);
	f->body = call_write(f->consumers ? "registry.consumer_watch" : "registry.watch", param, e);
	xmlrpc_DECREF(param);
	if (!f->body)
		return -1;
	request.body = XMLRPC_MEMBLOCK_CONTENTS(char, f->body);
	request.len = XMLRPC_MEMBLOCK_SIZE(char, f->body);
	if (!f->carrier)
		f->carrier = carrier_new(false);
	if (!f->carrier || carrier_prepare(f->carrier, &request) ||
	    curl_easy_setopt(f->carrier->easy, CURLOPT_PRIVATE, f) != CURLE_OK ||
	    curl_multi_add_handle(m->watch->multi, f->carrier->easy) != CURLM_OK) {
		XMLRPC_MEMBLOCK_FREE(char, f->body);
		f->body = NULL;
		return error_memory(e);
	}
	f->running = true;
	f->began_ms = clock_ms();
	f->deadline_ms = f->began_ms + (f->quick ? 0 : WATCH_WAIT_MS) + m->timeout_ms;
	return 0;
}

static void watch_end(struct microreg *m, struct follow *f)
{
	if (!f->running)
		return;
	(void)curl_multi_remove_handle(m->watch->multi, f->carrier->easy); /* it was added */
	XMLRPC_MEMBLOCK_FREE(char, f->body);
	f->body = NULL;
	f->running = false;
}

static void watch_follow_free(struct follow **follow)
{
	struct follow *f = *follow;
	const struct microreg_snapshot *reset = f->reset;

	microreg_snapshot_unref(&reset);
	microreg_consumers_unref(&f->partial);
	carrier_free(&f->carrier);
	free(f->service);
	free(f);
	*follow = NULL;
}

/* One that may not see consumers, or whose registry has none, is not waited for; any other fault
 * may pass. */
static void watch_give_up_locked(struct follow *f, const struct microreg_error *e)
{
	if (f->consumers && (e->code == MICROREG_DENIED ||
			     (e->code == MICROREG_FAULT && e->fault == RPC_FAULT_METHOD)))
		f->answered = true;
}

static void watch_failed(struct microreg *m, struct follow *f, struct microreg_error *e)
{
	struct watch *w = m->watch;
	bool *warned = f->consumers ? &w->consumers_warned : &w->warned;
	bool warn = !*warned;

	call_name_address(&m->addresses[f->address], e);
	f->address = (f->address + 1) % m->address_count;
	f->tried++;
	if (f->tried % m->address_count)
		f->pace.due_ms = clock_ms();
	else
		pace_failed(&f->pace, clock_ms(), PACE_MOST_MS, pace_random());
	if (f->tried < m->address_count)
		return;
	*warned = true;
	(void)pthread_mutex_lock(&m->lock);
	*(f->consumers ? &w->consumers_connected : &w->connected) = false;
	watch_give_up_locked(f, e);
	(void)pthread_cond_broadcast(&m->changed);
	(void)pthread_mutex_unlock(&m->lock);
	if (warn)
		handle_log(m, MICROREG_LOG_WARN, "watch%s: %s%s; what is known stays in use",
			   f->consumers ? " of consumers" : "", e->text,
			   f->consumers && e->code == MICROREG_DENIED
				   ? "; it needs the role gateway"
				   : "");
}

static void watch_answered(struct microreg *m, struct follow *f)
{
	struct watch *w = m->watch;
	bool *warned = f->consumers ? &w->consumers_warned : &w->warned;
	uint64_t now = clock_ms();

	f->tried = 0;
	f->pace = (struct pace){.due_ms = now, .answered_ms = now};
	atomic_store(&m->good, f->address);
	(void)pthread_mutex_lock(&m->lock);
	*(f->consumers ? &w->consumers_connected : &w->connected) = true;
	if (!f->consumers)
		w->answered_ms = now;
	(void)pthread_mutex_unlock(&m->lock);
	if (*warned)
		handle_log(m, MICROREG_LOG_INFO, "watch%s: %s answers again",
			   f->consumers ? " of consumers" : "", m->addresses[f->address].shown);
	*warned = false;
}

static void watch_finish(struct microreg *m, struct follow *f, CURLcode code)
{
	struct carrier *c = f->carrier;
	xmlrpc_value *result = NULL;
	struct microreg_error e;
	uint64_t waited = clock_ms() - f->began_ms;
	char before[sizeof(f->revision)];
	bool more = false;

	error_clear(&e);
	watch_end(m, f);
	(void)snprintf(before, sizeof(before), "%s", f->revision);
	if (carrier_judge(c, code, waited, &e) ||
	    call_read(c->reply.data, c->reply.len, CALL_REPLY_LARGE, &result, &e) ||
	    (f->consumers ? watch_take_consumers : watch_take_reply)(m, f, result, &more, &e)) {
		watch_failed(m, f, &e);
	} else {
		watch_answered(m, f);
		/* A registry that answers at once with nothing new is not asked in a circle. */
		if (waited < PACE_FIRST_MS && !more && !f->quick &&
		    strcmp(before, f->revision) == 0)
			f->pace.due_ms += PACE_FIRST_MS;
		else if (waited < WATCH_LEAST_MS &&
			 !f->quick) /* nor one that changes all the time */
			f->pace.due_ms += WATCH_LEAST_MS;
	}
	buf_fini(&c->reply);
	if (result)
		xmlrpc_DECREF(result);
}

/* ---- The thread ---- */

static int watch_write_services(struct microreg *m, struct err *reason)
{
	const struct microreg_snapshot *snapshot = microreg_snapshot_ref(m);
	int failed = snapshot_file_write(m->snapshot_file, snapshot, reason);

	microreg_snapshot_unref(&snapshot);
	return failed;
}

static int watch_write_consumers(struct microreg *m, struct err *reason)
{
	const struct microreg_consumers *set = microreg_consumers_ref(m);
	int failed = consumer_file_write(m->consumers_file, set, reason);

	microreg_consumers_unref(&set);
	return failed;
}

static void watch_save_file(struct microreg *m, struct watch_save *save,
			    int (*write)(struct microreg *m, struct err *reason))
{
	struct err reason;
	int failed;

	save->dirty = false;
	failed = write(m, &reason);
	if (!failed) {
		save->warned = false;
		return;
	}
	if (!save->warned)
		handle_log(m, MICROREG_LOG_WARN, "%s", reason.text);
	save->warned = true;
	/* A full disk may be emptied: tried again, in the background's time. */
	save->dirty = true;
	save->at_ms = clock_ms() + PACE_MOST_MS;
}

/* Writes what is due at `now`, and returns when the next is, at most `next`. */
static uint64_t watch_save(struct microreg *m, uint64_t now, uint64_t next)
{
	struct watch_save *save = &m->watch->save, *consumers = &m->watch->consumers_save;

	if (save->dirty && now >= save->at_ms)
		watch_save_file(m, save, watch_write_services);
	if (consumers->dirty && now >= consumers->at_ms)
		watch_save_file(m, consumers, watch_write_consumers);
	if (save->dirty && save->at_ms < next)
		next = save->at_ms;
	if (consumers->dirty && consumers->at_ms < next)
		next = consumers->at_ms;
	return next;
}

/* Drops what is cancelled and looks at the rest, which only this thread takes out of the list. */
static struct follow *watch_sweep(struct microreg *m)
{
	struct follow **link, *dropped = NULL, *first;

	(void)pthread_mutex_lock(&m->lock);
	for (link = &m->watch->follows; *link;) {
		struct follow *f = *link;

		if (!f->cancelled) {
			link = &f->next;
			continue;
		}
		*link = f->next;
		f->next = dropped;
		dropped = f;
	}
	first = m->watch->follows;
	(void)pthread_mutex_unlock(&m->lock);
	while (dropped) {
		struct follow *f = dropped;

		dropped = f->next;
		watch_end(m, f);
		watch_follow_free(&f);
	}
	return first;
}

/* Starts what is due, ends what is late. New follows are put in front, so the rest of the list is
 * this thread's to walk. Returns when it must look again. */
static uint64_t watch_look(struct microreg *m, struct follow *first, uint64_t now)
{
	uint64_t next = now + PACE_MOST_MS;
	struct microreg_error e;

	for (struct follow *f = first; f; f = f->next) {
		uint64_t at;

		if (f->running && now >= f->deadline_ms)
			watch_finish(m, f, CURLE_OPERATION_TIMEDOUT);
		if (!f->running && now >= f->pace.due_ms && watch_begin(m, f, &e))
			watch_failed(m, f, &e);
		at = f->running ? f->deadline_ms : f->pace.due_ms;
		if (at < next)
			next = at;
	}
	return next;
}

static void watch_collect(struct microreg *m)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(m->watch->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		char *follow = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &follow);
		watch_finish(m, (struct follow *)(void *)follow, code);
	}
}

void *watch_run(void *arg)
{
	struct microreg *m = arg;
	struct watch *w = m->watch;

	while (!handle_is_closing(m)) {
		uint64_t now = clock_ms(), next = watch_look(m, watch_sweep(m), now);
		int running;

		(void)curl_multi_perform(w->multi, &running); /* each transfer tells its own end */
		watch_collect(m);
		now = clock_ms();
		next = watch_save(m, now, next);
		/* What was just answered is due at once. */
		for (struct follow *f = watch_sweep(m); f; f = f->next)
			if (!f->running && f->pace.due_ms < next)
				next = f->pace.due_ms;
		if (next > now)
			(void)curl_multi_poll(w->multi, NULL, 0, (int)(next - now), NULL);
	}
	(void)watch_save(m, UINT64_MAX, 0); /* the last */
	return NULL;
}

void watch_close(struct microreg *m)
{
	struct watch *w = m->watch;

	if (!w)
		return;
	(void)curl_multi_wakeup(w->multi);   /* fails only when one is pending */
	(void)pthread_join(w->thread, NULL); /* it ends by itself: see closing */
	while (w->follows) {
		struct follow *f = w->follows;

		w->follows = f->next;
		watch_end(m, f);
		watch_follow_free(&f);
	}
	watch_forget_names(w);
	(void)curl_multi_cleanup(w->multi);
	free(w);
	m->watch = NULL;
}
