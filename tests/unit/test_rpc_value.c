/* rpc_value: what of JSON is of a type that a method declares. */
#include "gateway/settings_rpc.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct {
	enum rpc_value_type type;
	const char *json;
	bool is;
} values[] = {
	{RPC_VALUE_ANY, "null", true},
	{RPC_VALUE_INT, "-7", true},
	{RPC_VALUE_INT, "7.0", false},
	{RPC_VALUE_INT, "7e1", false},
	{RPC_VALUE_INT, "\"7\"", false},
	{RPC_VALUE_BOOLEAN, "false", true},
	{RPC_VALUE_BOOLEAN, "0", false},
	{RPC_VALUE_STRING, "\"\"", true},
	{RPC_VALUE_STRING, "5", false},
	{RPC_VALUE_DOUBLE, "5", true},
	{RPC_VALUE_DOUBLE, "\"5\"", false},
	{RPC_VALUE_TIME, "\"2026-01-31T23:59:59\"", true},
	{RPC_VALUE_TIME, "\"2026-01-31T23\\u003a59:59\"", true},
	{RPC_VALUE_TIME, "\"yesterday\"", false},
	{RPC_VALUE_BASE64, "\"\"", true},
	{RPC_VALUE_BASE64, "\"AAH/\"", true},
	{RPC_VALUE_BASE64, "\"AAH\\/\"", true}, /* as PHP writes every slash */
	{RPC_VALUE_BASE64, "\"AAH\\u002f\"", true},
	{RPC_VALUE_BASE64, "\"AA\\\\/\"", false},
	{RPC_VALUE_BASE64, "\"\\/AG\"", false},
	{RPC_VALUE_BASE64, "[]", false},
	{RPC_VALUE_ARRAY, "[]", true},
	{RPC_VALUE_ARRAY, "{}", false},
	{RPC_VALUE_STRUCT, "{}", true},
	{RPC_VALUE_STRUCT, "null", false},
};

START_TEST(a_value_is_of_its_type)
{
	struct span json = {values[_i].json, strlen(values[_i].json)};

	ck_assert_msg(rpc_value_is(values[_i].type, json) == values[_i].is, "%s as %s", json.at,
		      rpc_value_type_name(values[_i].type));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rpc_value");
	TCase *c = tcase_create("rpc_value");

	tcase_add_loop_test(c, a_value_is_of_its_type, 0, sizeof(values) / sizeof(values[0]));
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
