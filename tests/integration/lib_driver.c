/*
 * lib_driver: does with libmicroreg what standard input says, a command a
 * line, so that the integration tests can drive the library. Answers each
 * command by one line: the milliseconds it took, "ok" or "error CODE", and
 * what there is to say. The library's log goes to standard error.
 */
#include "client-lib/microreg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DRIVER_WORDS = 8, DRIVER_LINE = 65536, DRIVER_SLOTS = 512 };

static struct microreg *registry;
static struct microreg_lease *leases[DRIVER_SLOTS];
static struct microreg_error error;

static const char *const codes[] = {
	"ok",	  "bad_argument", "no_memory", "timeout", "unreachable", "bad_reply",
	"denied", "fenced",	  "fault",     "closed",  "unknown",
};

struct command {
	const char *word[DRIVER_WORDS]; /* "" when not given */
	char said[DRIVER_LINE];		/* what to answer */
	size_t len;
};

static void say(struct command *c, const char *text)
{
	size_t len = strlen(text);

	if (c->len + len + 2 > sizeof(c->said))
		return;
	c->said[c->len++] = ' ';
	memcpy(c->said + c->len, text, len + 1);
	c->len += len;
}

static unsigned long number(const char *text)
{
	return strtoul(text, NULL, 10);
}

static struct microreg_lease **slot(const struct command *c)
{
	return &leases[number(c->word[1]) % DRIVER_SLOTS];
}

static void on_log(void *arg, enum microreg_log_level level, const char *text)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	(void)arg;
	(void)fprintf(stderr, "%s %s\n", names[level], text);
}

static const char *given(const char *word)
{
	return word[0] && strcmp(word, "-") != 0 ? word : NULL;
}

static int do_open(struct command *c)
{
	struct microreg_options options = {.urls = given(c->word[1]),
					   .timeout_ms = (unsigned)number(c->word[2]),
					   .snapshot_file = given(c->word[3]),
					   .token = given(c->word[4]),
					   .name = "driver",
					   .on_log = on_log};

	registry = microreg_open(&options, &error);
	return registry ? 0 : -1;
}

static int do_close(struct command *c)
{
	(void)c;
	microreg_close(&registry);
	memset(leases, 0, sizeof(leases));
	return 0;
}

static int do_register(struct command *c)
{
	static const struct microreg_pair meta[] = {{"colour", "blue"}};
	static const char *const tags[] = {"driven"};
	const char *route = given(c->word[7]);
	struct microreg_registration me = {.service = c->word[2],
					   .port = (uint16_t)number(c->word[3]),
					   .id = given(c->word[4]),
					   .ttl_ms = (unsigned)number(c->word[5]),
					   .status = given(c->word[6]),
					   .host = "127.0.0.1",
					   .meta = meta,
					   .meta_count = 1,
					   .tags = tags,
					   .tag_count = 1,
					   .routes = &route,
					   .route_count = route ? 1 : 0};

	*slot(c) = microreg_register(registry, &me, &error);
	if (!*slot(c))
		return -1;
	say(c, microreg_lease_id(*slot(c)));
	return 0;
}

static int do_state(struct command *c)
{
	static const char *const states[] = {"lost", "held", "fenced"};

	say(c, states[microreg_lease_state(*slot(c))]);
	return 0;
}

static int do_load(struct command *c)
{
	microreg_lease_set_load(*slot(c), (unsigned)number(c->word[2]));
	return 0;
}

static int do_status(struct command *c)
{
	return microreg_set_status(*slot(c), c->word[2], given(c->word[3]), &error);
}

static int do_deregister(struct command *c)
{
	return microreg_deregister(slot(c), (unsigned)number(c->word[2]), &error);
}

/* "COUNT held|- REASON|-" and "ID=HOST:PORT/STATUS" of each. */
static void say_service(struct command *c, const struct microreg_service *s)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "%zu %s %s", s->count, s->held ? "held" : "-",
		       s->reason[0] ? s->reason : "-");
	say(c, text);
	for (size_t i = 0; i < s->count; i++) {
		const struct microreg_instance *in = &s->instances[i];

		(void)snprintf(text, sizeof(text), "%s=%s:%u/%s", in->id, in->host, in->port,
			       in->status);
		say(c, text);
	}
}

static int do_lookup(struct command *c)
{
	struct microreg_query query = {.service = c->word[1], .zone = given(c->word[2])};
	const struct microreg_service *s = microreg_lookup(registry, &query, &error);

	if (!s)
		return -1;
	say_service(c, s);
	microreg_service_unref(&s);
	return 0;
}

static int do_follow(struct command *c)
{
	return microreg_follow(registry, strcmp(c->word[1], "*") == 0 ? NULL : c->word[1], &error);
}

static int do_follow_consumers(struct command *c)
{
	(void)c;
	return microreg_follow_consumers(registry, &error);
}

/* How many consumers, or "unknown". */
static int do_consumers(struct command *c)
{
	const struct microreg_consumers *set = microreg_consumers_ref(registry);
	char text[32];

	(void)snprintf(text, sizeof(text), "%zu", set ? microreg_consumers_count(set) : 0);
	say(c, set ? text : "unknown");
	microreg_consumers_unref(&set);
	return 0;
}

static int do_wait(struct command *c)
{
	return microreg_follow_wait(registry, (unsigned)number(c->word[1]), &error);
}

static int do_resolve(struct command *c)
{
	const struct microreg_service *s = microreg_resolve(registry, c->word[1]);

	if (!s) {
		say(c, "unknown");
		return 0;
	}
	say_service(c, s);
	microreg_service_unref(&s);
	return 0;
}

/* How many services and how many instances. */
static int do_count(struct command *c)
{
	const struct microreg_snapshot *snapshot = microreg_snapshot_ref(registry);
	const struct microreg_service *s;
	size_t at = 0, services = 0, instances = 0;
	char text[64];

	while ((s = microreg_snapshot_next(snapshot, &at)) != NULL) {
		services++;
		instances += s->count;
	}
	microreg_snapshot_unref(&snapshot);
	(void)snprintf(text, sizeof(text), "%zu %zu", services, instances);
	say(c, text);
	return 0;
}

static int do_watch(struct command *c)
{
	struct microreg_watch_status status;

	microreg_watch_status(registry, &status);
	say(c, status.connected ? "connected" : "away");
	say(c, status.revision[0] ? status.revision : "-");
	return 0;
}

static int do_report(struct command *c)
{
	struct microreg_use use = {
		.service = c->word[1], .id = c->word[2], .in_flight = (unsigned)number(c->word[3])};

	return microreg_report(registry, given(c->word[4]), &use, 1, &error);
}

static const struct {
	const char *name;
	int (*run)(struct command *c);
} commands[] = {
	{"open", do_open},
	{"close", do_close},
	{"register", do_register},
	{"state", do_state},
	{"load", do_load},
	{"status", do_status},
	{"deregister", do_deregister},
	{"lookup", do_lookup},
	{"follow", do_follow},
	{"follow_consumers", do_follow_consumers},
	{"consumers", do_consumers},
	{"wait", do_wait},
	{"resolve", do_resolve},
	{"count", do_count},
	{"watch", do_watch},
	{"report", do_report},
};

static unsigned long long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

static int driver_run(struct command *c)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(c->word[0], commands[i].name) == 0)
			return commands[i].run(c);
	(void)snprintf(error.text, sizeof(error.text), "no command \"%s\"", c->word[0]);
	return -1;
}

int main(void)
{
	static struct command c;
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		unsigned long long from = now_ms();
		char *rest = line, *word;
		int failed;

		memset(&c, 0, sizeof(c));
		for (size_t i = 0; i < DRIVER_WORDS; i++) {
			word = strtok_r(rest, " \n", &rest);
			c.word[i] = word ? word : "";
		}
		failed = driver_run(&c);
		if (failed)
			(void)printf("%llu error %s %s\n", now_ms() - from,
				     codes[error.code <= MICROREG_UNKNOWN ? error.code : 0],
				     error.text);
		else
			(void)printf("%llu ok%s\n", now_ms() - from, c.said);
		(void)fflush(stdout);
	}
	microreg_close(&registry);
	return 0;
}
