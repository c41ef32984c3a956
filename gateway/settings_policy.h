/*
 * settings_policy: what the settings say of who may call what, and how often.
 * Part of settings.h, which is what others include.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_POLICY_H
#define MICROREG_GATEWAY_SETTINGS_POLICY_H

#include "common/cidr.h"
#include "common/http.h"
#include "common/period.h"
#include "common/settings_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a request may have to pass, in this order (filter.c). */
enum policy {
	POLICY_IP = 0,
	POLICY_CHECK,
	POLICY_CORS,
	POLICY_LIMIT, /* by what needs no knowledge of who asks */
	POLICY_AUTH,
	POLICY_ALLOW,
	POLICY_LIMIT_CALLER, /* by consumer or key */
	POLICY_COUNT,
};

struct settings_networks {
	const struct cidr *items;
	size_t count;
};

struct settings_ip {
	struct settings_networks allow, deny; /* deny wins; without `allow` all others may */
};

/* A secret that a consumer shows; only its hash is known. */
struct settings_secret {
	uint8_t sha256[32];
	int64_t expires_ms; /* since 1970; 0: never */
};

enum settings_limit_kind { LIMIT_BUCKET = 0, LIMIT_WINDOW, LIMIT_CONCURRENT, LIMIT_QUOTA };

/* Whom a limit counts for, each for itself. */
enum settings_limit_by {
	LIMIT_BY_ADDRESS = 0,
	LIMIT_BY_CONSUMER,
	LIMIT_BY_KEY,
	LIMIT_BY_HEADER,
	LIMIT_BY_ROUTE,
	LIMIT_BY_SERVICE,
	LIMIT_BY_ALL,
};

struct settings_limit {
	const char *name;
	enum settings_limit_kind kind;
	unsigned rate, per_ms; /* so many in that time; of a concurrent one, at once */
	unsigned concurrent;   /* as written; else 0 */
	unsigned quota;	       /* likewise; then `rate` is the same */
	bool calendar;	       /* `per` is a period, else a time */
	enum period_kind period;
	unsigned burst;	  /* what a bucket holds */
	uint64_t step_ns; /* in which a bucket gets one more */
	enum settings_limit_by by;
	const char *header; /* of BY_HEADER */
	uint64_t id;	    /* of the counters; the same after a reload */
	const char *policy; /* for RateLimit-Policy; NULL of concurrent ones */
	unsigned line;
};

struct settings_limits_list {
	const struct settings_limit *items;
	size_t count;
};

/* True when it can only be asked once it is known who asks. */
static inline bool settings_limit_is_of_caller(const struct settings_limit *limit)
{
	return limit->by == LIMIT_BY_CONSUMER || limit->by == LIMIT_BY_KEY;
}

/* A person or a program that may call. */
struct settings_consumer {
	const char *name, *id; /* unique; fit for a header field */
	unsigned line;
	struct settings_strings groups;
	const struct settings_secret *keys;
	size_t key_count;
	const char *password;		      /* its hash; NULL: none */
	struct settings_strings certificates; /* "sha256:…", "subject:…", "san:…" */
	struct settings_ip ip;
	struct settings_limits_list limits;
};

/* 1 to 128 letters, digits and . _ : @ / + -: what may stand in a header field, a log and a rule as
 * it is. */
bool settings_name_is_plain(const char *text);

/* The place in the names of limits that have none of their own. */
#define SETTINGS_LIMIT_OF_CONSUMER "consumer"

/* The name of the number-th (from 1) limit of a place that was given none: those that one answer
 * tells of differ. It may lie in the arena. NULL: out of memory. */
const char *settings_limit_name(struct arena *arena, const char *place, size_t number);

/* What follows from the rest of a limit: the burst that is not given, the step, the id of its
 * counters, for whose it is (`scope`), and the policy. The texts lie in the arena. -1: the burst
 * takes too long to fill (step_ns is set then), or memory is out (it is 0). */
int settings_limit_finish(struct arena *arena, struct settings_limit *limit, const char *scope);

/* A claim that services are told in a field of its own. */
struct settings_claim_field {
	const char *header, *claim;
};

/* Somebody whose tokens are believed. */
struct settings_issuer {
	const char *name; /* in this file */
	unsigned line;
	const char *issuer;		  /* what `iss` has to be; NULL: discovery's, else any */
	struct settings_strings audience; /* one of which `aud` has to have; none: any */
	const char *jwks_file, *jwks_url, *discovery; /* one of them is there */
	unsigned refresh_ms;			      /* 10m */
	unsigned algorithms;			      /* JWS_… bits */
	unsigned skew_ms;			      /* 60s */
	struct settings_strings types;		      /* what `typ` may be, if it is there */
	struct settings_strings require;	      /* claims that have to be there: exp */
	const char *scope;			      /* claims: scopes; NULL: scope, then scp */
	const char *consumer; /* whose text is a consumer's id; NULL: none */
	const char *display;  /* the name; NULL: the subject */
	const struct settings_claim_field *fields;
	size_t field_count;
	const char *revoked_file; /* of `jti`s; NULL: none */
	bool strip;		  /* services do not see the token */
};

/* How services are told who asks so that they can prove it. */
struct settings_sign {
	const char *key_file; /* NULL: nothing is signed */
	const char *header, *issuer;
	const char *key_id; /* NULL: none */
	unsigned ttl_ms;    /* 60s */
	struct settings_strings claims;
};

enum settings_auth_kind {
	AUTH_KEY = 0,
	AUTH_JWT,
	AUTH_BASIC,
	AUTH_CERTIFICATE,
	AUTH_FORWARD,
	AUTH_KIND_COUNT,
};

/* A part of a request that says whose it is. */
struct settings_forward_by {
	bool cookie; /* else a header field */
	const char *name;
};

enum settings_forward_per { FORWARD_PER_REQUEST = 0, FORWARD_PER_ROUTE };

struct template;

/* A service that is asked whether a caller may. */
struct settings_forward {
	const char *service_name;
	size_t service;		     /* into settings.services */
	const char *path_text;	     /* as written */
	const struct template *path; /* what it is asked for */
	enum http_method method;
	const char *method_text;
	bool all_headers; /* the client's go with it, else those of: */
	struct settings_strings headers;
	struct settings_strings request_headers;       /* of its answer, for the service … */
	struct settings_strings reply_headers;	       /* … and for the client */
	const char *consumer, *name, *groups, *scopes; /* fields of its answer; NULL: none */
	bool body;				       /* of a refusal: the client gets it */
	unsigned timeout_ms;			       /* 2s */
	unsigned ttl_ms, refused_ms; /* how long its answers count; 0: for this request */
	enum settings_forward_per per;
	const struct settings_forward_by *by;
	size_t by_count;
};

/* One way to show who asks. */
struct settings_auth_method {
	enum settings_auth_kind kind;
	const char *header, *query, *cookie; /* where the credential stands; NULL: not there */
	const char *issuer_name;	     /* of a JWT … */
	size_t issuer;			     /* … into settings.issuers */
	struct settings_forward *forward;    /* of FORWARD, else NULL */
};

struct settings_auth {
	const struct settings_auth_method *methods; /* none: nobody is asked who they are */
	size_t count;
	bool all;      /* each of them is needed; else any */
	bool optional; /* who shows none may come in, too */
};

/* Which pages of other origins may read the answers. */
struct settings_cors {
	bool given;
	bool any; /* `*` */
	bool credentials;
	struct settings_strings origins; /* a star may stand for the first labels of the host */
	struct settings_strings methods, headers, expose;
	unsigned max_age_ms;
	const char *fields;    /* lines of every answer to them */
	const char *preflight; /* lines of the answer to a preflight */
};

/* Patterns with stars, of User-Agent. */
struct settings_agents {
	struct settings_strings allow, deny;
};

/* What a query may be. */
struct settings_query_check {
	bool given;
	uint64_t max_bytes;	       /* 8 KiB */
	unsigned max_parameters;       /* 100 */
	struct settings_strings allow; /* names; none: any */
};

struct rule;

struct settings_rules {
	const struct rule *const *items; /* one of which has to hold; none: anybody may */
	size_t count;
};

/* A route's. */
struct settings_policy {
	unsigned set; /* 1 << POLICY_…: those that a request has to pass; 0 for a plain route */
	struct settings_ip ip;
	struct settings_agents agents;
	struct settings_strings content_types; /* of bodies, with stars; none: any */
	struct settings_query_check query;
	struct settings_cors cors;
	struct settings_auth auth;
	struct settings_rules allow;
	struct settings_limits_list limits;
	unsigned cost; /* of its requests, for limits; 1 */
};

#endif
