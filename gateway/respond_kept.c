/* respond_kept: the head of a kept reply, or of the part of it that is asked for. */
#include "gateway/cache_range.h"
#include "gateway/client.h"
#include "gateway/http1_write.h"
#include "gateway/respond_parts.h"
#include "gateway/route_action.h"
#include "gateway/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void respond_put(struct exchange *x, const char *name, const char *value)
{
	http1_write_field(client_out(x->client), name, value, strlen(value));
}

/* What of it is sent: its status, and the part of the body, len 0 for none. */
static unsigned respond_choose(const struct exchange *x, const struct cache_entry *entry,
			       struct span *part)
{
	*part = (struct span){entry->body.at, 0};
	if (cache_rules_not_modified(&x->request, entry)) /* RFC 9110 13.2.2: before a range */
		return 304;
	switch (cache_range_read(&x->request, entry, part)) {
	case CACHE_RANGE_PART:
		return 206;
	case CACHE_RANGE_OUTSIDE:
		return 416;
	case CACHE_RANGE_WHOLE:
		break;
	}
	*part = entry->body;
	return entry->status;
}

static void respond_content_range(struct exchange *x, const struct cache_entry *entry,
				  struct span part)
{
	size_t first = part.len ? (size_t)(part.at - entry->body.at) : 0;
	char text[80];

	if (x->status == 206)
		(void)snprintf(text, sizeof(text), "bytes %zu-%zu/%zu", first, first + part.len - 1,
			       entry->body.len);
	else
		(void)snprintf(text, sizeof(text), "bytes */%zu", entry->body.len);
	respond_put(x, "Content-Range", text);
}

void respond_age(struct exchange *x, const struct cache_entry *entry)
{
	char age[24];

	(void)snprintf(age, sizeof(age), "%" PRIu64,
		       cache_rules_age_s(entry, loop_now_ms(worker_loop(x->worker))));
	respond_put(x, "Age", age);
	respond_put(x, "Via", "1.1 microreg");
}

void respond_kept(struct exchange *x, const struct cache_entry *entry,
		  const struct cache_status *status)
{
	struct buf *out = client_out(x->client);
	struct span part;
	unsigned chosen = respond_choose(x, entry, &part);

	x->cache_status = *status;
	respond_start(x, route_action_status(x, chosen));
	respond_lines(x, chosen == 304 || chosen == 416 ? entry->fields_304 : entry->fields);
	if (chosen == 206 || chosen == 416)
		respond_content_range(x, entry, part);
	respond_age(x, entry);
	if (chosen != 304 && chosen != 204)
		http1_write_length(out, part.len);
	respond_finish_head(x);
	if (!x->bodiless)
		x->rest = part;
	client_reply_done(x->client);
}
