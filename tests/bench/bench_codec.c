/*
 * bench_codec: CPU time of the codec for typical heads: feed and take of a
 * request and of a reply, and writing the request again. Prints one line each,
 * nanoseconds of this thread's CPU per head, the best of several rounds.
 */
#include "common/arena.h"
#include "common/buf.h"
#include "gateway/http1_head.h"
#include "gateway/http1_write.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 7, HEADS = 100000 };

static const char request[] =
	"GET /orders/12345?expand=lines&currency=EUR HTTP/1.1\r\n"
	"Host: shop.example.org\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: session=5f2b7c1e9d3a4b6c8e0f1a2b3c4d5e6f; theme=dark\r\n"
	"Cache-Control: max-age=0\r\n"
	"\r\n";

static const char reply[] = "HTTP/1.1 200 OK\r\n"
			    "Server: orders/2.1\r\n"
			    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			    "Content-Type: application/json; charset=utf-8\r\n"
			    "Content-Length: 1024\r\n"
			    "Cache-Control: max-age=30\r\n"
			    "ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"\r\n"
			    "Vary: Accept-Encoding\r\n"
			    "Connection: keep-alive\r\n"
			    "\r\n";

static uint64_t cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int read_once(enum http1_kind kind, const char *text, size_t len, struct arena *arena,
		     struct http1_head *head)
{
	static const struct http1_limits limits = {16384, 32768, 100};
	struct http1_reader r;
	size_t head_len;

	arena_reset(arena);
	http1_head_start(&r, kind, &limits, HTTP_GET);
	if (http1_head_feed(&r, text, len, &head_len) != HTTP1_DONE ||
	    http1_head_take(&r, text, head_len, arena, head) != HTTP1_DONE) {
		(void)fprintf(stderr, "bench_codec: %s\n", r.reason);
		return -1;
	}
	return 0;
}

static void write_once(struct buf *out, const struct http1_head *head)
{
	buf_reset(out);
	http1_write_request_line(out, head->method_text, head->path, head->has_query, head->query);
	for (size_t i = 0; i < head->field_count; i++)
		if (!head->fields[i].hop)
			http1_write_span(out, head->fields[i].name, head->fields[i].value);
	http1_write_end(out);
}

/* With `out` the head is read once and written each time. */
static int measure(const char *what, enum http1_kind kind, const char *text, struct buf *out)
{
	struct arena arena;
	struct http1_head head;
	size_t len = strlen(text);
	uint64_t best = UINT64_MAX;

	arena_init(&arena, 1 << 20);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t start = cpu_ns(), took;

		for (unsigned i = 0; i < HEADS; i++) {
			if ((!out || i == 0) && read_once(kind, text, len, &arena, &head) < 0)
				return -1;
			if (out)
				write_once(out, &head);
		}
		took = cpu_ns() - start;
		best = took < best ? took : best;
	}
	arena_fini(&arena);
	printf("codec  %-14s %4zu bytes  %5.0f ns\n", what, len, (double)best / HEADS);
	return out && out->failed ? -1 : 0;
}

int main(void)
{
	struct buf out;
	int bad;

	buf_init(&out, 1 << 20);
	bad = measure("read request", HTTP1_REQUEST, request, NULL) < 0 ||
	      measure("read reply", HTTP1_REPLY, reply, NULL) < 0 ||
	      measure("write request", HTTP1_REQUEST, request, &out) < 0;
	buf_fini(&out);
	return bad;
}
