/*
 * router_build: the compiled form of the routes: a tree over path segments,
 * with the routes that end at a node ordered by how specific they are.
 * Between router.c, which searches it, router_build.c and router_index.c alone.
 */
#ifndef MICROREG_GATEWAY_ROUTER_BUILD_H
#define MICROREG_GATEWAY_ROUTER_BUILD_H

#include "gateway/router.h"
#include "gateway/router_table.h"

/* A route in a list of those with the same path and host, the most specific first. */
struct router_candidate {
	const struct settings_route *route;
	struct router_candidate *next;
	struct router_candidate *next_alike; /* with an index: of the same value, or of none */
	uint32_t rank;			     /* likewise: its place in the list */
};

struct router_list {
	struct router_candidate *first;
	struct router_list *next; /* of all, while they are built */
	/* The index of a long one: the first for each value that this field has to have lies in the
	 * table under `id`. */
	const char *header;		 /* NULL: there is none */
	struct router_candidate *others; /* the first that wants no value of it */
	uint32_t id;
};

/* The routes whose path ends here. Lists by exact host lie in the table under `id`, those by the
 * suffix of "*.example.org" under `id + 1`, hashed backwards. */
struct router_leaf {
	uint32_t id;
	bool has_hosts, has_suffixes;
	struct router_list any;
};

/* Literal children lie in the table under `id`. */
struct router_node {
	uint32_t id;
	struct router_node *parameter;
	struct router_leaf *here; /* patterns that end after this segment */
	struct router_leaf *rest; /* patterns that end in '*' after it */
};

struct router {
	struct arena arena;
	struct router_table table;
	struct router_node root;
	struct router_list *lists; /* while they are built */
	uint32_t ids;
	size_t depth; /* segments of the longest pattern */
	bool has_hosts;
};

/* ---- router_index.c ---- */

/* Makes the list's index, if it is worth one. The table has room for an entry of each candidate.
 * -1: no memory. */
int router_index(struct router *r, struct router_list *list);

/* ---- router_build.c ---- */

/* How many methods a route names, HEAD not counted where GET brings it. */
unsigned router_method_count(const struct settings_route *route);

#endif
