/*
 * The raw requests of tests/data/malformed.json (its "about" explains them)
 * put through the codec as a connection would: heads and bodies until the
 * bytes end. Each must come out as the file demands, and the same whichever
 * way it is cut.
 */
#include "common/arena.h"
#include "common/buf.h"
#include "gateway/http1_body.h"
#include "gateway/http1_head.h"
#include "gateway/http1_write.h"
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char file[] = "tests/data/malformed.json";
static json_t *root, *cases;

/* What came of the bytes of one connection. */
struct outcome {
	unsigned ok;	/* requests that came whole */
	unsigned first; /* 200, or the refusal's status, or 0: nothing whole came */
	unsigned refusal;
	bool open;	      /* not refused, and the last request left the connection alive */
	struct buf forwarded; /* heads as they would go on, and content */
};

static unsigned char base64_value(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return (unsigned char)(strchr(digits, c) - digits);
}

static char *base64_decode(const char *text, size_t *len)
{
	size_t n = strlen(text);
	char *out = malloc(n + 1);
	unsigned bits = 0, held = 0;

	ck_assert_ptr_nonnull(out);
	*len = 0;
	for (size_t i = 0; i < n && text[i] != '='; i++) {
		held = held << 6 | base64_value(text[i]);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[(*len)++] = (char)(held >> bits & 0xff);
		}
	}
	return out;
}

static void forward(struct outcome *o, const struct http1_head *head)
{
	struct buf *out = &o->forwarded;

	http1_write_request_line(out, head->method_text, head->path, head->has_query, head->query);
	for (size_t i = 0; i < head->field_count; i++)
		if (!head->fields[i].hop)
			http1_write_span(out, head->fields[i].name, head->fields[i].value);
	http1_write_end(out);
}

/* The bytes have come up to `have`; at the next call more of them. */
struct connection {
	struct outcome *o;
	struct arena arena;
	struct http1_reader reader;
	struct http1_head head;
	struct http1_body body;
	bool in_body, over;
	size_t at; /* where this message begins, or the rest of its body */
};

static void connection_start(struct connection *c)
{
	static const struct http1_limits limits = {16384, 32768, 100};

	http1_head_start(&c->reader, HTTP1_REQUEST, &limits, 0);
	arena_reset(&c->arena);
	c->in_body = false;
}

static void connection_refuse(struct connection *c, unsigned status)
{
	c->o->refusal = status;
	if (!c->o->first)
		c->o->first = status;
	c->o->open = false;
	c->over = true;
}

static bool connection_head(struct connection *c, const char *data, size_t have)
{
	size_t len;
	enum http1_result result = http1_head_feed(&c->reader, data + c->at, have - c->at, &len);

	if (result == HTTP1_DONE)
		result = http1_head_take(&c->reader, data + c->at, len, &c->arena, &c->head);
	if (result == HTTP1_REFUSED) {
		ck_assert_ptr_nonnull(c->reader.reason);
		connection_refuse(c, c->reader.status);
	}
	if (result != HTTP1_DONE)
		return false;
	c->at += len;
	c->in_body = true;
	http1_body_start(&c->body, &c->head);
	return true;
}

static bool connection_body(struct connection *c, const char *data, size_t have)
{
	struct span content;
	size_t used;

	switch (http1_body_feed(&c->body, data + c->at, have - c->at, &used, &content)) {
	case HTTP1_BODY_MORE:
		c->at += used;
		return false;
	case HTTP1_BODY_CONTENT:
		c->at += used;
		return true;
	case HTTP1_BODY_END:
		c->at += used;
		forward(c->o, &c->head);
		c->o->ok++;
		if (!c->o->first)
			c->o->first = 200;
		c->o->open = c->head.keep_alive;
		c->over = !c->head.keep_alive;
		connection_start(c);
		return true;
	case HTTP1_BODY_REFUSED:
		ck_assert_ptr_nonnull(c->body.reason);
		connection_refuse(c, 400);
		return false;
	}
	return false;
}

static void connection_feed(struct connection *c, const char *data, size_t have)
{
	bool more = true;

	while (more && !c->over)
		more = c->in_body ? connection_body(c, data, have) : connection_head(c, data, have);
}

/* In pieces of `piece` bytes, or of a random size when 0. */
static void drive(struct outcome *o, const char *data, size_t len, size_t piece, unsigned *seed)
{
	struct connection c = {.o = o};
	size_t have = 0;

	*o = (struct outcome){0};
	buf_init(&o->forwarded, 1 << 20);
	arena_init(&c.arena, 1 << 20);
	connection_start(&c);
	while (have < len && !c.over) {
		size_t step = piece ? piece : (size_t)rand_r(seed) % 40 + 1;

		have += step < len - have ? step : len - have;
		connection_feed(&c, data, have);
	}
	arena_fini(&c.arena);
	ck_assert(!o->forwarded.failed);
}

static bool contains(const struct buf *b, const char *text, size_t len)
{
	return len && b->len && memmem(b->data, b->len, text, len);
}

static bool is_accepted(const json_t *accept, unsigned status)
{
	size_t i;
	json_t *one;

	json_array_foreach(accept, i, one)
	{
		if (json_is_integer(one) && json_integer_value(one) == (json_int_t)status)
			return true;
		if (!status && json_is_string(one) && !strcmp(json_string_value(one), "close"))
			return true;
	}
	return false;
}

static void check_bytes(const char *name, const json_t *one, const struct outcome *o)
{
	const json_t *ban = json_object_get(one, "upstream_ban_bytes");
	const json_t *need = json_object_get(one, "upstream_need_bytes");
	const char *path = json_string_value(json_object_get(one, "upstream_path_ban"));

	if (ban)
		ck_assert_msg(
			!contains(&o->forwarded, json_string_value(ban), json_string_length(ban)),
			"%s: forwarded what it must not", name);
	if (need)
		ck_assert_msg(
			contains(&o->forwarded, json_string_value(need), json_string_length(need)),
			"%s: did not forward what it must", name);
	if (path && contains(&o->forwarded, path, strlen(path))) {
		char line[64];

		(void)snprintf(line, sizeof(line), "GET %s ", path);
		ck_assert_msg(!contains(&o->forwarded, line, strlen(line)), "%s: smuggled", name);
	}
}

static void check_case(const char *name, const json_t *one, const struct outcome *o)
{
	const json_t *max_ok = json_object_get(one, "max_ok");
	const json_t *upstream_max = json_object_get(one, "upstream_max");
	const json_t *want = json_object_get(one, "want_responses");

	ck_assert_msg(is_accepted(json_object_get(one, "accept"), o->first), "%s: came out as %u",
		      name, o->first);
	if (json_is_true(json_object_get(one, "no_upstream")))
		ck_assert_msg(o->ok == 0, "%s: %u requests got through", name, o->ok);
	if (max_ok)
		ck_assert_msg(o->ok <= json_integer_value(max_ok), "%s: %u were answered", name,
			      o->ok);
	if (upstream_max)
		ck_assert_msg(o->ok <= json_integer_value(upstream_max), "%s: %u got through", name,
			      o->ok);
	if (want)
		ck_assert_msg(o->ok == json_integer_value(want), "%s: %u answers", name, o->ok);
	if (json_is_true(json_object_get(one, "must_close")))
		ck_assert_msg(!o->open, "%s: the connection stays open", name);
	check_bytes(name, one, o);
}

static void check_same(const char *name, struct outcome *a, struct outcome *b)
{
	ck_assert_msg(a->ok == b->ok && a->first == b->first && a->refusal == b->refusal &&
			      a->open == b->open && a->forwarded.len == b->forwarded.len,
		      "%s: in pieces %u ok, %u refused; whole %u ok, %u refused", name, b->ok,
		      b->refusal, a->ok, a->refusal);
	if (a->forwarded.len)
		ck_assert_mem_eq(a->forwarded.data, b->forwarded.data, a->forwarded.len);
	buf_fini(&b->forwarded);
}

START_TEST(each_raw_request_comes_out_as_demanded_however_it_is_cut)
{
	const json_t *one = json_array_get(cases, (size_t)_i);
	const char *name = json_string_value(json_object_get(one, "name"));
	struct outcome whole, pieces;
	unsigned seed = 1;
	size_t len;
	char *data = base64_decode(json_string_value(json_object_get(one, "raw_b64")), &len);

	ck_assert_uint_eq(len, (size_t)json_integer_value(json_object_get(one, "len")));
	drive(&whole, data, len, len, &seed);
	check_case(name, one, &whole);
	drive(&pieces, data, len, 1, &seed);
	check_same(name, &whole, &pieces);
	for (unsigned i = 0; i < 20; i++) {
		drive(&pieces, data, len, 0, &seed);
		check_same(name, &whole, &pieces);
	}
	buf_fini(&whole.forwarded);
	free(data);
}
END_TEST

START_TEST(the_file_of_raw_requests_is_there)
{
	ck_assert_msg(json_array_size(cases) > 100, "%s can't be read", file);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http1_malformed");
	TCase *t = tcase_create("http1_malformed");
	int failed;

	root = json_load_file(file, JSON_ALLOW_NUL, NULL);
	cases = json_object_get(root, "cases");
	tcase_add_test(t, the_file_of_raw_requests_is_there);
	tcase_add_loop_test(t, each_raw_request_comes_out_as_demanded_however_it_is_cut, 0,
			    (int)json_array_size(cases));
	suite_add_tcase(s, t);
	failed = unit_run(s);
	json_decref(root);
	return failed;
}
