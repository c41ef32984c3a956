/*
 * client: one client's connection: turns bytes into exchanges, one after the
 * other, and sends their replies in that order.
 *
 *            +------------- keep-alive ---------------+
 *            v                                        |
 *   IDLE --first byte--> HEAD --complete--> EXCHANGE -+- close --> LINGER --> gone
 *
 *                                                      | 101
 *                                                      v
 *                                                    TUNNEL --over--> LINGER
 *
 * LINGER: our side is ended; what the client still sends is dropped for a
 * moment, so that a reset does not take the reply away from it.
 */
#ifndef MICROREG_GATEWAY_CLIENT_H
#define MICROREG_GATEWAY_CLIENT_H

#include "gateway/http1_head.h"
#include "gateway/stream.h"
#include "gateway/tempo.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct exchange;
struct inner;
struct listener;
struct splice;
struct splice_move;
struct ssl_st;
struct worker;

enum client_state { CLIENT_IDLE = 0, CLIENT_HEAD, CLIENT_EXCHANGE, CLIENT_TUNNEL, CLIENT_LINGER };

struct client {
	struct stream stream;
	struct worker *worker;
	struct client *next, **link; /* in the worker's list */
	enum client_state state;
	struct exchange *x; /* in EXCHANGE and LINGER-to-be */
	struct buf in, out;
	size_t out_at;
	struct splice *splice; /* what goes out behind `out`; NULL: nothing */
	struct http1_reader reader;
	struct wheel_timer timer;
	struct loop_task task;	    /* go on with what lies in `in`, from the loop */
	uint64_t since_ms;	    /* when this state began */
	uint64_t received;	    /* bytes, in all */
	struct tempo coming, going; /* a body's; a reply's */
	uint64_t discarded;	    /* of bodies nobody wanted, and in LINGER */
	unsigned requests;
	unsigned to_https;   /* requests are sent on to this port; 0: they are not */
	struct inner *inner; /* whose requests it makes; NULL: its own */
	bool awaits_proxy;   /* the PROXY protocol's header has to come first */
	bool eof;	     /* the client has ended its side */
	uint64_t quiet_ms;   /* since then: when something went out to it last */
	bool entered;	     /* one of its callbacks is on the stack */
	bool dead;	     /* ended: nothing but client_leave may follow */
	char address[INET6_ADDRSTRLEN];
	struct sockaddr_storage peer;
};

/* What may wait for a slow client before its exchange pauses; with what an instance's connection
 * reads at once it stays under 64 KiB a direction. */
enum { CLIENT_OUT_HELD = 32 << 10 };

/* Around everything that may end the connection: its memory stays in between, so that `dead` can
 * be looked at. Not nested. */
void client_enter(struct client *client);
void client_leave(struct client *client);

/* Takes the descriptor over; over the limit of connections it is answered 503 and closed. */
void client_accept(struct listener *listener, int fd, const struct sockaddr_storage *peer);

/* One end of a pair of sockets, for requests in the name of `outer`: they come from its address,
 * and have shown what it has in TLS. It counts as a connection. NULL: there are too many, or memory
 * is spent; the descriptor is still the caller's. */
struct client *client_open_inner(struct inner *inner, const struct client *outer, int fd);

/* The TLS that its requests came by; NULL: none. */
struct ssl_st *client_tls(const struct client *client);

/* The reply's bytes are written here and leave with client_flush. */
struct buf *client_out(struct client *client);
/* Sends what can be sent. False when the connection broke, and with it the exchange. */
bool client_flush(struct client *client);
bool client_is_full(const struct client *client);
/* Something waits to be sent until its socket has room. */
bool client_is_blocked(const struct client *client);

/* Takes bytes of the reply's body from a plain socket and sends them on by splice(2); the client's
 * is plain too. When it is blocked then, what came is not all sent, or nothing was taken. False:
 * not by this way, and nothing was done. May end the connection. */
bool client_splice(struct client *client, struct stream *from, struct splice_move *move);

/* The exchange's reply is written whole: flush, log, and go on to the next. May free the client. */
void client_reply_done(struct client *client);

/* The body may be read on: whoever takes it has room again. */
void client_want_body(struct client *client);

/* Its bytes are a tunnel's from now on, which is told of each event and keeps the time. */
void client_begin_tunnel(struct client *client);
/* Ends it in good order: logs, and lingers. Frees the exchange; may free the client. */
void client_tunnel_over(struct client *client);

/* Ends the connection at once. */
void client_abort(struct client *client);

/* The same under an exchange that can't end well: it is logged, and the client is told by a reset,
 * so that what it has does not look whole. */
void client_cut(struct client *client);

/* The worker drains: who has a request is told by its reply that it is the last one, the others go
 * once they have been idle for a moment. */
void client_drain(struct client *client);

#endif
