"""A service that fails is left alone for a while, and the fallback chain answers."""

import json
import select
import socket
import struct
import unittest

from harness import Case, wait_until
from origin import reply


class Breaker(Case):
    """One origin, and a breaker that opens after four requests."""

    def start(self, breaker, **route):
        """A gateway before an origin that is well at first."""
        self.origin = self.stage.origin()
        return self.stage.gateway({
            "workers": 2,
            "services": {"s": {"instances": [self.origin.address], "retry": {"attempts": 1},
                               "breaker": breaker}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", **route}]})

    def fail(self):
        """From now on every reply is a 503 of the origin's."""
        self.origin.clear()
        self.origin.behave = lambda request, peer: reply(503, b"no")

    def test_an_open_breaker_answers_at_once_without_asking_the_service(self):
        gateway = self.start({"requests": 4, "open": "1h"})
        self.fail()
        for _ in range(4):
            self.assertEqual(gateway.get("/x").body, b"no")
        for _ in range(10):
            answer = gateway.get("/x")
            self.assertEqual(answer.status, 503)
            self.assertEqual(json.loads(answer.body)["type"],
                             "urn:microreg:problem:breaker-open")
            self.assertRegex(answer.headers.get("Retry-After"), r"^(3600|3601)$")
            self.assertIn("Proxy-Status", answer.headers)
        self.assertEqual(len(self.origin.requests), 4)
        lines = wait_until(lambda: len(gateway.access_log()) == 14 and gateway.access_log(),
                           "the access log")
        self.assertIn("UO", lines[-1]["flags"])
        page = json.loads(gateway.admin("/services").body)
        self.assertEqual(page["services"][0]["breaker"], "open")

    def test_requests_that_succeeded_after_a_retry_did_not_fail(self):
        good = self.stage.origin(lambda request, peer: reply(200, b"good"))
        bad = self.stage.origin(lambda request, peer: reply(503, b"no"))
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [bad.address, good.address],
                               "breaker": {"requests": 2, "failed": 10}}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})
        for _ in range(20):
            self.assertEqual(gateway.get("/x").body, b"good")

    def test_it_closes_again_when_the_service_is_well(self):
        gateway = self.start({"requests": 4, "open": "100ms", "ramp": "100ms"})
        self.fail()
        for _ in range(4):
            gateway.get("/x")
        self.assertIn(b"breaker-open", gateway.get("/x").body)
        self.origin.behave = lambda request, peer: reply(200, b"well")
        wait_until(lambda: all(gateway.get("/x").status == 200 for _ in range(30)), "its end")
        page = json.loads(gateway.admin("/services").body)
        self.assertEqual(page["services"][0]["breaker"], "closed")

    def test_a_trial_that_fails_opens_it_again(self):
        gateway = self.start({"requests": 4, "open": "100ms", "ramp": "1h"})
        self.fail()
        for _ in range(4):
            gateway.get("/x")
        wait_until(lambda: gateway.get("/x").body == b"no", "the first trial")
        self.assertIn(b"breaker-open", gateway.get("/x").body)

    def test_the_default_reply_is_sent_while_it_is_open(self):
        gateway = self.start({"requests": 4, "open": "1h"}, fallback={"json": {"d": 1}})
        self.fail()
        for _ in range(8):
            answer = gateway.get("/x")
            self.assertEqual((answer.status, json.loads(answer.body)), (200, {"d": 1}))
        self.assertEqual(len(self.origin.requests), 4)

    def test_a_kept_reply_is_sent_while_it_is_open(self):
        gateway = self.start({"requests": 4, "open": "1h"}, cache={"stale_if_error": "1h"})
        self.origin.behave = lambda request, peer: reply(
            200, b"kept", {"Cache-Control": "max-age=0"})
        self.assertEqual(gateway.get("/x").body, b"kept")
        self.fail()
        for _ in range(8):
            self.assertEqual(gateway.get("/x").body, b"kept")
        self.assertLess(len(self.origin.requests), 8)

    def test_clients_that_go_away_are_no_failure(self):
        gateway = self.start({"requests": 2, "open": "1h"})
        self.origin.behave = lambda request, peer: None
        for n in range(5):
            client = gateway.connect()
            client.send(b"GET /gone HTTP/1.1\r\nHost: t\r\n\r\n")
            self.origin.wait_requests(n + 1)
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # by a reset: one that only ends its side may wait for the reply
        wait_until(lambda: len(gateway.access_log()) == 5, "their ends")
        self.origin.behave = lambda request, peer: reply(200, b"well")
        self.assertEqual(gateway.get("/x").body, b"well")

    def test_clients_that_take_their_time_with_a_body_are_no_failure(self):
        self.origin = self.stage.origin(lambda request, peer: reply(200, request.body))
        silent = self.stage.origin(lambda request, peer: None)
        services = {"timeout": "100ms", "retry": {"attempts": 1}}
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [self.origin.address],
                               "breaker": {"requests": 2, "open": "1h"}, **services},
                         "clock": {"instances": [silent.address], "breaker": "off", **services}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"},
                       {"path": "/clock", "service": "clock"}]})
        clients = [gateway.connect() for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(b"PUT /x HTTP/1.1\r\nHost: t\r\nContent-Length: 8\r\n\r\nslow")
        for _ in range(2):  # each takes as long as a try may
            self.assertEqual(gateway.get("/clock").status, 504)
        for client in clients:
            client.send(b"ness")
            answer = client.reply()
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.body, b"slowness")
        failures = gateway.metrics()["microreg_gateway_upstream_failures_total"]
        self.assertEqual(failures, 2)  # of the clock

    def start_with_a_clock(self, *origins):
        """A gateway before these; a GET of /clock takes longer than nobody is called slow."""
        silent = self.stage.origin(lambda request, peer: None)
        return self.stage.gateway({
            "workers": 1,
            "services": {"s": {"instances": [o.address for o in origins], "retry": {"attempts": 1},
                               "breaker": {"requests": 2, "open": "1h"}},
                         "clock": {"instances": [silent.address], "timeout": "1100ms",
                                   "retry": {"attempts": 1}, "breaker": "off"}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"},
                       {"path": "/clock", "service": "clock"}]})

    @staticmethod
    def service(gateway):
        """Its breaker, and how often its instances were ejected."""
        service = json.loads(gateway.admin("/services/s").body)
        return service["breaker"], {one["ejections"] for one in service["instances"]}

    def assert_well(self, gateway):
        """Nothing is held against the service, nor against one of its instances."""
        self.assertEqual(self.service(gateway), ("closed", {0}))
        self.assertEqual(gateway.get("/x").status, 200)

    def test_who_got_only_what_others_left_of_the_time_has_not_failed(self):
        silent = [self.stage.origin(lambda request, peer: None) for _ in range(3)]
        clock, *late = [origin.address for origin in silent]
        services = {"s": {"instances": late, "retry": {"attempts": 1},
                          "breaker": {"requests": 2, "open": "1h"}},
                    "clock": {"instances": [clock], "retry": {"attempts": 1}, "breaker": "off"}}
        gateway = self.stage.gateway({"workers": 1, "services": services, "routes": [
            {"path": "/*", "service": "s", "cache": "off", "timeout": "100ms"},
            {"path": "/late", "timeout": "400ms", "compose": {"calls": {
                "clock": {"service": "clock", "path": "/", "timeout": "300ms",
                          "require": 'default: {"id": 5}'},
                "late": {"service": "s", "path": "/{clock.id}", "require": "optional"}}}}]})
        wait_until(lambda: gateway.get("/late").status == 200 and silent[1].requests and
                   silent[2].requests and len(silent[1].requests + silent[2].requests) >= 12,
                   "the late ones")
        self.assertEqual(self.service(gateway), ("closed", {0}))
        for _ in range(2):  # they have all of the time now
            self.assertEqual(gateway.get("/x").status, 504)
        self.assertEqual(self.service(gateway)[0], "open")

    def test_instances_that_do_not_wait_for_a_slow_body_have_not_failed(self):
        origins = [self.stage.origin(), self.stage.origin()]
        gateway = self.start_with_a_clock(*origins)
        clients = [gateway.connect() for _ in range(12)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(b"PUT /x HTTP/1.1\r\nHost: t\r\nContent-Length: 8\r\n\r\nslow")
        self.assertEqual(gateway.get("/clock").status, 504)
        for origin in origins:
            origin.close_connections()
        for client in clients:
            self.assertEqual(client.reply().status, 502)
        self.assert_well(gateway)

    def test_instances_that_do_not_wait_for_a_slow_reader_have_not_failed(self):
        origin = self.stage.origin()
        gateway = self.start_with_a_clock(origin)
        origin.behave = lambda request, peer: reply(200, b"a" * (64 << 20))
        clients = [gateway.connect() for _ in range(4)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            client.sock.recv(1)
        self.assertEqual(gateway.get("/clock").status, 504)
        origin.behave = lambda request, peer: reply(200, b"well")
        origin.close_connections()
        for client in clients:
            while client.sock.recv(1 << 20):
                pass
        wait_until(lambda: len(gateway.access_log()) == 5, "their ends")
        self.assert_well(gateway)

    def test_an_instance_that_takes_nothing_of_a_body_is_late(self):
        deaf = socket.create_server(("127.0.0.1", 0), backlog=8)  # it never reads
        self.addCleanup(deaf.close)
        gateway = self.stage.gateway({
            "limits": {"body": "1GiB"},
            "services": {"s": {"instances": [f"http://127.0.0.1:{deaf.getsockname()[1]}"],
                               "timeout": "100ms", "breaker": {"requests": 1, "open": "1h"}}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})
        with gateway.connect() as client:
            client.send(b"PUT /x HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n")
            client.sock.setblocking(False)
            piece, answer = b"a" * 65536, b""
            while not answer:
                ready = select.select([client.sock], [client.sock], [], 20)
                self.assertTrue(ready[0] or ready[1])
                if ready[0]:
                    answer = client.sock.recv(4096)
                    break
                client.sock.send(piece)
        self.assertTrue(answer.startswith(b"HTTP/1.1 504 "), answer)
        self.assertIn(b"breaker-open", gateway.get("/x").body)

    def test_off_never_opens(self):
        gateway = self.start("off")
        self.fail()
        for _ in range(30):
            self.assertEqual(gateway.get("/x").body, b"no")


if __name__ == "__main__":
    unittest.main()
