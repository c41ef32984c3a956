"""Taking an instance out of service while requests to it are under way."""

import concurrent.futures
import threading
import unittest

from harness import Case, wait_until
from origin import reply


class Drain(Case):
    """One instance, whose answers wait for the test."""

    def setUp(self):
        super().setUp()
        self.go = threading.Event()
        self.addCleanup(self.go.set)
        self.registry = self.stage.registry()
        self.origin = self.stage.origin(self.answer)
        self.registry.register("slow", self.origin.port, host="127.0.0.1", id="one")
        self.gateway = self.stage.gateway({
            "registry": {"urls": [self.registry.url]},
            "routes": [{"path": "/*", "service": "slow", "cache": "off"}]})
        self.gateway.wait_status("/x", 200)
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.addCleanup(self.pool.shutdown)

    def answer(self, request, peer):
        if request.target == "/wait":
            self.go.wait(20)
        return reply(200, b"done")

    def ask_slowly(self):
        asked = self.pool.submit(self.gateway.get, "/wait")
        wait_until(lambda: any(r.target == "/wait" for r in self.origin.requests), "the request")
        return asked

    def test_a_deregistration_returns_when_the_last_request_is_answered(self):
        asked = self.ask_slowly()
        gone = self.pool.submit(self.registry.deregister, "slow", "one", wait_ms=15000)
        wait_until(lambda: self.gateway.get("/x").status == 503, "the gateway to hear of it")
        self.assertFalse(gone.done())
        self.go.set()
        self.assertEqual(gone.result(20)["drained"], True)
        self.assertEqual((asked.result(20).status, asked.result().body), (200, b"done"))

    def test_a_drain_that_takes_too_long_says_so(self):
        asked = self.ask_slowly()
        answer = self.registry.deregister("slow", "one", wait_ms=300)
        self.assertEqual(answer["drained"], False)
        self.assertEqual(len(answer["waiting"]), 1)  # the gateway, by its name
        self.go.set()
        self.assertEqual(asked.result(20).status, 200)

    def test_an_instance_without_requests_is_drained_at_once(self):
        self.assertEqual(self.registry.deregister("slow", "one", wait_ms=15000)["drained"], True)

    def test_a_draining_instance_finishes_what_it_has_and_gets_nothing_new(self):
        asked = self.ask_slowly()
        self.registry.call("registry.set_status",
                           {"service": "slow", "id": "one", "status": "draining"})
        wait_until(lambda: self.gateway.get("/x").status == 503, "the gateway to hear of it")
        self.go.set()
        self.assertEqual(asked.result(20).status, 200)

    def test_a_status_waits_for_the_gateways_too(self):
        asked = self.ask_slowly()
        target = {"service": "slow", "id": "one", "status": "draining"}
        gone = self.pool.submit(self.registry.call, "registry.set_status",
                                {**target, "wait_ms": 15000})
        wait_until(lambda: self.gateway.get("/x").status == 503, "the gateway to hear of it")
        self.assertFalse(gone.done())
        self.go.set()
        self.assertEqual(gone.result(20)["drained"], True)
        self.assertEqual(asked.result(20).status, 200)


if __name__ == "__main__":
    unittest.main()
