"""Who may do what at the registry's door: tokens, roles, TLS, limits; by Python's own clients."""

import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import xmlrpc.client

from certificates import make_certificate
from driver import Driver, Failed
from harness import BUILD, Case, SharedCase, request, wait_until


def make_token(name):
    """(secret, hash) of a new token, as an operator makes one."""
    said = subprocess.run([os.path.join(BUILD, "microreg-registry"), "--new-token", name],
                          check=True, capture_output=True, text=True).stdout
    return re.search(r"mr_[0-9a-f]{64}", said).group(0), re.search(r"sha256:\w+", said).group(0)


def write_settings(folder, settings):
    """A settings file; the text of JSON is YAML."""
    name = os.path.join(folder, "registry.yaml")
    with open(name + ".new", "w", encoding="utf-8") as file:
        json.dump(settings, file)
    os.rename(name + ".new", name)
    return name


def make_certificates(folder):
    """ca.pem, and server.* and client.* signed by it, and stranger.* signed by itself."""
    def run(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days",
        "2")
    for name, alt in (("server", "IP:127.0.0.1"), ("client", "DNS:client")):
        run("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        with open(os.path.join(folder, "ext"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={alt}\n")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", "ext")
    run("req", "-x509", *key, "-keyout", "stranger.key", "-out", "stranger.pem", "-subj",
        "/CN=stranger", "-days", "2")


class Tokens(SharedCase):
    """One registry with a token of each role."""

    @classmethod
    def prepare(cls):
        cls.secrets, tokens = {}, []
        for name, more in (("reader", {}), ("orders", {"role": "register",
                                                       "services": ["orders", "orders-*"]}),
                           ("ops", {"role": "admin"}),
                           ("gate", {"role": "gateway"}),
                           ("slow", {"calls": 3})):
            cls.secrets[name], digest = make_token(name)
            tokens.append({"name": name, "hash": digest, **more})
        cls.settings = {"tokens": tokens}
        cls.file = write_settings(cls.stage.dir, cls.settings)
        cls.registry = cls.stage.registry(args=["--config", cls.file])

    def proxy(self, who, secret=None):
        """A client with the password of Basic, as any XML-RPC client can send it."""
        secret = secret or self.secrets[who]
        return xmlrpc.client.ServerProxy(f"http://any:{secret}@127.0.0.1:{self.registry.port}/")

    def denied(self, status, call, *params):
        """Calls; it must be refused by HTTP with that status. Returns the fault's text."""
        with self.assertRaises(xmlrpc.client.ProtocolError) as caught:
            call(*params)
        self.assertEqual(caught.exception.errcode, status)
        return caught.exception

    def post(self, headers, method="registry.stats"):
        """A call by plain HTTP."""
        return request(self.registry.port, "POST", "/RPC2", xmlrpc.client.dumps((), method),
                       {"Content-Type": "text/xml", **headers})

    def test_nobody_is_let_in_without_a_token(self):
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer wrong"},
                        {"Authorization": "Basic !!!"}, {"Authorization": "Basic YTo="},
                        {"Authorization": "Digest x"}, {"Authorization": "Bearer " + "x" * 4000}):
            with self.subTest(headers=headers):
                answer = self.post(headers)
                self.assertEqual(answer.status, 401)
                self.assertIn(b"<i4>401</i4>", answer.body)
                self.assertIn(b"is none of those" if headers else b"a token is wanted", answer.body)
                self.assertEqual(len(answer.headers.all("WWW-Authenticate")), 2)
        self.denied(401, self.proxy("reader", "mr_" + "0" * 64).registry.stats)
        for headers, said in (({}, b"a token is wanted"), ({"Authorization": "Bearer wrong"},
                                                           b"is none of those")):
            answer = request(self.registry.port, "GET", "/metrics", None, headers)
            self.assertEqual(answer.status, 401)
            self.assertIn(said, answer.body)
        self.assertEqual(request(self.registry.port, "GET", "/health").status, 200)

    def test_the_tool_tells_what_is_wanted(self):
        path = os.path.join(self.stage.dir, "token-of-reader")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.secrets["reader"])
        for env, args, said in (
                ({}, [], "wants a token (HTTP 401); set MICROREG_TOKEN, or give --token-file FILE"),
                ({"MICROREG_TOKEN": "wrong"}, [], "does not know this token (HTTP 401)\n"),
                ({}, ["--token-file", path], 'the token "reader" has the role read; this needs')):
            with self.subTest(said):
                done = subprocess.run(
                    [os.path.join(BUILD, "microreg"), "consumer", "list", *args],
                    env={"MICROREG_URL": f"http://127.0.0.1:{self.registry.port}/RPC2", **env},
                    capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(said, done.stderr)

    def test_bearer_and_basic_are_the_same(self):
        answer = self.post({"Authorization": "Bearer " + self.secrets["reader"]})
        self.assertEqual(answer.status, 200)
        self.assertIn("revision", self.proxy("reader").registry.stats())

    def test_a_reader_looks_and_changes_nothing(self):
        with self.proxy("reader") as reader:
            self.assertEqual(reader.registry.lookup({"service": "x"})["reason"], "unknown_service")
            reader.registry.watch({"revision": ""})
            for call, param in ((reader.registry.register, {"service": "orders", "port": 1}),
                                (reader.registry.heartbeat, {"service": "orders", "id": "a"}),
                                (reader.registry.heartbeats, [{"service": "orders", "id": "a"}]),
                                (reader.registry.deregister, {"service": "orders", "id": "a"}),
                                (reader.registry.set_status,
                                 {"service": "orders", "id": "a", "status": "up"}),
                                (reader.unregister, "orders"), (reader.registry.backup, {})):
                self.denied(403, call, param)

    def test_only_gateways_count_quotas_and_see_who_calls(self):
        report = {"watcher": {"name": "g1", "kind": "gateway"}, "revision": "", "sender": "g1",
                  "sequence": 1, "instances": [], "quotas": []}
        use = {"name": "plan", "key": "ada", "period": time.strftime("%Y-%m", time.gmtime()),
               "used": 5, "quota": 5}
        for who in ("reader", "orders"):
            with self.subTest(who=who), self.proxy(who) as client:
                client.registry.report(report)
                self.denied(403, client.registry.report, {**report, "quotas": [use]})
                self.denied(403, client.registry.quota_list, {})
        for who, total in (("gate", 0), ("ops", 5)):
            with self.subTest(who=who), self.proxy(who) as client:
                self.assertEqual([one["used"] for one in
                                  client.registry.quota_list({})["quotas"]], [total] * (total > 0))
                told = client.registry.report({**report, "quotas": [use]})["quotas"]
                self.assertEqual(told[0]["used"], 5)
        target = {"name": "plan", "key": "ada"}
        with self.proxy("ops") as ops, self.proxy("reader") as reader, self.proxy("gate") as gate:
            self.denied(403, gate.registry.quota_reset, target)
            self.assertEqual(ops.registry.quota_reset(target), {"existed": True, "used": 5})
            self.assertEqual(ops.registry.quota_reset(target), {"existed": False, "used": 0})

            def resets(client):
                return [one["detail"] for one in client.registry.history({})["events"]
                        if one["event"] == "quota_reset"]
            wait_until(lambda: resets(gate))
            self.assertEqual(resets(ops), ["plan of ada: 5 were used"])
            self.assertEqual(resets(reader), [])

    def test_a_token_registers_its_services_and_no_others(self):
        with self.proxy("orders") as orders:
            lease = orders.registry.register({"service": "orders-eu", "port": 1, "id": "a"})
            beat = {"service": "orders-eu", "id": "a", "lease": lease["lease"]}
            self.assertTrue(orders.registry.heartbeat(beat)["known"])
            self.assertEqual(orders.registry.heartbeats([beat])[0]["known"], True)
            self.denied(403, orders.registry.register, {"service": "users", "port": 1})
            self.denied(403, orders.registry.register, {"service": "xorders", "port": 1})
            self.assertEqual(orders.registry.heartbeats(
                [beat, {"service": "users", "id": "a"}])[1]["faultCode"], 403)
            self.denied(403, orders.register, "users", "10.0.0.1", 80)
            self.assertGreater(orders.register("orders", "10.0.0.1", 80), 0)

    def test_without_a_lease_only_an_administrator_changes_what_is_there(self):
        with self.proxy("orders") as orders, self.proxy("ops") as ops:
            lease = orders.registry.register({"service": "orders-l", "port": 1, "id": "a"})["lease"]
            target = {"service": "orders-l", "id": "a"}
            self.denied(403, orders.registry.deregister, target)
            self.denied(403, orders.registry.set_status, {**target, "status": "draining"})
            with self.assertRaises(xmlrpc.client.Fault) as caught:
                orders.registry.heartbeat({**target, "port": 2})
            self.assertEqual(caught.exception.faultCode, 409)
            ops.registry.set_status({**target, "status": "maintenance"})
            orders.registry.set_status({**target, "status": "up", "lease": lease})
            self.assertTrue(ops.registry.deregister(target)["existed"])

    def test_within_a_multicall_the_rules_are_the_same(self):
        multi = xmlrpc.client.MultiCall(self.proxy("orders"))
        multi.registry.register({"service": "orders-m", "port": 1})
        multi.registry.register({"service": "users", "port": 1})
        answers = multi()
        self.assertTrue(answers[0]["lease"])
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            answers[1].get("x")
        self.assertEqual(caught.exception.faultCode, 403)

    def test_a_token_may_have_a_rate(self):
        with self.proxy("slow") as slow, self.assertRaises(xmlrpc.client.Fault) as caught:
            for _ in range(50):
                slow.registry.stats()
        self.assertEqual(caught.exception.faultCode, 429)

    def test_tokens_are_read_again_on_a_hangup(self):
        secret, digest = make_token("late")
        self.denied(401, self.proxy("late", secret).registry.stats)
        write_settings(self.stage.dir, {
            "tokens": [*self.settings["tokens"], {"name": "late", "hash": digest}]})
        self.registry.send_signal(signal.SIGHUP)
        self.registry.wait_log("6 tokens are in force")
        self.proxy("late", secret).registry.stats()
        write_settings(self.stage.dir, {"tokens": [{"name": "x", "hash": "nonsense"}]})
        self.registry.send_signal(signal.SIGHUP)
        self.registry.wait_log("nothing was changed.*no hash")
        self.proxy("late", secret).registry.stats()


class Door(Case):
    """TLS and limits."""

    def test_without_tokens_only_this_machine_may_call(self):
        code, _, said = self.stage.check("microreg-registry", "--listen", "0.0.0.0:0")
        self.assertEqual(code, 3)
        self.assertIn("--new-token", said)
        _, digest = make_token("a")
        name = write_settings(self.stage.dir, {"tokens": [{"name": "a", "hash": digest}],
                                               "listen": "0.0.0.0:0"})
        registry = self.stage.run("microreg-registry", "--config", name, "--data-dir",
                                  os.path.join(self.stage.dir, "data"))
        registry.wait_log("tokens are sent in the clear")
        registry.wait_log("listening")

    def test_mistakes_in_tokens_are_told(self):
        name = write_settings(self.stage.dir, {"tokens": [
            {"name": "a b", "hash": "sha256:00"}, {"name": "c", "services": ["x"],
                                                   "hash": "sha256:" + "0" * 64},
            {"name": "c", "role": "boss", "hash": "sha256:" + "0" * 64}]})
        code, _, said = self.stage.check("microreg-registry", "--config", name, "--check")
        self.assertEqual(code, 1)
        for part in ("a b", "no hash", "only the role register", "boss", "two tokens"):
            self.assertIn(part, said)

    def test_calls_of_one_address_are_limited(self):
        name = write_settings(self.stage.dir, {"limits": {"calls_per_address": 5}})
        registry = self.stage.registry(args=["--config", name])
        with registry.proxy() as proxy, self.assertRaises(xmlrpc.client.Fault) as caught:
            for _ in range(50):
                proxy.registry.stats()
        self.assertEqual(caught.exception.faultCode, 429)
        wait_until(lambda: b"limited_total 1" in registry.http(path="/metrics").body, "the metric")

    def test_connections_of_one_address_are_limited(self):
        name = write_settings(self.stage.dir, {"limits": {"connections_per_address": 2}})
        registry = self.stage.registry(args=["--config", name])
        held = [http.client.HTTPConnection("127.0.0.1", registry.port) for _ in range(2)]
        for connection in held:
            connection.request("GET", "/health")
            connection.getresponse().read()
        with self.assertRaises(OSError):
            registry.http()
        for connection in held:
            connection.close()
        wait_until(lambda: self.try_health(registry), "room for another")

    @staticmethod
    def try_health(registry):
        """Whether it answers."""
        try:
            return registry.http().status == 200
        except OSError:
            return False


class Tls(SharedCase):
    """One registry that speaks TLS, one that wants certificates."""

    @classmethod
    def prepare(cls):
        folder = cls.folder = tempfile.mkdtemp(dir=cls.stage.dir)
        make_certificates(folder)
        cls.secret, digest = make_token("a")
        tls = {"cert": f"{folder}/server.pem", "key": f"{folder}/server.key"}
        cls.open = cls.stage.registry(args=["--config", write_settings(folder, {
            "tls": tls, "tokens": [{"name": "a", "hash": digest, "role": "register"}]})])
        os.rename(f"{folder}/registry.yaml", f"{folder}/open.yaml")
        cls.closed = cls.stage.registry(args=["--config", write_settings(folder, {
            "tls": {**tls, "client_ca": f"{folder}/ca.pem"}})])

    def proxy(self, registry, who=None, secret="x", **options):
        """Python's client over TLS, showing the certificate of `who`."""
        context = ssl.create_default_context(cafile=f"{self.folder}/ca.pem")
        for name, value in options.items():
            setattr(context, name, value)
        if who:
            context.load_cert_chain(f"{self.folder}/{who}.pem", f"{self.folder}/{who}.key")
        return xmlrpc.client.ServerProxy(f"https://a:{secret}@127.0.0.1:{registry.port}/",
                                         context=context)

    def test_calls_are_made_over_tls(self):
        with self.proxy(self.open, secret=self.secret) as proxy:
            proxy.registry.register({"service": "s", "port": 1})
            self.assertEqual(len(proxy.registry.lookup({"service": "s"})["instances"]), 1)
        old = self.proxy(self.open, maximum_version=ssl.TLSVersion.TLSv1_1)
        with self.assertRaises(OSError):
            old.registry.stats()
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.open.http()  # not TLS

    def test_watches_wait_over_tls(self):
        with self.proxy(self.open, secret=self.secret) as proxy:
            revision = proxy.registry.watch({"revision": ""})["revision"]
            answer = proxy.registry.watch({"revision": revision, "wait_ms": 50})
            self.assertEqual(answer["changes"], [])

    def test_only_clients_of_the_ca_may_call(self):
        with self.proxy(self.closed, "client") as proxy:
            self.assertIn("revision", proxy.registry.stats())
            self.assertIn("revision", proxy.registry.stats())
        for who in (None, "stranger"):
            with self.assertRaises((xmlrpc.client.ProtocolError, OSError)) as caught:
                self.proxy(self.closed, who).registry.stats()
            if isinstance(caught.exception, xmlrpc.client.ProtocolError):
                self.assertEqual(caught.exception.errcode, 403)

    def test_the_library_speaks_tls(self):
        url, ca = f"https://127.0.0.1:{self.open.port}/RPC2", f"{self.folder}/ca.pem"
        good = Driver(self.stage, url, token=self.secret, env={"MICROREG_CA": ca})
        good.do("register", 1, "lib", 9000)
        with self.proxy(self.open, secret=self.secret) as proxy:
            self.assertEqual(len(proxy.registry.lookup({"service": "lib"})["instances"]), 1)
        with self.assertRaises(Failed) as caught:
            Driver(self.stage, url, token=self.secret).do(
                "register", 1, "lib", 9000)
        self.assertEqual(caught.exception.code, "unreachable")
        self.assertIn("not trusted", str(caught.exception))
        self.assertIn("MICROREG_CA", str(caught.exception))
        self.assertNotIn("answered", str(caught.exception))
        self.assertNotIn("running?", str(caught.exception))
        with self.assertRaises(Failed) as caught:
            Driver(self.stage, url, token="wrong", env={"MICROREG_CA": ca}).do(
                "register", 1, "lib", 9000)
        self.assertEqual(caught.exception.code, "denied")
        self.assertIn("does not know this token", str(caught.exception))

    def test_a_gateway_finds_its_instances_over_tls_with_a_token(self):
        token = os.path.join(self.folder, "token")
        with open(token, "w", encoding="ascii") as file:
            file.write(self.secret + "\n")
        origin = self.stage.origin()
        with self.proxy(self.open, secret=self.secret) as proxy:
            proxy.registry.register({"service": "web", "host": "127.0.0.1", "port": origin.port,
                                     "ttl_ms": 3600000})
        gateway = self.stage.gateway({
            "registry": {"urls": [f"https://127.0.0.1:{self.open.port}/RPC2"],
                         "token_file": token, "ca": f"{self.folder}/ca.pem"},
            "routes": [{"path": "/*", "service": "web"}]})
        gateway.wait_status("/x", 200)

    def test_what_is_no_certificate_is_told(self):
        for key, part in (("server.pem", "can't use"), ("none", "can't read")):
            name = write_settings(self.folder, {"tls": {
                "cert": f"{self.folder}/server.pem", "key": f"{self.folder}/{key}"}})
            code, _, said = self.stage.check("microreg-registry", "--config", name, "--listen",
                                             "127.0.0.1:0", "--data-dir", self.folder + "/d")
            self.assertEqual(code, 1)
            self.assertIn(part, said)


class Renewal(Case):
    """Certificates that change while the registry runs."""

    def setUp(self):
        super().setUp()
        for name, names, issuer in (("ca", [], None), ("one", ["127.0.0.1"], "ca"),
                                    ("two", ["127.0.0.1"], "ca"), ("client", [], "ca"),
                                    ("other", [], None), ("stranger", [], "other")):
            make_certificate(self.stage.dir, name, names, issuer)
        self.show("one")
        self.tls = {"cert": self.path("shown.pem"), "key": self.path("shown.key")}

    def path(self, name):
        """A file of the test."""
        return os.path.join(self.stage.dir, name)

    def show(self, name):
        """The files that the settings name hold this certificate now."""
        for kind in ("pem", "key"):
            shutil.copy(self.path(f"{name}.{kind}"), self.path(f"new.{kind}"))
            os.rename(self.path(f"new.{kind}"), self.path(f"shown.{kind}"))

    def start(self, **settings):
        """A registry with these settings."""
        return self.stage.registry(args=["--config", write_settings(self.stage.dir, settings)])

    def again(self, registry, told, **settings):
        """It reads its settings again, which may be others, and has told this of it."""
        if settings:
            write_settings(self.stage.dir, settings)
        registry.send_signal(signal.SIGHUP)
        registry.wait_log(told)

    def connect(self, registry, who=None):
        """A connection that is checked by the CA and shows the certificate of `who`."""
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if who:
            context.load_cert_chain(self.path(f"{who}.pem"), self.path(f"{who}.key"))
        return http.client.HTTPSConnection("127.0.0.1", registry.port, timeout=20, context=context)

    def ask(self, registry, who=None):
        """(status, the subject of the door's certificate), over a new connection."""
        connection = self.connect(registry, who)
        try:
            connection.request("GET", "/health")
            subject = connection.sock.getpeercert()["subject"][0][0][1]
            answer = connection.getresponse()
            answer.read()
            return answer.status, subject
        finally:
            connection.close()

    def beat(self, connection):
        """A call over this very connection."""
        body = xmlrpc.client.dumps(({},), "registry.stats").encode()
        connection.auto_open = False
        connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
        answer = connection.getresponse()
        self.assertEqual((answer.status, b"<fault>" in answer.read()), (200, False))

    def test_new_connections_see_the_new_certificate_and_old_ones_go_on(self):
        registry = self.start(tls=self.tls)
        held = self.connect(registry)
        held.connect()
        self.beat(held)
        self.show("two")
        self.again(registry, "new connections are shown the certificate in .*shown.pem")
        self.assertEqual(self.ask(registry), (200, "two"))
        self.beat(held)
        self.assertEqual(held.sock.getpeercert()["subject"][0][0][1], "one")
        held.close()
        self.assertEqual(self.ask(registry), (200, "two"))
        self.again(registry, "shown the certificate in .*one.pem",
                   tls={"cert": self.path("one.pem"), "key": self.path("one.key")})
        self.assertEqual(self.ask(registry), (200, "one"))

    def test_a_waiting_watch_is_answered_over_a_renewal(self):
        registry = self.start(tls=self.tls)
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        url = f"https://127.0.0.1:{registry.port}/RPC2"
        with xmlrpc.client.ServerProxy(url, context=context) as proxy:
            revision = proxy.registry.watch({"revision": ""})["revision"]
            answers = []
            waits = threading.Thread(target=lambda: answers.append(proxy.registry.watch(
                {"revision": revision, "wait_ms": 30000})))
            waits.start()
            with xmlrpc.client.ServerProxy(url, context=context) as other:
                wait_until(lambda: other.registry.stats()["watchers"] == 1, "the watch")
                self.show("two")
                self.again(registry, "new connections are shown")
                other.registry.register({"service": "new", "port": 1})
            waits.join()
        self.assertEqual(answers[0]["changes"][0]["service"], "new")

    def test_files_that_are_no_good_change_nothing(self):
        registry = self.start(tls=self.tls)
        shutil.copy(self.path("two.key"), self.path("shown.key"))
        self.again(registry, "the certificates stay: .*shown.pem with the key in .*shown.key")
        self.assertEqual(self.ask(registry), (200, "one"))
        with open(self.path("shown.pem"), "w", encoding="ascii") as file:
            file.write("nonsense")
        self.again(registry, "the certificates stay: .*can't use .*shown.pem")
        os.remove(self.path("shown.key"))
        self.again(registry, "the certificates stay: tls.key: can't read .*shown.key: No such file")
        self.show("two")
        self.again(registry, "the certificates stay: tls.client_ca: .*two.key: no certificate",
                   tls={**self.tls, "client_ca": self.path("two.key")})
        self.assertEqual(self.ask(registry), (200, "one"))
        self.again(registry, "goes on with TLS; restart", log={"level": "info"})
        self.assertEqual(self.ask(registry), (200, "one"))
        self.again(registry, "new connections are shown", tls=self.tls)
        self.assertEqual(self.ask(registry), (200, "two"))

    def test_a_bad_certificate_does_not_keep_a_token_that_was_taken_back(self):
        tokens, secrets = [], []
        for name in ("stays", "goes"):
            secret, digest = make_token(name)
            secrets.append(secret)
            tokens.append({"name": name, "hash": digest})
        registry = self.start(tls=self.tls, tokens=tokens)
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        stays, goes = (xmlrpc.client.ServerProxy(
            f"https://a:{secret}@127.0.0.1:{registry.port}/", context=context)
            for secret in secrets)
        with stays, goes:
            goes.registry.stats()
            os.remove(self.path("shown.key"))
            self.again(registry, "1 tokens are in force(.|\\n)*the certificates stay", tls=self.tls,
                       tokens=tokens[:1])
            stays.registry.stats()
            with self.assertRaises(xmlrpc.client.ProtocolError) as caught:
                goes.registry.stats()
            self.assertEqual(caught.exception.errcode, 401)

    def test_clients_are_held_to_the_ca_in_force(self):
        registry = self.start(tls={**self.tls, "client_ca": self.path("ca.pem")})
        self.assertEqual(self.ask(registry, "client")[0], 200)
        self.assertEqual(self.ask(registry, "stranger")[0], 403)
        held = self.connect(registry, "client")
        held.connect()
        self.beat(held)
        self.again(registry, "show one of the CA in .*other.pem",
                   tls={**self.tls, "client_ca": self.path("other.pem")})
        self.assertEqual(self.ask(registry, "client")[0], 403)
        self.assertEqual(self.ask(registry, "stranger")[0], 200)
        self.beat(held)
        held.close()
        self.again(registry, "no tls.client_ca any more, which would let everybody in",
                   tls=self.tls)
        self.assertEqual(self.ask(registry)[0], 403)
        self.assertEqual(self.ask(registry, "stranger")[0], 200)


if __name__ == "__main__":
    unittest.main()
