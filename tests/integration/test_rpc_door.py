"""XML-RPC to REST: methods that become requests to the gateway's other routes, called by Python's,
Node's and Perl's clients and the xmlrpc command."""

import base64
import datetime
import hashlib
import json
import re
import ssl
import subprocess
import unittest
import xmlrpc.client

from certificates import make_certificate
from harness import SharedCase, peer, wait_until
from origin import chunked, reply
from test_bridge import BOMB, Server

JSON = {"Content-Type": "application/json"}
KEY, DOOR_KEY = "mrk_ada", "mrk_door"
VALUES = {"i": -5, "t": True, "s": "<&>\u00e9", "f": 0.5, "l": [1, [], {}], "n": None,
          "big": 1700000000000, "id": 9007199254740993, "o": {"a": {"b": "c"}}}

METHODS = {
    "echo": {"call": "POST /echo", "params": [
        {"i": "int"}, {"b": "boolean"}, {"s": "string"}, {"d": "double"}, {"t": "dateTime"},
        {"x": "base64"}, {"l": "array"}, {"o": "struct"}],
        "json": {"i": "{i}", "b": "{b}", "s": "{s}", "d": "{d}", "t": "{t}", "x": "{x}",
                 "l": "{l}", "o": "{o}", "deep": "{o.a}", "text": "at {s}"},
        "returns": "struct", "help": "What came."},
    "orders.get": {"call": "GET /orders/{id}", "params": [{"id": "string"}],
                   "returns": "struct", "help": "One order."},
    "orders.list": {"call": "GET /list?limit={limit}&q={q}",
                    "params": {"limit": "int=20", "q": "string=all"}, "returns": "array"},
    "orders.drop": {"call": "DELETE /orders/{id}", "params": [{"id": "int"}],
                    "returns": "boolean"},
    "values": {"call": "GET /values"},
    "any": {"call": "GET /orders/{x}", "params": [{"x": "any"}]},
    "text": {"call": "GET /text", "returns": "string"},
    "bytes": {"call": "GET /bytes", "returns": "base64"},
    "time": {"call": "GET /time", "returns": "dateTime"},
    "number": {"call": "GET /number", "returns": "double"},
    "wrong": {"call": "GET /number", "returns": "struct"},
    "html": {"call": "GET /text"},
    "control": {"call": "GET /control"},
    "large": {"call": "GET /large/{n}", "params": [{"n": "int"}], "returns": "string"},
    "secret": {"call": "GET /secret"},
    "open": {"call": "GET /open"},
    "limited": {"call": "GET /limited"},
    "cached": {"call": "GET /cached"},
    "composed": {"call": "GET /composed"},
    "edited": {"call": "GET /edited"},
    "nowhere": {"call": "GET /nowhere"},
    "moved": {"call": "GET /moved"},
    "again": {"call": "POST /RPC2"},
    "fault": {"call": "GET /fault"},
    "zero": {"call": "GET /zero"},
    "slow": {"call": "GET /slow"},
    "whoami": {"call": "GET /whoami"},
}


def answer(request, _):
    """The service's: what was asked, or what the path says."""
    path = request.target.partition("?")[0]
    if path == "/echo":
        return reply(body=request.body, headers=JSON)
    if path == "/values":
        return chunked([json.dumps(VALUES).encode()], headers=JSON)
    if path == "/bytes":
        return reply(body=b"\x00\x01\xff", headers={"Content-Type": "image/png"})
    if path.startswith("/large"):
        return reply(body=b"x" * int(path[7:]), headers={"Content-Type": "text/plain"})
    if path in ("/text", "/time", "/number", "/control"):
        said = {"/text": b"caf\xc3\xa9 <b>", "/time": b'"2026-11-21T10:00:00Z"', "/number": b"7",
                "/control": b'"\\u0001"'}[path]
        kind = "text/plain" if path == "/text" else "application/json"
        return reply(body=said, headers={"Content-Type": kind})
    if request.method == "DELETE":
        return reply(204, b"")
    if path == "/list":
        return reply(body=json.dumps([request.target]).encode(), headers=JSON)
    if path == "/cached":
        return reply(body=b"1", headers={**JSON, "Cache-Control": "max-age=60"})
    if path == "/orders/0":
        return reply(404, b'{"title": "No such order", "detail": "there is no 0"}', JSON)
    if path == "/orders/html":
        return reply(500, b"<h1>oh</h1>", {"Content-Type": "text/html"})
    return reply(body=json.dumps({"path": request.target,
                                  "headers": dict(request.headers)}).encode(), headers=JSON)


def hashed(secret):
    """As settings know a key."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def settings(stage, calc):
    """The door, and the routes behind it."""
    origin = stage.origin(answer)
    own = ("/echo", "/orders/{id}", "/list", "/values", "/text", "/bytes", "/time", "/number",
           "/control", "/large/{n}", "/open")
    routes = [{"path": path, "service": "shop"} for path in own] + [
        {"path": "/RPC2", "rpc": {"methods": METHODS, "reply": "64KiB"}, "timeout": "5s"},
        {"path": "/short", "rpc": {"methods": METHODS}, "timeout": "200ms"},
        {"path": "/more", "rpc": {"methods": METHODS, "extensions": True}},
        {"path": "/guarded", "rpc": {"methods": METHODS}, "auth": ["key"]},
        {"path": "/secret", "service": "shop", "auth": ["key"], "allow": "consumer:ada"},
        {"path": "/whoami", "service": "shop", "auth": [{"certificate": {}}]},
        {"path": "/limited", "service": "shop", "rate_limit": {"rate": 2, "per": "1h"}},
        {"path": "/cached", "service": "shop", "cache": {}},
        {"path": "/edited", "service": "shop",
         "request": {"headers": {"set": {"X-Set": "yes"}}}},
        {"path": "/composed", "compose": {
            "calls": {"a": {"service": "shop", "path": "/number"},
                      "b": {"service": "shop", "path": "/values"}},
            "reply": {"set": {"n": "a", "f": "b.f"}}}},
        {"path": "/moved", "redirect": {"to": "/orders/1"}},
        {"path": "/fault", "service": "calc", "xmlrpc": {"method": "fail"}},
        {"path": "/zero", "service": "calc", "xmlrpc": {"method": "zero"}},
        {"path": "/slow", "service": "slow"},
        {"path": "/nowhere", "service": "shop", "headers": {"X-Never": "sent"}},
    ]
    return origin, {
        "services": {"shop": {"instances": [origin.address]},
                     "calc": {"instances": [calc.address]},
                     "slow": {"instances": [stage.origin(lambda request, peer: None).address]}},
        "consumers": [{"name": "ada", "keys": hashed(KEY), "certificates": "san:ada.test"},
                      {"name": "bob", "keys": hashed(DOOR_KEY)}],
        "paths": {"escaped_slash": "keep"},
        "routes": routes}


class Plain(xmlrpc.client.Transport):
    """Python's own, with fields of ours; it keeps what came."""

    def __init__(self, headers=()):
        super().__init__(headers=list(headers))


class Door(SharedCase):
    """One gateway, one service."""

    @classmethod
    def prepare(cls):
        calc = Server()
        cls.addClassCleanup(calc.close)
        cls.origin, values = settings(cls.stage, calc)
        cert = make_certificate(cls.stage.dir, "ca", [])
        make_certificate(cls.stage.dir, "door", ["127.0.0.1"], issuer="ca")
        make_certificate(cls.stage.dir, "ada", ["ada.test"], issuer="ca")
        door = cls.stage.dir + "/door"
        values["listen"] = ["127.0.0.1:0", {
            "address": "127.0.0.1:0",
            "tls": {"cert": door + ".pem", "key": door + ".key", "client_ca": cert["cert"]}}]
        cls.gateway = cls.stage.gateway(values)
        cls.tls_port = re.findall(r"listening on \S*:(\d+)", cls.gateway.log())[1]

    def proxy(self, path="/RPC2", headers=()):
        """Python's client."""
        return xmlrpc.client.ServerProxy(
            f"http://127.0.0.1:{self.gateway.port}{path}", transport=Plain(headers),
            allow_none=True)

    def fault(self, call, *args):
        """The fault that a call comes to."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            call(*args)
        return caught.exception.faultCode, caught.exception.faultString

    def post(self, body, path="/RPC2"):
        """The fault of a document that no client makes."""
        said = self.gateway.request("POST", path, body, {"Content-Type": "text/xml"})
        self.assertEqual(said.status, 200, said.body)
        return self.fault(xmlrpc.client.loads, said.body)

    def test_each_type_arrives_as_itself(self):
        with self.proxy() as rpc:
            found = rpc.echo(7, True, "a<b>\u00e9\U0001f600", 0.25,
                             datetime.datetime(2026, 11, 21, 10), xmlrpc.client.Binary(b"hi\xff"),
                             [1, "x", []], {"a": {"b": 1}, "": ""})
        self.assertEqual(found, {
            "i": 7, "b": True, "s": "a<b>\u00e9\U0001f600", "d": 0.25, "t": "2026-11-21T10:00:00",
            "x": "aGn/", "l": [1, "x", []], "o": {"a": {"b": 1}, "": ""}, "deep": {"b": 1},
            "text": "at a<b>\u00e9\U0001f600"})

    def test_a_value_stays_in_its_place(self):
        with self.proxy() as rpc:
            self.assertEqual(rpc.orders.get("a/../b?c=d#e f")["path"],
                             "/orders/a%2F..%2Fb%3Fc%3Dd%23e%20f")
            self.assertEqual(rpc.orders.list(3, "a&b=c+d")[0], "/list?limit=3&q=a%26b%3Dc%2Bd")
            self.assertEqual(rpc.orders.list()[0], "/list?limit=20&q=all")
            self.assertEqual(rpc.orders.list(5)[0], "/list?limit=5&q=all")
            self.assertEqual(self.fault(rpc.orders.get, "..")[0], -32602)
            self.assertEqual(self.fault(rpc.orders.get, "")[0], -32602)

    def test_parameters_are_what_was_declared(self):
        with self.proxy() as rpc:
            good = [1, True, "s", 0.5, datetime.datetime(2026, 1, 1), xmlrpc.client.Binary(b""),
                    [], {}]
            for i, bad in enumerate(("1", 1, 5, "0.5", "now", "***", {}, [])):
                args = good[:i] + [bad] + good[i + 1:]
                with self.subTest(bad=bad):
                    code, text = self.fault(rpc.echo, *args)
                    self.assertEqual(code, -32602)
                    self.assertIn(f"parameter {i + 1}, ", text)
            self.assertIn("takes 1 parameters, not 2", self.fault(rpc.orders.get, "a", "b")[1])
            self.assertIn("takes 0 to 2 parameters", self.fault(rpc.orders.list, 1, "b", 3)[1])

    def test_all_json_comes_back(self):
        with self.proxy() as rpc:
            self.assertEqual(rpc.values(), {**VALUES, "n": "", "id": str(VALUES["id"])})
            self.assertIsInstance(rpc.values()["big"], float)
            self.assertIs(rpc.orders.drop(1), True)
            self.assertEqual(rpc.text(), "caf\u00e9 <b>")
            self.assertEqual(rpc.bytes().data, b"\x00\x01\xff")
            self.assertEqual(rpc.time(), xmlrpc.client.DateTime("20261121T10:00:00"))
            self.assertIsInstance(rpc.number(), float)
        with self.proxy("/more") as rpc:
            self.assertEqual(rpc.values(), VALUES)  # nil and i8
        large = "<value><i8>5000000000</i8></value>"
        said = self.gateway.request(
            "POST", "/more", f"<methodCall><methodName>any</methodName><params><param>{large}"
            "</param></params></methodCall>").body
        self.assertEqual(xmlrpc.client.loads(said)[0][0]["path"], "/orders/5000000000")

    def test_what_can_be_no_result_is_a_fault(self):
        with self.proxy() as rpc:
            for name, text in (("wrong", "it is no struct"), ("control", "is no string"),
                               ("html", "can't be a result")):
                code, said = self.fault(getattr(rpc, name))
                self.assertEqual(code, 502, said)
                self.assertIn(text, said)

    def test_errors_are_faults_with_their_status(self):
        with self.proxy() as rpc:
            for args, expected in ((("0",), (404, "No such order: there is no 0")),
                                   (("html",), (500, "Internal Server Error"))):
                self.assertEqual(self.fault(rpc.orders.get, *args), expected)
            self.assertEqual(self.fault(rpc.nowhere), (404, "No route matches the request"))
            self.assertEqual(self.fault(rpc.moved)[0], 307)
            self.assertEqual(self.fault(rpc.fault), (4711, "no such <thing>"))  # over a bridge
            # Many servers have 0 for all that goes wrong.
            self.assertEqual(self.fault(rpc.zero), (0, "no number"))
            self.assertEqual(rpc.system.multicall([{"methodName": "zero", "params": []}]),
                             [{"faultCode": 0, "faultString": "no number"}])
            code, text = self.fault(rpc.orders.gett, "1")
            self.assertEqual((code, text),
                             (-32601, 'no method "orders.gett"; did you mean "orders.get"?'))
            self.assertEqual(self.fault(rpc.again)[0], 400)  # a method can't ask the door

    def test_the_routes_own_rules_hold(self):
        with self.proxy() as rpc:
            self.assertEqual(self.fault(rpc.secret)[0], 401)
            self.assertEqual([self.fault(rpc.limited)[0] if i > 1 else bool(rpc.limited())
                              for i in range(3)], [True, True, 429])
            self.assertEqual([rpc.cached() for _ in range(3)], [1, 1, 1])
            self.assertEqual(sum(r.target == "/cached" for r in self.origin.requests), 1)
            self.assertEqual(rpc.composed(), {"n": 7, "f": 0.5})
            self.assertEqual(rpc.edited()["headers"]["X-Set"], "yes")
        with self.proxy(headers=[("X-Api-Key", KEY)]) as rpc:
            headers = rpc.secret()["headers"]
            self.assertEqual(headers["X-Consumer-Name"], "ada")
            self.assertNotIn("X-Api-Key", headers)
        with self.proxy(headers=[("X-Api-Key", DOOR_KEY)]) as rpc:
            self.assertEqual(self.fault(rpc.secret)[0], 403)

    def test_what_is_shown_to_the_door_is_no_services_to_see(self):
        with self.proxy("/guarded") as rpc:
            with self.assertRaises(xmlrpc.client.ProtocolError) as caught:
                rpc.open()
        self.assertEqual(caught.exception.errcode, 401)
        with self.proxy("/guarded", [("X-Api-Key", DOOR_KEY), ("X-Mine", "1")]) as rpc:
            headers = rpc.open()["headers"]
            self.assertNotIn("X-Api-Key", headers)
            self.assertEqual(headers["X-Mine"], "1")
            self.assertEqual(self.fault(rpc.secret)[0], 403)
        with self.proxy("/guarded", [("X-Api-Key", KEY)]) as rpc:
            self.assertEqual(rpc.secret()["headers"]["X-Consumer-Name"], "ada")

    def test_the_service_is_told_of_the_client(self):
        with self.proxy(headers=[("X-Request-Id", "mine"), ("X-Forwarded-For", "10.9.9.9")]) as rpc:
            headers = rpc.open()["headers"]
        self.assertEqual((headers["X-Request-Id"], headers["X-Forwarded-For"],
                          headers["X-Forwarded-Proto"], headers["Accept"]),
                         ("mine", "127.0.0.1", "http", "application/json"))
        self.assertNotIn("Content-Type", headers)
        wait_until(lambda: sum(line["request_id"] == "mine" for line in self.gateway.access_log())
                   == 2, "two lines")

    def test_a_certificate_counts_for_what_is_asked(self):
        context = ssl.create_default_context(cafile=self.stage.dir + "/ca.pem")
        context.load_cert_chain(self.stage.dir + "/ada.pem", self.stage.dir + "/ada.key")
        with xmlrpc.client.ServerProxy(f"https://127.0.0.1:{self.tls_port}/RPC2",
                                       context=context) as rpc:
            headers = rpc.whoami()["headers"]
        self.assertEqual((headers["X-Consumer-Name"], headers["X-Forwarded-Proto"]),
                         ("ada", "https"))
        with self.proxy() as rpc:
            self.assertEqual(self.fault(rpc.whoami)[0], 401)

    def test_methods_tell_what_they_are(self):
        with self.proxy() as rpc:
            names = rpc.system.listMethods()
            self.assertEqual(sorted(names), sorted([*METHODS, *(
                "system." + name for name in ("listMethods", "methodSignature", "methodHelp",
                                              "getCapabilities", "multicall"))]))
            self.assertEqual(rpc.system.methodSignature("echo"), [[
                "struct", "int", "boolean", "string", "double", "dateTime.iso8601", "base64",
                "array", "struct"]])
            self.assertEqual(rpc.system.methodSignature("orders.list"),
                             [["array"], ["array", "int"], ["array", "int", "string"]])
            self.assertEqual(rpc.system.methodSignature("values"), "undef")
            self.assertEqual(rpc.system.methodSignature("system.multicall"), [["array", "array"]])
            self.assertEqual(rpc.system.methodHelp("orders.get"), "One order.")
            self.assertEqual(rpc.system.methodHelp("values"), "")
            self.assertIn("xmlrpc", rpc.system.getCapabilities())
            self.assertEqual(self.fault(rpc.system.methodHelp, "nope")[0], -32602)
            self.assertEqual(self.fault(rpc.system.methodHelp)[0], -32602)
            self.assertEqual(self.fault(rpc.system.listMethods, 1)[0], -32602)

    def test_many_calls_in_one(self):
        with self.proxy() as rpc:
            many = xmlrpc.client.MultiCall(rpc)
            many.orders.get("1")
            many.orders.get("0")
            many.nope()
            many.system.methodHelp("orders.get")
            many.orders.list(1)
            found = list(many.__call__().results)
            self.assertEqual(found[0][0]["path"], "/orders/1")
            self.assertEqual([found[1]["faultCode"], found[2]["faultCode"]], [404, -32601])
            self.assertEqual(found[3:], [["One order."], [["/list?limit=1&q=all"]]])
            self.assertEqual(rpc.system.multicall([]), [])
            calls = [{"methodName": "orders.get", "params": [str(i)]} for i in range(1, 101)]
            self.assertEqual([found[0]["path"] for found in rpc.system.multicall(calls)],
                             [f"/orders/{i}" for i in range(1, 101)])
            self.assertIn("at most 100", self.fault(rpc.system.multicall, calls * 2)[1])
            bad = [1, {"methodName": "system.multicall", "params": [[]]}, {"methodName": "open"},
                   {"methodName": 5, "params": []}]
            self.assertEqual({found["faultCode"] for found in rpc.system.multicall(bad)}, {-32602})
            self.assertEqual(self.fault(rpc.system.multicall, {})[0], -32602)

    def test_a_name_that_is_near_is_looked_for_once(self):
        with self.proxy() as rpc:
            found = rpc.system.multicall([{"methodName": "orders.gett", "params": []}] * 2)
            self.assertEqual([item["faultString"] for item in found], [
                'no method "orders.gett"; did you mean "orders.get"?',
                'no method "orders.gett"; system.listMethods names them all'])

    def test_replies_are_bounded_one_and_all(self):
        with self.proxy() as rpc:
            self.assertEqual(len(rpc.large(65536)), 65536)
            self.assertEqual(self.fault(rpc.large, 65537)[0], 502)
            found = rpc.system.multicall(
                [{"methodName": "large", "params": [n]} for n in (40000, 30000, 20000, 9999)])
            self.assertEqual([item["faultCode"] if isinstance(item, dict) else len(item[0])
                              for item in found], [40000, 502, 20000, 502])

    def test_documents_that_no_client_makes(self):
        call = "<methodCall><methodName>{}</methodName><params>{}</params></methodCall>"
        for body, code in (("nonsense", -32700), ("", -32700), (BOMB, -32700),
                           ("<methodCall>", -32700), ("<a/>", -32600),
                           (call.format("", ""), -32600), (b"\xff\xfe<\x00", -32700),
                           (call.format("any", "<param><value><nil/></value></param>"), -32602),
                           (call.format("a" * 5000, ""), -32601),
                           (call.format("any", "<param><value>" + "<array><data><value>" * 40
                                        + "</value></data></array>" * 40 + "</value></param>"),
                            413)):
            with self.subTest(body[:60]):
                found = self.post(body)
                self.assertEqual(found[0], code, found)
        said = self.gateway.request("POST", "/RPC2", "x" * (1 << 21))
        self.assertEqual(said.status, 413)
        said = self.gateway.get("/RPC2")
        self.assertEqual((said.status, said.headers.get("Allow")), (405, "POST"))

    def test_a_call_ends_with_its_time(self):
        with self.proxy("/short") as rpc:
            code, text = self.fault(rpc.slow)
            self.assertEqual(code, 504)
            self.assertIn("200 ms", text)

    def test_a_client_that_leaves_takes_its_calls_along(self):
        body = xmlrpc.client.dumps((), "slow")
        with self.gateway.connect() as wire:
            wire.send(f"POST /RPC2 HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
                      f"X-Request-Id: left\r\n\r\n{body}".encode())
            wait_until(lambda: self.in_flight() == 2, "the inner request")
        wait_until(lambda: self.in_flight() == 0, "nothing under way", 3)
        lines = wait_until(lambda: self.logged("left", 2), "a line of each")
        self.assertEqual([line["flags"] for line in lines], [["DC"], ["DC"]])
        self.assertNotEqual(lines[0]["route"], lines[1]["route"])

    def logged(self, request_id, count):
        """The lines of a request and of those it became, if there are so many."""
        lines = [line for line in self.gateway.access_log() if line["request_id"] == request_id]
        return lines if len(lines) == count else None

    def in_flight(self):
        """Requests under way."""
        return self.gateway.metrics()["microreg_gateway_requests_in_flight"]

    def run_client(self, *args):
        """What a client program writes."""
        done = subprocess.run(args, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_node(self):
        code, said, log = self.run_client(*peer("xmlrpc_door.js"),
                                          f"http://127.0.0.1:{self.gateway.port}/RPC2")
        self.assertEqual(code, 0, log)
        found = json.loads(said)
        self.assertEqual(found["echo"], {
            "i": 7, "b": True, "s": "<\u00fc>", "d": 0.5, "t": "2026-11-21T10:00:00", "x": "aGk=",
            "l": [1], "o": {"a": 2}, "deep": 2, "text": "at <\u00fc>"})
        self.assertEqual(base64.b64decode(found["bytes"]), b"\x00\x01\xff")
        self.assertTrue(found["time"].startswith("2026-11-21T"), found["time"])
        self.assertEqual(found["fault"],
                         {"faultCode": 404, "faultString": "No such order: there is no 0"})
        self.assertIn("orders.get", found["methods"])
        self.assertEqual([found["many"][0][0]["path"], found["many"][1]["faultCode"]],
                         ["/orders/1", -32601])

    def test_perl(self):
        code, said, log = self.run_client("perl", "-e", PERL,
                                          f"http://127.0.0.1:{self.gateway.port}/RPC2")
        self.assertEqual(code, 0, log)
        found = json.loads(said)
        self.assertEqual(found["order"]["path"], "/orders/7")
        self.assertEqual((found["fault"]["faultCode"], found["text"]), ("404", "caf\u00e9 <b>"))
        self.assertIn("orders.get", found["methods"])

    def test_the_xmlrpc_command(self):
        url = f"http://127.0.0.1:{self.gateway.port}/RPC2"
        self.assertIn("/orders/7", self.run_client("xmlrpc", url, "orders.get", "s/7")[1])
        code, _, log = self.run_client("xmlrpc", url, "orders.get", "s/0")
        self.assertNotEqual(code, 0)
        self.assertIn("there is no 0", log)


PERL = r"""
use strict; use warnings;
use RPC::XML; use RPC::XML::Client; use JSON::PP;
$RPC::XML::ENCODING = "UTF-8";
my $client = RPC::XML::Client->new($ARGV[0]);
sub call { my $answer = $client->send_request(@_); die "no answer: $answer" unless ref $answer;
           return $answer->value; }
print JSON::PP->new->ascii->encode({
    order => call("orders.get", RPC::XML::string->new("7")),
    fault => call("orders.get", RPC::XML::string->new("0")),
    methods => call("system.listMethods"), text => call("text")});
"""


class Mistakes(SharedCase):
    """What --check and --explain say."""

    def write(self, rpc, more=""):
        """A settings file with that `rpc` on line 6."""
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as out:
            out.write("listen: [\"127.0.0.1:0\"]\nservices: {s: {instances: "
                      "[\"http://127.0.0.1:1\"]}}\nroutes:\n  - path: /RPC2\n"
                      f"    timeout: 5s\n    rpc: {rpc}\n{more}")
        return self.stage.dir + "/g.yaml"

    def test_each_is_told_with_its_line(self):
        for rpc, text in (
                ('{methods: {a: {call: "GET /x", params: [{i: integer}]}}}', "no type; write int"),
                ('{methods: {a: {call: "GET /x/{j}", params: [{i: int}]}}}', "there is no {j}"),
                ('{methods: {a: {call: "FETCH /x"}}}', "is no request; write one like"),
                ('{methods: {a: {call: "GET x"}}}', "is no request"),
                ('{methods: {a: {call: "GET /x", params: [{i: int=x}]}}}', "no JSON"),
                ('{methods: {a: {call: "GET /x", params: [{i: int=0.5}]}}}', "is no int"),
                ('{methods: {a: {call: "GET /x", params: [{i: int=1}, {j: int}]}}}',
                 "so it needs one"),
                ('{methods: {a: {call: "GET /x", params: [{i: int}, {i: int}]}}}', "twice"),
                ('{methods: {a: {call: "GET /x", params: [i]}}}', "no name with a type"),
                ('{methods: {a: {call: "GET /x", json: {b: 1}}}}', "a GET has no body"),
                ('{methods: {system.x: {call: "GET /x"}}}', "system.* is the gateway's"),
                ('{methods: {"a b": {call: "GET /x"}}}', "names are of letters"),
                ('{methods: {a: {call: "GET /x", returns: strnig}}}', "did you mean string"),
                ('{methods: {a: {call: "GET /gone"}}}', 'no route takes "GET /gone"; add a route'),
                ('{methods: {a: {call: "PUT /RPC2"}}}', "on line 4 has other methods: add PUT"),
                ("{methods: {}}", "offers no method"),
                ("{methods: {a: {}}}", "call")):
            code, said, more = self.stage.check("microreg-gateway", "--check", "--config",
                                                self.write(rpc))
            with self.subTest(rpc):
                self.assertEqual(code, 1)
                self.assertRegex(said + more, r"g\.yaml:6: ")
                self.assertIn(text, said + more)
        good = '{methods: {a: {call: "GET /x"}}}'
        for more, text in (("    service: s\n", "keep one of them"),
                           ("    methods: [GET]\n", "called by POST"),
                           ("    cache: {}\n", "become requests to other routes")):
            code, said, log = self.stage.check("microreg-gateway", "--check", "--config",
                                               self.write(good, more))
            with self.subTest(more):
                self.assertIn(text, said + log)

    def test_explain_tells_the_methods(self):
        file = self.write('{methods: {orders.get: {call: "GET /o/{id}", params: [{id: int}], '
                          "returns: struct}, a: {call: \"GET /gone\"}}}",
                          "  - {path: \"/o/{id}\", service: s, methods: [GET]}\n"
                          "  - {path: /gone, service: s, headers: {X-Other: sent}}\n")
        code, said, log = self.stage.check("microreg-gateway", "--config", file, "--explain",
                                           "POST /RPC2")
        self.assertEqual(code, 0, log)
        self.assertIn("method orders.get(int id): struct", said)
        self.assertIn("GET /o/{id}: route /o/{id}", said)
        self.assertIn("method a(): any", said)
        self.assertIn("GET /gone: no route takes it", said)


if __name__ == "__main__":
    unittest.main()
