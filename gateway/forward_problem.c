/* forward_problem: one to one, but for what nobody outside can tell apart. */
#include "gateway/forward_problem.h"
#include "gateway/service.h"
#include "gateway/settings.h"
#include "gateway/worker.h"

enum problem forward_problem(enum forward_failure failure)
{
	switch (failure) {
	case FORWARD_NO_INSTANCE:
		return PROBLEM_NO_INSTANCE;
	case FORWARD_CONNECT:
		return PROBLEM_CONNECT_FAILED;
	case FORWARD_CONNECT_TIMEOUT:
		return PROBLEM_CONNECT_TIMEOUT;
	case FORWARD_NAME:
		return PROBLEM_NAME;
	case FORWARD_TLS_CERTIFICATE:
		return PROBLEM_TLS_CERTIFICATE;
	case FORWARD_TLS_PROTOCOL:
		return PROBLEM_TLS_PROTOCOL;
	case FORWARD_TLS_ALERT:
		return PROBLEM_TLS_ALERT;
	case FORWARD_RESET:
		return PROBLEM_REPLY_CUT;
	case FORWARD_MALFORMED:
		return PROBLEM_REPLY_MALFORMED;
	case FORWARD_TIMEOUT:
		return PROBLEM_UPSTREAM_TIMEOUT;
	case FORWARD_OVERLOAD:
		return PROBLEM_OVERLOAD;
	case FORWARD_BREAKER:
		return PROBLEM_BREAKER_OPEN;
	case FORWARD_NONE:
	case FORWARD_MEMORY:
		break;
	}
	return PROBLEM_NO_MEMORY;
}

const char *forward_problem_fields(const struct forward *fwd, enum problem problem)
{
	uint64_t ms = 0;

	if (problem != PROBLEM_OVERLOAD && problem != PROBLEM_BREAKER_OPEN)
		return NULL;
	if (problem == PROBLEM_BREAKER_OPEN)
		ms = breaker_left_ms(&fwd->set->service->breaker, &fwd->settings->breaker,
				     loop_now_ms(worker_loop(fwd->worker)));
	return arena_printf(fwd->arena, "Retry-After: %u\r\n", (unsigned)(ms / 1000) + 1);
}
