/* writer_consumer: what operations on consumers add to a batch. */
#include "common/rpc.h"
#include "registry/writer_plan.h"

#include <string.h>

struct consumer_catalog *writer_consumers(struct writer_plan *plan)
{
	return writer_plan_consumers(plan);
}

bool writer_touched_consumer(const struct writer_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->consumer_count; i++)
		if (strcmp(plan->consumer_rows[i].event.id, name) == 0)
			return true;
	return false;
}

/* After the change is planned: its row, with the next revision. */
static enum writer_verdict writer_add_consumer(struct writer_plan *plan, struct writer_op *op,
					       const struct consumer_catalog_change *change)
{
	size_t i = plan->consumer_count++;
	struct store_change *row = &plan->consumer_rows[i];

	plan->consumers[i] = *change;
	op->revision = plan->consumers[i].revision = ++plan->revision;
	if (change->consumer)
		change->consumer->revision = op->revision;
	*row = (struct store_change){.kind = change->consumer ? STORE_CONSUMER_PUT
							      : STORE_CONSUMER_REMOVE,
				     .consumer = change->consumer,
				     .event = op->event};
	row->event.service = "";
	row->event.id = change->consumer ? change->consumer->name : change->before->name;
	row->event.revision = op->revision;
	return WRITER_GO;
}

enum writer_verdict writer_put_consumer(struct writer_plan *plan, struct writer_op *op,
					const struct consumer *draft)
{
	struct consumer_catalog_change change;
	struct consumer *consumer;

	if (plan->consumer_count == WRITER_BATCH_MAX)
		return WRITER_LATER;
	consumer = consumer_new(draft);
	if (!consumer) {
		(void)err_code(&op->err, RPC_FAULT_STORE, "the registry is out of memory");
		return WRITER_FAULT;
	}
	if (consumer_catalog_plan_put(writer_plan_consumers(plan), consumer, &change, &op->err) ==
	    0)
		return writer_add_consumer(plan, op, &change);
	consumer_unref(&consumer);
	/* Who has the id, or the last place, may be about to lose it. */
	return op->err.code != RPC_FAULT_STORE && plan->consumer_count ? WRITER_LATER
								       : WRITER_FAULT;
}

enum writer_verdict writer_delete_consumer(struct writer_plan *plan, struct writer_op *op,
					   struct consumer *old)
{
	struct consumer_catalog_change change;

	if (plan->consumer_count == WRITER_BATCH_MAX)
		return WRITER_LATER;
	consumer_catalog_plan_delete(old, &change);
	return writer_add_consumer(plan, op, &change);
}

void writer_undo_consumers(struct writer_plan *plan, size_t from)
{
	while (plan->consumer_count > from)
		consumer_catalog_cancel(writer_plan_consumers(plan),
					&plan->consumers[--plan->consumer_count]);
}
