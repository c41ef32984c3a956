/* method_answer: what a call is answered, as a document. */
#include "registry/method.h"

#include <string.h>

void method_clean(char *text)
{
	size_t len = strlen(text), tail = 0;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	while (tail < 4 && tail < len && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail < len) {
		unsigned char lead = (unsigned char)text[len - 1 - tail];
		size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;

		if (want != tail)
			text[len - 1 - tail] = '\0';
	}
}

int method_serialize(const struct call *call, xmlrpc_value *result, const struct err *fault,
		     struct buf *out)
{
	struct err clean = fault ? *fault : (struct err){0};
	xmlrpc_mem_block *block;
	xmlrpc_env env, why;
	const struct buf *text = call->shared ? &call->shared->text : &call->text;
	int r = -1;

	buf_reset(out);
	if (!result && !fault)
		return buf_append(out, text->data, text->len);
	xmlrpc_env_init(&env);
	if (!rpc_has_room(&env, 0))
		goto done;
	block = xmlrpc_mem_block_new(&env, 0);
	if (env.fault_occurred)
		goto done;
	if (fault) {
		method_clean(clean.text);
		xmlrpc_env_init(&why);
		xmlrpc_env_set_fault(&why, clean.code, clean.text);
		xmlrpc_serialize_fault(&env, block, &why);
		xmlrpc_env_clean(&why);
	} else {
		xmlrpc_serialize_response(&env, block, result);
	}
	if (!env.fault_occurred)
		r = buf_append(out, xmlrpc_mem_block_contents(block), xmlrpc_mem_block_size(block));
	xmlrpc_mem_block_free(block);
done:
	xmlrpc_env_clean(&env);
	return r;
}

int method_serialize_value(xmlrpc_value *value, struct buf *out)
{
	xmlrpc_mem_block *block;
	xmlrpc_env env;
	int r = -1;

	buf_reset(out);
	xmlrpc_env_init(&env);
	block = rpc_has_room(&env, 0) ? xmlrpc_mem_block_new(&env, 0) : NULL;
	if (!env.fault_occurred) {
		xmlrpc_serialize_value(&env, block, value);
		if (!env.fault_occurred)
			r = buf_append(out, xmlrpc_mem_block_contents(block),
				       xmlrpc_mem_block_size(block));
		xmlrpc_mem_block_free(block);
	}
	xmlrpc_env_clean(&env);
	return r;
}
