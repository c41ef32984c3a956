"""TLS at the gateway's door, with OpenSSL's tools and Python's ssl as clients."""

import hashlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import unittest

from certificates import make_certificate
from harness import Case, SharedCase, wait_until
from origin import reply
from wire import Connection


def echo(request, peer):
    """The request's body, and what a proxy says of it."""
    return reply(200, request.body, [("X-Proto", request.headers.get("x-forwarded-proto", "-")),
                                     ("X-Forwarded", request.headers.get("forwarded", "-"))])


class TlsMixin:
    """A gateway with TLS; `ask` is a request over a fresh, verified connection."""

    @classmethod
    def connect(cls, name="shop.test", ca="shop", **options):
        context = ssl.create_default_context(cafile=os.path.join(cls.folder, f"{ca}.pem"))
        for option, value in options.items():
            if option == "client":
                context.load_cert_chain(value["cert"], value["key"])
            else:
                setattr(context, option, value)
        plain = socket.create_connection(("127.0.0.1", cls.gateway.port), 20)
        try:
            return context.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    @classmethod
    def ask(cls, method="GET", path="/", body=None, **options):
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = cls.connect(**options)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            answer.content = answer.read()
            return answer
        finally:
            connection.close()


class Door(TlsMixin, SharedCase):
    """Two certificates on one address."""

    @classmethod
    def prepare(cls):
        cls.folder = cls.stage.dir
        shop = make_certificate(cls.folder, "shop", ["shop.test"])
        other = make_certificate(cls.folder, "other", ["*.other.test"])
        cls.origin = cls.stage.origin(echo)
        cls.gateway = cls.stage.gateway({
            "listen": [{"address": "127.0.0.1:0", "tls": {**shop, "certificates": [other]}}],
            "services": {"echo": {"instances": [cls.origin.address]}},
            "routes": [{"path": "/*", "service": "echo", "cache": "off"}]})

    def test_a_client_that_verifies_is_served(self):
        self.assertEqual(self.ask().status, 200)

    def test_bodies_come_whole_in_both_directions(self):
        for size in (0, 1, 16384, 65537, 3_000_000):
            body = os.urandom(size)
            with self.subTest(size=size):
                content = self.ask("POST", body=body).content
                self.assertEqual(hashlib.sha256(content).digest(),
                                 hashlib.sha256(body).digest())

    def test_many_requests_go_over_one_connection(self):
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = self.connect()
        self.addCleanup(connection.close)
        for n in range(50):
            connection.request("POST", "/", b"%d" % n)
            self.assertEqual(connection.getresponse().read(), b"%d" % n)

    def test_the_certificate_is_chosen_by_the_name(self):
        self.assertEqual(self.ask(name="a.other.test", ca="other").status, 200)

    def test_a_name_of_no_certificate_gets_the_first(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.ask(name="nobody.test")

    def test_instances_are_told_that_the_client_used_tls(self):
        answer = self.ask()
        self.assertEqual(answer.headers["X-Proto"], "https")
        self.assertIn("proto=https", answer.headers["X-Forwarded"])

    def test_http_1_1_is_agreed_on(self):
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "shop.pem"))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as plain, \
                context.wrap_socket(plain, server_hostname="shop.test") as tls:
            self.assertEqual(tls.selected_alpn_protocol(), "http/1.1")

    def test_both_versions_are_spoken_and_older_ones_are_not(self):
        for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                              (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            with self.connect(minimum_version=version, maximum_version=version) as tls:
                self.assertEqual(tls.version(), name)
        old = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.gateway.port}", "-tls1_1",
             "-cipher", "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=20)
        self.assertNotEqual(old.returncode, 0)

    def test_a_session_is_resumed_by_its_ticket(self):
        tls = self.connect(maximum_version=ssl.TLSVersion.TLSv1_2)
        session, context = tls.session, tls.context
        tls.close()
        with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as plain, \
                context.wrap_socket(plain, server_hostname="shop.test", session=session) as again:
            self.assertTrue(again.session_reused)

    def test_plain_http_on_a_tls_port_harms_nobody(self):
        with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                self.assertNotIn(b"HTTP/1.1 200", plain.recv(4096))
            except ConnectionResetError:
                pass
        self.assertEqual(self.ask().status, 200)

    def test_clients_that_leave_within_the_handshake_harm_nobody(self):
        with self.connect() as tls:
            tls.do_handshake()
        for data in (b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as plain:
                plain.sendall(data)
        self.assertEqual(self.ask().status, 200)


class ClientCertificates(TlsMixin, SharedCase):
    """An address where clients must show who they are."""

    @classmethod
    def prepare(cls):
        cls.folder = cls.stage.dir
        shop = make_certificate(cls.folder, "shop", ["shop.test"])
        make_certificate(cls.folder, "staff", [])
        cls.ada = make_certificate(cls.folder, "ada", [], issuer="staff")
        cls.eve = make_certificate(cls.folder, "eve", [])
        cls.origin = cls.stage.origin(echo)
        cls.gateway = cls.stage.gateway({
            "listen": [{"address": "127.0.0.1:0",
                        "tls": {**shop, "client_ca": os.path.join(cls.folder, "staff.pem")}}],
            "services": {"echo": {"instances": [cls.origin.address]}},
            "routes": [{"path": "/*", "service": "echo"}]})

    def test_one_of_ours_is_served(self):
        self.assertEqual(self.ask(client=self.ada).status, 200)

    def test_a_session_is_resumed(self):
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "shop.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.ada["cert"], self.ada["key"])
        session = None
        for resumed in (False, True):
            with socket.create_connection(("127.0.0.1", self.gateway.port), 20) as plain, \
                    context.wrap_socket(plain, server_hostname="shop.test",
                                        session=session) as sock:
                self.assertEqual(sock.session_reused, resumed)
                session = sock.session

    def test_a_stranger_and_one_without_are_not(self):
        for options in ({"client": self.eve}, {}):
            with self.subTest(**options), self.assertRaises((ssl.SSLError, OSError)):
                self.ask(**options)
        self.assertEqual(len([r for r in self.origin.requests if r.target == "/stranger"]), 0)


class Https(TlsMixin, Case):
    """Telling clients to come by https."""

    def start(self, hsts, **reply_edits):
        """A plain door that sends on, and one with TLS."""
        type(self).folder = self.stage.dir
        shop = make_certificate(self.folder, "shop", ["shop.test"])
        origin = self.stage.origin(lambda request, peer: reply(
            200, b"ok", [("Strict-Transport-Security", "max-age=1")]))
        self.settings = {
            "listen": [{"address": "127.0.0.1:0", "tls": {**shop, "hsts": hsts}},
                       {"address": "127.0.0.2:0", "to_https": 443}],
            "services": {"echo": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "echo", **reply_edits}]}
        type(self).gateway = gateway = self.stage.gateway(self.settings)
        return int(gateway.wait_log(r"listening on 127.0.0.2:(\d+)").group(1))

    def test_plain_requests_are_sent_on(self):
        port = self.start({})
        for request, location in (
                (b"GET /a%20b?c=d HTTP/1.1\r\nHost: shop.test\r\n", "https://shop.test/a%20b?c=d"),
                (b"POST / HTTP/1.1\r\nHost: shop.test:80\r\nContent-Length: 0\r\n",
                 "https://shop.test/"),
                (b"GET /? HTTP/1.1\r\nHost: [::1]:8080\r\n", "https://[::1]/?"),
                (b"GET http://other.test/x HTTP/1.1\r\nHost: other.test\r\n",
                 "https://other.test/x"),
                (b"OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n", "https://shop.test/")):
            with Connection(port, 20, "127.0.0.2") as client:
                client.send(request + b"\r\n")
                answer = client.reply()
            self.assertEqual((answer.status, answer.headers.get("location")), (308, location))
            self.assertNotIn("strict-transport-security", answer.headers)
        with Connection(port, 20, "127.0.0.2") as client:
            client.send(b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual(client.reply().status, 400)

    def test_every_answer_over_tls_says_so_once(self):
        self.start({"max_age": "2h", "subdomains": True, "preload": True})
        for path in ("/", "/../.."):
            said = self.ask(path=path).headers.get_all("strict-transport-security")
            self.assertEqual(said, ["max-age=7200; includeSubDomains; preload"])
        self.settings["listen"][0]["tls"]["hsts"] = {}
        self.settings["listen"][1].pop("to_https")
        self.gateway.write({**self.stage.settings(), **self.settings})
        self.gateway.send_signal(signal.SIGHUP)
        self.gateway.wait_log("is in effect")
        said = self.ask().headers.get_all("strict-transport-security")
        self.assertEqual(said, ["max-age=31536000"])

    def test_a_route_may_leave_it_out(self):
        self.start({}, reply={"headers": {"remove": ["Strict-Transport-Security"]}})
        self.assertIsNone(self.ask().headers.get("strict-transport-security"))


class Renewal(TlsMixin, Case):
    """Certificates are replaced while the gateway runs."""

    def test_a_reload_shows_the_new_certificate_and_bad_files_change_nothing(self):
        type(self).folder = self.stage.dir
        shop = make_certificate(self.folder, "shop", ["shop.test"])
        origin = self.stage.origin(echo)
        settings = {"listen": [{"address": "127.0.0.1:0", "tls": shop}],
                    "services": {"echo": {"instances": [origin.address]}},
                    "routes": [{"path": "/*", "service": "echo"}]}
        gateway = type(self).gateway = self.stage.gateway(settings)
        held = self.connect()
        self.addCleanup(held.close)
        old = held.getpeercert(True)
        make_certificate(self.folder, "shop", ["shop.test"])
        gateway.send_signal(signal.SIGHUP)

        def shown():
            try:
                with self.connect() as tls:
                    return tls.getpeercert(True) != old
            except ssl.SSLCertVerificationError:  # still the old one
                return False
        wait_until(shown, "the new certificate")
        held.sendall(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        self.assertTrue(held.recv(4096).startswith(b"HTTP/1.1 200"))
        shutil.copy(shop["cert"], os.path.join(self.folder, "kept.pem"))
        os.truncate(shop["cert"], 100)
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_log("tls.cert: can't use")
        self.assertEqual(self.ask(ca="kept").status, 200)

    def test_a_handshake_that_reloads_overtake_ends_well_and_tls_never_becomes_plain(self):
        type(self).folder = self.stage.dir
        shop = make_certificate(self.folder, "shop", ["shop.test"])
        origin = self.stage.origin(echo)
        settings = {"listen": [{"address": "127.0.0.1:0", "tls": shop}],
                    "services": {"echo": {"instances": [origin.address]}},
                    "routes": [{"path": "/*", "service": "echo"}]}
        gateway = type(self).gateway = self.stage.gateway(settings)
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "shop.pem"))
        begun = []
        for listen in (settings["listen"], settings["listen"], ["127.0.0.1:0"]):
            before = gateway.metrics()["microreg_gateway_connections"]
            begun.append(socket.create_connection(("127.0.0.1", gateway.port), 20))
            wait_until(lambda: gateway.metrics()["microreg_gateway_connections"] == before + 1)
            gateway.write({**self.stage.settings(), **settings, "listen": listen})
            gateway.send_signal(signal.SIGHUP)
            gateway.wait_log("is in effect")
        self.assertIn("127.0.0.1:0 goes on with the TLS that it had", gateway.log())
        for sock in begun:
            with context.wrap_socket(sock, server_hostname="shop.test") as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
                self.assertTrue(tls.recv(4096).startswith(b"HTTP/1.1 200"))
        for _ in range(16):  # the worker that takes it may never have had a client before
            self.assertEqual(self.ask().status, 200)


if __name__ == "__main__":
    unittest.main()
