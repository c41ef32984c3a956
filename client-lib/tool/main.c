/*
 * main: the program microreg: the table of its commands, the command line,
 * and what --help says.
 */
#include "client-lib/tool/registration.h"
#include "client-lib/tool/tool.h"
#include "common/err.h"
#include "common/settings_value.h"
#include "common/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TOOL_TOKEN_MAX = 4096, TOOL_ARENA_MAX = 64 << 20, TOOL_OPTION_BASE = 1000 };

#define TOOL_COMMON                                                             \
	(TOOL_ACCEPTS(URL) | TOOL_ACCEPTS(TOKEN_FILE) | TOOL_ACCEPTS(TIMEOUT) | \
	 TOOL_ACCEPTS(JSON) | TOOL_ACCEPTS(COLOR) | TOOL_ACCEPTS(HELP))

const struct tool_command tool_commands[] = {
	{"services", "", 0, 0, TOOL_ACCEPTS(PREFIX) | TOOL_ACCEPTS(LIMIT),
	 "list the services and how many instances they have", read_services},
	{"lookup", "SERVICE", 1, 1,
	 TOOL_ACCEPTS(ZONE) | TOOL_ACCEPTS(VERSION) | TOOL_ACCEPTS(TAG) | TOOL_ACCEPTS(STATUS) |
		 TOOL_ACCEPTS(ALL) | TOOL_ACCEPTS(AT),
	 "list the instances of a service", read_lookup},
	{"register", "SERVICE", 1, 1, REGISTRATION_OPTIONS,
	 "register an instance once; it expires unless somebody sends heartbeats", write_register},
	{"deregister", "SERVICE ID", 2, 2, TOOL_ACCEPTS(LEASE) | TOOL_ACCEPTS(WAIT),
	 "take an instance out", write_deregister},
	{"status", "SERVICE ID STATUS", 3, 3,
	 TOOL_ACCEPTS(REASON) | TOOL_ACCEPTS(LEASE) | TOOL_ACCEPTS(WAIT),
	 "set the status of an instance: up, starting, draining, maintenance, down", write_status},
	{"watch", "[SERVICE]", 0, 1, 0, "print a line for each change, until Ctrl-C", watch_run},
	{"history", "[SERVICE]", 0, 1, TOOL_ACCEPTS(SINCE) | TOOL_ACCEPTS(LIMIT),
	 "list what happened", read_history},
	{"quotas", "[QUOTA [KEY]]", 0, 2, TOOL_ACCEPTS(LIMIT),
	 "list what callers have used of quotas, the most first; a token needs the role gateway",
	 quota_list},
	{"reset-quota", "QUOTA KEY", 2, 2, 0, "let a caller's day and month of a quota start anew",
	 quota_reset},
	{"stats", "", 0, 0, 0, "print the registry's counters", read_stats},
	{"backup", "", 0, 0, 0, "copy the database, consistently, into the registry's folder",
	 write_backup},
	{"consumer", "{list,get,put,delete,new-key,revoke-key} [NAME [KEY]]", 1, 3,
	 TOOL_ACCEPTS(PREFIX) | TOOL_ACCEPTS(LIMIT) | TOOL_ACCEPTS(ID) | TOOL_ACCEPTS(GROUP) |
		 TOOL_ACCEPTS(ALLOW) | TOOL_ACCEPTS(DENY) | TOOL_ACCEPTS(CERTIFICATE) |
		 TOOL_ACCEPTS(PASSWORD_HASH) | TOOL_ACCEPTS(META) | TOOL_ACCEPTS(LABEL) |
		 TOOL_ACCEPTS(EXPIRES) | TOOL_ACCEPTS(GRACE),
	 "keep who may call through the gateways, and their keys; put replaces all but the keys",
	 consumer_run},
	{"run", "-- COMMAND [ARGUMENT...]", 1, SIZE_MAX,
	 REGISTRATION_OPTIONS | TOOL_ACCEPTS(SERVICE) | TOOL_ACCEPTS(WAIT),
	 "start a command and keep it registered while it runs, also when the registry comes later",
	 run_run},
	{NULL, NULL, 0, 0, 0, NULL, NULL},
};

static const struct {
	const char *name, *value, *help;
} tool_options[] = {
#define TOOL_OPTION_ROW(name, text, value, help) {text, value, help},
	TOOL_OPTIONS(TOOL_OPTION_ROW)
#undef TOOL_OPTION_ROW
};

static const struct {
	int code;
	const char *meaning;
} tool_exits[] = {
#define TOOL_EXIT_ROW(name, code, meaning) {code, meaning},
	TOOL_EXITS(TOOL_EXIT_ROW)
#undef TOOL_EXIT_ROW
};

enum { TOOL_EXIT_COUNT = sizeof(tool_exits) / sizeof(tool_exits[0]) };

/* ---- What it says ---- */

int tool_usage(const struct tool *tool, const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "microreg%s%s: ", tool->command ? " " : "",
		      tool->command ? tool->command->name : "");
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fprintf(stderr, "; see microreg%s%s --help\n", tool->command ? " " : "",
		      tool->command ? tool->command->name : "");
	return TOOL_USAGE;
}

int tool_fail(const struct tool *tool, const struct microreg_error *error)
{
	const char *token = getenv("MICROREG_TOKEN");
	bool lacks = error->code == MICROREG_DENIED && error->fault == 401 && !(token && *token) &&
		     !tool->given[TOOL_OPTION_TOKEN_FILE];

	(void)fprintf(stderr, "microreg %s: %s%s\n", tool->command->name, error->text,
		      lacks ? ", or give --token-file FILE" : "");
	switch (error->code) {
	case MICROREG_BAD_ARGUMENT:
		return TOOL_USAGE;
	case MICROREG_TIMEOUT:
	case MICROREG_UNREACHABLE:
	case MICROREG_BAD_REPLY:
	case MICROREG_CLOSED:
		return TOOL_AWAY;
	case MICROREG_NO_MEMORY:
		return TOOL_SYSTEM;
	case MICROREG_OK:
	case MICROREG_DENIED:
	case MICROREG_FENCED:
	case MICROREG_FAULT:
	case MICROREG_UNKNOWN:
		break;
	}
	return TOOL_NO;
}

/* What is true of consumers only is told by their command only. */
static void tool_print_option(size_t option, bool of_consumers)
{
	const char *help = tool_options[option].help, *more = strstr(help, "; of a consumer: ");
	size_t len = more && !of_consumers ? (size_t)(more - help) : strlen(help);
	char name[64];

	(void)snprintf(name, sizeof(name), "--%s%s%s", tool_options[option].name,
		       tool_options[option].value ? " " : "",
		       tool_options[option].value ? tool_options[option].value : "");
	(void)printf("  %-26s  %.*s\n", name, (int)len, help);
}

static int tool_help(void)
{
	(void)printf("microreg: asks a MicroReg registry, and keeps programs registered\n\n"
		     "usage: microreg COMMAND [OPTION...] [ARGUMENT...]\n\ncommands:\n");
	for (const struct tool_command *c = tool_commands; c->name; c++)
		(void)printf("  %-11s  %s\n", c->name, c->help);
	(void)printf(
		"\n`microreg COMMAND --help` shows a command's options. Every command takes:\n");
	for (size_t i = 0; i < TOOL_OPTION_COUNT; i++)
		if (TOOL_COMMON & UINT64_C(1) << i)
			tool_print_option(i, false);
	(void)printf("\nenvironment: MICROREG_URL, MICROREG_TOKEN; MICROREG_CA: a file with the "
		     "CAs of the registry's\ncertificate, for https\n");
	(void)printf("\nexit codes:\n");
	for (size_t i = 0; i < TOOL_EXIT_COUNT; i++)
		(void)printf("  %-3d  %s\n", tool_exits[i].code, tool_exits[i].meaning);
	return TOOL_OK;
}

static int tool_command_help(const struct tool_command *command)
{
	(void)printf("microreg %s: %s\n\nusage: microreg %s [OPTION...]%s%s\n\n", command->name,
		     command->help, command->name, *command->words ? " " : "", command->words);
	for (size_t i = 0; i < TOOL_OPTION_COUNT; i++)
		if ((command->accepts | TOOL_COMMON) & UINT64_C(1) << i)
			tool_print_option(i, command->run == consumer_run);
	return TOOL_OK;
}

/* For the manual and the completion. */
static int tool_reference(void)
{
	(void)printf("# microreg\n\n## Commands\n\n| command | arguments | options | what it does "
		     "|\n|---|---|---|---|\n");
	for (const struct tool_command *c = tool_commands; c->name; c++) {
		(void)printf("| `%s` | `%s` | ", c->name, *c->words ? c->words : " ");
		for (size_t i = 0; i < TOOL_OPTION_COUNT; i++)
			if (c->accepts & UINT64_C(1) << i)
				(void)printf("`--%s` ", tool_options[i].name);
		(void)printf("| %s |\n", c->help);
	}
	(void)printf("\n## Options\n\n| option | value | meaning |\n|---|---|---|\n");
	for (size_t i = 0; i < TOOL_OPTION_COUNT; i++)
		(void)printf("| `--%s` | %s | %s |\n", tool_options[i].name,
			     tool_options[i].value ? tool_options[i].value : " ",
			     tool_options[i].help);
	(void)printf("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
	for (size_t i = 0; i < TOOL_EXIT_COUNT; i++)
		(void)printf("| %d | %s |\n", tool_exits[i].code, tool_exits[i].meaning);
	return TOOL_OK;
}

/* ---- The command line ---- */

uint64_t tool_given(const struct tool *tool)
{
	uint64_t given = 0;

	for (size_t i = 0; i < TOOL_OPTION_COUNT; i++)
		given |= tool->given[i] ? UINT64_C(1) << i : 0;
	return given;
}

const char *tool_option_name(uint64_t one)
{
	return tool_options[__builtin_ctzll(one)].name;
}

int tool_number(const struct tool *tool, enum tool_option option, unsigned max, unsigned *to)
{
	const char *text = tool->given[option];
	struct err e = {0};
	uint64_t number;

	if (!text)
		return TOOL_OK;
	if (settings_value_number(text, &number, &e) < 0 || number < 1 || number > max)
		return tool_usage(tool, "--%s %s: allowed: a number from 1 to %u",
				  tool_options[option].name, text, max);
	*to = (unsigned)number;
	return TOOL_OK;
}

int tool_duration(const struct tool *tool, enum tool_option option, unsigned *to)
{
	const char *text = tool->given[option];
	bool waits = option == TOOL_OPTION_WAIT; /* a registry does so for a minute */
	struct err e = {0};
	uint64_t ms;

	if (!text)
		return TOOL_OK;
	if (settings_value_duration(text, &ms, &e) < 0)
		return tool_usage(tool, "--%s: %s", tool_options[option].name, e.text);
	if (ms > (waits ? 60000 : 3600000))
		return tool_usage(tool, "--%s %s: allowed: at most %s", tool_options[option].name,
				  text, waits ? "1m" : "1h");
	*to = (unsigned)ms;
	return TOOL_OK;
}

static const struct tool_command *tool_find(const struct tool *tool, const char *name)
{
	struct suggest suggest = {.name = name};

	for (const struct tool_command *c = tool_commands; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
		suggest_offer(&suggest, c->name);
	}
	(void)tool_usage(tool, "\"%s\" is no command%s%s%s", name,
			 suggest.best ? "; did you mean \"" : "", suggest.best ? suggest.best : "",
			 suggest.best ? "\"?" : "");
	return NULL;
}

/* Where the values of an option go that may be given several times; else NULL. */
static struct tool_list *tool_repeated(struct tool *tool, size_t option)
{
	switch (option) {
	case TOOL_OPTION_TAG:
		return &tool->tags;
	case TOOL_OPTION_META:
		return &tool->metas;
	case TOOL_OPTION_ROUTE:
		return &tool->routes;
	case TOOL_OPTION_GROUP:
		return &tool->groups;
	case TOOL_OPTION_LIMIT:
		return &tool->limits;
	case TOOL_OPTION_ALLOW:
		return &tool->allows;
	case TOOL_OPTION_DENY:
		return &tool->denies;
	case TOOL_OPTION_CERTIFICATE:
		return &tool->certificates;
	default:
		return NULL;
	}
}

static int tool_take(struct tool *tool, size_t option, const char *value)
{
	struct tool_list *list = tool_repeated(tool, option);

	if (!((tool->command->accepts | TOOL_COMMON) & UINT64_C(1) << option))
		return tool_usage(tool, "--%s is no option of this command",
				  tool_options[option].name);
	tool->given[option] = value ? value : "";
	if (!list)
		return TOOL_OK;
	if (list->count == TOOL_REPEATED_MAX)
		return tool_usage(tool, "--%s: more than %d", tool_options[option].name,
				  TOOL_REPEATED_MAX);
	list->items[list->count++] = value;
	return TOOL_OK;
}

/* The options and words after the command's name. TOOL_OK, or an exit code. */
static int tool_read_words(struct tool *tool, int argc, char **argv)
{
	/* "+": what follows the first word of `run` is the command's own. */
	const char *order = tool->command->run == run_run ? "+" : "";
	struct option known[TOOL_OPTION_COUNT + 1] = {{0}};
	int c, code;

	for (int i = 0; i < TOOL_OPTION_COUNT; i++)
		known[i] = (struct option){tool_options[i].name,
					   tool_options[i].value ? required_argument : no_argument,
					   NULL, TOOL_OPTION_BASE + i};
	while ((c = getopt_long(argc, argv, order, known, NULL)) != -1) {
		if (c < TOOL_OPTION_BASE) {
			(void)fprintf(stderr, "microreg: see microreg %s --help\n",
				      tool->command->name);
			return TOOL_USAGE;
		}
		code = tool_take(tool, (size_t)(c - TOOL_OPTION_BASE), optarg);
		if (code)
			return code;
	}
	tool->words = (const char *const *)(argv + optind);
	tool->word_count = (size_t)(argc - optind);
	if (tool->given[TOOL_OPTION_HELP])
		return TOOL_OK;
	if (tool->word_count < tool->command->words_min)
		return tool_usage(tool, "it takes %s", tool->command->words);
	if (tool->word_count > tool->command->words_max)
		return tool_usage(tool, "\"%s\" is too much: it takes %s",
				  tool->words[tool->command->words_max],
				  *tool->command->words ? tool->command->words : "no arguments");
	return TOOL_OK;
}

static int tool_read_color(struct tool *tool)
{
	const char *when = tool->given[TOOL_OPTION_COLOR], *none = getenv("NO_COLOR");

	tool->json = tool->given[TOOL_OPTION_JSON] != NULL;
	if (!when || strcmp(when, "auto") == 0)
		tool->color = isatty(STDOUT_FILENO) && !(none && *none);
	else if (strcmp(when, "always") == 0)
		tool->color = true;
	else if (strcmp(when, "never") != 0)
		return tool_usage(tool, "--color %s: allowed: auto, always or never", when);
	return TOOL_OK;
}

/* ---- The registry ---- */

static void tool_log(void *arg, enum microreg_log_level level, const char *text)
{
	(void)arg;
	if (level >= MICROREG_LOG_WARN)
		(void)fprintf(stderr, "microreg: %s\n", text);
}

/* The first line of the file. NULL: said. */
static const char *tool_read_token(struct tool *tool, const char *path)
{
	char text[TOOL_TOKEN_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int reason = errno;

	if (fd >= 0)
		(void)close(fd);
	if (n < 0) {
		(void)fprintf(stderr, "microreg: --token-file %s: %s\n", path, strerror(reason));
		return NULL;
	}
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return arena_strndup(&tool->arena, text, strlen(text));
}

static int tool_open(struct tool *tool)
{
	struct microreg_options options = {.urls = tool->given[TOOL_OPTION_URL],
					   .kind = "tool",
					   .on_log = tool_log,
					   .on_change = watch_changed,
					   .arg = tool};
	const char *token_file = tool->given[TOOL_OPTION_TOKEN_FILE];
	struct microreg_error error;
	int code = tool_duration(tool, TOOL_OPTION_TIMEOUT, &options.timeout_ms);

	if (code)
		return code;
	if (token_file) {
		options.token = tool_read_token(tool, token_file);
		if (!options.token)
			return TOOL_USAGE;
	}
	/* `run` and `watch` listen to what goes on; of one call its error says it all. */
	if (tool->command->run != run_run && tool->command->run != watch_run)
		options.on_log = NULL;
	tool->wake = eventfd(0, EFD_CLOEXEC);
	if (tool->wake < 0) {
		(void)fprintf(stderr, "microreg: eventfd: %s\n", strerror(errno));
		return TOOL_SYSTEM;
	}
	tool->registry = microreg_open(&options, &error);
	return tool->registry ? TOOL_OK : tool_fail(tool, &error);
}

int main(int argc, char **argv)
{
	static struct tool tool; /* its lists are large */
	char name[32];
	int code;

	if (argc < 2)
		return tool_usage(&tool, "a command is missing");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return tool_help();
	if (strcmp(argv[1], "--reference") == 0)
		return tool_reference();
	if (strcmp(argv[1], "--version") == 0)
		return printf("microreg %s\n", microreg_version()) < 0 ? TOOL_SYSTEM : TOOL_OK;
	tool.command = tool_find(&tool, argv[1]);
	if (!tool.command)
		return TOOL_USAGE;
	arena_init(&tool.arena, TOOL_ARENA_MAX);
	(void)snprintf(name, sizeof(name), "microreg %s", tool.command->name);
	argv[1] = name; /* as getopt_long calls it when an option is none */
	code = tool_read_words(&tool, argc - 1, argv + 1);
	if (code == TOOL_OK)
		code = tool_read_color(&tool);
	if (code == TOOL_OK && tool.given[TOOL_OPTION_HELP]) {
		code = tool_command_help(tool.command);
	} else if (code == TOOL_OK) {
		code = tool_open(&tool);
		if (code == TOOL_OK)
			code = tool.command->run(&tool);
	}
	microreg_close(&tool.registry);
	arena_fini(&tool.arena);
	return code;
}
