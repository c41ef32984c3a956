"""What systemd asks of a daemon: sd_notify(3), the watchdog, socket activation."""

import os
import re
import signal
import socket
import unittest

from harness import PATIENCE, Case, wait_until
from origin import reply


class Manager:
    """The other end of NOTIFY_SOCKET: (sender's process, {variable: value}) of each datagram."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)

    def next(self):
        """The next one that is not the watchdog's."""
        while True:
            sender, said = self.next_of_all()
            if "WATCHDOG" not in said:
                return sender, said

    def next_of_all(self):
        data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
        sender = int.from_bytes(ancillary[0][2][:4], "little")
        return sender, dict(line.split("=", 1) for line in data.decode().splitlines())

    def wait_alive(self, count):
        """So many words for the watchdog."""
        while count:
            count -= "WATCHDOG" in self.next_of_all()[1]


class Notify(Case):
    """Daemons with NOTIFY_SOCKET."""

    def setUp(self):
        super().setUp()
        self.manager = Manager(self.stage.dir)
        self.addCleanup(self.manager.socket.close)
        self.env = {"NOTIFY_SOCKET": self.manager.path}

    def gateway(self, env=None, **settings):
        origin = self.stage.origin(lambda request, peer: reply(200, b"body"))
        return self.stage.gateway({
            "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "s"}], **settings}, env=env or self.env)

    def test_a_gateway_tells_its_start_reloads_and_end(self):
        gateway = self.gateway(drain_timeout="7s")
        self.assertEqual(self.manager.next(), (gateway.pid, {"READY": "1"}))
        gateway.send_signal(signal.SIGHUP)
        said = self.manager.next()[1]
        self.assertEqual(said["RELOADING"], "1")
        self.assertRegex(said["MONOTONIC_USEC"], r"^\d+$")
        self.assertEqual(self.manager.next()[1], {"READY": "1"})
        gateway.stop()
        self.assertEqual(self.manager.next()[1],
                         {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": "17000000"})

    def test_a_refused_reload_ends_too(self):
        gateway = self.gateway()
        self.manager.next()
        gateway.write("servce: 1\n")
        self.assertIn("RELOADING", self.manager.next()[1])
        self.assertEqual(self.manager.next()[1], {"READY": "1"})

    def test_a_successor_becomes_the_main_process(self):
        old = self.gateway(handover=os.path.join(self.stage.dir, "door"))
        self.manager.next()
        old.send_signal(signal.SIGUSR2)
        sender, said = self.manager.next()
        heir = int(said.get("MAINPID", 0))
        try:
            self.assertEqual((sender, set(said)), (old.pid, {"MAINPID"}))
            self.assertEqual(self.manager.next(), (heir, {"READY": "1"}))
            self.assertEqual(old.wait(), 0)
        finally:
            os.kill(heir, signal.SIGTERM)
        self.assertIn("STOPPING", self.manager.next()[1])
        wait_until(lambda: not os.path.exists(f"/proc/{heir}"), "the end of the successor")

    def test_a_registry_tells_its_start_and_end(self):
        registry = self.stage.registry(env=self.env)
        self.assertEqual(self.manager.next(), (registry.pid, {"READY": "1"}))
        registry.stop()
        self.assertIn("STOPPING", self.manager.next()[1])

    def test_the_watchdog_hears_of_both(self):
        for start in (self.stage.registry, self.gateway):
            with self.subTest(start.__name__):
                program = start(env={**self.env, "WATCHDOG_USEC": "40000"})
                self.manager.wait_alive(3)
                program.stop()

    def test_an_abstract_address_works_and_a_dead_one_does_no_harm(self):
        self.stage.registry(env={"NOTIFY_SOCKET": os.path.join(self.stage.dir, "nobody")})
        name = f"microreg-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
            abstract.bind("\0" + name)
            abstract.settimeout(PATIENCE)
            self.stage.registry(env={"NOTIFY_SOCKET": "@" + name})
            self.assertEqual(abstract.recv(100), b"READY=1")


class Activation(Case):
    """Daemons that get their listening sockets passed."""

    def passed(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener, listener.getsockname()[1]

    def test_a_gateway_serves_on_them_and_leaves_them_open(self):
        door, port = self.passed()
        admin, admin_port = self.passed()
        settings = {"listen": [f"127.0.0.1:{port}"], "admin": f"127.0.0.1:{admin_port}",
                    "workers": 3, "handover": os.path.join(self.stage.dir, "door"),
                    "routes": [{"path": "/*", "respond": {"status": 204}}]}
        fds = (door.fileno(), admin.fileno())
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port)) as early:  # before it runs
                early.sendall(b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
                gateway = self.stage.gateway(settings, fds=fds)
                self.assertTrue(early.recv(100).startswith(b"HTTP/1.1 204"))
            self.assertEqual(gateway.port, port)
            for _ in range(20):
                self.assertEqual(gateway.get("/x").status, 204)
            self.assertEqual(gateway.admin("/ready").status, 200)
            self.assertEqual(gateway.stop(), 0)
        # And over a replacement.
        old = self.stage.gateway(settings, fds=fds)
        old.wait_log("gateway: ready")
        new = self.stage.gateway({**settings, "workers": 1}, args=["--replace"])
        self.assertEqual(old.wait(), 0)
        self.assertEqual((new.get("/x").status, new.admin("/ready").status), (204, 200))

    def test_a_registry_serves_on_one(self):
        door, port = self.passed()
        for _ in range(2):
            registry = self.stage.registry(port=port, fds=(door.fileno(),))
            self.assertEqual(registry.http().status, 200)
            self.assertEqual(registry.stop(), 0)

    def test_one_of_an_address_that_is_not_listened_on_is_told(self):
        door, _ = self.passed()
        gateway = self.stage.gateway(
            {"routes": [{"path": "/*", "respond": {"status": 204}}]}, fds=(door.fileno(),))
        gateway.wait_log("1 listening sockets were passed to this gateway")
        self.assertEqual(gateway.get("/x").status, 204)

    def test_what_is_no_listening_socket_is_refused(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
            for name in ("microreg-gateway", "microreg-registry"):
                with self.subTest(name):
                    args = self.arguments(name)
                    program = self.stage.run(name, *args, fds=(wrong.fileno(),))
                    program.expect = {3}
                    self.assertEqual(program.wait(), 3)
                    self.assertTrue(re.search("no listening TCP socket", program.log()))

    def arguments(self, name):
        if name == "microreg-registry":
            return ["--listen", "127.0.0.1:0", "--data-dir", self.stage.dir]
        path = os.path.join(self.stage.dir, "plain.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("listen: '127.0.0.1:0'\nadmin: off\n"
                       "routes: [{path: /*, respond: {status: 204}}]\n")
        return ["--config", path]


if __name__ == "__main__":
    unittest.main()
