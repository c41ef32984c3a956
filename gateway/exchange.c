/* exchange: made, kept for reuse, and given back. */
#include "gateway/exchange.h"
#include "common/hex.h"
#include "gateway/client.h"
#include "gateway/bridge.h"
#include "gateway/compose.h"
#include "gateway/intake.h"
#include "gateway/remake.h"
#include "gateway/request_body.h"
#include "gateway/rpc_door.h"
#include "gateway/shed.h"
#include "gateway/filter.h"
#include "gateway/flight.h"
#include "gateway/stats.h"
#include "gateway/tally.h"
#include "gateway/tunnel.h"
#include "gateway/token.h"
#include "gateway/trailers.h"
#include "gateway/worker.h"

#include <stdlib.h>

enum {
	EXCHANGE_ARENA_MAX =
		32 << 20, /* heads at the settings' largest limits, and what goes with them */
	EXCHANGE_SPARE_MAX = 256, /* per worker */
};

struct exchange *exchange_new(struct client *client)
{
	struct worker *worker = client->worker;
	struct exchange *x = worker->spare;
	struct arena arena;

	if (x) {
		worker->spare = x->next;
		worker->spare_count--;
		arena = x->arena;
	} else {
		x = malloc(sizeof(*x));
		if (!x)
			return NULL;
		arena_init(&arena, EXCHANGE_ARENA_MAX);
	}
	*x = (struct exchange){.worker = worker, .client = client, .arena = arena};
	x->table = worker_table_ref(worker->table);
	x->started_us = loop_now_us(worker_loop(worker));
	stats_inc(worker->stats, STAT_IN_FLIGHT);
	return x;
}

void exchange_free(struct exchange **x)
{
	struct exchange *e = *x;
	struct worker *worker;

	*x = NULL;
	if (!e)
		return;
	worker = e->worker;
	tunnel_stop(e);
	stats_dec(worker->stats, STAT_IN_FLIGHT);
	tally_dec(e->tally, TALLY_IN_FLIGHT);
	shed_leave(e);
	filter_cancel(e);
	if (e->limits)
		filter_limit_release(e);
	if (e->forward.worker)
		forward_fini(&e->forward);
	bridge_free(&e->bridge);
	rpc_door_free(&e->rpc);
	compose_free(&e->compose);
	request_body_free(&e->request_body);
	remake_free(&e->remake);
	trailers_free(&e->trailers);
	intake_free(&e->intake);
	cache_writer_abort(&e->keep);
	flight_end(&e->flight, FLIGHT_DROPPED, loop_now_ms(worker_loop(worker)));
	cache_unref(&e->kept);
	token_unref(&e->token);
	for (struct token_held *held = e->held; held; held = held->next)
		token_unref(&held->token);
	e->held = NULL;
	worker_table_unref(&e->table);
	if (worker->spare_count >= EXCHANGE_SPARE_MAX) {
		arena_fini(&e->arena);
		free(e);
		return;
	}
	arena_reset(&e->arena);
	e->next = worker->spare;
	worker->spare = e;
	worker->spare_count++;
}

void exchange_free_spare(struct worker *worker)
{
	while (worker->spare) {
		struct exchange *x = worker->spare;

		worker->spare = x->next;
		arena_fini(&x->arena);
		free(x);
	}
	worker->spare_count = 0;
}

static bool exchange_id_is_sane(struct span id)
{
	for (size_t i = 0; i < id.len; i++)
		if (id.at[i] <= ' ' || id.at[i] > '~' || id.at[i] == '"' || id.at[i] == '\\')
			return false;
	return id.len > 0 && id.len <= EXCHANGE_ID_MAX;
}

void exchange_choose_id(struct exchange *x)
{
	const struct http1_field *field = http1_head_find(&x->request, HTTP1_X_REQUEST_ID);
	char *id;

	if (field && exchange_id_is_sane(field->value)) {
		id = arena_strndup(&x->arena, field->value.at, field->value.len);
		x->id = (struct span){id, id ? field->value.len : 0};
		return;
	}
	id = arena_alloc(&x->arena, 33);
	if (!id) /* the request goes on without */
		return;
	hex_print(worker_random(x->worker), id);
	hex_print(worker_random(x->worker), id + HEX_LEN);
	id[32] = '\0';
	x->id = (struct span){id, 32};
}
