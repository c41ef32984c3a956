/*
 * dns_stub: a name server on a free loopback port, UDP and TCP, that turns with
 * the loop of the test. It knows a few names under .test, see dns_stub.c.
 */
#ifndef MICROREG_TESTS_DNS_STUB_H
#define MICROREG_TESTS_DNS_STUB_H

#include "common/loop.h"

struct dns_stub {
	struct loop *loop;
	struct loop_fd udp, tcp, connection; /* one TCP connection at a time */
	unsigned asked;			     /* questions so far */
	char address[32];		     /* "127.0.0.1:PORT" */
};

void dns_stub_start(struct dns_stub *stub, struct loop *loop);
void dns_stub_stop(struct dns_stub *stub);

#endif
