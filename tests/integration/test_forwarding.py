"""How requests and replies go through: bodies, framing, connections, headers."""

import hashlib
import random
import re
import threading
import unittest

from harness import SharedCase, free_port
from origin import chunked, head, reply

SIZES = [0, 1, 100, 16383, 16384, 16385, 65535, 65536, 65537, 1 << 20, 10 << 20]


def digest(data):
    """To compare bodies without printing them."""
    return len(data), hashlib.sha256(data).hexdigest()


def body_of(size):
    """Bytes that are the same each time, and no pattern."""
    return random.Random(size).randbytes(size)


class Forwarding(SharedCase):
    """One gateway, one origin whose behaviour each test sets."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin()
        cls.gateway = cls.stage.gateway({
            "services": {"origin": {"instances": [cls.origin.address]}},
            "routes": [{"path": "/*", "service": "origin", "cache": "off"}]})

    def setUp(self):
        self.origin.behave = lambda request, peer: reply()
        self.origin.clear()

    def last(self):
        """The request the origin saw last."""
        return self.origin.wait_requests(1)[-1]

    # ---- connections ----

    def test_the_connections_of_a_burst_serve_the_next_one(self):
        together = threading.Barrier(100)

        def wait_for_all(request, peer):
            together.wait(20)
            return reply()
        self.origin.behave = wait_for_all
        gateway = self.stage.gateway({
            "workers": 1, "services": {"origin": {"instances": [self.origin.address]}},
            "routes": [{"path": "/*", "service": "origin", "cache": "off"}]})
        counts = []
        for _ in range(2):
            clients = [gateway.connect() for _ in range(100)]
            for client in clients:
                client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            for client in clients:
                self.assertEqual(client.reply().status, 200)
                client.close()
            counts.append(self.origin.accepted)
        self.assertEqual(counts[0], counts[1])

    # ---- bodies ----

    def test_request_bodies_of_every_size_arrive_whole(self):
        self.origin.behave = lambda request, peer: reply(
            200, hashlib.sha256(request.body).hexdigest().encode())
        for size in SIZES:
            with self.subTest(size):
                data = body_of(size)
                answer = self.gateway.request("POST", "/in", data)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.body.decode(), hashlib.sha256(data).hexdigest())

    def test_chunked_request_bodies_arrive_whole(self):
        for size in (0, 1, 65537, 1 << 20):
            with self.subTest(size), self.gateway.connect() as client:
                self.origin.clear()
                data = body_of(size)
                client.send(b"POST /in HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
                for at in range(0, size, 50000):
                    piece = data[at:at + 50000]
                    client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
                client.send(b"0\r\n\r\n")
                self.assertEqual(client.reply().status, 200)
                self.assertEqual(digest(self.last().body), digest(data))

    def test_reply_bodies_of_every_size_arrive_whole(self):
        for size in SIZES:
            data = body_of(size)
            for way, bytes_of in (("length", lambda: reply(200, data)),
                                  ("chunks", lambda: chunked(
                                      [data[i:i + 30000] for i in range(0, size, 30000)])),
                                  ("close", lambda: head(200, {}) + data)):
                with self.subTest(size=size, way=way):
                    def behave(request, peer, bytes_of=bytes_of, way=way):
                        peer.send(bytes_of())
                        if way == "close":
                            peer.close()
                    self.origin.behave = behave
                    answer = self.gateway.get("/out")
                    self.assertEqual(answer.status, 200)
                    self.assertEqual(digest(answer.body), digest(data))

    def test_a_body_flows_before_it_is_complete(self):
        may_end = threading.Event()

        def behave(request, peer):
            peer.send(head(200, {"Content-Length": 10}) + b"first")
            may_end.wait(20)
            peer.send(b"after")
        self.origin.behave = behave
        with self.gateway.connect() as client:
            client.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
            seen = b""
            while b"first" not in seen:
                seen += client.file.read1(65536)
            may_end.set()
            while b"after" not in seen:
                seen += client.file.read1(65536)

    def test_a_head_request_gets_the_head_alone(self):
        self.origin.behave = lambda request, peer: head(200, {"Content-Length": 1234})
        with self.gateway.connect() as client:
            for _ in range(2):  # the second shows that the first left nothing behind
                client.send(b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n")
                answer = client.reply("HEAD")
                self.assertEqual((answer.status, answer.headers.get("Content-Length")),
                                 (200, "1234"))
        self.assertEqual(self.last().method, "HEAD")

    def test_replies_without_a_body_keep_the_connection(self):
        for status in (204, 304):
            with self.subTest(status), self.gateway.connect() as client:
                self.origin.behave = lambda request, peer, status=status: reply(status, b"")
                for _ in range(2):
                    client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
                    answer = client.reply()
                    self.assertEqual(answer.status, status)
                    if status == 204:
                        self.assertNotIn("Content-Length", answer.headers)

    def test_statuses_of_the_origin_pass_through(self):
        for status in (201, 302, 400, 404, 418, 500):
            with self.subTest(status):
                self.origin.behave = lambda request, peer, status=status: reply(
                    status, b"as it was", {"X-From": "origin", "Location": "/else"})
                answer = self.gateway.get("/x")
                self.assertEqual((answer.status, answer.body), (status, b"as it was"))
                self.assertEqual(answer.headers.get("X-From"), "origin")

    def test_expect_100_continue_is_answered_before_the_body_comes(self):
        with self.gateway.connect() as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
                        b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(client.reply().status, 100)
            client.send(b"hello")
            self.assertEqual(client.reply().status, 200)
        self.assertEqual(self.last().body, b"hello")
        self.assertNotIn("Expect", self.last().headers)

    def test_interim_replies_of_an_instance_do_not_confuse(self):
        self.origin.behave = lambda request, peer: (
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply(200, b"final"))
        with self.gateway.connect() as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
            answer = client.reply()
            while answer.status < 200:
                answer = client.reply()
            self.assertEqual((answer.status, answer.body), (200, b"final"))

    # ---- connections ----

    def test_one_client_connection_carries_many_requests(self):
        with self.gateway.connect() as client:
            for i in range(20):
                client.send(b"GET /%d HTTP/1.1\r\nHost: t\r\n\r\n" % i)
                self.assertEqual(client.reply().status, 200)

    def test_connections_to_an_instance_are_kept_and_used_again(self):
        with self.gateway.connect() as client:
            for _ in range(20):
                client.send(b"GET /again HTTP/1.1\r\nHost: t\r\n\r\n")
                client.reply()
        numbers = {request.connection for request in self.origin.wait_requests(20)}
        self.assertEqual(len(numbers), 1)

    def test_a_kept_connection_that_the_instance_closed_loses_no_request(self):
        for method in ("GET", "POST"):
            for _ in range(5):
                self.assertEqual(self.gateway.request(method, "/x", b"").status, 200)
                self.origin.close_connections()

    def test_pipelined_requests_are_answered_in_order(self):
        self.origin.behave = lambda request, peer: reply(200, request.target.encode())
        with self.gateway.connect() as client:
            client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: t\r\n\r\n" % i for i in range(30)))
            self.assertEqual([client.reply().body for _ in range(30)],
                             [b"/%d" % i for i in range(30)])

    def test_a_request_behind_an_early_answers_body_is_answered(self):
        gateway = self.stage.gateway({
            "services": {"gone": {"instances": [f"http://127.0.0.1:{free_port()}"]},
                         "origin": {"instances": [self.origin.address]}},
            "routes": [{"path": "/gone", "service": "gone"},
                       {"path": "/*", "service": "origin", "cache": "off"}]})
        for size in (10, 20000, 40000):
            with self.subTest(size=size), gateway.connect() as client:
                client.send(b"POST /gone HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % size
                            + b"x" * size + b"GET /next HTTP/1.1\r\nHost: t\r\n\r\n")
                self.assertEqual(client.reply().status, 502)
                self.assertEqual(client.reply().status, 200)

    def test_requests_behind_a_pipelined_body_are_not_mixed_with_it(self):
        self.origin.behave = lambda request, peer: reply(200, request.body)
        with self.gateway.connect() as client:
            client.send(b"POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"
                        b"POST /b HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"2\r\nde\r\n0\r\n\r\nGET /c HTTP/1.1\r\nHost: t\r\n\r\n")
            self.assertEqual([client.reply().body for _ in range(3)], [b"abc", b"de", b""])

    def test_a_head_may_come_byte_by_byte(self):
        with self.gateway.connect() as client:
            for byte in b"GET /drip HTTP/1.1\r\nHost: t\r\n\r\n":
                client.send(bytes([byte]))
            self.assertEqual(client.reply().status, 200)

    def test_connection_close_is_honoured(self):
        with self.gateway.connect() as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            answer = client.reply()
            self.assertEqual(answer.headers.get("Connection"), "close")
            self.assertTrue(client.is_closed())

    def test_http_1_0_gets_a_reply_it_can_read_and_a_close(self):
        self.origin.behave = lambda request, peer: chunked([b"one", b"two"])
        with self.gateway.connect() as client:
            client.send(b"GET /x HTTP/1.0\r\n\r\n")
            answer = client.reply()
            self.assertEqual((answer.status, answer.body), (200, b"onetwo"))
            self.assertNotIn("Transfer-Encoding", answer.headers)
            self.assertTrue(client.is_closed())
        self.assertTrue(self.last().line.endswith("HTTP/1.1"))

    def test_http_1_0_may_ask_to_keep_the_connection(self):
        with self.gateway.connect() as client:
            for _ in range(2):
                client.send(b"GET /x HTTP/1.0\r\nHost: t\r\nConnection: keep-alive\r\n\r\n")
                answer = client.reply()
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers.get("Connection").lower(), "keep-alive")

    def test_a_client_that_leaves_does_not_disturb_others(self):
        may_answer = threading.Event()

        def behave(request, peer):
            if request.target == "/left":
                may_answer.wait(20)
            return reply()
        self.origin.behave = behave
        client = self.gateway.connect()
        client.send(b"GET /left HTTP/1.1\r\nHost: t\r\n\r\n")
        self.origin.wait_requests(1)
        client.close()
        self.assertEqual(self.gateway.get("/stayed").status, 200)
        may_answer.set()
        self.assertEqual(self.gateway.get("/after").status, 200)

    # ---- headers ----

    def test_hop_by_hop_fields_stay_behind(self):
        self.gateway.request("GET", "/x", headers={
            "Connection": "X-Mine, keep-alive", "X-Mine": "1", "Keep-Alive": "timeout=9",
            "TE": "trailers", "Proxy-Authorization": "Basic eDp5", "Proxy-Connection": "close",
            "X-Stays": "2"})
        headers = self.last().headers
        for name in ("X-Mine", "Keep-Alive", "TE", "Proxy-Authorization", "Proxy-Connection"):
            self.assertNotIn(name, headers)
        self.assertEqual(headers.get("X-Stays"), "2")

    def test_hop_by_hop_fields_of_a_reply_stay_behind(self):
        self.origin.behave = lambda request, peer: reply(200, b"x", {
            "Connection": "X-Mine", "X-Mine": "1", "Keep-Alive": "timeout=9", "X-Stays": "2"})
        headers = self.gateway.get("/x").headers
        for name in ("X-Mine", "Keep-Alive"):
            self.assertNotIn(name, headers)
        self.assertEqual(headers.get("X-Stays"), "2")

    def test_the_instance_learns_who_asked_and_for_what(self):
        self.gateway.get("/x", {"Host": "shop.example:8080"})
        headers = self.last().headers
        self.assertEqual(headers.get("X-Forwarded-For"), "127.0.0.1")
        self.assertEqual(headers.get("X-Forwarded-Proto"), "http")
        self.assertEqual(headers.get("X-Forwarded-Host"), "shop.example:8080")
        self.assertIn("for=127.0.0.1", headers.get("Forwarded"))
        self.assertIn("Via", headers)

    def test_a_stranger_can_not_claim_another_address(self):
        self.gateway.get("/x", {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6",
                                "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https"})
        raw = self.last().raw
        for lie in (b"6.6.6.6", b"evil", b"https"):
            self.assertNotIn(lie, raw)

    def test_connection_can_not_strip_what_the_gateway_sets(self):
        self.gateway.get("/x", {"Connection": "X-Forwarded-For, X-Request-Id, traceparent"})
        for name in ("X-Forwarded-For", "X-Request-Id", "traceparent"):
            self.assertIn(name, self.last().headers)

    def test_every_request_has_an_id_that_both_sides_see(self):
        answer = self.gateway.get("/x")
        self.assertEqual(answer.headers.get("X-Request-Id"),
                         self.last().headers.get("X-Request-Id"))
        self.assertNotEqual(self.gateway.get("/x").headers.get("X-Request-Id"),
                            answer.headers.get("X-Request-Id"))

    def test_a_trace_is_carried_on_with_a_parent_of_our_own(self):
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        self.gateway.get("/x", {"traceparent": f"00-{trace}-00f067aa0ba902b7-01",
                                "tracestate": "a=1"})
        got = self.last().headers.get("traceparent")
        self.assertRegex(got, rf"^00-{trace}-[0-9a-f]{{16}}-01$")
        self.assertNotIn("00f067aa0ba902b7", got)
        self.assertEqual(self.last().headers.get("tracestate"), "a=1")

    def test_an_invalid_trace_starts_a_new_one(self):
        for bad in ("junk", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "ff-" + "a" * 32 + "-" +
                    "b" * 16 + "-01"):
            with self.subTest(bad):
                self.origin.clear()
                self.gateway.get("/x", {"traceparent": bad, "tracestate": "a=1"})
                got = self.last().headers
                self.assertTrue(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
                                             got.get("traceparent")))
                self.assertNotIn("0" * 32, got.get("traceparent"))
                self.assertNotIn("tracestate", got)

    def test_fields_keep_their_order_and_repetitions(self):
        self.origin.behave = lambda request, peer: reply(200, b"", [
            ("Set-Cookie", "a=1"), ("X-B", "2"), ("Set-Cookie", "c=3")])
        with self.gateway.connect() as client:
            client.send(b"GET /x HTTP/1.1\r\nHost: t\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n")
            self.assertEqual(client.reply().headers.all("Set-Cookie"), ["a=1", "c=3"])
        self.assertEqual(self.last().headers.all("X-A"), ["1", "3"])


if __name__ == "__main__":
    unittest.main()
