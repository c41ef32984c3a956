/* rpc_value: the types that parameters and results of methods are declared as. */
#include "common/json_walk.h"
#include "common/rpc_json.h"
#include "gateway/settings_rpc.h"

#include <string.h>

static const struct {
	const char *name;
	enum rpc_json_type form; /* of what JSON has as a string */
} rpc_value_types[RPC_VALUE_TYPE_COUNT] = {
	[RPC_VALUE_ANY] = {"any", RPC_JSON_ANY},
	[RPC_VALUE_INT] = {"int", RPC_JSON_INT},
	[RPC_VALUE_BOOLEAN] = {"boolean", RPC_JSON_BOOLEAN},
	[RPC_VALUE_STRING] = {"string", RPC_JSON_STRING},
	[RPC_VALUE_DOUBLE] = {"double", RPC_JSON_DOUBLE},
	[RPC_VALUE_TIME] = {"dateTime.iso8601", RPC_JSON_DATETIME},
	[RPC_VALUE_BASE64] = {"base64", RPC_JSON_BASE64},
	[RPC_VALUE_ARRAY] = {"array", RPC_JSON_ANY},
	[RPC_VALUE_STRUCT] = {"struct", RPC_JSON_ANY},
};

const char *rpc_value_type_name(enum rpc_value_type type)
{
	return rpc_value_types[type].name;
}

static bool rpc_value_is_whole(struct span json)
{
	for (size_t i = 0; i < json.len; i++)
		if (strchr(".eE", json.at[i]))
			return false;
	return json_kind(json) == JSON_KIND_NUMBER;
}

/* As it stands for, not as it is written: some write "\/" for each slash of base64. */
static bool rpc_value_has_form(enum rpc_json_type form, struct span json)
{
	struct err e = {0};
	struct buf text, xml;
	bool fits;

	if (json_kind(json) != JSON_KIND_STRING)
		return false;
	buf_init(&text, json.len + 1);
	buf_init(&xml, 2 * json.len + 256);
	json_string_decode(json, &text);
	fits = !text.failed &&
	       rpc_json_write_text(&xml, form, (struct span){text.len ? text.data : "", text.len},
				   &e) == 0;
	buf_fini(&text);
	buf_fini(&xml);
	return fits;
}

bool rpc_value_is(enum rpc_value_type type, struct span json)
{
	enum json_kind kind = json_kind(json);

	switch (type) {
	case RPC_VALUE_INT:
		return rpc_value_is_whole(json);
	case RPC_VALUE_BOOLEAN:
		return kind == JSON_KIND_TRUE || kind == JSON_KIND_FALSE;
	case RPC_VALUE_STRING:
		return kind == JSON_KIND_STRING;
	case RPC_VALUE_DOUBLE:
		return kind == JSON_KIND_NUMBER;
	case RPC_VALUE_TIME:
	case RPC_VALUE_BASE64:
		return rpc_value_has_form(rpc_value_types[type].form, json);
	case RPC_VALUE_ARRAY:
		return kind == JSON_KIND_ARRAY;
	case RPC_VALUE_STRUCT:
		return kind == JSON_KIND_OBJECT;
	case RPC_VALUE_ANY:
	case RPC_VALUE_TYPE_COUNT:
		break;
	}
	return true;
}
