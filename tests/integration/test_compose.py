"""One request, many services: calls as a graph, their policies, and the declared join."""

import json
import threading
import unittest

from harness import Case, SharedCase, wait_until
from origin import Peer, chunked, reply

JSON = {"Content-Type": "application/json"}


class Backend:
    """What an origin of the tests answers: by path, a status and a document, or a function."""

    def __init__(self, stage):
        self.answers = {}
        self.origin = stage.origin(self.behave)

    def behave(self, request, peer):
        """The answer of that target, else 404."""
        answer = self.answers.get(request.target, (404, '{"error": "not found"}'))
        if callable(answer):
            return answer(request, peer)
        status, body = answer
        return reply(status, body.encode() if isinstance(body, str) else body, JSON)

    def targets(self):
        """What was asked so far."""
        with self.origin.changed:
            return [request.target for request in self.origin.requests]


def parts(answer):
    """X-Composition as {part: "200"}, the times left out."""
    field = answer.headers.get("X-Composition")
    return dict(part.rsplit(";", 1)[0].split("=", 1) for part in field.split(", ") if part)


ORDER = '{"id": 1, "description": "A study", "customerId": 56, "lines": [{"price": 3.50}], ' \
        '"total": 0.10, "big": 9007199254740993}'
ADA = '{"id": 56, "name": "Ada \\u00e9\U0001f600"}'


class Composed(SharedCase):
    """One gateway before three origins."""

    @classmethod
    def prepare(cls):
        cls.orders, cls.users, cls.stock = (Backend(cls.stage) for _ in range(3))
        order = {"service": "orders", "path": "/orders/{id}"}
        customer = {"service": "users", "path": "/users/{order.customerId}"}
        join = {"from": "order", "set": {"customer": "customer"}, "drop": ["customerId"]}

        def joined(path, **policy):
            return {"path": path, "compose": {
                "calls": {"customer": {**customer, **policy}, "order": order}, "reply": join}}
        cls.routes = [
            joined("/orders/{id}"),
            joined("/optional/{id}", require="optional"),
            joined("/default/{id}", require='default: {"name": "nobody", "n": 1.10}'),
            joined("/stale/{id}", require="stale", cache={"stale_if_error": "1h"}),
            joined("/brief/{id}", require="optional", timeout="150ms"),
            joined("/cached/{id}", cache={"ttl": "1h"}),
            {**joined("/tight/{id}"), "timeout": "400ms"},
            {**joined("/fallback/{id}"), "fallback": {"status": 200, "json": {"sorry": True}}},
            {"path": "/side", "compose": {"calls": {
                "a": {"service": "orders", "path": "/a"},
                "b": {"service": "users", "path": "/b"},
                "c": {"service": "stock", "path": "/c", "require": "optional"}}}},
            {"path": "/values/{id}", "compose": {"calls": {
                "one": {"service": "orders", "path": "/one"},
                "two": {"service": "users", "method": "POST",
                        "path": "/v/{one.value}/{path.id}?v={one.value}&q={query.q}&x=1",
                        "headers": {"X-Value": "{one.value}", "X-Tenant": "{header.X-Tenant}",
                                    "User-Agent": "composer"}}},
                "reply": {"set": {"two": "two", "first": "one.list[0]"}}}},
            {"path": "/post/{id}", "methods": ["POST"], "compose": {"calls": {
                "made": {"service": "orders", "method": "POST", "path": "/made", "json": {
                    "who": "{body.user.id}", "all": "{body}", "text": "<{body.user.name}> {id}",
                    "q": "{query.q}", "none": "{query.none}", "gone": "{body.gone}", "n": 1.5,
                    "brace": "{{x}}", "list": ["{path.id}", True, None]}},
                "seen": {"service": "users", "method": "PUT", "path": "/seen/{body.user.id}",
                         "headers": {"Content-Type": "application/merge-patch+json"},
                         "json": {"made": "{made.id}", "deep": "{made.deep}"}},
                "each": {"service": "stock", "path": "/s/{item}", "for_each": ".body.items"
                         "[]", "require": "optional"}}}},
            {"path": "/when", "compose": {"calls": {
                "order": {"service": "orders", "path": "/orders/1"},
                "paid": {"service": "users", "path": "/paid", "when": "{order.total} == 0.10"},
                "open": {"service": "users", "path": "/open", "when": "{order.total} != 0.10"},
                "extra": {"service": "stock", "path": "/extra",
                          "when": ["{query.expand}", "{query.expand} != no"]},
                "after": {"service": "stock", "path": "/after/{extra.id}"}}}},
        ]
        cls.gateway = cls.stage.gateway({
            "services": {name: {"instances": [one.origin.address], "retry": {"attempts": 1},
                                "breaker": "off"}
                         for name, one in (("orders", cls.orders), ("users", cls.users),
                                           ("stock", cls.stock))},
            "routes": cls.routes})

    def setUp(self):
        for backend in (self.orders, self.users, self.stock):
            backend.origin.clear()
            backend.answers = {}
        self.orders.answers = {"/orders/1": (200, ORDER), "/a": (200, "[1, 2.50]"),
                               "/one": (200, '{"value": 7, "list": [1.0]}')}
        self.users.answers = {"/users/56": (200, ADA), "/b": (200, ' {"b": null} ')}
        self.stock.answers = {"/c": (200, '"c"')}

    def problem(self, answer, status):
        """The problem document of a failed answer."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")
        self.assertNotIn(b"127.0.0.1", answer.body)
        self.assertNotIn("127.0.0.1", str(answer.headers.get("Proxy-Status")))
        return json.loads(answer.body)

    # ---- Joining ----

    def test_an_order_has_its_customer_in_the_place_of_the_key(self):
        answer = self.gateway.get("/orders/1")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")
        self.assertEqual(answer.body.decode(),
                         '{"id":1,"description":"A study","customer":' + ADA + ',"lines":'
                         '[{"price": 3.50}],"total":0.10,"big":9007199254740993}')
        self.assertEqual(parts(answer), {"customer": "200", "order": "200"})
        self.assertEqual(self.users.targets(), ["/users/56"])

    def test_head_has_the_length_and_no_body(self):
        whole = self.gateway.get("/orders/1")
        answer = self.gateway.request("HEAD", "/orders/1")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers.get("Content-Length"), str(len(whole.body)))

    def test_without_a_reply_key_parts_stand_side_by_side(self):
        answer = self.gateway.get("/side")
        self.assertEqual(answer.body, b'{"a":[1, 2.50],"b":{"b": null},"c":"c"}')

    def test_a_chunked_part_and_an_empty_one(self):
        self.orders.answers["/a"] = lambda request, peer: chunked([b"[", b"1", b"]"])
        self.users.answers["/b"] = lambda request, peer: reply(204)
        self.assertEqual(self.gateway.get("/side").body, b'{"a":[1],"b":null,"c":"c"}')

    def test_many_requests_on_one_connection(self):
        with self.gateway.connect() as connection:
            connection.send(b"GET /orders/1 HTTP/1.1\r\nHost: shop\r\n\r\n" * 50)
            for _ in range(50):
                self.assertIn(b'"customer":', connection.reply().body)

    # ---- What is asked ----

    def test_values_stay_in_their_place(self):
        for value, path, query in (
                ('"a/../b?c=d&e#f"', "a%2F..%2Fb%3Fc%3Dd%26e%23f", None),
                ('"\\u00e9 \\r\\nX: y"', "%C3%A9%20%0D%0AX%3A%20y", None),
                ("9007199254740993", "9007199254740993", None), ("0.10", "0.10", None),
                ("true", "true", None), ('"%2e%2e/"', "%252e%252e%2F", None)):
            self.orders.answers["/one"] = (200, '{"value": %s, "list": [1]}' % value)
            target = f"/v/{path}/7?v={query or path}&q=x%26y&x=1"
            self.users.answers[target] = (200, "1")
            answer = self.gateway.get("/values/7?q=x%26y", {"X-Tenant": "t"})
            self.assertEqual(answer.status, 200, (value, answer, self.users.targets()))
            self.assertEqual(answer.body, b'{"two":1,"first":1}')

    def test_values_that_can_be_no_segment_are_refused(self):
        for value in ('".."', '"."', '""', "null", "{}", "[]", '"a\\u0000b"'):
            self.orders.answers["/one"] = (200, '{"value": %s}' % value)
            problem = self.problem(self.gateway.get("/values/7"), 502)
            self.assertEqual(problem["type"], "urn:microreg:problem:part-lacks", value)
            self.assertEqual(problem["part"], "two")
        self.assertEqual(self.users.targets(), [])

    def test_what_the_services_get(self):
        self.users.answers["/v/7/8?v=7&q=&x=1"] = (201, "{}")
        answer = self.gateway.request("GET", "/values/8", headers={
            "X-Tenant": "acme", "Accept": "text/html", "Accept-Encoding": "gzip",
            "If-None-Match": '"x"', "Range": "bytes=0-1", "Cookie": "c=1", "User-Agent": "me",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
        self.assertEqual(answer.status, 200, answer)
        one = self.orders.origin.wait_requests(1)[0]
        two = self.users.origin.wait_requests(1)[0]
        self.assertEqual((one.method, two.method), ("GET", "POST"))
        for request in (one, two):
            self.assertEqual(request.headers.get("Accept"), "application/json")
            self.assertEqual(request.headers.get("Cookie"), "c=1")
            self.assertEqual(request.headers.get("X-Request-Id"),
                             answer.headers.get("X-Request-Id"))
            for name in ("Accept-Encoding", "If-None-Match", "Range"):
                self.assertIsNone(request.headers.get(name), name)
            self.assertTrue(0 < int(request.headers.get("X-Timeout-Ms")) <= 8500)
            self.assertRegex(request.headers.get("traceparent"),
                             "^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$")
        self.assertNotEqual(one.headers.get("traceparent"), two.headers.get("traceparent"))
        self.assertEqual(two.headers.get("X-Value"), "7")
        self.assertEqual(two.headers.get("X-Tenant"), "acme")
        self.assertEqual((one.headers.get("User-Agent"), two.headers.get("User-Agent")),
                         ("me", "composer"))
        self.assertEqual(two.headers.get("Content-Length"), "0")

    def test_a_trace_begun_here_is_one(self):
        self.gateway.get("/orders/1")
        ids = {backend.origin.wait_requests(1)[0].headers.get("traceparent").split("-")[1]
               for backend in (self.orders, self.users)}
        self.assertEqual(len(ids), 1)

    def test_conditions(self):
        self.users.answers.update({"/paid": (200, "1"), "/open": (200, "2")})
        self.stock.answers.update({"/extra": (200, '{"id": 5}'), "/after/5": (200, "3")})
        answer = self.gateway.get("/when")
        self.assertEqual(sorted(json.loads(answer.body)), ["order", "paid"])
        self.assertEqual(parts(answer), {"order": "200", "paid": "200", "open": "skipped",
                                         "extra": "skipped", "after": "skipped"})
        answer = self.gateway.get("/when?expand=yes")
        self.assertEqual(json.loads(answer.body)["after"], 3)
        self.assertEqual(parts(self.gateway.get("/when?expand=no"))["extra"], "skipped")

    # ---- Bodies ----

    def post(self, body, path="/post/7?q=%22x%22%0a", headers=None):
        """POST to the route that takes values of the body."""
        self.orders.answers["/made"] = (201, '{"id": 9007199254740993, "deep": {"a": [0.10]}}')
        self.users.answers["/seen/56"] = (200, "{}")
        return self.gateway.request("POST", path, body, headers or {})

    def test_calls_send_bodies_of_values(self):
        self.stock.answers["/s/a"] = (200, "1")
        body = b'{"user": {"id": 56, "name": "\\"A\\u00e9\\""}, "items": ["a"]}'
        answer = self.post(body)
        self.assertEqual(answer.status, 200, answer)
        made = self.orders.origin.wait_requests(1)[0]
        self.assertEqual(made.body, b'{"who":56,"all":' + body + b',"text":"<\\"A\xc3\xa9\\"> 7",'
                         b'"q":"\\"x\\"\\u000A","none":null,"gone":null,"n":1.5,'
                         b'"brace":"{x}","list":["7",true,null]}')
        self.assertEqual(made.headers.get("Content-Type"), "application/json")
        seen = self.users.origin.wait_requests(1)[0]
        self.assertEqual((seen.method, seen.body),
                         ("PUT", b'{"made":9007199254740993,"deep":{"a": [0.10]}}'))
        self.assertEqual(seen.headers.get("Content-Type"), "application/merge-patch+json")
        self.assertEqual(json.loads(answer.body)["each"], {"a": 1})

    def test_a_body_that_is_none_is_a_400(self):
        for body in (b"{", b"no", b'"\xff"', b'{"a": 1, "a": 2}'):
            self.assertEqual(self.problem(self.post(body), 400)["type"],
                             "urn:microreg:problem:bad-request")
        self.assertEqual(self.problem(self.post(b'{"user": {"id": 56}}'), 400)["part"], "made")
        self.assertEqual(self.problem(self.post(b" " * (5 << 20)), 413)["status"], 413)
        self.assertEqual(self.orders.targets(), [])
        self.problem(self.post(b'{"user": {"id": 56, "name": "x"}}', "/post/7?q=%ff"), 400)

    def test_a_body_that_is_cut_short_ends_the_composition(self):
        for head in (b"POST /post/7", b"POST /side"):
            with self.gateway.connect() as connection:
                connection.send(head + b" HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\n{")
                connection.half_close()
                self.assertIn(connection.reply().status, (200, 400))
                self.assertEqual(connection.rest(), b"")

    def test_a_client_that_waits_for_100_continue(self):
        with self.gateway.connect() as connection:
            connection.send(b"POST /post/7 HTTP/1.1\r\nHost: shop\r\nContent-Length: 33\r\n"
                            b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(connection.reply().status, 100)
            self.orders.answers["/made"] = (201, '{"id": 1}')
            self.users.answers["/seen/56"] = (200, "{}")
            connection.send(b'{"user": {"id": 56, "name": "x"}}')
            self.assertEqual(connection.reply().status, 200)

    # ---- Failures ----

    FAILURES = {
        "404": ((404, "{}"), 404, "part-failed"),
        "500": ((500, "{}"), 500, "part-failed"),
        "302": ((302, "{}"), 302, "part-failed"),
        "garbage": ((200, "{]"), 502, "part-malformed"),
        "twice": ((200, '{"a": 1, "a": 2}'), 502, "part-malformed"),
        "deep": ((200, "[" * 100 + "]" * 100), 502, "part-malformed"),
        "latin": ((200, b'"\xe9"'), 502, "part-malformed"),
        "empty": ((200, ""), 502, "part-malformed"),
        "large": ((200, " " * (1 << 20) + "1"), 502, "part-too-large"),
        "large, in chunks": (lambda request, peer: chunked([b" " * 65536] * 17), 502,
                             "part-too-large"),
        "coded": (lambda request, peer: reply(200, b"1", {"Content-Encoding": "gzip"}), 502,
                  "part-malformed"),
        "reset": (lambda request, peer: peer.reset(), 502, "reply-cut"),
        "no HTTP": (lambda request, peer: b"HELLO\r\n\r\n", 502, "reply-malformed"),
        "cut short": (lambda request, peer: (peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), peer.close())[1], 502,
            "reply-cut"),
    }

    def test_a_required_part_fails_the_answer(self):
        for name, (behave, status, kind) in self.FAILURES.items():
            with self.subTest(name):
                self.users.answers["/users/56"] = behave
                answer = self.gateway.get("/orders/1")
                self.assertEqual(answer.status, status if status != 302 else 502, answer)
                problem = json.loads(answer.body)
                self.assertEqual(problem["type"], f"urn:microreg:problem:{kind}")
                self.assertEqual(problem["part"], "customer")
                self.assertIn('"customer"', problem["detail"])
                self.assertNotIn(b"127.0.0.1", answer.body)
                self.assertNotIn("127.0.0.1", repr(answer))
                self.assertEqual(parts(answer)["order"], "200")

    def test_an_optional_part_is_left_out(self):
        for name, (behave, _, _) in self.FAILURES.items():
            with self.subTest(name):
                self.users.answers["/users/56"] = behave
                answer = self.gateway.get("/optional/1")
                self.assertEqual(answer.status, 200, answer)
                self.assertNotIn("customer", json.loads(answer.body))
                self.assertNotIn("customerId", json.loads(answer.body))
                self.assertEqual(parts(answer), {"customer": "absent", "order": "200"})
                self.assertEqual(answer.headers.get("Cache-Control"), "no-store")

    def test_a_default_stands_for_a_part(self):
        for name, (behave, _, _) in self.FAILURES.items():
            with self.subTest(name):
                self.users.answers["/users/56"] = behave
                answer = self.gateway.get("/default/1")
                self.assertIn(b'"customer":{"name": "nobody", "n": 1.10}', answer.body)
                self.assertEqual(parts(answer)["customer"], "default")

    def test_the_first_part_fails(self):
        for name, (behave, status, kind) in self.FAILURES.items():
            with self.subTest(name):
                self.orders.answers["/orders/1"] = behave
                answer = self.gateway.get("/optional/1")
                self.assertEqual(answer.status, status if status != 302 else 502)
                self.assertEqual(json.loads(answer.body)["part"], "order")
        self.assertEqual(self.users.targets(), [])

    def test_a_stale_reply_will_do(self):
        for name in ("500", "reset", "no HTTP"):
            self.users.answers["/users/56"] = lambda request, peer: reply(
                200, ADA.encode(), {"Cache-Control": "max-age=0"})
            self.assertEqual(parts(self.gateway.get("/stale/1"))["customer"], "200")
            self.users.answers["/users/56"] = self.FAILURES[name][0]
            answer = self.gateway.get("/stale/1")
            self.assertEqual(parts(answer)["customer"], "stale", name)
            self.assertIn(ADA.encode(), answer.body)
        self.users.answers["/users/56"] = (404, "{}")
        self.problem(self.gateway.get("/stale/1"), 404)
        self.problem(self.gateway.get("/orders/1"), 404)

    def test_a_fallback_stands_for_the_answer(self):
        self.users.answers["/users/56"] = (500, "{}")
        answer = self.gateway.get("/fallback/1")
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {"sorry": True}))
        self.users.answers["/users/56"] = (404, "{}")
        self.assertEqual(self.gateway.get("/fallback/1").status, 404)

    def test_what_the_answer_is_made_from_must_be_an_object(self):
        self.orders.answers["/orders/1"] = (200, '[{"customerId": 56}]')
        self.assertEqual(self.problem(self.gateway.get("/default/1"), 502)["type"],
                         "urn:microreg:problem:join-failed")

    def test_each_part_is_cached_by_its_own_key(self):
        for _ in range(3):
            self.assertEqual(self.gateway.get("/cached/1").status, 200)
        self.assertEqual(self.users.targets(), ["/users/56"])
        self.assertEqual(self.orders.targets(), ["/orders/1"] * 3)

    # ---- Time ----

    def test_a_part_has_a_timeout_of_its_own(self):
        never = threading.Event()
        self.addCleanup(never.set)
        self.users.answers["/users/56"] = lambda request, peer: never.wait(20) and None
        answer = self.gateway.get("/brief/1")
        self.assertEqual(parts(answer), {"customer": "absent", "order": "200"})
        request = self.users.origin.wait_requests(1)[0]
        self.assertTrue(0 < int(request.headers.get("X-Timeout-Ms")) <= 150)

    def test_a_body_that_does_not_end_is_not_waited_for(self):
        self.users.answers["/users/56"] = lambda request, peer: peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        self.assertEqual(parts(self.gateway.get("/brief/1"))["customer"], "absent")

    def test_parts_leave_time_for_the_answer(self):
        never = threading.Event()
        self.addCleanup(never.set)
        self.users.answers["/users/56"] = lambda request, peer: never.wait(20) and None
        problem = self.problem(self.gateway.get("/tight/1"), 504)
        self.assertEqual(problem["type"], "urn:microreg:problem:upstream-timeout")
        request = self.users.origin.wait_requests(1)[0]
        self.assertTrue(0 < int(request.headers.get("X-Timeout-Ms")) <= 340)

    def test_parts_run_at_the_same_time(self):
        barrier = threading.Barrier(3, timeout=20)

        def meet(request, peer):
            barrier.wait()
            return reply(200, b"1")
        self.orders.answers["/a"] = self.users.answers["/b"] = self.stock.answers["/c"] = meet
        self.assertEqual(self.gateway.get("/side").body, b'{"a":1,"b":1,"c":1}')

    def test_a_part_that_fails_gives_the_others_up(self):
        begun, ended = threading.Event(), threading.Event()

        def wait(request, peer):
            begun.set()
            if not peer.sock.recv(1):
                ended.set()

        def fail(request, peer):
            begun.wait(20)
            return reply(500, b"{}")
        self.stock.answers["/c"] = wait
        self.users.answers["/b"] = fail
        answer = self.gateway.get("/side")
        self.assertEqual(json.loads(answer.body)["part"], "b")
        self.assertEqual(parts(answer)["c"], "cancelled")
        self.assertTrue(ended.wait(20))

    def test_a_client_that_leaves_cancels_all_parts(self):
        begun, ended = threading.Barrier(3, timeout=20), threading.Semaphore(0)

        def wait(request, peer):
            begun.wait()
            if not peer.sock.recv(1):
                ended.release()
        self.users.answers["/b"] = self.stock.answers["/c"] = wait
        connection = self.gateway.connect()
        connection.send(b"GET /side HTTP/1.1\r\nHost: shop\r\n\r\n")
        begun.wait()
        Peer(connection.sock, 0).reset()
        self.assertTrue(ended.acquire(timeout=20) and ended.acquire(timeout=20))
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_requests_in_flight"] == 0,
                   "the end of the request")

    def test_parts_are_counted(self):
        name = 'microreg_gateway_composed_parts_total{result="absent"}'
        before = self.gateway.metrics()[name]
        self.users.answers = {}
        self.gateway.get("/optional/1")
        self.assertEqual(self.gateway.metrics()[name], before + 1)


class Calls(Case):
    """What a call shares with a routed request."""

    def settings(self, service, **more):
        """A composed route of one call."""
        return {"services": {"s": service}, "routes": [{"path": "/c", "compose": {
            "calls": {"a": {"service": "s", "path": "/a", **more}}}}]}

    def test_the_host_that_a_call_sets_is_the_only_one(self):
        origin = self.stage.origin(lambda request, peer: reply(200, b"{}"))
        gateway = self.stage.gateway(self.settings(
            {"instances": [origin.address]}, headers={"Host": "{query.shop}"}))
        for path, host in (("/c?shop=eu.example:81", "eu.example:81"), ("/c", "gate")):
            origin.clear()
            self.assertEqual(gateway.get(path, {"Host": "gate"}).status, 200)
            self.assertEqual(origin.wait_requests(1)[0].headers.all("Host"), [host])
        answer = gateway.get("/c?shop=a%20b")
        self.assertEqual(answer.status, 400, answer)
        self.assertIn("malformed", json.loads(answer.body)["detail"])

    def test_a_call_is_tried_again_elsewhere(self):
        bad = self.stage.origin(lambda request, peer: reply(503, b"{}"))
        good = self.stage.origin(lambda request, peer: reply(200, b"1"))
        gateway = self.stage.gateway(self.settings({"instances": [bad.address, good.address]}))
        for _ in range(4):
            self.assertEqual(gateway.get("/c").body, b'{"a":1}')

    def test_an_unsafe_call_is_sent_once(self):
        origin = self.stage.origin(lambda request, peer: reply(503, b"{}"))
        gateway = self.stage.gateway(self.settings({"instances": [origin.address] * 1},
                                                   method="POST"))
        self.assertEqual(gateway.get("/c").status, 503)
        self.assertEqual(len(origin.requests), 1)

    def test_a_backup_service_stands_in(self):
        origin = self.stage.origin(lambda request, peer: reply(200, b"2"))
        settings = self.settings({"instances": ["http://127.0.0.1:1"], "backup": "b"})
        settings["services"]["b"] = {"instances": [origin.address]}
        gateway = self.stage.gateway(settings)
        self.assertEqual(gateway.get("/c").body, b'{"a":2}')

    def test_instances_come_from_the_registry(self):
        registry = self.stage.registry()
        origin = self.stage.origin(lambda request, peer: reply(200, b"3"))
        gateway = self.stage.gateway({"routes": [{"path": "/c", "compose": {
            "calls": {"a": {"service": "s", "path": "/a"}}}}]})
        self.assertEqual(gateway.get("/c").status, 503)
        registry.register("s", origin.port)
        self.assertEqual(gateway.wait_status("/c", 200).body, b'{"a":3}')


if __name__ == "__main__":
    unittest.main()
