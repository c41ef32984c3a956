"""Upgrading the gateway: a new process takes the sockets over, and no request is lost."""

import collections
import http.client
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import unittest

from certificates import make_certificate
from harness import Case, free_port, wait_until
from origin import reply
from test_tunnel import Instance, handshake

AS_NOBODY = """
import os, socket, sys
os.setgid(65534)
os.setuid(65534)
peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    peer.connect(sys.argv[1])
    print(peer.recv(1000).decode())
except PermissionError:
    print("no permission")
"""


class Clients:
    """Threads that ask without a pause: plain and TLS, on kept and on fresh connections."""

    def __init__(self, plain_port, tls_port):
        self.answers, self.failures = collections.Counter(), []
        self.ending = threading.Event()
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        kinds = [(port, keep) for port in (plain_port, tls_port) for keep in (True, False)]
        self.tls_port = tls_port
        self.threads = [threading.Thread(target=self._ask, args=kind) for kind in kinds]
        for thread in self.threads:
            thread.start()

    def _connect(self, port):
        if port == self.tls_port:
            return http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=self.context)
        return http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def _ask(self, port, keep):
        connection = self._connect(port)
        while not self.ending.is_set():
            try:
                connection.request("GET", "/x")
                self.answers[connection.getresponse().read()] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{port} {keep}: {error!r}")
                connection.close()
            if not keep:
                connection.close()
        connection.close()

    def wait_more(self, count=100):
        """Waits for so many more answers."""
        goal = sum(self.answers.values()) + count
        wait_until(lambda: self.failures or sum(self.answers.values()) >= goal, "traffic")

    def end(self):
        """Stops asking."""
        self.ending.set()
        for thread in self.threads:
            thread.join()


class Before(Case):
    """What all tests here need: a gateway before one origin, with a door for its successor."""

    def setUp(self):
        super().setUp()
        self.door = os.path.join(self.stage.dir, "handover.sock")
        self.hold = threading.Event()
        self.addCleanup(self.hold.set)
        self.origin = self.stage.origin(self.behave)

    def first(self, settings):
        """The gateway to be replaced, with its door open."""
        gateway = self.stage.gateway(settings)
        gateway.wait_log("gateway: ready")
        return gateway

    def behave(self, request, peer):
        if request.target == "/slow":
            self.hold.wait(20)
        return reply(200, b"body")

    def settings(self, **more):
        """As the first gateway has them."""
        return {"workers": 2, "handover": self.door,
                "services": {"s": {"instances": [self.origin.address]}},
                "routes": [{"path": "/*", "service": "s", "cache": "off"}], **more}

class Replace(Before):
    """One gateway after the other."""

    def replace(self, old, settings=None, **options):
        """The next gateway, serving, over the same settings file unless others are given."""
        options.setdefault("file", None if settings else old.file)
        new = self.stage.gateway(settings, args=["--replace"], **options)
        new.wait_log("gateway: ready")
        return new

    def refused(self, *args, code):
        """A gateway that can't take over; what it said."""
        result, _, said = self.stage.check("microreg-gateway", "--replace", "--config", *args)
        self.assertEqual(result, code, said)
        return said

    def write(self, name, text):
        path = os.path.join(self.stage.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_no_request_is_lost_over_a_chain_of_upgrades_under_load(self):
        pem = make_certificate(self.stage.dir, "shop", ["shop.test"])
        plain, tls = free_port(), free_port()
        listen = [f"127.0.0.1:{plain}", {"address": f"127.0.0.1:{tls}", "tls": pem}]
        gateway = self.first(self.settings(listen=listen))
        clients = Clients(plain, tls)
        try:
            for workers in (1, 3, 2, 2):
                clients.wait_more()
                new = self.replace(gateway, self.settings(listen=listen, workers=workers))
                clients.wait_more()
                self.assertEqual(gateway.wait(), 0)
                gateway = new
            clients.wait_more()
        finally:
            clients.end()
        self.assertEqual(clients.failures, [])
        self.assertEqual(set(clients.answers), {b"body"})

    def test_admin_door_and_any_free_port_stay_what_they_were(self):
        old = self.first(self.settings())
        new = self.replace(old)
        self.assertEqual((new.port, new.admin_port), (old.port, old.admin_port))
        self.assertEqual(old.wait(), 0)
        self.assertEqual(new.admin("/ready").status, 200)
        self.assertEqual(new.get("/x").body, b"body")
        self.assertEqual(new.stop(), 0)
        self.assertFalse(os.path.exists(self.door))

    def test_a_request_under_way_is_finished_by_the_old_one(self):
        old = self.first(self.settings())
        with old.connect() as client:
            client.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
            self.origin.wait_requests(1)
            new = self.replace(old)
            self.assertEqual(new.get("/x").body, b"body")
            self.assertTrue(old.is_running())
            self.hold.set()
            answer = client.reply()
            self.assertEqual((answer.status, answer.headers.get("Connection")), (200, "close"))
            self.assertTrue(client.is_closed())
        self.assertEqual(old.wait(), 0)

    def test_a_tunnel_stays_with_the_old_one_for_the_time_of_a_drain(self):
        self.origin.behave = Instance()
        for timeout in ("60s", "100ms"):
            with self.subTest(timeout):
                old = self.first(self.settings(drain_timeout=timeout))
                with old.connect() as client:
                    client.send(handshake())
                    self.assertEqual(client.reply().status, 101)
                    new = self.replace(old)
                    self.assertEqual(new.get("/x").status, 200)
                    if timeout == "60s":
                        client.send(b"still there")
                        self.assertEqual(client.file.read(11), b"still there")
                        client.close()
                    self.assertEqual(old.wait(), 0)
                new.stop()

    def test_settings_with_mistakes_leave_the_old_one_running(self):
        old = self.first(self.settings())
        self.assertIn("servce", self.refused(self.write("bad.yaml", "servce: 1\n"), code=1))
        self.assertEqual(old.get("/x").body, b"body")
        self.replace(old)
        self.assertEqual(old.wait(), 0)

    def test_one_that_fails_with_the_sockets_in_hand_leaves_the_old_one_running(self):
        old = self.first(self.settings())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            said = self.refused(self.write("taken.yaml", (
                f"listen: ['127.0.0.1:0']\nhandover: {self.door}\n"
                f"admin: 127.0.0.1:{taken.getsockname()[1]}\n"
                f"routes: [{{path: /*, respond: {{status: 204}}}}]\n")), code=3)
        self.assertIn("in use", said)
        old.wait_log("gave up: this one goes on")
        self.assertEqual(old.get("/x").body, b"body")
        self.assertEqual(old.admin("/ready").status, 200)
        self.replace(old)
        self.assertEqual(old.wait(), 0)

    def test_it_knows_the_instances_before_it_takes_over(self):
        registry = self.stage.registry()
        registry.register("r", self.origin.port, host="127.0.0.1")
        routes = [{"path": "/*", "service": "r", "cache": "off"}]
        settings = {"handover": self.door, "routes": routes, "services": {}}
        old = self.first(settings)
        old.wait_status("/x", 200)
        new = self.replace(old)
        self.assertEqual(new.get("/x").status, 200)
        self.assertEqual(old.wait(), 0)
        registry.stop()
        self.assertIn("the registry does not answer", self.refused(new.file, code=7))
        self.assertEqual(new.get("/x").status, 200)

    def test_with_nobody_to_replace_it_starts(self):
        gateway = self.stage.gateway(self.settings(), args=["--replace"])
        self.assertIn("no gateway to replace at ", gateway.log())
        self.assertEqual(gateway.get("/x").body, b"body")

    def test_a_door_that_is_off_is_not_there(self):
        gateway = self.first(self.settings(handover="off"))
        gateway.send_signal(signal.SIGUSR2)
        gateway.wait_log("SIGUSR2: this gateway can't be replaced")

    def test_only_the_same_user_gets_in(self):
        self.first(self.settings())
        self.assertEqual(stat.S_IMODE(os.stat(self.door).st_mode), 0o600)
        os.chmod(self.stage.dir, 0o755)
        others = ((0o600, "no permission"), (0o666, "refused: it is another user's"))
        for mode, answer in others if os.getuid() == 0 else ():  # only root becomes another user
            with self.subTest(oct(mode)):
                os.chmod(self.door, mode)
                said = subprocess.run([sys.executable, "-c", AS_NOBODY, self.door], check=True,
                                      capture_output=True, text=True).stdout
                self.assertEqual(said.strip(), answer)

    def test_nonsense_at_the_door_does_no_harm(self):
        gateway = self.first(self.settings())
        for text in (b"x", b"ready", b"\0" * 5000, b"microreg-gateway 2 take"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
                peer.settimeout(20)
                peer.connect(self.door)
                peer.send(text)
                self.assertIn(b"refused: it speaks another language", peer.recv(1000))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first:
            first.connect(self.door)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as second:
                second.settimeout(20)
                second.connect(self.door)
                self.assertIn(b"another one is taking over", second.recv(1000))
        self.assertEqual(self.replace(gateway).get("/x").body, b"body")

    def test_sigusr2_starts_the_next_one(self):
        old = self.first(self.settings())
        old.send_signal(signal.SIGUSR2)
        new = int(old.wait_log(r"process (\d+) has taken over").group(1))
        try:
            self.assertEqual(old.wait(), 0)
            self.assertEqual(old.get("/x").body, b"body")
            self.assertEqual(old.admin("/ready").status, 200)
        finally:
            os.kill(new, signal.SIGTERM)
        wait_until(lambda: not os.path.exists(f"/proc/{new}"), "the end of the next one")

    def test_a_next_one_that_can_not_start_is_told_and_forgotten(self):
        old = self.first(self.settings())
        old.write("servce: 1\n")
        old.wait_log("was not taken over")
        for _ in range(2):
            old.send_signal(signal.SIGUSR2)
            old.wait_log("started to replace this one ended with code 1")
        self.assertEqual(old.get("/x").body, b"body")


class Ending(Before):
    """What a load balancer in front sees when a gateway is told to stop."""

    def test_it_says_so_goes_on_for_a_while_and_then_refuses(self):
        gateway = self.first(self.settings(drain_delay="2s"))
        with gateway.connect() as idle, gateway.connect() as busy:
            idle.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            idle.reply()
            busy.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
            self.origin.wait_requests(2)
            gateway.send_signal(signal.SIGTERM)
            wait_until(lambda: gateway.admin("/ready").status == 503, "/ready")
            self.assertEqual(gateway.get("/x").status, 200)  # still accepting
            idle.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            self.assertEqual(idle.reply().status, 200)
            self.assertTrue(idle.is_closed())
            with self.assertRaises(ConnectionError):
                gateway.connect()
            self.assertTrue(gateway.is_running())
            self.hold.set()
            self.assertEqual(busy.reply().body, b"body")
        self.assertEqual(gateway.wait(), 0)


if __name__ == "__main__":
    unittest.main()
