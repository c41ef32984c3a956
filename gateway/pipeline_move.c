/* pipeline_move: replies whose bytes nobody here wants to see: they stay in the kernel. */
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/pipeline.h"
#include "gateway/splice.h"

/* The client gets what the instance sends, byte by byte, and over a plain socket. A request that
 * is part of another's (a composed one's, say) stays where it is: its reply is for us. */
static bool pipeline_may_move(const struct exchange *x)
{
	return x->replied && !x->chunked && !x->bodiless && !x->validated && !x->keep &&
	       !x->remake && !x->client->inner && !x->client->stream.tls;
}

bool pipeline_move(struct forward *fwd, struct stream *from, struct splice_move *move)
{
	struct exchange *x =
		(struct exchange *)(void *)((char *)fwd - offsetof(struct exchange, forward));
	struct client *client = x->client;
	bool moved;

	if (!pipeline_may_move(x))
		return false;
	client_enter(client);
	moved = client_splice(client, from, move);
	if (moved && !client->dead && client_is_blocked(client))
		forward_pause(fwd);
	client_leave(client);
	return moved;
}
