/*
 * pipeline_cache: the cache's part in the life of a request: pipeline.c calls
 * it at each step.
 *
 * pipeline_cache -> answered, or waits for another request's answer, or goes on
 * to an instance: then pipeline_keep… or pipeline_cache_failed.
 */
#ifndef MICROREG_GATEWAY_PIPELINE_CACHE_H
#define MICROREG_GATEWAY_PIPELINE_CACHE_H

#include "gateway/exchange.h"

/* Looks for a kept reply. False: answered; or it waits (x->unwait is set), and goes on by itself
 * from the loop. */
bool pipeline_cache(struct exchange *x);

/* Answers with what was found: x->kept and x->use.on_failure are there. */
void pipeline_serve_stale(struct exchange *x);

/* A 304 came. True when it was an answer to the cache's question and not to the client's:
 * pipeline_validated answers when it is over. */
bool pipeline_validates(struct exchange *x, const struct http1_head *head);
void pipeline_validated(struct exchange *x);

/* Keeps the instance's reply, if it may be kept, as its body passes, up to its end. */
void pipeline_keep(struct exchange *x, const struct http1_head *head);
void pipeline_keep_body(struct exchange *x, struct span piece);
void pipeline_keep_end(struct exchange *x);

/* No good reply came, or not all of it. Harmless when the cache takes no part. */
void pipeline_cache_failed(struct exchange *x, enum forward_failure failure);

#endif
