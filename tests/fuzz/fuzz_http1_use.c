/*
 * fuzz_http1_use: what is made of heads that were let in: an upgrade and its
 * answer, a part of a kept reply, a kept head renewed by a 304.
 *
 * The input is a request's head and, behind it, a reply's.
 */
#include "gateway/cache_range.h"
#include "gateway/upgrade.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/http1_case.h"

#include <string.h>

static const struct http1_limits limits = {16384, 32768, 100};
static const char body[] = "the body that is kept";
static const char lines[] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"a\"\r\nX-A: 1\r\n"
			    "Content-Type: text/plain\r\n";

static struct cache_entry kept(void)
{
	return (struct cache_entry){.status = 200,
				    .fields = {lines, sizeof(lines) - 1},
				    .body = {body, sizeof(body) - 1},
				    .etag = {"\"a\"", 3},
				    .last_modified = 784111777,
				    .life.received_wall_ms = INT64_C(784111999000)};
}

static void use_request(const struct http1_head *request, struct upgrade *upgrade)
{
	static const char *const protocols[] = {"websocket", "chat/2"};
	const struct settings_strings allowed = {protocols, 2};
	struct cache_entry entry = kept();
	struct http1_head copy;
	struct span part;
	struct arena arena;

	upgrade_choose(&allowed, request, upgrade);
	FUZZ_HOLDS(!upgrade->protocol ||
		   (request->minor == 1 && request->framing != HTTP1_CHUNKED &&
		    !request->content_length));
	FUZZ_HOLDS(strlen(upgrade->accept) == 0 ||
		   strlen(upgrade->accept) == UPGRADE_ACCEPT_SIZE - 1);
	if (cache_range_read(request, &entry, &part) == CACHE_RANGE_PART)
		FUZZ_HOLDS(part.len && part.at >= body && part.len <= sizeof(body) - 1 &&
			   part.at + part.len <= body + sizeof(body) - 1);
	arena_init(&arena, 1 << 20);
	FUZZ_HOLDS(http1_head_copy_fields(&copy, &arena, request) == 0);
	FUZZ_HOLDS(copy.field_count == request->field_count);
	for (size_t i = 0; i < copy.field_count; i++)
		FUZZ_HOLDS(copy.fields[i].value.len == request->fields[i].value.len &&
			   memcmp(copy.fields[i].value.at, request->fields[i].value.at,
				  copy.fields[i].value.len) == 0);
	arena_fini(&arena);
}

static void use_reply(const struct http1_head *reply, const struct upgrade *upgrade)
{
	struct cache_entry entry = kept();
	struct http1_head head;
	struct arena arena;
	size_t types = 0, dates = 0;

	if (upgrade_is_agreed(upgrade, reply))
		FUZZ_HOLDS(upgrade->protocol && reply->minor == 1);
	arena_init(&arena, 1 << 20);
	if (cache_renew_head(&head, &arena, &entry, reply) == 0) {
		for (size_t i = 0; i < head.field_count; i++) {
			const struct span *name = &head.fields[i].name;

			types += http_equal_nocase(name->at, name->len, "Content-Type", 12);
			dates += head.fields[i].known == HTTP1_DATE && name->at >= lines &&
				 name->at < lines + sizeof(lines);
		}
		FUZZ_HOLDS(types == 1 && dates == 0); /* the kept one's, and the 304's or none */
		FUZZ_HOLDS(head.field_count <= reply->field_count + 4);
	}
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct upgrade upgrade = {0};
	struct http1_case request, reply;

	http1_case_read(&request, HTTP1_REQUEST, HTTP_GET, &limits, (const char *)data, len, 0);
	if (request.result == HTTP1_DONE) {
		use_request(&request.head, &upgrade);
		http1_case_read(&reply, HTTP1_REPLY, HTTP_GET, &limits,
				(const char *)data + request.head_len, len - request.head_len, 0);
		if (reply.result == HTTP1_DONE)
			use_reply(&reply.head, &upgrade);
		http1_case_fini(&reply);
	}
	http1_case_fini(&request);
	return 0;
}
