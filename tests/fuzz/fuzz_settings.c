/*
 * fuzz_settings: any bytes as the gateway's settings file are either read, and
 * then hold together, or told as mistakes, a line each.
 */
#include "gateway/router.h"
#include "gateway/settings.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_settings(const struct settings *s)
{
	struct router *router = router_new(s->routes, s->route_count, NULL);

	FUZZ_HOLDS(router);
	FUZZ_HOLDS(s->listen_count > 0);
	for (size_t i = 0; i < s->listen_count; i++)
		FUZZ_HOLDS(s->listen[i].host && s->listen[i].text);
	for (size_t i = 0; i < s->service_count; i++)
		FUZZ_HOLDS(s->services[i].name && s->services[i].retry.attempts > 0);
	for (size_t i = 0; i < s->route_count; i++) {
		const struct settings_route *r = &s->routes[i];

		FUZZ_HOLDS(r->path.count > 0 && r->methods && r->line && r->limits.body_bytes);
		FUZZ_HOLDS(r->service < s->service_count);
		FUZZ_HOLDS(strcmp(s->services[r->service].name, r->service_name) == 0);
	}
	router_free(&router);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	int fd = memfd_create("settings", 0);
	struct settings *s;
	struct buf mistakes;
	char name[64];

	FUZZ_HOLDS(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	buf_init(&mistakes, 16 << 20);
	s = settings_read(name, &mistakes);
	FUZZ_HOLDS((s == NULL) == (mistakes.len > 0));
	if (s)
		check_settings(s);
	else
		FUZZ_HOLDS(strncmp(buf_str(&mistakes), name, strlen(name)) == 0 &&
			   mistakes.data[mistakes.len - 1] == '\n');
	settings_free(&s);
	buf_fini(&mistakes);
	(void)close(fd); /* nothing was written that matters */
	return 0;
}
