"""REST to XML-RPC: routes that call methods of Python's own XML-RPC server."""

import datetime
import json
import subprocess
import threading
import unittest
import xmlrpc.client
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from harness import SharedCase, peer
from origin import reply


class Handler(SimpleXMLRPCRequestHandler):
    """Any path, and nothing on standard error."""

    rpc_paths = ()

    def log_message(self, *args):
        """Silent."""


class Server:
    """An XML-RPC server of Python on a thread; `calls` has what was asked."""

    said = ""

    def __init__(self, introspects=True):
        self.calls = []
        self.server = SimpleXMLRPCServer(("127.0.0.1", 0), Handler, allow_none=True,
                                         bind_and_activate=True)
        for name in ("echo", "add", "everything", "fail", "zero", "long", "nan"):
            self.server.register_function(getattr(self, "do_" + name), name)
        if introspects:
            self.server.register_function(self.do_signature, "system.methodSignature")
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def do_signature(self, name):
        """system.methodSignature, which Python's server leaves to others."""
        self.calls.append(("system.methodSignature", name))
        return {"add": [["int", "int", "int"]], "echo": [["array", "double", "boolean"]]}.get(
            name, "signatures not supported")

    def do_echo(self, *args):
        """What came, as what."""
        self.calls.append(("echo", *args))
        return [[type(arg).__name__, arg] for arg in args]

    def do_add(self, first, second):
        """Fails when they are texts."""
        self.calls.append(("add", first, second))
        return first + second

    def do_everything(self):
        """All types."""
        return {"i": -5, "t": True, "s": 'a<b&"\u00e9\U0001f600', "f": 0.1, "big": 1e300,
                "d": datetime.datetime(2026, 1, 2, 3, 4, 5), "b": xmlrpc.client.Binary(b"hi\xff"),
                "n": None, "l": [1, [2, {}], []], "o": {"a": {"b": "c"}}}

    def do_fail(self):
        """A fault."""
        raise xmlrpc.client.Fault(4711, "no such <thing>")

    def do_zero(self):
        """A fault of no code."""
        raise xmlrpc.client.Fault(0, "no number")

    def do_long(self):
        """A fault as a test says."""
        raise xmlrpc.client.Fault(1, self.said)

    def do_nan(self):
        """A double that JSON does not know."""
        return float("nan")


ROUTES = [
    {"path": "/add", "service": "calc",
     "xmlrpc": {"method": "add", "params": ["{query.a:int}", "{query.b:int=5}"]}},
    {"path": "/typed/{v}", "service": "calc",
     "xmlrpc": {"method": "echo", "params": [
         "{query.i:int}", "{query.b:boolean}", "{query.d:double}", "{query.t:dateTime}",
         "{query.x:base64}", "{query.j:json}", "{v}", "{header.X-Who}", "at {v}"]}},
    {"path": "/nested/{v}", "service": "calc",
     "xmlrpc": {"method": "echo", "params": [
         {"name": "{v}", "limit": 7, "deep": {"list": ["{v}", 2.5, True]}}, []]}},
    {"path": "/body", "methods": ["POST"], "service": "calc", "limits": {"body": "64KiB"},
     "xmlrpc": {"method": "echo", "params": ["{body:json}", "{body.a.b:int}",
                                             "{body.list:json=[]}", "{body.name}"]}},
    {"path": "/large-body", "methods": ["POST"], "service": "calc",
     "xmlrpc": {"method": "echo", "params": ["{body.text}"]}},
    {"path": "/learned", "service": "calc",
     "xmlrpc": {"method": "echo", "params": ["{query.d}", "{query.b}"]}},
    {"path": "/everything", "service": "calc", "xmlrpc": {"method": "everything"}},
    {"path": "/fail", "service": "calc", "xmlrpc": {"method": "fail"}},
    {"path": "/long", "service": "calc", "xmlrpc": {"method": "long"}},
    {"path": "/nan", "service": "calc", "xmlrpc": {"method": "nan"}},
    {"path": "/no-method", "service": "calc", "xmlrpc": {"method": "nothing.there"}},
    {"path": "/html", "service": "html", "xmlrpc": {"method": "x"}},
    {"path": "/bomb", "service": "bomb", "xmlrpc": {"method": "x"}},
    {"path": "/large", "service": "large", "xmlrpc": {"method": "x", "reply": "4KiB"}},
    {"path": "/slow", "service": "slow", "xmlrpc": {"method": "x"}},
    {"path": "/patient", "service": "patient", "methods": ["POST"], "timeout": "1s",
     "xmlrpc": {"method": "x", "params": ["{body.text}"]}},
    {"path": "/clock", "service": "silent", "timeout": "1100ms", "xmlrpc": {"method": "x"}},
    {"path": "/tick", "service": "silent", "timeout": "50ms", "xmlrpc": {"method": "x"}},
    {"path": "/gone", "service": "gone", "xmlrpc": {"method": "x"}},
    {"path": "/gone/default", "service": "gone", "xmlrpc": {"method": "x"},
     "fallback": {"status": 200, "json": {"sorry": True}}},
]

BOMB = ('<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        "<methodResponse><params><param><value>&b;</value></param></params></methodResponse>")


class Bridge(SharedCase):
    """One gateway, one XML-RPC server."""

    @classmethod
    def prepare(cls):
        cls.calc = Server()
        cls.addClassCleanup(cls.calc.close)
        answers = {"html": "<p>no</p>", "bomb": BOMB, "large": "x" * 5000}
        cls.slow, cls.go_on = threading.Event(), threading.Event()
        cls.addClassCleanup(cls.go_on.set)
        cls.patient = cls.stage.origin(lambda request, peer: cls.go_on.wait(20) and reply(
            body=xmlrpc.client.dumps(("x",), methodresponse=True).encode()))

        def wait(_, __):
            cls.slow.wait()
            return reply(body=b"late")
        services = {
            name: {"instances": [cls.stage.origin(
                lambda request, connection, text=text: reply(body=text.encode())).address]}
            for name, text in answers.items()}
        cls.gateway = cls.stage.gateway({
            "services": {**services, "slow": {"instances": [cls.stage.origin(wait).address]},
                         "patient": {"instances": [cls.patient.address]},
                         "silent": {"instances": [
                             cls.stage.origin(lambda request, peer: None).address]},
                         "calc": {"instances": [cls.calc.address]},
                         "gone": {"instances": ["http://127.0.0.1:1"]}},
            "paths": {"escaped_slash": "keep"}, "routes": ROUTES})

    def get(self, path, status=200, headers=None):
        """The JSON that is answered."""
        answer = self.gateway.get(path, headers)
        self.assertEqual(answer.status, status, answer.body)
        return json.loads(answer.body)

    def post(self, body, status=200):
        """The JSON that a POST of /body is answered."""
        answer = self.gateway.request("POST", "/body", body)
        self.assertEqual(answer.status, status, answer.body)
        return json.loads(answer.body)

    def test_the_time_that_a_client_takes_for_its_body_is_not_the_instances(self):
        with self.gateway.connect() as client:
            client.send(b"POST /patient HTTP/1.1\r\nHost: t\r\nContent-Length: 13\r\n\r\n{\"tex")
            self.get("/clock", 504)  # which takes longer than the other may
            client.send(b't": "x"}')
            self.patient.wait_requests(1)
            self.get("/tick", 504)  # as long as the instance takes
            self.go_on.set()
            answer = client.reply()
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(json.loads(answer.body), "x")

    def test_a_query_is_added_up(self):
        self.assertEqual(self.get("/add?a=3&b=4"), 7)
        self.assertEqual(self.get("/add?a=-3"), 2)  # the default

    def test_each_type_arrives_as_itself(self):
        found = self.get("/typed/a%20%C3%A9%2Fb?i=-7&b=true&d=0.10&x=aGn/"
                         "&j=%5B1,%7B%22a%22:2.5%7D%5D&t=2026-11-21T10:00:00%2B02:00",
                         headers={"X-Who": "me"})
        self.assertEqual(found, [
            ["int", -7], ["bool", True], ["float", 0.1], ["DateTime", "2026-11-21T08:00:00"],
            ["Binary", "aGn/"], ["list", [1, {"a": 2.5}]], ["str", "a \u00e9/b"], ["str", "me"],
            ["str", "at a \u00e9/b"]])

    def test_structs_and_arrays_are_written_as_maps_and_lists(self):
        self.assertEqual(self.get("/nested/x"), [
            ["dict", {"name": "x", "limit": 7, "deep": {"list": ["x", 2.5, True]}}], ["list", []]])

    def test_what_does_not_fit_its_type_is_a_400_that_says_why(self):
        for path, text in (("/add?a=x", "{query.a}: \"x\" is no int"),
                           ("/add?a=2147483648", "2147483647"),
                           ("/add?a=1.0", "no int"),
                           ("/add?a=", "no int"),
                           ("/add?b=1", "{query.a}: the request lacks a value"),
                           ("/add?a=1&c=2", 'there is no query parameter "c"')):
            with self.subTest(path):
                self.assertIn(text, self.get(path, 400)["detail"])
        good = {"i": "1", "b": "0", "d": "1e3", "t": "20261121T10:00:00", "x": "", "j": "null"}
        for name, bad in (("b", "yes"), ("d", "0x10"), ("d", "nan"), ("t", "yesterday"),
                          ("t", "2026-11-21"), ("x", "a"), ("x", "a*bc"), ("j", "[1,"),
                          ("j", "[9007199254740993]")):
            query = "&".join(f"{key}={value}" for key, value in {**good, name: bad}.items())
            with self.subTest(name=name, bad=bad):
                self.assertIn("{query." + name, self.get("/typed/v?" + query, 400,
                                                         {"X-Who": "me"})["detail"])

    def test_values_come_from_the_body(self):
        body = {"a": {"b": 12}, "name": "t\u00ebxt \U0001f600", "list": [1, "x", {"y": True}]}
        self.assertEqual(self.post(json.dumps(body)), [
            ["dict", body], ["int", 12], ["list", body["list"]], ["str", body["name"]]])

    def test_a_body_is_looked_at_before_it_is_used(self):
        self.assertIn("no JSON", self.post("nonsense", 400)["detail"])
        self.assertIn("body", self.post("", 400)["detail"])
        self.assertIn("{body.a.b}", self.post('{"name": "x"}', 400)["detail"])
        self.assertIn("{body.a.b}", self.post('{"a": {"b": "12x"}, "name": ""}', 400)["detail"])
        self.assertEqual(self.post('{"a": "' + "x" * 70000 + '"}', 413)["status"], 413)

    def test_a_call_of_any_size_is_made(self):
        text = "x" * 300_000
        answer = self.gateway.request("POST", "/large-body",
                                      json.dumps({"text": text}).encode())
        self.assertEqual((answer.status, json.loads(answer.body)), (200, [["str", text]]))

    def test_a_chunked_body_is_gathered(self):
        with self.gateway.connect() as wire:
            wire.send(b"POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in ('{"a": {"b"', ': 5}, "na', 'me": "n"}'):
                wire.send(f"{len(piece):x}\r\n{piece}\r\n".encode())
            wire.send(b"0\r\n\r\n")
            self.assertEqual(json.loads(wire.reply().body)[1], ["int", 5])

    def test_types_are_learned_from_the_services_signature_once(self):
        self.assertEqual(self.get("/learned?d=2&b=1"), [["float", 2.0], ["bool", True]])
        asked = self.calc.calls.count(("system.methodSignature", "echo"))
        self.assertIn("no boolean", self.get("/learned?d=2&b=maybe", 400)["detail"])
        self.assertEqual(self.calc.calls.count(("system.methodSignature", "echo")), asked)

    def test_all_types_come_back_as_json(self):
        answer = self.gateway.get("/everything")
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")
        self.assertEqual(json.loads(answer.body), {
            "i": -5, "t": True, "s": 'a<b&"\u00e9\U0001f600', "f": 0.1, "big": 1e300,
            "d": "2026-01-02T03:04:05", "b": "aGn/", "n": None, "l": [1, [2, {}], []],
            "o": {"a": {"b": "c"}}})

    def test_a_fault_is_a_problem_that_says_it(self):
        problem = self.get("/fail", 502)
        self.assertEqual(problem["type"], "urn:microreg:problem:xmlrpc-fault")
        self.assertEqual((problem["faultCode"], problem["faultString"]), (4711, "no such <thing>"))
        self.assertIn("nothing.there", self.get("/no-method", 502)["faultString"])

    def test_a_fault_of_any_length_is_told(self):
        for text in ("\"line\"\n" * 5000, "x" + "\u00e9" * 200000):
            type(self.calc).said = text
            told = self.get("/long", 502)["faultString"]
            self.assertEqual(told, text.encode()[:256 << 10].decode(errors="ignore"))

    def test_what_is_no_reply_is_a_502(self):
        for path in ("/html", "/bomb", "/large", "/nan"):
            with self.subTest(path):
                self.assertIn(self.get(path, 502)["type"].split(":")[-1],
                              ("part-malformed", "part-too-large"))

    def test_a_service_that_is_gone_is_the_routes_to_answer(self):
        self.assertEqual(self.get("/gone", 502)["type"], "urn:microreg:problem:connect-failed")
        self.assertEqual(self.get("/gone/default"), {"sorry": True})

    def test_a_request_whose_body_breaks_off_is_answered_once(self):
        for path, status in (("/slow", b"400"), ("/body", b"400")):
            with self.subTest(path), self.gateway.connect() as wire:
                self.slow.clear()
                wire.send(f"POST {path} HTTP/1.1\r\nHost: a\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n".encode())
                wire.send(b"3\r\n{}\n\r\nnonsense\r\n")
                said = wire.rest()
                self.slow.set()
                self.assertEqual((said.count(b"HTTP/1.1 "), said.split()[1]), (1, status), said)
        self.assertEqual(self.get("/add?a=3&b=4"), 7)

    def test_head_has_no_body(self):
        answer = self.gateway.request("HEAD", "/add?a=3")
        self.assertEqual((answer.status, answer.body, answer.headers.get("Content-Length")),
                         (200, b"", "2"))


class Silent(SharedCase):
    """A server without introspection."""

    @classmethod
    def prepare(cls):
        cls.calc = Server(introspects=False)
        cls.addClassCleanup(cls.calc.close)
        cls.gateway = cls.stage.gateway({
            "services": {"calc": {"instances": [cls.calc.address]}},
            "routes": [{"path": "/echo", "service": "calc",
                        "xmlrpc": {"method": "echo", "params": ["{query.a}"]}}]})

    def test_what_nobody_types_is_a_string(self):
        self.assertEqual(json.loads(self.gateway.get("/echo?a=5").body), [["str", "5"]])


class Node(SharedCase):
    """A server of npm's xmlrpc."""

    @classmethod
    def prepare(cls):
        server = subprocess.Popen(peer("xmlrpc_server.js"), stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(server.stdout.close)
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.kill)
        cls.gateway = cls.stage.gateway({
            "services": {"node": {"instances": [
                f"http://127.0.0.1:{int(server.stdout.readline())}"]}},
            "routes": [
                {"path": "/echo", "service": "node", "xmlrpc": {"method": "echo", "params": [
                    "{query.i:int}", "{query.b:boolean}", "{query.d:double}", "{query.t:dateTime}",
                    "{query.x:base64}", "{query.j:json}", "{query.s:string}"]}},
                {"path": "/untyped", "service": "node",
                 "xmlrpc": {"method": "echo", "params": ["{query.a}"]}},
                *({"path": "/" + name, "service": "node", "xmlrpc": {"method": name}}
                  for name in ("everything", "fail", "nowhere"))]})

    def get(self, path, status=200):
        """The JSON that is answered."""
        answer = self.gateway.get(path)
        self.assertEqual(answer.status, status, answer.body)
        return json.loads(answer.body)

    def test_each_type_arrives_as_itself(self):
        self.assertEqual(
            self.get("/echo?i=7&b=true&d=0.5&t=2026-11-21T10:00:00Z&x=aGk=&j=%5B1,%7B%7D%5D"
                     "&s=%C3%A9%3C"),
            [["number", 7], ["boolean", True], ["number", 0.5], ["time", "2026-11-21"],
             ["bytes", "aGk="], ["array", [1, {}]], ["string", "\u00e9<"]])
        self.assertEqual(self.get("/untyped?a=5"), [["string", "5"]])  # it has no signatures

    def test_all_types_come_back_as_json(self):
        self.assertEqual(self.get("/everything"), {
            "i": -5, "t": True, "s": "<&>\u00fc", "f": 0.5, "d": "2026-01-02T03:04:05",
            "b": "aGk=", "l": [1, [2, {}]], "o": {"a": {"b": "c"}}})

    def test_a_fault_is_a_problem_that_says_it(self):
        problem = self.get("/fail", 502)
        self.assertEqual((problem["faultCode"], problem["faultString"]), (12, "no <thing>"))
        self.assertEqual(self.get("/nowhere", 502)["type"], "urn:microreg:problem:part-failed")


class Mistakes(SharedCase):
    """What --check says."""

    def test_each_is_told_with_its_line(self):
        file = self.stage.dir + "/g.yaml"
        for line, text in (
                ("{method: a, params: [\"{query.a:integer}\"]}", "no type; write string"),
                ("{method: a, params: [\"{query.a:int=x}\"]}", "the default: \"x\" is no int"),
                ("{method: a, params: [\"{nope:int}\"]}", "there is no {nope}"),
                ("{method: a, params: \"{query.a}\"}", "this is no list"),
                ("{method: a, path: RPC2}", "does not begin with a '/'"),
                ("{params: []}", "method")):
            with open(file, "w", encoding="utf-8") as out:
                out.write(f"listen: [\"127.0.0.1:0\"]\nservices: {{s: {{instances: "
                          f"[\"http://127.0.0.1:1\"]}}}}\nroutes:\n  - path: /x\n    service: s\n"
                          f"    xmlrpc: {line}\n")
            code, said, more = self.stage.check("microreg-gateway", "--check", "--config", file)
            with self.subTest(line):
                self.assertEqual(code, 1)
                self.assertRegex(said + more, r"g\.yaml:6: ")
                self.assertIn(text, said + more)


if __name__ == "__main__":
    unittest.main()
