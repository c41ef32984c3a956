"""Names with passwords, and certificates of clients: who they are."""

import base64
import json
import os
import ssl
import subprocess
import threading
import unittest

from harness import Case, SharedCase
from origin import reply

# Of "secret": by other programs (htpasswd, mkpasswd), cheap so that tests are fast.
BCRYPT = "$2b$04$abcdefghijklmnopqrstuuVoN0FfJ2HTvTyOpF2Xr1PuT4D8R0vme"


def basic(name, password):
    """The field that shows them."""
    text = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": "Basic " + text}


def crypt(password, setting):
    """What libcrypt makes of it."""
    import ctypes  # pylint: disable=import-outside-toplevel
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), setting.encode()).decode()


class Passwords(SharedCase):
    """One gateway with a consumer for each kind of hash."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin()
        made = subprocess.run(
            [cls.program(), "--hash-password"], input="påss:word\n", text=True, check=True,
            capture_output=True).stdout.strip()
        cls.gateway = cls.stage.gateway({
            "services": {"o": {"instances": [cls.origin.address]}},
            "consumers": [
                {"name": "argon", "password": made, "groups": ["staff"]},
                {"name": "bcrypt", "password": crypt("secret", BCRYPT[:29])},
                {"name": "yescrypt", "password": crypt("secret", "$y$j75$abcdefghijklmnop")},
                {"name": "none"}],
            "routes": [{"path": "/", "service": "o", "auth": "basic", "cache": "off"},
                       {"path": "/maybe", "service": "o", "auth": ["basic", "optional"]}]})

    @staticmethod
    def program():
        """Where the gateway is."""
        from harness import BUILD  # pylint: disable=import-outside-toplevel
        return os.path.join(BUILD, "microreg-gateway")

    def test_each_kind_of_hash_knows_its_password(self):
        for name, password, status in (
                ("argon", "påss:word", 200), ("bcrypt", "secret", 200),
                ("yescrypt", "secret", 200), ("argon", "secret", 401), ("bcrypt", "Secret", 401),
                ("yescrypt", "", 401), ("none", "", 401), ("nobody", "secret", 401),
                ("", "", 401), ("bcrypt", "secret\0x", 401), ("bcrypt", "x" * 1500, 401)):
            with self.subTest(name, password=password):
                for _ in range(2):  # also as it is remembered
                    self.assertEqual(self.gateway.get("/", basic(name, password)).status, status)

    def test_what_is_no_name_with_a_password_is_refused(self):
        for field in ("Basic", "Basic !", "Basic " + base64.b64encode(b"noname").decode(),
                      "Basic YTpi YTpi", "Bearer YTpi"):
            answer = self.gateway.get("/", {"Authorization": field})
            self.assertEqual(answer.status, 401)
            self.assertEqual(answer.headers.get("WWW-Authenticate"),
                             'Basic realm="microreg", charset="UTF-8"')

    def test_services_are_told_the_name_and_not_the_password(self):
        self.origin.clear()
        self.gateway.get("/", basic("argon", "påss:word"))
        request = self.origin.wait_requests(1)[0]
        self.assertEqual(request.headers.all("X-Consumer-Name"), ["argon"])
        self.assertNotIn("Authorization", request.headers)
        text = self.gateway.output() + self.gateway.log()
        self.assertNotIn(basic("argon", "påss:word")["Authorization"][6:], text)

    def test_a_body_waits_for_the_password(self):
        self.origin.clear()
        body = b"x" * 200000
        answer = self.gateway.request("POST", "/", body, basic("argon", "påss:word"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.origin.wait_requests(1)[0].body, body)
        self.assertEqual(self.gateway.request("POST", "/", body, basic("argon", "no")).status, 401)

    def test_clients_that_leave_while_a_password_is_looked_at_harm_nobody(self):
        def leave(number):
            with self.gateway.connect() as connection:
                field = basic("argon", f"wrong {number}")["Authorization"]
                connection.send(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {field}\r\n\r\n"
                                .encode())
        threads = [threading.Thread(target=leave, args=(n,)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.gateway.get("/", basic("bcrypt", "secret")).status, 200)


class Certificates(Case):
    """A TLS door that asks for certificates."""

    def make(self, name, *more):
        """A certificate by the test's own root: (certificate, key)."""
        base = os.path.join(self.stage.dir, name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout",
                        base + ".key", "-out", base + ".pem", *more],
                       check=True, capture_output=True)
        return base + ".pem", base + ".key"

    def ask(self, gateway, root, client=None):
        """The answer over TLS."""
        import http.client  # pylint: disable=import-outside-toplevel
        context = ssl.create_default_context(cafile=root)
        if client:
            context.load_cert_chain(*client)
        connection = http.client.HTTPSConnection("localhost", gateway.port, context=context)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def test_subject_name_and_fingerprint_are_consumers(self):
        root, root_key = self.make("root", "-subj", "/CN=root")
        by = ("-CA", root, "-CAkey", root_key)
        door = self.make("door", "-subj", "/CN=localhost", "-addext",
                         "subjectAltName=DNS:localhost", *by)
        ada = self.make("ada", "-subj", "/O=Example/CN=ada", *by)
        bob = self.make("bob", "-subj", "/CN=b", "-addext",
                        "subjectAltName=DNS:bob.example,URI:spiffe://x/bob", *by)
        eve = self.make("eve", "-subj", "/CN=eve", *by)
        finger = subprocess.run(["openssl", "x509", "-in", eve[0], "-noout", "-fingerprint",
                                 "-sha256"], check=True, capture_output=True, text=True).stdout
        mallory = self.make("mallory", "-subj", "/O=Example/CN=ada2", *by)
        gateway = self.stage.gateway({
            "listen": [{"address": "127.0.0.1:0", "tls": {
                "cert": door[0], "key": door[1], "client_ca": root}}],
            "consumers": [
                {"name": "ada", "certificates": ["subject:CN=ada,O=Example"]},
                {"name": "bob", "certificates": ["san:other", "san:spiffe://x/bob"]},
                {"name": "eve", "certificates": [
                    "sha256:" + finger.partition("=")[2].strip().replace(":", "").lower()]}],
            "routes": [{"path": "/", "auth": "certificate", "respond": {"json": "hello"},
                        "reply": {"headers": {"set": {"X-You": "{consumer.name}"}}}}]})
        for client, status in ((ada, 200), (bob, 200), (eve, 200), (mallory, 401)):
            with self.subTest(client[0]):
                self.assertEqual(self.ask(gateway, root, client)[0], status)


class Settings(Case):
    """What the file says of them."""

    def test_mistakes_are_told_with_their_line(self):
        for text, told in (
                ("consumers:\n  - {name: a, password: hunter2}\n",
                 r"g.yaml:2: consumers\[0\]\.password: this is no hash of a password"),
                ("consumers:\n  - {name: a, certificates: [CN=a]}\n",
                 r'g.yaml:2: .*"CN=a" names no certificate'),
                ("consumers:\n  - {name: a, certificates: ['sha256:AB:CD']}\n",
                 r"is no fingerprint; write sha256: and 64 hex digits")):
            with self.subTest(text):
                with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write(text)
                code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                  self.stage.dir + "/g.yaml")
                self.assertEqual(code, 1, out)
                self.assertRegex(err, told)
                self.assertNotIn("hunter2", err)


if __name__ == "__main__":
    unittest.main()
