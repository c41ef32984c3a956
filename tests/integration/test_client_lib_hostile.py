"""libmicroreg against registries that hang, lie and break: deadlines hold, nothing good is lost."""

import itertools
import struct
import threading
import time
import unittest
import xmlrpc.client

from driver import Driver, Failed, Hostile, Scripted, answer, hang, reply
from harness import Case, wait_until

# A deadline is to be held, not measured: what breaks it here would hang for half a minute.
DEADLINE_MS, GRACE_MS = 300, 5000


def send(data):
    """Answers these bytes, and closes."""
    return lambda connection: connection.sendall(data)


def drip(connection):
    """A reply that begins well and comes a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def drip_head(connection):
    """A head that never ends, slowly."""
    while True:
        connection.sendall(b"H")
        time.sleep(0.02)


def endless_head(connection):
    """A head that never ends, fast."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Filler: " + b"x" * 8000 + b"\r\n")


def endless_body(connection):
    """A body that never ends, fast."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"<!-- " + b"x" * 65536)


def bomb():
    """585 bytes that expand to 10 GB."""
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    return (f'<?xml version="1.0"?><!DOCTYPE m [<!ENTITY a0 "dddddddddd">{entities}]>'
            "<methodResponse><params><param><value>&a9;</value></param></params>"
            "</methodResponse>").encode()


def nested():
    """35 KB of nesting."""
    return (b"<methodResponse><params><param>" + b"<value><array><data>" * 1750)


def wrapped(text):
    """An XML-RPC reply with this value."""
    return (f"<methodResponse><params><param><value>{text}</value></param></params>"
            "</methodResponse>").encode()


def million():
    """A lookup's reply with a million instances: 60 MB."""
    one = (b"<value><struct><member><name>id</name><value>i</value></member></struct></value>")
    return (b"<methodResponse><params><param><value><struct><member><name>instances</name><value>"
            b"<array><data>" + one * 1000000)


HOSTILE = {
    "hangs": (hang, "timeout", "no answer within"),
    "drips": (drip, "timeout", "no answer within"),
    "drips its head": (drip_head, None, ""),
    "closes at once": (lambda connection: None, "bad_reply", ""),
    "answers an endless head": (endless_head, "bad_reply", "more than"),
    "answers an endless body": (endless_body, "bad_reply", "more than"),
    "answers a million instances": (send(reply(million())), "bad_reply", "more than"),
    "answers garbage": (send(bytes(range(256)) * 8), "bad_reply", ""),
    "answers no XML": (send(reply(b"hello")), "bad_reply", "no XML-RPC"),
    "answers nothing": (send(reply(b"")), "bad_reply", "no XML"),
    "answers HTML": (send(reply(b"<html/>")), "bad_reply", "<html>"),
    "answers a call": (send(reply(b"<methodCall><methodName>a</methodName></methodCall>")),
                       "bad_reply", ""),
    "answers half": (send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<methodResp"),
                     "bad_reply", ""),
    "answers an entity bomb": (send(reply(bomb())), "bad_reply", "document type"),
    "answers UTF-16": (send(reply(bomb().decode().encode("utf-16"))), "bad_reply", "UTF-8"),
    "answers nesting": (send(reply(nested())), "bad_reply", "deeper"),
    "answers i8": (send(reply(wrapped("<i8>1</i8>"))), "bad_reply", "i8"),
    "answers another type": (send(answer("up")), "bad_reply", "not understood"),
    "answers no instances": (send(answer({"revision": "1"})), "bad_reply", "instances is missing"),
    "answers instances that are none": (send(answer({"instances": [1]})), "bad_reply", "an int"),
    "answers a port of 70000": (
        send(answer({"instances": [{"id": "a", "host": "b", "port": 70000}]})), "bad_reply",
        "70000"),
    "answers 500": (send(reply(b"", b"HTTP/1.1 500 Oops\r\n")), "bad_reply", "HTTP 500"),
    "wants a token": (send(reply(b"", b"HTTP/1.1 401 No\r\n")), "denied", "MICROREG_TOKEN"),
    "forbids": (send(reply(b"", b"HTTP/1.1 403 No\r\n")), "denied", "403"),
    "faults": (send(reply(xmlrpc.client.dumps(xmlrpc.client.Fault(429, "slowly")).encode())),
               "fault", "slowly"),
}


class HostileCase(Case):
    """Closes what the test made."""

    def hostile(self, behave):
        """A hostile registry, closed at the end."""
        made = Hostile(behave)
        self.addCleanup(made.close)
        return made

    def scripted(self, methods):
        """A scripted registry, closed at the end."""
        made = Scripted(methods)
        self.addCleanup(made.close)
        return made


class Calls(HostileCase):
    """One call."""

    def test_every_misbehaviour_is_an_error_within_the_deadline(self):
        for name, (behave, code, says) in HOSTILE.items():
            with self.subTest(name):
                registry = self.hostile(behave)
                driver = Driver(self.stage, registry.url, timeout_ms=DEADLINE_MS)
                if "more than" in says or code == "bad_reply":
                    driver.do("close")
                    driver.do("open", registry.url, 20000)  # the size is to end it, not the time
                with self.assertRaises(Failed) as caught:
                    driver.do("lookup", "orders")
                if code:
                    self.assertEqual(caught.exception.code, code, caught.exception.text)
                self.assertIn(says, caught.exception.text)
                self.assertIn(registry.url, caught.exception.text)
                self.assertLess(driver.took, GRACE_MS)
                driver.stop()

    def test_a_redirect_is_not_followed(self):
        victim = self.hostile(hang)
        registry = self.hostile(send(
            reply(b"", b"HTTP/1.1 307 There\r\nLocation: %s\r\n" % victim.url.encode())))
        driver = Driver(self.stage, registry.url)
        with self.assertRaises(Failed) as caught:
            driver.do("lookup", "orders")
        self.assertIn("redirect", caught.exception.text)
        self.assertEqual(victim.requests, 0)

    def test_a_proxy_of_the_environment_is_not_used(self):
        proxy, registry = self.hostile(hang), self.hostile(send(answer({"instances": []})))
        driver = Driver(self.stage, registry.url, env={"http_proxy": proxy.url,
                                                       "ALL_PROXY": proxy.url})
        driver.do("lookup", "orders")
        self.assertEqual(proxy.requests, 0)

    def test_closing_waits_for_nobody(self):
        registry = self.hostile(hang)
        driver = Driver(self.stage, registry.url, timeout_ms=60000)
        driver.do("follow", "*")
        driver.do("follow", "orders")
        wait_until(lambda: registry.requests >= 1, "a watch")
        driver.do("close")
        self.assertLess(driver.took, GRACE_MS)

    def test_a_registry_behind_a_broken_one_answers(self):
        for name in ("closes at once", "answers garbage", "answers 500", "hangs"):
            with self.subTest(name):
                broken = self.hostile(HOSTILE[name][0])
                good = self.hostile(send(answer({"instances": []})))
                driver = Driver(self.stage, f"{broken.url},{good.url}", timeout_ms=1000)
                driver.do("lookup", "orders")
                driver.stop()

    def test_the_token_is_sent_as_bearer(self):
        seen = []

        class Reading(Hostile):
            """Keeps the head."""
            @staticmethod
            def read(connection):
                seen.append(connection.recv(65536))

        registry = Reading(send(answer({"instances": []})))
        self.addCleanup(registry.close)
        Driver(self.stage, registry.url, token="secret").do("lookup", "orders")
        self.assertIn(b"\r\nAuthorization: Bearer secret\r\n", seen[0])


def instance(name, port=80):
    """As a lookup shows it."""
    return {"id": name, "host": "127.0.0.1", "port": port, "status": "up"}


def granted(param, heartbeat_ms=50):
    """An answer to registry.register."""
    return {"id": param.get("id", "x"), "lease": "first", "ttl_ms": param.get("ttl_ms", 30000),
            "heartbeat_ms": heartbeat_ms, "revision": "1"}


class Beats(HostileCase):
    """Heartbeats against a registry that says what the test wants."""

    def test_a_beat_carries_the_registration_the_lease_and_the_load(self):
        registry = self.scripted({
            "registry.register": granted,
            "registry.heartbeat": lambda p: {"known": True, "lease": "", "heartbeat_ms": 50}})
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "a", 5000)
        driver.do("load", 1, 70)
        beat = wait_until(lambda: [b for b in registry.of("registry.heartbeat") if "load" in b],
                          "a beat with its load")[0]
        self.assertEqual(beat, {"service": "orders", "id": "a", "port": 80, "host": "127.0.0.1",
                                "ttl_ms": 5000, "status": "up", "meta": {"colour": "blue"},
                                "tags": ["driven"], "lease": "first", "load": 70})

    def test_a_new_lease_in_an_answer_is_the_one_used(self):
        registry = self.scripted({
            "registry.register": granted,
            "registry.heartbeat": lambda p: {"known": False, "lease": "second",
                                             "heartbeat_ms": 50}})
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "a")
        wait_until(lambda: [b for b in registry.of("registry.heartbeat")
                            if b["lease"] == "second"], "a beat with the new lease")
        self.assertEqual(driver.do("state", 1), ["held"])
        self.assertEqual(len(registry.of("registry.register")), 1)

    def test_an_unknown_lease_without_a_token_is_registered_again(self):
        registry = self.scripted({
            "registry.register": lambda p: {**granted(p), "lease": ""},
            "registry.heartbeat": lambda p: {"known": False, "lease": "", "heartbeat_ms": 50}})
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "a")
        wait_until(lambda: len(registry.of("registry.register")) > 2, "registering again")

    def test_an_unknown_lease_with_a_token_never_takes_the_id_over(self):
        def beat(param):
            taken = len(registry.of("registry.heartbeat")) > 5 and "port" in param
            return {"known": taken, "lease": "", "heartbeat_ms": 50}

        registry = self.scripted({"registry.register": granted, "registry.heartbeat": beat})
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "a")
        driver.wait_state(1, "lost")
        driver.wait_log("warn orders/a: heartbeat: .*neither knows the lease nor takes it back")
        driver.wait_log("info orders/a: the registry had lost it; registered again")
        self.assertEqual(driver.do("state", 1), ["held"])
        self.assertEqual({beat["lease"] for beat in registry.of("registry.heartbeat")}, {"first"})
        self.assertEqual(len(registry.of("registry.register")), 1)

    def test_beats_that_are_due_together_go_in_one_call(self):
        def beats(params):
            return [{"faultCode": 409, "faultString": "newer"} if p["id"] == "a1" else
                    {"known": True, "lease": "", "heartbeat_ms": 200} for p in params]

        registry = self.scripted({
            "registry.register": lambda p: granted(p, 200),
            "registry.heartbeat": lambda p: {"known": True, "lease": "", "heartbeat_ms": 200},
            "registry.heartbeats": beats})
        driver = Driver(self.stage, registry.url)
        for slot in range(10):
            driver.do("register", slot, "orders", 80 + slot, f"a{slot}")
        driver.wait_state(1, "fenced")
        self.assertEqual(driver.do("state", 2), ["held"])
        self.assertTrue(registry.of("registry.heartbeats"))

    def test_a_route_that_another_service_took_is_no_fence(self):
        refused = []

        def beat(_):
            if len(refused) < 3:
                refused.append(1)
                raise xmlrpc.client.Fault(409, 'routes[0]: "GET /a" belongs to service "b"')
            return {"known": True, "lease": "", "heartbeat_ms": 50}

        registry = self.scripted({"registry.register": granted, "registry.heartbeat": beat})
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "a")
        wait_until(lambda: len(registry.of("registry.heartbeat")) > 5, "beats")
        self.assertEqual(driver.do("state", 1), ["held"])
        driver.wait_log(r'warn orders/a: heartbeat: .*routes\[0\]: "GET /a" belongs to service "b"')

    def test_nonsense_for_an_answer_costs_no_lease(self):
        answers = [[], {}, {"known": "yes"}, {"known": True, "heartbeat_ms": "soon"},
                   {"known": True, "heartbeat_ms": -5, "lease": ""}]

        def beat(_):
            return answers.pop(0) if answers else {"known": True, "lease": "",
                                                   "heartbeat_ms": 50}

        registry = self.scripted({"registry.register": granted, "registry.heartbeat": beat})
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "a", 2000)
        wait_until(lambda: not answers and len(registry.of("registry.heartbeat")) > 6, "beats")
        driver.wait_state(1, "held")

    def test_a_registration_without_an_answer_to_use_is_an_error(self):
        registry = self.scripted({"registry.register": lambda p: {"lease": "x"}})
        driver = Driver(self.stage, registry.url)
        with self.assertRaises(Failed) as caught:
            driver.do("register", 1, "orders", 80)
        self.assertEqual(caught.exception.code, "bad_reply")

    def test_a_deregistration_waits_for_the_beat_before_it(self):
        beating, go_on = threading.Event(), threading.Event()

        def beat(_):
            beating.set()
            go_on.wait(10)
            return {"known": True, "lease": "", "heartbeat_ms": 50}

        registry = self.scripted({
            "registry.register": granted, "registry.heartbeat": beat,
            "registry.deregister": lambda p: {"existed": True, "drained": True, "revision": "1"}})
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "a")
        self.assertTrue(beating.wait(10))
        threading.Timer(0.1, go_on.set).start()
        driver.do("deregister", 1, 0)
        self.assertEqual([name for name, _ in registry.calls][-1], "registry.deregister")


class Watches(HostileCase):
    """Watches against a registry that says what the test wants."""

    def watched(self, replies, service="*"):
        """A driver that follows, and the registry: each watch gets the next of the replies; when
        there are none left, it waits for more."""
        def watch(_):
            registry.wait(lambda: replies)
            return replies.pop(0) if replies else {"revision": "", "changes": []}

        registry = self.scripted({"registry.watch": watch})
        driver = Driver(self.stage, registry.url)
        driver.do("follow", service)
        return driver, registry

    def test_an_empty_list_without_a_reason_is_not_believed(self):
        replies = [{"revision": "1", "reset": True,
                    "changes": [{"service": "orders", "instances": [instance("a")]}]}]
        driver, _ = self.watched(replies)
        driver.do("wait", 10000)
        self.assertEqual(driver.instances("orders"), {"a"})
        replies.append({"revision": "2", "changes": [{"service": "orders", "instances": []}]})
        wait_until(lambda: driver.is_held("orders"), "the change")
        self.assertEqual(driver.instances("orders"), {"a"})
        replies.append({"revision": "3", "changes": [
            {"service": "orders", "instances": [], "reason": "all_expired"}]})
        driver.wait_instances("orders", [])
        self.assertEqual(driver.reason("orders"), "all_expired")

    def test_a_state_in_parts_is_whole_before_what_is_missing_is_held(self):
        def part(revision, service, **members):
            return {"revision": revision, "changes": [
                {"service": service, "instances": [instance("a")]}], **members}

        replies = [part("1", "old", reset=True)]
        driver, registry = self.watched(replies)
        driver.do("wait", 10000)
        replies += [part("8", "one", reset=True, more=True), part("8", "two", more=True),
                    part("9", "three", more=False)]
        driver.wait_instances("three", ["a"])
        wait_until(lambda: driver.is_held("old"), "the end of the state")
        self.assertEqual(driver.instances("one"), {"a"})
        self.assertFalse(driver.is_held("one"))
        self.assertEqual(driver.do("watch"), ["connected", "9"])
        wait_until(lambda: registry.of("registry.watch")[-1]["revision"] == "9", "the next watch")

    def test_one_bad_change_does_not_hide_the_others(self):
        replies = [{"revision": "1", "reset": True, "changes": [
            {"service": "bad/name", "instances": []},
            {"service": "half", "instances": [{"id": "a"}]},
            {"service": "good", "instances": [instance("a")]}]}]
        driver, _ = self.watched(replies)
        driver.wait_instances("good", ["a"])
        self.assertIsNone(driver.instances("half"))
        driver.wait_log("passed over")

    def test_a_registry_that_always_has_an_answer_is_not_asked_in_a_circle(self):
        registry = self.scripted({"registry.watch": lambda p: {"revision": "1", "changes": []}})
        driver = Driver(self.stage, registry.url)
        driver.do("follow", "*")
        driver.do("wait", 10000)
        time.sleep(0.5)  # what must not happen can only be waited for
        self.assertLess(len(registry.calls), 50)

    def test_a_registry_that_changes_all_the_time_is_not_asked_in_a_circle(self):
        revisions = itertools.count(1)
        registry = self.scripted({"registry.watch": lambda p: {
            "revision": str(next(revisions)), "changes": [], "more": True}})
        driver = Driver(self.stage, registry.url)
        driver.do("follow", "*")
        driver.do("wait", 10000)
        before = len(registry.calls)
        time.sleep(0.5)  # what must not happen can only be waited for
        self.assertLess(len(registry.calls) - before, 150)

    def test_a_passing_fault_is_no_answer_about_consumers(self):
        faults = [503, 429, 503]

        def watch(_):
            if faults:
                raise xmlrpc.client.Fault(faults.pop(0), "later")
            return {"revision": "1", "reset": True, "changes": [{"name": "ann"}]}

        registry = self.scripted({"registry.consumer_watch": watch})
        driver = Driver(self.stage, registry.url)
        driver.do("follow_consumers")
        driver.do("wait", 10000)
        self.assertEqual(driver.do("consumers"), ["1"])

    def test_a_registry_that_will_never_tell_consumers_is_not_waited_for(self):
        for fault in (401, 403, -32601):
            with self.subTest(fault):
                def watch(_, fault=fault):
                    raise xmlrpc.client.Fault(fault, "no")

                registry = self.scripted({"registry.consumer_watch": watch})
                driver = Driver(self.stage, registry.url)
                driver.do("follow_consumers")
                driver.do("wait", 10000)
                self.assertEqual(driver.do("consumers"), ["unknown"])

    def test_many_services_arrive(self):
        changes = [{"service": f"s{i}", "instances": [instance(f"i{j}", 1 + j) for j in range(3)]}
                   for i in range(3000)]
        driver, _ = self.watched([{"revision": "1", "reset": True, "changes": changes}])
        driver.do("wait", 20000)
        self.assertEqual(driver.do("count"), ["3000", "9000"])

    def test_misbehaviour_costs_nothing_that_is_known(self):
        for name in ("closes at once", "answers garbage", "answers 500", "answers an entity bomb",
                     "answers an endless body", "faults"):
            with self.subTest(name):
                behave = [send(answer({"revision": "1", "reset": True, "changes": [
                    {"service": "orders", "instances": [instance("a")]}]}))]
                registry = self.hostile(lambda connection: behave[0](connection))
                driver = Driver(self.stage, registry.url, timeout_ms=1000)
                driver.do("follow", "*")
                driver.do("wait", 10000)
                behave[0] = HOSTILE[name][0]
                wait_until(lambda: driver.do("watch")[0] == "away", "noticing")
                self.assertEqual(driver.instances("orders"), {"a"})
                behave[0] = send(answer({"revision": "2", "changes": [
                    {"service": "orders", "instances": [instance("b")]}]}))
                driver.wait_instances("orders", ["b"])
                driver.stop()


class Resets(HostileCase):
    """Connections that are reset."""

    def test_a_reset_is_no_signal_for_the_program(self):
        def slam(connection):
            connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: reset

        registry = self.hostile(slam)
        driver = Driver(self.stage, registry.url)
        for _ in range(20):
            with self.assertRaises(Failed):
                driver.do("lookup", "orders")
        self.assertTrue(driver.is_running())


if __name__ == "__main__":
    unittest.main()
