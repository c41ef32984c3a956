"""From which addresses routes may be called, and whom trusted proxies speak for."""

import json
import unittest

from harness import Case, SharedCase, wait_until
from wire import Ended


class Addresses(SharedCase):
    """One gateway that trusts this machine as a proxy."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin()
        inside = {"allow": ["10.0.0.0/8", "2001:db8::/32"], "deny": ["10.6.6.0/24"]}
        cls.gateway = cls.stage.gateway({
            "services": {"o": {"instances": [cls.origin.address]}},
            "trusted_proxies": ["127.0.0.0/8"], "ip": {"deny": "192.0.2.0/24"},
            "routes": [
                {"path": "/open", "service": "o", "request": {"headers": {
                    "set": {"X-Caller": "{client.address}"}}}},
                {"path": "/inside", "service": "o", "ip": inside},
                {"path": "/fixed", "respond": {"text": "hello"}, "ip": inside}]})

    def ask(self, path, address):
        """The status for a caller of that address, behind a proxy."""
        return self.gateway.get(path, {"X-Forwarded-For": address}).status

    def test_allow_and_deny_are_asked_of_the_caller_behind_the_proxy(self):
        for path, address, status in (
                ("/open", "203.0.113.9", 200), ("/open", "192.0.2.7", 403),
                ("/open", "::ffff:192.0.2.7", 403), ("/inside", "10.1.2.3", 200),
                ("/inside", "10.6.6.6", 403), ("/inside", "11.1.2.3", 403),
                ("/inside", "2001:db8:1::1", 200), ("/inside", "2001:db9::1", 403),
                ("/inside", "10.1.2.3, 203.0.113.9", 403), ("/fixed", "10.1.2.3", 200),
                ("/fixed", "11.1.2.3", 403), ("/nowhere", "192.0.2.7", 404)):
            with self.subTest(path, address=address):
                self.assertEqual(self.ask(path, address), status)

    def test_a_refusal_says_why_in_the_log_only(self):
        answer = self.gateway.get("/inside", {"X-Forwarded-For": "11.1.2.4"})
        document = json.loads(answer.body)
        self.assertEqual(document["type"], "urn:microreg:problem:forbidden")
        self.assertNotIn("detail", document)
        self.assertNotIn(b"allow", answer.body)
        line = wait_until(lambda: [one for one in self.gateway.access_log()
                                   if one.get("client") == "11.1.2.4"])[0]
        self.assertEqual((line["reason"], line["flags"], line["status"]),
                         ("the route's ip.allow does not have the address", ["UA"], 403))
        self.assertGreaterEqual(
            self.gateway.metrics()['microreg_gateway_denied_total{policy="ip"}'], 1)

    def test_templates_know_the_caller(self):
        self.origin.clear()
        self.ask("/open", "203.0.113.77")
        request = self.origin.wait_requests(1)[0]
        self.assertEqual(request.headers.get("X-Caller"), "203.0.113.77")
        self.assertEqual(request.headers.get("X-Forwarded-For"), "203.0.113.77, 127.0.0.1")


class ProxyProtocol(Case):
    """Load balancers that say whose connection it is."""

    ROUTES = [{"path": "/", "respond": {"text": "hello"}, "ip": {"allow": "192.0.2.0/24"}},
              {"path": "/any", "respond": {"text": "hello"}}]

    def ask(self, gateway, header, path="/", pieces=1):
        """The status, or None when the connection was closed."""
        data = header + b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode()
        step = -(-len(data) // pieces)
        with gateway.connect() as connection:
            try:
                for at in range(0, len(data), step):
                    connection.send(data[at:at + step])
                return connection.reply().status
            except (OSError, Ended):
                return None

    def test_the_header_says_who_it_is(self):
        gateway = self.stage.gateway({
            "listen": [{"address": "127.0.0.1:0", "proxy_protocol": True}],
            "trusted_proxies": "127.0.0.1", "routes": self.ROUTES})
        v2 = b"\r\n\r\n\0\r\nQUIT\n"
        for header, status in (
                (b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n", 200),
                (b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n", 403),
                (b"PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n", 200), (b"PROXY UNKNOWN\r\n", 403),
                (v2 + b"\x21\x11\0\x0c\xc0\0\2\1\x7f\0\0\1\0\1\0\2", 200),
                (v2 + b"\x21\x11\0\x0c\xcb\0\2\1\x7f\0\0\1\0\1\0\2", 403),
                (v2 + b"\x20\0\0\0", 403), (b"", None), (b"PROXY TCP4 x\r\n", None)):
            with self.subTest(header):
                self.assertEqual(self.ask(gateway, header), status)
                self.assertEqual(self.ask(gateway, header, pieces=9), status)
        wait_until(lambda: "203.0.113.7" in [one["client"] for one in gateway.access_log()])

    def test_who_is_not_trusted_may_not_say_anything(self):
        gateway = self.stage.gateway({
            "listen": [{"address": "127.0.0.1:0", "proxy_protocol": True}],
            "trusted_proxies": "10.0.0.1", "routes": self.ROUTES})
        self.assertIsNone(self.ask(gateway, b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n"))
        plain = self.stage.gateway({"routes": self.ROUTES})
        self.assertEqual(self.ask(plain, b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n", "/any"), 400)

    def test_it_needs_somebody_to_trust(self):
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write("listen:\n  - {address: ':8080', proxy_protocol: true}\n")
        code, _, err = self.stage.check("microreg-gateway", "--check", "--config",
                                        self.stage.dir + "/g.yaml")
        self.assertEqual(code, 1)
        self.assertRegex(err, r"g.yaml:2: listen\[0\]: proxy_protocol lets nobody in without")


class Strangers(Case):
    """Nobody is trusted unless the settings say so."""

    def test_what_a_stranger_tells_is_not_believed(self):
        gateway = self.stage.gateway({"routes": [
            {"path": "/", "respond": {"text": "hello"}, "ip": {"allow": "10.0.0.0/8"}},
            {"path": "/here", "respond": {"text": "hello"}, "ip": {"allow": "127.0.0.1"}}]})
        for header in ("X-Forwarded-For", "Forwarded"):
            value = "for=10.0.0.1" if header == "Forwarded" else "10.0.0.1"
            self.assertEqual(gateway.get("/", {header: value}).status, 403)
            self.assertEqual(gateway.get("/here", {header: value}).status, 200)

    def test_mistakes_are_told_with_their_line(self):
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write("ip: {alow: 10.0.0.0/8}\nroutes:\n"
                       "  - {path: /, respond: {text: a}, ip: {deny: [10.0.0.0/40]}}\n")
        code, _, err = self.stage.check("microreg-gateway", "--check", "--config",
                                        self.stage.dir + "/g.yaml")
        self.assertEqual(code, 1)
        self.assertRegex(err, r'g.yaml:1: ip\.alow: .*did you mean "allow"')
        self.assertRegex(err, r'g.yaml:3: routes\[0\]\.ip\.deny\[0\]: "10.0.0.0/40" is no network')


if __name__ == "__main__":
    unittest.main()
