"""A second request to another instance, when the first takes longer than most."""

import json
import socket
import struct
import threading
import unittest

from harness import Case, wait_until
from origin import reply


class Hedge(Case):
    """Two instances; the first of each turn is what a test makes of it."""

    def setUp(self):
        super().setUp()
        self.go = threading.Event()
        self.addCleanup(self.go.set)

    def slow(self, request, peer):
        """Answers when it may."""
        self.go.wait(60)
        return reply(200, b"slow")

    def fast(self, request, peer):
        """Answers at once."""
        return reply(200, b"fast")

    def start(self, *behaviours, after="20ms", service=None, **route):
        """A gateway of one worker, whose requests begin with the first of the instances."""
        self.origins = [self.stage.origin(behave) for behave in behaviours]
        return self.stage.gateway({
            "workers": 1,
            "services": {"s": {"instances": [o.address for o in self.origins],
                               "breaker": "off", **(service or {})}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", "timeout": "1h",
                        "hedge": {"after": after}, **route}]})

    def counts(self, gateway):
        """Second requests: sent, won."""
        metrics = gateway.metrics()
        return tuple(metrics[f'microreg_gateway_service_hedges{end}{{service="s"}}']
                     for end in ("_total", "_won_total"))

    def wait_line(self, gateway, count=1):
        """The last line of the access log, when there are so many."""
        return wait_until(lambda: len(gateway.access_log()) >= count and
                          gateway.access_log()[-1], "the access log")

    def test_the_second_instance_answers_for_a_slow_one_and_the_slow_one_is_left(self):
        gateway = self.start(self.slow, self.fast)
        self.assertEqual(gateway.get("/x").body, b"fast")
        self.assertEqual(self.counts(gateway), (1, 1))
        self.assertEqual([len(o.requests) for o in self.origins], [1, 1])
        line = self.wait_line(gateway)
        self.assertIn("HG", line["flags"])
        self.assertEqual((line["attempts"], line["instance"]), (2, self.origins[1].address))
        raw = [o.requests[0].raw for o in self.origins]
        self.assertEqual(raw[0].split(b"\r\n")[1:], raw[1].split(b"\r\n")[1:])
        wait_until(lambda: gateway.metrics()["microreg_gateway_upstream_connections"] == 1,
                   "the end of the slow one's connection")

    def test_the_first_one_wins_when_it_answers_first(self):
        gateway = self.start(self.slow, lambda request, peer: self.go.wait(60) and None)
        client = gateway.connect()
        client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
        self.origins[1].wait_requests(1)
        self.go.set()
        self.assertEqual(client.reply().body, b"slow")
        self.assertEqual(self.counts(gateway), (1, 0))
        line = self.wait_line(gateway)
        self.assertEqual((line["attempts"], line["flags"]), (1, ["HG"]))

    def test_a_large_reply_of_the_second_one_comes_whole(self):
        body = bytes(range(256)) * 8000
        gateway = self.start(self.slow, lambda request, peer: reply(200, body))
        self.assertEqual(gateway.get("/x").body, body)

    def test_what_changes_something_is_not_sent_twice(self):
        gateway = self.start(self.slow, self.fast)
        threading.Timer(0.2, self.go.set).start()
        for method in ("POST", "PUT", "DELETE"):
            self.assertIn(gateway.request(method, "/x", b"").status, (200,))
        self.assertEqual(self.counts(gateway), (0, 0))

    def test_a_bad_answer_of_the_second_one_does_not_count(self):
        gateway = self.start(self.slow, lambda request, peer: reply(503, b"no"))
        client = gateway.connect()
        client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
        self.origins[1].wait_requests(1)
        wait_until(lambda: gateway.metrics()["microreg_gateway_upstream_failures_total"] == 1,
                   "the bad answer")
        self.go.set()
        self.assertEqual(client.reply().body, b"slow")

    def test_the_second_one_goes_on_when_the_first_fails(self):
        def fails(request, peer):
            self.origins[1].wait_requests(1)
            peer.reset()

        def answers(request, peer):
            wait_until(lambda: gateway.metrics()
                       ["microreg_gateway_upstream_failures_total"] == 1, "the reset")
            return reply(200, b"fast")
        gateway = self.start(fails, answers)
        self.assertEqual(gateway.get("/x").body, b"fast")
        self.assertEqual([len(o.requests) for o in self.origins], [1, 1])
        self.assertEqual(self.wait_line(gateway)["attempts"], 2)

    def test_the_second_one_goes_on_when_the_first_answers_badly(self):
        def fails(request, peer):
            self.origins[1].wait_requests(1)
            return reply(503, b"no")

        def answers(request, peer):
            wait_until(lambda: gateway.metrics()
                       ["microreg_gateway_upstream_failures_total"] == 1, "the bad answer")
            return reply(200, b"fast")
        gateway = self.start(fails, answers)
        self.assertEqual(gateway.get("/x").body, b"fast")
        self.assertEqual([len(o.requests) for o in self.origins], [1, 1])

    def test_both_fail_and_a_third_is_tried(self):
        def fails(request, peer):
            self.origins[1].wait_requests(1)
            peer.reset()

        def fails_then(request, peer):
            wait_until(lambda: gateway.metrics()
                       ["microreg_gateway_upstream_failures_total"] == 1, "the first reset")
            peer.reset()
        gateway = self.start(fails, fails_then, self.fast,
                             service={"retry": {"attempts": 3}})
        self.assertEqual(gateway.get("/x").body, b"fast")
        self.assertEqual([len(o.requests) for o in self.origins], [1, 1, 1])

    def test_they_are_bounded_by_the_retry_budget(self):
        gateway = self.start(self.slow, self.slow, service={"retry": {"budget": 0}})
        clients = [gateway.connect() for _ in range(40)]
        for client in clients:
            client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_until(lambda: sum(len(o.requests) for o in self.origins) == 50, "40 and 10 requests")
        self.assertEqual(self.counts(gateway)[0], 10)
        self.go.set()
        for client in clients:
            self.assertEqual(client.reply().status, 200)
        self.assertEqual(gateway.metrics()["microreg_gateway_upstream_retries_in_flight"], 0)

    def test_the_time_is_learned_from_the_requests_before(self):
        gateway = self.start(self.fast, self.fast, after="p95")
        with gateway.connect() as client:
            for _ in range(120):
                client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
                client.reply()
        before = self.counts(gateway)[0]
        self.origins[0].behave = self.slow
        for _ in range(2):  # one of the two begins at the slow one
            self.assertEqual(gateway.get("/x").body, b"fast")
        self.assertGreater(self.counts(gateway)[0], before)

    def test_one_that_never_answers_is_found_out_though_nobody_waits_for_it(self):
        gateway = self.start(self.slow, self.fast, after="5ms")
        for _ in range(60):
            self.assertEqual(gateway.get("/x").body, b"fast")
        asked = len(self.origins[0].requests)  # 20, and what a slow machine asked it as a second
        self.assertLess(asked, 60)
        for _ in range(10):
            self.assertEqual(gateway.get("/x").body, b"fast")
        self.assertEqual(len(self.origins[0].requests), asked)

    def test_nothing_is_learned_from_few_requests(self):
        gateway = self.start(self.slow, self.fast, after="p95")
        threading.Timer(0.2, self.go.set).start()
        self.assertEqual(gateway.get("/x").body, b"slow")
        self.assertEqual(self.counts(gateway), (0, 0))

    def test_one_instance_is_not_asked_twice(self):
        gateway = self.start(self.slow)
        threading.Timer(0.2, self.go.set).start()
        self.assertEqual(gateway.get("/x").body, b"slow")
        self.assertEqual(self.counts(gateway), (0, 0))

    def test_a_client_that_leaves_takes_both_with_it(self):
        gateway = self.start(self.slow, self.slow)
        client = gateway.connect()
        client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
        self.origins[1].wait_requests(1)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        for name in ("requests_in_flight", "upstream_connections",
                     "upstream_retries_in_flight"):
            wait_until(lambda name=name: gateway.metrics()[f"microreg_gateway_{name}"] == 0,
                       f"0 {name}")
        service = json.loads(gateway.admin("/services").body)["services"][0]
        self.assertEqual(service["in_flight"], 0)

    def test_a_second_instance_that_refuses_is_no_harm(self):
        gateway = self.start(self.slow, self.fast)
        self.origins[1].close()
        threading.Timer(0.2, self.go.set).start()
        self.assertEqual(gateway.get("/x").body, b"slow")


if __name__ == "__main__":
    unittest.main()
