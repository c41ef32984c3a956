/*
 * settings: the gateway's settings file as structs. Reading them is settings*.c's
 * business; what they do is everybody's.
 *
 * The keys, their defaults and their help are the tables in those files; the
 * reference page is printed from them. Everything here lives in the
 * settings' arena and is immutable once read.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_H
#define MICROREG_GATEWAY_SETTINGS_H

#include "common/arena.h"
#include "common/bearer.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/http.h"
#include "common/httpd.h"
#include "common/log.h"
#include "common/route_pattern.h"
#include "common/settings_table.h"
#include "gateway/settings_body.h"
#include "gateway/settings_bridge.h"
#include "gateway/settings_compose.h"
#include "gateway/settings_claims.h"
#include "gateway/settings_conditions.h"
#include "gateway/settings_openapi.h"
#include "gateway/settings_policy.h"
#include "gateway/settings_rpc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A certificate with its chain, and its key: PEM files. */
struct settings_certificate {
	const char *cert, *key;
};

/* RFC 6797. */
struct settings_hsts {
	int64_t max_age_ms; /* 1 year */
	bool subdomains, preload;
	const char *text; /* the field's value, made of these; NULL: it is not sent */
};

struct settings_tls {
	struct settings_certificate first;	  /* as written: `cert` and `key` */
	const struct settings_certificate *items; /* all of them; none: no TLS */
	size_t count;
	const char *client_ca; /* NULL: clients need no certificate */
	struct settings_hsts hsts;
};

struct settings_address {
	const char *text; /* as written, for people */
	const char *host; /* literal, no brackets */
	uint16_t port;
	unsigned line;
	unsigned rank;		 /* among those of `listen` with its host and port 0 */
	struct settings_tls tls; /* of `listen` only, like the next */
	bool proxy_protocol;	 /* of `listen` only, too */
	unsigned to_https;	 /* whoever asks here is sent to this port; 0: nobody is */
};

/* Each may do what those before it may. */
enum settings_admin_role { ADMIN_ROLE_READ = 0, ADMIN_ROLE_ADMIN };

struct settings_admin_token {
	const char *name; /* in the log, of whoever showed it */
	enum settings_admin_role role;
	const char *hash_text; /* as the settings say it */
	unsigned char hash[BEARER_HASH_SIZE];
};

/* Pages that no token is needed for. */
enum settings_admin_open { ADMIN_OPEN_HEALTH = 1, ADMIN_OPEN_READY = 2, ADMIN_OPEN_METRICS = 4 };

struct settings_admin {
	struct settings_address address; /* host NULL: `admin: off` */
	struct httpd_tls_names tls;
	const struct settings_admin_token *tokens;
	size_t token_count;
	unsigned open;	   /* ADMIN_OPEN_… */
	unsigned failures; /* 30 a minute of one address */
	bool insecure;
};

struct settings_registry {
	bool given;
	struct settings_strings urls;
	const char *token_file;	     /* NULL: none */
	const char *ca, *cert, *key; /* files, for https; NULL: none */
	const char *snapshot;	     /* NULL: none */
	bool consumers;		     /* those that it keeps may call */
};

struct settings_limits {
	uint64_t request_line_bytes; /* 16KiB: 414 */
	uint64_t headers_bytes;	     /* 32KiB: 431 */
	unsigned headers_count;	     /* 100: 431 */
	uint64_t body_bytes;	     /* 10MiB: 413; also per route */
	unsigned connections;	     /* 10000, all workers together */
	unsigned requests;	     /* under way, all workers together; 0: any */
	uint64_t memory_bytes;	     /* of bufs and arenas; half of what there is; 0: any */
	unsigned header_timeout_ms;  /* 10s for a whole head, however it drips */
	unsigned tunnels;	     /* 5000 of the connections */
	unsigned tunnel_idle_ms;     /* 1h without a byte either way */
	unsigned half_close_ms;	     /* 1s for a client that has ended its side */
	unsigned idle_timeout_ms;    /* 60s between requests, and without a byte either way */
	uint64_t rate_bytes;	     /* 240 a second, of a body or a reply; 0: any */
	unsigned rate_grace_ms;	     /* 10s before that counts */
	unsigned rate_keys;	     /* 1000000: counters of rate limits */
	uint64_t cache_bytes;	     /* 64MiB for all cached replies */
	uint64_t cache_object_bytes; /* 1MiB for one */
	unsigned metrics;	     /* 1000 routes, services, instances counted by name */
	unsigned program_time_ms;    /* 1s of CPU, for a program of jq in a helper process */
	uint64_t program_bytes;	     /* 256MiB for such a process */
	unsigned program_helpers;    /* 2 of them for each worker */
};

enum settings_access {
	ACCESS_STDOUT = 0,
	ACCESS_OFF,
	ACCESS_FILE,
	ACCESS_JOURNAL,
	ACCESS_STDERR, /* of `audit` */
};
enum settings_log_format { LOG_FORMAT_JSON = 0, LOG_FORMAT_COMBINED, LOG_FORMAT_TEMPLATE };

struct access_piece;

/* Literal text and fields of a request, in turn. */
struct access_template {
	const struct access_piece *pieces;
	size_t count;
};

struct settings_log {
	enum log_level level;
	enum settings_access access;
	const char *access_file; /* of FILE; of JOURNAL the socket */
	const char *key;	 /* that says so; NULL: log.access */
	enum settings_access audit;
	const char *audit_file; /* likewise */
	enum settings_log_format format;
	struct access_template template; /* of TEMPLATE */
};

enum settings_retry_on {
	RETRY_CONNECT = 1 << 0,
	RETRY_RESET = 1 << 1,
	RETRY_MALFORMED = 1 << 2,
	RETRY_TIMEOUT = 1 << 3,
	RETRY_502 = 1 << 4,
	RETRY_503 = 1 << 5,
	RETRY_504 = 1 << 6,
	RETRY_ALL = (1 << 7) - 1,
};

struct settings_retry {
	unsigned attempts; /* 2, the first included */
	unsigned on;	   /* RETRY_… bits */
	unsigned budget;   /* percent of active requests, 20 */
	bool non_idempotent;
};

enum settings_balance_kind {
	BALANCE_ROUND_ROBIN = 0,
	BALANCE_LEAST_REQUEST,
	BALANCE_RANDOM,
	BALANCE_HASH,
	BALANCE_KIND_COUNT,
};

enum settings_hash_by { HASH_BY_CLIENT = 0, HASH_BY_PATH, HASH_BY_HEADER, HASH_BY_COOKIE };

enum settings_same_site { SAME_SITE_LAX = 0, SAME_SITE_STRICT, SAME_SITE_NONE };
enum settings_secure { SECURE_AUTO = 0, SECURE_ALWAYS, SECURE_NEVER };

/* A cookie that brings a client back to its instance. */
struct settings_sticky {
	const char *cookie; /* its name; NULL: none */
	const char *key;    /* what its value is hashed with; NULL: everybody knows it */
	const char *path;
	unsigned ttl_ms; /* 0: until the browser ends */
	enum settings_secure secure;
	enum settings_same_site same_site;
	bool http_only;
};

struct settings_balance {
	enum settings_balance_kind kind;
	enum settings_hash_by by; /* of HASH */
	const char *name;	  /* of the header or cookie */
	struct settings_sticky sticky;
};

struct settings_breaker {
	bool off;
	unsigned requests;  /* 20: fewer tell nothing */
	unsigned failed;    /* percent of them, 50 */
	unsigned window_ms; /* 10s */
	unsigned open_ms;   /* 10s */
	unsigned ramp_ms;   /* 10s */
};

struct settings_instance {
	const char *text; /* "http://10.0.0.9:80" */
	const char *host; /* or a Unix socket's path, with port 0 */
	uint16_t port;
	bool https;
	unsigned weight;
	const char *zone; /* NULL: none */
};

/* TLS to instances. */
struct settings_origin_tls {
	const char *ca;			  /* NULL: the system's */
	const char *server_name;	  /* NULL: the host's */
	struct settings_certificate pair; /* NULLs: none is shown */
	bool verify;
};

/* Connections to one instance, of one worker. */
struct settings_pool {
	unsigned idle;	       /* 1024 */
	unsigned idle_ms;      /* 4s */
	unsigned max_age_ms;   /* 1h; 0: any */
	unsigned max_requests; /* 0: any */
};

struct settings_service {
	const char *name;
	unsigned line;
	const struct settings_instance *instances; /* none: the registry is asked */
	size_t instance_count;
	unsigned connect_timeout_ms; /* 1s */
	struct settings_origin_tls tls;
	struct settings_pool pool;
	unsigned timeout_ms; /* for one try; 0: what is left of the route's */
	struct settings_retry retry;
	unsigned max_in_flight;	   /* 1024 */
	unsigned max_per_instance; /* 0: any number */
	unsigned max_waiting;	   /* 1024 */
	unsigned max_wait_ms;	   /* 1s */
	struct settings_balance balance;
	unsigned slow_start_ms; /* 0: none */
	struct settings_breaker breaker;
	const char *backup_name; /* of `backup` below; NULL: none */
	size_t backup;		 /* index into settings.services */
};

/* What is kept of replies and how long. */
struct settings_cache {
	bool given;		   /* a `cache` key is there: fresh replies are served from it */
	bool off;		   /* `cache: off` */
	bool shared;		   /* one reply for all consumers */
	int64_t ttl_ms;		   /* -1: only what the origin says */
	int64_t stale_if_error_ms; /* 1h */
	int64_t stale_while_revalidate_ms; /* 0 */
};

struct settings_fallback {
	bool given;
	unsigned status;
	const char *type; /* content type */
	const char *body;
	size_t body_len;
};

struct template;

/* `set` and `add` of header fields; the value comes from each request. */
struct settings_field {
	const char *name;
	size_t name_len;
	const struct template *value;
};

/* What becomes of requests, or of replies. */
struct settings_edits {
	const struct settings_field *set, *add;
	size_t set_count, add_count;
	struct settings_strings remove;
	const struct template *host; /* `set: {Host: …}` of a request; NULL: the client's */
	struct settings_body body;
	struct settings_statuses statuses; /* of replies */
};

/* What is looked at of a body before its service sees any of it. */
enum settings_body_check { BODY_UNCHECKED = 0, BODY_JSON, BODY_JSON_OR_NONE };

/* Of answers that do not say them themselves. */
struct settings_header {
	const char *name, *value;
};

struct settings_headers {
	bool given;
	const struct settings_header *items; /* at most 16 */
	size_t count;
};

struct settings_redirect {
	const struct template *to; /* NULL: none */
	unsigned status;
};

/* One service of a split. */
struct settings_share {
	const char *service_name;
	size_t service; /* as settings_route.service */
	unsigned weight;
};

enum settings_split_by { SPLIT_BY_REQUEST = 0, SPLIT_BY_CLIENT };

struct settings_split {
	const struct settings_share *shares; /* none: the route has one service */
	size_t count;
	unsigned total; /* of the weights */
	enum settings_split_by by;
};

enum { SETTINGS_SHARE_WHOLE = 10000 }; /* a share of 100 % */

/* A second request for one that takes longer than that. */
struct settings_hedge {
	bool given;
	unsigned permille; /* of the latest requests took less; 0: a fixed time */
	unsigned after_ms;
};

struct settings_mirror {
	const char *service_name; /* NULL: none */
	size_t service;		  /* as settings_route.service */
	unsigned share;		  /* of SETTINGS_SHARE_WHOLE */
};

/* What becomes of something in a path that services may read otherwise than the routes do. */
enum settings_path_rule { PATH_UNSET = 0, PATH_REFUSE, PATH_KEEP, PATH_MERGE };

struct settings_paths {
	enum settings_path_rule repeated_slash; /* PATH_MERGE; of the top level */
	enum settings_path_rule escaped_slash, backslash, semicolon; /* PATH_REFUSE */
};

/* Whether answers say where their time went. */
enum settings_timing { TIMING_UNSET = 0, TIMING_OFF, TIMING_ON, TIMING_ASKED };

/* What becomes of trailer fields. */
enum settings_trailers { TRAILERS_UNSET = 0, TRAILERS_DROP, TRAILERS_PASS };

/* In the place of the top level's. */
struct settings_route_limits {
	uint64_t body_bytes;  /* the route's, else limits.body */
	uint64_t reply_bytes; /* 8MiB, of a reply that is transformed */
};

struct settings_route {
	struct route_pattern path;
	const char *pattern; /* the path as written, for people */
	const char *name;    /* what it is counted and logged as: the pattern, unless it is named */
	unsigned methods;    /* HTTP_… bits; HTTP_ANY when not given; HEAD is set with GET */
	struct settings_strings hosts; /* lower case; "*.example.org" too; none: any */
	struct settings_conditions headers, query;
	const char *service_name; /* of `service` below; NULL: another of these is there */
	size_t service;		  /* index into settings.services: every used one is there */
	struct settings_split split;
	struct settings_compose compose;
	const struct settings_view *views; /* of its answer; the first that fits is taken */
	size_t view_count;
	struct settings_fields fields; /* what of its answer clients may ask for */
	struct settings_bridge bridge; /* what its service is called by */
	struct settings_rpc rpc; /* methods of XML-RPC that it offers, in the place of a service */
	enum settings_openapi_form openapi; /* likewise: it shows what is offered */
	struct settings_docs docs;	    /* what is said of it there */
	struct settings_mirror mirror;
	struct settings_redirect redirect;
	struct settings_fallback respond; /* given: the fixed answer */
	const struct template *rewrite;	  /* of the path and query sent; NULL: the client's */
	struct settings_edits request_edits, reply_edits;
	struct settings_headers security; /* its own, else the top level's */
	unsigned timeout_ms;		  /* 10s */
	struct settings_route_limits limits;
	struct settings_paths paths; /* the route's, else those of the top level */
	enum settings_body_check body_check;
	struct settings_cache cache;
	struct settings_fallback fallback;
	struct settings_hedge hedge;
	struct settings_policy policy;
	struct settings_strings upgrade; /* protocols; none: `upgrade: off` */
	enum settings_timing timing;	 /* the route's, else the top level's */
	enum settings_trailers trailers; /* likewise */
	bool debug;			 /* show addresses of instances in answers */
	unsigned line;
	bool claimed; /* it came with a registration; the line is that of registry_routes */
};

struct settings {
	struct arena arena;
	const char *file;
	const struct settings_address *listen;
	size_t listen_count;
	struct settings_admin admin;
	struct settings_registry registry;
	const char *zone; /* where this gateway is; NULL: not said */
	unsigned workers; /* cores */
	struct settings_limits limits;
	struct settings_log log;
	const char *handover;	   /* a socket's path, or off; NULL: by the address */
	unsigned drain_delay_ms;   /* 0 */
	unsigned drain_timeout_ms; /* 30s: for requests to finish */
	struct settings_networks trusted_proxies;
	struct settings_paths paths;
	enum settings_timing timing;	 /* TIMING_OFF */
	enum settings_trailers trailers; /* TRAILERS_DROP */
	struct settings_ip ip;
	struct settings_limits_list rate_limits; /* of all routes together */
	const struct settings_consumer *consumers;
	size_t consumer_count;
	const struct settings_issuer *issuers;
	size_t issuer_count;
	struct settings_openapi openapi;
	struct settings_sign sign;
	struct settings_headers security;
	bool method_override; /* fields like X-HTTP-Method-Override are passed on */
	struct settings_strings secret_parameters; /* of queries: those that carry credentials */
	struct settings_strings identity_names;	 /* of fields with claims, beside the usual ones */
	const struct settings_service *services; /* listed, then those only routes name */
	size_t service_count;
	size_t service_listed;
	const struct settings_route *routes; /* in the file's order, then those of registrations */
	size_t route_count;
	const struct settings_grant *grants; /* `registry_routes` */
	size_t grant_count;
	struct settings_service default_service; /* for what registrations bring */
	struct settings_route default_route;
	const struct settings_claim *claims; /* what they brought; see claimed_routes */
	size_t claim_count;
	size_t program_count; /* of all routes */
};

/* Reads and checks a whole file. NULL on any mistake: then `mistakes` holds a line for each,
 * "FILE:LINE: what is wrong; what to write", in the file's order. */
struct settings *settings_read(const char *file, struct buf *mistakes);
void settings_free(struct settings **settings);

/* Prints the reference of every key, as Markdown. */
void settings_print_reference(struct buf *out);

#endif
