/*
 * rpc_json: XML-RPC documents as JSON and back, and texts as values of a type:
 * what a bridge between the two needs. From bytes to bytes: xmlrpc-c's values
 * know no characters beyond U+FFFF, and make doubles of numbers.
 *
 *	JSON            XML-RPC
 *	string          string; of dateTime: "2026-11-21T10:00:00"; of base64: base64
 *	number          int when it is a whole number of 32 bits (also from i8), else double
 *	true, false     boolean
 *	array, object   array, struct
 *	null            nil, an extension that not every peer knows
 */
#ifndef MICROREG_COMMON_RPC_JSON_H
#define MICROREG_COMMON_RPC_JSON_H

#include "common/buf.h"
#include "common/err.h"
#include "common/span.h"

#include <stdbool.h>

enum rpc_json_type {
	RPC_JSON_STRING = 0,
	RPC_JSON_INT,
	RPC_JSON_BOOLEAN,
	RPC_JSON_DOUBLE,
	RPC_JSON_DATETIME,
	RPC_JSON_BASE64,
	RPC_JSON_ANY, /* "json": an array, a struct, or any other value */
	RPC_JSON_TYPE_COUNT,
};

/* As settings name them: "string", "int", …, "json". -1: there is no such type. */
int rpc_json_type_parse(const char *name);
/* As signatures name them, too (system.methodSignature): "i4", "dateTime.iso8601", "array". */
int rpc_json_type_of_signature(struct span name);

/* ---- Writing XML ---- */

/* Appends <value>…</value> of that type. `text` is what a person would write: 7, true, 0.5,
 * 2026-11-21T10:00:00Z, base64; of JSON, a document. -1: it does not fit the type (*e says what
 * does), or memory is spent (ENOMEM); `xml` may then hold a part of it. The buf's own failures
 * stick there. */
int rpc_json_write_text(struct buf *xml, enum rpc_json_type type, struct span text, struct err *e);

/* The same of a value that json_check has passed. A whole number over 32 bits does not fit. */
int rpc_json_write(struct buf *xml, struct span json, struct err *e);

/* How much a peer is told that XML-RPC has no type for. Of each a value is never another one. */
enum rpc_json_dialect {
	RPC_JSON_EXACT = 0, /* null is nil; a number over 32 bits is refused */
	/* For clients that know the six types: null is an empty string; a whole number over 32 bits
	 * is a double as long as that holds it (2^53), then a string of its digits, like any number
	 * that no double holds. */
	RPC_JSON_PLAIN,
	RPC_JSON_EXTENDED, /* the same, but null is nil, and up to 64 bits are i8 */
};
int rpc_json_write_as(struct buf *xml, struct span json, enum rpc_json_dialect dialect,
		      struct err *e);

/* Appends text, escaped; -1: it holds what XML has no way to write. */
int rpc_json_write_escaped(struct buf *xml, struct span text);

/* ---- Reading XML; the document was passed by xml_guard_check_extended ---- */

/* Appends the result of a reply as JSON, or, with *fault set, its fault {"faultCode": …,
 * "faultString": …}. -1: it is no reply, or holds what is no value of its type. */
int rpc_json_read_reply(struct span document, struct buf *json, bool *fault, struct err *e);

/* Of a call: its method's name, and its parameters as a JSON array. */
int rpc_json_read_call(struct span document, struct buf *method, struct buf *json, struct err *e);

#endif
