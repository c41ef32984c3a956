/* rpc_door_system: what a route's methods are, told by methods of their own. */
#include "common/rpc_write.h"
#include "gateway/rpc_door_parts.h"

#include <string.h>

static void system_list_methods(struct rpc_door *door, const struct settings_rpc_method *method);
static void system_signature(struct rpc_door *door, const struct settings_rpc_method *method);
static void system_help(struct rpc_door *door, const struct settings_rpc_method *method);
static void system_capabilities(struct rpc_door *door, const struct settings_rpc_method *method);

static const struct system_method {
	const char *name;
	const char *result, *param; /* NULL: it has none */
	const char *help;
	void (*answer)(struct rpc_door *door, const struct settings_rpc_method *method);
} system_methods[] = {
	{"system.listMethods", "array", NULL, "Answers the names of all methods.",
	 system_list_methods},
	{"system.methodSignature", "array", "string",
	 "Answers the signatures of a method: each the type of its result, then those of its "
	 "parameters.",
	 system_signature},
	{"system.methodHelp", "string", "string", "Answers what a method does.", system_help},
	{"system.getCapabilities", "struct", NULL, "Answers which specifications are kept.",
	 system_capabilities},
	{"system.multicall", "array", "array",
	 "Makes up to 100 calls, each a struct of methodName and params, one after the other. "
	 "Answers an array: for each call an array of its result, or a struct of faultCode and "
	 "faultString.",
	 NULL},
};
enum { SYSTEM_METHODS = sizeof(system_methods) / sizeof(system_methods[0]) };

static const struct system_method *system_find(struct span name)
{
	for (size_t i = 0; i < SYSTEM_METHODS; i++)
		if (strlen(system_methods[i].name) == name.len &&
		    memcmp(system_methods[i].name, name.at, name.len) == 0)
			return &system_methods[i];
	return NULL;
}

/* ---- Each ---- */

static void system_list_methods(struct rpc_door *door, const struct settings_rpc_method *method)
{
	struct buf *out = &door->answer;

	(void)method;
	rpc_write_array(out);
	for (size_t i = 0; i < door->settings->method_count; i++)
		rpc_write_string(out, door->settings->methods[i].name);
	for (size_t i = 0; i < SYSTEM_METHODS; i++)
		rpc_write_string(out, system_methods[i].name);
	rpc_write_array_end(out);
}

/* One signature for each number of parameters that it takes. XML-RPC knows no type for anything:
 * then there is no signature, which is told as introspection's authors do it. */
static void system_signature(struct rpc_door *door, const struct settings_rpc_method *method)
{
	struct buf *out = &door->answer;
	bool known = method->returns != RPC_VALUE_ANY;

	for (size_t i = 0; i < method->param_count; i++)
		known = known && method->params[i].type != RPC_VALUE_ANY;
	if (!known) {
		rpc_write_string(out, "undef");
		return;
	}
	rpc_write_array(out);
	for (size_t count = method->required; count <= method->param_count; count++) {
		rpc_write_array(out);
		rpc_write_string(out, rpc_value_type_name(method->returns));
		for (size_t i = 0; i < count; i++)
			rpc_write_string(out, rpc_value_type_name(method->params[i].type));
		rpc_write_array_end(out);
	}
	rpc_write_array_end(out);
}

static void system_help(struct rpc_door *door, const struct settings_rpc_method *method)
{
	rpc_write_string(&door->answer, method->help ? method->help : "");
}

static void system_capability(struct buf *out, const char *name, const char *url, int version)
{
	rpc_write_member(out, name);
	rpc_write_struct(out);
	rpc_write_set_string(out, "specUrl", url);
	rpc_write_set_int(out, "specVersion", version);
	rpc_write_struct_end(out);
	rpc_write_member_end(out);
}

static void system_capabilities(struct rpc_door *door, const struct settings_rpc_method *method)
{
	struct buf *out = &door->answer;

	(void)method;
	rpc_write_struct(out);
	system_capability(out, "xmlrpc", "http://www.xmlrpc.com/spec", 1);
	system_capability(out, "faults_interop",
			  "http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php", 20010516);
	system_capability(out, "system.multicall", "http://www.xmlrpc.com/discuss/msgReader$1208",
			  1);
	system_capability(out, "introspection", "http://phpxmlrpc.sourceforge.net/doc-2/ch10.html",
			  2);
	if (door->settings->extensions)
		system_capability(out, "nil", "http://ws.apache.org/xmlrpc/types.html", 1);
	rpc_write_struct_end(out);
}

/* ---- What they are asked about ---- */

/* A method of system.* itself. */
static void system_of_itself(struct rpc_door *door, const struct system_method *asked,
			     const struct system_method *about)
{
	struct buf *out = &door->answer;

	if (asked->answer == system_help) {
		rpc_write_string(out, about->help);
		return;
	}
	rpc_write_array(out);
	rpc_write_array(out);
	rpc_write_string(out, about->result);
	if (about->param)
		rpc_write_string(out, about->param);
	rpc_write_array_end(out);
	rpc_write_array_end(out);
}

static void system_about(struct rpc_door *door, const struct system_method *asked, struct span json)
{
	const struct settings_rpc_method *method;
	const struct system_method *own;
	struct span name;
	struct buf text;

	buf_init(&text, json.len + 1);
	json_string_decode(json, &text);
	name = (struct span){text.len ? text.data : "", text.len};
	method = rpc_door_find(door, name);
	own = system_find(name);
	if (text.failed)
		rpc_door_fault(door, RPC_FAULT_STORE, "the gateway is out of memory");
	else if (method)
		asked->answer(door, method);
	else if (own)
		system_of_itself(door, asked, own);
	else
		rpc_door_fault(door, RPC_FAULT_PARAMS,
			       "%s: no method \"%.*s\"; system.listMethods names them all",
			       asked->name, name.len > 80 ? 80 : (int)name.len, name.at);
	buf_fini(&text);
}

bool rpc_door_system(struct rpc_door *door, struct span name, struct span params)
{
	const struct system_method *asked = system_find(name);
	struct span none, first = {NULL, 0}, more;
	struct json_iter iter;
	bool one;

	if (!asked || !asked->answer)
		return false;
	json_iter_init(&iter, params);
	one = json_iter_next(&iter, &none, &first) && !json_iter_next(&iter, &none, &more);
	if (!asked->param && !first.len)
		asked->answer(door, NULL);
	else if (!asked->param)
		rpc_door_fault(door, RPC_FAULT_PARAMS, "%s: takes no parameters", asked->name);
	else if (!one || json_kind(first) != JSON_KIND_STRING)
		rpc_door_fault(door, RPC_FAULT_PARAMS, "%s: takes one string, the name of a method",
			       asked->name);
	else
		system_about(door, asked, first);
	return true;
}
