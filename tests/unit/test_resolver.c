/* resolver: names through c-ares and a name server on the same loop. */
#include "gateway/resolver.h"
#include "common/loop.h"
#include "tests/unit/dns_stub.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The loop, the server and the resolver of each test. */
static struct loop *loop;
static struct dns_stub stub;
static struct resolver *resolver;
static unsigned running; /* probes that the loop turns for */

struct probe {
	struct resolver_query query;
	unsigned told;
	enum resolver_status status;
	struct resolver_address addresses[64];
	size_t count;
	struct probe *cancels; /* when told */
	const char *then;      /* looked up when told, with the same probe */
};

static void probe_look_up(struct probe *p, const char *host);

static void probe_take(struct probe *p, const struct resolver_answer *answer)
{
	p->told++;
	p->status = answer->status;
	p->count = answer->count;
	ck_assert((answer->status == RESOLVER_OK) == (answer->count > 0));
	ck_assert(answer->status == RESOLVER_OK || answer->reason);
	ck_assert_uint_le(answer->count, 64);
	if (answer->count)
		memcpy(p->addresses, answer->addresses, answer->count * sizeof(p->addresses[0]));
}

static void probe_done(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct probe *p = (struct probe *)((char *)query - offsetof(struct probe, query));
	const char *then = p->then;

	ck_assert_ptr_null(query->link);
	probe_take(p, answer);
	running--;
	if (p->cancels && p->cancels->query.link) {
		resolver_cancel(&p->cancels->query);
		running--;
	}
	p->then = NULL;
	if (then)
		probe_look_up(p, then);
	if (!running)
		loop_stop(loop);
}

static void probe_look_up(struct probe *p, const char *host)
{
	struct resolver_answer answer;
	enum resolver_status status;

	p->query.done = probe_done;
	status = resolver_lookup(resolver, host, &p->query, &answer);
	if (status == RESOLVER_WAITING) {
		running++;
		return;
	}
	ck_assert_int_eq(answer.status, status);
	probe_take(p, &answer);
}

static void run(void)
{
	if (running)
		loop_run(loop);
}

static void start_with(unsigned try_ms, unsigned timeout_ms)
{
	struct resolver_options options = {
		.servers = stub.address, .try_ms = try_ms, .timeout_ms = timeout_ms};

	resolver_free(&resolver);
	resolver = resolver_new(loop, &options, NULL);
	ck_assert_ptr_nonnull(resolver);
}

static void setup(void)
{
	loop = loop_new(NULL);
	ck_assert_ptr_nonnull(loop);
	dns_stub_start(&stub, loop);
	start_with(0, 0);
}

static void teardown(void)
{
	resolver_free(&resolver);
	ck_assert_ptr_null(resolver);
	dns_stub_stop(&stub);
	loop_free(&loop);
}

static void check_address(const struct resolver_address *address, const char *expected)
{
	char text[INET6_ADDRSTRLEN];

	ck_assert_ptr_nonnull(inet_ntop(address->family, address->bytes, text, sizeof(text)));
	ck_assert_str_eq(text, expected);
}

START_TEST(a_literal_is_answered_at_once_without_asking)
{
	static const char *const literals[] = {"127.0.0.1", "::1", "2001:db8::7"};

	for (size_t i = 0; i < 3; i++) {
		struct probe p = {0};

		probe_look_up(&p, literals[i]);
		ck_assert_uint_eq(p.told, 1);
		ck_assert_int_eq(p.status, RESOLVER_OK);
		check_address(&p.addresses[0], literals[i]);
	}
	ck_assert_uint_eq(stub.asked, 0);
}
END_TEST

START_TEST(an_address_becomes_one_to_connect_to)
{
	struct resolver_address address;
	struct sockaddr_storage to;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	ck_assert(resolver_literal("192.0.2.1", &address));
	ck_assert_uint_eq(resolver_sockaddr(&address, 80, &to), sizeof(in));
	memcpy(&in, &to, sizeof(in));
	ck_assert_int_eq(in.sin_family, AF_INET);
	ck_assert_uint_eq(ntohs(in.sin_port), 80);
	ck_assert_uint_eq(ntohl(in.sin_addr.s_addr), 0xc0000201);
	ck_assert(resolver_literal("::1", &address));
	ck_assert_uint_eq(resolver_sockaddr(&address, 65535, &to), sizeof(in6));
	memcpy(&in6, &to, sizeof(in6));
	ck_assert_int_eq(in6.sin6_family, AF_INET6);
	ck_assert_uint_eq(ntohs(in6.sin6_port), 65535);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr));
	ck_assert(!resolver_literal("[::1]", &address));
	ck_assert(!resolver_literal("127.1", &address));
	ck_assert(!resolver_literal("fe80::1%eth0", &address));
	ck_assert(!resolver_literal("", &address));
}
END_TEST

START_TEST(what_is_no_host_name_is_not_asked_for)
{
	static const char *const names[] = {"",	    ".",     "a b",	    ".a",     "a/b",
					    "a:80", "[::1]", "caf\xc3\xa9", "a\r\nb", "*"};
	char text[300];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i <= sizeof(names) / sizeof(names[0]); i++) {
		struct probe p = {0};

		probe_look_up(&p, i < sizeof(names) / sizeof(names[0]) ? names[i] : text);
		ck_assert_uint_eq(p.told, 1);
		ck_assert_int_eq(p.status, RESOLVER_NOT_FOUND);
	}
	ck_assert_uint_eq(stub.asked, 0);
}
END_TEST

START_TEST(localhost_is_found_without_a_server)
{
	struct probe p = {0};
	bool found = false;

	probe_look_up(&p, "localhost");
	run();
	ck_assert_uint_eq(p.told, 1);
	ck_assert_int_eq(p.status, RESOLVER_OK);
	for (size_t i = 0; i < p.count; i++)
		found |= p.addresses[i].family == AF_INET && p.addresses[i].bytes[0] == 127;
	ck_assert(found);
	ck_assert_uint_eq(stub.asked, 0);
}
END_TEST

START_TEST(a_name_is_asked_for_once_and_then_known_whatever_its_case)
{
	struct probe p = {0};
	unsigned asked;

	probe_look_up(&p, "one.test");
	ck_assert_uint_eq(p.told, 0);
	run();
	ck_assert_uint_eq(p.told, 1);
	ck_assert_uint_eq(p.count, 1);
	check_address(&p.addresses[0], "192.0.2.1");
	asked = stub.asked;
	ck_assert_uint_ge(asked, 1);
	probe_look_up(&p, "ONE.test.");
	ck_assert_uint_eq(p.told, 2);
	ck_assert_int_eq(p.status, RESOLVER_OK);
	ck_assert_uint_eq(stub.asked, asked);
}
END_TEST

START_TEST(both_families_are_told)
{
	struct probe p = {0};
	unsigned v4 = 0, v6 = 0;

	probe_look_up(&p, "both.test");
	run();
	for (size_t i = 0; i < p.count; i++) {
		v4 += p.addresses[i].family == AF_INET;
		v6 += p.addresses[i].family == AF_INET6;
	}
	ck_assert_uint_eq(v4, 1);
	ck_assert_uint_eq(v6, 1);
}
END_TEST

START_TEST(many_who_wait_for_one_name_share_one_question)
{
	struct probe p[50] = {0};
	unsigned alone;

	probe_look_up(&p[0], "both.test");
	run();
	alone = stub.asked;
	teardown();
	setup();
	for (size_t i = 0; i < 50; i++)
		probe_look_up(&p[i], "both.test");
	run();
	ck_assert_uint_eq(stub.asked, alone);
	for (size_t i = 0; i < 50; i++) {
		ck_assert_uint_eq(p[i].told, i == 0 ? 2 : 1);
		ck_assert_uint_eq(p[i].count, 2);
	}
}
END_TEST

START_TEST(who_cancels_is_not_told_even_when_another_one_does_it_for_him)
{
	struct probe p[4] = {0};

	p[1].cancels = &p[3];
	p[3].cancels = &p[1];
	for (size_t i = 0; i < 4; i++)
		probe_look_up(&p[i], "one.test");
	resolver_cancel(&p[0].query);
	resolver_cancel(&p[0].query); /* twice is harmless */
	running--;
	run();
	ck_assert_uint_eq(p[0].told, 0);
	ck_assert_uint_eq(p[2].told, 1);
	ck_assert_uint_eq(p[1].told + p[3].told, 1);
}
END_TEST

START_TEST(a_callback_may_look_up_the_next_name)
{
	struct probe p = {.then = "both.test"};

	probe_look_up(&p, "one.test");
	run();
	ck_assert_uint_eq(p.told, 2);
	ck_assert_uint_eq(p.count, 2);
}
END_TEST

static const struct {
	const char *name;
	enum resolver_status status;
} failures[] = {
	{"gone.test", RESOLVER_NOT_FOUND},
	{"empty.test", RESOLVER_NOT_FOUND},
	{"fail.test", RESOLVER_FAILED},
};

START_TEST(a_failure_is_told_and_kept_for_a_moment)
{
	struct probe p = {0};
	unsigned asked;

	probe_look_up(&p, failures[_i].name);
	run();
	ck_assert_uint_eq(p.told, 1);
	ck_assert_int_eq(p.status, failures[_i].status);
	asked = stub.asked;
	probe_look_up(&p, failures[_i].name);
	ck_assert_uint_eq(p.told, 2);
	ck_assert_int_eq(p.status, failures[_i].status);
	ck_assert_uint_eq(stub.asked, asked);
}
END_TEST

START_TEST(a_server_that_says_nothing_is_asked_again_and_given_up)
{
	struct probe p = {0};

	start_with(10, 0);
	probe_look_up(&p, "silent.test");
	run();
	ck_assert_int_eq(p.status, RESOLVER_TIMEOUT);
	ck_assert_uint_gt(stub.asked, 1);
}
END_TEST

START_TEST(a_lookup_ends_at_its_deadline_while_the_question_is_still_out)
{
	struct probe p = {0};

	start_with(100000, 10);
	probe_look_up(&p, "silent.test");
	run();
	ck_assert_uint_eq(p.told, 1);
	ck_assert_int_eq(p.status, RESOLVER_TIMEOUT);
	probe_look_up(&p, "silent.test"); /* does not wait a second time */
	ck_assert_uint_eq(p.told, 2);
	ck_assert_int_eq(p.status, RESOLVER_TIMEOUT);
}
END_TEST

START_TEST(an_answer_too_big_for_udp_comes_over_tcp)
{
	struct probe p = {0};

	probe_look_up(&p, "big.test");
	run();
	ck_assert_int_eq(p.status, RESOLVER_OK);
	ck_assert_uint_eq(p.count, 3);
}
END_TEST

START_TEST(more_addresses_than_anybody_tries_are_left_out)
{
	struct probe p = {0};

	probe_look_up(&p, "many.test");
	run();
	ck_assert_int_eq(p.status, RESOLVER_OK);
	ck_assert_uint_eq(p.count, 16);
}
END_TEST

START_TEST(a_resolver_may_go_while_somebody_waits)
{
	struct probe p[2] = {0};

	probe_look_up(&p[0], "silent.test");
	probe_look_up(&p[1], "one.test");
	resolver_free(&resolver);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_ptr_null(p[i].query.link);
		ck_assert_uint_eq(p[i].told, 0);
	}
}
END_TEST

START_TEST(when_all_names_are_being_asked_for_one_more_is_refused)
{
	struct probe p = {0};
	char name[32];

	start_with(100000, 100000);
	for (unsigned i = 0; i < 1024; i++) {
		struct probe waiting = {0};

		(void)snprintf(name, sizeof(name), "n%u.test", i);
		probe_look_up(&waiting, name);
		ck_assert_ptr_nonnull(waiting.query.link);
		resolver_cancel(&waiting.query);
	}
	probe_look_up(&p, "one.test");
	ck_assert_uint_eq(p.told, 1);
	ck_assert_int_eq(p.status, RESOLVER_FAILED);
	running = 0;
}
END_TEST

START_TEST(malformed_servers_are_an_error_in_words)
{
	struct resolver_options options = {.servers = "not a server"};
	struct err e = {0};

	ck_assert_ptr_null(resolver_new(loop, &options, &e));
	ck_assert(strstr(e.text, "resolver: "));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("resolver");
	TCase *t = tcase_create("resolver");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_literal_is_answered_at_once_without_asking);
	tcase_add_test(t, an_address_becomes_one_to_connect_to);
	tcase_add_test(t, what_is_no_host_name_is_not_asked_for);
	tcase_add_test(t, localhost_is_found_without_a_server);
	tcase_add_test(t, a_name_is_asked_for_once_and_then_known_whatever_its_case);
	tcase_add_test(t, both_families_are_told);
	tcase_add_test(t, many_who_wait_for_one_name_share_one_question);
	tcase_add_test(t, who_cancels_is_not_told_even_when_another_one_does_it_for_him);
	tcase_add_test(t, a_callback_may_look_up_the_next_name);
	tcase_add_loop_test(t, a_failure_is_told_and_kept_for_a_moment, 0,
			    (int)(sizeof(failures) / sizeof(failures[0])));
	tcase_add_test(t, a_server_that_says_nothing_is_asked_again_and_given_up);
	tcase_add_test(t, a_lookup_ends_at_its_deadline_while_the_question_is_still_out);
	tcase_add_test(t, an_answer_too_big_for_udp_comes_over_tcp);
	tcase_add_test(t, more_addresses_than_anybody_tries_are_left_out);
	tcase_add_test(t, a_resolver_may_go_while_somebody_waits);
	tcase_add_test(t, when_all_names_are_being_asked_for_one_more_is_refused);
	tcase_add_test(t, malformed_servers_are_an_error_in_words);
	suite_add_tcase(s, t);
	return unit_run(s);
}
