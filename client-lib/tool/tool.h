/*
 * tool: what the commands of `microreg` share: the parsed command line, the
 * registry they ask, and how they end. The program is a user of the library:
 * it sees microreg.h, and of common/ what prints and reads values.
 */
#ifndef MICROREG_TOOL_H
#define MICROREG_TOOL_H

#include "client-lib/microreg.h"
#include "common/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, code, meaning). Those over 100 are `run`'s, after env(1) and timeout(1). */
#define TOOL_EXITS(X)                                                                        \
	X(OK, 0, "done; of `run`: the command's own code, or 128 and the signal it died by") \
	X(NO, 1, "the registry refused, or knows no such thing")                             \
	X(USAGE, 2, "the command line is wrong")                                             \
	X(AWAY, 3, "no registry answered")                                                   \
	X(SYSTEM, 7, "the system refused memory, threads or output")                         \
	X(RUN, 125, "of `run`: the registry refused the instance; nothing was started")      \
	X(NOT_EXECUTABLE, 126, "of `run`: the command can't be executed")                    \
	X(NOT_FOUND, 127, "of `run`: there is no such command")

enum tool_exit {
#define TOOL_ENUM(name, code, meaning) TOOL_##name = (code),
	TOOL_EXITS(TOOL_ENUM)
#undef TOOL_ENUM
};

/* X(NAME, "long name", "value's name" or NULL for a flag, help) */
#define TOOL_OPTIONS(X)                                                                            \
	X(URL, "url", "URL", "the registry's address; several with commas (MICROREG_URL)")         \
	X(TOKEN_FILE, "token-file", "FILE", "holds the token to show (else MICROREG_TOKEN)")       \
	X(TIMEOUT, "timeout", "DURATION", "how long a call may take (5s)")                         \
	X(JSON, "json", NULL, "print JSON, for scripts")                                           \
	X(COLOR, "color", "WHEN",                                                                  \
	  "when to colour: auto (default: on a terminal), always or never")                        \
	X(HELP, "help", NULL, "print this and exit")                                               \
	X(PREFIX, "prefix", "TEXT", "only services, or consumers, whose name begins with it")      \
	X(ALL, "all", NULL, "instances of every status, not only those that are up")               \
	X(PORT, "port", "N", "where the instance listens")                                         \
	X(HOST, "host", "HOST", "its address (default: the one the call comes from)")              \
	X(ID, "id", "ID", "its id (default: host:port); of a consumer: by default its name")       \
	X(SCHEME, "scheme", "SCHEME", "how it is spoken to: http (default) or https")              \
	X(TTL, "ttl", "DURATION", "how long it lives after its last heartbeat (30s)")              \
	X(WEIGHT, "weight", "N", "its share of the requests, 1 to 1000 (1)")                       \
	X(ZONE, "zone", "ZONE", "where it runs")                                                   \
	X(VERSION, "version", "VERSION", "what it runs")                                           \
	X(TAG, "tag", "TAG", "a tag; may be given several times")                                  \
	X(META, "meta", "NAME=VALUE", "a fact about it; may be given several times")               \
	X(ROUTE, "route", "ROUTE", "a route it claims, as 'GET /orders/{id}'; likewise")           \
	X(STATUS, "status", "STATUS", "its status: up, starting, draining, maintenance or down")   \
	X(CHECK, "check", "CHECK", "how the registry checks it: tcp, http:/PATH or none")          \
	X(CHECK_INTERVAL, "check-interval", "DURATION", "how often")                               \
	X(CHECK_TIMEOUT, "check-timeout", "DURATION", "how long a check may take")                 \
	X(CHECK_STATUS, "check-status", "STATUSES",                                                \
	  "what an http check takes for good, as 200-299,401 (200-399)")                           \
	X(LEASE, "lease", "LEASE",                                                                 \
	  "the lease that register answered; without it: as an "                                   \
	  "administrator")                                                                         \
	X(WAIT, "wait", "DURATION", "wait until every gateway has stopped using it, at most 1m")   \
	X(REASON, "reason", "TEXT", "why, for people")                                             \
	X(SERVICE, "service", "NAME", "what the command is an instance of")                        \
	X(SINCE, "since", "REVISION", "only what came after that revision, or time (RFC 3339)")    \
	X(LIMIT, "limit", "N",                                                                     \
	  "at most so many; of a consumer: requests and a time, 100/1m, those and a burst, "       \
	  "100/1m/20, a quota, 10000/month, or requests at once, 5, each with a name if need be, " \
	  "search=100/1m; may be given several times")                                             \
	X(AT, "at", "WHEN", "as of a revision or a time (RFC 3339)")                               \
	X(GROUP, "group", "GROUP", "a group it is in; may be given several times")                 \
	X(ALLOW, "allow", "NETWORK", "whence it may call; may be given several times")             \
	X(DENY, "deny", "NETWORK", "whence it may not; likewise")                                  \
	X(CERTIFICATE, "certificate", "CERTIFICATE",                                               \
	  "one it shows: sha256:FINGERPRINT, subject:CN=… or san:NAME; likewise")                  \
	X(PASSWORD_HASH, "password-hash", "HASH", "as microreg-gateway --hash-password prints it") \
	X(LABEL, "label", "TEXT", "what the key is for")                                           \
	X(EXPIRES, "expires", "WHEN", "how long the key is good: 90d, 2027-01-31 or a time")       \
	X(GRACE, "grace", "DURATION", "how long the keys before it stay good, at most")

enum tool_option {
#define TOOL_OPTION_ENUM(name, text, value, help) TOOL_OPTION_##name,
	TOOL_OPTIONS(TOOL_OPTION_ENUM)
#undef TOOL_OPTION_ENUM
		TOOL_OPTION_COUNT
};

#define TOOL_ACCEPTS(name) (UINT64_C(1) << TOOL_OPTION_##name)

enum { TOOL_REPEATED_MAX = 64 }; /* as many as an instance may have */

struct tool_list {
	const char *items[TOOL_REPEATED_MAX];
	size_t count;
};

struct tool {
	const struct tool_command *command;
	struct microreg *registry;
	struct arena arena;		      /* until the program ends */
	const char *given[TOOL_OPTION_COUNT]; /* NULL: not given; of a flag: "" */
	/* What was given several times. */
	struct tool_list tags, metas, routes, groups, limits, allows, denies, certificates;
	const char *const *words; /* what is no option; of `run` the command */
	size_t word_count;
	bool json, color;
	int wake; /* an eventfd: the snapshot changed */
};

struct tool_command {
	const char *name;
	const char *words; /* "SERVICE ID", as --help shows it */
	size_t words_min, words_max;
	uint64_t accepts; /* beside the options that every command takes */
	const char *help;
	int (*run)(struct tool *tool);
};

/* Ends with NULL. */
extern const struct tool_command tool_commands[];

/* The commands; each returns an exit code and has said why. */
int read_services(struct tool *tool);
int read_lookup(struct tool *tool);
int read_stats(struct tool *tool);
int read_history(struct tool *tool);
int write_register(struct tool *tool);
int write_deregister(struct tool *tool);
int write_status(struct tool *tool);
int write_backup(struct tool *tool);
int consumer_run(struct tool *tool);
int watch_run(struct tool *tool);
void watch_changed(void *arg); /* the library's on_change: `arg` is the tool; any thread */
int run_run(struct tool *tool);
int quota_list(struct tool *tool);
int quota_reset(struct tool *tool);

struct params;
/* Calls, and prints the reply: as JSON, or a line of "name: value" for each member. */
int write_call(struct tool *tool, const char *method, struct params *params, unsigned wait_ms);
/* The same of what has to be there: else TOOL_NO, and `unknown` is said. */
int write_call_known(struct tool *tool, const char *method, struct params *params,
		     const char *unknown);

/* Says on standard error what is wrong with the command line. Returns TOOL_USAGE. */
int tool_usage(const struct tool *tool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Says what went wrong with a call, and returns the exit code that says so. */
int tool_fail(const struct tool *tool, const struct microreg_error *error);

/* The options that were given, as a set of TOOL_ACCEPTS; and the name of the one in a set. */
uint64_t tool_given(const struct tool *tool);
const char *tool_option_name(uint64_t one);

/* Reads the value of an option that was given into `to`; without it `to` stays. 0, or TOOL_USAGE
 * and it has been said. Durations are milliseconds. */
int tool_number(const struct tool *tool, enum tool_option option, unsigned max, unsigned *to);
int tool_duration(const struct tool *tool, enum tool_option option, unsigned *to);

#endif
