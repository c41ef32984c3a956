/* rpc_door_request: parameters, by their declaration, as the request that a method becomes. */
#include "gateway/body_template.h"
#include "gateway/exchange.h"
#include "gateway/route_action.h"
#include "gateway/rpc_door_parts.h"
#include "gateway/template.h"

static const char *rpc_door_kind_name(struct span json)
{
	switch (json_kind(json)) {
	case JSON_KIND_NULL:
		return "nil";
	case JSON_KIND_FALSE:
	case JSON_KIND_TRUE:
		return "a boolean";
	case JSON_KIND_NUMBER:
		return "a number";
	case JSON_KIND_STRING:
		return "a string";
	case JSON_KIND_ARRAY:
		return "an array";
	case JSON_KIND_OBJECT:
		return "a struct";
	}
	return "nothing";
}

static int rpc_door_count_wrong(struct rpc_door *door, size_t count)
{
	const struct settings_rpc_method *method = door->method;

	if (method->required == method->param_count)
		rpc_door_fault(door, RPC_FAULT_PARAMS, "%s: takes %zu parameters, not %zu",
			       method->name, method->param_count, count);
	else
		rpc_door_fault(door, RPC_FAULT_PARAMS, "%s: takes %zu to %zu parameters, not %zu",
			       method->name, method->required, method->param_count, count);
	return -1;
}

static int rpc_door_check_param(struct rpc_door *door, size_t i, struct span value)
{
	const struct settings_rpc_param *param = &door->method->params[i];

	if (rpc_value_is(param->type, value)) {
		door->values[i] = value;
		return 0;
	}
	rpc_door_fault(door, RPC_FAULT_PARAMS, "%s: parameter %zu, \"%s\", has to be %s, not %s%s",
		       door->method->name, i + 1, param->name, rpc_value_type_name(param->type),
		       rpc_door_kind_name(value),
		       json_kind(value) == JSON_KIND_STRING ? " like that" : "");
	return -1;
}

static int rpc_door_take_params(struct rpc_door *door, struct span params)
{
	const struct settings_rpc_method *method = door->method;
	struct span none, value;
	struct json_iter iter;
	size_t count = 0;

	json_iter_init(&iter, params);
	while (json_iter_next(&iter, &none, &value))
		count++;
	if (count < method->required || count > method->param_count)
		return rpc_door_count_wrong(door, count);
	json_iter_init(&iter, params);
	for (size_t i = 0; i < method->param_count; i++) {
		if (i >= count)
			door->values[i] = method->params[i].otherwise;
		else if (!json_iter_next(&iter, &none, &value) ||
			 rpc_door_check_param(door, i, value) < 0)
			return -1;
	}
	return 0;
}

int rpc_door_request(struct rpc_door *door, struct span params, struct inner_request *request)
{
	const struct settings_rpc_method *method = door->method;
	struct template_values values;
	const char *reason = NULL;
	size_t target;

	if (rpc_door_take_params(door, params) < 0)
		return -1;
	values = route_action_values(door->x);
	values.results = door->values;
	buf_reset(&door->request);
	if (template_render(method->target, &values, &door->request, &reason) == 0) {
		target = door->request.len;
		if (!method->body ||
		    body_template_render(method->body, &values, &door->request, &reason) == 0) {
			*request = (struct inner_request){
				.method = method->http_method,
				.target = {door->request.data, target},
				.body = {door->request.data + target, door->request.len - target}};
			return 0;
		}
	}
	if (reason)
		rpc_door_fault(door, RPC_FAULT_PARAMS, "%s: %s", method->name, reason);
	else
		rpc_door_fault(door, RPC_FAULT_STORE, "the gateway is out of memory");
	return -1;
}
