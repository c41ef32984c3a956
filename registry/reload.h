/*
 * reload: what SIGHUP changes while the registry runs: the tokens, and the
 * certificates of its door. Not what needs a restart. Called by main.
 */
#ifndef MICROREG_REGISTRY_RELOAD_H
#define MICROREG_REGISTRY_RELOAD_H

#include <stdbool.h>

struct access_gate;
struct door;
struct setup;

struct reload {
	struct access_gate *access; /* borrowed, as the door */
	struct door *door;
	bool tokens, tls, client_ca; /* are in force */
};

/* `settings`: those that the registry was started with. */
void reload_init(struct reload *reload, const struct setup *settings, struct access_gate *access,
		 struct door *door);

/* Reads the file again and logs what came of it; `config` NULL: there is none. What is no good
 * stays as it was, and nothing that is left out lets everybody in. Blocks for the disk; one
 * thread at a time. */
void reload_read(struct reload *reload, const char *config);

#endif
