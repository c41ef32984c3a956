/*
 * auth_forward: what the two files share that ask a service about a caller,
 * auth_forward.c and auth_forward_answer.c. Nobody else's.
 */
#ifndef MICROREG_GATEWAY_AUTH_FORWARD_H
#define MICROREG_GATEWAY_AUTH_FORWARD_H

#include "gateway/auth.h"
#include "gateway/cache.h"
#include "gateway/call.h"
#include "gateway/verdicts.h"

struct flight;
struct flight_waiter;

enum auth_forward_state {
	FORWARD_LOOKS = 0,
	FORWARD_HEARD, /* see verdict; its status is 0 when no answer came */
};

/* One question; in the request's arena. */
struct auth_forward {
	struct exchange *x;
	const struct settings_forward *settings;
	enum auth_forward_state state;
	struct span target, uri; /* what is asked for; what the client asks */
	bool shown;		 /* the request has something that says whose it is */
	bool alone;		 /* it waits for nobody else's answer any more */
	bool kept;		 /* the verdict was found, not asked for */
	bool unkeepable;	 /* it says so itself */
	bool failed;		 /* out of memory */
	unsigned life_s;	 /* it says so itself */
	uint64_t started_us;
	struct cache_key key; /* len 0: it is nobody else's */
	uint8_t digest[VERDICT_KEY];
	struct flight *flight;
	struct flight_waiter *waiter;
	struct call_base base;
	struct call call;
	struct verdict verdict;
	const char *reason;
};

void auth_forward_on_done(struct call *call);
void auth_forward_on_head(struct call *call, const struct http1_head *head);

/* The call is over: to the verdict. */
void auth_forward_hear(struct auth_forward *f);

/* What follows from it. */
enum auth_result auth_forward_conclude(struct auth_forward *f, struct auth *auth);

/* For those that come after. False: it is for this request only. */
bool auth_forward_keep(const struct auth_forward *f);

#endif
