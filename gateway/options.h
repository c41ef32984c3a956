/*
 * options: the gateway's command line.
 */
#ifndef MICROREG_GATEWAY_OPTIONS_H
#define MICROREG_GATEWAY_OPTIONS_H

#include <stdbool.h>

struct options {
	const char *config;
	const char *explain;   /* a request; NULL: none */
	const char *new_key;   /* a consumer's name; NULL: none */
	const char *new_token; /* the name of a token for the admin door; NULL: none */
	bool hash_password;
	bool check;
	bool openapi;
	bool replace;
	bool reference;
};

/* Reads the command line. Returns -1 to go on, else the code to exit with: --help, --version and
 * mistakes have been printed. */
int options_read(struct options *options, int argc, char **argv);

#endif
