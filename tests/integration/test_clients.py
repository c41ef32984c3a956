"""XML-RPC clients nobody here wrote: Python's, Perl's RPC::XML, Node's xmlrpc, the xmlrpc command
of xmlrpc-c; each registers, beats, looks up, gets a fault and makes many calls at once."""

import json
import subprocess
import unittest
import xmlrpc.client

from harness import SharedCase, peer

PERL = r"""
use strict; use warnings;
use RPC::XML; use RPC::XML::Client; use JSON::PP;
$RPC::XML::ENCODING = "UTF-8";
my $client = RPC::XML::Client->new($ARGV[0]);
sub call { my $answer = $client->send_request(@_); die "no answer: $answer" unless ref $answer;
           return $answer->value; }
my $name = "perl";
my $lease = call("registry.register", {service => $name, id => "a", host => "10.0.0.1",
    port => RPC::XML::int->new(80), tags => ["x", "y"], meta => {"\x{fc}" => "<&>"}})->{lease};
my $beat = call("registry.heartbeat", {service => $name, id => "a",
    lease => RPC::XML::string->new($lease)});
my $found = call("registry.lookup", {service => $name});
my $fault = call("registry.deregister", {service => $name, id => "a",
    lease => RPC::XML::string->new("0")});
my $many = call("system.multicall", [
    {methodName => "registry.lookup", params => [{service => $name}]},
    {methodName => "registry.lookup", params => [{}]}]);
print JSON::PP->new->ascii->encode({known => $beat->{known}, found => $found, fault => $fault,
    many => $many});
"""


class Clients(SharedCase):
    """One registry for all."""

    @classmethod
    def prepare(cls):
        cls.registry = cls.stage.registry()

    def run_client(self, *args):
        """What a client program writes."""
        done = subprocess.run(args, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_python(self):
        with self.registry.proxy() as proxy:
            registry = proxy.registry
            lease = registry.register({"service": "python", "id": "a", "host": "10.0.0.1",
                                       "port": 80, "meta": {"ü": "<&>"}})["lease"]
            beat = {"service": "python", "id": "a", "lease": lease}
            self.assertIs(registry.heartbeat(beat)["known"], True)
            found = registry.lookup({"service": "python"})["instances"]
            self.assertEqual(found[0]["meta"], {"ü": "<&>"})
            with self.assertRaises(xmlrpc.client.Fault) as caught:
                registry.deregister({**beat, "lease": "0"})
            self.assertEqual(caught.exception.faultCode, 409)
            many = xmlrpc.client.MultiCall(proxy)
            many.registry.lookup({"service": "python"})
            many.registry.lookup({})
            answers = many()
            self.assertEqual(answers[0]["instances"], found)
            with self.assertRaises(xmlrpc.client.Fault) as caught:
                answers[1].get("x")
            self.assertIn("service is missing", caught.exception.faultString)

    def test_perl(self):
        code, said, log = self.run_client("perl", "-e", PERL, self.registry.url)
        self.assertEqual(code, 0, log)
        answer = json.loads(said)
        self.assertEqual(answer["known"], 1)
        instance = answer["found"]["instances"][0]
        self.assertEqual((instance["id"], instance["port"], instance["tags"], instance["meta"]),
                         ("a", "80", ["x", "y"], {"ü": "<&>"}))
        self.assertEqual(answer["fault"]["faultCode"], "409")
        self.assertEqual(answer["many"][0][0]["instances"], answer["found"]["instances"])
        self.assertEqual(answer["many"][1]["faultCode"], "-32602")

    def test_node(self):
        code, said, log = self.run_client(*peer("xmlrpc_client.js"), self.registry.url)
        self.assertEqual(code, 0, log)
        answer = json.loads(said)
        self.assertIs(answer["known"], True)
        instance = answer["found"]["instances"][0]
        self.assertEqual((instance["id"], instance["port"], instance["meta"]),
                         ("a", 80, {"ü": "<&>"}))
        self.assertEqual(answer["fault"]["faultCode"], 409)
        self.assertEqual(answer["many"][0][0]["instances"], answer["found"]["instances"])
        self.assertEqual(answer["many"][1]["faultCode"], -32602)

    def test_the_xmlrpc_command(self):
        """Debian's sends no structs, so it is an original client."""
        def call(*words):
            return self.run_client("xmlrpc", self.registry.url, *words)
        code, said, log = call("register", "s/command", "s/http://10.0.0.1", "i/80", "i/1")
        self.assertEqual(code, 0, log)
        self.assertIn("Integer", said)
        self.assertIn("10.0.0.1", call("get_service_details", "s/command")[1])
        self.assertIn("revision", call("registry.stats")[1])
        self.assertIn("registry.history", call("system.listMethods")[1])
        code, said, log = call("registry.deregister", "s/command")
        self.assertNotEqual(code, 0)
        self.assertIn("a string; allowed: a struct", log)
        self.assertIn("true", call("unregister", "s/command")[1].lower())


class Mistakes(SharedCase):
    """What a person who writes a client learns from its first faults."""

    @classmethod
    def prepare(cls):
        cls.registry = cls.stage.registry()

    def test_faults_say_what_was_meant(self):
        for method, param, part in (
                ("registry.regster", {}, 'did you mean "registry.register"?'),
                ("lookup", {}, 'did you mean "registry.lookup"?'),
                ("registry.nonsense_altogether", {}, "system.listMethods"),
                ("registry.register", {"service": "s"},
                 "port is missing; it takes a port, an int from 1 to 65535"),
                ("registry.register", {"port": 1}, "service is missing; it takes a name of"),
                ("registry.register", {"service": "s", "port": 1, "ttl": 5},
                 'no member is called "ttl"; did you mean "ttl_ms"?'),
                ("registry.register", {"service": "s", "port": 1, "interval": 5},
                 'no member is called "interval"'),
                ("registry.register", {"service": "s", "port": "80"}, "port: a string; allowed"),
                ("registry.watch", {"revision": "", "wait": 5}, 'did you mean "wait_ms"?')):
            with self.subTest(method=method, param=param):
                with self.assertRaises(xmlrpc.client.Fault) as caught:
                    self.registry.call(method, param)
                self.assertIn(part, caught.exception.faultString)


if __name__ == "__main__":
    unittest.main()
