/*
 * quota_key: whose use of a quota a request is, in words that every gateway
 * finds, that people can read, and that give no secret away: "consumer:ada",
 * "address:192.0.2.1", "key:" and a part of the key's hash.
 */
#ifndef MICROREG_GATEWAY_QUOTA_KEY_H
#define MICROREG_GATEWAY_QUOTA_KEY_H

struct exchange;
struct settings_limit;

/* In the request's arena; NULL when that is spent. */
const char *quota_key(struct exchange *x, const struct settings_limit *limit);

#endif
