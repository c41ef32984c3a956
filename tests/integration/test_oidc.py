"""Real issuers: npm's oidc-provider and jose, whose tokens open and whose keys turn."""

import base64
import http.client
import json
import unittest
import urllib.parse

from harness import Case, peer, wait_until

AUDIENCE = "urn:gw"


class Provider(Case):
    """An OpenID provider, found by its discovery document."""

    def setUp(self):
        super().setUp()
        *node, script = peer("oidc_provider.js")
        program = self.stage.run("provider", AUDIENCE, wrap=node, path=script)
        program.expect = {-15}
        self.issuer = program.wait_output(r"(http://\S+)\n").group(1)
        self.gateway = self.stage.gateway({
            "issuers": {"main": {"discovery": self.issuer, "audience": AUDIENCE, "refresh": "1s"},
                        "other": {"discovery": self.issuer, "audience": "urn:other"}},
            "routes": [
                {"path": "/orders", "auth": {"jwt": "main"}, "allow": "scope:orders.read",
                 "respond": {"text": "hello"},
                 "reply": {"headers": {"set": {"X-You": "{claims.client_id} {claims.iss}"}}}},
                {"path": "/write", "auth": {"jwt": "main"}, "allow": "scope:orders.write",
                 "respond": {"text": "hello"}},
                {"path": "/other", "auth": {"jwt": "other"}, "respond": {"text": "hello"}}]})

    def post(self, path, form=None):
        """POST to the provider."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.issuer).netloc,
                                                timeout=20)
        try:
            connection.request("POST", path, urllib.parse.urlencode(form or {}), {
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": "Basic " + base64.b64encode(b"shop:secret").decode()})
            answer = connection.getresponse()
            body = answer.read()
            self.assertEqual(answer.status, 200, body)
            return body
        finally:
            connection.close()

    def token(self):
        """A token for the program "shop" (RFC 6749 4.4, RFC 8707, RFC 9068)."""
        answer = json.loads(self.post("/token", {
            "grant_type": "client_credentials", "scope": "orders.read", "resource": AUDIENCE}))
        return {"Authorization": "Bearer " + answer["access_token"]}

    def test_its_tokens_open_and_its_keys_turn(self):
        old = self.token()
        answer = self.gateway.get("/orders", old)
        self.assertEqual((answer.status, answer.headers.get("X-You")),
                         (200, f"shop {self.issuer}"), answer)
        self.assertEqual(self.gateway.get("/write", old).status, 403)
        self.assertEqual(self.gateway.get("/other", old).status, 401)
        self.assertEqual(self.gateway.get("/orders", {
            "Authorization": old["Authorization"][:-4] + "AAAA"}).status, 401)
        self.post("/rotate")
        new = self.token()
        self.assertNotEqual(old["Authorization"].split(".")[0], new["Authorization"].split(".")[0])
        self.gateway.wait_status("/orders", 200, new)
        self.assertEqual(self.gateway.get("/orders", old).status, 200)
        self.post("/forget")
        self.gateway.wait_status("/orders", 401, old)
        self.assertEqual(self.gateway.get("/orders", new).status, 200)


class Jose(Case):
    """Tokens of every algorithm, by a library that is not the gateway's."""

    def test_each_algorithm_lets_in_from_a_fetched_set(self):
        *node, script = peer("jose_tokens.js")
        program = self.stage.run("jose", "https://id.example.org", AUDIENCE, wrap=node,
                                 path=script)
        program.expect = {-15}
        told = json.loads(program.wait_output(r"(?m)^(\{.*\})$").group(1))
        issuer = {"issuer": "https://id.example.org", "audience": AUDIENCE,
                  "jwks_url": told["url"]}
        origin = self.stage.origin()
        gateway = self.stage.gateway({
            "services": {"o": {"instances": [origin.address]}},
            "issuers": {"every": {**issuer, "algorithms": [
                name for name in told["tokens"] if name != "stranger"]}, "usual": issuer},
            "routes": [{"path": "/" + name, "service": "o", "auth": {"jwt": name}, "cache": "off",
                        "request": {"headers": {"set": {"X-N": "{claims.n}"}}}}
                       for name in ("every", "usual")]})
        self.assertEqual(len(told["tokens"]), 14)
        for name, token in told["tokens"].items():
            with self.subTest(name):
                bearer = {"Authorization": "Bearer " + token}
                self.assertEqual(gateway.get("/every", bearer).status,
                                 401 if name == "stranger" else 200)
                self.assertEqual(gateway.get("/usual", bearer).status,
                                 401 if name == "stranger" or name.startswith("HS") else 200)
        seen = wait_until(lambda: origin.requests)[0].headers
        self.assertEqual((seen.get("X-Consumer-Id"), seen.get("X-Auth-Scopes"), seen.get("X-N")),
                         ("ada", "orders.read", "9007199254740991"))


if __name__ == "__main__":
    unittest.main()
