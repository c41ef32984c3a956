/* bridge_signature: a pointer for each route, set once. */
#include "gateway/bridge_signature.h"
#include "common/json_walk.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct bridge_signatures {
	size_t count;
	_Atomic(struct bridge_signature *) routes[];
};

struct bridge_signatures *bridge_signatures_new(size_t count)
{
	struct bridge_signatures *all = calloc(1, sizeof(*all) + count * sizeof(all->routes[0]));

	if (all)
		all->count = count;
	return all;
}

void bridge_signatures_free(struct bridge_signatures **all)
{
	for (size_t i = 0; *all && i < (*all)->count; i++)
		free(atomic_load(&(*all)->routes[i]));
	free(*all);
	*all = NULL;
}

const struct bridge_signature *bridge_signature_find(const struct bridge_signatures *all, size_t i)
{
	return atomic_load_explicit(&all->routes[i], memory_order_acquire);
}

/* A signature: the type of the result, then those of the parameters. False: it is of another
 * number of them, or names what is no type. */
static bool signature_read_one(struct span list, size_t count, struct bridge_signature *to)
{
	struct span name, value;
	struct json_iter iter;
	size_t n = 0;

	json_iter_init(&iter, list);
	while (json_iter_next(&iter, &name, &value)) {
		int type = -1;

		if (json_kind(value) == JSON_KIND_STRING) /* types have no characters to decode */
			type = rpc_json_type_of_signature(
				(struct span){value.at + 1, value.len - 2});
		if (n > count || (n > 0 && type < 0))
			return false;
		if (n > 0)
			to->types[n - 1] = (unsigned char)type;
		n++;
	}
	return n == count + 1;
}

/* A method may have several; the first of as many parameters counts. */
static void signature_read(struct span reply, size_t count, struct bridge_signature *to)
{
	struct span name, value;
	struct json_iter iter;

	if (!reply.len || json_kind(reply) != JSON_KIND_ARRAY || count > SETTINGS_PARAMS_MAX)
		return;
	json_iter_init(&iter, reply);
	while (json_iter_next(&iter, &name, &value))
		if (json_kind(value) == JSON_KIND_ARRAY && signature_read_one(value, count, to)) {
			to->count = (unsigned)count;
			return;
		}
}

const struct bridge_signature *bridge_signature_learn(struct bridge_signatures *all, size_t i,
						      struct span reply, size_t count)
{
	struct bridge_signature *learned = calloc(1, sizeof(*learned)), *first = NULL;

	if (!learned)
		return NULL;
	signature_read(reply, count, learned);
	if (atomic_compare_exchange_strong(&all->routes[i], &first, learned))
		return learned;
	free(learned);
	return first;
}
