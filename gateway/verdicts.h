/*
 * verdicts: what services have said of callers (auth_forward), kept for a
 * while and shared by all workers, so that the same caller is not asked about
 * with each request.
 *
 * A bounded number of bounded ones: of those whose hashes share a place the
 * one that was not asked for the longest goes. Any thread; a lock is held for
 * a search of four and a copy.
 */
#ifndef MICROREG_GATEWAY_VERDICTS_H
#define MICROREG_GATEWAY_VERDICTS_H

#include "common/arena.h"
#include "common/span.h"

#include <stdbool.h>
#include <stdint.h>

struct verdicts;

enum {
	VERDICT_KEY = 32,	 /* bytes: a SHA-256 */
	VERDICT_BYTES = 8 << 10, /* a longer one is not kept */
};

enum verdict_part {
	VERDICT_ID = 0, /* who it is; each may be empty */
	VERDICT_NAME,
	VERDICT_GROUPS,	    /* between commas */
	VERDICT_SCOPES,	    /* between spaces */
	VERDICT_TO_SERVICE, /* lines of fields, each with CRLF */
	VERDICT_TO_CLIENT,  /* likewise */
	VERDICT_TYPE,	    /* of the body */
	VERDICT_BODY,
	VERDICT_PART_COUNT,
};

struct verdict {
	unsigned status; /* 2xx: the caller may */
	bool body;	 /* the body is the client's to see */
	struct span parts[VERDICT_PART_COUNT];
};

/* NULL: out of memory, or no random numbers. */
struct verdicts *verdicts_new(void);
void verdicts_free(struct verdicts **verdicts);

/* 32 random bytes of this process, to begin each text with that becomes a key: so nobody outside
 * can choose whose place it takes. */
const uint8_t *verdicts_secret(const struct verdicts *verdicts);

/* Copies it into the arena. False: there is none that counts at `now_ms`, or no memory. */
bool verdicts_find(struct verdicts *verdicts, const uint8_t key[VERDICT_KEY], uint64_t now_ms,
		   struct arena *arena, struct verdict *verdict);

/* Keeps a copy until then. False: it is too long, or there is no memory. */
bool verdicts_put(struct verdicts *verdicts, const uint8_t key[VERDICT_KEY],
		  const struct verdict *verdict, uint64_t until_ms);

#endif
