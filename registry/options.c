/* options: getopt_long, help, and the reference of everything. */
#include "registry/options.h"
#include "common/buf.h"
#include "common/daemon.h"
#include "registry/door_metrics.h"
#include "registry/method.h"
#include "registry/setup.h"

#include <getopt.h>
#include <stdio.h>

enum { OPTIONS_TEXT_MAX = 1 << 20 };

static const char options_usage[] =
	"usage: microreg-registry [--config FILE] [--listen ADDR:PORT] [--data-dir DIR]\n"
	"                         [--insecure] [--check] [--new-token NAME]\n"
	"                         [--restore FILE] [--import FILE]\n";

static void options_help(void)
{
	(void)fputs("microreg-registry: tells where services run\n\n", stdout);
	(void)fputs(options_usage, stdout);
	(void)fputs(
		"\n"
		"  --config FILE       settings (YAML); flags win over them\n"
		"  --listen ADDR:PORT  default 127.0.0.1:8000; port 0: any free one, logged\n"
		"  --data-dir DIR      where registry.db is; default /var/lib/microreg where\n"
		"                      writable, else ./microreg-data; made when missing\n"
		"  --insecure          listen on other than loopback addresses without access\n"
		"                      control\n"
		"  --new-token NAME    make a token, print its secret and its line for the\n"
		"                      settings, and exit\n"
		"  --restore FILE      put a backup in the place of the database, which is kept\n"
		"                      beside it, and exit; the registry must not run\n"
		"  --import FILE       add what a backup of an original MicroReg\n"
		"                      (servicedb_backup.db) holds, and exit\n"
		"  --check             read the settings, print every mistake, and exit\n"
		"  --reference         print settings, methods, faults, metrics and exit codes\n"
		"                      as Markdown, and exit\n"
		"  --version           print the version and exit\n"
		"  --help              print this and exit\n"
		"\n"
		"exit codes:\n",
		stdout);
	daemon_print_exits(stdout, DAEMON_REGISTRY);
}

static int options_reference(void)
{
	struct buf out;
	int failed;

	buf_init(&out, OPTIONS_TEXT_MAX);
	(void)buf_puts(&out, "# microreg-registry\n\n## Settings\n\n");
	setup_print_reference(&out);
	(void)buf_puts(&out, "\n## Methods\n\n");
	method_print_reference(&out);
	(void)buf_puts(&out, "\n## Faults\n\n");
	method_print_faults(&out);
	(void)buf_puts(&out, "\n## Metrics\n\n| metric | type | meaning |\n|---|---|---|\n");
	door_metrics_print_reference(&out);
	(void)buf_puts(&out, "\n## Exit codes\n\n");
	daemon_print_reference(&out, DAEMON_REGISTRY);
	failed = out.failed || fwrite(out.data, 1, out.len, stdout) != out.len;
	buf_fini(&out);
	return failed ? DAEMON_EXIT_SYSTEM : DAEMON_EXIT_OK;
}

int options_read(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"listen", required_argument, NULL, 'l'},
		{"data-dir", required_argument, NULL, 'd'},
		{"insecure", no_argument, NULL, 'i'},
		{"check", no_argument, NULL, 'n'},
		{"new-token", required_argument, NULL, 't'},
		{"restore", required_argument, NULL, 'b'},
		{"import", required_argument, NULL, 'm'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{"reference", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'd':
			o->data_dir = optarg;
			break;
		case 'i':
			o->insecure = true;
			break;
		case 'n':
			o->check = true;
			break;
		case 't':
			o->new_token = optarg;
			break;
		case 'b':
			o->restore = optarg;
			break;
		case 'm':
			o->import_from = optarg;
			break;
		case 'V':
			(void)printf("microreg-registry %s\n", MICROREG_VERSION);
			return DAEMON_EXIT_OK;
		case 'h':
			options_help();
			return DAEMON_EXIT_OK;
		case 'r':
			return options_reference();
		default:
			(void)fputs("microreg-registry: see --help\n", stderr);
			return DAEMON_EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	(void)fprintf(stderr, "microreg-registry: \"%s\" is no option; see --help\n", argv[optind]);
	return DAEMON_EXIT_USAGE;
}
