"""Replies of instances that are no HTTP, cut short or late: a 502 or 504, never half an answer."""

import json
import threading
import unittest

from harness import SharedCase
from origin import reply
from wire import Ended

# What the instance sends before it closes, and why that is no reply.
MALFORMED = {
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 garbage\r\n\r\n",
    "no status line": b"Content-Length: 2\r\n\r\nok",
    "HTTP/0.9": b"just the body",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "space before colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in a value":
        b"HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok",
    "folded line": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "head of a megabyte": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * (1 << 20) + b"\r\n\r\n",
    "head cut short": b"HTTP/1.1 200 OK\r\nContent-Len",
    "nothing at all": b"",
}


class BadReplies(SharedCase):
    """One gateway, one origin that misbehaves as told."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin()
        cls.gateway = cls.stage.gateway({
            "services": {"bad": {"instances": [cls.origin.address], "breaker": "off"}},
            "routes": [{"path": "/*", "service": "bad", "cache": "off", "timeout": "10s"},
                       {"path": "/quick", "service": "bad", "cache": "off", "timeout": "200ms"}]})

    def behave_with(self, data, end="close"):
        """Sends these bytes, then closes or resets."""
        def behave(request, peer):
            peer.send(data)
            getattr(peer, end)()
        self.origin.behave = behave

    def tearDown(self):
        self.origin.behave = lambda request, peer: reply()
        self.assertEqual(self.gateway.get("/after").status, 200)

    def test_a_malformed_reply_is_a_502(self):
        for name, data in MALFORMED.items():
            with self.subTest(name):
                self.behave_with(data)
                answer = self.gateway.get("/x")
                self.assertEqual(answer.status, 502)
                self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")
                self.assertEqual(json.loads(answer.body)["status"], 502)
                self.assertIn("error=", answer.headers.get("Proxy-Status"))
                self.assertNotIn(b"127.0.0.1", answer.raw + answer.body)

    def test_a_reset_instead_of_a_reply_is_a_502(self):
        self.behave_with(b"", "reset")
        self.assertEqual(self.gateway.get("/x").status, 502)

    def test_a_connection_that_brought_a_malformed_reply_is_not_used_again(self):
        self.origin.clear()
        self.origin.behave = lambda request, peer: MALFORMED["two lengths"]
        self.gateway.request("POST", "/x", b"")
        self.origin.behave = lambda request, peer: reply()
        self.gateway.request("POST", "/x", b"")
        first, *_, last = self.origin.wait_requests(2)
        self.assertNotEqual(first.connection, last.connection)

    def test_bytes_after_a_reply_are_never_taken_for_the_next_one(self):
        self.origin.behave = lambda request, peer: reply(200, b"mine") + reply(200, b"stray")
        self.assertEqual(self.gateway.get("/x").body, b"mine")
        self.origin.behave = lambda request, peer: reply(200, b"yours")
        self.assertEqual(self.gateway.get("/x").body, b"yours")

    def test_a_body_cut_short_can_be_seen_by_the_client(self):
        cases = {
            "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
            "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
            "chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                          b"9\r\nonly this\r\nxyz\r\n",
        }
        for name, data in cases.items():
            for end in ("close", "reset"):
                with self.subTest(name=name, end=end), self.gateway.connect() as client:
                    self.behave_with(data, end)
                    client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
                    try:
                        self.assertEqual(client.reply().status, 502)
                    except (Ended, ConnectionError):
                        pass  # begun, then ended before its end

    def test_an_instance_that_does_not_answer_in_time_is_a_504(self):
        may_end = threading.Event()

        def behave(request, peer):
            may_end.wait(20)
        self.origin.behave = behave
        answer = self.gateway.get("/quick")
        may_end.set()
        self.assertEqual(answer.status, 504)
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")


if __name__ == "__main__":
    unittest.main()
