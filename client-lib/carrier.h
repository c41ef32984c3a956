/*
 * carrier: carries one HTTP request to a registry and its reply back, by
 * libcurl. What is in the bodies is call's business.
 *
 * No redirects, no proxies, no signals, bounded replies. A carrier keeps its
 * connection for the next request to the same address.
 */
#ifndef MICROREG_CLIENT_CARRIER_H
#define MICROREG_CLIENT_CARRIER_H

#include "client-lib/microreg.h"
#include "common/buf.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct carrier {
	CURL *easy;
	CURLM *multi; /* NULL: of the watch, which has one for all of its carriers */
	struct buf reply;
	size_t header_bytes;
	bool too_large;
	bool shows_token; /* the request does */
	char text[CURL_ERROR_SIZE];
	struct carrier *next, **link; /* in the handle's lists, under its lock */
};

/* PEM files for https; each may be NULL. */
struct carrier_tls {
	char *ca_file, *cert_file, *key_file;
};

struct carrier_request {
	const char *url;
	const char *body; /* borrowed until the reply is there */
	size_t len;
	size_t reply_max;
	uint64_t connect_ms;
	struct curl_slist *headers;    /* borrowed likewise */
	const struct carrier_tls *tls; /* likewise */
};

/* Once per process, from microreg_open. */
int carrier_global_init(void);

/* NULL: out of memory. */
struct carrier *carrier_new(bool with_multi);
void carrier_free(struct carrier **carrier);

/* Sets it up for a request; the reply collects in carrier->reply. 0 or -1: out of memory. */
int carrier_prepare(struct carrier *c, const struct carrier_request *request);

/* Runs the prepared request. `*closing` ends it; set it, then curl_multi_wakeup. */
CURLcode carrier_run(struct carrier *c, uint64_t deadline_ms, const atomic_bool *closing);

/* 0 when `code` is that of a whole reply with status 200. Otherwise -1 and the error says what
 * happened, without the address. */
int carrier_judge(const struct carrier *c, CURLcode code, uint64_t waited_ms,
		  struct microreg_error *e);

#endif
