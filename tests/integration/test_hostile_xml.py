"""Hostile calls: each is refused with its fault, cheaply, while others are served."""

import os
import socket
import threading
import unittest

import hostile
from harness import BUILD, PATIENCE, SharedCase

SLOW = 10 if os.path.basename(BUILD) not in ("build", "clang") else 1
CPU_MS_MAX = 100 * SLOW
MEMORY_KB_MAX = 32768 * SLOW


class HostileXml(SharedCase):
    """The cases of hostile.py, and requests that never end."""

    @classmethod
    def prepare(cls):
        cls.registry = cls.stage.registry()
        cls.registry.register("a", 9000)

    def test_each_hostile_call_has_its_answer_and_costs_little(self):
        for case in hostile.cases():
            with self.subTest(case.name):
                outcome = hostile.send(self.registry, case, PATIENCE)
                self.assertEqual((outcome.status, outcome.fault), (case.status, case.fault),
                                 outcome.text)
                self.assertLess(outcome.cpu, CPU_MS_MAX)
                self.assertLess(outcome.memory, MEMORY_KB_MAX)
                self.assertEqual(len(self.registry.lookup("a")["instances"]), 1)

    def test_nothing_that_was_refused_stays(self):
        for case in hostile.cases():
            hostile.send(self.registry, case, PATIENCE)
        grown = hostile.memory_kb(self.registry.pid, "VmRSS")
        for case in hostile.cases():
            hostile.send(self.registry, case, PATIENCE)
        grown = hostile.memory_kb(self.registry.pid, "VmRSS") - grown
        self.assertLess(grown, MEMORY_KB_MAX)
        names = {s["name"] for s in self.registry.call("registry.services")["services"]}
        self.assertLessEqual(names, {"a", "large"})

    def test_calls_are_answered_while_hostile_ones_come(self):
        stop = threading.Event()

        def attack(case):
            while not stop.is_set():
                hostile.send(self.registry, case, PATIENCE)

        chosen = [case for case in hostile.cases()
                  if case.name in ("an entity bomb", "35 KB of nesting",
                                   "as many elements as allowed", "a full MiB of references")]
        threads = [threading.Thread(target=attack, args=(case,)) for case in chosen]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                self.assertEqual(len(self.registry.lookup("a")["instances"]), 1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_a_multicall_can_not_multiply_a_large_answer(self):
        for first in range(0, 1000, 100):
            self.registry.call("system.multicall", [
                {"methodName": "registry.register",
                 "params": [{"service": "large", "host": "10.0.0.1", "port": first + port}]}
                for port in range(1, 101)])
        ask = ("<value><struct><member><name>service</name><value>large</value></member></struct>"
               "</value>")
        listing = ("<value><struct><member><name>revision</name><value></value></member></struct>"
                   "</value>")
        for method, param in (("registry.lookup", ask), ("registry.watch", listing),
                              ("get_all_service_details", "")):
            with self.subTest(method):
                call = hostile.Hostile(method, hostile.multicall(*[(method, param)] * 100))
                outcome = hostile.send(self.registry, call, PATIENCE)
                self.assertEqual((outcome.status, outcome.fault), (200, 0))
                self.assertLess(outcome.memory, 65536 * SLOW)
        results = self.registry.call("system.multicall", [
            {"methodName": "registry.lookup", "params": [{"service": "large"}]}] * 100)
        self.assertEqual([len(r[0]["instances"]) for r in results[:5]], [1000] * 5)
        self.assertEqual({r["faultCode"] for r in results[5:]}, {413})

    def test_uploads_that_never_end_hold_up_nobody(self):
        before = hostile.memory_kb(self.registry.pid, "VmRSS")
        sockets = []
        try:
            for _ in range(100):
                upload = socket.create_connection(("127.0.0.1", self.registry.port), PATIENCE)
                upload.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + b" " * 100)
                sockets.append(upload)
            for _ in range(5):
                self.assertEqual(len(self.registry.lookup("a")["instances"]), 1)
            self.assertLess(hostile.memory_kb(self.registry.pid, "VmRSS") - before, MEMORY_KB_MAX)
        finally:
            for upload in sockets:
                upload.close()

    def upload(self, chunks):
        """Sends that many chunks of 64 KiB, and returns the status, or "" when it hangs up."""
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with socket.create_connection(("127.0.0.1", self.registry.port), PATIENCE) as upload:
            try:
                upload.sendall(b"POST /RPC2 HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(chunks):
                    upload.sendall(chunk)
                upload.sendall(b"0\r\n\r\n")
                return upload.recv(4096).partition(b"\r\n")[0].decode()
            except OSError:
                return ""

    def test_a_chunked_upload_is_dropped_beyond_a_mebibyte_and_cut_when_endless(self):
        hostile.forget_peak(self.registry.pid)
        before = hostile.memory_kb(self.registry.pid, "VmRSS")
        self.assertIn(" 413 ", self.upload(40))
        self.assertEqual(self.upload(4096), "")
        self.assertLess(hostile.memory_kb(self.registry.pid, "VmHWM") - before, MEMORY_KB_MAX)


if __name__ == "__main__":
    unittest.main()
