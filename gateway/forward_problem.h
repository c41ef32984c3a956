/* forward_problem: what is answered when a forward got no reply. */
#ifndef MICROREG_GATEWAY_FORWARD_PROBLEM_H
#define MICROREG_GATEWAY_FORWARD_PROBLEM_H

#include "gateway/forward.h"
#include "gateway/problem.h"

enum problem forward_problem(enum forward_failure failure);

/* When to come back, for those that were not let through, as a line in the forward's arena; NULL:
 * nothing is said. */
const char *forward_problem_fields(const struct forward *fwd, enum problem problem);

#endif
