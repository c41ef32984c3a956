/*
 * settings_policy: what the settings say of who may call what, and how often.
 * Part of settings.h, which is what others include.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_POLICY_H
#define MICROREG_GATEWAY_SETTINGS_POLICY_H

#include "common/cidr.h"
#include "common/settings_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a request may have to pass, in this order (filter.c). */
enum policy {
	POLICY_IP = 0,
	POLICY_AUTH,
	POLICY_COUNT,
};

struct settings_networks {
	const struct cidr *items;
	size_t count;
};

struct settings_ip {
	struct settings_networks allow, deny; /* deny wins; without `allow` all others may */
};

/* A secret that a consumer shows; only its hash is known. */
struct settings_secret {
	uint8_t sha256[32];
	int64_t expires_ms; /* since 1970; 0: never */
};

/* A person or a program that may call. */
struct settings_consumer {
	const char *name, *id; /* unique; fit for a header field */
	unsigned line;
	struct settings_strings groups;
	const struct settings_secret *keys;
	size_t key_count;
	struct settings_ip ip;
};

enum settings_auth_kind { AUTH_KEY = 0, AUTH_KIND_COUNT };

/* One way to show who asks. */
struct settings_auth_method {
	enum settings_auth_kind kind;
	const char *header, *query; /* where the credential stands; NULL: not there */
};

struct settings_auth {
	const struct settings_auth_method *methods; /* none: nobody is asked who they are */
	size_t count;
	bool all;      /* each of them is needed; else any */
	bool optional; /* who shows none may come in, too */
};

/* A route's. */
struct settings_policy {
	unsigned set; /* 1 << POLICY_…: those that a request has to pass; 0 for a plain route */
	struct settings_ip ip;
	struct settings_auth auth;
};

#endif
