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
	POLICY_COUNT,
};

struct settings_networks {
	const struct cidr *items;
	size_t count;
};

struct settings_ip {
	struct settings_networks allow, deny; /* deny wins; without `allow` all others may */
};

/* A route's. */
struct settings_policy {
	unsigned set; /* 1 << POLICY_…: those that a request has to pass; 0 for a plain route */
	struct settings_ip ip;
};

#endif
