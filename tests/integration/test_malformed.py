"""Every raw request of tests/data/malformed.json, through the real gateway to a recording origin.

The file's `about` says what each member of a case demands. After a case's bytes
a plain request is sent on the same connection: its answer, or the close, shows
that nothing more was to come, so that no case waits for silence.
"""

import base64
import json
import os
import ssl
import unittest

from certificates import make_certificate
from harness import PATIENCE, ROOT, SharedCase
from origin import reply
from wire import Connection, Ended

PROBE = b"GET /t/probe HTTP/1.1\r\nHost: t.local\r\n\r\n"


class Malformed(SharedCase):
    """A route /t/* to one recording origin, nothing else."""

    @classmethod
    def prepare(cls):
        with open(os.path.join(ROOT, "tests/data/malformed.json"), encoding="utf-8") as file:
            cls.cases = json.load(file)["cases"]
        cls.origin = cls.stage.origin(lambda request, peer: reply(
            200, b"" if request.method == "HEAD" else b"seen " + request.target.encode("latin-1")))
        cls.gateway = cls.stage.gateway({
            **cls.listen(),
            "services": {"t": {"instances": [cls.origin.address]}},
            "routes": [{"path": "/t/*", "service": "t", "cache": "off"}]})

    @classmethod
    def listen(cls):
        """Settings of the door."""
        return {}

    def connect(self):
        """A client's connection to it."""
        return self.gateway.connect()

    def exchange(self, case):
        """Sends a case. Returns (answers, closed)."""
        raw = base64.b64decode(case["raw_b64"])
        method = "HEAD" if raw.startswith(b"HEAD") else "GET"
        answers = []
        with self.connect() as client:
            try:
                client.send(raw)
                if case.get("half_close"):
                    client.half_close()
                elif not case.get("must_close"):
                    client.send(PROBE)
            except ConnectionError:
                pass  # closed while we were sending: what it said before may be there to read
            try:
                while True:
                    answer = client.reply(method)
                    if answer.body == b"seen /t/probe":
                        return answers, False
                    answers.append(answer)
                    if method == "HEAD":
                        return answers, False
            except (Ended, ConnectionError, ssl.SSLError):  # cut within TLS, too
                return answers, True

    def check_answers(self, case, answers, closed):
        """What the client may see."""
        final = [answer.status for answer in answers if answer.status >= 200]
        first = final[0] if final else "close"
        self.assertIn(first, case["accept"], case["why"])
        if "max_ok" in case:
            good = sum(200 <= status < 300 for status in final)
            self.assertLessEqual(good, case["max_ok"], case["why"])
        if "want_responses" in case:
            self.assertEqual(len(final), case["want_responses"])
        if case.get("must_close"):
            self.assertTrue(closed, "the connection stayed open")
        if first == 400:
            self.assertTrue(closed, "the connection stayed open after a 400")

    def check_upstream(self, case):
        """What the instance may see."""
        pieces = [p for p in self.origin.pieces if not p.startswith(b"GET /t/probe ")]
        requests = [r for r in self.origin.requests if r.target != "/t/probe"]
        everything = b"".join(pieces)
        if case.get("no_upstream"):
            self.assertEqual(pieces, [], case["why"])
        if "upstream_max" in case:
            self.assertLessEqual(len(requests), case["upstream_max"])
        if "upstream_path_ban" in case:
            for request in requests:
                self.assertFalse(request.target.startswith(case["upstream_path_ban"]), request)
        if "upstream_ban_bytes" in case:
            self.assertNotIn(case["upstream_ban_bytes"].encode("latin-1"), everything)
        if "upstream_need_bytes" in case:
            self.assertIn(case["upstream_need_bytes"].encode("latin-1"), everything)

    def test_each_is_answered_as_it_has_to_be(self):
        self.assertEqual(len(self.cases), 101)
        for case in self.cases:
            with self.subTest(case["name"]):
                self.origin.clear()
                answers, closed = self.exchange(case)
                self.check_answers(case, answers, closed)
                self.check_upstream(case)

    def test_the_gateway_still_serves_afterwards(self):
        with self.connect() as client:
            client.send(PROBE)
            self.assertEqual(client.reply().status, 200)


class MalformedTls(Malformed):
    """The same over TLS."""

    @classmethod
    def listen(cls):
        pair = make_certificate(cls.stage.dir, "door", ["127.0.0.1"])
        cls.context = ssl.create_default_context(cafile=pair["cert"])
        return {"listen": [{"address": "127.0.0.1:0", "tls": pair}]}

    def connect(self):
        return Connection(self.gateway.port, PATIENCE, tls=self.context)


if __name__ == "__main__":
    unittest.main()
