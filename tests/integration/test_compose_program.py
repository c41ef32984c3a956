"""Composed answers by jq: digits that pass through, errors, and programs that run too long."""

import json
import os
import threading
import unittest

from harness import BUILD, Case, SharedCase, wait_until
from origin import reply

LOOP = "def f: f; f"
# ThreadSanitizer makes libjq's work about twenty times slower.
SLOW = os.path.basename(BUILD) == "tsan"
PROGRAM_TIME, ROUTE_TIME = ("3s", "60s") if SLOW else ("50ms", "10s")
# Each turn allocates: ThreadSanitizer keeps the signal of a thread's clock back until the thread
# calls into libc, and sums of numbers never do.
SLOW_PROGRAM = "reduce ($a[] | $a[] | $a[] | $a[] | $a[]) as $x ([0]; [.[0] + 1]) | .[0]"
# Programs, and values that libjq 1.6 dies of or never comes back from.
FATAL = {
    "/mod": ("$a.x % $a.y", '{"x": -9223372036854775808, "y": -1}'),
    "/date": ("$a | todate", "1e18"),
    "/index": ("$a.s | index($a.of)", '{"s": "abc", "of": ""}'),
    "/path": ("$a | getpath(.p) = 0 | length", '{"p": ["z", 1000000000]}'),
    "/minus": ("$a - [2] - $a | length", json.dumps(list(range(10000)))),
    "/contains": ("$a | contains($a)", json.dumps(list(range(10000)))),
}


def helpers(gateway):
    """The process numbers of its helpers."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if pid.isdigit() and int(fields[1]) == gateway.pid and b"--jq-helper" in words:
            found.append(int(pid))
    return found


def composed(path, program, **more):
    """A route of two calls, a and b, and this program."""
    return {"path": path, "compose": {"calls": {
        "a": {"service": "s", "path": "/a"},
        "b": {"service": "s", "path": "/b", "require": "optional"}}, "reply": program}, **more}


class Programs(SharedCase):
    """One gateway before one origin."""

    @classmethod
    def prepare(cls):
        cls.bodies = {}
        cls.origin = cls.stage.origin(lambda request, peer: reply(
            200 if request.target in cls.bodies else 404,
            cls.bodies.get(request.target, "{}").encode()))
        cls.gateway = cls.stage.gateway({
            "workers": 2,
            "limits": {"program_time": PROGRAM_TIME, "program_memory": "64MiB"},
            "services": {"s": {"instances": [cls.origin.address], "breaker": "off"}},
            "routes": [
                composed("/join", "$a | map(. + {b: $b[.id]})"),
                composed("/all", "."),
                composed("/sorted", "$a | sort_by(.n)"),
                composed("/far", "[range(3)] + [$a]"),
                composed("/error", 'error("secret " + ($a | tostring))'),
                composed("/none", "empty"),
                composed("/loop", LOOP, timeout=ROUTE_TIME),
                composed("/memory", "[range(1e9)]"),
                composed("/string", '"x" * $a'),
                *(composed(path, program) for path, (program, _) in FATAL.items()),
                composed("/slow", SLOW_PROGRAM, timeout=ROUTE_TIME),
                composed("/large", "[$a, $b]", timeout=ROUTE_TIME),
                composed("/fallback", "error", fallback={"status": 200, "json": []}),
                composed("/short", LOOP, timeout="50ms"),
                composed("/views", "$a", views={
                    "small": {"headers": {"X-Device": "watch"}, "query": {"v": True},
                              "reply": "map(.id)"},
                    "phone": {"device": "mobile", "reply": "map({n})"},
                    "robot": {"device": "bot", "reply": 'error("no")'},
                    "far": {"query": {"far": "1"}, "reply": "[range(2)] + map(.n)"},
                    "staff": {"groups": ["staff"], "reply": "length"}}),
                {"path": "/declared", "compose": {
                    "calls": {"a": {"service": "s", "path": "/a"}}, "reply": {"set": {"x": "a"}}},
                 "views": {"short": {"query": {"short": True}, "reply": ".x[0].n"}}},
            ]})

    def setUp(self):
        self.bodies.clear()
        self.bodies.update({"/a": '[{"id": "x"}, {"id": "y"}]', "/b": '{"x": {"n": 1.10}}'})

    def test_a_program_joins(self):
        answer = self.gateway.get("/join")
        self.assertEqual(answer.body, b'[{"id":"x","b":{"n":1.10}},{"id":"y","b":null}]')
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")

    def test_digits_pass_through(self):
        self.bodies.update({"/a": '[{"n": 2.0}, {"n": 1.50}, {"n": 1.5}, {"n": 2}]',
                            "/b": "[9007199254740993, 0.10, 1e2]"})
        self.assertEqual(self.gateway.get("/all").body,
                         b'{"a":[{"n":2.0},{"n":1.50},{"n":1.5},{"n":2}],'
                         b'"b":[9007199254740993,0.10,1e2]}')
        self.assertEqual(self.gateway.get("/sorted").body,
                         b'[{"n":1.50},{"n":1.5},{"n":2.0},{"n":2}]')

    def test_digits_pass_through_a_helper(self):
        self.bodies["/a"] = "[9007199254740993, 0.10]"
        self.assertEqual(self.gateway.get("/far").body, b"[0,1,2,[9007199254740993,0.10]]")
        self.assertTrue(helpers(self.gateway))

    def test_large_input_goes_to_a_helper(self):
        numbers = [f"{i}.50" for i in range(30000)]
        self.bodies["/a"] = self.bodies["/b"] = "[" + ",".join(numbers) + "]"
        one = ("[" + ",".join(numbers) + "]").encode()
        self.assertEqual(self.gateway.get("/large").body, b"[" + one + b"," + one + b"]")

    def test_a_part_that_is_absent_is_null(self):
        del self.bodies["/b"]
        self.assertEqual(self.gateway.get("/all").body, b'{"a":[{"id":"x"},{"id":"y"}]}')
        self.assertEqual(json.loads(self.gateway.get("/join").body)[0]["b"], None)

    def refused(self, path, detail=None):
        """The problem of a join that failed."""
        answer = self.gateway.get(path)
        self.assertEqual(answer.status, 502, answer)
        problem = json.loads(answer.body)
        self.assertEqual(problem["type"], "urn:microreg:problem:join-failed")
        self.assertNotIn("secret", str(problem))
        self.assertEqual(answer.headers.get("X-Composition").count("=200;"), 2)
        if detail:
            self.assertIn(detail, problem["detail"])

    def test_an_error_is_a_502_with_its_message_in_the_log(self):
        def logged():
            self.refused("/error")
            return 'failed: secret [{"id":"x"},{"id":"y"}]' in self.gateway.log()
        wait_until(logged, "the message, which is logged once a second")
        self.refused("/none")

    def test_a_fallback_stands_for_a_failed_join(self):
        self.assertEqual(self.gateway.get("/fallback").body.strip(), b"[]")

    def test_no_value_ends_the_gateway(self):
        for path, (_, value) in FATAL.items():
            with self.subTest(path=path):
                self.bodies["/a"] = value
                self.assertIn(self.gateway.get(path).status, (200, 502, 503))
        self.assertTrue(self.gateway.is_running())

    def test_a_program_that_loops_is_stopped_and_others_go_on(self):
        answers, done = [], threading.Event()

        def ask():
            while not done.is_set():
                answers.append(self.gateway.get("/join").status)
        others = [threading.Thread(target=ask) for _ in range(2)]
        for thread in others:
            thread.start()
        for _ in range(3):
            self.refused("/loop", "more than it may")
        done.set()
        for thread in others:
            thread.join()
        self.assertEqual(set(answers), {200})
        self.assertEqual(self.gateway.get("/far").status, 200)

    def test_memory_is_bounded(self):
        answer = self.gateway.get("/memory")
        self.assertIn(answer.status, (502, 503), answer)
        self.bodies["/a"] = "1e9"
        self.assertIn(self.gateway.get("/string").status, (502, 503))
        self.bodies["/a"] = "3"
        self.assertEqual(self.gateway.get("/string").body, b'"xxx"')
        self.assertEqual(self.gateway.get("/join").status, 502)  # 3 is no list
        self.assertEqual(self.gateway.get("/far").status, 200)

    def test_a_tame_program_that_takes_long_is_moved_and_stopped(self):
        self.bodies["/a"] = json.dumps(list(range(40)))
        self.refused("/slow", "more than it may")
        self.bodies["/a"] = "[1, 2]"
        self.assertEqual(self.gateway.get("/slow").body, b"32")

    def test_the_time_of_the_route_ends_a_helper(self):
        self.refused("/short", "timeout")

    def test_views(self):
        self.bodies["/a"] = '[{"id": 1, "n": 0.10}, {"id": 2, "n": 9007199254740993}]'
        whole = b'[{"id":1,"n":0.10},{"id":2,"n":9007199254740993}]'
        for path, headers, body in (
                ("/views", {}, whole),
                ("/views", {"X-Device": "watch"}, whole),
                ("/views?v=1", {"X-Device": "watch"}, b"[1,2]"),
                ("/views", {"User-Agent": "x (iPhone) Mobile/15"},
                 b'[{"n":0.10},{"n":9007199254740993}]'),
                ("/views", {"User-Agent": "Mozilla/5.0 (X11)"}, whole),
                ("/views?far=1", {}, b"[0,1,0.10,9007199254740993]"),
                ("/declared", {}, b'{"x":' + self.bodies["/a"].encode() + b"}"),
                ("/declared?short", {}, b"0.10")):
            answer = self.gateway.get(path, headers)
            self.assertEqual((answer.status, answer.body), (200, body), (path, headers))
        self.assertEqual(self.gateway.get("/views").headers.get("Vary"), "X-Device, User-Agent")
        self.assertEqual(self.gateway.get("/views", {"User-Agent": "Googlebot/2.1"}).status, 502)

    def test_a_client_that_leaves_ends_its_helper(self):
        connection = self.gateway.connect()
        connection.send(b"GET /loop HTTP/1.1\r\nHost: shop\r\n\r\n")
        self.origin.wait_requests(2)
        connection.close()
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_requests_in_flight"] == 0,
                   "the end of the request")

    def test_more_loops_than_helpers_wait_their_turn(self):
        statuses = []
        asking = [threading.Thread(target=lambda: statuses.append(self.gateway.get("/loop").status))
                  for _ in range(6)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        self.assertEqual(statuses, [502] * 6)
        self.assertLessEqual(len(helpers(self.gateway)), 4)


class Ends(Case):
    """What becomes of helpers when their gateway ends."""

    def prepare_one(self):
        """A gateway with a helper."""
        origin = self.stage.origin(lambda request, peer: reply(200, b"[]"))
        gateway = self.stage.gateway({"services": {"s": {"instances": [origin.address]}},
                                      "routes": [composed("/far", "[range(3)]")]})
        self.assertEqual(gateway.get("/far").body, b"[0,1,2]")
        found = helpers(gateway)
        self.assertEqual(len(found), 1)
        return gateway, found[0]

    def test_no_helper_survives_its_gateway(self):
        for end in ("stop", "kill"):
            gateway, helper = self.prepare_one()
            getattr(gateway, end)()
            wait_until(lambda pid=helper: not os.path.exists(f"/proc/{pid}"), "the helper's end")

    def test_a_helper_that_is_killed_is_replaced(self):
        gateway, helper = self.prepare_one()
        os.kill(helper, 9)
        wait_until(lambda: helper not in helpers(gateway), "the end of the old one")
        self.assertEqual(gateway.get("/far").body, b"[0,1,2]")

    def test_a_program_that_is_none_is_a_mistake_with_its_line(self):
        file = os.path.join(self.stage.dir, "bad.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write('registry: {urls: ["http://127.0.0.1:1"]}\nroutes:\n  - path: /a\n'
                      "    compose:\n      calls: {a: {service: s, path: /a}}\n"
                      "      reply: '.a |'\n")
        code, _, told = self.stage.check("microreg-gateway", "--config", file, "--check")
        self.assertEqual(code, 1)
        self.assertRegex(told, r"bad.yaml:6: routes\[0\].compose.reply: jq: syntax error")


if __name__ == "__main__":
    unittest.main()
