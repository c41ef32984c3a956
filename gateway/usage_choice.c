/* usage_choice: sorts what there is by service and id, and finds those that are up among it. */
#include "gateway/usage_choice.h"
#include "client-lib/microreg.h"

#include <stdlib.h>
#include <string.h>

static int usage_compare(const void *a, const void *b)
{
	const struct microreg_use *x = a, *y = b;
	int by_service = strcmp(x->service, y->service);

	return by_service ? by_service : strcmp(x->id, y->id);
}

/* Of the `count` uses of one service: `up` of those that it lists as up. */
static void usage_mark(const struct microreg_use *uses, size_t count,
		       const struct microreg_service *service, bool *up)
{
	for (size_t i = 0; service && i < service->count; i++) {
		const struct microreg_instance *in = &service->instances[i];
		struct microreg_use key = {.service = uses[0].service, .id = in->id};
		const struct microreg_use *found;

		if (strcmp(in->status, "up") != 0)
			continue;
		found = bsearch(&key, uses, count, sizeof(*uses), usage_compare);
		if (found)
			up[found - uses] = true;
	}
}

static void usage_swap(struct microreg_use *a, struct microreg_use *b)
{
	struct microreg_use c = *a;

	*a = *b;
	*b = c;
}

size_t usage_choose(struct microreg_use *uses, size_t count,
		    const struct microreg_snapshot *snapshot)
{
	size_t first = 0, next;
	bool *up;

	if (count <= USAGE_TOLD_MAX)
		return count;
	up = calloc(count, sizeof(*up));
	if (!up)
		return USAGE_TOLD_MAX;
	qsort(uses, count, sizeof(*uses), usage_compare);
	for (size_t i = 0; i < count; i = next) {
		for (next = i + 1; next < count; next++)
			if (strcmp(uses[next].service, uses[i].service) != 0)
				break;
		usage_mark(uses + i, next - i, microreg_snapshot_find(snapshot, uses[i].service),
			   up + i);
	}
	/* What goes back has been looked at: it is no later one's place. */
	for (size_t i = 0; i < count; i++)
		if (!up[i] && uses[i].in_flight)
			usage_swap(&uses[first++], &uses[i]);
	free(up);
	return USAGE_TOLD_MAX;
}
