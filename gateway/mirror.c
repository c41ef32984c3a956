/* mirror: a forward whose sink throws everything away. */
#include "gateway/mirror.h"
#include "gateway/forward_head.h"
#include "gateway/worker.h"

#include <stdlib.h>

enum {
	MIRROR_MAX = 256,	    /* under way, of one worker */
	MIRROR_ARENA_MAX = 1 << 20, /* a reply's head at its limits */
	/* Of the bodies of all of them: what `request.body` makes may be as long as a body may. */
	MIRROR_HELD_MAX = 32 << 20,
};

struct mirror {
	struct mirror *next, **link; /* in the worker's list */
	struct worker *worker;
	struct worker_table *table; /* held */
	struct arena arena;
	size_t held; /* bytes of body, counted in the worker's */
	struct forward forward;
};

static void mirror_free(struct mirror *m)
{
	forward_fini(&m->forward);
	worker_table_unref(&m->table);
	arena_fini(&m->arena);
	if (m->next)
		m->next->link = m->link;
	*m->link = m->next;
	m->worker->mirror_count--;
	m->worker->mirror_held -= m->held;
	free(m);
}

void mirror_free_all(struct worker *worker)
{
	while (worker->mirrors)
		mirror_free(worker->mirrors);
}

/* ---- The sink ---- */

static void mirror_on_head(struct forward *fwd, const struct http1_head *head)
{
	(void)fwd;
	(void)head;
}

static void mirror_on_body(struct forward *fwd, struct span piece)
{
	(void)fwd;
	(void)piece;
}

static void mirror_on_end(struct forward *fwd)
{
	mirror_free((struct mirror *)(void *)((char *)fwd - offsetof(struct mirror, forward)));
}

static void mirror_on_fail(struct forward *fwd, enum forward_failure failure)
{
	(void)failure; /* counted with the service's */
	mirror_on_end(fwd);
}

static void mirror_ignore(struct forward *fwd)
{
	(void)fwd;
}

static const struct forward_sink mirror_sink = {
	.on_head = mirror_on_head,
	.on_body = mirror_on_body,
	.on_end = mirror_on_end,
	.on_fail = mirror_on_fail,
	.on_abort = mirror_on_end,
	.on_want = mirror_ignore,
	.on_flush = mirror_ignore,
};

/* ---- The copy ---- */

static struct mirror *mirror_new(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct mirror *m = malloc(sizeof(*m));

	if (!m)
		return NULL;
	m->worker = worker;
	m->table = worker_table_ref(x->table);
	m->next = worker->mirrors;
	m->link = &worker->mirrors;
	if (m->next)
		m->next->link = &m->next;
	worker->mirrors = m;
	worker->mirror_count++;
	m->held = x->forward.held.len;
	worker->mirror_held += m->held;
	arena_init(&m->arena, MIRROR_ARENA_MAX);
	forward_init(&m->forward, worker, &m->arena, &mirror_sink);
	return m;
}

void mirror_start(struct exchange *x)
{
	const struct settings_mirror *settings = &x->route->mirror;
	const struct forward *from = &x->forward;
	struct forward *fwd;
	struct mirror *m;

	if (!settings->service_name || x->worker->mirror_count >= MIRROR_MAX ||
	    worker_random(x->worker) % SETTINGS_SHARE_WHOLE >= settings->share ||
	    from->held.len > MIRROR_HELD_MAX - x->worker->mirror_held)
		return;
	m = mirror_new(x);
	if (!m)
		return;
	fwd = &m->forward;
	fwd->set = worker_resolve(x->worker, x->table, settings->service);
	fwd->settings = &x->table->table->settings->services[settings->service];
	fwd->limits = from->limits;
	fwd->timeout_ms = from->timeout_ms;
	fwd->method = from->method;
	fwd->impatient = true; /* a copy takes no real request's place in the queue */
	(void)buf_append(&fwd->head, from->head.data, from->head.len); /* sticks */
	forward_head_readdress(x, settings->service, &fwd->head);
	if (fwd->head.failed || forward_copy_body(fwd, from) < 0)
		mirror_free(m);
	else
		forward_start(fwd);
}
