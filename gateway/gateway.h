/*
 * gateway: what all threads of the process share. Made by main, read by the
 * workers and the admin door.
 */
#ifndef MICROREG_GATEWAY_GATEWAY_H
#define MICROREG_GATEWAY_GATEWAY_H

#include <stdatomic.h>
#include <stddef.h>

struct access_log;
struct audit;
struct cache;
struct flights;
struct hasher;
struct issuers;
struct limiter;
struct microreg;
struct quota;
struct reporter;
struct roster;
struct services;
struct stats;
struct usages;
struct verdicts;
struct worker;

struct gateway {
	struct services *services;
	struct cache *cache;
	struct issuers *issuers;
	struct hasher *hasher;
	struct flights *flights;
	struct verdicts *verdicts;
	struct limiter *limiter;
	struct quota *quota;
	struct stats *stats;
	struct access_log *access_log;
	struct audit *audit;	   /* NULL: nobody is told */
	struct microreg *registry; /* NULL: none in the settings */
	struct roster *roster;	   /* the newest; main's thread. NULL: none is known */
	struct usages *usages;
	struct usages *local_usages; /* of instances in the settings: the registry is not told */
	_Atomic(struct reporter *) reporter; /* NULL without a registry, and before it starts */
	struct worker **workers;
	size_t worker_count;
	atomic_size_t workers_ready; /* worker_count, once the workers may be posted to */
	atomic_uint connections;     /* of clients, all workers together */
	atomic_uint tunnels;	     /* of these, asked for or open */
	atomic_uint requests;	     /* under way, where limits.requests is set */
};

#endif
