/*
 * limit: the limits of a consumer, and durations of days, as they are written
 * on the command line.
 */
#ifndef MICROREG_TOOL_LIMIT_H
#define MICROREG_TOOL_LIMIT_H

#include "client-lib/tool/params.h"

/* A duration, also of days. False: it is none. */
bool limit_duration(const char *text, uint64_t *ms);

/* "100/1m", "100/1m/20" with a burst, "10000/month" or "5" at once; each also "NAME=100/1m". Lives
 * in the tool's arena. TOOL_OK, or an exit code and it has been said. */
int limit_read(struct tool *tool, const char *text, struct microreg_value *limit);

#endif
