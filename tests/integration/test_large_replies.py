"""Large replies: which of them stay in the kernel (splice), and that nobody can tell."""

import hashlib
import os
import resource
import socket
import ssl
import threading
import unittest

from certificates import make_certificate
from harness import Case, wait_until
from origin import head, reply
from test_origin_tls import context_of
from wire import Connection, Ended

GET = b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n"
KIB = 1 << 10
DATA = os.urandom(6 << 20)
# Around what is moved at all, and what is at once.
SIZES = [0, 1, 4095, 4096, *(n * KIB + d for n in (28, 32, 36, 56, 60, 64, 68, 92, 96, 100, 128)
                             for d in (-1, 0, 1)), 1 << 20, (5 << 20) + 3]


def body_of(size):
    """A body of that size, and no other one's beginning."""
    return DATA[size % 251:size % 251 + size]


def sized(request, peer):
    """A behaviour: as many bytes as the path says."""
    return reply(200, body_of(int(request.target.rpartition("/")[2])))


class LargeReplies(Case):
    """A gateway for each test."""

    def start(self, behave=sized, limits=None, listen=None, origin=None, service=None, **route):
        self.origin = origin or self.stage.origin(behave)
        self.gateway = self.stage.gateway({
            "workers": 1, "limits": limits or {}, **(listen or {}),
            "services": {"s": {"instances": [self.origin.address], **(service or {})}},
            "routes": [{"path": "/*", "service": "s", **(route or {"cache": "off"})}]})
        self.before = self.pipes()

    def descriptors(self):
        """What the gateway has open: {number: what}."""
        folder, found = f"/proc/{self.gateway.pid}/fd", {}
        for name in os.listdir(folder):
            try:
                found[int(name)] = os.readlink(os.path.join(folder, name))
            except FileNotFoundError:  # closed meanwhile
                pass
        return found

    def pipes(self):
        """How many ends of pipes are open."""
        return sum(what.startswith("pipe:") for what in self.descriptors().values())

    def assert_moved(self, moved=True):
        """A pipe was used, which the gateway has kept for the next; or none was."""
        self.assertEqual(self.pipes() > self.before, moved)

    def wait_idle(self):
        """Waits until nothing is under way."""
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_requests_in_flight"] == 0,
                   "an end of all requests")

    def logged(self, count=1):
        """The access log, once it has so many lines."""
        return wait_until(lambda: len(self.gateway.access_log()) == count and
                          self.gateway.access_log(), "the access log")

    def ask_all(self, client):
        """All sizes on one connection, one after the other."""
        for size in SIZES:
            client.send(GET % (b"/%d" % size))
            self.assertTrue(client.reply().body == body_of(size), size)

    # ---- Whole ones ----

    def test_bodies_of_all_sizes_come_whole_over_one_connection_to_each_side(self):
        self.start()
        with self.gateway.connect() as client:
            self.ask_all(client)
            self.ask_all(client)
        self.assertEqual({r.connection for r in self.origin.requests}, {1})
        self.assert_moved()
        for line, size in zip(self.logged(2 * len(SIZES)), SIZES + SIZES):
            self.assertTrue(0 < line["bytes_out"] - size < 500, (line, size))

    def test_requests_that_are_sent_ahead_are_answered_in_order(self):
        self.start()
        with self.gateway.connect() as client:
            client.send(b"".join(GET % (b"/%d" % size) for size in SIZES))
            for size in SIZES:
                self.assertTrue(client.reply().body == body_of(size), size)
        self.assert_moved()

    def test_an_instance_behind_a_unix_socket(self):
        self.start(origin=self.stage.origin(sized, path=os.path.join(self.stage.dir, "s.sock")))
        with self.gateway.connect() as client:
            self.ask_all(client)
        self.assertEqual({r.connection for r in self.origin.requests}, {1})
        self.assert_moved()

    def test_a_head_alone_has_no_body_to_move(self):
        self.start(lambda request, peer: head(200, [("Content-Length", 1 << 20)])
                   if request.method == "HEAD" else sized(request, peer))
        with self.gateway.connect() as client:
            for _ in range(3):
                client.send(b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n")
                self.assertEqual(client.reply("HEAD").headers.get("Content-Length"), str(1 << 20))
                client.send(GET % b"/200000")
                self.assertTrue(client.reply().body == body_of(200000))

    def test_bytes_behind_a_reply_are_not_the_next_one(self):
        extra = reply(200, b"never asked for")
        self.start(lambda request, peer: sized(request, peer) + extra)
        with self.gateway.connect() as client:
            for count in (1, 2, 3):
                client.send(GET % b"/200000")
                self.assertTrue(client.reply().body == body_of(200000))
                self.assertEqual(self.origin.accepted, count)
        self.assert_moved()

    def test_old_clients_and_bodies_that_end_with_the_connection(self):
        def until_close(request, peer):
            peer.send(head(200, []) + body_of(300000))
            peer.close()
        for behave, moved in ((sized, True), (until_close, True)):
            self.start(behave)
            with self.gateway.connect() as client:
                client.send(b"GET /300000 HTTP/1.0\r\nHost: t\r\n\r\n")
                self.assertTrue(client.reply().body == body_of(300000))
                self.assertTrue(client.is_closed())
            self.assert_moved(moved)
        with self.gateway.connect() as client:
            client.send(GET % b"/300000")
            answer = client.reply()
            self.assertEqual(answer.headers.get("Transfer-Encoding"), "chunked")
            self.assertTrue(answer.body == body_of(300000))

    def test_pieces_arrive_when_they_were_sent(self):
        seen, more = threading.Event(), threading.Event()

        def behave(request, peer):
            peer.send(head(200, [("Content-Length", 100000)]) + body_of(100000)[:10])
            for at in range(10, 100000, 9999):
                more.wait(20)
                more.clear()
                peer.send(body_of(100000)[at:at + 9999])
            seen.set()
        self.start(behave)
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            while client.file.readline() != b"\r\n":
                pass
            self.assertEqual(client.file.read(10), body_of(100000)[:10])
            for at in range(10, 100000, 9999):
                more.set()
                piece = body_of(100000)[at:at + 9999]
                self.assertTrue(client.file.read(len(piece)) == piece)
        self.assertTrue(seen.wait(20))
        self.assert_moved()

    # ---- Those that somebody has to see ----

    def test_a_reply_that_is_kept_is_kept(self):
        self.start(lambda request, peer: reply(200, body_of(500000),
                                               {"Cache-Control": "max-age=1000"}), cache={})
        for count in (1, 2, 3):
            with self.gateway.connect() as client:
                client.send(GET % b"/x")
                self.assertTrue(client.reply().body == body_of(500000), count)
        self.assertEqual(len(self.origin.requests), 1)
        self.assert_moved(False)

    def test_fields_are_selected_from_a_large_reply(self):
        items = b"[" + b",".join(b'{"id":%d,"name":"x"}' % i for i in range(10000)) + b"]"
        self.start(lambda request, peer: reply(200, items, {"Content-Type": "application/json"}),
                   cache="off", fields=True)
        self.assertEqual(self.gateway.get("/x?fields=id").body.replace(b" ", b""),
                         b"[" + b",".join(b'{"id":%d}' % i for i in range(10000)) + b"]")
        self.assert_moved(False)

    def test_tls_at_either_side(self):
        folder = self.stage.dir
        ca = make_certificate(folder, "ca", [])
        pair = make_certificate(folder, "good", ["127.0.0.1"], "ca")
        self.start(listen={"listen": [{"address": "127.0.0.1:0", "tls": pair}]})
        with Connection(self.gateway.port, 20, tls=ssl.create_default_context(
                cafile=ca["cert"])) as client:
            self.ask_all(client)
        self.assert_moved(False)
        self.start(origin=self.stage.origin(sized, tls=context_of(pair)),
                   service={"tls": {"ca": ca["cert"]}})
        with self.gateway.connect() as client:
            self.ask_all(client)
        self.assert_moved(False)

    def test_without_descriptors_for_pipes_it_is_copied(self):
        self.start()
        with self.gateway.connect() as client:
            client.send(GET % b"/1")
            client.reply()
            limits = resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (0, limits[1]))
            client.send(GET % b"/1000000")
            self.assertTrue(client.reply().body == body_of(1000000))
            resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, limits)
        self.assert_moved(False)

    # ---- Slow readers ----

    def test_slow_readers_get_all_of_it(self):
        size = 32 << 20
        block, sent = os.urandom(1 << 16), []

        def behave(request, peer):
            peer.send(head(200, [("Content-Length", size)]))
            for _ in range(size >> 16):
                peer.send(block)
                sent.append(1)
        self.start(behave)
        clients = [self.gateway.connect() for _ in range(3)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(GET % b"/x")
        seen = []
        wait_until(lambda: seen.append(len(sent)) or
                   (len(seen) > 20 and seen[-1] > 0 and len(set(seen[-20:])) == 1), "a pause")
        self.assertLess(len(sent), 3 * (size >> 16))
        self.assertEqual(self.pipes() - self.before, 6)  # each holds its own
        for client in clients:
            client.send(GET % b"/again")  # which waits for its turn
            self.assertEqual(hashlib.sha256(client.reply().body).digest(),
                             hashlib.sha256(block * (size >> 16)).digest())
        for client in clients:
            self.assertEqual(len(client.reply().body), size)

    def test_a_slow_reader_is_cut_and_its_pipe_closed(self):
        self.start(lambda request, peer: reply(200, body_of(6 << 20) * 6), {
            "idle_timeout": "1h", "min_rate": "1GiB", "min_rate_grace": "300ms"})
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            client.file.peek(1)
            self.wait_idle()
            with self.assertRaises((ConnectionError, Ended)):
                client.reply()
        self.assertEqual(self.logged()[0]["flags"], ["DC"])
        self.assertEqual(self.pipes(), self.before)

    # ---- Ends within a body ----

    def test_an_instance_that_dies_cuts_its_client(self):
        """The same for a body that is moved as for one that is read."""
        for way in ("close", "reset"):
            told = []
            for size, part in ((20000, 10000), (1 << 20, 500000)):
                def behave(request, peer, size=size, part=part, way=way):
                    peer.send(head(200, [("Content-Length", size)]) + body_of(size)[:part])
                    request.go_on.wait(20)
                    getattr(peer, way)()

                def waiting(request, peer, behave=behave):
                    request.go_on = go_on
                    behave(request, peer)
                go_on = threading.Event()
                self.start(waiting, cache="off")
                with self.gateway.connect() as client:
                    client.send(GET % b"/x")
                    while client.file.readline() != b"\r\n":
                        pass
                    self.assertTrue(client.file.read(part) == body_of(size)[:part])
                    go_on.set()
                    self.assertTrue(client.is_closed())
                line = self.logged()[0]
                metrics = self.gateway.metrics()
                told.append((line.get("flags"), line["status"], line.get("detail"), {
                    name: value for name, value in metrics.items()
                    if "error" in name or "abandoned" in name or "upstream_conn" in name}))
            self.assertEqual(told[0], told[1], way)
            self.assert_moved()

    def test_a_client_that_leaves_is_noticed_by_the_instance(self):
        left = threading.Event()

        def behave(request, peer):
            try:
                peer.send(head(200, [("Content-Length", 1 << 30)]))
                while True:
                    peer.send(DATA)
            finally:
                left.set()
        for read in (0, 3 << 20):
            left.clear()
            self.start(behave)
            client = self.gateway.connect()
            client.send(GET % b"/x")
            client.file.read(read)
            client.close()
            self.assertTrue(left.wait(20))
            self.wait_idle()
            self.assertEqual(self.logged()[0]["flags"], ["DC"])
            metrics = self.gateway.metrics()
            self.assertEqual(metrics["microreg_gateway_requests_abandoned_total"], 1)
            self.assertEqual(metrics['microreg_gateway_service_errors_total{service="s"}'], 0)
            self.assertEqual(metrics["microreg_gateway_upstream_connections"], 0)

    def test_a_client_that_only_ends_its_side_gets_its_answer(self):
        self.start(limits={"half_close_timeout": "1h"})
        with self.gateway.connect() as client:
            client.send(GET % b"/5000000")
            client.half_close()
            self.assertTrue(client.reply().body == body_of(5000000))
            self.assertTrue(client.is_closed())
        self.assert_moved()

    def test_an_instance_that_says_nothing_more_is_given_up(self):
        def behave(request, peer):
            peer.send(head(200, [("Content-Length", 1 << 20)]) + body_of(1 << 20)[:500000])
            peer.sock.recv(1, socket.MSG_PEEK)
            peer.close()
        self.start(behave, {"idle_timeout": "200ms"})
        with self.gateway.connect() as client:
            client.send(GET % b"/x")
            self.assertLess(len(client.rest()), 510000)
        self.assert_moved()


if __name__ == "__main__":
    unittest.main()
