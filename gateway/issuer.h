/*
 * issuer: an issuer of tokens with its keys as they are now: read from a file
 * or fetched from a URL by a thread of its own, so that no request and no
 * worker ever does. The last good set stays while a fetch fails.
 */
#ifndef MICROREG_GATEWAY_ISSUER_H
#define MICROREG_GATEWAY_ISSUER_H

#include "common/err.h"
#include "gateway/keyring.h"

#include <stdbool.h>
#include <stdint.h>

struct issuer;
struct issuers; /* all that are in use; the gateway's */
struct settings_issuer;

/* `on_news` is called with `arg` on an issuer's thread whenever a fetch has ended, well or not. */
struct issuers *issuers_new(void (*on_news)(void *arg), void *arg);
/* Ends all threads and frees. When no issuer is used any more but by tables that are kept. */
void issuers_stop(struct issuers *all);
void issuers_free(struct issuers **all);

/* Reads what files there are, without keeping anything: for --check. 0, or -1 with what is wrong.
 */
int issuer_check(const struct settings_issuer *settings, struct err *e);

/* The issuer that has these settings: one that is there, or a new one, whose fetching begins. A
 * reference. NULL with an error. Main's thread. */
struct issuer *issuer_get(struct issuers *all, const struct settings_issuer *settings,
			  struct err *e);
void issuer_unref(struct issuer **issuer); /* any thread; harmless with NULL */

/* Any thread. The caller unrefs. NULL: nothing was fetched yet. */
struct keyring *issuer_keyring(struct issuer *issuer);
/* Of the ring that issuer_keyring would give; 0: there is none. Costs one load. */
uint64_t issuer_generation(const struct issuer *issuer);

/* Somebody shows a key that is not in the ring. True: a fetch is under way or begins, on_news will
 * tell its end. False: there was one within 10 s, or keys are a file's. `again`: what was told may
 * have been another issuer's; no fetch begins. */
bool issuer_wants_news(struct issuer *issuer, bool again);

#endif
