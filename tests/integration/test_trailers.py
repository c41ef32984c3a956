"""Trailer fields: dropped, or passed on by rule, in both directions, byte for byte."""

import json
import os
import threading
import unittest

import tokens
from harness import Case, SharedCase
from origin import chunked, reply
from test_spoofing import NAMES, spellings

SUM = b"X-Sum: 1\r\n"


def post(path, trailers, lines=b"", body=b"hello", method=b"POST"):
    """A request in one chunk with trailers."""
    return (b"%s %s HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n%s\r\n%x\r\n%s\r\n0\r\n"
            b"%s\r\n" % (method, path, lines, len(body), body, trailers))


def trailers_of(request):
    """The lines after a recorded request's last chunk; None when it is not in chunks."""
    if "Transfer-Encoding" not in request.headers:
        return None
    raw = request.raw.rpartition(b"\r\n0\r\n")[2]
    return raw[:-2]


class Trailers(SharedCase):
    """One gateway with routes that pass and one that drops."""

    @classmethod
    def prepare(cls):
        for name, text in (("i.jwks", tokens.public(tokens.key("P-256", "e"))),
                           ("secret", "s" * 32)):
            with open(os.path.join(cls.stage.dir, name), "w", encoding="utf-8") as file:
                file.write(text)
        cls.origin, cls.shadow = cls.stage.origin(), cls.stage.origin()
        service = {"service": "o", "cache": "off"}
        cls.gateway = cls.stage.gateway({
            "workers": 1, "trailers": "pass",
            "identity": {"sign": {"key_file": cls.stage.dir + "/secret"}},
            "issuers": {"i": {"jwks_file": cls.stage.dir + "/i.jwks",
                              "headers": {"X-User-Email": "email"}}},
            "services": {"o": {"instances": [cls.origin.address]},
                         "s": {"instances": [cls.shadow.address]},
                         "both": {"instances": [cls.origin.address, cls.shadow.address]},
                         "h": {"instances": [cls.origin.address],
                               "balance": {"hash": {"header": "X-Shard"}}}},
            "routes": [
                {"path": "/pass", **service}, {"path": "/drop", **service, "trailers": "drop"},
                {"path": "/kept", "service": "o", "cache": {"ttl": "1h"}},
                {"path": "/copied", **service, "mirror": {"service": "s"}},
                {"path": "/hedged", "service": "both", "cache": "off", "hedge": {"after": "1ms"}},
                {"path": "/keyed", **service, "auth": ["key", "optional"]},
                {"path": "/beta", **service, "headers": {"X-Beta": "1"}},
                {"path": "/asked", **service, "auth": {"forward": {
                    "service": "s", "path": "/check", "request_headers": "X-Asked-User"}}},
                {"path": "/shown", **service, "auth": {"forward": {
                    "service": "s", "path": "/check", "headers": ["X-Shown"],
                    "cache": {"ttl": "1m", "by": ["header X-By"]}}}},
                {"path": "/counted", **service, "rate_limit": {
                    "rate": 1000, "per": "1s", "by": "header:X-Tenant"}},
                {"path": "/sharded", "service": "h", "cache": "off"},
                {"path": "/viewed", **service, "views": {
                    "v": {"headers": {"X-View": "1"}, "reply": "."}}},
                {"path": "/edited", **service,
                 "request": {"headers": {"remove": ["X-Gone"], "set": {"X-Set": "ours"}}},
                 "reply": {"headers": {"remove": ["X-Gone"], "set": {"X-Set": "ours"}}}},
                {"path": "/checked", **service, "body_check": "json"},
                {"path": "/made", **service, "request": {"body": {"from": "json"}}},
                {"path": "/remade", **service, "reply": {"body": {"from": "json"}}},
                {"path": "/composed", "compose": {"calls": {"one": {
                    "service": "o", "path": "/one"}}, "reply": {"from": "one"}}},
            ]})

    def setUp(self):
        self.origin.behave = self.shadow.behave = lambda request, peer: reply(body=b'{"a":1}')
        self.origin.clear()
        self.shadow.clear()

    def sent(self, data, status=200):
        """The request that came to the service, or the problem that is the answer."""
        with self.gateway.connect() as client:
            client.send(data)
            answer = client.reply()
        self.assertEqual(answer.status, status)
        if status != 200:
            return json.loads(answer.body)
        return self.origin.wait_requests(1)[-1]

    def answer(self, trailers, path=b"/pass", announced="", lines=b"", **more):
        """What the client gets of a reply in chunks with these trailers."""
        fields = {"Trailer": announced} if announced else {}
        self.origin.behave = lambda request, peer: chunked([b"one", b"two"], 200, {
            **fields, **more}, trailers)
        with self.gateway.connect() as client:
            client.send(b"GET %s HTTP/1.1\r\nHost: t\r\n%s\r\n" % (path, lines))
            first = client.reply()
            client.send(b"GET /pass HTTP/1.1\r\nHost: t\r\n\r\n")
            self.assertEqual(client.reply().status, 200)
        return first

    # ---- Requests ----

    def test_a_request_s_trailers_follow_its_body(self):
        lines = SUM + b'ETag: "a"\r\nX-Sum: 2\r\nEmpty: \r\nX-Text: \xe9:b\r\n'
        request = self.sent(post(b"/pass", lines, b"Trailer: X-Sum, ETag\r\nTrailer: empty\r\n"))
        self.assertEqual((request.body, trailers_of(request)), (b"hello", lines))
        self.assertEqual(request.headers.all("Trailer"), ["X-Sum, ETag, empty"])

    def test_without_the_setting_they_are_dropped(self):
        request = self.sent(post(b"/drop", SUM, b"Trailer: X-Sum\r\nTE: trailers\r\n"
                                 b"Connection: TE\r\n"))
        self.assertEqual((request.body, trailers_of(request)), (b"hello", b""))
        self.assertNotIn("Trailer", request.headers)
        self.assertNotIn("TE", request.headers)
        answer = self.answer(SUM, b"/drop", "X-Sum")
        self.assertEqual((answer.body, answer.trailers), (b"onetwo", b""))
        self.assertNotIn("Trailer", answer.headers)

    def test_they_come_byte_by_byte_and_before_the_next_request(self):
        data = post(b"/pass", SUM) + post(b"/pass", b"") + post(b"/pass", b"X-Next:\t2 \r\n")
        with self.gateway.connect() as client:
            for at in range(len(data)):
                client.send(data[at:at + 1])
            for _ in range(3):
                self.assertEqual(client.reply().status, 200)
        self.assertEqual([trailers_of(r) for r in self.origin.wait_requests(3)],
                         [SUM, b"", b"X-Next: 2\r\n"])

    def test_an_empty_body_has_some_too(self):
        with self.gateway.connect() as client:
            client.send(b"POST /pass HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"0\r\nX-Sum: 1\r\n\r\n")
            self.assertEqual(client.reply().status, 200)
        self.assertTrue(self.origin.wait_requests(1)[0].raw.endswith(
            b"\r\n\r\n0\r\nX-Sum: 1\r\n\r\n"))

    def test_no_spelling_of_what_the_gateway_says_passes(self):
        for path in (b"/pass", b"/keyed", b"/asked", b"/composed"):
            for name in NAMES + ("X-Api-Key", "X-Forwarded-For", "Forwarded", "traceparent",
                                 "X-Request-Id", "X-Real-IP", "X-Http-Method-Override"):
                forged = "".join(f"{one}: forged\r\n" for one in spellings(name)).encode()
                with self.subTest(path, name=name):
                    self.origin.clear()
                    request = self.sent(post(path, forged + SUM, b"Trailer: %s\r\n" %
                                             name.encode()))
                    self.assertNotIn(b"forged", request.raw)
                    self.assertNotIn("Trailer", request.headers)
                    if path != b"/composed":
                        self.assertEqual(trailers_of(request), SUM)

    def test_what_frames_or_shows_who_asks_is_refused_and_its_look_alikes_dropped(self):
        for name in ("Content-Length", "Transfer-Encoding", "Host", "Authorization", "Cookie",
                     "Set-Cookie", "Content-Type", "Connection", "TE", "If-Match", "Trailer"):
            with self.subTest(name):
                self.origin.clear()
                for path in (b"/pass", b"/drop"):
                    told = self.sent(post(path, name.encode() + b": 5\r\n"), 400)["detail"]
                    self.assertEqual(told, "a trailer field that is not allowed there: " +
                                     name.lower())
                self.origin.clear()
                if "-" in name:
                    look_alike = name.replace("-", "_").encode() + b": 5\r\n"
                    self.assertEqual(trailers_of(self.sent(post(b"/pass", look_alike + SUM))), SUM)

    def test_what_the_route_goes_by_or_changes_is_not_passed(self):
        request = self.sent(post(b"/beta", b"X-Beta: 2\r\nx_beta: 2\r\n" + SUM, b"X-Beta: 1\r\n"))
        self.assertEqual(trailers_of(request), SUM)
        for path, name in ((b"/shown", b"X-Shown"), (b"/shown", b"X-By"), (b"/viewed", b"X-View"),
                           (b"/counted", b"X-Tenant"), (b"/sharded", b"X-Shard")):
            with self.subTest(path, name=name):
                self.origin.clear()
                both = name + b": 2\r\n" + name.replace(b"-", b"_") + b": 2\r\n"
                request = self.sent(post(path, both + SUM, b"Trailer: %s, X-Sum\r\n" % name))
                self.assertEqual(trailers_of(request), SUM)
                self.assertEqual(request.headers.all("Trailer"), ["X-Sum"])
        self.origin.clear()
        changed = b"X-Gone: 1\r\nX-Set: 2\r\nX_Gone: 1\r\nx_set: 2\r\n"
        request = self.sent(post(b"/edited", changed + SUM, b"Trailer: X-Gone, X-Sum, X-Set\r\n"))
        self.assertEqual(trailers_of(request), SUM)
        self.assertEqual(request.headers.all("Trailer"), ["X-Sum"])
        answer = self.answer(changed + SUM, b"/edited", "X-Gone, X-Sum, X-Set")
        self.assertEqual(answer.trailers, SUM)
        self.assertEqual(answer.headers.all("Trailer"), ["X-Sum"])

    def test_what_connection_names_is_for_the_hop(self):
        request = self.sent(post(b"/pass", b"X-Hop: 1\r\n" + SUM,
                                 b"Connection: x-hop, trailer\r\nTrailer: X-Sum\r\n"))
        self.assertEqual(trailers_of(request), SUM)
        self.assertNotIn("Trailer", request.headers)
        answer = self.answer(b"X-Hop: 1\r\n" + SUM, announced="X-Hop, X-Sum", Connection="X-Hop")
        self.assertEqual(answer.trailers, SUM)
        self.assertEqual(answer.headers.all("Trailer"), ["X-Sum"])

    def test_they_are_bounded(self):
        many = b"".join(b"X-%d: 1\r\n" % n for n in range(100))
        self.assertEqual(trailers_of(self.sent(post(b"/pass", many))).count(b"\n"), 64)
        self.assertEqual(self.answer(many).trailers.count(b"\n"), 64)
        self.origin.clear()
        self.sent(post(b"/pass", b"X: " + b"a" * 9000 + b"\r\n"), 400)

    def test_another_try_gets_them_too(self):
        seen = []

        def fail_first(request, peer):
            seen.append((request.body, trailers_of(request)))
            return peer.reset() if len(seen) == 1 else reply()
        self.origin.behave = fail_first
        self.sent(post(b"/pass", SUM, method=b"PUT"))
        self.assertEqual(seen, [(b"hello", SUM)] * 2)

    def test_a_second_request_has_them_too(self):
        seen, both = [], threading.Event()

        def behave(request, peer):
            del peer
            seen.append((request.body, trailers_of(request)))
            if len(seen) == 1:
                both.wait(20)
            else:
                both.set()
            return reply()
        self.origin.behave = self.shadow.behave = behave
        with self.gateway.connect() as client:
            client.send(post(b"/hedged", SUM, method=b"GET"))
            self.assertEqual(client.reply().status, 200)
        self.assertEqual(seen, [(b"hello", SUM)] * 2)

    def test_a_body_too_long_to_hold_has_some_too(self):
        body = b"x" * 300000
        request = self.sent(post(b"/pass", SUM, body=body))
        self.assertEqual((len(request.body), trailers_of(request)), (300000, SUM))

    def test_a_copy_is_what_the_service_got(self):
        request = self.sent(post(b"/copied", SUM, b"Trailer: X-Sum\r\n"))
        copy = self.shadow.wait_requests(1)[0]
        self.assertEqual(request.headers.all("Trailer"), ["X-Sum"])
        self.assertEqual(copy.headers.all("Trailer"), ["X-Sum"])
        self.assertEqual((copy.body, trailers_of(copy)), (b"hello", SUM))

    def test_a_body_that_is_gathered_loses_them(self):
        for path in (b"/checked", b"/made"):
            with self.subTest(path):
                self.origin.clear()
                request = self.sent(post(path, SUM, b"Trailer: X-Sum\r\nContent-Type: "
                                         b"application/json\r\n", b"[1]"))
                self.assertEqual((request.body, trailers_of(request)), (b"[1]", None))
                self.assertNotIn("Trailer", request.headers)

    # ---- TE ----

    def test_services_hear_that_they_are_welcome_only_from_the_client(self):
        for lines, welcome in (
                (b"TE: trailers\r\nConnection: TE\r\n", True),
                (b"TE: gzip;q=0.5, Trailers\r\nConnection: keep-alive, te\r\n", True),
                (b"TE: trailers\r\n", False),  # a proxy let it through that knows nothing of it
                (b"TE: gzip\r\nConnection: TE\r\n", False), (b"", False)):
            with self.subTest(lines):
                self.origin.clear()
                request = self.sent(b"GET /pass HTTP/1.1\r\nHost: t\r\n%s\r\n" % lines)
                self.assertEqual(request.headers.all("TE"), ["trailers"] if welcome else [])
                self.assertEqual(request.headers.all("Connection"), ["TE"] if welcome else [])
        self.origin.clear()
        request = self.sent(b"GET /pass HTTP/1.0\r\nHost: t\r\nTE: trailers\r\n"
                            b"Connection: TE\r\n\r\n")
        self.assertNotIn("TE", request.headers)
        self.origin.behave = lambda request, peer: reply(body=b"[1]", headers={
            "Content-Type": "application/json"})
        self.origin.clear()
        request = self.sent(b"GET /remade HTTP/1.1\r\nHost: t\r\nTE: trailers\r\n"
                            b"Connection: TE\r\n\r\n")
        self.assertNotIn("TE", request.headers)

    # ---- Replies ----

    def test_a_reply_s_trailers_follow_its_body_whether_asked_for_or_not(self):
        for lines in (b"", b"TE: trailers\r\nConnection: TE\r\n"):
            answer = self.answer(SUM + b"Server-Timing: db;dur=5\r\n", lines=lines,
                                 announced="X-Sum, Server-Timing, Set-Cookie")
            self.assertEqual(answer.body, b"onetwo")
            self.assertEqual(answer.trailers, SUM + b"Server-Timing: db;dur=5\r\n")
            self.assertEqual(answer.headers.all("Trailer"), ["X-Sum, Server-Timing"])

    def test_a_reply_s_trailer_says_nothing_for_the_gateway(self):
        bad = (b"Set_Cookie: a=b\r\nX-Consumer-Id: x\r\nX_Forwarded_For: x\r\nVia: 1.1 x\r\n"
               b"Access-Control-Allow-Origin: *\r\nX-Request-Id: x\r\nCache-Status: x\r\n"
               b"MicroReg-Cache-Control: max-age=5\r\nContent-Language: x\r\nServer: x\r\n"
               b"Strict-Transport-Security: max-age=1\r\n")
        self.assertEqual(self.answer(bad + SUM).trailers, SUM)

    def test_http_1_0_and_head_have_none(self):
        self.origin.behave = lambda request, peer: (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            if request.method == "HEAD" else chunked([b"one"], 200, {"Trailer": "X-Sum"}, SUM))
        with self.gateway.connect() as client:
            client.send(b"GET /pass HTTP/1.0\r\nHost: t\r\n\r\n")
            head, _, body = client.rest().partition(b"\r\n\r\n")
        self.assertEqual(body, b"one")
        self.assertNotIn(b"\r\nTrailer:", head)
        with self.gateway.connect() as client:
            client.send(b"HEAD /pass HTTP/1.1\r\nHost: t\r\n\r\n"
                        b"GET /pass HTTP/1.1\r\nHost: t\r\n\r\n")
            self.assertNotIn("Trailer", client.reply("HEAD").headers)
            self.assertEqual(client.reply().trailers, SUM)

    def test_a_reply_without_chunks_has_none(self):
        def until_close(request, peer):
            peer.send(b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n\r\n0\r\nX-Sum: 1\r\n\r\n")
            peer.close()
        self.origin.behave = until_close
        with self.gateway.connect() as client:
            client.send(b"GET /pass HTTP/1.1\r\nHost: t\r\n\r\n")
            answer = client.reply()
        self.assertEqual((answer.body, answer.trailers), (b"0\r\nX-Sum: 1\r\n\r\n", b""))
        self.assertNotIn("Trailer", answer.headers)

    def test_what_the_cache_keeps_has_none(self):
        self.origin.behave = lambda request, peer: chunked([b"one"], 200, {"Trailer": "X-Sum"}, SUM)
        with self.gateway.connect() as client:
            seen = []
            for _ in range(2):
                client.send(b"GET /kept HTTP/1.1\r\nHost: t\r\n\r\n")
                answer = client.reply()
                seen.append((answer.body, answer.trailers, "Trailer" in answer.headers))
        self.assertEqual(seen, [(b"one", SUM, True), (b"one", b"", False)])

    def test_what_is_made_of_a_reply_has_none(self):
        self.origin.behave = lambda request, peer: chunked([b'{"a":1}'], 200, {
            "Content-Type": "application/json", "Trailer": "X-Sum"}, SUM)
        for path in (b"/remade", b"/composed"):
            with self.subTest(path), self.gateway.connect() as client:
                client.send(b"GET %s HTTP/1.1\r\nHost: t\r\n\r\n" % path)
                answer = client.reply()
                self.assertEqual((json.loads(answer.body), answer.trailers), ({"a": 1}, b""))
                self.assertNotIn("Trailer", answer.headers)

    def test_both_ways_at_once(self):
        go_on = threading.Event()

        def behave(request, peer):
            del request
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nX-S")
            go_on.wait(20)
            return b"um: 1\r\n\r\n"
        self.origin.behave = behave
        with self.gateway.connect() as client:
            client.send(post(b"/pass", SUM))
            self.assertEqual(trailers_of(self.origin.wait_requests(1)[0]), SUM)
            go_on.set()
            self.assertEqual(client.reply().trailers, SUM)


SETTINGS = """\
services: {o: {instances: ["http://127.0.0.1:1"]}}
trailers: %s
routes:
  - {path: /a, service: o}
  - {path: /b, service: o, trailers: %s}
  - {path: /c, respond: {status: 204}%s}
"""


class Settings(Case):
    """What the programs say of it."""

    def run_program(self, text, *args):
        """(exit code, what was said)"""
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        code, out, err = self.stage.check(
            "microreg-gateway", "--config", self.stage.dir + "/g.yaml", *args)
        return code, out + err

    def test_mistakes_are_told(self):
        code, said = self.run_program(SETTINGS % ("yes", "keep", ", trailers: pass"), "--check")
        self.assertEqual(code, 1)
        for line, text in ((2, r"trailers: .*drop.*pass"), (5, r"trailers: .*drop.*pass"),
                           (6, r"trailers: the route asks no service")):
            self.assertRegex(said, rf"g\.yaml:{line}: .*{text}")

    def test_it_is_explained(self):
        text = SETTINGS % ("pass", "drop", "")
        self.assertIn("trailers: passed on\n", self.run_program(text, "--explain", "GET /a")[1])
        self.assertNotIn("trailers", self.run_program(text, "--explain", "GET /b")[1])


if __name__ == "__main__":
    unittest.main()
