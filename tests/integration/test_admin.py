"""The gateway's admin door: who may come, what may be changed there, and the audit of it."""

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import unittest

from certificates import make_certificate
from harness import BUILD, Case, SharedCase, request, wait_until
from origin import reply


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
                    self.assertIn(b"is none of the tokens" if headers else b"send Authorization",
                                  answer.body)
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


class Changes(Case):
    """What an administrator may have done, and the audit of it."""

    def setUp(self):
        super().setUp()
        self.secrets, self.tokens = {}, []
        for name, role in (("watcher", "read"), ("ops", "admin")):
            self.secrets[name], digest = make_token(name)
            self.tokens.append({"name": name, "role": role, "hash": digest})

    def start(self, **more):
        """A gateway with the tokens, its audit in a file."""
        self.audit = os.path.join(self.stage.dir, "audit.log")
        self.base = settings({"tokens": self.tokens, "failures": 0}, log={"audit": self.audit},
                             **more)
        self.gateway = self.stage.gateway(self.base)

    def post(self, path, body=None, who="ops", headers=None):
        """(status, document) of a change."""
        text = None if body is None else json.dumps(body)
        fields = {**bearer(self.secrets[who]), **(headers or {})}
        if text is not None:
            fields.setdefault("Content-Type", "application/json")
        answer = request(self.gateway.admin_port, "POST", path, text, fields)
        return answer.status, json.loads(answer.body)

    def page(self, path):
        """The answer to a reader."""
        return request(self.gateway.admin_port, "GET", path, None, bearer(self.secrets["watcher"]))

    def entries(self, **wanted):
        """Entries of the audit that have these members."""
        with open(self.audit, encoding="utf-8") as file:
            found = [json.loads(line) for line in file.read().splitlines()]
        return [entry for entry in found
                if all(entry.get(key) == value for key, value in wanted.items())]

    def wait_entry(self, **wanted):
        """The first entry that has these members."""
        return wait_until(lambda: self.entries(**wanted), f"audit of {wanted}")[0]

    def test_changes_want_the_role(self):
        self.start()
        for path in ("/reload", "/drain", "/log-level", "/cache/purge",
                     "/services/a/instances/b/restore"):
            with self.subTest(path=path):
                self.assertEqual(self.post(path, who="watcher")[0], 403)
                self.assertEqual(request(self.gateway.admin_port, "POST", path).status, 401)
                answer = request(self.gateway.admin_port, "GET", path, None,
                                 bearer(self.secrets["ops"]))
                self.assertEqual(answer.status, 405)
                self.assertEqual(answer.headers.all("Allow"), ["POST"])
        entry = self.wait_entry(event="denied", policy="admin", token="watcher")
        self.assertEqual(entry["client"], "127.0.0.1")
        self.assertIn("role", entry["reason"])

    def test_without_tokens_nothing_is_changed(self):
        gateway = self.stage.gateway({"listen": "127.0.0.1:0", "admin": "127.0.0.1:0"})
        answer = request(gateway.admin_port, "POST", "/drain")
        self.assertEqual(answer.status, 403)
        self.assertIn(b"admin.tokens", answer.body)
        self.assertEqual(gateway.admin("/ready").status, 200)
        gateway.wait_log('info  gateway: audit {.*"event":"denied".*"policy":"admin"')

    def test_web_pages_change_nothing(self):
        self.start()
        for headers, status in (({"Origin": "https://evil.example"}, 403),
                                ({"Origin": "null"}, 403),
                                ({"Sec-Fetch-Site": "cross-site"}, 403),
                                ({"Sec-Fetch-Site": "same-site"}, 403),
                                ({"Content-Type": "text/plain"}, 415),
                                ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
                                ({"Content-Type": "application/jsonp"}, 415)):
            with self.subTest(headers=headers):
                self.assertEqual(self.post("/drain", {}, headers=headers)[0], status)
        self.assertEqual(self.page("/ready").status, 200)
        self.assertEqual(self.post("/drain", {"draining": False}, headers={
            "Sec-Fetch-Site": "none", "Content-Type": "application/json; charset=utf-8"})[0], 200)

    def test_what_is_sent_is_read_strictly(self):
        self.start()
        for path, body, part in (("/drain", {"drain": True}, 'there is "draining"'),
                                 ("/reload", {"now": 1}, '"now" here; send none'),
                                 ("/cache/purge", {"path": "/"},
                                  'there is "service", "host", "prefix", "route"'),
                                 ("/drain", {"draining": 1}, "true or false"),
                                 ("/drain", [], "no object"),
                                 ("/log-level", {}, "debug"),
                                 ("/log-level", {"level": "loud"}, "debug"),
                                 ("/cache/purge", {"prefix": "x"}, "begins with /"),
                                 ("/cache/purge", {"service": ""}, "a text"),
                                 ("/cache/purge", {"route": "/fixed", "service": "a"}, "route")):
            with self.subTest(path=path, body=body):
                status, answer = self.post(path, body)
                self.assertEqual(status, 400)
                self.assertIn(part, answer["detail"])
        self.assertEqual(self.post("/cache/purge", {"route": "/none"})[0], 404)
        self.assertEqual(self.post("/cache/purge?route=/none")[0], 400)
        self.assertEqual(self.page("/ready").status, 200)

    def test_a_load_balancer_is_told_to_go_elsewhere_and_to_come_back(self):
        self.start()
        self.assertEqual(self.post("/drain")[1], {"draining": True})
        self.assertEqual(self.page("/ready").status, 503)
        self.assertEqual(self.gateway.get("/fixed").status, 200)
        self.assertEqual(self.post("/drain", {"draining": False})[1], {"draining": False})
        self.assertEqual(self.page("/ready").status, 200)
        first = self.wait_entry(event="admin", action="drain", token="ops")
        self.assertEqual(first["client"], "127.0.0.1")
        self.assertIn("503", first["reason"])

    def test_the_log_tells_more_until_the_next_reload(self):
        self.start()
        self.assertEqual(self.post("/log-level", {"level": "warn"})[0], 200)
        self.gateway.write({**self.base, "drain_delay": "1ms"})
        self.gateway.wait_log("is in effect")  # at info: the settings' level is back
        self.assertEqual(self.wait_entry(action="log-level")["token"], "ops")

    def test_settings_are_read_again_and_their_mistakes_answered(self):
        self.start()
        self.assertEqual(self.post("/reload"), (200, {"ok": True}))
        self.assertEqual(self.wait_entry(event="admin", action="reload")["reason"], "in effect")
        self.wait_entry(event="reload", reason="in effect")
        self.gateway.write({**self.base, "rutes": []})
        status, answer = self.post("/reload")
        self.assertEqual(status, 422)
        self.assertEqual(answer["type"], "urn:microreg:problem:settings")
        self.assertIn('rutes: there is no such key; did you mean \\"routes\\"?'.replace("\\", ""),
                      answer["detail"])
        self.wait_entry(event="admin", action="reload",
                        reason="refused, the settings have mistakes")
        self.assertEqual(self.gateway.get("/fixed").status, 200)

    def test_kept_replies_are_dropped(self):
        origin = self.stage.origin(lambda seen, peer: reply(
            headers={"Cache-Control": "max-age=60"}))
        instances = [f"http://127.0.0.1:{origin.port}"]
        self.start(services={"a": {"instances": instances}, "ab": {"instances": instances}})
        self.gateway.write({**self.base, "routes": [
            {"path": "/a/*", "service": "a", "cache": {}}, {"path": "/b/*", "service": "ab",
                                                            "cache": {}}]})
        self.gateway.wait_status("/a/1", 200)
        paths = ("/a/1", "/a/2", "/b/1")

        def kept():
            return sum(self.gateway.get(path).headers.all("Cache-Status")[0].find("hit") >= 0
                       for path in paths)

        for body, left in ((None, 0), ({}, 0), ({"prefix": "/a/1"}, 2), ({"prefix": "/a/"}, 1),
                           ({"service": "a"}, 1), ({"service": "ab"}, 2), ({"service": "b"}, 3),
                           ({"host": "other"}, 3), ({"route": "/a/*"}, 1),
                           ({"host": f"127.0.0.1:{self.gateway.port}", "prefix": "/b"}, 2)):
            with self.subTest(body=body):
                kept()
                self.assertEqual(kept(), 3)
                self.assertEqual(self.post("/cache/purge", body), (200, {"dropped": 3 - left}))
                self.assertEqual(kept(), left)
        self.assertIn("service ab", self.wait_entry(
            action="cache.purge", reason="1 dropped of service ab")["reason"])

    def test_an_ejected_instance_comes_back(self):
        bad = self.stage.origin(lambda seen, peer: reply(503))
        good = self.stage.origin()
        names = [f"http://127.0.0.1:{origin.port}" for origin in (bad, good)]
        self.start(workers=1, services={"a": {"instances": names, "retry": {"attempts": 1}}})
        self.gateway.write({**self.base, "routes": [{"path": "/*", "service": "a"}]})

        def state():
            self.gateway.get("/x")
            document = json.loads(self.page("/services/a").body)
            return document["instances"][0]["state"]

        wait_until(lambda: state() == "ejected", "the ejection")
        status, answer = self.post(f"/services/a/instances/{names[0]}/restore")
        self.assertEqual((status, answer), (200, {"was_ejected_by_workers": 1}))
        wait_until(lambda: json.loads(self.page("/services/a").body)["instances"][0]["state"] ==
                   "up", "its return")
        self.wait_entry(action="instance.restore", token="ops")
        self.assertEqual(self.post("/services/a/instances/none/restore")[0], 404)
        self.assertEqual(self.post("/services/none/instances/x/restore")[0], 404)

    def test_who_waits_for_room_goes_to_one_that_comes_back(self):
        go_on, let_go = threading.Event(), []

        def hold(seen, peer):
            del peer
            if seen.target == "/held":
                let_go.append(go_on.wait(20))
            return reply()
        answers = [503]
        bad = self.stage.origin(lambda seen, peer: reply(answers[0]))
        names = [origin.address for origin in (bad, self.stage.origin(hold))]
        self.start(workers=1, services={"a": {"instances": names, "retry": {"attempts": 1},
                                              "max_per_instance": 1, "max_wait": "1h"}})
        self.gateway.write({**self.base, "routes": [
            {"path": "/*", "service": "a", "cache": "off", "timeout": "1h"}]})

        def of_service(get):
            return get(json.loads(self.page("/services/a").body))

        def is_ejected():
            self.gateway.get("/x")
            return of_service(lambda s: s["instances"][0]["state"] == "ejected")

        wait_until(is_ejected, "the ejection")
        answers[0] = 200
        with self.gateway.connect() as held, self.gateway.connect() as waiting:
            held.send(b"GET /held HTTP/1.1\r\nHost: t\r\n\r\n")
            wait_until(lambda: of_service(lambda s: s["in_flight"] == 1), "one in flight")
            waiting.send(b"GET /waits HTTP/1.1\r\nHost: t\r\n\r\n")
            wait_until(lambda: of_service(lambda s: s["waiting"] == 1), "one that waits")
            self.assertEqual(self.post(f"/services/a/instances/{names[0]}/restore")[0], 200)
            self.assertEqual(waiting.reply().status, 200)
            self.assertEqual(bad.requests[-1].target, "/waits")
            go_on.set()
            self.assertEqual(held.reply().status, 200)
        self.assertEqual(let_go, [True])  # it was not its place that got free


class Audit(Case):
    """Who was refused, where and why."""

    def start(self, log, **route):
        """A gateway whose route has these policies."""
        self.gateway = self.stage.gateway({
            "listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "log": log,
            "routes": [{"path": "/r", "respond": {"status": 200, "text": "x"}, **route}]})

    def test_a_refusal_says_who_where_and_why(self):
        name = os.path.join(self.stage.dir, "audit.log")
        self.start({"audit": name}, allow=["method:GET"])
        self.gateway.request("POST", "/r", headers={"X-Request-Id": "my-own-id"})

        def read():
            with open(name, encoding="utf-8") as file:
                return file.read()
        entry = json.loads(wait_until(read, "the line"))
        self.assertEqual({key: entry[key] for key in entry if key != "time"}, {
            "event": "denied", "client": "127.0.0.1", "route": "/r", "policy": "allow",
            "reason": 'no rule of allow holds: "method:GET"', "request_id": "my-own-id"})

    def test_a_flood_comes_to_few_lines(self):
        name = os.path.join(self.stage.dir, "audit.log")
        self.start({"audit": name, "access": "off"}, ip={"deny": ["127.0.0.1"]})
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=20)
        for _ in range(500):
            connection.request("GET", "/r")
            connection.getresponse().read()
        connection.close()

        def counted():
            with open(name, encoding="utf-8") as file:
                entries = [json.loads(line) for line in file.read().splitlines()]
            told = sum(entry.get("repeated", 1) for entry in entries)
            return entries if told == 500 else None
        entries = wait_until(counted, "the count")
        seconds = {entry["time"][:19] for entry in entries}
        self.assertLessEqual(len(entries), 2 * (len(seconds) + 1))

    def test_it_goes_where_the_settings_say(self):
        self.start({"audit": "stdout", "access": "off"}, ip={"deny": ["127.0.0.1"]})
        self.gateway.get("/r")
        self.gateway.wait_output('"event":"denied"')
        self.start({"audit": "off"}, ip={"deny": ["127.0.0.1"]})
        self.gateway.get("/r")
        self.start({}, ip={"deny": ["127.0.0.1"]})
        self.gateway.get("/r")
        self.gateway.wait_log(r'Z info  gateway: audit {"time":.*"policy":"ip"')

    def test_to_the_journal(self):
        name = os.path.join(self.stage.dir, "journal")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(name)
            journal.settimeout(20)
            self.start({"audit": "journald:" + name}, ip={"deny": ["127.0.0.1"]})
            self.gateway.get("/r")
            lines = journal.recv(65536).decode().splitlines()
        self.assertIn("MICROREG_AUDIT=1", lines)
        message = [line for line in lines if line.startswith("MESSAGE=")][0]
        self.assertEqual(json.loads(message[8:])["policy"], "ip")

    def test_a_file_that_cannot_be_written_is_told(self):
        name = os.path.join(self.stage.dir, "g.yaml")
        with open(name, "w", encoding="utf-8") as file:
            file.write("admin: 'off'\nlisten: '127.0.0.1:0'\nlog: {audit: /nowhere/audit}\n")
        code, _, said = self.stage.check("microreg-gateway", "--config", name)
        self.assertEqual(code, 1)
        self.assertIn("log.audit", said)


if __name__ == "__main__":
    unittest.main()
