/*
 * load: sends one request over and over and counts the replies, so that the
 * bench needs no tool that may not be installed.
 *
 *   load [--tls] [--new] [--rate N] [--lines FILE] PORT CONNECTIONS SECONDS < REQUEST
 *
 * prints "REPLIES ERRORS SECONDS", with --rate also " P50_US P99_US". Each
 * connection has one request under way, and the next follows its reply; with
 * --new on a new connection. With --rate there are N a second in all, at times
 * set beforehand, from which latency counts: a reply that is late makes those
 * behind it late too. A reply other than 2xx, one with "<fault>" at its
 * beginning, or a close that was not told, is an error. Replies need
 * Content-Length. "@@@@@@@@" in the request becomes a number that is another
 * one each time. --lines names a file whose lines are equally long: the first
 * one stands in the request, and each time another one takes its place.
 *
 *   CLOSED --connect--> SHAKING (TLS) --> SENDING --> READING --> RESTING
 *      ^------------------------ --new ------------------'         |
 *                                    ^------------- due -----------'
 */
#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUEST_MAX = 256 * 1024,
	NUMBER_DIGITS = 8,
	NUMBERS_MAX = 256,
	HEAD_MAX = 4096,
	READ_MAX = 256 * 1024,
	CONNECTIONS_MAX = 20000,
	EVENTS = 512,
	WAIT_MOST_US = 100000,
	BUCKETS = 64 * 16, /* of latencies: 16 to each power of two */
};

enum state { CLOSED = 0, SHAKING, SENDING, READING, RESTING };

struct connection {
	int fd;
	SSL *tls;
	enum state state;
	size_t sent;	  /* of the request */
	size_t head;	  /* bytes of the reply's head so far */
	size_t left;	  /* of its body */
	bool in_body;	  /* the head is complete */
	bool last;	  /* it says that the connection ends */
	uint64_t due_us;  /* of the request under way */
	uint64_t next_us; /* with --rate: of the one after it */
	char text[HEAD_MAX + 1];
};

static char request[REQUEST_MAX];
static size_t request_len;
static unsigned long replies, errors, number, numbers = 100000000;
static char *number_at[NUMBERS_MAX]; /* in the request */
static size_t number_count;
static char *lines, *line_at; /* of --lines, and in the request; NULL: none */
static size_t line_len, line_count, line;
static unsigned long latencies[BUCKETS];
static SSL_CTX *tls; /* NULL: plain */
static bool fresh;   /* --new */
static unsigned long rate;
static uint64_t period_us; /* of one connection, with --rate */
static in_port_t port;
static int epoll;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned long parse(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value == 0 || value > max) {
		(void)fprintf(stderr, "load: %s is not a number from 1 to %lu\n", text, max);
		exit(2);
	}
	return value;
}

/* ---- Latencies ---- */

static void note_latency(uint64_t us)
{
	unsigned shift = us < 16 ? 0 : (unsigned)(59 - __builtin_clzll(us));
	size_t at = us < 16 ? us : (shift + 1) * 16 + ((us >> shift) & 15);

	latencies[at < BUCKETS ? at : BUCKETS - 1]++;
}

static unsigned long latency_at(double share)
{
	unsigned long want = (unsigned long)((double)replies * share), seen = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		seen += latencies[i];
		if (seen > want)
			return i < 16 ? i : (16 + (i & 15)) << (i / 16 - 1);
	}
	return 0;
}

/* ---- One connection ---- */

static void hang_up(struct connection *c)
{
	struct linger now = {.l_onoff = 1};

	/* By a reset: the ports of this machine would all be waiting for the end of time otherwise.
	 */
	if (fresh)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	SSL_free(c->tls);
	c->tls = NULL;
	(void)close(c->fd);
	c->state = CLOSED;
}

static void dial(struct connection *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | (unsigned)EPOLLET,
				    .data.ptr = c};
	int one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0 ||
	    (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS))
		fail("load: connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (tls) {
		c->tls = SSL_new(tls);
		if (!c->tls || SSL_set_fd(c->tls, c->fd) != 1)
			fail("load: TLS");
		SSL_set_connect_state(c->tls);
	}
	c->state = SHAKING;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event))
		fail("load: epoll");
}

static void begin(struct connection *c)
{
	char digits[32];

	if (number_count) {
		(void)snprintf(digits, sizeof(digits), "%0*lu", NUMBER_DIGITS, ++number % numbers);
		for (size_t i = 0; i < number_count; i++)
			memcpy(number_at[i], digits, NUMBER_DIGITS);
	}
	if (line_at) {
		line = (line + 1) % line_count;
		memcpy(line_at, lines + line * (line_len + 1), line_len);
	}
	c->sent = c->head = c->left = 0;
	c->in_body = false;
	c->state = SENDING;
}

/* Bytes moved, 0 when it must wait, -1 when the connection is over. */
static ssize_t move(struct connection *c, void *in, const void *out, size_t len)
{
	size_t done = 0;
	ssize_t n;
	int error;

	if (!c->tls) {
		n = in ? recv(c->fd, in, len, 0) : send(c->fd, out, len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == ENOTCONN ? 0 : -1;
		return n == 0 ? -1 : n;
	}
	error = in ? SSL_read_ex(c->tls, in, len, &done) : SSL_write_ex(c->tls, out, len, &done);
	if (error == 1)
		return (ssize_t)done;
	error = SSL_get_error(c->tls, error);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* The head's end within `text`, once it is there; sets what is left of the body. */
static void read_head(struct connection *c)
{
	const char *end, *field;
	size_t len;

	c->text[c->head] = '\0';
	end = strstr(c->text, "\r\n\r\n");
	if (!end)
		return;
	field = strcasestr(c->text, "\r\ncontent-length:");
	len = field ? strtoul(field + strlen("\r\ncontent-length:"), NULL, 10) : 0;
	len += (size_t)(end + 4 - c->text);
	c->in_body = true;
	field = strcasestr(c->text, "\r\nconnection: close");
	c->last = fresh || (field && field < end);
	c->left = len > c->head ? len - c->head : 0;
	if (c->head > len || strncmp(c->text, "HTTP/1.1 2", 10) != 0 || strstr(end, "<fault>"))
		errors++;
}

static void finish(struct connection *c)
{
	uint64_t now = clock_us();

	replies++;
	note_latency(now > c->due_us ? now - c->due_us : 0);
	if (c->last)
		hang_up(c);
	c->due_us = rate ? c->next_us : now;
	c->next_us += period_us;
	if (c->due_us > now)
		c->state = c->state == CLOSED ? CLOSED : RESTING;
	else if (c->state == CLOSED)
		dial(c);
	else
		begin(c);
}

/* False when it must wait, or has rested or closed. */
static bool step(struct connection *c)
{
	static char rest[READ_MAX];
	ssize_t n;

	switch (c->state) {
	case SHAKING:
		begin(c);
		return true;
	case SENDING:
		n = move(c, NULL, request + c->sent, request_len - c->sent);
		if (n > 0)
			c->sent += (size_t)n;
		if (c->sent == request_len)
			c->state = READING;
		break;
	case READING:
		n = c->in_body ? move(c, rest, NULL, sizeof(rest))
			       : move(c, c->text + c->head, NULL, HEAD_MAX - c->head);
		if (n > 0 && c->in_body) {
			c->left -= (size_t)n < c->left ? (size_t)n : c->left;
		} else if (n > 0) {
			c->head += (size_t)n;
			read_head(c);
		}
		if (n > 0 && c->in_body && !c->left) {
			finish(c);
			return c->state == SENDING;
		}
		break;
	case CLOSED:
	case RESTING:
	default:
		return false;
	}
	if (n >= 0)
		return n > 0;
	errors++;
	hang_up(c);
	dial(c);
	return false;
}

static void run(struct connection *c)
{
	while (step(c))
		continue;
}

/* ---- All of them ---- */

/* Starts what is due; how long until the next is, in microseconds. */
static uint64_t start_due(struct connection *all, unsigned long count, uint64_t now)
{
	uint64_t first = UINT64_MAX;

	if (!rate)
		return WAIT_MOST_US;
	for (unsigned long i = 0; i < count; i++) {
		struct connection *c = &all[i];

		if (c->state != RESTING && c->state != CLOSED)
			continue;
		if (c->due_us > now) {
			first = c->due_us < first ? c->due_us : first;
			continue;
		}
		if (c->state == CLOSED)
			dial(c);
		else
			begin(c);
		run(c);
	}
	if (first == UINT64_MAX)
		return WAIT_MOST_US;
	return first > now ? first - now : 0;
}

static void find_numbers(void)
{
	char *at = request, *end = request + request_len;

	while (number_count < NUMBERS_MAX &&
	       (at = memmem(at, (size_t)(end - at), "@@@@@@@@", NUMBER_DIGITS)) != NULL) {
		number_at[number_count++] = at;
		at += NUMBER_DIGITS;
	}
}

static void read_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	long size = 0;

	if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) <= 0)
		fail("load: --lines");
	rewind(file);
	lines = malloc((size_t)size + 1);
	if (!lines || fread(lines, 1, (size_t)size, file) != (size_t)size)
		fail("load: --lines");
	(void)fclose(file); /* it was only read */
	lines[size] = '\0';
	line_len = strcspn(lines, "\n");
	line_count = (size_t)size / (line_len + 1);
}

static void find_line(void)
{
	if (!lines)
		return;
	line_at = memmem(request, request_len, lines, line_len);
	if (line_at)
		return;
	(void)fprintf(stderr, "load: the first line is not in the request\n");
	exit(2);
}

static void options(int argc, char **argv)
{
	static const struct option known[] = {
		{"tls", no_argument, NULL, 't'},	 {"new", no_argument, NULL, 'n'},
		{"rate", required_argument, NULL, 'r'},	 {"numbers", required_argument, NULL, 'N'},
		{"lines", required_argument, NULL, 'l'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 't')
			tls = SSL_CTX_new(TLS_client_method());
		else if (c == 'n')
			fresh = true;
		else if (c == 'r')
			rate = parse(optarg, 1000000);
		else if (c == 'N')
			numbers = parse(optarg, numbers);
		else if (c == 'l')
			read_lines(optarg);
		else
			exit(2);
		if (c == 't' && !tls)
			fail("load: TLS");
	}
	if (tls)
		(void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	if (argc - optind == 3)
		return;
	(void)fprintf(stderr,
		      "usage: load [--tls] [--new] [--rate N] [--numbers N] [--lines FILE] PORT "
		      "CONNECTIONS SECONDS < REQUEST\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static struct epoll_event events[EVENTS];
	struct connection *all;
	unsigned long count;
	uint64_t start, end, now;

	options(argc, argv);
	port = (in_port_t)parse(argv[optind], 65535);
	count = parse(argv[optind + 1], CONNECTIONS_MAX);
	all = calloc(count, sizeof(*all));
	request_len = fread(request, 1, sizeof(request), stdin);
	find_numbers();
	find_line();
	epoll = epoll_create1(0);
	if (!all || epoll < 0)
		fail("load");
	start = now = clock_us();
	end = start + parse(argv[optind + 2], 3600) * 1000000;
	period_us = rate ? count * 1000000 / rate : 0;
	for (unsigned long i = 0; i < count; i++) {
		all[i].due_us = start + (rate ? i * 1000000 / rate : 0);
		all[i].next_us = all[i].due_us + period_us;
		if (!rate)
			dial(&all[i]);
	}
	while (now < end) {
		uint64_t wait = start_due(all, count, now);
		struct timespec most = {.tv_sec = (time_t)(wait / 1000000),
					.tv_nsec = (long)(wait % 1000000 * 1000)};
		int n = epoll_pwait2(epoll, events, EVENTS, &most, NULL);

		for (int i = 0; i < n; i++)
			run(events[i].data.ptr);
		now = clock_us();
	}
	(void)printf("%lu %lu %.3f", replies, errors, (double)(now - start) / 1e6);
	if (rate)
		(void)printf(" %lu %lu", latency_at(0.5), latency_at(0.99));
	(void)printf("\n");
	free(all);
	return 0;
}
