"""Peers that are early, slow, half closed or gone: nothing stalls, nothing whole is cut."""

import os
import resource
import socket
import struct
import threading
import unittest

from harness import BUILD, Case, wait_until
from origin import Origin, reply
from wire import Ended

SANITIZED = os.path.basename(BUILD) in ("asan", "tsan")
GET = b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n"


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class RawOrigin:
    """Hands each accepted socket to `serve`, in a thread of its own; close() ends all."""

    def __init__(self, serve):
        self.serve, self.sockets, self.listener = serve, [], socket.create_server(
            ("127.0.0.1", 0), backlog=1024)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            self.serve(sock)
        except OSError:
            pass  # the gateway went: its right

    def close(self):
        """Stops listening, and ends what is open."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for sock in [self.listener, *self.sockets]:
            sock.close()


class HardPeers(Case):
    """One gateway for each test."""

    def start(self, origin, limits=None, route=None, service=None, workers=1):
        """A gateway with one route to that origin; both end with the test."""
        if not isinstance(origin, Origin):
            self.addCleanup(origin.close)
        self.gateway = self.stage.gateway({
            "workers": workers, "limits": limits or {},
            "services": {"s": {"instances": [origin.address], **(service or {})}},
            "routes": [{"path": "/*", "service": "s", **(route or {})}]})
        return self.gateway

    def in_flight(self):
        """Requests under way."""
        return self.gateway.metrics()["microreg_gateway_requests_in_flight"]

    def wait_idle(self):
        """Waits until nothing is under way."""
        wait_until(lambda: self.in_flight() == 0, "an end of all requests")

    # ---- Instances ----

    def test_a_reply_that_comes_before_the_request_is_taken(self):
        """A server that turns connections away speaks at once: in the event of the connect."""
        self.start(RawOrigin(lambda sock: (sock.sendall(reply(503, b"full")), sock.recv(1))),
                   {"idle_timeout": "1h"}, {"timeout": "1h", "cache": "off"},
                   {"retry": {"attempts": 1}})
        clients = [self.gateway.connect() for _ in range(100)]
        self.gateway.pause()  # so that all connects are made in one turn
        for client in clients:
            client.send(GET % b"/x")
        self.gateway.send_signal(18)
        for client in clients:
            with client:
                self.assertEqual(client.reply().body, b"full")

    def test_a_reply_in_many_chunks_is_whole_for_a_slow_reader_after_its_sender_left(self):
        body = os.urandom(1 << 16) * 128
        small = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 1000]), body[i:i + 1000])
                         for i in range(0, len(body), 1000))
        ended = threading.Event()

        def serve(sock):
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + small +
                         b"0\r\n\r\n")
            sock.close()
            ended.set()
        self.start(RawOrigin(serve), route={"cache": "off"})
        for step in (3000, 50000, 200000):
            ended.clear()
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.settimeout(20)
                sock.connect(("127.0.0.1", self.gateway.port))
                sock.sendall(b"GET /x HTTP/1.0\r\n\r\n")
                got = bytearray()
                while not ended.is_set():
                    got += sock.recv(step)
                while piece := sock.recv(step):
                    got += piece
            self.assertEqual(bytes(got).partition(b"\r\n\r\n")[2], body)

    def test_an_early_refusal_of_an_upload_reaches_the_client(self):
        def serve(sock):
            head = sock.recv(300)
            self.assertIn(b"POST", head)
            sock.sendall(reply(413, b"too much", {"Connection": "close"}))
            sock.close()
        self.start(RawOrigin(serve), route={"limits": {"body": "1GiB"}})
        for _ in range(20):
            with self.gateway.connect() as client:
                client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 100000000\r\n\r\n")
                try:
                    client.send(b"a" * 3000000)
                except OSError:
                    pass
                self.assertEqual(client.reply().status, 413)

    def test_a_truncated_reply_to_an_http_1_0_client_does_not_look_whole(self):
        self.start(self.stage.origin(lambda request, peer: (
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            peer.close())[2:] or None), route={"cache": "off"})
        with self.gateway.connect() as client:
            client.send(b"GET /x HTTP/1.0\r\nHost: t\r\n\r\n")
            with self.assertRaises(ConnectionError):
                while client.sock.recv(65536):
                    pass

    # ---- Clients ----

    patient = {"half_close_timeout": "1h"}  # with clients that ended their side

    def test_pipelined_requests_of_a_client_that_ended_its_side_are_all_answered(self):
        self.start(self.stage.origin(lambda request, peer: reply(200, request.target.encode())),
                   self.patient)
        with self.gateway.connect() as client:
            client.send(b"".join(GET % b"/%d" % i for i in range(50)))
            client.half_close()
            for i in range(50):
                self.assertEqual(client.reply().body, b"/%d" % i)
            self.assertTrue(client.is_closed())
        self.wait_idle()

    def test_half_a_request_of_a_client_that_ended_its_side_is_given_up(self):
        self.start(self.stage.origin(), self.patient)
        with self.gateway.connect() as client:
            client.send(GET % b"/whole" + b"GET /half HTTP/1.1\r\n")
            client.half_close()
            self.assertEqual(client.reply().status, 200)
            self.assertTrue(client.is_closed())

    def test_an_upload_in_many_chunks_is_whole_after_its_sender_ended_its_side(self):
        self.start(self.stage.origin(lambda request, peer: reply(200, b"%d" % len(request.body))),
                   self.patient)
        chunks = b"".join(b"64\r\n%s\r\n" % (b"a" * 100) for _ in range(20000)) + b"0\r\n\r\n"
        for _ in range(5):
            with self.gateway.connect() as client:
                client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            chunks)
                client.half_close()
                self.assertEqual(client.reply().body, b"2000000")

    def stuck_upload(self):
        """A client whose upload fills everything on the way to an instance that does not read."""
        got = threading.Event()

        def serve(sock):
            sock.recv(10)
            got.set()
        self.start(RawOrigin(serve), {"idle_timeout": "1h"}, {"limits": {"body": "1GiB"}})
        client = self.gateway.connect()
        client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n")
        client.sock.setblocking(False)
        block = b"a" * (1 << 20)
        while True:
            try:
                client.sock.send(block)
            except BlockingIOError:
                if got.wait(20) and not wait_writable(client.sock):
                    return client

    def test_a_client_that_resets_a_stuck_upload_frees_all_it_held(self):
        client = self.stuck_upload()
        client.file.close()
        reset(client.sock)
        self.wait_idle()
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_upstream_connections"] == 0,
                   "the end of the instance's connection")

    def test_a_client_that_resets_after_ending_its_side_frees_all_it_held(self):
        asked = threading.Event()
        self.start(RawOrigin(lambda sock: (sock.recv(65536), asked.set(), sock.recv(1))),
                   self.patient, {"timeout": "1h"})
        client = self.gateway.connect()
        client.send(GET % b"/x")
        asked.wait()
        client.half_close()
        self.assertEqual(self.in_flight(), 1)  # it may wait for its reply
        client.file.close()
        reset(client.sock)
        self.wait_idle()

    def test_a_slow_reader_that_reads_on_is_served_to_the_end(self):
        """Megabytes may lie in the kernel's buffers: it must not be taken for one that is gone."""
        size = 24 << 20
        self.start(self.stage.origin(lambda request, peer: reply(200, b"a" * size)),
                   {"idle_timeout": "500ms"}, {"cache": "off"})
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            got, paced = 0, threading.Event()
            while got < size:
                piece = client.sock.recv(1 << 18)
                self.assertTrue(piece, f"cut after {got} bytes")
                got += len(piece)
                paced.wait(0.03)

    def test_a_kept_reply_of_megabytes_is_served_and_costs_a_slow_reader_nothing(self):
        body = os.urandom(1 << 16) * 96
        self.start(self.stage.origin(lambda request, peer: reply(
            200, body, {"Cache-Control": "max-age=1000"})),
            {"cache": "64MiB", "cache_object": "8MiB"}, {"cache": {}})
        self.assertEqual(self.gateway.get("/x").body, body)
        for _ in range(3):
            answer = self.gateway.get("/x")
            self.assertIn("hit", answer.headers.get("Cache-Status"))
            self.assertEqual(answer.body, body)
        before = resident(self.gateway)
        clients = [self.gateway.connect() for _ in range(60)]
        for client in clients:
            client.send(GET % b"/x")
        for client in clients:
            client.file.peek(1)  # the reply has begun
        self.assertLess(resident(self.gateway) - before,
                        (200 << 20) * (2 if SANITIZED else 1))  # it was 360
        for client in clients:
            with client:
                self.assertEqual(client.reply().body, body)

    # ---- More than there is room for ----

    def test_a_lack_of_descriptors_is_a_503_and_no_fault_of_the_instance(self):
        self.start(self.stage.origin(), route={"cache": "off"})
        before = len(os.listdir(f"/proc/{self.gateway.pid}/fd"))
        clients = [self.gateway.connect() for _ in range(10)]
        wait_until(lambda: len(os.listdir(f"/proc/{self.gateway.pid}/fd")) >= before + 10)
        limit = resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (before + 10, 20000))
        waiting = self.gateway.connect()
        waiting.send(GET % b"/x")
        for client in clients * 2:
            client.send(GET % b"/x")
            answer = client.reply()
            self.assertEqual(answer.status, 503)
            self.assertIn(b"no-memory", answer.body)
        for client in clients:
            client.close()
        self.assertEqual(waiting.reply().status, 200)  # once there was a descriptor
        self.assertEqual(self.gateway.get("/x").status, 200)
        resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, limit)

    def test_connections_over_the_limit_are_turned_away_and_room_is_given_back(self):
        self.start(self.stage.origin(), {"connections": 3}, workers=2)
        for _ in range(5):
            clients = [self.gateway.connect() for _ in range(3)]
            for client in clients:
                client.send(GET % b"/x")
                self.assertEqual(client.reply().status, 200)
            with self.gateway.connect() as late:
                self.assertEqual(late.reply().status, 503)
                self.assertTrue(late.is_closed())
            for client in clients:
                client.close()
            wait_until(lambda: self.gateway.metrics()["microreg_gateway_connections"] == 0)

    def test_idle_connections_cost_little(self):
        """100 MB must do for 10,000 of them."""
        self.start(self.stage.origin(), route={"cache": "off"})
        count, before = 800, resident(self.gateway)
        clients = [self.gateway.connect() for _ in range(count)]
        for client in clients[::2]:
            client.send(GET % b"/x")
            self.assertEqual(client.reply().status, 200)
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_connections"] == count)
        self.assertLess((resident(self.gateway) - before) / count, 10000 * (
            5 if SANITIZED else 1))
        for client in clients:
            client.close()

    # ---- Slower than the settings allow: it is awaited that they are cut ----

    slow = {"idle_timeout": "1h", "header_timeout": "300ms", "min_rate": "1GiB",
            "min_rate_grace": "300ms"}

    def drip(self, client, data):
        """Sends byte by byte until the gateway's answer begins; returns it."""
        client.sock.settimeout(0.02)
        while True:
            client.send(data[:1])
            data = data[1:] or data
            try:
                if client.sock.recv(1, socket.MSG_PEEK):
                    client.sock.settimeout(20)
                    return client.reply()
            except TimeoutError:
                pass

    def test_a_dripping_head_is_a_408(self):
        self.start(self.stage.origin(), self.slow)
        with self.gateway.connect() as client:
            answer = self.drip(client, b"GET /x HTTP/1.1\r\nHost: t\r\nX-A: " + b"a" * 10000)
            self.assertEqual(answer.status, 408)
            self.assertTrue(client.is_closed())

    def test_a_dripping_body_is_a_408_and_its_instance_is_let_go(self):
        self.start(self.stage.origin(), self.slow)
        for framing in (b"Content-Length: 100000\r\n\r\n",
                        b"Transfer-Encoding: chunked\r\n\r\nffff\r\n"):
            with self.gateway.connect() as client:
                client.send(b"POST /x HTTP/1.1\r\nHost: t\r\n" + framing)
                answer = self.drip(client, b"a" * 10000)
                self.assertEqual(answer.status, 408)
                self.assertTrue(client.is_closed())
        self.wait_idle()
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_upstream_connections"] == 0,
                   "the end of the instance's connections")

    def test_a_body_that_never_begins_is_a_408(self):
        self.start(self.stage.origin(), self.slow)
        with self.gateway.connect() as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n")
            self.assertEqual(client.reply().status, 408)

    def test_a_body_that_nobody_wants_must_not_drip_either(self):
        self.start(self.stage.origin(), self.slow)
        with self.gateway.connect() as client:
            client.send(b"BREW /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n")
            client.reply()
            self.assertTrue(client.is_closed())

    def test_a_reader_that_does_not_read_is_cut_and_its_instance_is_let_go(self):
        self.start(self.stage.origin(lambda request, peer: reply(200, b"a" * (32 << 20))),
                   self.slow, {"cache": "off"})
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            client.file.peek(1)
            self.wait_idle()
            with self.assertRaises((ConnectionError, Ended)):
                client.reply()

    def test_a_reader_of_a_kept_reply_that_does_not_read_is_cut(self):
        body = b"a" * (16 << 20)
        self.start(self.stage.origin(lambda request, peer: reply(
            200, body, {"Cache-Control": "max-age=1000"})),
            {**self.slow, "cache": "256MiB", "cache_object": "20MiB"}, {"cache": {}})
        self.assertEqual(self.gateway.get("/x").body, body)
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            client.file.peek(1)
            self.wait_idle()
            with self.assertRaises((ConnectionError, Ended)):
                client.reply()

    def test_a_stream_with_pauses_is_not_a_slow_reader(self):
        """Nothing is waited for while its reader has all that came."""
        go_on = threading.Event()

        def serve(sock):
            sock.recv(65536)
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            go_on.wait(20)
            sock.sendall(b"1\r\nb\r\n0\r\n\r\n")
        self.start(RawOrigin(serve), {**self.slow, "min_rate_grace": "20ms"}, {"cache": "off"})
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            client.file.peek(1)
            for _ in range(50):  # other requests go by
                self.assertEqual(self.gateway.get("/nobody").status, 200) if go_on.is_set() else \
                    self.gateway.admin("/health")
            go_on.set()
            self.assertEqual(client.reply().body, b"ab")

    def test_settings_at_their_largest_hold(self):
        self.start(self.stage.origin(), {"request_line": "1MiB", "headers": "1MiB"})
        with self.gateway.connect() as client:
            client.send(b"GET /%s HTTP/1.1\r\nHost: t\r\nX-A: %s\r\n\r\n" %
                        (b"a" * 1000000, b"b" * 1000000))
            self.assertEqual(client.reply().status, 200)
        with self.gateway.connect() as client:
            client.send(b"GET /%s HTTP/1.1\r\nHost: t\r\nX-A: %s" %
                        (b"a" * 1000000, b"b" * 1100000))
            self.assertEqual(client.reply().status, 431)


def wait_writable(sock):
    """True when the socket takes more within a moment."""
    sock.settimeout(0.3)
    try:
        return sock.send(b"a") == 1
    except TimeoutError:
        return False
    finally:
        sock.setblocking(False)


def resident(program):
    """Bytes of memory it uses."""
    with open(f"/proc/{program.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    unittest.main()
