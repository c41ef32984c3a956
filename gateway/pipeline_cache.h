/* pipeline_cache: the cache's part in the life of a request. pipeline.c calls it. */
#ifndef MICROREG_GATEWAY_PIPELINE_CACHE_H
#define MICROREG_GATEWAY_PIPELINE_CACHE_H

#include "gateway/exchange.h"

/* Looks for a kept reply. False: answered. */
bool pipeline_cache(struct exchange *x);

/* Answers with what was found: x->kept and x->use.on_failure are there. */
void pipeline_serve_stale(struct exchange *x);

/* Keeps the instance's reply, if it may be kept, as its body passes. */
void pipeline_keep(struct exchange *x, const struct http1_head *head);

#endif
