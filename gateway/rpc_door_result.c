/* rpc_door_result: the answer to a request as a value of XML-RPC, or as the fault that it tells. */
#include "common/base64.h"
#include "common/json_check.h"
#include "common/rpc_json.h"
#include "gateway/exchange.h"
#include "gateway/rpc_door_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_FAULT_TYPE "urn:microreg:problem:xmlrpc-fault"

static struct span result_body(const struct rpc_door *door)
{
	const struct buf *body = &door->inner.body;

	return (struct span){body->len ? body->data : "", body->len};
}

/* application/json, application/problem+json; what says nothing may be. */
static bool result_is_json(const struct rpc_door *door)
{
	const struct http1_field *type = http1_head_find_text(&door->inner.head, "Content-Type");
	size_t len = type ? strcspn(type->value.at, "; \t\r") : 0;

	len = type && len > type->value.len ? type->value.len : len;
	if (!type)
		return true;
	return http_equal_nocase(type->value.at, len, "application/json", 16) ||
	       (len > 5 && http_equal_nocase(type->value.at + len - 5, 5, "+json", 5));
}

/* ---- Faults ---- */

/* A member that is a text, decoded; "" when there is none. In the arena. */
static const char *result_text(struct rpc_door *door, struct span object, const char *name)
{
	const char *copy = NULL;
	struct span value;
	struct buf text;

	if (!json_member(object, (struct span){name, strlen(name)}, &value) ||
	    json_kind(value) != JSON_KIND_STRING)
		return "";
	buf_init(&text, value.len + 1);
	json_string_decode(value, &text);
	if (buf_str(&text))
		copy = arena_strndup(&door->x->arena, text.data, text.len);
	buf_fini(&text);
	return copy ? copy : "";
}

/* An answer that is an error: its status, and what it says of itself (RFC 9457). A fault that came
 * by the bridge from an XML-RPC service goes on as it is. */
static void result_fault(struct rpc_door *door)
{
	unsigned status = door->inner.head.status;
	struct span body = result_body(door), code;
	const char *title = "", *detail = "";
	struct err e = {0};

	if (result_is_json(door) && json_check(body, &e) == 0) {
		body = json_value(body);
		title = result_text(door, body, "title");
		detail = result_text(door, body, "detail");
		if (strcmp(result_text(door, body, "type"), PROBLEM_FAULT_TYPE) == 0 &&
		    json_member(body, (struct span){"faultCode", 9}, &code)) {
			rpc_door_fault(door, (int)strtol(code.at, NULL, 10), "%s",
				       result_text(door, body, "faultString"));
			return;
		}
	}
	title = *title ? title : http_reason(status);
	rpc_door_fault(door, (int)status, "%s%s%s", title, *detail ? ": " : "", detail);
}

static void result_no_memory(struct rpc_door *door)
{
	rpc_door_fault(door, RPC_FAULT_STORE, "the gateway is out of memory");
}

/* ---- Values ---- */

static void result_put_base64(struct buf *out, struct span bytes)
{
	(void)buf_puts(out, "<value><base64>"); /* failures stick, here and below */
	base64_write(bytes, out);
	(void)buf_puts(out, "</base64></value>");
}

/* A value of a type that JSON writes as something else: a time, bytes, a text, 5 for 5.0. */
static int result_put_as(struct rpc_door *door, enum rpc_json_type type, struct span json,
			 struct err *e)
{
	struct span text = json;
	struct buf plain;
	int result;

	if (json_kind(json) != JSON_KIND_STRING)
		return rpc_json_write_text(&door->answer, type, text, e);
	buf_init(&plain, json.len + 1);
	json_string_decode(json, &plain);
	if (plain.failed)
		result = err_code(e, ENOMEM, "out of memory");
	else
		result = rpc_json_write_text(&door->answer, type,
					     (struct span){plain.len ? plain.data : "", plain.len},
					     e);
	buf_fini(&plain);
	return result;
}

static int result_put(struct rpc_door *door, struct span json, struct err *e)
{
	enum rpc_value_type type = door->method->returns;

	if (json_kind(json) == JSON_KIND_NULL || type == RPC_VALUE_ANY)
		type = RPC_VALUE_ANY;
	else if (type != RPC_VALUE_STRING && !rpc_value_is(type, json))
		return err_set(e, "it is no %s", rpc_value_type_name(type));
	switch ((int)type) {
	case RPC_VALUE_TIME:
		return result_put_as(door, RPC_JSON_DATETIME, json, e);
	case RPC_VALUE_BASE64:
		return result_put_as(door, RPC_JSON_BASE64, json, e);
	case RPC_VALUE_STRING:
		return result_put_as(door, RPC_JSON_STRING, json, e);
	case RPC_VALUE_DOUBLE:
		return result_put_as(door, RPC_JSON_DOUBLE, json, e);
	default:
		return rpc_json_write_as(
			&door->answer, json,
			door->settings->extensions ? RPC_JSON_EXTENDED : RPC_JSON_PLAIN, e);
	}
}

/* A body that is no JSON, for those who take any. */
static int result_put_body(struct rpc_door *door, struct span body, struct err *e)
{
	if (door->method->returns != RPC_VALUE_BASE64)
		return rpc_json_write_text(&door->answer, RPC_JSON_STRING, body, e);
	result_put_base64(&door->answer, body);
	return 0;
}

static int result_put_nothing(struct rpc_door *door, struct err *e)
{
	bool extensions = door->settings->extensions;

	switch ((int)door->method->returns) {
	case RPC_VALUE_BOOLEAN:
		(void)buf_puts(&door->answer, "<value><boolean>1</boolean></value>");
		return 0;
	case RPC_VALUE_STRING:
	case RPC_VALUE_BASE64:
		return result_put_body(door, (struct span){"", 0}, e);
	case RPC_VALUE_ANY:
		return rpc_json_write_as(&door->answer, (struct span){"null", 4},
					 extensions ? RPC_JSON_EXTENDED : RPC_JSON_PLAIN, e);
	default:
		return err_set(e, "it is empty");
	}
}

void rpc_door_result(struct rpc_door *door)
{
	enum rpc_value_type type = door->method->returns;
	unsigned status = door->inner.head.status;
	struct span body = result_body(door);
	struct err e = {0};
	int result;

	if (status < 200 || status > 299) {
		result_fault(door);
		return;
	}
	if (!body.len)
		result = result_put_nothing(door, &e);
	else if ((type == RPC_VALUE_STRING || type == RPC_VALUE_BASE64) && !result_is_json(door))
		result = result_put_body(door, body, &e);
	else if (json_check(body, &e) == 0)
		result = result_put(door, json_value(body), &e);
	else
		result = -1;
	if (result < 0 && e.code == ENOMEM)
		result_no_memory(door);
	else if (result < 0)
		rpc_door_fault(door, 502, "%s: the answer can't be a result: %s",
			       door->method->name, e.text);
}
