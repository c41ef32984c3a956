"""No client can speak for the gateway: fields that tell services who asks, in every spelling."""

import hashlib
import json
import os
import unittest

import tokens
from harness import SharedCase
from origin import reply
from tokens import claims, key, sign

KEY, EC = "mrk_" + "k" * 43, key("P-256", "e")
NAMES = ("X-Consumer-Id", "X-Consumer-Name", "X-Consumer-Groups", "X-Auth-Scopes",
         "X-Auth-Issuer", "X-User-Email", "X-Asked-User", "X-Identity-Signature")


def spellings(name):
    """What servers, or CGI behind them, may take for the same name."""
    under = name.replace("-", "_")
    mixed = "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(name))
    return dict.fromkeys((
        name, name.lower(), name.upper(), mixed, under, under.lower(), under.upper(),
        name.replace("-", "_", 1), "_".join(name.rsplit("-", 1)), under.title()))


class Spoofing(SharedCase):
    """One gateway with every way to tell a service who asks."""

    @classmethod
    def prepare(cls):
        def behave(request, peer):
            del peer
            return reply(body=b'{"a":1}', headers={
                "X-Asked-User": "asked", "X-Seen": request.headers.get("X-Forwarded-Uri") or "-"})
        cls.origin = cls.stage.origin(behave)
        for name, text in (("i.jwks", tokens.public(EC)), ("secret", "s" * 32)):
            with open(os.path.join(cls.stage.dir, name), "w", encoding="utf-8") as file:
                file.write(text)
        ways = {
            "open": None, "key": "key", "jwt": {"jwt": "i"}, "maybe": ["key", "optional"],
            "asked": {"forward": {"service": "o", "path": "/check", "request_headers":
                                  "X-Asked-User", "consumer_header": "X-Asked-User"}}}
        routes = [{"path": "/" + name, "service": "o", "cache": "off",
                   **({"auth": way} if way else {})} for name, way in ways.items()]
        cls.gateway = cls.stage.gateway({
            "identity": {"sign": {"key_file": cls.stage.dir + "/secret"}},
            "consumers": [{"name": "bob", "groups": ["staff"], "keys": "sha256:" +
                           hashlib.sha256(KEY.encode()).hexdigest()}],
            "issuers": {"i": {"jwks_file": cls.stage.dir + "/i.jwks", "strip": True,
                              "headers": {"X-User-Email": "email"}}},
            "services": {"o": {"instances": [cls.origin.address]}},
            "routes": routes + [
                {"path": "/composed", "compose": {"calls": {
                    "one": {"service": "o", "path": "/one",
                            "headers": {"X-Tenant": "{claims.tenant}"}}},
                    "reply": {"from": "one"}}},
                {"path": "/kept", "auth": {"jwt": "i"}, "compose": {"calls": {
                    "one": {"service": "o", "path": "/kept", "cache": {"ttl": "1h"}}},
                    "reply": {"from": "one"}}}]})
        cls.credentials = {
            "open": "", "maybe": "", "composed": "", "asked": "",
            "key": f"X-Api-Key: {KEY}\r\n",
            "jwt": "Authorization: Bearer " + sign(EC, "ES256", claims(
                email="true@example.org", scope="read")) + "\r\n"}

    def send(self, path, lines, status=200):
        """A request with those lines, byte for byte; what services saw of it, all together."""
        self.origin.clear()
        with self.gateway.connect() as connection:
            connection.send((f"GET /{path} HTTP/1.1\r\nHost: a\r\n{self.credentials[path]}"
                             f"{lines}\r\n").encode("latin-1"))
            answer = connection.reply()
        self.assertEqual(answer.status, status, answer)
        return self.origin.wait_requests(1) if status == 200 else self.origin.requests

    def test_no_spelling_reaches_a_service(self):
        count = 0
        for path in self.credentials:
            for name in NAMES:
                lines = "".join(f"{one}: forged\r\n{one}:\tforged-too \t \r\n"
                                for one in spellings(name))
                for asked in (lines, lines * 2,
                              f"Connection: {', '.join(spellings(name))}\r\n" + lines,
                              lines + f"Connection: keep-alive, {name}\r\nTE: trailers\r\n"):
                    with self.subTest(path, name=name):
                        for request in self.send(path, asked):
                            self.assertNotIn(b"forged", request.raw)
                        count += 1
        self.assertEqual(count, len(self.credentials) * len(NAMES) * 4)

    def test_what_the_gateway_says_is_there_once_even_when_named_in_connection(self):
        for path, name, value in (
                ("key", "X-Consumer-Id", "bob"), ("key", "X-Consumer-Groups", "staff"),
                ("jwt", "X-Consumer-Id", "ada"), ("jwt", "X-User-Email", "true@example.org"),
                ("jwt", "X-Auth-Issuer", "i"), ("jwt", "X-Auth-Scopes", "read"),
                ("asked", "X-Asked-User", "asked"), ("asked", "X-Consumer-Id", "asked")):
            with self.subTest(path, name=name):
                seen = self.send(path, f"Connection: {name}\r\n{name}: forged\r\n"
                                       f"{name.replace('-', '_')}: forged\r\n")[-1]
                self.assertEqual(seen.headers.all(name), [value])
        for path in self.credentials:
            seen = self.send(path, "Connection: X-Identity-Signature\r\n")
            for request in seen:
                self.assertEqual(len(request.headers.all("X-Identity-Signature")), 1)

    def test_names_that_are_no_names_are_refused(self):
        for name in NAMES:
            for line in (f"{name} : forged", f" {name}: forged", f"{name}\t: forged",
                         f"X-A: b\r\n {name}: forged", f"{name}\0: forged", f"{name}\x7f: forged",
                         f"\"{name}\": forged", f"{name}\xa0: forged", f"X-A: b\r{name}: forged",
                         f"X-A: b\n{name}: forged"):
                with self.subTest(line):
                    self.assertEqual(self.send("open", line + "\r\n", 400), [])

    def test_nor_does_one_of_a_trailer_or_of_the_next_request(self):
        for name in NAMES:
            self.origin.clear()
            with self.gateway.connect() as connection:
                connection.send((f"POST /open HTTP/1.1\r\nHost: a\r\nTrailer: {name}\r\n"
                                 "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
                                 f"{name}: forged\r\n\r\n"
                                 f"GET /open HTTP/1.1\r\nHost: a\r\n{name}: forged\r\n\r\n"
                                 ).encode())
                for _ in range(2):
                    self.assertEqual(connection.reply().status, 200)
            for request in self.origin.wait_requests(2):
                self.assertNotIn(b"forged", request.raw)

    def test_nor_does_a_look_alike_of_what_every_service_is_told(self):
        names = ("X_Forwarded_For", "X-Forwarded_For", "x_forwarded_proto", "X_FORWARDED-HOST",
                 "X_Request_Id", "Transfer_Encoding", "content_length", "Proxy_Authorization")
        lines = "".join(f"{name}: forged\r\n" for name in names) + "X_Own: fine\r\n"
        for path in self.credentials:
            for request in self.send(path, lines):
                self.assertNotIn(b"forged", request.raw)
                self.assertEqual(request.headers.all("X-Forwarded-For"), ["127.0.0.1"])
                self.assertEqual(request.headers.get("X_Own"), "fine")

    def test_what_a_call_says_of_a_client_is_never_the_clients_to_say(self):
        lines = "".join(f"{name}: forged\r\n" for name in spellings("X-Tenant"))
        for request in self.send("composed", lines):
            self.assertNotIn(b"forged", request.raw)

    def test_a_part_is_kept_for_those_of_whom_the_same_is_said(self):
        self.origin.clear()
        for scope in ("read", "read admin", "read"):
            token = sign(EC, "ES256", claims(scope=scope))
            answer = self.gateway.get("/kept", headers={"Authorization": "Bearer " + token})
            self.assertEqual(answer.status, 200, answer)
        self.assertEqual([request.headers.get("X-Auth-Scopes")
                          for request in self.origin.wait_requests(2)], ["read", "read admin"])

    def test_the_answer_of_a_service_says_nothing_of_the_next_request(self):
        answer = self.gateway.get("/asked")
        self.assertEqual(json.loads(answer.body), {"a": 1})
        seen = self.send("open", "")[0]
        self.assertEqual([name for name in NAMES if name in seen.headers],
                         ["X-Identity-Signature"])


if __name__ == "__main__":
    unittest.main()
