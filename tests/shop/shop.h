/*
 * shop: what the example services have in common: options, a small HTTP
 * server on libmicrohttpd, JSON replies, and being registered while they run.
 *
 * A service is a table of routes and a main of one line: see users_main.c.
 * How to register with MicroReg is at the end of shop.c.
 */
#ifndef MICROREG_TESTS_SHOP_H
#define MICROREG_TESTS_SHOP_H

#include <stddef.h>

/* JSON written as it is, without a backslash before each quote. */
#define JSON(...) #__VA_ARGS__

/* One request being answered. Everything is borrowed until the handler returns. */
struct shop_call {
	const char *item; /* what stood for {…} in the path; NULL when the route has none */
	const char *body; /* NUL-terminated; "" when there was none */
	struct MHD_Connection *connection;
	struct MHD_Response *response;
	unsigned status;
};

struct shop_route {
	const char *method;
	const char *path; /* "/users", or with one name at the end: "/users/{id}" */
	void (*answer)(struct shop_call *call);
};

struct shop {
	const char *service; /* what it is called in the registry */
	const struct shop_route *routes;
	size_t route_count;
};

/* Something the shop knows: its key in paths, whom it belongs to (or NULL), and its JSON. */
struct shop_record {
	const char *key, *owner, *json;
};

/* Parses the options, serves, registers, and waits for SIGTERM. The exit code of the program. */
int shop_run(const struct shop *shop, int argc, char **argv);

/* Answers. The JSON is copied. Once a call, then headers may be added. */
void shop_reply(struct shop_call *call, unsigned status, const char *json);
void shop_header(struct shop_call *call, const char *name, const char *value);

/* Answers {"error": why}; `why` holds nothing that JSON would escape. */
void shop_fail(struct shop_call *call, unsigned status, const char *why);

/* Answers with the record of the call's item, or 404. */
void shop_reply_record(struct shop_call *call, const struct shop_record *records, size_t count);

/* Answers with all records as an array; only those of `owner` when that is not NULL. */
void shop_reply_list(struct shop_call *call, const struct shop_record *records, size_t count,
		     const char *owner);

/* The value of ?name=value, or NULL. */
const char *shop_query(const struct shop_call *call, const char *name);

#endif
