/*
 * auth: how callers show who they are. filter_auth.c asks the methods of a
 * route in turn; each method is a file auth_*.c.
 */
#ifndef MICROREG_GATEWAY_AUTH_H
#define MICROREG_GATEWAY_AUTH_H

#include "gateway/exchange.h"
#include "gateway/filter.h"
#include "gateway/identity.h"

struct auth_basic_job;
struct auth_forward;
struct verdict;

enum auth_result {
	AUTH_ABSENT = 0, /* the request shows nothing of this kind */
	AUTH_PROVEN,
	AUTH_REFUSED, /* it shows something that is worth nothing */
	AUTH_WAITS,   /* as FILTER_WAITS: it will be asked again */
	AUTH_FAILED,  /* ours: out of memory */
};

/* What is known so far; in the request's arena. */
struct auth {
	size_t at;		       /* the method that is being asked */
	bool shown;		       /* some credential was there */
	bool refused;		       /* and one was worth nothing */
	bool answered;		       /* the hasher has: … */
	bool right;		       /* … the password is the right one */
	bool busy;		       /* it has too much to do */
	struct auth_basic_job *basic;  /* what it is asked; else NULL */
	bool bearer;		       /* a token was */
	bool asked;		       /* for an issuer\'s news, once */
	struct auth_forward *forward;  /* a question to a service; NULL: none */
	const struct verdict *refusal; /* its answer, if that is a no; in the arena */
	bool unheard;		       /* it gave none */
	bool early;	    /* who is not known may be one of the registry's, yet to come */
	const char *reason; /* why, for the log: static text or in the arena */
	const struct identity *identity;
};

/* Each sets *identity when PROVEN, and *reason when REFUSED. */
enum auth_result auth_key_try(struct exchange *x, const struct settings_auth_method *method,
			      struct auth *auth);

enum auth_result auth_jwt_try(struct exchange *x, const struct settings_auth_method *method,
			      struct auth *auth);

enum auth_result auth_basic_try(struct exchange *x, const struct settings_auth_method *method,
				struct auth *auth);
enum auth_result auth_certificate_try(struct exchange *x, const struct settings_auth_method *method,
				      struct auth *auth);

enum auth_result auth_forward_try(struct exchange *x, const struct settings_auth_method *method,
				  struct auth *auth);

/* How often the cookie is there; *value is the last (RFC 6265 4.2.1). */
size_t auth_cookie_find(const struct exchange *x, const char *name, struct span *value);

/* Takes the credential's field out of what is passed on. */
void auth_key_strip(struct exchange *x, const struct settings_auth_method *method);
void auth_basic_strip(struct exchange *x, const struct settings_auth_method *method);
void auth_certificate_strip(struct exchange *x, const struct settings_auth_method *method);
void auth_jwt_strip(struct exchange *x, const struct settings_auth_method *method);
void auth_forward_strip(struct exchange *x, const struct settings_auth_method *method);

/* Answers with auth->refusal. */
enum filter_result auth_forward_refuse(struct exchange *x);

/* The same of all methods of a route, also in the query. -1: no memory. */
int auth_strip(struct exchange *x, const struct settings_auth *settings);

/* 401, with a challenge for each method of the route. */
enum filter_result auth_challenge(struct exchange *x, const char *reason);

/* The query without the parameters of that name; in the arena. -1: it is spent. */
int auth_query_without(struct exchange *x, const char *name);

/* A target or URL for the log: the values of query parameters that carry credentials on any route
 * are blotted out. */
struct span auth_url_shown(struct exchange *x, struct span url);

#endif
