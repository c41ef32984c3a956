/*
 * exchange: one request and its reply, from the head's last byte to the log
 * line. Its memory is one arena; a worker keeps a few exchanges for reuse.
 */
#ifndef MICROREG_GATEWAY_EXCHANGE_H
#define MICROREG_GATEWAY_EXCHANGE_H

#include "common/arena.h"
#include "gateway/access_flags.h"
#include "gateway/cache.h"
#include "gateway/cache_rules.h"
#include "gateway/caller.h"
#include "gateway/forward.h"
#include "gateway/http1_body.h"
#include "gateway/http1_head.h"
#include "gateway/router.h"
#include "gateway/upgrade.h"

#include <stdbool.h>
#include <stdint.h>

struct auth;
struct client;
struct bridge;
struct compose;
struct remake;
struct request_body;
struct flight;
struct flight_waiter;
struct intake;
struct rpc_door;
struct tally;
struct filter_limits;
struct identity;
struct tunnel;
struct token;
struct trailers;
struct worker;
struct worker_table;

enum { EXCHANGE_ID_MAX = 128 };

struct exchange {
	struct exchange *next; /* in the worker's spare list */
	struct worker *worker;
	struct client *client;	    /* whose request it is */
	struct worker_table *table; /* held */
	struct arena arena;
	/* The request: */
	struct http1_head request;
	struct span path; /* normalized: what is matched, forwarded, and the cache's key */
	struct router_match match;
	const struct settings_route *route; /* NULL until routed */
	struct tally *tally;		    /* the route's; NULL until routed */
	size_t service;			    /* the route's, or its split's for this request */
	bool service_chosen;		    /* else `service` says nothing yet */
	/* What the route made of it: */
	bool rewritten;			     /* path and request.query are the route's … */
	struct span asked_path, asked_query; /* … and these the client's */
	struct span extra;		     /* lines of fields for the service */
	struct span host;		     /* len 0: the client's */
	struct http1_body body;
	bool body_done;		   /* all of it came */
	struct trailers *trailers; /* they are passed on, if there are any; NULL: dropped */
	uint64_t body_max;
	struct span id; /* X-Request-Id; NUL-terminated */
	/* Who asks: */
	struct caller caller;		 /* see caller_of */
	const struct identity *identity; /* NULL: nobody is known */
	struct token *token;		 /* held: the identity is part of it … */
	struct token_held *held;	 /* … or of one of those that came before */
	struct exchange *next_waiting;	 /* in the guard's list */
	struct filter_limits *limits;	 /* what was taken of them; NULL: nothing */
	bool preflight;			 /* asks for another method's route: see filter_cors */
	struct span cors;  /* lines of the answer; then the service's own are dropped */
	struct auth *auth; /* what filter_auth knows so far */
	struct span told;  /* lines of the answer, of a service that was asked about the caller */
	unsigned policy;   /* the one that is at work, or that it waits for */
	void (*unwait)(struct exchange *x); /* waiting: ends that; else NULL */
	/* Where it is: */
	struct forward forward;
	struct bridge *bridge;	 /* in the place of the forward: a call of XML-RPC; NULL: none */
	struct rpc_door *rpc;	 /* likewise: methods that become requests; NULL: none */
	struct span gathered;	 /* of a body that was checked: what is still to be sent */
	bool checked;		 /* it was */
	bool feeding;		 /* pipeline_feed is at work */
	struct intake *intake;	 /* gathers the body for whoever needs it whole; NULL: nobody */
	struct compose *compose; /* in the place of the forward: many calls; NULL: none */
	struct request_body *request_body; /* makes another of the body; NULL: none */
	struct span sent;		   /* which is this; at NULL: none */
	struct remake *remake;		   /* makes the reply something else; NULL: nothing */
	struct span vary;		   /* a line for each answer of the route's */
	const char *backup; /* the service that is asked in the place of the route\'s; NULL: none */
	struct upgrade upgrade; /* what is asked for beside a reply */
	struct tunnel *tunnel;	/* after a 101; of the arena */
	bool tunnel_place;	/* counted in limits.tunnels */
	bool replied;		/* the reply's head was written */
	bool reply_done;	/* all of it was */
	bool close;		/* the connection ends after this reply */
	bool chunked;		/* how the reply is framed */
	bool continued;		/* 100 Continue was sent */
	bool counted;		/* in the gateway's requests */
	bool until_close;	/* likewise: its end is the connection's */
	unsigned security_seen; /* bits: which of security_headers the answer has */
	bool bodiless;		/* HEAD, 204, 304: whatever comes is not sent on */
	/* The cache: */
	bool cached; /* the key is made: the cache takes part */
	struct cache_key key;
	const struct cache_entry *kept; /* what was found; held */
	struct span rest;		/* of its body, when it is the reply: still to be sent */
	struct cache_use use;		/* what may be done with it */
	struct cache_writer *keep;	/* this reply is being kept */
	struct cache_status cache_status;
	struct flight *flight;	      /* others wait for what is asked here … */
	struct flight_waiter *waiter; /* … or this one for another */
	uint64_t wait_until_ms;
	bool validated;	  /* a 304 to our own question came: the answer is what is kept */
	uint64_t sent_ms; /* when the request left, for the reply's age */
	/* For the log: */
	uint64_t started_us;
	uint64_t auth_us; /* until the services were heard that were asked about the caller */
	unsigned status;
	uint64_t bytes_in, bytes_out;
	uint64_t tunnel_in, tunnel_out; /* bytes, beside those; counted already */
	bool logged;
	unsigned flags;	    /* ACCESS_… */
	const char *detail; /* why, when something failed; static text or in the arena */
};

/* From the spare list or new; NULL when out of memory. */
struct exchange *exchange_new(struct client *client);

/* Gives up whatever is under way, and gives back. */
void exchange_free(struct exchange **x);

/* The memory of the worker's spare ones. */
void exchange_free_spare(struct worker *worker);

/* The client's own X-Request-Id if it is a sane one, else a new one of 32 hex digits. */
void exchange_choose_id(struct exchange *x);

#endif
