/*
 * access_field: what a request's line may be made of, by name: for the
 * `log.format` template and for the journal.
 */
#ifndef MICROREG_GATEWAY_ACCESS_FIELD_H
#define MICROREG_GATEWAY_ACCESS_FIELD_H

#include "common/buf.h"
#include "common/err.h"
#include "gateway/access_log.h"

/* X(id, name) */
#define ACCESS_FIELDS(X)                  \
	X(TIME, "time")                   \
	X(REQUEST_ID, "request_id")       \
	X(CLIENT, "client")               \
	X(CONSUMER, "consumer")           \
	X(METHOD, "method")               \
	X(HOST, "host")                   \
	X(PATH, "path")                   \
	X(QUERY, "query")                 \
	X(TARGET, "target")               \
	X(PROTOCOL, "protocol")           \
	X(ROUTE, "route")                 \
	X(STATUS, "status")               \
	X(BYTES_IN, "bytes_in")           \
	X(BYTES_OUT, "bytes_out")         \
	X(AUTH_MS, "auth_ms")             \
	X(QUEUE_MS, "queue_ms")           \
	X(RESOLVE_MS, "resolve_ms")       \
	X(CONNECT_MS, "connect_ms")       \
	X(FIRST_BYTE_MS, "first_byte_ms") \
	X(TOTAL_MS, "total_ms")           \
	X(SERVICE, "service")             \
	X(INSTANCE, "instance")           \
	X(ATTEMPTS, "attempts")           \
	X(CACHE, "cache")                 \
	X(FLAGS, "flags")                 \
	X(REASON, "reason")               \
	X(REFERER, "referer")             \
	X(USER_AGENT, "user_agent")

enum access_field {
#define ACCESS_FIELD_ENUM(id, name) ACCESS_FIELD_##id,
	ACCESS_FIELDS(ACCESS_FIELD_ENUM)
#undef ACCESS_FIELD_ENUM
		ACCESS_FIELD_COUNT,
};

const char *access_field_name(enum access_field field);

/* Its value, cut, with what could end a field or a line written as \xNN; nothing when it is not
 * known. Errors stick in the buf. */
void access_field_write(struct buf *out, const struct access_record *record,
			enum access_field field);

/* Literal text and fields, in turn. */
struct access_piece {
	struct span text; /* len 0: the field */
	enum access_field field;
};

enum {
	ACCESS_PIECES_MAX = 128,
	ACCESS_SOCKET_MAX = 100, /* of `journald:SOCKET`; the system takes 107 bytes of a path */
};

/* "{client} {status}": fields in braces, "{{" and "}}" for the braces themselves. The pieces lie in
 * `pieces` (room for ACCESS_PIECES_MAX) and refer to `text`. -1 with what is possible. */
int access_template_parse(struct access_piece *pieces, size_t *count, const char *text,
			  struct err *e);

/* A line; an unknown field is "-". Errors stick in the buf. */
void access_line_template(struct buf *out, const struct access_template *format,
			  const struct access_record *record);

/* One message for the journal in its native protocol, with the empty line that is only ours: the
 * log's thread ends messages there. */
void access_line_journal(struct buf *out, const struct access_record *record);

#endif
