"""TLS to the instances: whom the gateway trusts, what it shows, what clients see when it fails."""

import os
import socket
import ssl
import threading
import unittest

from certificates import make_certificate
from harness import Case, SharedCase, wait_until
from origin import head, reply
from wire import Ended


def context_of(pair, client_ca=None, newest=None, ciphers=None):
    """What an origin speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair["cert"], pair["key"])
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    if ciphers:
        context.set_ciphers(ciphers)
    if newest:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
    return context


def echo(request, peer):
    """The request's body, and who answered."""
    return reply(200, request.body, [("X-Connection", str(peer.number))])


def named(name):
    """A behaviour: says who it is."""
    return lambda request, peer: reply(200, name.encode())


class Secure(SharedCase):
    """Origins of all kinds, each a service at /NAME/, with `ca` as the root to trust."""

    @classmethod
    def prepare(cls):
        cls.folder = cls.stage.dir
        ca = make_certificate(cls.folder, "ca", [])
        make_certificate(cls.folder, "stranger", [])
        good = make_certificate(cls.folder, "good", ["localhost", "127.0.0.1", "app.test"], "ca")
        named_only = make_certificate(cls.folder, "other", ["other.test"], "ca")
        alien = make_certificate(cls.folder, "alien", ["localhost", "127.0.0.1"], "stranger")
        old = make_certificate(cls.folder, "old", ["127.0.0.1"], "ca", days=-1)
        cls.ours = make_certificate(cls.folder, "ours", ["gateway.test"], "ca")
        trust = {"tls": {"ca": ca["cert"]}}
        shows = {"tls": {"ca": ca["cert"], **cls.ours}}
        cls.origins, services = {}, {}

        def add(name, context, settings, instances=None):
            origin = cls.stage.origin(echo, tls=context)
            cls.origins[name] = origin
            services[name] = {"instances": instances or [origin.address], "connect_timeout": "5s",
                              **settings}
            return origin

        add("address", context_of(good), trust)
        port = add("name", context_of(good), trust).port
        services["name"]["instances"] = [f"https://localhost:{port}"]
        add("stranger", context_of(alien), trust)
        add("system", context_of(good), {})
        add("any", context_of(alien), {"tls": {"verify": False}})
        add("wrong", context_of(named_only), trust)
        add("renamed", context_of(named_only),
            {"tls": {"ca": ca["cert"], "server_name": "other.test"}})
        add("expired", context_of(old), trust)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            kind = version.name[-1]
            wants = context_of(good, client_ca=ca["cert"], newest=version)
            add(f"wants{kind}", wants, trust)
            add(f"shown{kind}", wants, shows)
            add(f"version{kind}", context_of(good, newest=version), trust)
        add("ancient", context_of(good, newest=ssl.TLSVersion.TLSv1,
                                  ciphers="ALL@SECLEVEL=0"), trust)
        services["plain"] = {"instances": [cls.start_plain()], **trust}
        cls.gateway = cls.stage.gateway({
            "workers": 1,  # each keeps connections and sessions of its own
            "services": services,
            "routes": [{"path": f"/{name}/*", "service": name, "cache": "off"}
                       for name in services]})

    @classmethod
    def start_plain(cls):
        """A server without TLS that answers whatever comes, as real ones do."""
        def serve():
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    sock.recv(1 << 16)
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        listener = socket.create_server(("127.0.0.1", 0))
        cls.addClassCleanup(listener.close)
        cls.addClassCleanup(listener.shutdown, socket.SHUT_RDWR)
        threading.Thread(target=serve, daemon=True).start()
        return f"https://127.0.0.1:{listener.getsockname()[1]}"

    def refused(self, name, error, told):
        """The answer's Proxy-Status names the error, and the log what to do."""
        answer = self.gateway.get(f"/{name}/")
        self.assertEqual(answer.status, 502)
        self.assertIn(f"error={error}", answer.headers.get("proxy-status"))
        self.assertRegex(self.gateway.log(), told)
        if name in self.origins:
            self.assertEqual(self.origins[name].requests, [])

    def test_instances_with_a_good_certificate_are_served(self):
        for name in ("address", "name", "renamed", "any", "version2", "version3"):
            with self.subTest(name):
                self.assertEqual(self.gateway.get(f"/{name}/").status, 200)

    def test_bodies_come_whole_in_both_directions(self):
        body = os.urandom(3 << 20)
        answer = self.gateway.request("POST", "/address/", body)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.body == body)

    def test_connections_are_kept(self):
        first = self.gateway.get("/address/").headers.get("x-connection")
        for _ in range(5):
            self.assertEqual(self.gateway.get("/address/").headers.get("x-connection"), first)
        answer = self.gateway.request("POST", "/address/", b"x")
        self.assertEqual(answer.headers.get("x-connection"), first)

    def test_a_strangers_certificate_is_refused(self):
        self.refused("stranger", "tls_certificate_error", r"issuer certificate; name the file")
        self.refused("system", "tls_certificate_error", r"issuer certificate; name the file")

    def test_a_certificate_for_another_name_is_refused(self):
        self.refused("wrong", "tls_certificate_error", r"IP address mismatch; say in `tls")

    def test_an_expired_certificate_is_refused(self):
        self.refused("expired", "tls_certificate_error", r"certificate has expired; have it")

    def test_the_instances_name_is_asked_for(self):
        asked = []
        context = self.origins["name"].tls
        context.sni_callback = lambda sock, name, context: asked.append(name)
        self.addCleanup(setattr, context, "sni_callback", None)
        self.origins["name"].close_connections()
        self.assertEqual(self.gateway.get("/name/").status, 200)
        self.assertEqual(asked, ["localhost"])

    def test_an_instance_that_wants_a_certificate_gets_one(self):
        for name in ("shown2", "shown3"):
            with self.subTest(name):
                self.assertEqual(self.gateway.get(f"/{name}/").status, 200)
        for name in ("wants2", "wants3"):
            with self.subTest(name):
                self.refused(name, "tls_alert_received", r"name a certificate that it takes")

    def test_old_tls_and_no_tls_are_told(self):
        self.refused("ancient", "tls_", r"it must speak TLS 1.2 or 1.3")
        self.refused("plain", "tls_protocol_error", r"plain HTTP, its scheme is http")

    def test_sessions_are_taken_up_again(self):
        for name in ("version2", "version3"):
            with self.subTest(name):
                origin = self.origins[name]
                for _ in range(3):
                    self.assertEqual(self.gateway.get(f"/{name}/").status, 200)
                    origin.close_connections()
                    wait_until(lambda: not origin.open, "the end")
                self.assertTrue(all(origin.resumed[1:]), origin.resumed)

    def test_a_connection_that_ended_meanwhile_costs_no_error(self):
        for method in ("GET", "POST") * 3:
            self.assertEqual(self.gateway.request(method, "/address/", b"").status, 200)
            self.origins["address"].close_connections()
            self.assertEqual(self.gateway.request(method, "/address/", b"").status, 200)


class Ends(Case):
    """Replies that only the connection's end ends."""

    def test_only_an_end_that_is_said_is_one(self):
        ca = make_certificate(self.stage.dir, "ca", [])
        good = make_certificate(self.stage.dir, "good", ["127.0.0.1"], "ca")
        says = True

        def until_close(_, peer):
            peer.send(head(200, []) + b"all of it")
            (peer.end if says else peer.close)()

        origin = self.stage.origin(until_close, tls=context_of(good))
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [origin.address], "tls": {"ca": ca["cert"]}}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})
        answer = gateway.get("/")
        self.assertEqual((answer.status, answer.body), (200, b"all of it"))
        says = False
        with gateway.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            with self.assertRaises(Ended):
                client.reply()


class Mixed(Case):
    """Services whose instances differ, and settings that change."""

    def certify(self):
        """The root, and what an origin speaks."""
        ca = make_certificate(self.stage.dir, "ca", [])
        return ca["cert"], context_of(make_certificate(self.stage.dir, "good", ["127.0.0.1"], "ca"))

    def test_half_over_https_half_over_http_from_the_registry(self):
        ca, context = self.certify()
        registry = self.stage.registry()
        registry.register("s", self.stage.origin(named("plain")).port, id="plain")
        registry.register("s", self.stage.origin(named("secure"), tls=context).port, id="secure",
                          scheme="https")
        gateway = self.stage.gateway({
            "services": {"s": {"tls": {"ca": ca}}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})
        gateway.wait_status("/", 200)
        self.assertEqual(sorted(gateway.get("/").body for _ in range(10)),
                         [b"plain"] * 5 + [b"secure"] * 5)

    def test_the_registrys_checks_ask_over_tls(self):
        _, context = self.certify()
        registry = self.stage.registry()
        origin = self.stage.origin(named("secure"), tls=context)
        registry.register("s", origin.port, id="one", scheme="https",
                          check={"type": "http", "path": "/ok", "interval_ms": 100})
        self.assertEqual(origin.wait_requests(3)[2].target, "/ok")
        wait_until(lambda: registry.lookup("s")["instances"], "its check")
        origin.close()
        wait_until(lambda: not registry.lookup("s")["instances"], "its end")

    def test_the_registry_takes_only_schemes_that_are_served(self):
        registry = self.stage.registry()
        with self.assertRaisesRegex(Exception, 'scheme.*"htps".*"http" or "https"'):
            registry.register("s", 80, scheme="htps")

    def test_an_instance_that_hangs_in_the_handshake_is_left_for_another(self):
        ca, context = self.certify()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"https://127.0.0.1:{silent.getsockname()[1]}"
            good = self.stage.origin(named("good"), tls=context)
            gateway = self.stage.gateway({
                "services": {
                    "both": {"instances": [address, good.address], "tls": {"ca": ca},
                             "connect_timeout": "200ms"},
                    "alone": {"instances": [address], "connect_timeout": "200ms"}},
                "routes": [{"path": "/both", "service": "both", "cache": "off"},
                           {"path": "/alone", "service": "alone", "cache": "off"}]})
            for _ in range(4):
                answer = gateway.request("POST", "/both", b"once")
                self.assertEqual((answer.status, answer.body), (200, b"good"))
            answer = gateway.get("/alone")
            self.assertEqual(answer.status, 502)
            self.assertIn("error=connection_timeout", answer.headers.get("proxy-status"))

    def test_files_are_read_again_on_a_reload(self):
        ca, context = self.certify()
        stranger = make_certificate(self.stage.dir, "stranger", [])["cert"]
        trusted = os.path.join(self.stage.dir, "trusted.pem")
        os.symlink(stranger, trusted)
        origin = self.stage.origin(named("good"), tls=context)
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [origin.address], "tls": {"ca": trusted}}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})
        self.assertEqual(gateway.get("/").status, 502)
        for target, status in ((ca, 200), (stranger, 502), (ca, 200)):
            os.remove(trusted)
            os.symlink(target, trusted)
            gateway.send_signal(1)
            gateway.wait_status("/", status)

    def test_mistakes_are_told_before_they_count(self):
        path = os.path.join(self.stage.dir, "g.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("listen: ['127.0.0.1:0']\nservices:\n"
                       "  a: {instances: ['https://127.0.0.1:1'], tls: {ca: /none.pem}}\n"
                       "  b: {instances: ['https://127.0.0.1:1'], tls: {cert: /none.pem}}\n"
                       "  c: {instances: ['https://127.0.0.1:1'], tls: {server_name: 'a b'}}\n"
                       "  d: {instances: ['https://127.0.0.1:1'], tls: {verify: no, ca: /x}}\n"
                       "routes: [{path: /, service: a}]\n")
        code, _, told = self.stage.check("microreg-gateway", "--check", "--config", path)
        self.assertEqual(code, 1)
        for line in (r":3: .*tls.ca: can't use /none.pem: No such file",
                     r":4: .*`cert` and `key` go together", r":5: .*server_name.*a b.*neither",
                     r":6: .*`ca` is not looked at"):
            self.assertRegex(told, line)


class Sockets(Case):
    """Instances at Unix sockets, and how many connections are kept."""

    def test_an_instance_at_a_unix_socket_is_served(self):
        path = os.path.join(self.stage.dir, "app.sock")
        origin = self.stage.origin(echo, path=path)
        gateway = self.stage.gateway({
            "workers": 1,
            "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", "debug": True}]})
        body = os.urandom(1 << 20)
        for _ in range(3):
            answer = gateway.request("POST", "/", body)
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.body == body)
            self.assertEqual(answer.headers.get("x-connection"), "1")
        self.assertEqual(origin.requests[0].headers.get("host"), f"127.0.0.1:{gateway.port}")
        entry = wait_until(gateway.access_log, "the log")[0]
        self.assertEqual(entry["instance"], f"unix:{path}")
        origin.close()
        os.remove(path)
        answer = gateway.get("/")
        self.assertEqual(answer.status, 502)
        self.assertIn("connection_refused", answer.headers.get("proxy-status"))

    def test_a_connection_serves_no_more_than_its_pool_allows(self):
        origin = self.stage.origin(echo)
        gateway = self.stage.gateway({
            "workers": 1,
            "services": {"two": {"instances": [origin.address], "pool": {"max_requests": 2}},
                         "none": {"instances": [origin.address], "pool": {"idle": 0}},
                         "young": {"instances": [origin.address], "pool": {"max_age": "1ms"}}},
            "routes": [{"path": f"/{name}", "service": name, "cache": "off"}
                       for name in ("two", "none", "young")]})
        for name, kept in (("two", [0, 0, 1, 1, 2]), ("none", [0, 1, 2])):
            numbers = [int(gateway.get(f"/{name}").headers.get("x-connection")) for _ in kept]
            self.assertEqual([number - numbers[0] for number in numbers], kept)
        gateway.get("/young")
        wait_until(lambda: len(origin.open) <= 1, "the old connection's end")


if __name__ == "__main__":
    unittest.main()
