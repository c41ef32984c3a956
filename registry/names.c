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
	bool stopping;
};

static int names_get(const struct instance *in, int flags, struct addrinfo **out)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICSERV | flags};
	char port[8];
	int r;

	(void)snprintf(port, sizeof(port), "%u", in->port);
	*out = NULL;
	r = getaddrinfo(in->host, port, &hints, out);
	if (r)
		*out = NULL;
	return r;
}

enum names_result names_literal(const struct instance *in, struct addrinfo **out)
{
	int r = names_get(in, AI_NUMERICHOST, out);

	if (r == EAI_NONAME)
		return NAMES_NONE;
	return r ? NAMES_UNKNOWN : NAMES_FOUND;
}

static void names_look_up(struct names_query *query)
{
	int r = names_get(query->in, 0, &query->address);

	query->result = NAMES_UNKNOWN;
	if (!r)
		query->result = NAMES_FOUND;
	else if (r == EAI_NONAME || r == EAI_NODATA)
		query->result = NAMES_NONE;
}

static void names_deliver(struct loop_message *message)
{
	struct names_query *query = (void *)message; /* its first member */

	query->done(query);
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
		(void)pthread_mutex_unlock(&n->lock);
		names_look_up(query);
		loop_post(n->loop, &query->message);
		(void)pthread_mutex_lock(&n->lock);
	}
	(void)pthread_mutex_unlock(&n->lock);
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
	(void)pthread_cond_destroy(&n->wake); /* nobody waits on it */
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
	return NULL;
}

void names_free(struct names **names)
{
	struct names *n = *names;

	*names = NULL;
	if (!n)
		return;
	(void)pthread_mutex_lock(&n->lock);
	n->stopping = true;
	(void)pthread_cond_signal(&n->wake);
	(void)pthread_mutex_unlock(&n->lock);
	(void)pthread_join(n->thread, NULL); /* it is ours, and joined once */
	(void)pthread_cond_destroy(&n->wake);
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
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
