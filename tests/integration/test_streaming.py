"""Streams: events as they happen, back pressure, interim replies, and clients that leave."""

import hashlib
import os
import socket
import threading
import unittest

from harness import Case, SharedCase, wait_until
from origin import reply
from test_tunnel import SANITIZED, resident

GET = b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n"
EVENTS = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: max-age=60\r\n"
          b"Transfer-Encoding: chunked\r\n\r\n")


def chunk(data):
    """One chunk of a body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Stream:
    """A behaviour: the head, then what `say` is given, each time at once; until `end`."""

    def __init__(self, head=EVENTS, frame=chunk):
        self.head, self.frame = head, frame
        self.changed = threading.Condition()
        self.words, self.left = [], threading.Event()

    def __call__(self, request, peer):
        peer.send(self.head)
        threading.Thread(target=self.watch, args=(peer,), daemon=True).start()
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.words)
                word = self.words.pop(0)
            if word is None:
                break
            peer.send(self.frame(word))
        if self.frame is chunk:
            return b"0\r\n\r\n"
        peer.close()
        return None

    def watch(self, peer):
        """Notices the end of the gateway's side."""
        try:
            while peer.sock.recv(1, socket.MSG_PEEK):
                self.left.wait(0.05)
                if self.left.is_set():
                    return
        except OSError:
            pass
        self.left.set()

    def say(self, word):
        """None ends it."""
        with self.changed:
            self.words.append(word)
            self.changed.notify_all()


class Streams(Case):
    """A gateway for each test."""

    def start(self, behave, limits=None, **route):
        self.origin = self.stage.origin(behave)
        self.gateway = self.stage.gateway({
            "workers": 1, "limits": limits or {},
            "services": {"s": {"instances": [self.origin.address]}},
            "routes": [{"path": "/*", "service": "s", **route}]})

    def open(self, request=GET % b"/events"):
        """A client's connection and its reply's head."""
        client = self.gateway.connect()
        self.addCleanup(client.close)
        client.send(request)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = client.file.readline()
            self.assertTrue(line, head)
            head += line
        return client, head

    def wait_idle(self):
        """Waits until nothing is under way."""
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_requests_in_flight"] == 0,
                   "an end of all requests")

    def test_each_event_is_there_when_it_was_sent(self):
        stream = Stream()
        self.start(stream, timeout="100ms")  # for the head only
        client, head = self.open()
        self.assertIn(b"text/event-stream", head)
        for i in range(20):
            event = b"id: %d\ndata: %s\n\n" % (i, b"x" * i * 100)
            stream.say(event)
            self.assertEqual(client.file.read(len(chunk(event))), chunk(event))
        stream.say(None)
        self.assertEqual(client.file.read(5), b"0\r\n\r\n")

    def test_each_event_is_there_when_the_connection_s_end_is_the_stream_s(self):
        stream = Stream(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                        lambda word: word)
        self.start(stream)
        for request, frame in ((GET % b"/x", chunk), (b"GET /x HTTP/1.0\r\n\r\n", bytes)):
            client, _ = self.open(request)
            for _ in range(5):
                stream.say(b"data: a\n\n")
                self.assertEqual(client.file.read(len(frame(b"data: a\n\n"))),
                                 frame(b"data: a\n\n"))
            stream.say(None)
            self.assertEqual(client.file.read(5 if frame is chunk else -1),
                             b"0\r\n\r\n" if frame is chunk else b"")

    def test_comments_keep_a_stream_open_beyond_every_limit(self):
        stream = Stream()
        self.start(stream, {"idle_timeout": "400ms", "half_close_timeout": "50ms",
                            "min_rate_grace": "50ms"}, timeout="50ms")
        client, _ = self.open()
        paced = threading.Event()
        for _ in range(15):
            stream.say(b":\n\n")
            self.assertEqual(client.file.read(8), b"3\r\n:\n\n\r\n")
            paced.wait(0.08)
        stream.say(None)
        self.assertEqual(client.file.read(5), b"0\r\n\r\n")

    def test_a_stream_without_a_word_ends_after_the_idle_timeout(self):
        stream = Stream()
        self.start(stream, {"idle_timeout": "100ms"})
        client, _ = self.open()
        self.assertNotIn(b"0\r\n", client.rest())
        self.assertTrue(stream.left.wait(20))

    def test_an_event_stream_is_not_kept(self):
        stream = Stream()
        self.start(stream, cache={"ttl": "1h"})
        for _ in range(2):
            client, head = self.open()
            self.assertNotIn(b"stored", head)
            stream.say(b"data: a\n\n")
            stream.say(None)
            client.file.read(len(chunk(b"data: a\n\n")) + 5)
        self.assertEqual(len(self.origin.requests), 2)

    def test_both_directions_flow_at_once(self):
        """A chunked request is answered piece by piece while it is sent."""
        def behave(sock):
            with sock, sock.makefile("rb") as file:
                while file.readline() != b"\r\n":
                    pass
                sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while (size := int(file.readline(), 16)) > 0:
                    sock.sendall(chunk(file.read(size)))
                    file.readline()
                sock.sendall(b"0\r\n\r\n")
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        threading.Thread(target=lambda: behave(listener.accept()[0]), daemon=True).start()
        self.gateway = self.stage.gateway({
            "services": {"s": {"instances": [
                f"http://127.0.0.1:{listener.getsockname()[1]}"]}},
            "routes": [{"path": "/*", "service": "s"}]})
        client, _ = self.open(b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(20):
            client.send(chunk(b"%d" % i * 50))
            self.assertEqual(client.file.read(len(chunk(b"%d" % i * 50))), chunk(b"%d" % i * 50))
        client.send(b"0\r\n\r\n")
        self.assertEqual(client.file.read(5), b"0\r\n\r\n")

    # ---- Clients that leave ----

    def test_a_client_that_leaves_ends_the_stream_at_its_instance(self):
        for way in ("half_close", "close"):
            stream = Stream()
            self.start(stream, {"half_close_timeout": "50ms"})
            client, _ = self.open()
            stream.say(b"data: a\n\n")
            client.file.read(len(chunk(b"data: a\n\n")))
            getattr(client, way)()
            self.assertTrue(stream.left.wait(20))
            self.wait_idle()
            stream.say(None)

    def test_a_client_that_leaves_cancels_what_it_asked_for(self):
        left = threading.Event()
        self.start(lambda request, peer: (peer.sock.recv(1), left.set(), b"")[2],
                   {"half_close_timeout": "50ms"}, timeout="1h")
        for how in ("GET", "POST"):
            left.clear()
            client = self.gateway.connect()
            client.send(f"{how} /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nab".encode())
            wait_until(lambda how=how: self.origin.requests and
                       self.origin.requests[-1].method == how, "the request")
            client.close()
            self.assertTrue(left.wait(20), how)
            self.wait_idle()
        lines = wait_until(lambda: len(self.gateway.access_log()) == 2 and
                           self.gateway.access_log(), "the access log")
        self.assertEqual([line["flags"] for line in lines], [["DC"], ["DC"]])
        metrics = self.gateway.metrics()
        self.assertEqual(metrics["microreg_gateway_requests_abandoned_total"], 2)
        self.assertEqual(metrics['microreg_gateway_service_errors_total{service="s"}'], 0)

    def test_a_client_that_only_ends_its_side_gets_its_answer(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.start(lambda request, peer: (go_on.wait(20), reply(200, b"here"))[1],
                   {"half_close_timeout": "1h"})
        client = self.gateway.connect()
        client.send(GET % b"/x")
        client.half_close()
        self.origin.wait_requests(1)
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_connections"] == 1, "it")
        go_on.set()
        self.assertEqual(client.reply().body, b"here")
        self.assertTrue(client.is_closed())

    # ---- Back pressure ----

    def test_a_slow_reader_of_a_large_reply_costs_no_memory(self):
        size, block = 64 << 20, os.urandom(1 << 16)
        sent = []

        def behave(request, peer):
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size >> 16):
                peer.send(block)
                sent.append(1)
        self.start(behave, cache="off")
        before = resident(self.gateway)
        client, _ = self.open()
        self.wait_stuck(sent)
        self.assertLess(len(sent), size >> 16)
        self.assertLess(resident(self.gateway) - before, (4 << 20) * (16 if SANITIZED else 1))
        got = hashlib.sha256()
        for _ in range(size >> 16):
            got.update(client.file.read(1 << 16))
        self.assertEqual(got.digest(), hashlib.sha256(block * (size >> 16)).digest())
        self.assertLess(resident(self.gateway) - before, (4 << 20) * (16 if SANITIZED else 1))

    def test_a_slow_instance_of_a_large_upload_costs_no_memory(self):
        size, block = 64 << 20, os.urandom(1 << 16)
        read_on, sent = threading.Event(), []

        def behave(sock):
            with sock, sock.makefile("rb") as file:
                while file.readline() != b"\r\n":
                    pass
                read_on.wait(20)
                got = hashlib.sha256()
                for _ in range(size >> 16):
                    got.update(file.read(1 << 16))
                sock.sendall(reply(200, got.hexdigest().encode()))
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        threading.Thread(target=lambda: behave(listener.accept()[0]), daemon=True).start()
        self.gateway = self.stage.gateway({
            "workers": 1, "services": {"s": {"instances": [
                f"http://127.0.0.1:{listener.getsockname()[1]}"]}},
            "routes": [{"path": "/*", "service": "s", "limits": {"body": "1GiB"}}]})
        before = resident(self.gateway)
        client = self.gateway.connect()

        def upload():
            client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size >> 16):
                client.send(block)
                sent.append(1)
        sender = threading.Thread(target=upload, daemon=True)
        sender.start()
        self.wait_stuck(sent)
        self.assertLess(len(sent), size >> 16)
        self.assertLess(resident(self.gateway) - before, (4 << 20) * (16 if SANITIZED else 1))
        read_on.set()
        self.assertEqual(client.reply().body.decode(),
                         hashlib.sha256(block * (size >> 16)).hexdigest())
        self.assertLess(resident(self.gateway) - before, (4 << 20) * (16 if SANITIZED else 1))
        sender.join()

    @staticmethod
    def wait_stuck(sent):
        """Waits until nothing more is sent."""
        seen = []
        wait_until(lambda: seen.append(len(sent)) or
                   (len(seen) > 20 and seen[-1] > 0 and len(set(seen[-20:])) == 1), "a pause")


class Heads(SharedCase):
    """Interim replies, replies without a body, trailers."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin()
        cls.gateway = cls.stage.gateway({
            "services": {"s": {"instances": [cls.origin.address]}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})

    def test_early_hints_reach_the_client_before_the_reply(self):
        go_on = threading.Event()

        def behave(request, peer):
            peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n"
                      b"Connection: x-hop\r\nX-Hop: 1\r\n\r\n")
            go_on.wait(20)
            return b"HTTP/1.1 102 Processing\r\n\r\n" + reply(200, b"final")
        self.origin.behave = behave
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            hints = client.reply()
            self.assertEqual((hints.status, list(hints.headers)),
                             (103, [("Link", "</a.css>; rel=preload")]))
            go_on.set()
            self.assertEqual(client.reply().status, 102)
            self.assertEqual(client.reply().body, b"final")

    def test_a_client_of_http_1_0_gets_none(self):
        self.origin.behave = lambda request, peer: (
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply(200, b"final"))
        with self.gateway.connect() as client:
            client.send(b"GET /x HTTP/1.0\r\nHost: t\r\n\r\n")
            self.assertEqual(client.reply().body, b"final")

    def test_a_100_of_an_instance_stays_behind(self):
        self.origin.behave = lambda request, peer: (
            b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + reply(200, b"final"))
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            self.assertEqual(client.reply().body, b"final")

    def test_hints_of_one_that_fails_then_do_no_harm(self):
        def behave(request, peer):
            peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            if len(self.origin.requests) % 2:
                peer.reset()
                return None
            return reply(200, b"final")
        self.origin.clear()
        self.origin.behave = behave
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            self.assertEqual([client.reply().status for _ in range(3)], [103, 103, 200])
        self.assertEqual(len(self.origin.requests), 2)

    def test_trailers_are_dropped_and_the_message_stays_whole(self):
        trailer = b"X-Sum: 1\r\nX-Time: 2\r\n"
        self.origin.behave = lambda request, peer: (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
            chunk(request.body or b"none") + b"0\r\n" + trailer + b"\r\n")
        with self.gateway.connect() as client:
            for _ in range(2):
                client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n"
                            b"Trailer: X-Up\r\n\r\n" + chunk(b"hello") + b"0\r\nX-Up: 1\r\n\r\n")
                answer = client.reply()
                self.assertEqual((answer.status, answer.body), (200, b"hello"))
                self.assertNotIn("Trailer", answer.headers)
                self.assertNotIn("X-Sum", answer.headers)
        self.assertNotIn(b"X-Up", self.origin.requests[-1].raw)

    def test_heads_without_a_body_leave_the_next_reply_alone(self):
        self.origin.behave = lambda request, peer: {
            "/204": b"HTTP/1.1 204 No Content\r\n\r\n",
            "/304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
            "/205": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        }.get(request.target) or reply(200, b"" if request.method == "HEAD" else b"body",
                                       {"X-Length": "4"})
        with self.gateway.connect() as client:
            client.send(GET % b"/204" + GET % b"/304" + GET % b"/205" +
                        b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n" + GET % b"/x")
            self.assertEqual([client.reply().status for _ in range(3)], [204, 304, 205])
            self.assertEqual(client.reply("HEAD").status, 200)
            self.assertEqual(client.reply().body, b"body")


if __name__ == "__main__":
    unittest.main()
