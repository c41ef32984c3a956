"""Changing the settings while running, and ending: no request is lost."""

import collections
import json
import os
import signal
import threading
import time
import unittest

from harness import Case, wait_until
from origin import head, reply
from wire import Ended


class Load:
    """Clients that ask without a pause, on kept connections, and count what they get."""

    def __init__(self, gateway, path, threads=4):
        self.gateway, self.path = gateway, path
        self.statuses = collections.Counter()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _ask(self):
        client = None
        while not self.ending.is_set():
            client = client or self.gateway.connect()
            client.send(b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n" % self.path.encode())
            try:
                answer = client.reply()
            except (Ended, ConnectionError):
                self.statuses["dropped"] += 1
                client = None
                continue
            self.statuses[answer.status] += 1
            if (answer.headers.get("Connection") or "").lower() == "close":
                client.close()
                client = None
        if client:
            client.close()

    def wait_more(self, count=200):
        """Waits for so many more answers."""
        goal = sum(self.statuses.values()) + count
        wait_until(lambda: sum(self.statuses.values()) >= goal, "traffic")

    def end(self):
        """Stops asking; the statuses."""
        self.ending.set()
        for thread in self.threads:
            thread.join()
        return dict(self.statuses)


class Reload(Case):
    """A gateway whose settings change."""

    def setUp(self):
        super().setUp()
        self.origin = self.stage.origin(lambda request, peer: reply(200, b"old"))
        self.other = self.stage.origin(lambda request, peer: reply(200, b"new"))

    def settings(self, origin, *more):
        """Route /x to that origin, and more paths to the same."""
        return {**self.stage.settings(),
                "services": {"s": {"instances": [origin.address]}},
                "routes": [{"path": path, "service": "s", "cache": "off"}
                           for path in ("/x",) + more]}

    def wait_body(self, gateway, body):
        """Waits until /x answers that."""
        wait_until(lambda: gateway.get("/x").body == body, f"{body!r} from /x")

    def test_sighup_reads_the_file_again(self):
        gateway = self.stage.gateway(self.settings(self.origin))
        self.assertEqual(gateway.get("/y").status, 404)
        gateway.write(self.settings(self.other, "/y"))
        gateway.send_signal(signal.SIGHUP)
        self.wait_body(gateway, b"new")
        self.assertEqual(gateway.get("/y").status, 200)

    def test_a_file_that_was_renamed_into_place_is_read_by_itself(self):
        gateway = self.stage.gateway(self.settings(self.origin))
        for origin, body in ((self.other, b"new"), (self.origin, b"old"), (self.other, b"new")):
            gateway.write(self.settings(origin))
            self.wait_body(gateway, body)

    def test_a_file_that_was_changed_in_place_is_read_by_itself(self):
        gateway = self.stage.gateway(self.settings(self.origin))
        for origin, body in ((self.other, b"new"), (self.origin, b"old")):
            with open(gateway.file, "w", encoding="utf-8") as file:
                json.dump(self.settings(origin), file)
            self.wait_body(gateway, body)

    def test_a_link_that_was_switched_is_followed(self):
        """As Kubernetes does with mounted configuration."""
        for name, origin in (("one", self.origin), ("two", self.other)):
            os.mkdir(f"{self.stage.dir}/{name}")
            with open(f"{self.stage.dir}/{name}/gateway.yaml", "w", encoding="utf-8") as file:
                json.dump(self.settings(origin), file)
        os.symlink("one", f"{self.stage.dir}/data")
        os.symlink("data/gateway.yaml", f"{self.stage.dir}/gateway.yaml")
        gateway = self.stage.gateway(file=f"{self.stage.dir}/gateway.yaml")
        self.assertEqual(gateway.get("/x").body, b"old")
        os.symlink("two", f"{self.stage.dir}/data.new")
        os.rename(f"{self.stage.dir}/data.new", f"{self.stage.dir}/data")
        self.wait_body(gateway, b"new")

    def test_a_file_with_mistakes_keeps_the_running_table_and_says_so(self):
        gateway = self.stage.gateway(self.settings(self.origin))
        gateway.write("routes: [ {path: /x, servce: s} ]\nlisten: nonsense\n")
        gateway.wait_log(r"servce")
        self.assertEqual(gateway.get("/x").body, b"old")
        gateway.write(self.settings(self.other))
        self.wait_body(gateway, b"new")

    def test_each_mistake_is_a_line_of_the_log(self):
        gateway = self.stage.gateway(self.settings(self.origin))
        gateway.write("routes: [ {path: /x, servce: s} ]\nlisten: nonsense\n")
        gateway.wait_log(r"(?m)yaml:1: routes\[0\]\.servce: .*\?$")
        gateway.wait_log(r"(?m) error gateway: \S*:2: listen: ")

    def test_what_only_a_restart_changes_is_told_until_it_is_taken_back(self):
        first = self.settings(self.origin)
        gateway = self.stage.gateway(first)
        for key, change in (("workers", {"workers": 9}), ("admin", {"admin": "off"}),
                            ("registry", {"registry": {"urls": ["http://127.0.0.1:1/RPC2"]}}),
                            ("limits.cache", {"limits": {"cache": "1MiB"}})):
            with self.subTest(key):
                gateway.write({**first, **change})
                gateway.wait_log(f"a change of `{key}` needs a restart")
                gateway.wait_log("is in effect")
        seen = gateway.seen
        gateway.write(self.settings(self.other))
        self.wait_body(gateway, b"new")
        self.assertNotIn("restart", gateway.log()[seen:])

    def test_a_file_that_vanished_keeps_the_running_table(self):
        gateway = self.stage.gateway(self.settings(self.origin))
        os.rename(gateway.file, gateway.file + ".gone")
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_log(r"gateway\.\d+\.yaml")
        self.assertEqual(gateway.get("/x").body, b"old")
        gateway.write(self.settings(self.other))
        self.wait_body(gateway, b"new")

    def test_no_request_is_dropped_by_reloads_under_load(self):
        gateway = self.stage.gateway(self.settings(self.origin))
        load = Load(gateway, "/x")
        for i in range(10):
            load.wait_more(50)
            origin, body = ((self.other, b"new"), (self.origin, b"old"))[i % 2]
            gateway.write(self.settings(origin))
            self.wait_body(gateway, body)
        self.assertEqual(set(load.end()), {200})

    def test_a_request_that_began_before_a_reload_ends_after_it(self):
        may_end = threading.Event()

        def behave(request, peer):
            if request.target == "/x":
                return reply(200, b"old")
            peer.send(head(200, {"Content-Length": 4}) + b"ab")
            may_end.wait(20)
            return b"cd"
        slow = self.stage.origin(behave)
        gateway = self.stage.gateway(self.settings(slow, "/slow"))
        with gateway.connect() as client:
            client.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
            slow.wait_requests(1)
            gateway.write(self.settings(self.other))
            self.wait_body(gateway, b"new")
            may_end.set()
            self.assertEqual(client.reply().body, b"abcd")


class Ending(Case):
    """SIGTERM finishes what runs and leaves."""

    def start(self, behave):
        """A gateway before one origin."""
        self.origin = self.stage.origin(behave)
        return self.stage.gateway({
            "services": {"s": {"instances": [self.origin.address]}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})

    def test_it_ends_at_once_when_nothing_runs(self):
        gateway = self.start(lambda request, peer: reply())
        with gateway.connect() as idle:
            idle.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            idle.reply()
            start = time.monotonic()
            self.assertEqual(gateway.stop(), 0)
            self.assertLess(time.monotonic() - start, 10)  # not the 30 s of the drain
            self.assertTrue(idle.is_closed())

    def test_a_running_request_is_finished(self):
        may_end = threading.Event()

        def behave(request, peer):
            may_end.wait(20)
            return reply(200, b"whole")
        gateway = self.start(behave)
        with gateway.connect() as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            self.origin.wait_requests(1)
            gateway.send_signal(signal.SIGTERM)

            def is_refused():
                try:
                    gateway.connect().close()
                except ConnectionError:
                    return True
                return False
            wait_until(is_refused, "the end of listening")
            may_end.set()
            answer = client.reply()
            self.assertEqual((answer.status, answer.body), (200, b"whole"))
            self.assertTrue(client.is_closed())
        self.assertEqual(gateway.wait(), 0)

    def test_sigint_ends_it_too(self):
        self.assertEqual(self.start(lambda request, peer: reply()).stop(signal.SIGINT), 0)


if __name__ == "__main__":
    unittest.main()
