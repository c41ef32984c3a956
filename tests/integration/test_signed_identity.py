"""Signed identity: services prove, by other programs' JOSE, that a request came by the gateway."""

import json
import os
import time
import unittest

import tokens
from harness import Case, peer
from origin import reply
from tokens import b64, claims, key, sign

from jwcrypto import jws

EC, SECRET = key("P-256", "e"), os.urandom(24).hex().encode()


def payload_of(text, signer):
    """(header, payload) of a JWS that holds."""
    token = jws.JWS()
    token.allowed_algs = list(tokens.ALGORITHMS)
    token.deserialize(text, signer)
    return json.loads(token.objects["protected"]), json.loads(token.payload)


class Signed(Case):
    """Each test has its own gateway and key."""

    def start(self, material, **more):
        """A gateway that signs; its services answer JSON."""
        path = os.path.join(self.stage.dir, "identity.key")
        with open(path, "wb") as file:
            file.write(material)
        with open(self.stage.dir + "/i.jwks", "w", encoding="utf-8") as file:
            file.write(tokens.public(EC))
        self.origin = self.stage.origin(lambda request, peer: reply(body=b'{"a":1}'))
        auth = [{"jwt": "i"}, "optional"]
        return self.stage.gateway({
            "identity": {"sign": {"key_file": path, **more}},
            "issuers": {"i": {"jwks_file": self.stage.dir + "/i.jwks", "consumer": "sub"}},
            "consumers": [{"name": "Ada.L", "id": "ada", "groups": ["staff", "eu"]}],
            "services": {"o": {"instances": [self.origin.address]},
                         "p": {"instances": [self.origin.address]},
                         "gone": {"instances": ["http://127.0.0.1:1"], "backup": "p"}},
            "routes": [
                {"path": "/a/*", "service": "o", "auth": auth, "rewrite": "/b/{*}"},
                {"path": "/both", "auth": auth, "compose": {"calls": {
                    "one": {"service": "o", "path": "/one?x=1"},
                    "two": {"service": "p", "path": "/two"}}, "reply": {"from": "one"}}},
                {"path": "/backup", "compose": {"calls": {
                    "one": {"service": "gone", "path": "/one"}}}},
                {"path": "/asked", "service": "o",
                 "auth": {"forward": {"service": "p", "path": "/check"}}}]})

    def signatures(self, gateway, path, count=1, headers=None):
        """What services were sent: target -> signature."""
        self.origin.clear()
        answer = gateway.get(path, headers)
        self.assertEqual(answer.status, 200, answer)
        seen = {}
        for request in self.origin.wait_requests(count):
            self.assertEqual(len(request.headers.all("X-Identity-Signature")), 1)
            seen[request.target] = request.headers.get("X-Identity-Signature")
        return seen

    def test_other_programs_verify_it(self):
        bearer = {"Authorization": "Bearer " + sign(EC, "ES256", claims(
            scope="read write", email="ad\u00e4@example.org", roles=["a", "b"])),
                  "X-Request-Id": "id-1"}
        ec, ed = key("P-256"), key("Ed25519")
        for name, material, verifier in (
                ("ES256", ec.export_to_pem(True, None), ec),
                ("EdDSA", ed.export_to_pem(True, None), ed),
                ("HS256", SECRET + b"\n", tokens.jwk.JWK(kty="oct", k=b64(SECRET)))):
            with self.subTest(name):
                gateway = self.start(material, key_id="k1", claims=["email", "roles", "gone"])
                text = self.signatures(gateway, "/a/x?q=%20", headers=bearer)["/b/x?q=%20"]
                header, said = payload_of(text, verifier)
                self.assertEqual(header, {"alg": name, "typ": "microreg-identity+jwt",
                                          "kid": "k1"})
                now = time.time()
                self.assertTrue(now - 60 < said["iat"] <= now, said)
                self.assertEqual(said.pop("exp") - said.pop("iat"), 60)
                self.assertEqual(said, {
                    "iss": "microreg", "aud": "o", "sub": "ada", "name": "Ada.L",
                    "groups": ["staff", "eu"], "scope": "read write", "method": "GET",
                    "claims": {"email": "ad\u00e4@example.org", "roles": "a b"},
                    "path": "/b/x", "query": "q=%20", "jti": "id-1"})
                public = verifier.export() if name == "HS256" else verifier.export_public()
                *node, script = peer("jose_verify.js")
                program = self.stage.run("jose", public, text, wrap=node, path=script)
                self.assertEqual(program.wait(), 0, program.log())
                self.assertEqual(json.loads(program.output())["payload"]["sub"], "ada")

    def test_the_nameless_and_parts_are_signed_too(self):
        verifier = tokens.jwk.JWK(kty="oct", k=b64(SECRET))
        gateway = self.start(SECRET, ttl="5s", issuer="gw-1")
        _, said = payload_of(self.signatures(gateway, "/a/x")["/b/x"], verifier)
        self.assertNotIn("sub", said)
        self.assertEqual((said["iss"], said["exp"] - said["iat"]), ("gw-1", 5))
        for path, parts in (("/both", {"/one?x=1": "o", "/two": "p"}), ("/backup", {"/one": "p"}),
                            ("/asked", {"/check": "p", "/asked": "o"})):
            seen = self.signatures(gateway, path, len(parts))
            self.assertEqual(seen.keys(), parts.keys())
            for target, service in parts.items():
                _, said = payload_of(seen[target], verifier)
                self.assertEqual((said["aud"], said["path"]), (service, target.split("?")[0]))

    def test_a_clients_own_never_gets_through(self):
        gateway = self.start(SECRET)
        for spelling in ("X-Identity-Signature", "x_identity_signature", "X-IDENTITY_Signature"):
            text = list(self.signatures(gateway, "/a/x", headers={spelling: "forged"}).values())
            self.assertNotIn("forged", text)
            self.assertNotIn(b"forged", self.origin.requests[0].raw)

    def test_mistakes_are_told(self):
        folder = self.stage.dir
        files = {"short": b"x" * 31, "rsa": key("RSA").export_to_pem(True, None),
                 "p384": key("P-384").export_to_pem(True, None),
                 "public": key("P-256").export_to_pem(),
                 "locked": key("P-256").export_to_pem(True, b"pass"), "good": b"x" * 32}
        for name, data in files.items():
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        for sign_text, told in (
                ("{key_file: FOLDER/short}", "31 bytes; at least 32"),
                ("{key_file: FOLDER/rsa}", "neither of P-256 nor of Ed25519"),
                ("{key_file: FOLDER/p384}", "neither of P-256 nor of Ed25519"),
                ("{key_file: FOLDER/public}", "no private key"),
                ("{key_file: FOLDER/locked}", "without a password"),
                ("{key_file: /nowhere/k}", "/nowhere/k can't be read"),
                ("{}", 'the key "key_file" is missing'),
                ("{key_file: FOLDER/good, header: Cookie}", "has a meaning of its own"),
                ("{key_file: FOLDER/good, header: X-Consumer-Id}", "the gateway writes this"),
                ("{key_fil: FOLDER/good}", 'did you mean "key_file"')):
            with self.subTest(sign_text):
                with open(folder + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write("identity:\n  sign: " + sign_text.replace("FOLDER", folder)
                               + "\nroutes: [{path: /, respond: {text: a}}]\n")
                code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                  folder + "/g.yaml")
                self.assertEqual(code, 1, out)
                self.assertRegex(err, "g.yaml:2: .*" + told)


if __name__ == "__main__":
    unittest.main()
