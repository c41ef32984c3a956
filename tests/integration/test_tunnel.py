"""WebSocket and other upgraded connections: joined, bounded, and no way past the routes."""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import threading
import unittest

from certificates import make_certificate
from harness import BUILD, Case, Program, SharedCase, peer, wait_until
from origin import reply

KEY = base64.b64encode(b"sixteen bytes ok").decode()
ACCEPT = base64.b64encode(hashlib.sha1(
    (KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
SANITIZED = os.path.basename(BUILD) in ("asan", "tsan")
# WebSocket by the library `websockets`, and by npm's ws.
PYTHON = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ws_peer.py")
NODE = "ws_peer.js"


def handshake(path="/x", method="GET", version="1.1", fields="", upgrade="websocket",
              connection="Upgrade", key=KEY):
    """A client's request to upgrade; what is None is left out."""
    lines = [f"{method} {path} HTTP/{version}", "Host: t"]
    for name, value in (("Connection", connection), ("Upgrade", upgrade),
                        ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13")):
        if value is not None:
            lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n" + fields + "\r\n").encode()


def switch(upgrade="websocket", connection="Upgrade", accept=ACCEPT, fields=""):
    """An instance's 101."""
    lines = ["HTTP/1.1 101 Switching Protocols"]
    for name, value in (("Connection", connection), ("Upgrade", upgrade),
                        ("Sec-WebSocket-Accept", accept)):
        if value is not None:
            lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n" + fields + "\r\n").encode()


def echo(peer):
    """Sends back what comes, until its end, which is passed on."""
    while data := peer.sock.recv(65536):
        peer.send(data)
    peer.close()


class Instance:
    """A behaviour: agrees to upgrade and hands the connection to `talk`; else 200."""

    def __init__(self, talk=echo, head=switch(), ahead=b""):
        self.talk, self.head, self.ahead = talk, head, ahead

    def __call__(self, request, peer):
        if "Upgrade" not in request.headers:
            return reply(200, b"plain " + request.target.encode(), {"Connection": "close"})
        peer.send(self.head + self.ahead)
        self.talk(peer)
        peer.close()
        return None


class TunnelCase:
    """What all of them need; `stage`, `gateway` and `origin` are the test's."""

    def metric(self, name):
        return self.gateway.metrics()["microreg_gateway_" + name]

    def open(self, data=b"", **options):
        """A client's connection after the 101."""
        client = self.gateway.connect()
        self.addCleanup(client.close)
        client.send(handshake(**options) + data)
        self.assertEqual(client.reply().status, 101)
        return client

    def wait_over(self):
        """Waits until nothing is left of any tunnel."""
        wait_until(lambda: self.metric("tunnels") == 0, "the end of the tunnels")
        wait_until(lambda: self.metric("upstream_connections") == 0, "its connections' end")


class Joined(TunnelCase, SharedCase):
    """One gateway, one instance that echoes."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(Instance())
        cls.gateway = cls.stage.gateway({
            "services": {"s": {"instances": [cls.origin.address], "retry": {"attempts": 1}}},
            "routes": [{"path": "/off/*", "service": "s", "upgrade": "off"},
                       {"path": "/other/*", "service": "s", "upgrade": ["chat/2", "WebSocket"]},
                       {"path": "/cached/*", "service": "s", "cache": {"ttl": "1h"}},
                       {"path": "/*", "service": "s"}]})

    def setUp(self):
        self.wait_over()  # what another test has left counts when it ends
        self.origin.behave = Instance()
        self.origin.clear()

    def asked(self):
        """The last request that the instance got."""
        return self.origin.wait_requests(1)[-1].headers

    def ask(self, data):
        """The reply to one request."""
        with self.gateway.connect() as client:
            client.send(data)
            return client.reply()

    def test_bytes_flow_both_ways(self):
        client = self.open()
        for size in (1, 1000, 200000):
            data = os.urandom(size)
            client.send(data)
            self.assertEqual(client.file.read(size), data)
        client.half_close()
        self.assertEqual(client.rest(), b"")
        self.wait_over()

    def test_the_handshake_is_passed_on_and_nothing_of_the_connection(self):
        client = self.gateway.connect()
        client.send(handshake(connection="keep-alive, Upgrade, X-Hop",
                              fields="X-Hop: 1\r\nKeep-Alive: 3\r\nX-Own: 2\r\n"))
        answer = client.reply()
        client.close()
        self.assertEqual(answer.headers.all("Connection"), ["upgrade"])
        self.assertEqual(answer.headers.all("Upgrade"), ["websocket"])
        self.assertEqual(answer.headers.get("Sec-WebSocket-Accept"), ACCEPT)
        for name in ("Content-Length", "Transfer-Encoding"):
            self.assertNotIn(name, answer.headers)
        asked = self.asked()
        self.assertEqual(asked.all("Connection"), ["upgrade"])
        self.assertEqual(asked.all("Upgrade"), ["websocket"])
        self.assertEqual(asked.get("Sec-WebSocket-Key"), KEY)
        self.assertEqual(asked.get("X-Own"), "2")
        self.assertIn("X-Forwarded-For", asked)
        for name in ("X-Hop", "Keep-Alive"):
            self.assertNotIn(name, asked)

    def test_what_either_side_said_ahead_comes_first(self):
        self.origin.behave = Instance(ahead=b"welcome ")
        client = self.open(data=b"early ")
        client.send(b"late")
        self.assertEqual(client.file.read(18), b"welcome early late")

    def test_an_answer_other_than_101_is_an_ordinary_one(self):
        """What was sent behind the request is the next request, and the routes see it."""
        self.origin.behave = lambda request, peer: reply(
            426 if "Upgrade" in request.headers else 200, request.target.encode(),
            {"Connection": "close"})
        with self.gateway.connect() as client:
            client.send(handshake("/a", fields="X-Version: 777\r\n") +
                        b"GET /off/b HTTP/1.1\r\nHost: t\r\n\r\n")
            self.assertEqual((client.reply().status, client.reply().body), (426, b"/off/b"))
        self.assertNotIn("Upgrade", self.asked())
        self.assertEqual(self.metric("tunnels"), 0)

    def test_a_101_that_nobody_asked_for_is_a_502(self):
        for data in (b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n", handshake("/off/x")):
            self.origin.behave = lambda request, peer: switch() + b"secret"
            answer = self.ask(data)
            self.assertEqual(answer.status, 502)
            self.assertNotIn(b"secret", answer.body)

    def test_a_101_that_does_not_prove_that_it_read_the_request_is_a_502(self):
        for head in (switch(accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="), switch(accept=None),
                     switch(upgrade="chat/2"), switch(upgrade=None), switch(connection=None),
                     switch(upgrade="websocket, chat/2"),
                     switch(fields="Upgrade: websocket\r\n")):
            self.origin.behave = lambda request, peer, head=head: head
            self.assertEqual(self.ask(handshake()).status, 502, head)

    def test_what_is_no_handshake_goes_without_its_upgrade(self):
        body = "Content-Length: 4\r\n"
        chunked = "Transfer-Encoding: chunked\r\n"
        for data in (handshake(upgrade="h2c", fields="HTTP2-Settings: AAA\r\n"),
                     handshake(connection="Upgrade, HTTP2-Settings", upgrade="h2c"),
                     handshake(upgrade="chat/2"), handshake("/off/x"), handshake(connection=None),
                     handshake(version="1.0"), handshake(key=None), handshake(key="short"),
                     handshake(fields=f"Sec-WebSocket-Key: {KEY}\r\n"),
                     handshake(connection="Upgrade, Sec-WebSocket-Key"),
                     handshake(method="POST"), handshake(method="PUT"),
                     handshake(fields=body) + b"body",
                     handshake(fields=chunked) + b"4\r\nbody\r\n0\r\n\r\n"):
            self.origin.clear()
            self.assertEqual(self.ask(data).status, 200, data)
            for name in ("Upgrade", "Connection"):
                self.assertNotIn(name, self.asked(), data)

    def test_of_many_offers_only_what_the_route_allows_is_passed_on(self):
        self.open(upgrade="h2c, WebSocket, chat/2").close()
        self.assertEqual(self.asked().all("Upgrade"), ["websocket"])
        self.origin.clear()
        self.origin.behave = Instance(head=switch(upgrade="chat/2", accept=None))
        client = self.open(path="/other/x", upgrade="h2c", key=None,
                           fields="Upgrade: CHAT/2, websocket\r\n")
        self.assertEqual(self.asked().all("Upgrade"), ["chat/2"])
        client.send(b"x")
        self.assertEqual(client.file.read(1), b"x")

    def test_the_admin_door_tells_what_routes_allow(self):
        pages = self.gateway.admin("/routes").body
        allowed = {route["path"]: route.get("upgrade") for route in json.loads(pages)["routes"]}
        self.assertEqual(allowed["/other/*"], ["chat/2", "websocket"])
        self.assertEqual(allowed["/*"], ["websocket"])
        self.assertFalse(allowed["/off/*"])

    def test_a_kept_reply_is_no_answer_to_an_upgrade(self):
        self.assertEqual(self.gateway.get("/cached/x").status, 200)
        self.assertIn("hit", self.gateway.get("/cached/x").headers.get("Cache-Status"))
        self.open(path="/cached/x").close()
        self.assertIn("hit", self.gateway.get("/cached/x").headers.get("Cache-Status"))

    def test_the_end_of_one_side_is_passed_on_and_the_other_may_go_on(self):
        def last_words(peer):
            got = b""
            while data := peer.sock.recv(65536):
                got += data
            peer.send(b"you said " + got)
            peer.close()
        self.origin.behave = Instance(last_words)
        client = self.open(data=b"all ")
        client.send(b"of it")
        client.half_close()
        self.assertEqual(client.rest(), b"you said all of it")
        self.wait_over()

    def test_an_instance_that_ends_its_side_may_still_be_spoken_to(self):
        heard = []

        def listen_on(peer):
            peer.send(b"that is all")
            peer.sock.shutdown(socket.SHUT_WR)
            while data := peer.sock.recv(65536):
                heard.append(data)
        self.origin.behave = Instance(listen_on)
        client = self.open()
        self.assertEqual(client.file.read(), b"that is all")
        client.send(b"thanks")
        client.half_close()
        wait_until(lambda: b"".join(heard) == b"thanks", "what the instance hears")
        self.wait_over()

    def test_a_reset_of_either_side_ends_both_and_loses_nothing_sent_before(self):
        self.origin.behave = Instance(
            lambda peer: (peer.send(b"last words"), peer.sock.recv(1), peer.reset()))
        client = self.open()
        client.send(b"x")  # the instance resets
        self.assertEqual(client.rest(), b"last words")
        self.wait_over()
        ended = threading.Event()
        self.origin.behave = Instance(lambda peer: (
            self.assertRaises(OSError, lambda: [peer.send(b"a" * 65536) for _ in range(10000)]),
            ended.set()))
        client = self.open()
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.assertTrue(ended.wait(20))
        self.wait_over()

    def test_the_access_log_tells_of_both_directions_and_the_metrics_count(self):
        before = len(self.gateway.access_log())
        answered = self.metric('requests_total{class="1xx"}')
        client = self.open(path="/logged")
        self.assertEqual(self.metric("tunnels"), 1)
        self.assertEqual(self.metric("requests_in_flight"), 0)
        self.assertEqual(self.metric('service_in_flight{service="s"}'), 0)
        client.send(b"a" * 100000)
        client.file.read(100000)
        received = self.metric("received_bytes_total")
        self.assertGreaterEqual(received, 100000)  # while it is open
        client.half_close()
        client.rest()
        entry = wait_until(lambda: next((e for e in self.gateway.access_log()[before:]
                                         if e["path"] == "/logged"), None), "its line")
        self.assertEqual((entry["status"], entry["service"], entry["attempts"]), (101, "s", 1))
        for name in ("bytes_in", "bytes_out"):
            self.assertTrue(100100 < entry[name] < 101000, entry)
        self.wait_over()
        self.assertEqual(self.metric('requests_total{class="1xx"}'), answered + 1)

    def test_a_reader_that_does_not_read_stops_its_sender(self):
        size = 64 << 20
        block, sent, done = os.urandom(1 << 16), [], threading.Event()

        def flood(peer):
            while len(sent) < size >> 16:
                peer.send(block)
                sent.append(1)
            peer.close()
            done.set()
        self.origin.behave = Instance(flood)
        before = resident(self.gateway)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            sock.settimeout(20)
            sock.connect(("127.0.0.1", self.gateway.port))
            sock.sendall(handshake())
            file = sock.makefile("rb")
            self.assertIn(b"101", file.readline())
            while file.readline() != b"\r\n":
                pass
            stuck = [0, 0, 0]
            wait_until(lambda: len(sent) > 0 and (stuck.append(len(sent)) or
                                                  len(set(stuck[-20:])) == 1), "its pause")
            self.assertFalse(done.is_set())
            self.assertLess(resident(self.gateway) - before, (8 << 20) * (8 if SANITIZED else 1))
            got = hashlib.sha256()
            total = 0
            while total < size:
                piece = file.read(1 << 16)
                self.assertTrue(piece)
                got.update(piece)
                total += len(piece)
            self.assertEqual(got.digest(), hashlib.sha256(block * (size >> 16)).digest())
            file.close()
        self.assertTrue(done.wait(20))
        self.assertLess(resident(self.gateway) - before, (8 << 20) * (8 if SANITIZED else 1))
        self.wait_over()

    def test_tunnels_at_rest_cost_little(self):
        count, before = 300, resident(self.gateway)
        clients = [self.open() for _ in range(count)]
        for client in clients:
            client.send(b"x" * 30000)
            client.file.read(30000)
        self.assertEqual(self.metric("tunnels"), count)
        self.assertLess((resident(self.gateway) - before) / count, 40000 * (5 if SANITIZED else 1))
        for client in clients:
            client.close()
        self.wait_over()


class Lives(TunnelCase, Case):
    """A gateway for each test."""

    def start(self, behave=None, **settings):
        self.origin = self.stage.origin(behave or Instance())
        self.gateway = self.stage.gateway({
            "services": {"s": {"instances": [self.origin.address]}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}], **settings})

    def test_more_than_the_limit_are_a_503(self):
        self.start(limits={"tunnels": 2}, workers=2)
        for _ in range(3):
            clients = [self.open() for _ in range(2)]
            with self.gateway.connect() as late:
                late.send(handshake())
                answer = late.reply()
                self.assertEqual(answer.status, 503)
                self.assertIn(b"too-many-tunnels", answer.body)
                self.assertIn("Retry-After", answer.headers)
                late.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
                self.assertEqual(late.reply().status, 200)
            for client in clients:
                client.close()
            self.wait_over()
        self.assertEqual(self.metric("tunnels_refused_total"), 3)
        self.origin.behave = lambda request, peer: reply(403, headers={"Connection": "close"})
        for _ in range(5):  # one that is refused gives its place back
            with self.gateway.connect() as client:
                client.send(handshake())
                self.assertEqual(client.reply().status, 403)

    def test_they_are_no_requests_under_way(self):
        self.start(limits={"requests": 1})
        for _ in range(3):
            self.open()
        self.assertEqual(self.gateway.get("/x").status, 200)

    def test_one_in_which_nothing_flows_is_ended(self):
        self.start(limits={"tunnel_idle_timeout": "100ms"})
        self.assertEqual(self.open().rest(), b"")
        self.wait_over()

    def test_a_reload_does_not_cut_them(self):
        self.start()
        client = self.open()
        self.gateway.write({"listen": ["127.0.0.1:0"], "admin": "127.0.0.1:0",
                            "routes": [{"path": "/*", "respond": {"text": "new"}}]})
        wait_until(lambda: self.gateway.get("/x").body == b"new", "the reload")
        client.send(b"still here")
        self.assertEqual(client.file.read(10), b"still here")

    def test_a_drain_lets_requests_finish_and_then_ends_them(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        instance = Instance()

        def behave(request, peer):
            if request.target == "/slow":
                go_on.wait(20)
                return reply(200, b"slow")
            return instance(request, peer)
        self.start(behave, workers=2)
        tunnels = [self.open() for _ in range(4)]
        slow = self.gateway.connect()
        slow.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
        wait_until(lambda: self.origin.requests[-1].target == "/slow", "the request")
        self.gateway.send_signal(15)
        self.gateway.wait_log("finishing what runs")
        for client in tunnels:
            client.send(b"still here")
            self.assertEqual(client.file.read(10), b"still here")
        go_on.set()
        self.assertEqual(slow.reply().body, b"slow")
        slow.close()
        for client in tunnels:
            self.assertEqual(client.rest(), b"")
            client.close()
        self.assertEqual(self.gateway.wait(), 0)
        self.assertEqual([e["status"] for e in self.gateway.access_log()].count(101), 4)
        self.assertNotIn("cut", self.gateway.log())

    def test_a_deregistration_waits_for_them(self):
        registry = self.stage.registry()
        origin = self.stage.origin(Instance())
        registry.register("s", origin.port, id="one")
        self.gateway = self.stage.gateway({"routes": [{"path": "/*", "service": "s"}]})
        self.gateway.wait_status("/x", 200)
        client = self.open()
        self.assertEqual(registry.deregister("s", "one", wait_ms=1500)["drained"], False)
        client.send(b"x")
        self.assertEqual(client.file.read(1), b"x")
        registry.register("s", origin.port, id="one")
        client.close()
        self.wait_over()
        self.assertEqual(registry.deregister("s", "one", wait_ms=15000)["drained"], True)

    def test_real_peers_talk_through_it(self):
        for serve, ask in ((PYTHON, PYTHON), (NODE, NODE), (PYTHON, NODE), (NODE, PYTHON)):
            with self.subTest(serve=serve, ask=ask):
                server = self.stage.add(self.start_peer(serve, "serve"))
                port = int(server.wait_output(r"port (\d+)").group(1))
                self.gateway = self.stage.gateway({
                    "services": {"s": {"instances": [f"http://127.0.0.1:{port}"]}},
                    "routes": [{"path": "/chat/*", "service": "s", "rewrite": "/v2/chat"}]})
                self.talk(ask, f"ws://127.0.0.1:{self.gateway.port}/chat/7?a=b")
                self.wait_over()

    def test_real_peers_talk_through_it_under_tls(self):
        shop = make_certificate(self.stage.dir, "shop", ["shop.test"])
        server = self.stage.add(self.start_peer(PYTHON, "serve"))
        port = int(server.wait_output(r"port (\d+)").group(1))
        self.gateway = self.stage.gateway({
            "listen": [{"address": "127.0.0.1:0", "tls": shop}],
            "services": {"s": {"instances": [f"http://127.0.0.1:{port}"]}},
            "routes": [{"path": "/chat/*", "service": "s", "rewrite": "/v2/chat"}]})
        for ask in (PYTHON, NODE):
            self.talk(ask, f"wss://127.0.0.1:{self.gateway.port}/chat/7?a=b", shop["cert"])
            self.wait_over()

    def test_an_end_of_one_side_is_passed_on_under_tls(self):
        shop = make_certificate(self.stage.dir, "shop", ["shop.test"])
        self.start(Instance(lambda peer: (peer.send(b"bye"), peer.close())),
                   listen=[{"address": "127.0.0.1:0", "tls": shop}])
        context = ssl.create_default_context(cafile=shop["cert"])
        with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as plain, \
                context.wrap_socket(plain, server_hostname="shop.test") as client:
            client.sendall(handshake())
            got = b""
            while piece := client.recv(65536):  # a close_notify, or it raises
                got += piece
            self.assertTrue(got.endswith(b"\r\n\r\nbye"), got)
        self.wait_over()

    def test_bytes_flow_both_ways_under_tls_on_both_sides(self):
        pair = make_certificate(self.stage.dir, "shop", ["shop.test", "127.0.0.1"])
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(pair["cert"], pair["key"])
        self.origin = self.stage.origin(Instance(), tls=secure)
        self.gateway = self.stage.gateway({
            "listen": [{"address": "127.0.0.1:0", "tls": pair}],
            "services": {"s": {"instances": [self.origin.address], "tls": {"ca": pair["cert"]}}},
            "routes": [{"path": "/*", "service": "s"}]})
        context = ssl.create_default_context(cafile=pair["cert"])
        data = os.urandom(1 << 16) * 64
        with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as plain, \
                context.wrap_socket(plain, server_hostname="shop.test") as client:
            client.sendall(handshake())
            with client.makefile("rb") as file:
                while file.readline() != b"\r\n":
                    pass
                for at in range(0, len(data), 1 << 16):  # Python's are not for two threads
                    client.sendall(data[at:at + (1 << 16)])
                    self.assertEqual(file.read(1 << 16), data[at:at + (1 << 16)])
        self.wait_over()

    def start_peer(self, script, *args):
        """PYTHON or NODE as a program of the stage."""
        command = peer(script) if script == NODE else ("/usr/bin/env", "/usr/bin/python3", script)
        program = Program(self.stage, "ws_peer", [*command[1:], *args], path="/usr/bin/env")
        program.expect = {0, -15}
        return program

    def talk(self, script, *args):
        """A whole conversation."""
        client = self.stage.add(self.start_peer(script, "ask", *args))
        self.assertEqual(client.wait(), 0, client.log())
        self.assertEqual(client.output().splitlines(), [
            "asked /v2/chat?a=b chat", "big True", "pong", "closed 4001"])


def resident(program):
    """Bytes of memory it uses."""
    with open(f"/proc/{program.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    unittest.main()
