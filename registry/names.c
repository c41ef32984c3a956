/* names: a queue, and getaddrinfo. */
#include "registry/names.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct names {
	struct loop *loop;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct names_query *queue, **queue_end;
	bool busy;     /* a lookup is under way */
	bool stopping; /* then the thread frees all of it */
};

static int names_get(const char *host, unsigned port, int flags, struct addrinfo **out)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICSERV | flags};
	char text[8];
	int r;

	(void)snprintf(text, sizeof(text), "%u", port & 0xffff);
	*out = NULL;
	r = getaddrinfo(host, text, &hints, out);
	if (r)
		*out = NULL;
	return r;
}

enum names_result names_literal(const struct instance *in, struct addrinfo **out)
{
	int r = names_get(in->host, in->port, AI_NUMERICHOST, out);

	if (r == EAI_NONAME)
		return NAMES_NONE;
	return r ? NAMES_UNKNOWN : NAMES_FOUND;
}

static enum names_result names_result(int r)
{
	if (!r)
		return NAMES_FOUND;
	return r == EAI_NONAME || r == EAI_NODATA ? NAMES_NONE : NAMES_UNKNOWN;
}

static void names_deliver(struct loop_message *message)
{
	struct names_query *query = (void *)message; /* its first member */

	query->done(query);
}

static void names_destroy(struct names *n)
{
	(void)pthread_cond_destroy(&n->wake); /* nobody waits on it */
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
}

/* The lock is let go of meanwhile. When that time is over the query may be gone. */
static void names_look_up_locked(struct names *n, struct names_query *query)
{
	char host[INSTANCE_HOST_MAX + 1];
	unsigned port = query->in->port;
	struct addrinfo *address;
	int r;

	(void)snprintf(host, sizeof(host), "%s", query->in->host);
	n->busy = true;
	(void)pthread_mutex_unlock(&n->lock);
	r = names_get(host, port, 0, &address);
	(void)pthread_mutex_lock(&n->lock);
	n->busy = false;
	if (n->stopping) {
		if (address)
			freeaddrinfo(address);
		return;
	}
	query->result = names_result(r);
	query->address = address;
	loop_post(n->loop, &query->message);
}

static void *names_run(void *arg)
{
	struct names *n = arg;

	(void)pthread_mutex_lock(&n->lock);
	while (!n->stopping) {
		struct names_query *query = n->queue;

		if (!query) {
			(void)pthread_cond_wait(&n->wake, &n->lock);
			continue;
		}
		n->queue = query->next;
		if (!n->queue)
			n->queue_end = &n->queue;
		names_look_up_locked(n, query);
	}
	(void)pthread_mutex_unlock(&n->lock);
	names_destroy(n);
	return NULL;
}

struct names *names_new(struct loop *loop)
{
	struct names *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->loop = loop;
	n->queue_end = &n->queue;
	/* These two can't fail on Linux with default attributes. */
	(void)pthread_mutex_init(&n->lock, NULL);
	(void)pthread_cond_init(&n->wake, NULL);
	if (pthread_create(&n->thread, NULL, names_run, n) == 0)
		return n;
	names_destroy(n);
	return NULL;
}

void names_free(struct names **names)
{
	struct names *n = *names;
	pthread_t thread;
	bool busy;

	*names = NULL;
	if (!n)
		return;
	thread = n->thread;
	(void)pthread_mutex_lock(&n->lock);
	n->stopping = true;
	busy = n->busy;
	(void)pthread_cond_signal(&n->wake);
	(void)pthread_mutex_unlock(&n->lock); /* from here on it may be gone */
	if (busy)
		(void)pthread_detach(
			thread); /* it ends when the name server, or the process does */
	else
		(void)pthread_join(thread, NULL); /* it is ours, and joined once */
}

void names_ask(struct names *names, struct names_query *query)
{
	query->message.deliver = names_deliver;
	query->next = NULL;
	query->address = NULL;
	(void)pthread_mutex_lock(&names->lock);
	*names->queue_end = query;
	names->queue_end = &query->next;
	(void)pthread_cond_signal(&names->wake);
	(void)pthread_mutex_unlock(&names->lock);
}
