"""The gateway's admin door: who may come, with what token, over TLS; by Python's own clients."""

import base64
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import unittest

from certificates import make_certificate
from harness import BUILD, Case, SharedCase, request, wait_until


def make_token(name):
    """(secret, hash) of a new token, as an operator makes one."""
    said = subprocess.run([os.path.join(BUILD, "microreg-gateway"), "--new-token", name],
                          check=True, capture_output=True, text=True).stdout
    return re.search(r"mr_[0-9a-f]{64}", said).group(0), re.search(r"sha256:\w+", said).group(0)


def bearer(secret):
    """The field that shows it."""
    return {"Authorization": f"Bearer {secret}"}


def settings(admin, **more):
    """A gateway's with that admin door on any port."""
    return {"listen": "127.0.0.1:0", "admin": {"address": "127.0.0.1:0", **admin},
            "routes": [{"path": "/fixed", "respond": {"status": 200, "text": "fixed"}}], **more}


class Tokens(SharedCase):
    """One gateway with a token of each role."""

    @classmethod
    def prepare(cls):
        cls.secrets, tokens = {}, []
        for name, role in (("prometheus", "read"), ("ops", "admin")):
            cls.secrets[name], digest = make_token(name)
            tokens.append({"name": name, "role": role, "hash": digest})
        cls.gateway = cls.stage.gateway(settings({"tokens": tokens, "failures": 0}))

    def ask(self, path, headers=None, method="GET"):
        """One request at the admin door."""
        return request(self.gateway.admin_port, method, path, None, headers)

    def test_nobody_is_let_in_without_a_token(self):
        basic = "Basic " + base64.b64encode(b"ops:wrong").decode()
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"},
                        {"Authorization": basic}, {"Authorization": "Basic !!!"},
                        {"Authorization": "Digest x"}, {"Authorization": "Bearer " + "x" * 4000}):
            for path in ("/metrics", "/status", "/services", "/services/x", "/routes", "/nothing"):
                with self.subTest(headers=headers, path=path):
                    answer = self.ask(path, headers)
                    self.assertEqual(answer.status, 401)
                    self.assertEqual(len(answer.headers.all("WWW-Authenticate")), 2)
                    self.assertNotIn(b"wrong", answer.body)
        self.assertEqual(self.ask("/routes", method="POST").status, 401)

    def test_load_balancers_need_none(self):
        self.assertEqual(self.ask("/health").status, 200)
        self.assertEqual(self.ask("/ready").status, 200)
        self.assertEqual(self.ask("/health", method="POST").status, 405)

    def test_bearer_and_basic_are_the_same(self):
        for name, secret in self.secrets.items():
            basic = base64.b64encode(f"any:{secret}".encode()).decode()
            for headers in (bearer(secret), {"Authorization": "Basic " + basic}):
                with self.subTest(name=name, headers=headers):
                    for path in ("/metrics", "/status", "/services", "/routes"):
                        self.assertEqual(self.ask(path, headers).status, 200)
                    self.assertEqual(self.ask("/nothing", headers).status, 404)

    def test_refusals_are_counted(self):
        def denied():
            text = self.ask("/metrics", bearer(self.secrets["prometheus"])).body.decode()
            return int(re.search(r"^microreg_gateway_admin_denied_total (\d+)", text, re.M)[1])
        before = denied()
        self.ask("/status")
        self.ask("/status", bearer("x"))
        self.assertEqual(denied(), before + 2)


class Door(Case):
    """What the settings make of it."""

    def check(self, text):
        """(exit code, what --check says) of settings."""
        name = os.path.join(self.stage.dir, "checked.yaml")
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        code, said, wrong = self.stage.check("microreg-gateway", "--config", name, "--check")
        return code, said + wrong

    def test_without_tokens_only_this_machine_may_come(self):
        digest = make_token("a")[1]
        for admin, good in (("'127.0.0.1:0'", True), ("'[::1]:0'", True), ("'off'", True),
                            ("'0.0.0.0:0'", False), ("':9999'", False), ("'[::]:0'", False),
                            ("{address: '10.0.0.1:1'}", False),
                            ("{address: '10.0.0.1:1', insecure: true}", True),
                            (f"{{address: '10.0.0.1:1', tokens: [{{name: a, hash: '{digest}'}}]}}",
                             True)):
            with self.subTest(admin=admin):
                code, said = self.check(f"admin: {admin}\n")
                self.assertEqual(code, 0 if good else 1, said)
                if not good:
                    self.assertIn("insecure: true", said)
                    self.assertIn("--new-token", said)

    def test_mistakes_are_told_at_once(self):
        _, said = self.check(
            "admin:\n  tls: {cert: /nowhere, key: /nowhere}\n  open: [statuz]\n  tokens:\n"
            "  - {name: 'a b', hash: 'sha256:00'}\n"
            f"  - {{name: c, role: boss, hash: 'sha256:{'0' * 64}'}}\n"
            f"  - {{name: c, hash: 'sha256:{'0' * 64}'}}\n")
        for part in ("a b", "no hash", "boss", "statuz", "can't read /nowhere", "two tokens"):
            self.assertIn(part, said)

    def test_what_is_open_can_be_chosen(self):
        tokens = [{"name": "a", "hash": make_token("a")[1]}]
        for pages, status in ((["health", "metrics"], {"/health": 200, "/ready": 401,
                                                       "/metrics": 200, "/status": 401}),
                              ("none", {"/health": 401, "/metrics": 401})):
            gateway = self.stage.gateway(settings({"tokens": tokens, "open": pages}))
            for path, want in status.items():
                with self.subTest(pages=pages, path=path):
                    self.assertEqual(gateway.admin(path).status, want)

    def test_an_address_that_guesses_has_to_wait(self):
        secret, digest = make_token("a")
        gateway = self.stage.gateway(settings({"tokens": [{"name": "a", "hash": digest}],
                                               "failures": 3}))
        port = gateway.admin_port
        for _ in range(5):  # without a token nothing is guessed
            self.assertEqual(request(port, "GET", "/status").status, 401)
        tries = [request(port, "GET", "/status", None, bearer(f"x{i}")).status for i in range(4)]
        self.assertEqual(tries, [401, 401, 401, 429])
        answer = request(port, "GET", "/status", None, bearer(secret))
        self.assertEqual(answer.status, 429)
        self.assertGreater(int(answer.headers.all("Retry-After")[0]), 0)
        self.assertEqual(request(port, "GET", "/health").status, 200)

    def test_tokens_are_read_again_on_a_reload(self):
        (first, one), (second, two) = make_token("a"), make_token("b")
        gateway = self.stage.gateway(settings({"tokens": [{"name": "a", "hash": one}]}))
        port = gateway.admin_port
        self.assertEqual(request(port, "GET", "/status", None, bearer(second)).status, 401)
        gateway.write(settings({"tokens": [{"name": "b", "hash": two}]}))
        gateway.send_signal(signal.SIGHUP)
        wait_until(lambda: request(port, "GET", "/status", None, bearer(second)).status == 200,
                   "the new token")
        self.assertEqual(request(port, "GET", "/status", None, bearer(first)).status, 401)

    def test_a_door_keeps_its_tokens_until_it_moves(self):
        secret, digest = make_token("a")
        gateway = self.stage.gateway(settings({"tokens": [{"name": "a", "hash": digest}]}))
        port = gateway.admin_port
        for told, admin in enumerate(({"address": "127.0.0.1:1"}, "off"), 1):
            gateway.write({**settings({}), "admin": admin})
            wait_until(lambda told=told: gateway.log().count(
                "a change of `admin` needs a restart") == told, "the reload")
            self.assertEqual(request(port, "GET", "/status").status, 401)
            self.assertEqual(request(port, "GET", "/status", None, bearer(secret)).status, 200)

    def test_tokens_in_the_clear_are_warned_of(self):
        gateway = self.stage.gateway(settings({
            "address": "0.0.0.0:0", "tokens": [{"name": "a", "hash": make_token("a")[1]}]}))
        gateway.wait_log("admin: tokens are sent in the clear")


class Tls(Case):
    """The admin door over https."""

    def setUp(self):
        super().setUp()
        for name, names, issuer in (("ca", [], None), ("one", ["127.0.0.1"], "ca"),
                                    ("two", ["127.0.0.1"], "ca"), ("client", [], "ca"),
                                    ("other", [], None), ("stranger", [], "other")):
            make_certificate(self.stage.dir, name, names, issuer)
        self.show_certificate("one")
        self.tls = {"cert": self.path("shown.pem"), "key": self.path("shown.key")}

    def path(self, name):
        """A file of the test."""
        return os.path.join(self.stage.dir, name)

    def show_certificate(self, name):
        """It is what the settings' files hold now."""
        for kind in ("pem", "key"):
            shutil.copy(self.path(f"{name}.{kind}"), self.path(f"new.{kind}"))
            os.rename(self.path(f"new.{kind}"), self.path(f"shown.{kind}"))

    def connect(self, port, who=None):
        """A connection that is checked by the CA and shows the certificate of `who`."""
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if who:
            context.load_cert_chain(self.path(f"{who}.pem"), self.path(f"{who}.key"))
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)

    def ask(self, port, who=None):
        """(status, the subject of the door's certificate)"""
        connection = self.connect(port, who)
        try:
            connection.request("GET", "/status")
            subject = connection.sock.getpeercert()["subject"][0][0][1]
            answer = connection.getresponse()
            answer.read()
            return answer.status, subject
        finally:
            connection.close()

    def test_certificates_are_renewed_by_a_reload(self):
        gateway = self.stage.gateway(settings({"tls": self.tls}))
        port = gateway.admin_port
        self.assertEqual(self.ask(port), (200, "one"))
        held = self.connect(port)
        held.request("GET", "/health")
        held.getresponse().read()
        self.show_certificate("two")
        gateway.send_signal(signal.SIGHUP)
        wait_until(lambda: self.ask(port) == (200, "two"), "the new certificate")
        held.request("GET", "/health")
        self.assertEqual(held.getresponse().status, 200)
        held.close()
        with self.assertRaises((OSError, http.client.HTTPException)):
            request(port, "GET", "/health")  # not TLS

    def test_what_is_no_certificate_changes_nothing(self):
        gateway = self.stage.gateway(settings({"tls": self.tls}))
        with open(self.path("shown.pem"), "w", encoding="ascii") as file:
            file.write("nonsense")
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_log("can't use .*shown.pem")
        self.assertEqual(self.ask(gateway.admin_port), (200, "one"))

    def test_only_clients_of_the_ca_may_come(self):
        gateway = self.stage.gateway(settings({"tls": {**self.tls,
                                                       "client_ca": self.path("ca.pem")}}))
        port = gateway.admin_port
        self.assertEqual(self.ask(port, "client")[0], 200)
        for who in (None, "stranger"):
            self.assertEqual(self.ask(port, who)[0], 403)
        gateway.write(settings({"tls": {**self.tls, "client_ca": self.path("other.pem")}}))
        wait_until(lambda: self.ask(port, "stranger")[0] == 200, "the other CA")
        self.assertEqual(self.ask(port, "client")[0], 403)
        gateway.write(settings({"tls": self.tls}))
        wait_until(lambda: self.ask(port)[0] == 200, "no CA")


if __name__ == "__main__":
    unittest.main()
