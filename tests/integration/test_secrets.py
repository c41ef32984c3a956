"""Secrets that are sent, or written in settings, come up in no log, page, answer or file."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import unittest

import tokens
from harness import BUILD, Case, request, wait_until
from origin import reply


def hashed(secret):
    """As the settings keep it."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


class Secrets(Case):
    """Everything that is secret has its own word, and every program's output is searched for it."""

    def setUp(self):
        super().setUp()
        self.secrets = {}
        self.answers = b""
        self.base = {}

    def secret(self, name):
        """A word that stands nowhere else."""
        if name not in self.secrets:
            word = name.replace(" ", "-")
            self.secrets[name] = f"mrk_{word}" + hashlib.sha256(name.encode()).hexdigest()[:32]
        return self.secrets[name]

    def add(self, name, value):
        """Remembers another one: a token that is made elsewhere."""
        self.secrets[name] = value
        return value

    def path(self, name):
        """A file of the test."""
        return os.path.join(self.stage.dir, name)

    def write(self, name, text):
        """Such a file with that text; its path."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def hash_password(self, password):
        """As an operator does it."""
        return subprocess.run([os.path.join(BUILD, "microreg-gateway"),
                               "--hash-password"], input=password + "\n", text=True, check=True,
                              capture_output=True).stdout.strip()

    def settings(self, form, access):
        """A gateway's that asks for each kind of credential."""
        service = {"service": "o", "cache": "off"}
        return {
            "listen": "127.0.0.1:0",
            "admin": {"address": "127.0.0.1:0", "failures": 0, "tokens": [
                {"name": "ops", "role": "admin", "hash": hashed(self.secret("admin"))},
                {"name": "see", "hash": hashed(self.secret("reader"))}]},
            "registry": {"urls": ["http://127.0.0.1:9/RPC2"], "token_file": self.write(
                "token", self.secret("token_file") + "\n"),
                "snapshot": self.path("snapshot")},
            "log": {"level": "debug", "access": access, "format": form,
                    "audit": self.path("audit")},
            "services": {"o": {"instances": [self.origin.address]},
                         "dead": {"instances": ["http://127.0.0.1:9"]}},
            "consumers": [{"name": "ada", "keys": [hashed(self.secret("key"))],
                           "password": self.hashes}],
            "issuers": {"main": {"jwks_file": self.jwks, "algorithms": ["HS256", "ES256"]}},
            "routes": [
                {"path": "/key", "auth": [{"key": {"header": "X-Token", "query": "api_key"}}],
                 "rate_limit": {"rate": 3, "per": "1h", "by": "key"}, **service},
                {"path": "/basic", "auth": "basic", **service},
                {"path": "/jwt", "auth": [{"jwt": {"issuer": "main", "query": "access_token"}}],
                 **service},
                {"path": "/sub", "auth": [{"jwt": "main"}], "allow": "claim:tenant = x", **service},
                {"path": "/asked", "auth": [{"forward": {"service": "o", "path": "/check"}}],
                 **service},
                {"path": "/open", "upgrade": "off", **service},
                {"path": "/dead", "service": "dead"},
                {"path": "/sticky", **service}]}

    def make_tokens(self):
        """Good ones and bad ones."""
        good, other = tokens.key("P-256", "one"), tokens.key("P-256", "one")
        shared = tokens.key("oct", "two")
        self.jwks = self.write("keys", tokens.public(good, shared))
        self.add("shared key", json.loads(shared.export())["k"])
        self.hashes = self.hash_password(self.secret("password"))
        said = tokens.claims(sub="ada")
        self.add("good token", tokens.sign(good, "ES256", said))
        self.add("forged token", tokens.sign(other, "ES256", said))
        self.add("expired token", tokens.sign(good, "ES256", {**said, "exp": 1}))
        self.add("hs token", tokens.sign(shared, "HS256", said))
        self.add("odd token", tokens.sign(good, "ES256", said, {"jku": "http://evil.example/"}))
        self.add("no token", "eyJhbGciOiJub25lIn0." + "c2VjcmV0c2VjcmV0c2VjcmV0.")

    def ask(self, path, headers=None, method="GET"):
        """Sends it and remembers the answer, but not what the origin made of it."""
        answer = self.gateway.request(method, path, headers=headers)
        self.answers += repr(answer.headers).encode() + answer.body

    def send(self, line):
        """A request line as no client library would send it."""
        with self.gateway.connect() as connection:
            connection.send(line.encode() + b"\r\nConnection: close\r\n\r\n")
            self.answers += connection.rest()

    def basic(self, password):
        """The field that shows it, which is a secret, too."""
        text = base64.b64encode(f"ada:{password}".encode()).decode()
        self.add("basic " + password, text)
        return {"Authorization": "Basic " + text}

    def send_everything(self):
        """Each secret in each place where clients may put one."""
        word = self.secret
        for who in ("key", "wrong key"):
            self.ask("/key", {"X-Token": word(who)})
            self.ask(f"/key?a=1&api_key={word(who)}&b=2",
                     {"Referer": f"http://x/?api_key={word(who)}"})
            self.ask(f"/key?api%5Fkey={word(who)}")
            self.ask("/key", {"Authorization": "Bearer " + word(who)})
        self.ask(f"/key?api_key={word('key')}&api_key={word('wrong key')}")
        for password in ("password", "wrong password"):
            self.ask("/basic", self.basic(word(password)))
        self.ask("/basic", {"Authorization": "Basic " + word("no base64")})
        for name in list(self.secrets):
            if name.endswith(" token"):
                for path in ("/jwt", "/sub", "/asked", "/open", "/dead"):
                    self.ask(path, {"Authorization": "Bearer " + word(name)})
                self.ask(f"/jwt?access_token={word(name)}")
        for path in ("/open", "/dead", "/sticky", "/none", "/key", "/asked"):
            self.ask(path, {"Authorization": "Bearer " + word("passed on"),
                            "Proxy-Authorization": "Basic " + word("for a proxy"),
                            "Cookie": f"session={word('cookie')}; a=b",
                            "X-Api-Key": word("other key")})
        self.send(f"GET http://u:{word('userinfo')}@h/open HTTP/1.1\r\nHost: h")
        self.send(f"GET /open HTTP/1.1\r\nHost: u:{word('userinfo')}@h")
        self.send(f"GET /key HTTP/1.1\r\nHost: h\r\nX-Token: {word('bare')}\rx")
        self.send(f"GET /key HTTP/1.1\r\nHost: h\r\nX-Token : {word('space')}")

    def ask_admin(self):
        """At the admin door, with good tokens and bad ones."""
        for who in ("admin", "reader", "no admin", "key"):
            shown = self.basic(self.secret(who))
            for headers in (shown, {"Authorization": "Bearer " + self.secret(who)}):
                for method, path in (("GET", "/status"), ("GET", "/services"), ("GET", "/routes"),
                                     ("GET", "/metrics"), ("GET", "/services/o"),
                                     ("POST", "/reload"), ("POST", "/cache/purge"),
                                     ("POST", "/drain")):
                    answer = request(self.gateway.admin_port, method, path, None, headers)
                    self.answers += repr(answer.headers).encode() + answer.body

    def explain(self):
        """What the command line says of requests and of the settings."""
        for what in (["--explain", "GET /key X-Token:" + self.secret("key")], ["--check"]):
            code, said, wrong = self.stage.check("microreg-gateway", "--config", self.gateway.file,
                                                 *what)
            self.assertEqual(code, 0, wrong)
            self.answers += (said + wrong).encode()

    def told(self):
        """All that came out, by where it did."""
        kept = {"answers": self.answers, "output": self.gateway.output().encode(),
                "log": self.gateway.log().encode()}
        for name in ("audit", "access", "snapshot"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), "rb") as file:
                    kept[name] = file.read()
        return kept

    def check_told(self):
        """None of them is there. What is looked for in plain is looked for in base64, too."""
        told = self.told()
        for name, secret in self.secrets.items():
            for place, text in told.items():
                self.assertNotIn(secret.encode(), text, f"{name} in {place}")
                # A token's signature alone would do to whoever has the rest of it.
                for part in secret.split(".")[2:] if " token" in name else ():
                    if part:
                        self.assertNotIn(part.encode(), text, f"{name}'s signature in {place}")

    def test_nothing_that_is_sent_is_told(self):
        self.origin = self.stage.origin(lambda seen, peer: reply(body=b"ok"))
        self.make_tokens()
        template = ("{time} {request_id} {client} {consumer} {method} {host} {path} {query} "
                    "{target} {protocol} {route} {status} {flags} {reason} {referer} {user_agent} "
                    "{cache} {service} {instance}")
        for form in ("json", "combined", template):
            with self.subTest(form=form):
                access = "stdout" if form == "json" else self.path("access")
                self.gateway = self.stage.gateway(self.settings(form, access))
                self.send_everything()
                self.ask_admin()
                self.explain()
                self.gateway.send_signal(signal.SIGTERM)
                self.gateway.wait()
                told = self.told()
                self.assertIn(b"/key", told["output" if form == "json" else "access"])
                self.assertIn(b'"policy":"auth"', told["audit"])
                self.check_told()

    def test_nothing_that_settings_hold_is_told_in_mistakes(self):
        word = self.secret
        text = json.dumps({
            "admin": {"tokens": [{"name": "a", "hash": word("admin hash")}]},
            "consumers": [{"name": "a", "keys": [word("a key"), {"hash": word("b key")}],
                           "password": word("a password")}],
            "registry": {"urls": [f"http://u:{word('url')}@h:8000/RPC2",
                                  f"htp://u:{word('odd url')}@h/"]},
            "issuers": {"a": {"jwks_url": f"https://u:{word('jwks url')}@h/keys"},
                        "b": {"discovery": f"https://u:{word('discovery')}@h/"}},
            "services": {"a": {"instances": [f"http://u:{word('instance')}@h:1"]}},
            "routes": [{"path": "/a", "service": "a"}]}, indent=1)
        name = self.write("bad.yaml", text)
        code, said, wrong = self.stage.check("microreg-gateway", "--config", name, "--check")
        self.assertEqual(code, 1)
        for part in ("admin.tokens", "consumers", "registry.urls", "issuers"):
            self.assertIn(part, said + wrong)
        for what, secret in self.secrets.items():
            self.assertNotIn(secret, said + wrong, what)

    def test_a_registry_that_refuses_is_told_without_the_token(self):
        registry = self.write("registry.yaml", json.dumps({"tokens": [
            {"name": "a", "hash": hashed(self.secret("right"))}]}))
        daemon = self.stage.registry(args=["--config", registry])
        self.gateway = self.stage.gateway({
            "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "log": {"level": "debug"},
            "registry": {"urls": [f"http://127.0.0.1:{daemon.port}/RPC2"],
                         "token_file": self.write("token", self.secret("wrong") + "\n")},
            "routes": [{"path": "/*", "service": "a"}]})
        wait_until(lambda: "401" in self.gateway.log() or "denied" in self.gateway.log() or
                   "token" in self.gateway.log(), "the refusal")
        self.answers += self.gateway.admin("/status").body
        self.check_told()
        for secret in self.secrets.values():
            self.assertNotIn(secret, daemon.log())


if __name__ == "__main__":
    unittest.main()
