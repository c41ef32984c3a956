/* options: getopt_long, and what --help says. */
#include "gateway/options.h"
#include "common/daemon.h"

#include <getopt.h>
#include <stdio.h>

static void options_help(void)
{
	(void)printf(
		"microreg-gateway: routes HTTP requests to the instances of services\n\n"
		"usage: microreg-gateway --config FILE [--check] [--explain REQUEST] "
		"[--openapi]\n"
		"           [--replace]\n"
		"       microreg-gateway --new-key NAME | --new-token NAME | --hash-password\n"
		"       microreg-gateway --reference | --version | --help\n\n"
		"  --config FILE  the settings (YAML); read again on SIGHUP and when it changes\n"
		"  --check        print every mistake in the settings and exit\n"
		"  --explain REQUEST  print the route that takes a request, like 'GET /orders/7 "
		"Host:a X-Canary:1',\n"
		"                 those that nearly do, and the instances it could go to; exit "
		"code 1 "
		"when none does\n"
		"  --openapi      print what is offered as an OpenAPI 3.1 document\n"
		"  --new-key NAME  make an API key for a consumer: print it, this once, and what "
		"the\n"
		"                 settings need to know of it\n"
		"  --new-token NAME  make a token for the admin door: print it, this once, and its "
		"line for\n"
		"                 the settings\n"
		"  --replace      take the listening sockets of the gateway that runs there over, "
		"then have it\n"
		"                 finish its requests and end; if this one can't start, that one "
		"goes on\n"
		"  --hash-password  read a password, one line of standard input, and print its "
		"hash\n"
		"                 for the settings\n"
		"  --reference    print settings, problems, metrics and exit codes as Markdown and "
		"exit\n"
		"  --version      print the version and exit\n"
		"  --help         print this and exit\n\n"
		"signals:\n"
		"  HUP   read the settings again; a file with mistakes changes nothing\n"
		"  USR1  open the access log's file anew\n"
		"  USR2  start the program anew with --replace: an upgrade without a lost request\n"
		"  TERM  stop accepting, finish what runs, exit; a second one cuts it short\n\n"
		"exit codes:\n");
	daemon_print_exits(stdout, DAEMON_GATEWAY);
}

int options_read(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"explain", required_argument, NULL, 'e'},
		{"new-key", required_argument, NULL, 'n'},
		{"new-token", required_argument, NULL, 't'},
		{"hash-password", no_argument, NULL, 'w'},
		{"openapi", no_argument, NULL, 'o'},
		{"replace", no_argument, NULL, 'p'},
		{"reference", no_argument, NULL, 'r'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	*options = (struct options){0};
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case 'k':
			options->check = true;
			break;
		case 'e':
			options->explain = optarg;
			break;
		case 'o':
			options->openapi = true;
			break;
		case 'w':
			options->hash_password = true;
			return -1;
		case 'n':
			options->new_key = optarg;
			return -1;
		case 't':
			options->new_token = optarg;
			return -1;
		case 'p':
			options->replace = true;
			break;
		case 'r':
			options->reference = true;
			return -1;
		case 'v':
			(void)printf("microreg-gateway %s\n", MICROREG_VERSION);
			return DAEMON_EXIT_OK;
		case 'h':
			options_help();
			return DAEMON_EXIT_OK;
		default: /* getopt_long has said why */
			(void)fprintf(stderr, "microreg-gateway: see --help\n");
			return DAEMON_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "microreg-gateway: \"%s\" is no option; see --help\n",
			      argv[optind]);
		return DAEMON_EXIT_USAGE;
	}
	if (options->config)
		return -1;
	(void)fprintf(stderr, "microreg-gateway: --config FILE is missing; see --help\n");
	return DAEMON_EXIT_USAGE;
}
