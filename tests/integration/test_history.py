"""registry.history, and lookups of then: what happened, who did it, and what was there before."""

import time
import unittest
import xmlrpc.client

from harness import Case, SharedCase, wait_until
from test_access import make_token, write_settings


def told(events, *members):
    """Those members of each event."""
    return [tuple(event[member] for member in members) for event in events]


class History(SharedCase):
    """Tests that use names of their own, on one registry."""

    @classmethod
    def prepare(cls):
        cls.registry = cls.stage.registry()

    def history(self, **members):
        """registry.history."""
        return self.registry.call("registry.history", members)["events"]

    def ids(self, service, **members):
        """The ids that a lookup finds."""
        return sorted(i["id"] for i in self.registry.lookup(service, **members)["instances"])

    def test_each_change_is_an_event_with_its_revision(self):
        lease = self.registry.register("life", 1, id="a", version="2")["lease"]
        target = {"service": "life", "id": "a"}
        self.registry.call("registry.set_status",
                           {**target, "status": "draining", "reason": "new machine"})
        self.registry.register("life", 2, id="a")
        with self.assertRaises(xmlrpc.client.Fault):
            self.registry.call("registry.heartbeat", {**target, "lease": lease})
        wait_until(lambda: "fenced" in told(self.history(service="life"), "event")[-1], "fencing")
        last = self.registry.deregister("life", "a")["revision"]
        events = self.history(service="life")
        self.assertEqual(told(events, "event", "id", "detail"), [
            ("registered", "a", "http://127.0.0.1:1, version 2"),
            ("status", "a", "up -> draining: new machine"),
            ("registered", "a", "http://127.0.0.1:2"),
            ("fenced", "a", "registry.heartbeat"),
            ("deregistered", "a", "")])
        self.assertEqual(events[-1]["revision"], last)
        self.assertEqual({event["actor"] for event in events}, {"127.0.0.1"})
        self.assertRegex(events[0]["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_a_reason_that_is_too_long_is_cut_between_characters(self):
        self.registry.register("long", 1, id="a")
        for start in ("", "."):  # one of them ends in the midst of a character
            self.registry.call("registry.set_status", {
                "service": "long", "id": "a", "status": "draining", "reason": start + "é" * 200})
        for event in self.history(service="long")[1:]:
            self.assertRegex(event["detail"], "^[a-z]+ -> draining: [.]?é+$")

    def test_expiry_and_checks_are_the_registrys_own(self):
        self.registry.register("short", 1, id="a", ttl_ms=1000)
        wait_until(lambda: self.history(service="short")[-1]["event"] == "expired", "expiry")
        self.assertEqual(self.history(service="short")[-1]["actor"], "registry")

    def test_the_history_is_read_in_pages(self):
        first = self.registry.register("page", 1, id="0")["revision"]
        for i in range(1, 6):
            self.registry.register("page", 1, id=str(i))
        seen, since = [], first
        while True:
            events = self.history(service="page", since=since, limit=2)
            if not events:
                break
            seen += told(events, "id")
            since = events[-1]["revision"]
        self.assertEqual(seen, [(str(i),) for i in range(1, 6)])
        self.assertEqual(told(self.history(service="page", limit=2), "id"), [("4",), ("5",)])
        self.assertEqual(len(self.history(service="page", since="2000-01-01T00:00:00Z")), 6)
        self.assertEqual(self.history(service="page", since="2100-01-01T00:00:00+02:00"), [])

    def test_a_lookup_answers_as_of_then(self):
        at = [self.registry.register("then", 1, id="a", zone="z")["revision"]]
        at.append(self.registry.register("then", 2, id="b")["revision"])
        at.append(self.registry.register("then", 3, id="a", zone="y")["revision"])
        at.append(self.registry.deregister("then", "b")["revision"])
        between = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
        wait_until(lambda: time.time() > time.mktime(time.strptime(
            between, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone, "the next second")
        at.append(self.registry.deregister("then", "a")["revision"])
        self.assertEqual([self.ids("then", at=revision) for revision in at],
                         [["a"], ["a", "b"], ["a", "b"], ["a"], []])
        self.assertEqual(self.ids("then", at=between), ["a"])
        self.assertEqual(self.ids("then", at=at[0], zone="z"), ["a"])
        self.assertEqual(self.ids("then", at=at[2], zone="z"), [])
        then = self.registry.lookup("then", at=at[1])
        self.assertEqual([i["port"] for i in then["instances"] if i["id"] == "a"], [1])
        self.assertEqual(then["revision"], at[1])
        self.assertEqual(self.registry.lookup("then", at=at[4])["reason"], "unknown_service")
        self.assertEqual(self.ids("then", at="2000-01-01T00:00:00Z"), [])

    def test_a_multicall_searches_it_a_few_times_at_most(self):
        at = self.registry.register("often", 1, id="a")["revision"]
        for item in (("registry.lookup", {"service": "often", "at": at}),
                     ("registry.lookup", {"service": "none", "at": "2000-01-01T00:00:00Z"}),
                     ("registry.history", {"service": "none", "limit": 1}),
                     ("registry.history", {"since": at, "limit": 1})):
            with self.subTest(item):
                found = self.registry.call("system.multicall", [
                    {"methodName": item[0], "params": [item[1]]}] * 6)
                self.assertEqual([type(one) for one in found[:4]], [list] * 4)
                self.assertEqual(found[5]["faultCode"], 413)

    def test_what_is_no_time_is_told(self):
        for text in ("yesterday", "0123456789.5", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00"):
            with self.subTest(text=text), self.assertRaises(xmlrpc.client.Fault) as caught:
                self.registry.lookup("x", at=text)
            self.assertEqual(caught.exception.faultCode, -32602)
            self.assertIn("2026-01-31T23:59:59Z", caught.exception.faultString)


class Kept(Case):
    """Over restarts, and up to the limits."""

    def test_the_history_outlives_a_kill(self):
        registry = self.stage.registry()
        at = registry.register("s", 1, id="a")["revision"]
        registry.register("s", 2, id="a")
        registry.kill()
        again = self.stage.registry(data=registry.data)
        events = again.call("registry.history")["events"]
        self.assertEqual([event["event"] for event in events][:2], ["registered", "registered"])
        self.assertEqual(again.lookup("s", at=at)["instances"][0]["port"], 1)

    def test_events_are_kept_by_count(self):
        name = write_settings(self.stage.dir, {"history": {"events": 100}})
        registry = self.stage.registry(args=["--config", name])
        first = registry.register("s", 1, id="0")["revision"]
        for i in range(500):
            registry.register("s", 1, id=str(i % 7))
        events = registry.call("registry.history", {"limit": 1000})["events"]
        self.assertTrue(100 <= len(events) <= 400, len(events))
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            registry.lookup("s", at=first)
        self.assertIn("history.events", caught.exception.faultString)
        self.assertEqual(len(registry.lookup("s", at=events[0]["revision"])["instances"]), 7)

    def test_events_are_kept_by_age(self):
        name = write_settings(self.stage.dir, {"history": {"age": "1s"}})
        registry = self.stage.registry(args=["--config", name])
        registry.register("old", 1, id="a")

        def is_gone():
            registry.register("new", 1, id="b")
            events = registry.call("registry.history", {"service": "old"})["events"]
            return not events
        wait_until(is_gone, "the end of an event")

    def test_no_history_is_kept_where_none_is_wanted(self):
        name = write_settings(self.stage.dir, {"history": {"events": 0}})
        registry = self.stage.registry(args=["--config", name])
        first = registry.register("s", 1, id="a")["revision"]
        last = registry.register("s", 2, id="a")["revision"]
        self.assertEqual(registry.call("registry.history")["events"], [])
        with self.assertRaises(xmlrpc.client.Fault):
            registry.lookup("s", at=first)
        self.assertEqual(len(registry.lookup("s", at=last)["instances"]), 1)

    def test_the_actor_is_the_token_and_its_address(self):
        secret, digest = make_token("ann")
        name = write_settings(self.stage.dir, {"tokens": [
            {"name": "ann", "role": "admin", "hash": digest}]})
        registry = self.stage.registry(args=["--config", name])
        with xmlrpc.client.ServerProxy(f"http://x:{secret}@127.0.0.1:{registry.port}/") as proxy:
            proxy.registry.register({"service": "s", "port": 1})
            events = proxy.registry.history({})["events"]
        self.assertEqual(told(events, "event", "actor"), [("registered", "ann@127.0.0.1")])

    def test_a_pause_is_told(self):
        registry = self.stage.registry()
        registry.register("s", 1, id="a")
        registry.kill()
        again = self.stage.registry(data=registry.data)
        wait_until(lambda: told(again.call("registry.history")["events"], "event", "actor")[-1] ==
                   ("held", "registry"), "the hold after a start")


if __name__ == "__main__":
    unittest.main()
