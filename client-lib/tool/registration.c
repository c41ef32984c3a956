/* registration: options into the library's struct; what they may be is the library's to say. */
#include "client-lib/tool/registration.h"

#include <stdio.h>
#include <string.h>

static int registration_memory(void)
{
	(void)fprintf(stderr, "microreg: out of memory\n");
	return TOOL_SYSTEM;
}

/* "tcp", "http", "http:/path" or "none". */
static int registration_read_check(struct tool *tool, const char *check,
				   struct microreg_registration *me)
{
	const char *status = tool->given[TOOL_OPTION_CHECK_STATUS];

	if (tool->given[TOOL_OPTION_CHECK])
		check = tool->given[TOOL_OPTION_CHECK];
	if (status && !(check && strncmp(check, "http", 4) == 0))
		return tool_usage(tool, "--check-status %s: give --check http:/PATH with it",
				  status);
	if (!check || strcmp(check, "none") == 0)
		return TOOL_OK;
	if (strcmp(check, "tcp") == 0) {
		me->check.type = "tcp";
	} else if (strcmp(check, "http") == 0 || strncmp(check, "http:/", 6) == 0) {
		me->check.type = "http";
		me->check.path = check[4] ? check + 5 : NULL;
		me->check.status = status;
	} else {
		return tool_usage(tool, "--check %s: allowed: tcp, http, http:/PATH or none",
				  check);
	}
	if (tool_duration(tool, TOOL_OPTION_CHECK_INTERVAL, &me->check.interval_ms) ||
	    tool_duration(tool, TOOL_OPTION_CHECK_TIMEOUT, &me->check.timeout_ms))
		return TOOL_USAGE;
	return TOOL_OK;
}

static int registration_read_meta(struct tool *tool, struct microreg_registration *me)
{
	struct microreg_pair *pairs =
		arena_zalloc(&tool->arena, (tool->metas.count + 1) * sizeof(*pairs));

	if (!pairs)
		return registration_memory();
	for (size_t i = 0; i < tool->metas.count; i++) {
		const char *text = tool->metas.items[i], *value = strchr(text, '=');

		if (!value || value == text)
			return tool_usage(tool, "--meta %s: write it as NAME=VALUE", text);
		pairs[i].name = arena_strndup(&tool->arena, text, (size_t)(value - text));
		pairs[i].value = value + 1;
		if (!pairs[i].name)
			return registration_memory();
	}
	me->meta = pairs;
	me->meta_count = tool->metas.count;
	return TOOL_OK;
}

int registration_read(struct tool *tool, const char *service, const char *check,
		      struct microreg_registration *me)
{
	unsigned port = 0;

	*me = (struct microreg_registration){
		.service = service,
		.host = tool->given[TOOL_OPTION_HOST],
		.id = tool->given[TOOL_OPTION_ID],
		.scheme = tool->given[TOOL_OPTION_SCHEME],
		.zone = tool->given[TOOL_OPTION_ZONE],
		.version = tool->given[TOOL_OPTION_VERSION],
		.status = tool->given[TOOL_OPTION_STATUS],
		.tags = tool->tags.items,
		.tag_count = tool->tags.count,
		.routes = tool->routes.items,
		.route_count = tool->routes.count,
	};
	if (!tool->given[TOOL_OPTION_PORT])
		return tool_usage(tool, "--port N is missing: where the instance listens");
	if (tool_number(tool, TOOL_OPTION_PORT, 65535, &port) ||
	    tool_number(tool, TOOL_OPTION_WEIGHT, 1000, &me->weight) ||
	    tool_duration(tool, TOOL_OPTION_TTL, &me->ttl_ms))
		return TOOL_USAGE;
	me->port = (uint16_t)port;
	if (registration_read_check(tool, check, me))
		return TOOL_USAGE;
	return registration_read_meta(tool, me);
}
