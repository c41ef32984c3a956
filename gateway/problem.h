/*
 * problem: the answers that the gateway itself makes when something is wrong:
 * a table of causes, and their bodies (RFC 9457).
 */
#ifndef MICROREG_GATEWAY_PROBLEM_H
#define MICROREG_GATEWAY_PROBLEM_H

#include "common/buf.h"
#include "gateway/access_flags.h"

#include <stddef.h>

/* X(name, status, type, title, flag, proxy error or NULL)
 *
 * The type is stable: clients may compare it; it is written as "urn:microreg:problem:TYPE". The
 * proxy error is RFC 9209's, for Proxy-Status, where an upstream is to blame. */
#define PROBLEMS(X)                                                                                \
	X(BAD_REQUEST, 400, "bad-request", "The request is malformed", 0, NULL)                    \
	X(UNAUTHORIZED, 401, "unauthorized", "The caller does not show who it is", ACCESS_UA,      \
	  NULL)                                                                                    \
	X(FORBIDDEN, 403, "forbidden", "This may not be done from there, or by that caller",       \
	  ACCESS_UA, NULL)                                                                         \
	X(NO_ROUTE, 404, "no-route", "No route matches the request", ACCESS_NR, NULL)              \
	X(NOT_THERE, 404, "not-there", "The admin door has no such page", 0, NULL)                 \
	X(NO_METHOD, 405, "no-method", "The route does not take this method", ACCESS_NR, NULL)     \
	X(REQUEST_TIMEOUT, 408, "request-timeout", "The request took too long to come", 0, NULL)   \
	X(BODY_TOO_LARGE, 413, "body-too-large", "The request's body is too large", 0, NULL)       \
	X(TARGET_TOO_LONG, 414, "target-too-long", "The request line is too long", 0, NULL)        \
	X(UNSUPPORTED_TYPE, 415, "unsupported-type",                                               \
	  "The route does not take bodies of this type", 0, NULL)                                  \
	X(EXPECTATION, 417, "expectation", "The expectation can't be met", 0, NULL)                \
	X(SETTINGS, 422, "settings", "The settings have mistakes: what ran before goes on", 0,     \
	  NULL)                                                                                    \
	X(RATE_LIMITED, 429, "rate-limited", "Too many requests came from this caller", ACCESS_RL, \
	  NULL)                                                                                    \
	X(HEADERS_TOO_LARGE, 431, "headers-too-large", "The header fields are too large", 0, NULL) \
	X(INTERNAL, 500, "internal", "The gateway failed", 0, NULL)                                \
	X(NOT_IMPLEMENTED, 501, "not-implemented", "The gateway does not do that", 0, NULL)        \
	X(CONNECT_FAILED, 502, "connect-failed", "No instance of the service could be reached",    \
	  ACCESS_UF | ACCESS_URX, "connection_refused")                                            \
	X(CONNECT_TIMEOUT, 502, "connect-timeout", "No instance of the service answered in time",  \
	  ACCESS_UF | ACCESS_URX, "connection_timeout")                                            \
	X(NAME, 502, "name", "The service's host is not known", ACCESS_UF | ACCESS_URX,            \
	  "dns_error")                                                                             \
	X(TLS_CERTIFICATE, 502, "tls-certificate",                                                 \
	  "The service does not show that it is who it should be", ACCESS_UF | ACCESS_URX,         \
	  "tls_certificate_error")                                                                 \
	X(TLS_PROTOCOL, 502, "tls-protocol", "No TLS could be agreed on with the service",         \
	  ACCESS_UF | ACCESS_URX, "tls_protocol_error")                                            \
	X(TLS_ALERT, 502, "tls-alert", "The service refused the gateway in the TLS handshake",     \
	  ACCESS_UF | ACCESS_URX, "tls_alert_received")                                            \
	X(REPLY_CUT, 502, "reply-cut", "The service closed the connection before its reply came",  \
	  ACCESS_URX, "http_response_incomplete")                                                  \
	X(REPLY_MALFORMED, 502, "reply-malformed", "The service's reply is malformed", ACCESS_URX, \
	  "http_protocol_error")                                                                   \
	X(REPLY_UNUSABLE, 502, "reply-unusable", "The service's reply can't be made the answer",   \
	  0, "http_protocol_error")                                                                \
	X(REPLY_TOO_LARGE, 502, "reply-too-large",                                                 \
	  "The service's reply is too large to be made the answer", 0, "http_response_body_size")  \
	X(PART_FAILED, 502, "part-failed", "A service that the answer is made of failed", 0,       \
	  "http_request_error")                                                                    \
	X(PART_MALFORMED, 502, "part-malformed",                                                   \
	  "A service's reply can't be made part of the answer", 0, "http_protocol_error")          \
	X(PART_TOO_LARGE, 502, "part-too-large",                                                   \
	  "A service's reply is too large to be part of the answer", 0, "http_response_body_size") \
	X(PART_LACKS, 502, "part-lacks", "A service's reply lacks what another one is asked for",  \
	  0, NULL)                                                                                 \
	X(JOIN_FAILED, 502, "join-failed", "The replies can't be joined", 0, NULL)                 \
	X(FAULT, 502, "xmlrpc-fault", "The service's method answered with a fault", 0,             \
	  "http_request_error")                                                                    \
	X(NO_INSTANCE, 503, "no-instance", "No instance of the service is available", ACCESS_UH,   \
	  "destination_unavailable")                                                               \
	X(OVERLOAD, 503, "overload", "Too many requests to the service are under way", ACCESS_UO,  \
	  "connection_limit_reached")                                                              \
	X(BREAKER_OPEN, 503, "breaker-open", "The service fails, and is left alone for a while",   \
	  ACCESS_UO, "destination_unavailable")                                                    \
	X(TUNNELS, 503, "too-many-tunnels", "Too many upgraded connections are open", ACCESS_UO,   \
	  NULL)                                                                                    \
	X(AUTH_UNAVAILABLE, 503, "auth-unavailable",                                               \
	  "The service that says who may call gives no answer", 0, "destination_unavailable")      \
	X(NO_MEMORY, 503, "no-memory", "The gateway is out of memory", 0, NULL)                    \
	X(SHED, 503, "shed", "The gateway has too much to do", ACCESS_UO, NULL)                    \
	X(DRAINING, 503, "draining", "The gateway is shutting down", 0, NULL)                      \
	X(UPSTREAM_TIMEOUT, 504, "upstream-timeout", "The service took too long to answer",        \
	  ACCESS_UT, "http_response_timeout")                                                      \
	X(NOT_CACHED, 504, "not-cached", "Only a cached reply was asked for, and there is none",   \
	  0, NULL)                                                                                 \
	X(VERSION, 505, "version", "The HTTP version is not supported", 0, NULL)

enum problem {
	PROBLEM_NONE = 0,
#define PROBLEM_ENUM(name, status, type, title, flags, proxy) PROBLEM_##name,
	PROBLEMS(PROBLEM_ENUM)
#undef PROBLEM_ENUM
		PROBLEM_COUNT,
};

struct problem_kind {
	unsigned status;
	const char *type; /* the whole URN */
	const char *title;
	unsigned flags;		 /* for the access log */
	const char *proxy_error; /* NULL: no upstream is to blame */
};

/* Never NULL; for PROBLEM_NONE the kind of INTERNAL. */
const struct problem_kind *problem_kind(enum problem problem);

/* The cause of a refused head's status (http1_reader.status of a request). */
enum problem problem_of_status(unsigned status);

/* The document: type, title, status, and, where not NULL, detail and the request's id as
 * `instance` ("urn:microreg:request:…"). Errors stick in the buf. */
void problem_write(struct buf *out, enum problem problem, const char *detail,
		   const char *request_id);

/* The same, of a part of a composed answer, with a status of its own. `part` is its name. */
struct problem_part {
	unsigned status;   /* 0: the problem's */
	const char *part;  /* NULL: none */
	const char *fault; /* what the fault of an XML-RPC service says; NULL: none */
	int fault_code;
};
void problem_write_part(struct buf *out, enum problem problem, const struct problem_part *part,
			const char *detail, const char *request_id);

/* The value of Proxy-Status, or nothing when no upstream is to blame: "microreg;
 * error=connection_refused; next-hop=\"orders/2\"". `next_hop` may be NULL. */
void problem_write_proxy_status(struct buf *out, enum problem problem, const char *next_hop);

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/* Prints the causes as a Markdown table, for the reference. */
void problem_print_reference(struct buf *out);

#endif
