"""When no instance of a service is up: those that only checks call down are tried."""

import json
import unittest

from harness import Case, wait_until
from origin import reply


class Recovered(Case):
    """An instance that failed, and whose check passes again."""

    def test_one_that_was_ejected_is_back_as_soon_as_its_check_passes(self):
        checked, well = True, False

        def answer(request, peer):
            good = checked if request.target == "/check" else well
            return reply(200 if good else 503, b"back")
        registry = self.stage.registry()
        bad = self.stage.origin(answer)
        good = self.stage.origin(lambda request, peer: reply(200, b"good"))
        registry.register("s", good.port, id="good")
        registry.register("s", bad.port, id="bad", check={
            "type": "http", "path": "/check", "interval_ms": 100})
        gateway = self.stage.gateway({"workers": 1, "routes": [
            {"path": "/*", "service": "s", "cache": "off"}]})
        gateway.wait_status("/x", 200)
        wait_until(lambda: gateway.get("/x").body == b"good" and
                   len([r for r in bad.requests if r.target != "/check"]) == 5, "five failures")
        checked = False
        wait_until(lambda: len(registry.lookup("s")["instances"]) == 1, "the check")
        checked = well = True
        wait_until(lambda: gateway.get("/x").body == b"back", "its return")


class Panic(Case):
    """Origins whose check fails although they answer all else."""

    def answer(self, request, peer):
        """An origin's behaviour."""
        if request.target == "/check":
            return reply(200 if self.well else 500, b"")
        return reply(200, request.target.encode(), {"Cache-Control": "max-age=0"})

    def start(self, **route):
        """Two instances that are checked, and are well; and a gateway."""
        self.well = True
        self.registry = self.stage.registry()
        self.origins = [self.stage.origin(self.answer) for _ in range(2)]
        for origin in self.origins:
            self.registry.register("s", origin.port, check={
                "type": "http", "path": "/check", "interval_ms": 100})
        self.gateway = self.stage.gateway({
            "routes": [{"path": "/*", "service": "s", "cache": "off", **route}]})
        self.gateway.wait_status("/a", 200)

    def service(self):
        """What /services says of it."""
        return json.loads(self.gateway.admin("/services").body)["services"][0]

    def fail_checks(self):
        """All instances are down, as far as the checks tell."""
        self.well = False
        wait_until(lambda: not self.registry.lookup("s")["instances"], "the checks")
        wait_until(lambda: self.service()["panic"], "the gateway to know")

    def served(self):
        """How many requests of clients the origins got."""
        return [len([r for r in origin.requests if r.target != "/check"])
                for origin in self.origins]

    def test_all_that_are_down_are_tried_in_turn_when_none_is_up(self):
        self.start()
        self.assertFalse(self.service()["panic"])
        self.fail_checks()
        before = self.served()
        for _ in range(10):
            self.assertEqual(self.gateway.get("/x").status, 200)
        self.assertEqual([after - b for after, b in zip(self.served(), before)], [5, 5])
        metrics = self.gateway.metrics()
        self.assertEqual(metrics['microreg_gateway_service_panics_total{service="s"}'], 10)
        self.assertEqual([i["status"] for i in self.service()["instances"]], ["down", "down"])
        self.well = True
        wait_until(lambda: len(self.registry.lookup("s")["instances"]) == 2, "the checks")
        wait_until(lambda: not self.service()["panic"], "the gateway to know")

    def test_explain_tells(self):
        self.start()
        self.fail_checks()
        code, out, _ = self.stage.check("microreg-gateway", "--config", self.gateway.file,
                                        "--explain", "GET /x")
        self.assertEqual(code, 0)
        self.assertIn("none is up: those down by checks are tried", out)

    def test_what_an_administrator_took_out_is_never_tried(self):
        self.start()
        ids = [i["id"] for i in self.registry.lookup("s")["instances"]]
        for name, status in zip(ids, ("maintenance", "down")):
            self.registry.call("registry.set_status",
                               {"service": "s", "id": name, "status": status})
        self.gateway.wait_status("/x", 503)
        self.well = False
        before = self.served()
        for _ in range(5):
            self.assertEqual(self.gateway.get("/x").status, 503)
        self.assertEqual(self.served(), before)

    def test_a_kept_reply_is_served_without_an_attempt(self):
        self.start(cache={"stale_if_error": "1h"})
        self.assertEqual(self.gateway.get("/kept").body, b"/kept")
        self.fail_checks()
        before = self.served()
        for _ in range(5):
            answer = self.gateway.get("/kept")
            self.assertEqual((answer.status, answer.body), (200, b"/kept"))
            self.assertIn("stale-if-error", answer.headers.get("Cache-Status"))
        self.assertEqual(self.served(), before)
        self.assertEqual(self.gateway.get("/new").body, b"/new")


if __name__ == "__main__":
    unittest.main()
