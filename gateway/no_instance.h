/*
 * no_instance: why a request found no instance of its service, for the log.
 */
#ifndef MICROREG_GATEWAY_NO_INSTANCE_H
#define MICROREG_GATEWAY_NO_INSTANCE_H

struct exchange;

enum { NO_INSTANCE_TELL_MS = 60000 }; /* of one service it is said so often, at most */

/* For the access log; the daemon's own log says it once in a while. Never NULL. */
const char *no_instance_reason(struct exchange *x);

#endif
