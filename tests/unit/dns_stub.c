/* dns_stub: just enough of RFC 1035 to answer c-ares. */
#include "tests/unit/dns_stub.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, NXDOMAIN = 3, SERVFAIL = 2, TTL = 300 };

struct name {
	const char *labels; /* as on the wire */
	unsigned v4, v6;    /* how many of them it has: 192.0.2.1 and on, 2001:db8::1 and on */
	unsigned code;
	bool silent, only_tcp;
};

static const struct name names[] = {
	{.labels = "\3one\4test", .v4 = 1},
	{.labels = "\4both\4test", .v4 = 1, .v6 = 1},
	{.labels = "\5empty\4test"},
	{.labels = "\4many\4test", .v4 = 40},
	{.labels = "\3big\4test", .v4 = 3, .only_tcp = true},
	{.labels = "\4fail\4test", .code = SERVFAIL},
	{.labels = "\6silent\4test", .silent = true},
};
static const struct name unknown = {.code = NXDOMAIN};

struct message {
	unsigned char bytes[4096];
	size_t len;
};

static void put(struct message *m, const void *bytes, size_t len)
{
	ck_assert_uint_le(len, sizeof(m->bytes) - m->len);
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void put16(struct message *m, unsigned value)
{
	unsigned char bytes[2] = {(unsigned char)(value >> 8), (unsigned char)value};

	put(m, bytes, sizeof(bytes));
}

/* The owner is the question's name, at offset 12. */
static void put_record(struct message *m, unsigned type, const void *data, size_t len)
{
	put16(m, 0xc00c);
	put16(m, type);
	put16(m, 1);
	put16(m, 0);
	put16(m, TTL);
	put16(m, (unsigned)len);
	put(m, data, len);
}

static unsigned put_answers(struct message *m, const struct name *name, unsigned type)
{
	unsigned char v4[4] = {192, 0, 2, 0}, v6[16] = {0x20, 0x01, 0x0d, 0xb8};
	unsigned count = type == TYPE_A ? name->v4 : type == TYPE_AAAA ? name->v6 : 0;

	for (unsigned i = 1; i <= count; i++) {
		v4[3] = v6[15] = (unsigned char)i;
		if (type == TYPE_A)
			put_record(m, type, v4, sizeof(v4));
		else
			put_record(m, type, v6, sizeof(v6));
	}
	return count;
}

static const struct name *find(const unsigned char *labels)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(names[i].labels, (const char *)labels) == 0)
			return &names[i];
	return &unknown;
}

/* False: no answer at all. */
static bool answer(struct dns_stub *stub, const unsigned char *question, size_t len, bool tcp,
		   struct message *m)
{
	const unsigned char *end;
	const struct name *name;
	unsigned count = 0, type;
	bool cut;

	ck_assert_uint_gt(len, 16);
	end = memchr(question + 12, '\0', len - 12);
	ck_assert(end && (size_t)(end - question) + 5 <= len);
	stub->asked++;
	name = find(question + 12);
	if (name->silent)
		return false;
	type = (unsigned)end[1] << 8 | end[2];
	cut = name->only_tcp && !tcp;
	m->len = 0;
	put(m, question, (size_t)(end - question) + 5);
	if (!cut)
		count = put_answers(m, name, type);
	m->bytes[2] = cut ? 0x87 : 0x85; /* an answer, with authority, recursion desired */
	m->bytes[3] = (unsigned char)(0x80 | name->code);
	memset(m->bytes + 4, 0, 8);
	m->bytes[5] = 1;
	m->bytes[7] = (unsigned char)count;
	return true;
}

static void on_udp(struct loop_fd *lfd, unsigned events)
{
	struct dns_stub *stub = (struct dns_stub *)((char *)lfd - offsetof(struct dns_stub, udp));
	unsigned char question[512];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	struct message m;
	ssize_t n = recvfrom(lfd->fd, question, sizeof(question), 0, (struct sockaddr *)&from,
			     &from_len);

	(void)events; /* readable */
	if (n > 0 && answer(stub, question, (size_t)n, false, &m))
		ck_assert_int_eq(
			sendto(lfd->fd, m.bytes, m.len, 0, (struct sockaddr *)&from, from_len),
			(ssize_t)m.len);
}

/* Questions are small and come whole over loopback; the answer goes out in two pieces. */
static void on_connection(struct loop_fd *lfd, unsigned events)
{
	struct dns_stub *stub =
		(struct dns_stub *)((char *)lfd - offsetof(struct dns_stub, connection));
	unsigned char question[1024], prefix[2];
	struct message m;
	ssize_t n = recv(lfd->fd, question, sizeof(question), 0);
	size_t at = 0;

	(void)events; /* readable */
	if (n <= 0) {
		loop_unwatch(stub->loop, lfd);
		ck_assert_int_eq(close(lfd->fd), 0);
		lfd->fd = -1;
		return;
	}
	while (at + 2 < (size_t)n) {
		size_t len = (size_t)question[at] << 8 | question[at + 1];

		ck_assert_uint_le(at + 2 + len, (size_t)n);
		ck_assert(answer(stub, question + at + 2, len, true, &m));
		prefix[0] = (unsigned char)(m.len >> 8);
		prefix[1] = (unsigned char)m.len;
		ck_assert_int_eq(send(lfd->fd, prefix, 2, MSG_NOSIGNAL), 2);
		ck_assert_int_eq(send(lfd->fd, m.bytes, m.len, MSG_NOSIGNAL), (ssize_t)m.len);
		at += 2 + len;
	}
}

static void on_tcp(struct loop_fd *lfd, unsigned events)
{
	struct dns_stub *stub = (struct dns_stub *)((char *)lfd - offsetof(struct dns_stub, tcp));

	(void)events; /* readable */
	ck_assert_int_lt(stub->connection.fd, 0);
	stub->connection.fd = accept(lfd->fd, NULL, NULL);
	ck_assert_int_ge(stub->connection.fd, 0);
	ck_assert_int_eq(loop_watch(stub->loop, &stub->connection, true), 0);
}

void dns_stub_start(struct dns_stub *stub, struct loop *loop)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);

	*stub = (struct dns_stub){.loop = loop};
	stub->connection = (struct loop_fd){.fd = -1, .on_event = on_connection};
	stub->udp = (struct loop_fd){.fd = socket(AF_INET, SOCK_DGRAM, 0), .on_event = on_udp};
	stub->tcp = (struct loop_fd){.fd = socket(AF_INET, SOCK_STREAM, 0), .on_event = on_tcp};
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* The port that UDP got may be taken for TCP: then another. */
	do {
		if (at.sin_port) {
			ck_assert_int_eq(close(stub->udp.fd), 0);
			stub->udp.fd = socket(AF_INET, SOCK_DGRAM, 0);
			at.sin_port = 0;
		}
		ck_assert_int_eq(bind(stub->udp.fd, (struct sockaddr *)&at, len), 0);
		ck_assert_int_eq(getsockname(stub->udp.fd, (struct sockaddr *)&at, &len), 0);
	} while (bind(stub->tcp.fd, (struct sockaddr *)&at, len) < 0);
	ck_assert_int_eq(listen(stub->tcp.fd, 4), 0);
	ck_assert_int_eq(loop_watch(loop, &stub->udp, true), 0);
	ck_assert_int_eq(loop_watch(loop, &stub->tcp, true), 0);
	(void)snprintf(stub->address, sizeof(stub->address), "127.0.0.1:%u", ntohs(at.sin_port));
}

void dns_stub_stop(struct dns_stub *stub)
{
	struct loop_fd *all[] = {&stub->udp, &stub->tcp, &stub->connection};

	for (size_t i = 0; i < 3; i++) {
		if (all[i]->fd < 0)
			continue;
		loop_unwatch(stub->loop, all[i]);
		ck_assert_int_eq(close(all[i]->fd), 0);
	}
}
