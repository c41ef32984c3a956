/* options: the registry's command line. */
#ifndef MICROREG_REGISTRY_OPTIONS_H
#define MICROREG_REGISTRY_OPTIONS_H

#include <stdbool.h>

/* What is not given is NULL. */
struct options {
	const char *config, *listen, *data_dir;
	const char *new_token, *restore, *import_from;
	bool insecure, check;
};

/* Reads it, and does what --help, --version and --reference ask. -1: go on; else the exit code. */
int options_read(int argc, char **argv, struct options *o);

#endif
