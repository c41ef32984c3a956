/*
 * identity: who a request comes from, once somebody has proven it: what the
 * credential says, and what the service is told of it.
 *
 * Immutable; it lives in the request's arena, or as long as the settings and
 * the tokens that it points into, which the exchange holds.
 */
#ifndef MICROREG_GATEWAY_IDENTITY_H
#define MICROREG_GATEWAY_IDENTITY_H

#include "gateway/http1_head.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct settings_consumer;
struct settings_strings;

/* What a token says of its bearer, one thing. Members of objects are claims of their own, with the
 * names of the objects before theirs: "realm_access.roles". */
struct claim {
	struct span name; /* NUL-terminated */
	struct span text; /* numbers with their digits; items of a list joined by spaces */
	struct span rest; /* the items of a list, or the only one, each ended by a NUL */
};

struct claims {
	const struct claim *items;
	size_t count;
};

struct identity {
	const struct settings_consumer *consumer; /* NULL: none of the settings' */
	struct span id, name;			  /* of the consumer, else of the token's subject */
	struct span scopes;			  /* separated by spaces */
	struct span groups;			  /* beside the consumer's, separated by commas */
	struct span more; /* lines for the service beside the usual ones, each with CRLF */
	const struct claims *claims; /* NULL: the credential has none */
	struct span fields;	     /* lines that tell the service, each with CRLF */
	const char *method;	     /* "key", "jwt" …, for the log; static text */
	const char *issuer;	     /* of a token, by its name in the settings; else NULL */
	const uint8_t *key;	     /* of a key its 32 bytes of hash, else NULL */
};

/* Writes identity->fields into the arena, from all the rest: X-Consumer-Id, X-Consumer-Name,
 * X-Consumer-Groups, X-Auth-Scopes, and the `more` lines. What could end a line is escaped, but in
 * `more`. -1: the arena is spent. */
int identity_write(struct identity *identity, struct arena *arena);

/* True when both are the same name of a field to those that see "-" and "_" as one. */
bool identity_name_is(struct span name, const char *own);

/* One such line, or none when the value is empty. Errors stick in the buf. */
void identity_put(struct buf *out, const char *name, struct span value);

/* True for the names of those fields, in all their spellings. */
bool identity_is_field(struct span name);

/* Takes away the fields by which services are told who asks, in all their spellings: names that
 * CGI and its like make one name of ("X_Consumer_Id") are the same. `chosen` are more names. True
 * when one of the fields that are left asks services to take the request for one of another method.
 */
bool identity_clear(struct http1_head *request, const struct settings_strings *chosen);

/* The claim of that name, or NULL; NULL also when `claims` is. */
const struct claim *claims_find(const struct claims *claims, const char *name, size_t len);

/* True when the name is one of a list, between such characters. */
bool identity_lists(struct span list, char between, struct span name);

/* True when somebody is known, and is of that group: by the settings, or as a service told. */
bool identity_is_of_group(const struct identity *identity, struct span name);

/* True when the claim is that text, or a list with it. */
bool claim_has(const struct claim *claim, struct span text);

#endif
