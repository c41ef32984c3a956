"""Kept replies under load: one request for all who ask for the same, one prober while it fails."""

import concurrent.futures
import threading
import unittest

from harness import Case, wait_until
from origin import reply

FRESH = {"Cache-Control": "max-age=1000"}
GET = b"GET %s HTTP/1.1\r\nHost: t\r\n%s\r\n"


class Schemes(Case):
    """What a service answers to http is no answer to https."""

    def test_each_has_its_own(self):
        def answer(request, _):
            proto = request.headers.get("X-Forwarded-Proto")
            return reply(200, b'"%s"' % proto.encode(),
                         {"Content-Type": "application/json", **FRESH})
        origin = self.stage.origin(answer)
        gateway = self.stage.gateway({
            "trusted_proxies": "127.0.0.1", "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/kept", "service": "s", "cache": {}},
                       {"path": "/parts", "compose": {"calls": {
                           "a": {"service": "s", "path": "/part", "cache": {}}}}}]})
        for path, form in (("/kept", '"%s"'), ("/parts", '{"a":"%s"}')):
            for proto in ("http", "https", "http", "https"):
                found = gateway.get(path, {"X-Forwarded-Proto": proto})
                self.assertEqual(found.body.decode(), form % proto)
        self.assertEqual(len(origin.requests), 4)


class Together(Case):
    """A gateway of two workers; the origin answers when the test says so."""

    def setUp(self):
        super().setUp()
        self.go = threading.Event()
        self.addCleanup(self.go.set)
        self.headers, self.status = FRESH, 200
        self.origin = self.stage.origin(self.answer)
        self.gateway = self.stage.gateway({
            "workers": 2, "limits": {"half_close_timeout": "50ms"},
            "services": {"s": {"instances": [self.origin.address], "retry": {"attempts": 1},
                               "breaker": "off"}},
            "routes": [{"path": "/kept/*", "service": "s", "cache": {}},
                       {"path": "/*", "service": "s"}]})

    def answer(self, request, peer):
        if not self.go.wait(20):
            return None
        if self.status == 0:
            peer.reset()
            return None
        return reply(self.status, request.target.encode(), self.headers)

    def ask(self, count, path="/kept/x", fields=b""):
        """So many clients that ask for the same at once, and have been read."""
        clients = [self.gateway.connect() for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(GET % (path.encode(), fields))
        wait_until(lambda: self.metric("requests_in_flight") >= count, "the requests")
        return clients

    def metric(self, name):
        return self.gateway.metrics()["microreg_gateway_" + name]

    def replies(self, clients):
        """Their statuses, bodies and what the cache did, each with how often."""
        found = {}
        for client in clients:
            answer = client.reply()
            key = (answer.status, answer.body, answer.headers.get("Cache-Status"))
            found[key] = found.get(key, 0) + 1
        return found

    def test_many_that_miss_at_once_are_one_request(self):
        clients = self.ask(30)
        self.go.set()
        self.assertEqual(self.replies(clients), {
            (200, b"/kept/x", "microreg; fwd=miss; stored"): 1,
            (200, b"/kept/x", "microreg; fwd=miss; collapsed"): 29})
        self.assertEqual(len(self.origin.requests), 1)
        self.assertEqual(self.metric("cache_collapsed_total"), 29)
        self.assertIn("hit", self.gateway.get("/kept/x", {"Host": "t"}).headers.get("Cache-Status"))

    def test_other_keys_and_other_routes_do_not_wait(self):
        clients = self.ask(3, "/kept/a") + self.ask(3, "/kept/b") + self.ask(3, "/plain")
        self.origin.wait_requests(5)
        self.go.set()
        self.replies(clients)
        self.assertEqual(sorted(r.target for r in self.origin.requests),
                         ["/kept/a", "/kept/b", "/plain", "/plain", "/plain"])

    def test_what_can_not_be_shared_makes_nobody_wait_for_long(self):
        for headers in ({"Cache-Control": "private"}, {"Set-Cookie": "a=b"}):
            self.headers, path = headers, "/kept/" + next(iter(headers))
            self.go.clear()
            self.origin.clear()
            clients = self.ask(5, path)
            self.go.set()
            self.assertEqual(self.replies(clients), {
                (200, path.encode(), "microreg; fwd=miss"): 5})
            self.assertEqual(len(self.origin.requests), 5)
            self.go.clear()
            clients = self.ask(5, path)  # now it is known
            self.origin.wait_requests(10)
            self.go.set()
            self.replies(clients)

    def test_a_body_too_long_to_be_kept_is_asked_for_by_each(self):
        self.headers = FRESH
        big = b"a" * (2 << 20)
        self.origin.behave = lambda request, peer: (self.go.wait(20), (
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nTransfer-Encoding: chunked\r\n\r\n" +
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(big), big)))[1]
        clients = self.ask(4)
        self.go.set()
        for client in clients:
            self.assertEqual(client.reply().body, big)
        self.assertEqual(len(self.origin.requests), 4)

    def test_requests_that_want_their_own_answer_get_it(self):
        clients = self.ask(1) + self.ask(1, fields=b"Range: bytes=0-1\r\n") + \
            self.ask(1, fields=b"Cache-Control: no-cache\r\n") + \
            self.ask(1, fields=b"Authorization: Basic eDp5\r\n")
        self.origin.wait_requests(4)
        self.go.set()
        self.replies(clients)

    def test_those_that_wait_for_another_variant_ask_themselves(self):
        self.headers = {**FRESH, "Vary": "Accept"}
        clients = self.ask(3, fields=b"Accept: a\r\n") + self.ask(1, fields=b"Accept: b\r\n")
        self.go.set()
        self.assertEqual(sorted(self.replies(clients)), [
            (200, b"/kept/x", "microreg; fwd=miss; collapsed"),
            (200, b"/kept/x", "microreg; fwd=miss; stored")])
        self.assertEqual(len(self.origin.requests), 2)

    def test_when_the_first_client_leaves_another_asks(self):
        first, = self.ask(1)
        self.origin.wait_requests(1)
        others = self.ask(5)
        first.sock.shutdown(2)
        first.close()
        self.origin.wait_requests(2)
        self.go.set()
        self.assertEqual(self.replies(others), {
            (200, b"/kept/x", "microreg; fwd=miss; stored"): 1,
            (200, b"/kept/x", "microreg; fwd=miss; collapsed"): 4})

    def test_what_was_asked_for_before_an_unsafe_request_is_not_kept_after_it(self):
        self.origin.behave = lambda request, peer: (
            reply(204) if request.method == "POST" else self.answer(request, peer))
        clients = self.ask(2)
        self.origin.wait_requests(1)
        self.assertEqual(
            self.gateway.request("POST", "/kept/x", headers={"Host": "t"}).status, 204)
        self.go.set()
        self.assertEqual(self.replies(clients), {
            (200, b"/kept/x", "microreg; fwd=miss"): 1,
            (200, b"/kept/x", "microreg; fwd=miss; stored"): 1})
        self.assertIn("hit", self.gateway.get("/kept/x", {"Host": "t"}).headers.get("Cache-Status"))
        self.assertEqual([r.method for r in self.origin.requests], ["GET", "POST", "GET"])

    def test_when_the_first_one_fails_nobody_waits_on(self):
        self.status = 0
        clients = self.ask(5)
        self.go.set()
        for client in clients:
            self.assertEqual(client.reply().status, 502)
        self.assertEqual(len(self.origin.requests), 5)

    def test_clients_that_leave_while_they_wait_are_forgotten(self):
        first, = self.ask(1)
        for client in self.ask(10):
            client.sock.shutdown(2)
            client.close()
        wait_until(lambda: self.metric("requests_in_flight") == 1, "their end")
        self.go.set()
        self.assertEqual(first.reply().status, 200)

    def test_a_drain_answers_those_that_wait(self):
        clients = self.ask(5)
        self.gateway.send_signal(15)
        self.gateway.wait_log("finishing what runs")
        self.go.set()
        for client in clients:
            self.assertEqual(client.reply().status, 200)
            client.close()
        self.assertEqual(self.gateway.wait(), 0)

    def test_while_the_origin_fails_one_asks_and_the_others_get_the_old_reply_at_once(self):
        self.headers = {"Cache-Control": "max-age=0, stale-if-error=1000"}
        for path, reason in (("/kept/p", 503), ("/q", 502)):
            self.status = 200
            self.go.set()
            self.origin.clear()
            self.assertEqual(self.gateway.get(path).status, 200)
            self.status = reason
            self.assertEqual(self.gateway.get(path).status, 200)  # it asked
            self.go.clear()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _, path=path: self.gateway.get(path), range(40)))
            for answer in answers:
                self.assertEqual((answer.status, answer.body), (200, path.encode()))
                self.assertIn("stale-if-error", answer.headers.get("Cache-Status"))
            self.assertEqual(len(self.origin.requests), 2)
            self.status = 200
            self.go.set()
            wait_until(lambda path=path: "fwd" in self.gateway.get(path).headers.get(
                "Cache-Status"), "a prober that finds it well")
            self.assertIn("fwd", self.gateway.get(path).headers.get("Cache-Status"))

    def test_an_instance_that_comes_is_asked_at_once(self):
        registry = self.stage.registry()
        self.go.set()
        self.headers = {"Cache-Control": "max-age=0, stale-if-error=1000"}
        registry.register("r", self.origin.port, id="one")
        self.gateway = self.stage.gateway({
            "routes": [{"path": "/*", "service": "r", "cache": {}}]})
        self.gateway.wait_status("/x", 200)
        self.status = 0
        for _ in range(3):
            self.assertIn("stale", self.gateway.get("/x").headers.get("Cache-Status"))
        better = self.stage.origin(lambda request, peer: reply(200, b"better", self.headers))
        registry.register("r", better.port, id="two")
        registry.deregister("r", "one")
        wait_until(lambda: self.gateway.get("/x").body == b"better", "the other one")

    def test_a_service_that_is_full_has_not_failed(self):
        self.headers = {"Cache-Control": "max-age=0, stale-while-revalidate=1000"}
        self.gateway = self.stage.gateway({
            "services": {"s": {"instances": [self.origin.address], "max_in_flight": 1}},
            "routes": [{"path": "/*", "service": "s", "cache": {}}]})
        self.go.set()
        self.assertEqual(self.gateway.get("/kept").status, 200)
        self.go.clear()
        with self.gateway.connect() as client:
            client.send(GET % (b"/full", b""))
            self.origin.wait_requests(2)
            self.assertIn("hit", self.gateway.get("/kept").headers.get("Cache-Status"))
            wait_until(lambda: self.metric('service_overflows_total{service="s"}') == 1,
                       "one who finds no place to ask anew")
            self.go.set()
            self.assertEqual(client.reply().status, 200)
        self.assertIn("hit", self.gateway.get("/kept").headers.get("Cache-Status"))
        self.assertEqual(self.origin.wait_requests(3)[2].target, "/kept")  # by the next one

    def test_an_instance_that_can_not_be_reached_is_asked_by_one(self):
        registry = self.stage.registry()
        silent = self.stage.origin(lambda request, peer: None)  # as a host that is off
        self.go.set()
        self.headers = {"Cache-Control": "max-age=0, stale-if-error=1000"}
        registry.register("r", self.origin.port, id="one")
        self.gateway = self.stage.gateway({
            "services": {"r": {"connect_timeout": "50ms", "retry": {"attempts": 1},
                               "breaker": "off"}},
            "routes": [{"path": "/*", "service": "r", "cache": {}}]})
        self.gateway.wait_status("/x", 200)
        registry.register("r", silent.port, id="two", scheme="https")
        registry.deregister("r", "one")
        wait_until(lambda: "stale-if-error" in self.gateway.get("/x").headers.get(
            "Cache-Status"), "the old reply")
        before = silent.accepted
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.gateway.get("/x"), range(40)))
        self.assertEqual({answer.body for answer in answers}, {b"/x"})
        self.assertLess(silent.accepted - before, 10)  # the prober's, now and then


class Validated(Case):
    """An origin with validators; `changed` is what it answers now."""

    def setUp(self):
        super().setUp()
        self.etag, self.life, self.more = '"one"', "max-age=0", {}
        self.origin = self.stage.origin(self.answer)
        self.gateway = self.stage.gateway({
            "services": {"s": {"instances": [self.origin.address]}},
            "routes": [{"path": "/kept/*", "service": "s", "cache": {}},
                       {"path": "/*", "service": "s"}]})

    def answer(self, request, peer):
        headers = {"ETag": self.etag, "Cache-Control": self.life,
                   "X-Count": len(self.origin.requests), **self.more}
        if self.etag and request.headers.get("If-None-Match") == self.etag:
            return reply(304, b"", headers)
        return reply(200, b"body of " + self.etag.encode(),
                     {**headers, "Content-Type": "text/plain"})

    def get(self, path="/kept/x", headers=None):
        """The reply, what the cache says of it, and the request that the origin got last."""
        answer = self.gateway.get(path, headers)
        return answer, answer.headers.get("Cache-Status"), self.origin.requests[-1]

    def test_what_is_still_good_is_not_sent_again(self):
        first, status, asked = self.get()
        self.assertEqual(status, "microreg; fwd=miss; stored")
        for count in (2, 3):
            answer, status, asked = self.get()
            self.assertEqual(status, "microreg; fwd=stale; fwd-status=304; stored")
            self.assertEqual(asked.headers.all("If-None-Match"), ['"one"'])
            self.assertEqual((answer.status, answer.body), (200, first.body))
            self.assertEqual(answer.headers.get("Content-Type"), "text/plain")
            self.assertEqual(answer.headers.all("X-Count"), [str(count)])  # the 304's
            self.assertEqual(len(answer.headers.all("Date")), 1)
        self.assertEqual(len(self.origin.requests), 3)

    def test_a_304_makes_it_fresh_again(self):
        self.get()
        self.life = "max-age=1000"
        self.get()
        self.assertRegex(self.get()[1], r"^microreg; hit; ttl=(1000|99\d)$")
        self.assertEqual(len(self.origin.requests), 2)

    def test_what_has_changed_takes_its_place(self):
        self.get()
        self.etag = '"two"'
        answer, status, asked = self.get()
        self.assertEqual(asked.headers.get("If-None-Match"), '"one"')
        self.assertEqual((answer.body, status),
                         (b'body of "two"', "microreg; fwd=stale; stored"))
        self.assertEqual(self.get()[2].headers.get("If-None-Match"), '"two"')

    def test_the_time_of_the_last_change_will_do(self):
        changed = "Sun, 06 Nov 1994 08:49:37 GMT"

        def answer(request, peer):
            if request.headers.get("If-Modified-Since") == changed:
                return reply(304, b"", {"Cache-Control": "max-age=0"})
            return reply(200, b"old", {"Last-Modified": changed, "Cache-Control": "max-age=0"})
        self.origin.behave = answer
        self.get()
        for _ in range(2):
            answer, status, asked = self.get()
            self.assertNotIn("If-None-Match", asked.headers)
            self.assertEqual((answer.body, status),
                             (b"old", "microreg; fwd=stale; fwd-status=304; stored"))

    def test_no_cache_is_kept_to_be_asked_about_and_never_served_without(self):
        self.life = "no-cache"
        self.get()
        self.assertEqual(self.get()[1], "microreg; fwd=stale; fwd-status=304; stored")
        self.origin.behave = lambda request, peer: reply(503, b"down")
        self.assertEqual(self.get()[0].status, 503)

    def test_the_client_s_own_condition_is_answered_from_what_is_kept(self):
        self.get()
        for tag, status in (('"one"', 304), ('"old", W/"one"', 304), ('"old"', 200)):
            answer, cache, asked = self.get(headers={"If-None-Match": tag})
            self.assertEqual(answer.status, status, tag)
            self.assertEqual(cache, "microreg; fwd=stale; fwd-status=304; stored")
            self.assertEqual(asked.headers.all("If-None-Match"), ['"one"'])

    def test_without_a_kept_reply_a_condition_does_not_keep_one_from_being_kept(self):
        answer, status, asked = self.get(headers={"If-None-Match": '"one"'})
        self.assertNotIn("If-None-Match", asked.headers)
        self.assertEqual((answer.status, status), (200, "microreg; fwd=miss; stored"))

    def test_a_304_about_another_one_changes_nothing(self):
        self.get()
        self.origin.behave = lambda request, peer: reply(304, b"", {"ETag": '"evil"'})
        answer, status, _ = self.get()
        self.assertEqual((answer.body, answer.headers.get("ETag"), status),
                         (b'body of "one"', '"one"', "microreg; fwd=stale; fwd-status=304"))

    def test_where_nothing_is_served_from_the_cache_the_client_s_condition_passes(self):
        for path in ("/plain", "/plain"):
            answer, _, asked = self.get(path, {"If-None-Match": '"one"'})
            self.assertEqual((answer.status, asked.headers.get("If-None-Match")),
                             (304, '"one"'))

    def test_the_old_reply_is_served_while_it_is_asked_about(self):
        self.life = "max-age=0, stale-while-revalidate=1000"
        self.get()
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.origin.behave = lambda request, peer: (
            go_on.wait(20), self.answer(request, peer))[1]
        for _ in range(10):  # one asks
            answer, status, _ = self.get()
            self.assertEqual((answer.status, answer.body), (200, b'body of "one"'))
            self.assertRegex(status, r"^microreg; hit; ttl=-?\d+; detail=stale-while-revalidate$")
        self.assertEqual(len(self.origin.wait_requests(2)), 2)
        self.assertEqual(self.origin.requests[1].headers.all("If-None-Match"), ['"one"'])
        self.life, self.etag = "max-age=1000", '"two"'
        go_on.set()
        wait_until(lambda: self.get()[0].body == b'body of "two"', "the new one")
        self.assertEqual(len(self.origin.requests), 2)
        self.assertIn("; hit; ttl=", self.get()[1])
        self.assertEqual(self.gateway.metrics()["microreg_gateway_cache_refreshes_total"], 1)

    def test_a_304_to_what_is_asked_behind_a_client_s_back_makes_it_fresh(self):
        self.life = "max-age=0, stale-while-revalidate=1000"
        self.get()
        self.life = "max-age=1000"
        self.get()
        wait_until(lambda: "stale" not in self.get()[1], "its freshness")
        self.assertEqual((self.get()[0].body, len(self.origin.requests)), (b'body of "one"', 2))

    def test_a_route_may_say_how_long_the_old_reply_will_do(self):
        self.gateway = self.stage.gateway({
            "services": {"s": {"instances": [self.origin.address]}},
            "routes": [{"path": "/*", "service": "s",
                        "cache": {"ttl": "1h", "stale_while_revalidate": "1h"}}]})
        self.get()
        self.assertIn("stale-while-revalidate", self.get()[1])
        self.life = "max-age=0, stale-while-revalidate=0"
        wait_until(lambda: self.get()[1].startswith("microreg; fwd=stale"), "the origin's word")

    def test_an_origin_that_fails_is_not_asked_for_each_that_gets_the_old_reply(self):
        self.life = "max-age=0, stale-while-revalidate=1000"
        self.get()
        self.origin.behave = lambda request, peer: peer.reset()
        self.get()
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_upstream_failures_total"] > 0,
                   "its failure")
        seen = len(self.origin.wait_requests(2))
        for _ in range(50):
            self.assertEqual(self.get()[0].body, b'body of "one"')
        self.assertLessEqual(len(self.origin.requests), seen + 3)

    def test_parts_of_what_is_kept_are_cut_here(self):
        self.life, self.more = "max-age=1000", {"Accept-Ranges": "bytes"}
        whole = self.get()[0].body
        for asked, status, body, said in (
                ("bytes=0-3", 206, whole[:4], "bytes 0-3/13"),
                ("bytes=-4", 206, whole[-4:], "bytes 9-12/13"),
                ("bytes=99-", 416, b"", "bytes */13"),
                ("bytes=0-1,4-5", 200, whole, None)):
            answer = self.get(headers={"Range": asked})[0]
            self.assertEqual((answer.status, answer.body, answer.headers.get("Content-Range")),
                             (status, body, said))
            self.assertIn("hit", answer.headers.get("Cache-Status"))
            self.assertEqual(answer.headers.get("Content-Type"),
                             None if status == 416 else "text/plain")
            self.assertEqual(answer.headers.get("ETag"), '"one"')
        answer = self.get(headers={"Range": "bytes=0-3", "If-Range": '"old"'})[0]
        self.assertEqual((answer.status, answer.body), (200, whole))
        answer = self.get(headers={"Range": "bytes=0-3", "If-None-Match": '"one"'})[0]
        self.assertEqual((answer.status, answer.body), (304, b""))
        self.assertEqual(len(self.origin.requests), 1)

    def test_a_part_is_asked_for_as_the_client_does(self):
        self.get()
        _, _, asked = self.get(headers={"Range": "bytes=0-3", "If-Range": '"one"'})
        self.assertNotIn("If-None-Match", asked.headers)
        self.assertEqual(asked.headers.get("If-Range"), '"one"')


if __name__ == "__main__":
    unittest.main()
