/* method_quota: what registry.report tells of quotas. For method_*.c only. */
#ifndef MICROREG_REGISTRY_METHOD_QUOTA_H
#define MICROREG_REGISTRY_METHOD_QUOTA_H

#include "registry/method.h"

enum { REPORT_QUOTAS_MAX = 500 };

struct quotas_report;

/* Reads the array `quotas` of a call; `sender` and `sequence` as they came. In the call's arena;
 * NULL with `e` set. */
struct quotas_report *quota_read_report(struct call *call, xmlrpc_value *list, const char *sender,
					int sequence, struct err *e);

/* Counts it, and answers the call when it is durable. */
void quota_run_report(struct call *call, struct quotas_report *report);

#endif
