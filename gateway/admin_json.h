/*
 * admin_json: the members that the admin door's pages are written with.
 */
#ifndef MICROREG_GATEWAY_ADMIN_JSON_H
#define MICROREG_GATEWAY_ADMIN_JSON_H

#include "common/json_write.h"

/* Errors stick in the writer's buf. */
void admin_key_time(struct json_writer *j, const char *key, int64_t wall_ms);
void admin_key_uint(struct json_writer *j, const char *key, uint64_t value);
void admin_key_bool(struct json_writer *j, const char *key, bool value);
void admin_key_string(struct json_writer *j, const char *key, const char *text);

#endif
