"""Too much at once: requests over a service's limit wait their turn, and those over the queue are
told at once to come back later."""

import json
import signal
import socket
import struct
import threading
import unittest

from harness import Case, wait_until
from origin import reply


class Gate:
    """A behaviour of an origin that holds requests back until they are let through."""

    def __init__(self):
        self.passes = threading.Semaphore(0)

    def __call__(self, request, peer):
        if request.target != "/free":
            self.passes.acquire()
        return reply(200, request.target.encode())

    def let(self, count):
        """So many requests go on."""
        for _ in range(count):
            self.passes.release()


class Queue(Case):
    """A service that takes few requests at once."""

    def start(self, service, drain="30s", **route):
        """A gateway of three workers before an origin whose replies are let out one by one."""
        self.gate = Gate()
        self.origin = self.stage.origin(self.gate)
        self.addCleanup(self.gate.let, 1000)
        self.gateway = self.stage.gateway({
            "workers": 3, "drain_timeout": drain,
            "services": {"s": {"instances": [self.origin.address], **service}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", **route}]})

    def send(self, path):
        """A client that has asked and not read yet."""
        client = self.gateway.connect()
        client.send(f"GET {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        return client

    def shown(self, key):
        """What /services says of it."""
        return json.loads(self.gateway.admin("/services").body)["services"][0][key]

    def wait_waiting(self, count):
        """Until so many wait."""
        wait_until(lambda: self.shown("waiting") == count, f"{count} waiting")

    def test_those_over_the_limit_wait_and_are_served_in_the_order_they_came(self):
        self.start({"max_in_flight": 2, "max_wait": "1h"}, timeout="1h")
        clients = [self.send("/first"), self.send("/second")]
        self.origin.wait_requests(2)
        for number in range(12):
            clients.append(self.send(f"/{number:02}"))
            self.wait_waiting(number + 1)
        self.assertEqual(self.shown("in_flight"), 2)
        metrics = self.gateway.metrics()
        self.assertEqual(metrics['microreg_gateway_service_waiting{service="s"}'], 12)
        self.assertEqual(metrics['microreg_gateway_service_in_flight{service="s"}'], 2)
        self.assertEqual(len(self.origin.requests), 2)
        for number in range(12):
            self.gate.let(1)
            self.origin.wait_requests(3 + number)
        self.gate.let(2)
        for client in clients:
            self.assertEqual(client.reply().status, 200)
        self.assertEqual([request.target for request in self.origin.requests[2:]],
                         [f"/{number:02}" for number in range(12)])
        wait_until(lambda: self.shown("in_flight") == 0, "the end")
        lines = wait_until(lambda: len(self.gateway.access_log()) == 14 and
                           self.gateway.access_log(), "the access log")
        waited = [line for line in lines if "queue_ms" in line]
        self.assertEqual(len(waited), 12)
        self.assertEqual(self.gateway.metrics()
                         ['microreg_gateway_service_queued_total{service="s"}'], 12)

    def test_over_the_queue_the_answer_is_503_at_once(self):
        self.start({"max_in_flight": 1, "max_waiting": 2, "max_wait": "1h"}, timeout="1h")
        clients = [self.send("/a")]
        self.origin.wait_requests(1)
        for number in range(2):
            clients.append(self.send("/b"))
            self.wait_waiting(number + 1)
        answer = self.gateway.get("/c")
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.headers.get("Retry-After"), "1")
        self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:overload")
        line = wait_until(self.gateway.access_log, "the access log")[-1]
        self.assertIn("UO", line["flags"])
        self.gate.let(3)
        for client in clients:
            self.assertEqual(client.reply().status, 200)
        self.assertEqual(self.gateway.metrics()
                         ['microreg_gateway_service_overflows_total{service="s"}'], 1)

    def test_who_waited_too_long_gets_a_503_and_its_place_in_the_queue_is_free(self):
        self.start({"max_in_flight": 1, "max_waiting": 1, "max_wait": "50ms"}, timeout="1h")
        first = self.send("/a")
        self.origin.wait_requests(1)
        for _ in range(3):
            self.assertEqual(self.gateway.get("/b").status, 503)
        self.assertEqual(self.shown("waiting"), 0)
        self.gate.let(1)
        self.assertEqual(first.reply().status, 200)
        self.assertEqual(self.gateway.get("/free").status, 200)

    def test_waiting_counts_in_the_routes_timeout(self):
        self.start({"max_in_flight": 1, "max_wait": "1h"}, timeout="300ms")
        client = self.send("/a")
        self.origin.wait_requests(1)
        self.assertIn(self.gateway.get("/b").status, (503, 504))
        self.assertEqual(client.reply().status, 504)

    def test_clients_that_leave_the_queue_are_passed_over(self):
        self.start({"max_in_flight": 1, "max_wait": "1h"}, timeout="1h")
        first = self.send("/a")
        self.origin.wait_requests(1)
        clients = []
        for number in range(20):
            clients.append(self.send(f"/{number}"))
            self.wait_waiting(number + 1)
        for client in clients[::2]:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # by a reset: one that only ends its side may wait for the reply
        self.wait_waiting(10)
        self.gate.let(11)
        self.assertEqual(first.reply().status, 200)
        for number in range(1, 20, 2):
            self.assertEqual(clients[number].reply().body, f"/{number}".encode())
        self.assertEqual(len(self.origin.requests), 11)

    def test_a_body_waits_with_its_request(self):
        self.start({"max_in_flight": 1, "max_wait": "1h"}, timeout="1h")
        first = self.send("/a")
        self.origin.wait_requests(1)
        body = b"x" * 300000
        second = self.gateway.connect()
        second.send(b"POST /b HTTP/1.1\r\nHost: t\r\nContent-Length: 300000\r\n\r\n" + body)
        self.wait_waiting(1)
        self.gate.let(2)
        self.assertEqual(first.reply().status, 200)
        self.assertEqual(second.reply().status, 200)
        self.assertEqual(self.origin.requests[1].body, body)

    def test_the_fallback_answers_for_those_that_found_no_place(self):
        self.start({"max_in_flight": 1, "max_waiting": 0}, fallback={"json": {"busy": True}})
        first = self.send("/a")
        self.origin.wait_requests(1)
        self.assertEqual(json.loads(self.gateway.get("/b").body), {"busy": True})
        self.gate.let(1)
        self.assertEqual(first.reply().status, 200)

    def test_a_drain_serves_those_that_wait(self):
        self.start({"max_in_flight": 1, "max_wait": "1h"}, timeout="1h")
        clients = [self.send("/a")]
        self.origin.wait_requests(1)
        for number in range(6):
            clients.append(self.send("/b"))
            self.wait_waiting(number + 1)
        self.gateway.send_signal(signal.SIGTERM)
        wait_until(lambda: json.loads(self.gateway.admin("/ready").body)["status"] == "draining",
                   "the drain")
        self.gate.let(7)
        for client in clients:
            self.assertEqual(client.reply().status, 200)
        self.assertEqual(self.gateway.wait(), 0)

    def test_a_stop_that_waits_for_nobody_ends_those_that_wait(self):
        self.start({"max_in_flight": 1, "max_wait": "1h"}, drain="10ms", timeout="1h")
        clients = [self.send("/a")]
        self.origin.wait_requests(1)
        clients += [self.send("/b") for _ in range(10)]
        self.wait_waiting(10)
        self.assertEqual(self.gateway.stop(), 0)


class Shed(Case):
    """A gateway that has too much to do."""

    def start(self, **limits):
        """One whose origin holds everything back but /free."""
        self.gate = Gate()
        self.origin = self.stage.origin(self.gate)
        self.addCleanup(self.gate.let, 1000)
        self.gateway = self.stage.gateway({
            "workers": 2, "limits": limits,
            "services": {"s": {"instances": [self.origin.address]}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", "timeout": "1h"}]})

    def send(self, body=b""):
        """A client that has asked and not read yet."""
        client = self.gateway.connect()
        client.send(b"POST /held HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%s" %
                    (len(body), body))
        return client

    def assert_shed(self, answer):
        """Told to come back, and quickly."""
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.headers.get("Retry-After"), "1")
        self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:shed")

    def test_over_the_limit_of_requests_no_instance_is_asked(self):
        self.start(requests=5)
        clients = [self.send() for _ in range(5)]
        self.origin.wait_requests(5)
        for _ in range(10):
            self.assert_shed(self.gateway.get("/free"))
        self.assertEqual(len(self.origin.requests), 5)
        self.assertEqual(self.gateway.admin("/health").status, 200)
        self.assertEqual(self.gateway.metrics()['microreg_gateway_shed_total{limit="requests"}'],
                         10)
        self.assertIn("UO", wait_until(self.gateway.access_log, "the access log")[-1]["flags"])
        self.gate.let(5)
        for client in clients:
            self.assertEqual(client.reply().status, 200)
        wait_until(lambda: self.gateway.get("/free").status == 200, "room")

    def test_over_the_limit_of_memory_new_requests_are_shed_until_some_is_free(self):
        self.start(memory="4MiB")
        clients = []

        def shed():
            return self.gateway.metrics()['microreg_gateway_shed_total{limit="memory"}']
        while not shed():
            clients.append(self.send(b"x" * 60000))
            wait_until(lambda: shed() or len(self.origin.requests) == len(clients),
                       "the request, or its end")
            self.assertLess(len(clients), 200)
        answer = self.gateway.get("/free")
        self.assert_shed(answer)
        self.assertEqual(answer.headers.get("Connection"), "close")
        status = json.loads(self.gateway.admin("/status").body)
        self.assertEqual(status["memory_max"], 4 << 20)
        self.assertGreater(status["memory_bytes"], 3 << 20)
        self.gate.let(len(clients))
        for client in clients[:-1]:
            self.assertEqual(client.reply().status, 200)
        self.assert_shed(clients[-1].reply())
        wait_until(lambda: self.gateway.get("/free").status == 200, "room")
        held = json.loads(self.gateway.admin("/status").body)["memory_bytes"]
        self.assertLess(held, 3 << 20)

    def test_what_is_held_is_given_back(self):
        origin = self.stage.origin(lambda request, peer: reply(
            200, b"x" * 50000, {"Cache-Control": "max-age=0"}))
        settings = {**self.stage.settings(), "workers": 1,
                    "services": {"s": {"instances": [origin.address]}},
                    "routes": [{"path": "/s/*", "service": "s", "cache": {}}]}
        gateway = self.stage.gateway(settings)

        def use(turn):
            for n in range(20):
                gateway.get(f"/s/{n}")
                gateway.get("/none")
                gateway.request("POST", "/s/x", b"x" * 40000)
            for page in ("health", "ready", "metrics", "status", "services", "routes", "none"):
                gateway.admin(f"/{page}")
            with gateway.connect() as client:
                client.send(b"malformed\r\n\r\n")
                self.assertEqual(client.reply().status, 400)
            settings["routes"][0]["timeout"] = f"{turn + 1}s"
            gateway.write(settings)
            gateway.wait_log("is in effect")
            wait_until(lambda: gateway.metrics()["microreg_gateway_connections"] == 0, "rest")
            return gateway.metrics()["microreg_gateway_memory_bytes"]
        use(0)
        before = use(1)
        for turn in range(2, 7):
            after = use(turn)
        self.assertLess(after, before + 65536)


class SlowCrowd(Case):
    """Hundreds of peers that are too slow, each in its way, while others are served."""

    COUNT = 150

    def crowd(self, data, count=None):
        """So many clients that have sent this."""
        clients = []
        for _ in range(count or self.COUNT):
            client = self.gateway.connect()
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.send(data)
            clients.append(client)
        return clients

    def test_all_are_shed_and_the_others_are_served_meanwhile(self):
        body = b"x" * 8000000
        origin = self.stage.origin(
            lambda request, peer: reply(200, body if request.target == "/large" else b"ok"))
        self.gateway = self.stage.gateway({
            "workers": 2,
            "limits": {"header_timeout": "700ms", "min_rate": "100KiB",
                       "min_rate_grace": "700ms", "idle_timeout": "700ms"},
            "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", "timeout": "1h"}]})
        with self.gateway.connect() as good:
            crowds = [self.crowd(b"GET / HTTP/1.1\r\nHost: t\r\nX-A: b"),
                      self.crowd(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999\r\n\r\nx"),
                      self.crowd(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n", 40)]
            served = 0

            def is_over():
                nonlocal served
                good.send(b"GET /good HTTP/1.1\r\nHost: t\r\n\r\n")
                self.assertEqual(good.reply().body, b"ok")
                served += 1
                return self.gateway.metrics()["microreg_gateway_connections"] == 1
            wait_until(is_over, "the end of all slow ones")
        self.assertGreater(served, 3)
        for clients, status in zip(crowds[:2], (408, 408)):
            for client in clients:
                self.assertEqual(client.reply().status, status)
        for name in ("requests_in_flight", "upstream_connections"):
            wait_until(lambda name=name: self.gateway.metrics()[f"microreg_gateway_{name}"] <= 1,
                       name)
        for clients in crowds:
            for client in clients:
                client.close()


if __name__ == "__main__":
    unittest.main()
