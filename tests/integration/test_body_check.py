"""body_check: a body that is no JSON is refused, with where, before a service sees any of it."""

import json
import unittest

from harness import SharedCase
from origin import reply

JSON = {"Content-Type": "application/json"}
BAD = (  # body, what the answer says
    (b"{", "line 1, column 2, byte 1: the name of a member is missing"),
    (b'{"a":1}x', "line 1, column 8, byte 7: something follows"),
    (b'{\n  "a": 1,\n  "b": tru\n}', "line 3, column 8, byte 19: no value of JSON"),
    (b'{"a":1,"a":2}', "line 1, column 8, byte 7: the object has this member twice"),
    (b'{"a":1,"\\u0061":2}', "twice"), (b"[" * 65 + b"]" * 65, "column 65, .*nested too deep"),
    (b"[1,]", "no value"), (b"[01]", "not a number|',' or"), (b"['a']", "no value"),
    (b'"\xff"', "not UTF-8"), (b'"\\ud800"', "surrogate"), (b"NaN", "no value"),
    (b'{"a":1', "a ',' or '}' is missing"), (b" \n ", "a value is missing"),
    (b"\xef\xbb\xbf{}", "no value"), (b'"a\nb"', "control character"), (b"// a\n{}", "no value"))


class BodyCheck(SharedCase):
    """One gateway before one origin."""

    @classmethod
    def prepare(cls):
        cls.tries = []
        cls.origin = cls.stage.origin(lambda request, peer: reply(body=request.body))
        cls.gateway = cls.stage.gateway({
            "services": {"o": {"instances": [cls.origin.address]}},
            "routes": [
                {"path": "/checked", "service": "o", "body_check": "json"},
                {"path": "/maybe", "service": "o", "body_check": "json_or_none"},
                {"path": "/typed", "service": "o", "content_types": ["text/plain"]},
                {"path": "/guarded", "service": "o", "body_check": "json", "auth": "key"},
                {"path": "/small", "service": "o", "body_check": "json", "limits": {"body": 100}},
                {"path": "/open", "service": "o"}]})

    def setUp(self):
        self.origin.clear()

    def send(self, body, path="/checked", headers=None):
        """POST, as JSON unless said otherwise."""
        return self.gateway.request("POST", path, body, JSON if headers is None else headers)

    def test_good_ones_pass_byte_by_byte(self):
        for size in (0, 1, 1000, 70000, 3000000):
            body = json.dumps({"a": "x" * size, "b": [1.10, None, {"c": "\u00fc"}]},
                              ensure_ascii=False).encode()
            with self.subTest(size):
                self.assertEqual(self.send(body).body, body)
                seen = self.origin.wait_requests(1)[-1]
                self.assertEqual((seen.body, seen.headers.get("Content-Length")),
                                 (body, str(len(body))))
        self.assertEqual(self.gateway.get("/checked", JSON).status, 200)

    def test_none_is_refused_where_one_is_expected(self):
        for method, status in (("POST", 400), ("PUT", 400), ("PATCH", 400), ("GET", 200),
                               ("DELETE", 200), ("OPTIONS", 200)):
            for headers in (JSON, {}, {"Content-Type": "text/plain"}):
                with self.subTest((method, headers)):
                    answer = self.gateway.request(method, "/checked", None, headers)
                    self.assertEqual(answer.status, status)
                    if status == 400:
                        self.assertEqual(json.loads(answer.body)["detail"],
                                         "the request needs a body and has none")
                    answer = self.gateway.request(method, "/maybe", None, headers)
                    self.assertEqual(answer.status, 200)
        for path, status in ((b"/checked", 400), (b"/maybe", 200)):
            with self.gateway.connect() as connection:
                connection.send(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Type: text/json"
                                b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                self.assertEqual(connection.reply().status, status)
        self.assertEqual(self.send(b"{", "/maybe").status, 400)
        self.assertEqual(self.send(b"{}", "/maybe").body, b"{}")

    def test_two_types_are_refused(self):
        for lines in (b"Content-Type: text/plain\r\nContent-Type: application/json\r\n",
                      b"Content-Type: application/json\r\nContent-Type: application/json\r\n",
                      b"Content-Type: text/plain, application/json\r\n"):
            for path in (b"/checked", b"/typed"):
                with self.subTest((lines, path)), self.gateway.connect() as connection:
                    connection.send(b"POST " + path + b" HTTP/1.1\r\nHost: a\r\n" + lines
                                    + b"Content-Length: 1\r\n\r\n{")
                    answer = connection.reply()
                    self.assertEqual(answer.status, 400)
                    self.assertIn(b"two Content-Types", answer.body)
        self.assertEqual(self.origin.requests, [])

    def test_bad_ones_are_refused_with_where(self):
        for body, told in BAD:
            with self.subTest(body):
                answer = self.send(body)
                said = json.loads(answer.body)
                self.assertEqual((answer.status, said["type"]),
                                 (400, "urn:microreg:problem:bad-request"))
                self.assertRegex(said["detail"], "the body is refused as JSON: .*(" + told + ")")
                self.assertEqual(self.send(body, "/open").status, 200)
        self.assertEqual({request.target for request in self.origin.requests}, {"/open"})
        metrics = self.gateway.metrics()
        self.assertEqual(metrics['microreg_gateway_denied_total{policy="check"}'], len(BAD))

    def test_it_goes_by_the_type(self):
        for kind, status in (("application/json; charset=utf-8", 400), ("Application/JSON", 400),
                             ("application/problem+json", 400), ("text/json ;a=b", 400),
                             ("text/plain", 200), ("application/jsonp", 200), ("", 200)):
            with self.subTest(kind):
                headers = {"Content-Type": kind} if kind else {}
                self.assertEqual(self.send(b"{", headers=headers).status, status)
        coded = {**JSON, "Content-Encoding": "gzip"}
        self.assertEqual(self.send(b"\x1f\x8b", headers=coded).status, 415)

    def test_chunks_continue_and_pipelining(self):
        with self.gateway.connect() as connection:
            head = b"POST /checked HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            chunks = b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n2\r\n1]\r\n0\r\nX-T: a\r\n\r\n"
            bad = b"Content-Length: 2\r\n\r\n[}"
            connection.send(head + chunks + head + bad + head + chunks)
            for status in (200, 400, 200):
                self.assertEqual(connection.reply().status, status)
            self.assertEqual([one.body for one in self.origin.requests], [b"[1]", b"[1]"])
            connection.send(head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            self.assertEqual(connection.reply().status, 100)
            connection.send(b"[]")
            self.assertEqual((connection.reply().status), 200)

    def test_limits_and_policies_come_first(self):
        self.assertEqual(self.send(b"{" * 101, "/small").status, 413)
        self.assertEqual(self.send(b"{", "/guarded").status, 401)
        with self.gateway.connect() as connection:
            connection.send(b"POST /small HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"1" * 101 + b"\r\n")
            self.assertEqual(connection.reply().status, 413)
        self.assertEqual(self.origin.requests, [])

    def test_another_instance_gets_it_whole(self):
        answers = iter([reply(503)])
        self.origin.behave = lambda request, peer: next(answers, reply(body=request.body))
        self.addCleanup(setattr, self.origin, "behave",
                        lambda request, peer: reply(body=request.body))
        answer = self.gateway.request("PUT", "/checked", b"[1, 2]", JSON)
        self.assertEqual((answer.status, answer.body), (200, b"[1, 2]"))

    def test_a_composed_route_refuses_the_key(self):
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write("routes:\n  - {path: /, respond: {text: a}, body_check: json}\n"
                       "  - {path: /b, service: o, body_check: jsn}\n"
                       "services: {o: {instances: ['http://a:1']}}\n")
        code, _, err = self.stage.check("microreg-gateway", "--check", "--config",
                                        self.stage.dir + "/g.yaml")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"g.yaml:2: .*body_check: the route asks no service")
        self.assertRegex(err, r'g.yaml:3: .*did you mean "?json')


if __name__ == "__main__":
    unittest.main()
