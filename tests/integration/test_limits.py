"""What is too large is refused in good order, and nothing of it reaches an instance."""

import json
import unittest

from harness import SharedCase
from origin import reply


class Limits(SharedCase):
    """A gateway with small limits."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(lambda request, peer: reply(200, request.body))
        cls.gateway = cls.stage.gateway({
            "limits": {"body": "64KiB", "request_line": "1KiB", "headers": "4KiB",
                       "header_count": 20},
            "services": {"origin": {"instances": [cls.origin.address]}},
            "routes": [{"path": "/*", "service": "origin"},
                       {"path": "/tiny", "service": "origin", "limits": {"body": "10"}}]})

    def setUp(self):
        self.origin.clear()

    def send(self, data):
        """Sends these bytes; returns the first reply."""
        with self.gateway.connect() as client:
            client.send(data)
            return client.reply()

    def assert_problem(self, answer, status):
        """A problem document of that status."""
        self.assertEqual(answer.status, status)
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")
        self.assertEqual(json.loads(answer.body)["status"], status)

    def test_a_body_at_the_limit_goes_through(self):
        self.assertEqual(len(self.gateway.request("POST", "/x", b"a" * 65536).body), 65536)

    def test_a_longer_body_is_refused_by_its_length_before_it_is_sent(self):
        self.assert_problem(self.send(b"POST /x HTTP/1.1\r\nHost: t\r\n"
                                      b"Content-Length: 65537\r\n\r\n"), 413)
        self.assertEqual(self.origin.requests, [])

    def test_a_longer_body_is_refused_instead_of_a_100_continue(self):
        self.assert_problem(self.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 65537\r\n"
                                      b"Expect: 100-continue\r\n\r\n"), 413)

    def test_a_chunked_body_is_refused_where_it_gets_too_long(self):
        answer = self.send(b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" +
                           (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 17)
        self.assert_problem(answer, 413)

    def test_a_route_may_have_a_limit_of_its_own(self):
        self.assertEqual(self.gateway.request("POST", "/tiny", b"a" * 10).status, 200)
        self.assert_problem(self.gateway.request("POST", "/tiny", b"a" * 11), 413)

    def test_a_long_request_line_is_a_414(self):
        self.assertEqual(self.gateway.get("/" + "a" * 900).status, 200)
        self.assert_problem(self.gateway.get("/" + "a" * 1100), 414)

    def test_too_many_bytes_of_headers_are_a_431(self):
        self.assertEqual(self.gateway.get("/x", {"X-Long": "a" * 3000}).status, 200)
        self.assert_problem(self.gateway.get("/x", {"X-Long": "a" * 5000}), 431)

    def test_too_many_headers_are_a_431(self):
        self.assertEqual(self.gateway.get("/x", {f"X-{i}": "a" for i in range(15)}).status, 200)
        self.assert_problem(self.gateway.get("/x", {f"X-{i}": "a" for i in range(25)}), 431)

    def test_a_header_line_without_end_is_refused_without_waiting_for_it(self):
        self.assert_problem(self.send(b"GET /x HTTP/1.1\r\nHost: t\r\nX-Long: " + b"a" * 5000), 431)

    def test_a_request_line_without_end_is_refused_without_waiting_for_it(self):
        self.assert_problem(self.send(b"GET /" + b"a" * 2000), 414)


if __name__ == "__main__":
    unittest.main()
