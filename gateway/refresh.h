/*
 * refresh: asks for a kept reply again behind the back of a client that got
 * the old one (stale-while-revalidate, RFC 5861 3). One at a time for a key.
 */
#ifndef MICROREG_GATEWAY_REFRESH_H
#define MICROREG_GATEWAY_REFRESH_H

struct exchange;
struct worker;

/* For a GET that is answered with x->kept, before that. What can't be asked now, for want of memory
 * or because it is being asked, is left for the next. */
void refresh_start(struct exchange *x);

/* When the worker ends. */
void refresh_free_all(struct worker *worker);

#endif
