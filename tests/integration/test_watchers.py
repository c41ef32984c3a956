"""Ten thousand watchers: they hold no threads, and a change reaches every one of them."""

import os
import resource
import socket
import subprocess
import threading
import unittest
import xmlrpc.client

from harness import BUILD, Case, wait_until
from test_access import write_settings

COUNT = 10000
SPARE = 200
GATHERED = 300  # KEEPER_MANY is less


class Watchers(Case):
    """One registry, watched by the bench's tool."""

    def test_every_one_of_ten_thousand_hears_of_a_change(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(COUNT, hard - SPARE) if hard != resource.RLIM_INFINITY else COUNT
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + SPARE)), hard))
        name = write_settings(self.stage.dir, {"limits": {
            "watchers": count, "connections": count + 100}})
        registry = self.stage.registry(args=["--config", name])
        said = subprocess.run(
            [os.path.join(BUILD, "bench/watchers"), str(registry.port), str(count)],
            capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(len(said.stdout.split()), 3)
        with open(f"/proc/{registry.pid}/status", encoding="ascii") as file:
            threads = next(int(line.split()[1]) for line in file if line.startswith("Threads:"))
        self.assertLess(threads, 12)
        self.assertEqual(registry.call("registry.stats")["watchers"], 0)

    def wait_with_many(self, registry):
        """So many watch another service that changes are gathered before watchers are told."""
        at = registry.register("idle", 1)["revision"]
        body = xmlrpc.client.dumps(({"service": "idle", "revision": at, "wait_ms": 60000},),
                                   "registry.watch").encode()
        for _ in range(GATHERED):
            connection = socket.create_connection(("127.0.0.1", registry.port))
            self.addCleanup(connection.close)
            connection.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: registry.call("registry.stats")["watchers"] >= GATHERED, "watchers")

    def test_who_knows_the_last_change_waits_for_the_next(self):
        registry = self.stage.registry()
        answers = []

        def watch(revision):
            answers.append(registry.call("registry.watch", {
                "service": "s", "revision": revision, "wait_ms": 30000}))
        self.wait_with_many(registry)
        with registry.proxy() as proxy:
            for turn in range(10):
                for port in (1, 2):  # the second so soon that the first is just being told
                    last = proxy.registry.register({"service": "s", "id": "a", "port": port})
                watcher = threading.Thread(target=watch, args=(last["revision"],))
                watcher.start()
                for other in range(100):  # longer than the quiet after which watchers are told
                    proxy.registry.register({"service": "t", "id": str(other), "port": 1})
                proxy.registry.register({"service": "s", "id": "a", "port": 3})
                watcher.join()
                self.assertEqual(len(answers), turn + 1)
                self.assertEqual(len(answers[-1]["changes"]), 1, "told of nothing")


if __name__ == "__main__":
    unittest.main()
