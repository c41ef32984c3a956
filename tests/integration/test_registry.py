"""The registry over XML-RPC, by Python's own client: what services, gateways and admins rely on."""

import os
import signal
import socket
import threading
import time
import unittest
import xmlrpc.client

from harness import Case, SharedCase, free_port, request, wait_until
from origin import reply


def ids(answer):
    """The ids of the instances in a lookup's answer."""
    return sorted(instance["id"] for instance in answer["instances"])


class Shared(SharedCase):
    """Tests that use names of their own, on one registry."""

    @classmethod
    def prepare(cls):
        cls.registry = cls.stage.registry()

    def fault(self, code, method, *params):
        """Calls, and returns the text of the fault that must come."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            self.registry.call(method, *params)
        self.assertEqual(caught.exception.faultCode, code, caught.exception.faultString)
        return caught.exception.faultString

    def watch(self, revision, **members):
        """registry.watch."""
        return self.registry.call("registry.watch", {"revision": revision, **members})

    def waiting(self):
        """How many watches wait."""
        return self.registry.call("registry.stats")["watchers"]


class Registering(Shared):
    """register, lookup, heartbeat, deregister, set_status."""

    def test_a_lookup_shows_all_that_was_registered(self):
        answer = self.registry.register(
            "full", 9000, id="one", scheme="https", weight=7, zone="east", version="1.2",
            tags=["blue", "x"], meta={"owner": "ann", "ü": "ö"}, ttl_ms=60000)
        self.assertEqual(answer["id"], "one")
        self.assertEqual(answer["ttl_ms"], 60000)
        self.assertTrue(0 < answer["heartbeat_ms"] <= 20000)
        found = self.registry.lookup("full")
        self.assertEqual(found["instances"], [{
            "id": "one", "host": "127.0.0.1", "port": 9000, "scheme": "https", "status": "up",
            "weight": 7, "zone": "east", "version": "1.2", "tags": ["blue", "x"],
            "meta": {"owner": "ann", "ü": "ö"}, "detail": ""}])
        self.assertEqual(found["revision"], answer["revision"])
        self.assertFalse(found["held"])
        self.assertNotIn("reason", found)

    def test_host_and_id_come_from_the_caller(self):
        answer = self.registry.call("registry.register", {"service": "bare", "port": 4711})
        self.assertEqual(answer["id"], "127.0.0.1:4711")
        self.assertEqual(self.registry.lookup("bare")["instances"][0]["host"], "127.0.0.1")

    def test_lookups_filter_by_zone_version_tags_and_status(self):
        self.registry.register("f", 1, id="a", zone="z1", version="1", tags=["t", "u"])
        self.registry.register("f", 2, id="b", zone="z2", version="1", tags=["t"])
        self.registry.register("f", 3, id="c", zone="z2", version="2", status="starting")
        for members, expected in (
                ({}, ["a", "b"]), ({"zone": "z2"}, ["b"]), ({"version": "1"}, ["a", "b"]),
                ({"tags": ["t", "u"]}, ["a"]), ({"status": ["starting"]}, ["c"]),
                ({"status": ["up", "starting"], "zone": "z2"}, ["b", "c"]),
                ({"tags": ["nobody"]}, [])):
            with self.subTest(members=members):
                self.assertEqual(ids(self.registry.lookup("f", **members)), expected)

    def test_an_empty_answer_has_a_reason(self):
        self.assertEqual(self.registry.lookup("nobody")["reason"], "unknown_service")
        self.registry.register("why", 1, id="a", status="draining")
        self.assertEqual(self.registry.lookup("why")["reason"], "all_draining")
        self.registry.register("why", 1, id="b", zone="x")
        self.assertEqual(self.registry.lookup("why", zone="y")["reason"], "filtered")
        self.registry.register("short", 1, ttl_ms=1000)
        wait_until(lambda: not self.registry.lookup("short")["instances"], "the end of the lease")
        self.assertEqual(self.registry.lookup("short")["reason"], "all_expired")

    def test_a_beating_instance_stays_and_a_silent_one_goes(self):
        beating = self.registry.register("alive", 1, id="beating", ttl_ms=1000)
        self.registry.register("alive", 2, id="silent", ttl_ms=1000)

        def beat_until_the_other_is_gone():
            answer = self.registry.call("registry.heartbeat", {
                "service": "alive", "id": "beating", "lease": beating["lease"]})
            self.assertTrue(answer["known"])
            return ids(self.registry.lookup("alive")) == ["beating"]
        wait_until(beat_until_the_other_is_gone, "the silent instance's end")

    def test_its_page_shows_a_call_of_its_own_address(self):
        for headers, said in (({}, f"'http://127.0.0.1:{self.registry.port}/RPC2'"),
                              ({"Host": "reg.example:80"}, "'http://reg.example:80/RPC2'"),
                              ({"Host": "a');b"}, "'http://HOST:PORT/RPC2'")):
            with self.subTest(headers):
                self.assertIn(said, request(self.registry.port, "GET", "/", None,
                                            headers).body.decode())

    def test_a_check_goes_by_the_interval_of_its_instance(self):
        check = {"type": "tcp", "interval_ms": 100}
        with socket.create_server(("127.0.0.1", 0)) as fast, \
                socket.create_server(("127.0.0.1", 0)) as slow:
            self.registry.register("checked", fast.getsockname()[1], id="fast", check=check)
            self.registry.register("checked", slow.getsockname()[1], id="slow",
                                   check={**check, "interval_ms": 3600000})
            wait_until(lambda: ids(self.registry.lookup("checked")) == ["fast", "slow"],
                       "two passed checks")
        wait_until(lambda: ids(self.registry.lookup("checked")) == ["slow"], "failed checks")
        down = self.registry.lookup("checked", status=["down"])["instances"][0]
        self.assertEqual(down["detail"], "down: no answer from its address")

    def test_an_instance_with_a_check_is_starting_until_it_passes(self):
        port = free_port()
        check = {"type": "tcp", "interval_ms": 100}
        self.registry.register("late", port, id="a", check=check)
        starting = self.registry.lookup("late", status=["starting"])["instances"]
        self.assertEqual([i["id"] for i in starting], ["a"])
        self.assertEqual(self.registry.lookup("late")["reason"], "filtered")
        with socket.create_server(("127.0.0.1", port)):
            wait_until(lambda: ids(self.registry.lookup("late")) == ["a"], "the first passed check")
            self.registry.wait_log("late/a is up: it answers")
        wait_until(lambda: not ids(self.registry.lookup("late")), "failed checks")
        with socket.create_server(("127.0.0.1", port)):
            wait_until(lambda: ids(self.registry.lookup("late")) == ["a"], "its return")
            self.registry.wait_log("late/a is back: it answers again")

    def test_an_http_check_goes_by_the_statuses_it_expects(self):
        statuses = {"/empty": 204, "/who": 401, "/broken": 503}
        origin = self.stage.origin(lambda request, _: reply(statuses[request.target], b""))
        for name, path, status, good in (
                ("default-2xx", "/empty", None, True), ("default-4xx", "/who", None, False),
                ("listed-4xx", "/who", "200-299,401", True),
                ("listed-5xx", "/broken", "200-299,401", False),
                ("only-200", "/empty", "200", False)):
            check = {"type": "http", "path": path, "interval_ms": 100}
            if status:
                check["status"] = status
            with self.subTest(name):
                lease = self.registry.register(name, origin.port, id="a", check=check)["lease"]
                asked = len(origin.requests)
                origin.wait_requests(asked + 3)
                if good:
                    wait_until(lambda n=name: ids(self.registry.lookup(n)) == ["a"], "its check")
                else:
                    self.assertEqual(ids(self.registry.lookup(name, status=["starting"])), ["a"])
                self.registry.call("registry.deregister", {"service": name, "id": "a",
                                                           "lease": lease})

    def test_an_http_check_that_fails_says_what_was_answered(self):
        answers = [401]
        origin = self.stage.origin(lambda *_: reply(answers[-1], b""))
        self.registry.register("told", origin.port, id="a", check={
            "type": "http", "interval_ms": 100, "status": "401"})
        wait_until(lambda: ids(self.registry.lookup("told")) == ["a"], "its check")
        answers.append(200)
        wait_until(lambda: not ids(self.registry.lookup("told")), "failed checks")
        down = self.registry.lookup("told", status=["down"])["instances"][0]
        self.assertEqual(down["detail"], "down: its check is answered 200, expected is 401")

    def test_an_instance_may_not_beat_too_often(self):
        lease = self.registry.register("fast", 1, id="a")["lease"]
        beat = {"service": "fast", "id": "a", "lease": lease}
        answers = self.registry.call("registry.heartbeats", [beat] * 100)
        self.assertTrue(answers[0]["known"])
        self.assertEqual(answers[-1]["faultCode"], 429)
        self.assertIn("every 100 ms", answers[-1]["faultString"])

    def test_a_lost_registration_is_healed_by_a_heartbeat(self):
        beat = {"service": "healed", "id": "x", "lease": "feed"}
        self.assertFalse(self.registry.call("registry.heartbeat", beat)["known"])
        answer = self.registry.call("registry.heartbeat", {**beat, "port": 5, "zone": "z"})
        self.assertTrue(answer["known"])
        self.assertEqual(answer["lease"], "feed")
        self.assertEqual(self.registry.lookup("healed")["instances"][0]["zone"], "z")

    def test_many_heartbeats_at_once(self):
        lease = self.registry.register("many", 1, id="a")["lease"]
        answers = self.registry.call("registry.heartbeats", [
            {"service": "many", "id": "a", "lease": lease},
            {"service": "many", "id": "b"},
            {"service": "many", "id": "a", "lease": "bad"},
            {"service": "many", "id": "c", "port": 3}])
        self.assertEqual([a.get("known") for a in answers], [True, False, None, True])
        self.assertEqual(answers[2]["faultCode"], 409)
        self.fault(-32602, "registry.heartbeats", [{"service": "many", "id": "a"}] * 251)

    def test_a_new_process_fences_the_old_one(self):
        old = self.registry.register("fenced", 1, id="a")["lease"]
        new = self.registry.register("fenced", 1, id="a")["lease"]
        who = {"service": "fenced", "id": "a"}
        self.fault(409, "registry.heartbeat", {**who, "lease": old})
        self.fault(409, "registry.heartbeat", {**who, "lease": old, "port": 1})
        self.fault(409, "registry.set_status", {**who, "lease": old, "status": "down"})
        self.fault(409, "registry.deregister", {**who, "lease": old})
        self.assertTrue(self.registry.call("registry.heartbeat", {**who, "lease": new})["known"])

    def test_an_admins_status_wins_until_it_is_cleared(self):
        lease = self.registry.register("admin", 1, id="a")["lease"]
        who = {"service": "admin", "id": "a"}
        self.registry.call("registry.set_status", {
            **who, "status": "maintenance", "reason": "new disk"})
        self.registry.call("registry.set_status", {**who, "status": "up", "lease": lease})
        lease = self.registry.register("admin", 1, id="a")["lease"]
        found = self.registry.lookup("admin", status=["maintenance"])["instances"][0]
        self.assertEqual(found["detail"], "new disk")
        self.registry.call("registry.set_status", {**who, "status": "up"})
        self.assertEqual(ids(self.registry.lookup("admin")), ["a"])

    def test_deregistering_and_what_is_unknown(self):
        lease = self.registry.register("leave", 1, id="a")["lease"]
        who = {"service": "leave", "id": "a", "lease": lease}
        answer = self.registry.call("registry.deregister", who)
        self.assertTrue(answer["existed"] and answer["drained"])
        self.assertFalse(self.registry.call("registry.deregister", who)["existed"])
        self.fault(404, "registry.set_status", {**who, "status": "up"})

    def test_bad_input_names_the_member_and_what_is_allowed(self):
        good = {"service": "bad", "port": 1}
        for bad, said in (
                ({"port": 0}, "port: 0.*65535"), ({"port": 70000}, "port: 70000.*65535"),
                ({"port": "80"}, "port.*int"), ({"port": 1.5}, "port.*int"),
                ({"service": "a/b"}, "service.*a/b.*letters"), ({"service": ""}, "service"),
                ({"service": "x" * 300}, "service.*128"), ({"service": 5}, "service"),
                ({"ttl_ms": -1}, "ttl_ms: -1.*1000"), ({"prot": 1}, 'prot.*"port"'),
                ({"tags": "a"}, "tags"), ({"tags": [1]}, "tags"), ({"meta": {"a": 1}}, "meta"),
                ({"meta": []}, "meta"), ({"status": "fine"}, "status.*fine"),
                ({"check": {"type": "icmp"}}, "type.*icmp"), ({"check": {}}, "type"),
                ({"check": {"type": "http", "status": "2xx"}}, 'check: status: "2xx".*200-299,401'),
                ({"check": {"type": "http", "status": 200}}, "check: status.*string"),
                ({"check": {"type": "tcp", "status": "200"}}, "status: a tcp check has none"),
                ({"weight": 1001}, "weight: 1001.*1000"), ({"host": "a b"}, "host.*a b"),
                ({"id": "no spaces"}, "id.*no spaces"), ({"host": "http://h"}, "host")):
            with self.subTest(bad=bad):
                self.assertRegex(self.fault(-32602, "registry.register", {**good, **bad}), said)
        self.fault(-32602, "registry.register")
        self.fault(-32602, "registry.register", good, good)
        self.fault(-32602, "registry.lookup", {"service": "x", "status": ["fine"]})
        # No revision is compared: leases of other tests end meanwhile.
        self.assertEqual(self.registry.call("registry.history", {"service": "bad"})["events"], [])
        self.assertEqual(self.registry.lookup("bad")["reason"], "unknown_service")

    def test_services_come_in_pages(self):
        for name in ("page-c", "page-a", "page-b"):
            self.registry.register(name, 1)
        self.registry.register("page-a", 2, status="starting")
        page = self.registry.call("registry.services", {"prefix": "page-", "limit": 2})
        self.assertEqual([(s["name"], s["instances"], s["up"]) for s in page["services"]],
                         [("page-a", 2, 1), ("page-b", 1, 1)])
        page = self.registry.call("registry.services", {"prefix": "page-", "after": "page-b"})
        self.assertEqual([s["name"] for s in page["services"]], ["page-c"])


class Watching(Shared):
    """watch, report, and deregistrations that wait for gateways."""

    def background(self, work):
        """Runs it in a thread; returns a function that waits for its result."""
        result = []
        thread = threading.Thread(target=lambda: result.append(work()))
        thread.start()

        def join():
            thread.join()
            return result[0]
        return join

    def current(self, **members):
        """The revision at which all has been told."""
        answer = self.watch("", **members)
        while answer["more"]:
            answer = self.watch(answer["revision"], **members)
        return answer["revision"]

    def register_many(self, registrations):
        """One multicall."""
        with self.registry.proxy() as proxy:
            calls = xmlrpc.client.MultiCall(proxy)
            for service, port in registrations:
                calls.registry.register({"service": service, "port": port})
            list(calls())

    def start_watch(self, revision, **members):
        """A watch that waits, in a thread."""
        count = self.waiting()
        join = self.background(lambda: self.watch(revision, wait_ms=60000, **members))
        wait_until(lambda: self.waiting() == count + 1, "the watch")
        return join

    def test_a_first_watch_tells_everything_and_later_ones_what_changed(self):
        self.registry.register("w1", 1, id="a")
        first = self.watch("", service="w1")
        self.assertTrue(first["reset"])
        self.assertEqual([c["service"] for c in first["changes"]], ["w1"])
        join = self.start_watch(self.current())
        self.registry.register("w2", 1, id="a")
        second = join()
        self.assertFalse(second["reset"])
        self.assertEqual([c["service"] for c in second["changes"]], ["w2"])
        self.assertEqual(ids(second["changes"][0]), ["a"])

    def test_a_service_that_leaves_is_told_with_its_reason(self):
        self.registry.register("gone", 1, id="a")
        at = self.current()
        self.registry.deregister("gone", "a")
        change = self.watch(at, wait_ms=5000)["changes"][0]
        self.assertEqual((change["service"], change["instances"], change["reason"]),
                         ("gone", [], "unknown_service"))

    def test_a_watcher_of_one_service_sleeps_through_others(self):
        at = self.watch("", service="mine")["revision"]
        join = self.start_watch(at, service="mine")
        self.registry.register("theirs", 1)
        self.assertEqual(self.waiting(), 1)
        self.registry.register("mine", 1)
        self.assertEqual([c["service"] for c in join()["changes"]], ["mine"])

    def test_a_burst_is_few_answers(self):
        join = self.start_watch(self.current())
        self.register_many([(f"burst{port % 5}", port) for port in range(1, 51)])
        answer, answers, seen = join(), 1, {}
        while True:
            seen.update((c["service"], len(c["instances"])) for c in answer["changes"])
            if sum(seen.values()) == 50:
                break
            answer, answers = self.watch(answer["revision"], wait_ms=60000), answers + 1
        self.assertLess(answers, 50)  # 1, unless the machine takes long over them

    def test_nothing_new_is_told_after_the_wait(self):
        at = self.current()
        answer = self.watch(at, wait_ms=10)
        self.assertEqual((answer["changes"], answer["reset"], answer["more"]), ([], False, False))
        self.assertEqual(answer["revision"], at)

    def test_revisions_of_others_are_reset(self):
        for revision in ("0", "x", "ffffffffff.1", "9" * 100):
            with self.subTest(revision=revision):
                self.assertTrue(self.watch(revision, wait_ms=60000)["reset"])
        self.fault(-32602, "registry.watch", {"revision": 5})
        self.fault(-32602, "registry.watch", {"revision": "", "wait_ms": 60001})

    def test_a_thousand_instances_are_told_in_pieces(self):
        for service in range(25):
            self.register_many([(f"bulk{service}", port) for port in range(1, 61)])
        seen, revision, pieces, more = {}, "", 0, True
        while more:
            answer = self.watch(revision)
            self.assertEqual(answer["reset"], pieces == 0)
            for change in answer["changes"]:
                seen[change["service"]] = len(change["instances"])
            revision, more, pieces = answer["revision"], answer["more"], pieces + 1
        self.assertGreater(pieces, 1)
        self.assertEqual([seen[f"bulk{n}"] for n in range(25)], [60] * 25)

    def test_many_watchers_wait_without_a_thread_each(self):
        at = self.current()
        joins = [self.background(lambda: self.watch(at, wait_ms=60000, service="crowd"))
                 for _ in range(40)]
        wait_until(lambda: self.waiting() == 40, "forty watches")
        self.registry.register("crowd", 1)
        for join in joins:
            self.assertEqual(len(join()["changes"]), 1)

    def test_deregistering_waits_for_the_gateways(self):
        gateway = {"name": "g1", "kind": "gateway"}
        self.registry.register("drained", 1, id="a")
        at = self.current(watcher=gateway)
        watching = self.start_watch(at, watcher=gateway)
        leaving = self.background(lambda: self.registry.deregister("drained", "a", wait_ms=30000))
        told = watching()
        self.registry.call("registry.report", {
            "watcher": gateway, "revision": told["revision"],
            "instances": [{"service": "drained", "id": "a", "in_flight": 2, "failures": 0}]})
        self.assertFalse(self.registry.lookup("drained")["instances"])
        self.registry.call("registry.report", {
            "watcher": gateway, "revision": told["revision"], "instances": []})
        self.assertTrue(leaving()["drained"])

    def test_a_gateway_that_does_not_answer_ends_the_wait_undrained(self):
        gateway = {"name": "g2", "kind": "gateway"}
        self.registry.register("stuck", 1, id="a")
        at = self.current(watcher=gateway)
        self.assertTrue(at)
        self.assertFalse(self.registry.deregister("stuck", "a", wait_ms=50)["drained"])


class System(Shared):
    """system.*, stats, backup, and the HTTP door."""

    def test_every_method_is_listed_with_help_and_signature(self):
        names = self.registry.call("system.listMethods")
        for name in ("registry.register", "registry.watch", "get_reg_count", "system.multicall"):
            self.assertIn(name, names)
        for name in names:
            self.assertTrue(self.registry.call("system.methodHelp", name))
            self.assertTrue(self.registry.call("system.methodSignature", name)[0][0])
        self.assertIn("system.listMethods", self.fault(-32601, "registry.nothing"))

    def test_a_multicall_keeps_order_and_shows_faults_in_place(self):
        def call(name, *params):
            return {"methodName": name, "params": list(params)}
        answers = self.registry.call("system.multicall", [
            call("registry.register", {"service": "mc", "port": 1, "id": "a"}),
            call("registry.register", {"service": "mc", "port": 0}),
            call("registry.lookup", {"service": "mc"}),
            call("registry.deregister", {"service": "mc", "id": "a"}),
            call("registry.lookup", {"service": "mc"}),
            call("registry.watch", {"revision": self.watch("")["revision"], "wait_ms": 60000}),
            call("system.multicall", []), call("nothing"), {"methodName": "x"}])
        self.assertEqual(answers[0][0]["id"], "a")
        self.assertEqual(ids(answers[2][0]), ["a"])
        self.assertEqual(answers[4][0]["instances"], [])
        self.assertEqual([a["faultCode"] for a in (answers[1], *answers[6:])],
                         [-32602, -32602, -32601, -32602])
        self.fault(-32602, "system.multicall", [call("registry.stats")] * 101)

    def test_a_backup_lies_in_the_data_directory(self):
        file = self.registry.call("registry.backup")["file"]
        self.assertTrue(os.path.getsize(os.path.join(self.registry.data, file)) > 0)

    def test_the_door_answers_by_path_and_method(self):
        for method, path, status in (
                ("GET", "/health", 200), ("GET", "/metrics", 200), ("GET", "/", 200),
                ("GET", "/RPC2", 405), ("POST", "/health", 405), ("GET", "/nothing", 404),
                ("DELETE", "/", 405)):
            with self.subTest(method=method, path=path):
                answer = self.registry.http(method, path)
                self.assertEqual(answer.status, status)
                if status == 405:
                    self.assertTrue(answer.headers.get("Allow"))
        self.assertIn(b"microreg_registry_instances", self.registry.http(path="/metrics").body)

    def test_both_paths_take_calls(self):
        body = xmlrpc.client.dumps((), "get_reg_count")
        for path in ("/", "/RPC2"):
            answer = self.registry.http("POST", path, body, {"Content-Type": "text/xml"})
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.headers.get("Content-Type").startswith("text/xml"))
            xmlrpc.client.loads(answer.body)

    def test_hostile_documents_are_faults_at_once(self):
        bomb = ("<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>"
                "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
                "<methodCall><methodName>&b;</methodName></methodCall>")
        deep = ("<methodCall><methodName>x</methodName><params><param>"
                + "<value><array><data>" * 5000)
        utf16 = "<methodCall/>".encode("utf-16")
        for body, code in ((bomb, -32700), (deep, None), (utf16, -32700), ("", -32700),
                           ("<a>" * 30000, None)):
            answer = self.registry.http("POST", "/RPC2", body)
            self.assertEqual(answer.status, 200)
            with self.assertRaises(xmlrpc.client.Fault) as caught:
                xmlrpc.client.loads(answer.body)
            if code:
                self.assertEqual(caught.exception.faultCode, code)
        self.assertEqual(self.registry.http("POST", "/RPC2", b"x" * (1 << 21)).status, 413)


class Restarting(Case):
    """What survives the registry's end, and who may start."""

    def again(self, registry):
        """A new registry over the same data."""
        return self.stage.registry(data=registry.data)

    def test_what_was_acknowledged_is_there_after_kill_9(self):
        registry = self.stage.registry()
        leases = {}
        for _ in range(5):
            stop = threading.Event()

            def work(number, registry=registry, stop=stop):
                with registry.proxy() as proxy:
                    port = 0
                    while not stop.is_set() and port < 60000:
                        port += 1
                        name = f"s{number}"
                        try:
                            answer = proxy.registry.register(
                                {"service": name, "port": port, "ttl_ms": 3600000})
                        except (OSError, xmlrpc.client.ProtocolError, EOFError):
                            return
                        leases[name, answer["id"]] = answer["lease"]
            threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
            before = len(leases)
            for thread in threads:
                thread.start()
            wait_until(lambda before=before: len(leases) > before + 40, "registrations")
            registry.kill()
            stop.set()
            for thread in threads:
                thread.join()
            registry = self.again(registry)
            with registry.proxy() as proxy:
                for name in {service for service, _ in leases}:
                    found = proxy.registry.lookup({"service": name})
                    self.assertTrue(found["held"])
                    self.assertLessEqual({i for s, i in leases if s == name}, set(ids(found)))
                for (service, instance), lease in list(leases.items())[:50]:
                    self.assertTrue(proxy.registry.heartbeat(
                        {"service": service, "id": instance, "lease": lease})["known"])

    def test_after_a_restart_each_has_its_ttl_to_renew(self):
        registry = self.stage.registry()
        lease = registry.register("s", 1, id="renews", ttl_ms=1500)["lease"]
        registry.register("s", 2, id="silent", ttl_ms=1500)
        registry.kill()
        registry = self.again(registry)
        self.assertTrue(registry.lookup("s")["held"])
        self.assertEqual(ids(registry.lookup("s")), ["renews", "silent"])

        def beat_until_the_other_is_gone():
            registry.call("registry.heartbeat", {"service": "s", "id": "renews", "lease": lease})
            found = registry.lookup("s")
            return ids(found) == ["renews"] and not found["held"]
        wait_until(beat_until_the_other_is_gone, "the silent instance's end")

    def test_after_a_restart_a_check_expects_what_it_did(self):
        registry = self.stage.registry()
        origin = self.stage.origin(lambda *_: reply(401, b""))
        registry.register("web", origin.port, id="a", check={
            "type": "http", "interval_ms": 100, "status": "200-299,401"})
        wait_until(lambda: ids(registry.lookup("web")) == ["a"], "its check")
        registry.kill()
        registry = self.again(registry)
        origin.wait_requests(len(origin.requests) + 5)
        self.assertEqual(ids(registry.lookup("web")), ["a"])

    def test_a_watcher_goes_on_over_a_restart(self):
        registry = self.stage.registry()
        registry.register("s", 1)
        at = registry.call("registry.watch", {"revision": ""})["revision"]
        self.assertEqual(registry.stop(), 0)
        registry = self.again(registry)
        answer = registry.call("registry.watch", {"revision": at, "wait_ms": 10})
        self.assertFalse(answer["reset"])
        registry.register("s", 2)
        answer = registry.call("registry.watch", {"revision": at, "wait_ms": 10})
        self.assertEqual([c["service"] for c in answer["changes"]], ["s"])

    def test_a_pause_of_the_registry_costs_no_instance_its_lease(self):
        registry = self.stage.registry()
        registry.register("s", 1, ttl_ms=1500)
        registry.pause()
        end = time.monotonic() + 3
        wait_until(lambda: time.monotonic() > end, "a pause longer than the lease")
        registry.send_signal(signal.SIGCONT)
        answer = registry.lookup("s")
        wait_until(lambda: re_paused(registry), "word of the pause")
        self.assertEqual(len(answer["instances"]), 1)

    def test_stopping_answers_those_who_wait(self):
        registry = self.stage.registry()
        at = registry.call("registry.watch", {"revision": ""})["revision"]
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            registry.call("registry.watch", {"revision": at, "wait_ms": 60000})))
        thread.start()
        wait_until(lambda: registry.call("registry.stats")["watchers"] == 1, "the watch")
        self.assertEqual(registry.stop(), 0)
        thread.join()
        self.assertEqual(answers[0]["changes"], [])

    def refused(self, code, said, *args):
        """Starts a registry that must refuse with that exit code and one line."""
        got, _, log = self.stage.check("microreg-registry", *args)
        self.assertEqual(got, code, log)
        self.assertRegex(log, said)
        self.assertEqual(len(log.strip().splitlines()), 1, log)

    def test_what_keeps_it_from_starting_is_said_in_one_line(self):
        registry = self.stage.registry()
        free = ["--listen", "127.0.0.1:0"]
        self.refused(5, "in use by another registry", *free, "--data-dir", registry.data)
        other = os.path.join(self.stage.dir, "other")
        self.refused(3, "in use", "--listen", f"127.0.0.1:{registry.port}", "--data-dir", other)
        self.refused(3, "--insecure", "--listen", "0.0.0.0:0", "--data-dir", other)
        self.refused(4, "data directory", *free, "--data-dir", "/proc/nowhere")
        with open(os.path.join(other, "registry.db"), "wb") as file:
            file.write(b"not a database, but long enough to be looked at" * 100)
        self.refused(6, "not a SQLite database", *free, "--data-dir", other)

    def test_insecure_listens_where_it_is_told(self):
        program = self.stage.run("microreg-registry", "--listen", "0.0.0.0:0", "--insecure",
                                 "--data-dir", os.path.join(self.stage.dir, "data"))
        program.wait_log(r"listening on 0\.0\.0\.0:\d+")

    def test_mistakes_in_the_settings_are_all_told(self):
        file = os.path.join(self.stage.dir, "registry.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write("lisen: 127.0.0.1:0\nthreads: 0\nlog: {level: loud}\n")
        code, _, log = self.stage.check("microreg-registry", "--config", file, "--check")
        self.assertEqual(code, 1)
        for line, said in ((1, '"listen"'), (2, "threads"), (3, "level")):
            self.assertRegex(log, rf"registry.yaml:{line}: .*{said}")


def re_paused(registry):
    """True once the registry has noticed that it was stopped."""
    return "paused for" in registry.log()


if __name__ == "__main__":
    unittest.main()
