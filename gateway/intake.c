/* intake: a buf that grows as the body comes. */
#include "gateway/intake.h"
#include "common/buf.h"
#include "gateway/exchange.h"
#include "gateway/respond.h"

struct intake {
	struct buf body;
	void (*on_whole)(struct exchange *x, struct span body);
	bool over; /* it was told, or answered */
};

static void intake_give_up(struct exchange *x, enum problem problem)
{
	x->intake->over = true;
	x->close = true; /* the rest of the body is not waited for */
	respond_problem(x, problem, NULL, NULL);
}

void intake_start(struct exchange *x, void (*on_whole)(struct exchange *x, struct span body))
{
	if (x->body_done) {
		on_whole(x, (struct span){"", 0});
		return;
	}
	x->intake = arena_zalloc(&x->arena, sizeof(*x->intake));
	if (!x->intake) {
		x->close = true;
		respond_problem(x, PROBLEM_NO_MEMORY, NULL, NULL);
		return;
	}
	x->intake->on_whole = on_whole;
	buf_init(&x->intake->body, (size_t)x->body_max);
	respond_continue(x);
}

void intake_add(struct exchange *x, struct span piece)
{
	if (x->intake->over || buf_append(&x->intake->body, piece.at, piece.len) == 0)
		return;
	intake_give_up(x, x->intake->body.len + piece.len > x->body_max ? PROBLEM_BODY_TOO_LARGE
									: PROBLEM_NO_MEMORY);
}

void intake_end(struct exchange *x)
{
	struct intake *intake = x->intake;

	if (intake->over)
		return;
	intake->over = true;
	intake->on_whole(
		x, (struct span){intake->body.len ? intake->body.data : "", intake->body.len});
}

void intake_free(struct intake **intake)
{
	if (*intake)
		buf_fini(&(*intake)->body);
	*intake = NULL;
}
