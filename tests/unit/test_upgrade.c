/* upgrade: what may be asked for, what counts as agreed, and the route's key. */
#include "gateway/upgrade.h"
#include "tests/unit/http1_case.h"
#include "tests/unit/settings_case.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const struct http1_limits limits = {.line_max = 1000, .headers_max = 4000, .fields_max = 20};
static const char *const both[] = {"websocket", "chat/2"};
static const struct settings_strings allowed = {both, 2}, nothing = {NULL, 0};

static void read_head(struct http1_case *c, enum http1_kind kind, const char *text)
{
	http1_case_read(c, kind, HTTP_GET, &limits, text, strlen(text), 0);
	ck_assert_int_eq(c->result, HTTP1_DONE);
}

#define ASK(method, version, fields) method " /x HTTP/" version "\r\nHost: t\r\n" fields "\r\n"
#define UP(protocol)		     "Connection: Upgrade\r\nUpgrade: " protocol "\r\n"
#define WS			     UP("websocket") "Sec-WebSocket-Key: " KEY "\r\n"

static const struct {
	const char *name, *request, *protocol;
} offers[] = {
	{"a WebSocket's", ASK("GET", "1.1", WS), "websocket"},
	{"in any case", ASK("GET", "1.1", UP("WebSocket") "sec-websocket-key: " KEY "\r\n"),
	 "websocket"},
	{"another's", ASK("GET", "1.1", UP("chat/2")), "chat/2"},
	{"another's, of any method", ASK("DELETE", "1.1", UP("CHAT/2")), "chat/2"},
	{"one without what it needs, and another", ASK("GET", "1.1", UP("h2c, chat/2, websocket")),
	 "chat/2"},
	{"an empty body", ASK("GET", "1.1", WS "Content-Length: 0\r\n"), "websocket"},
	{"another version", ASK("GET", "1.1", UP("chat/3")), NULL},
	{"no version", ASK("GET", "1.1", UP("chat")), NULL},
	{"h2c", ASK("GET", "1.1", UP("h2c") "HTTP2-Settings: AAA\r\n"), NULL},
	{"nothing", ASK("GET", "1.1", ""), NULL},
	{"not named in Connection", ASK("GET", "1.1", "Upgrade: chat/2\r\n"), NULL},
	{"HTTP/1.0", ASK("GET", "1.0", WS), NULL},
	{"a body of a length", ASK("GET", "1.1", WS "Content-Length: 1\r\n"), NULL},
	{"a body in chunks", ASK("GET", "1.1", WS "Transfer-Encoding: chunked\r\n"), NULL},
	{"a WebSocket's by POST", ASK("POST", "1.1", WS), NULL},
	{"without a key", ASK("GET", "1.1", UP("websocket")), NULL},
	{"with two keys", ASK("GET", "1.1", WS "Sec-WebSocket-Key: " KEY "\r\n"), NULL},
	{"with a key that is dropped", ASK("GET", "1.1", "Connection: Sec-WebSocket-Key\r\n" WS),
	 NULL},
	{"with a short key",
	 ASK("GET", "1.1", UP("websocket") "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n"), NULL},
	{"with a key of other letters",
	 ASK("GET", "1.1", UP("websocket") "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n"),
	 NULL},
	{"with a key that is padded at its front",
	 ASK("GET", "1.1", UP("websocket") "Sec-WebSocket-Key: ==dGhlIHNhbXBsZSBub25jZQ\r\n"),
	 NULL},
};

START_TEST(what_a_request_offers_is_chosen_if_it_is_allowed)
{
	struct http1_case c;
	struct upgrade u;

	read_head(&c, HTTP1_REQUEST, offers[_i].request);
	upgrade_choose(&allowed, &c.head, &u);
	ck_assert_msg((!u.protocol && !offers[_i].protocol) ||
			      (u.protocol && offers[_i].protocol &&
			       strcmp(u.protocol, offers[_i].protocol) == 0),
		      "%s: %s", offers[_i].name, u.protocol ? u.protocol : "none");
	upgrade_choose(&nothing, &c.head, &u);
	ck_assert_ptr_null(u.protocol);
	http1_case_fini(&c);
}
END_TEST

#define ANSWER(version, fields) "HTTP/" version " 101 Switching Protocols\r\n" fields "\r\n"
#define ACCEPTED		"Sec-WebSocket-Accept: " ACCEPT "\r\n"

static const struct {
	const char *name, *asked, *answer;
	bool agreed;
} answers[] = {
	{"a WebSocket's", WS, ANSWER("1.1", UP("websocket") ACCEPTED), true},
	{"in any case", WS, ANSWER("1.1", UP("WebSocket") ACCEPTED), true},
	{"another's", UP("chat/2"), ANSWER("1.1", UP("chat/2")), true},
	{"another one", WS, ANSWER("1.1", UP("chat/2") ACCEPTED), false},
	{"two of them", WS, ANSWER("1.1", UP("websocket, chat/2") ACCEPTED), false},
	{"two lines of it", WS, ANSWER("1.1", UP("websocket") UP("websocket") ACCEPTED), false},
	{"without Upgrade", WS, ANSWER("1.1", "Connection: upgrade\r\n" ACCEPTED), false},
	{"without Connection", WS, ANSWER("1.1", "Upgrade: websocket\r\n" ACCEPTED), false},
	{"of HTTP/1.0", WS, ANSWER("1.0", UP("websocket") ACCEPTED), false},
	{"no proof", WS, ANSWER("1.1", UP("websocket")), false},
	{"two proofs", WS, ANSWER("1.1", UP("websocket") ACCEPTED ACCEPTED), false},
	{"the proof of another key", WS,
	 ANSWER("1.1", UP("websocket") "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
	 false},
	{"a 101 to nothing", "", ANSWER("1.1", UP("websocket") ACCEPTED), false},
};

START_TEST(an_answer_agrees_to_what_was_asked_or_does_not)
{
	struct http1_case c, reply;
	char request[400];
	struct upgrade u;

	(void)snprintf(request, sizeof(request), ASK("GET", "1.1", "%s"), answers[_i].asked);
	read_head(&c, HTTP1_REQUEST, request);
	upgrade_choose(&allowed, &c.head, &u);
	read_head(&reply, HTTP1_REPLY, answers[_i].answer);
	ck_assert_msg(upgrade_is_agreed(&u, &reply.head) == answers[_i].agreed, "%s",
		      answers[_i].name);
	http1_case_fini(&c);
	http1_case_fini(&reply);
}
END_TEST

#define NO_HTTP " is not passed on: the requests in it would go past the routes; remove it\n"

static const struct {
	const char *value, *first, *told;
} keys[] = {
	{"websocket", "websocket", ""},
	{"[WebSocket, chat/2]", "websocket", ""},
	{"off", NULL, ""},
	{"[]", NULL,
	 "2: routes[0].upgrade: there are 0 protocols; write 1 to 16, or off for none\n"},
	{"h2c", NULL, "2: routes[0].upgrade: \"h2c\"" NO_HTTP},
	{"[websocket, TLS/1.0]", NULL, "2: routes[0].upgrade[1]: \"TLS/1.0\"" NO_HTTP},
	{"HTTP/2.0", NULL, "2: routes[0].upgrade: \"HTTP/2.0\"" NO_HTTP},
	{"\"web socket\"", NULL,
	 "2: routes[0].upgrade: \"web socket\" is no protocol; write one like websocket, or off "
	 "for none\n"},
	{"chat/", NULL,
	 "2: routes[0].upgrade: \"chat/\" is no protocol; write one like websocket, or off for "
	 "none\n"},
};

START_TEST(a_route_says_what_it_allows)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		       "services: {a: {instances: [\"http://a\"]}}\n"
		       "routes: [{path: /, service: a, upgrade: %s}]\n",
		       keys[_i].value);
	ck_assert_str_eq(settings_case_read(text), keys[_i].told);
	if (*keys[_i].told)
		return;
	if (keys[_i].first)
		ck_assert_str_eq(settings->routes[0].upgrade.items[0], keys[_i].first);
	else
		ck_assert_uint_eq(settings->routes[0].upgrade.count, 0);
}
END_TEST

START_TEST(a_route_that_does_not_say_allows_websockets)
{
	ck_assert_str_eq(settings_case_read("services: {a: {instances: [\"http://a\"]}}\n"
					    "routes: [{path: /, service: a}]\n"),
			 "");
	ck_assert_uint_eq(settings->routes[0].upgrade.count, 1);
	ck_assert_str_eq(settings->routes[0].upgrade.items[0], "websocket");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("upgrade");
	TCase *t = tcase_create("upgrade");

	tcase_add_checked_fixture(t, settings_case_setup, settings_case_teardown);
	tcase_add_loop_test(t, what_a_request_offers_is_chosen_if_it_is_allowed, 0,
			    sizeof(offers) / sizeof(offers[0]));
	tcase_add_loop_test(t, an_answer_agrees_to_what_was_asked_or_does_not, 0,
			    sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(t, a_route_says_what_it_allows, 0, sizeof(keys) / sizeof(keys[0]));
	tcase_add_test(t, a_route_that_does_not_say_allows_websockets);
	suite_add_tcase(s, t);
	return unit_run(s);
}
