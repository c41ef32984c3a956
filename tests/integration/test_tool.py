"""The tool `microreg`: what a person types and a script reads."""

import json
import os
import pty
import re
import signal
import socket
import sys
import unittest

from harness import BUILD, Case, free_port, wait_until
from origin import reply

HELD = "import http.server, os; http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), " \
       "http.server.SimpleHTTPRequestHandler).serve_forever()"


class ToolCase(Case):
    """A registry, and the tool that asks it."""

    def setUp(self):
        super().setUp()
        self.registry = self.stage.registry()

    def start(self, *args, env=None):
        """The tool, left running."""
        program = self.stage.run("microreg", *args,
                                 env={"MICROREG_URL": self.registry.url, **(env or {})})
        program.expect = set(range(256)) | {-signal.SIGINT, -signal.SIGTERM}
        return program

    def tool(self, *args, env=None, code=0):
        """Runs it to its end; what it printed."""
        program = self.start(*args, env=env)
        self.assertEqual(program.wait(), code, program.output() + program.log())
        self.said = program.log()
        return program.output()

    def ids(self, service, **members):
        """The ids a lookup gives."""
        return [one["id"] for one in self.registry.lookup(service, **members)["instances"]]


class Asking(ToolCase):
    """services, lookup, stats, and what they print."""

    def test_services_are_a_table_for_people(self):
        self.registry.register("orders", 9000)
        self.registry.register("orders", 9001)
        self.registry.register("users", 9002)
        rows = [line.split()[:3] for line in self.tool("services").splitlines()]
        self.assertEqual(rows, [["SERVICE", "INSTANCES", "UP"], ["orders", "2", "2"],
                                ["users", "1", "1"]])
        self.assertEqual(self.tool("services", "--prefix", "us").count("\n"), 2)

    def test_services_are_listed_over_many_pages(self):
        calls = [{"methodName": "registry.register",
                  "params": [{"service": f"s{i:04}", "port": 80}]} for i in range(1100)]
        for at in range(0, len(calls), 100):
            self.registry.call("system.multicall", calls[at:at + 100])
        names = [one["name"] for one in json.loads(self.tool("services", "--json"))]
        self.assertEqual(names, [f"s{i:04}" for i in range(1100)])
        self.assertEqual(len(json.loads(self.tool("services", "--json", "--limit", "1007"))), 1007)

    def test_a_lookup_shows_what_an_instance_is(self):
        self.registry.register("orders", 9000, host="10.0.0.1", zone="a", version="2", weight=7,
                               tags=["x", "y"], meta={"rack": "4"})
        line = self.tool("lookup", "orders").splitlines()[1]
        self.assertEqual(line.split(), ["10.0.0.1:9000", "http://10.0.0.1:9000", "up", "7", "a",
                                        "2", "x,y", "rack=4", "-"])

    def test_json_is_what_the_registry_said(self):
        self.registry.register("orders", 9000, host="10.0.0.1", meta={"quote": 'a"b'})
        self.assertEqual(json.loads(self.tool("lookup", "orders", "--json")),
                         self.registry.lookup("orders"))
        self.assertEqual(set(json.loads(self.tool("stats", "--json"))),
                         set(self.registry.call("registry.stats")))

    def test_filters_choose_instances(self):
        self.registry.register("orders", 1, zone="a", version="1", tags=["x"])
        self.registry.register("orders", 2, zone="b", version="2", tags=["x", "y"])
        self.registry.register("orders", 3, status="maintenance")

        def ports(*args):
            found = json.loads(self.tool("lookup", "orders", "--json", *args))["instances"]
            return sorted(one["port"] for one in found)
        self.assertEqual(ports(), [1, 2])
        self.assertEqual(ports("--zone", "a"), [1])
        self.assertEqual(ports("--version", "2"), [2])
        self.assertEqual(ports("--tag", "x", "--tag", "y"), [2])
        self.assertEqual(ports("--status", "maintenance"), [3])
        self.assertEqual(ports("--all"), [1, 2, 3])

    def test_no_instance_is_an_exit_code_and_a_reason(self):
        self.registry.register("orders", 9000, status="maintenance")
        self.assertEqual(self.tool("lookup", "orders", code=1), "")
        self.assertIn("no instance of orders is up: 1 maintenance; --all shows it\n", self.said)
        self.registry.register("orders", 9001, status="starting", zone="b")
        self.registry.register("orders", 9002, status="starting")
        self.tool("lookup", "orders", code=1)
        self.assertIn("is up: 2 starting, 1 maintenance; --all shows them\n", self.said)
        self.tool("lookup", "orders", "--zone", "b", code=1)
        self.assertIn("is up: 1 starting; --all shows it\n", self.said)
        self.tool("lookup", "orders", "--zone", "c", code=1)
        self.assertIn("filtered; it has some, but none that the options ask for", self.said)
        self.tool("lookup", "ordrs", code=1)
        self.assertIn("unknown_service; did you mean orders?", self.said)

    def test_a_terminal_gets_no_control_characters_of_an_instance(self):
        self.registry.register("orders", 9000)
        self.registry.call("registry.set_status", {
            "service": "orders", "id": self.ids("orders")[0], "status": "up",
            "reason": "caf\u00e9"})
        self.assertIn("caf\u00e9", self.tool("lookup", "orders"))
        self.registry.register("users", 9000, meta={"k": "a\u009b31mb"})
        self.assertIn("k=a?31mb", self.tool("lookup", "users"))

    def test_colours_are_for_terminals_only(self):
        self.registry.register("orders", 9000)
        self.assertNotIn("\033", self.tool("lookup", "orders"))
        self.assertIn("\033[32mup\033[0m", self.tool("lookup", "orders", "--color", "always"))
        leader, follower = pty.openpty()
        for env, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
            pid = os.fork()
            if pid == 0:
                os.dup2(follower, 1)
                os.execve(os.path.join(BUILD, "microreg"), ["microreg", "lookup", "orders"],
                          {"MICROREG_URL": self.registry.url, **env})
            text = ""
            while text.count("\n") < 2:
                text += os.read(leader, 4096).decode()
            os.waitpid(pid, 0)
            self.assertEqual("\033[32mup" in text, expected, text)
        os.close(leader)
        os.close(follower)


class Changing(ToolCase):
    """register, deregister, status, backup."""

    def test_a_registration_is_what_was_said(self):
        said = self.tool("register", "orders", "--port", "9000", "--host", "10.0.0.1", "--id", "o1",
                         "--zone", "a", "--version", "3", "--weight", "9", "--ttl", "1h", "--tag",
                         "x", "--tag", "y", "--meta", "rack=4", "--meta", "empty=")
        self.assertRegex(said, r"(?m)^id: o1$")
        self.assertRegex(said, r"(?m)^ttl_ms: 3600000$")
        found = self.registry.lookup("orders")["instances"][0]
        self.assertEqual(
            {name: found[name] for name in ("id", "host", "port", "zone", "version", "weight",
                                            "tags", "meta")},
            {"id": "o1", "host": "10.0.0.1", "port": 9000, "zone": "a", "version": "3", "weight": 9,
             "tags": ["x", "y"], "meta": {"rack": "4", "empty": ""}})

    def test_a_check_may_expect_statuses(self):
        origin = self.stage.origin(lambda *_: reply(401, b""))
        self.tool("register", "web", "--port", str(origin.port), "--id", "a", "--check",
                  "http:/health", "--check-interval", "100ms", "--check-status", "200-299,401")
        wait_until(lambda: self.ids("web") == ["a"], "its check")
        self.assertEqual(origin.requests[0].target, "/health")
        self.tool("register", "web", "--port", "1", "--check", "http:/", "--check-status", "2xx",
                  code=1)
        self.assertIn('like "200-299,401"', self.said)

    def test_a_limit_of_a_consumer_may_have_a_name(self):
        self.tool("consumer", "put", "cy", "--limit", "search=2/1m", "--limit", "all=9/day",
                  "--limit", "5")
        told = self.registry.call("registry.consumer_get", {"name": "cy"})["limits"]
        self.assertEqual([(one["name"], one.get("rate"), one.get("quota")) for one in told],
                         [("search", 2, None), ("all", None, 9), ("default", None, None)])
        self.assertIn("limits: search=2/60000ms by consumer, all=9/day by consumer, "
                      "5 at once by consumer", self.tool("consumer", "get", "cy"))

    def test_a_key_without_an_end_never_expires(self):
        self.tool("consumer", "put", "cy")
        self.assertRegex(self.tool("consumer", "new-key", "cy"), r"(?m)^expires: never$")

    def test_a_lease_fences_what_is_not_its_own(self):
        lease = json.loads(self.tool("register", "orders", "--port", "1", "--json"))["lease"]
        self.tool("deregister", "orders", self.ids("orders")[0], "--lease", "f" * 32, code=1)
        self.assertIn("409", self.said)
        self.tool("deregister", "orders", self.ids("orders")[0], "--lease", lease)
        self.assertEqual(self.ids("orders"), [])

    def test_what_does_not_exist_can_not_be_taken_out(self):
        self.assertIn("existed: no", self.tool("deregister", "orders", "o1", code=1))
        self.assertIn("lookup orders --all", self.said)

    def test_a_status_is_set_with_its_reason(self):
        self.registry.register("orders", 9000, id="o1")
        self.tool("status", "orders", "o1", "maintenance", "--reason", "disk swap")
        self.assertEqual(self.ids("orders"), [])
        self.assertIn("disk swap", self.tool("lookup", "orders", "--all"))
        self.tool("status", "orders", "o1", "asleep", code=1)
        self.assertIn('"maintenance"', self.said)

    def test_a_backup_lies_in_the_registrys_folder(self):
        name = re.search(r"(?m)^file: (\S+)$", self.tool("backup"))[1]
        self.assertTrue(os.path.exists(os.path.join(self.registry.data, name)))


class Usage(ToolCase):
    """The command line, and a registry that is not there."""

    def test_mistakes_say_what_to_do(self):
        for args, text in (
                ([], "a command is missing"),
                (["lookp"], 'did you mean "lookup"'),
                (["lookup"], "it takes SERVICE"),
                (["lookup", "a", "b"], '"b" is too much'),
                (["lookup", "--bogus"], "microreg lookup: unrecognized option"),
                (["lookup", "a", "--port", "1"], "--port is no option of this command"),
                (["register", "a"], "--port N is missing"),
                (["register", "a", "--port", "70000"], "1 to 65535"),
                (["register", "a", "--port", "1", "--ttl", "5"], "5s"),
                (["register", "a", "--port", "1", "--check", "icmp"], "allowed: tcp"),
                (["register", "a", "--port", "1", "--check-status", "200"], "--check http:/PATH"),
                (["run", "--service", "a", "--port", "1", "--check-status", "200", "--", "true"],
                 "--check http:/PATH"),
                (["register", "a", "--port", "1", "--meta", "x"], "NAME=VALUE"),
                (["stats", "--color", "maybe"], "auto, always or never"),
                (["stats", "--token-file", "/nonexistent"], "/nonexistent"),
                (["consumer", "put", "cy", "--expires", "3"], "--expires belongs to new-key"),
                (["consumer", "get", "cy", "--limit", "3"], "--limit belongs to list and put"),
                (["consumer", "list", "bob"], "list takes no NAME; use get or --prefix"),
                (["consumer", "put", "cy", "--limit", "=3"], "--limit =3: allowed"),
                (["run", "--port", "1", "--", "true"], "--service NAME is missing"),
                (["run", "--service", "a", "--port", "1"], "it takes -- COMMAND")):
            with self.subTest(args):
                self.tool(*args, code=2)
                self.assertIn(text, self.said)

    def test_a_registry_that_is_away_has_its_own_code(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/RPC2"
        self.tool("stats", "--url", url, code=3)
        self.assertIn("is microreg-registry running?", self.said)

    def test_every_command_has_help(self):
        commands = re.findall(r"(?m)^  ([a-z]+)  +\S", self.tool("--help").split("exit codes")[0])
        self.assertIn("run", commands)
        self.assertIn("MICROREG_CA", self.tool("--help"))
        for command in ("history", "quotas", "run"):
            self.assertNotIn("of a consumer", self.tool(command, "--help"))
        self.assertIn("of a consumer", self.tool("consumer", "--help"))
        for command in commands:
            self.assertIn(f"usage: microreg {command}", self.tool(command, "--help"))


class Watching(ToolCase):
    """A line per change."""

    def test_changes_are_told_as_they_happen(self):
        watch = self.start("watch", "orders", "--json")
        watch.wait_output(r'"event":"empty".*"reason":"unknown_service"')
        self.registry.register("users", 1)  # not asked for
        self.registry.register("orders", 9000, host="10.0.0.1", id="o1")
        watch.wait_output(r'"event":"added","service":"orders",.*"id":"o1","host":"10.0.0.1"')
        self.registry.call("registry.set_status", {"service": "orders", "id": "o1",
                                                   "status": "draining", "reason": "bye"})
        watch.wait_output(r'"event":"changed".*"id":"o1".*"status":"draining".*"detail":"bye"')
        self.registry.deregister("orders", "o1")
        watch.wait_output(r'"event":"removed".*"id":"o1"')
        events = [json.loads(line) for line in watch.output().splitlines()]
        self.assertEqual({event["service"] for event in events}, {"orders"})
        self.assertEqual(watch.stop(signal.SIGINT), -signal.SIGINT)

    def test_a_registry_that_restarts_is_followed_on(self):
        watch = self.start("watch")
        self.registry.register("orders", 1, id="o1")
        watch.wait_output(r"added +orders  o1")
        self.registry.kill()
        watch.wait_log("what is known stays in use")
        port = int(re.search(r":(\d+)/", self.registry.url)[1])
        again = self.stage.registry(port=port, data=self.registry.data)
        again.register("orders", 2, id="o2")
        watch.wait_output(r"added +orders  o2")
        self.assertNotIn("removed", watch.output())


class Running(ToolCase):
    """microreg run: any program is registered while it runs."""

    def run_python(self, code, *args, **options):
        """`run` of a Python program of the service `hello`."""
        return self.start("run", "--service", "hello", "--host", "127.0.0.1", *args, "--",
                          sys.executable, "-c", code, **options)

    def test_a_command_is_registered_while_it_runs(self):
        port = free_port()
        run = self.run_python(HELD, "--port", str(port))
        wait_until(lambda: self.ids("hello") == [f"127.0.0.1:{port}"], "hello, up")
        self.assertEqual(run.stop(), 128 + signal.SIGTERM)
        self.assertEqual(self.ids("hello", status=["up", "starting", "down", "draining"]), [])

    def test_it_gets_no_requests_before_it_listens(self):
        run = self.run_python("import signal; signal.pause()", "--port", str(free_port()))
        wait_until(lambda: self.ids("hello", status=["starting", "down"]), "hello, starting")
        self.assertEqual(self.ids("hello"), [])
        run.stop()

    def test_its_check_may_expect_statuses(self):
        origin = self.stage.origin(lambda *_: reply(401, b""))
        run = self.run_python("import signal; signal.pause()", "--port", str(origin.port),
                              "--id", "a", "--check", "http:/health", "--check-interval", "100ms",
                              "--check-status", "200-299,401")
        wait_until(lambda: self.ids("hello") == ["a"], "its check")
        run.stop()
        self.tool("run", "--service", "hello", "--port", "1", "--check", "http:/",
                  "--check-status", "2xx", "--", "true", code=2)
        self.assertIn('like "200-299,401"', self.said)

    def test_its_exit_code_is_the_commands(self):
        for code, expected in (("raise SystemExit(0)", 0), ("raise SystemExit(7)", 7),
                               ("import os; os.kill(os.getpid(), 9)", 137)):
            run = self.run_python(code, "--port", "9")
            self.assertEqual(run.wait(), expected)
        self.assertEqual(self.ids("hello", status=["starting"]), [])

    def test_the_gateways_let_go_before_the_command_ends(self):
        """The signal is passed on once the instance is out, or waited for long enough."""
        code = ("import signal, sys, xmlrpc.client, os\n"
                "def ask(*_):\n"
                "    found = xmlrpc.client.ServerProxy(os.environ['MICROREG_URL']).registry.lookup("
                "{'service': 'hello', 'status': ['up', 'starting', 'draining', 'down']})\n"
                "    print('instances', len(found['instances']), flush=True)\n"
                "    sys.exit(0)\n"
                "signal.signal(signal.SIGTERM, ask)\n"
                "print('ready', flush=True)\n"
                "signal.pause()\n")
        run = self.run_python(code, "--port", "9", "--check", "none")
        run.wait_output("ready")
        self.assertEqual(self.ids("hello"), ["127.0.0.1:9"])
        self.assertEqual(run.stop(), 0)
        self.assertIn("instances 0", run.output())

    def test_other_signals_are_passed_on(self):
        code = ("import signal, sys\n"
                "for number in (signal.SIGHUP, signal.SIGUSR1):\n"
                "    signal.signal(number, lambda n, _: print('got', n, flush=True))\n"
                "print('ready', flush=True)\n"
                "while True:\n"
                "    signal.pause()\n")
        run = self.run_python(code, "--port", "9", "--check", "none")
        run.wait_output("ready")
        for number in (signal.SIGHUP, signal.SIGUSR1):
            run.send_signal(number)
            run.wait_output(f"got {int(number)}")
        self.assertEqual(self.ids("hello"), ["127.0.0.1:9"])
        self.assertEqual(run.stop(), 128 + signal.SIGTERM)

    def test_what_can_not_be_registered_is_not_started(self):
        run = self.run_python("print('started')", "--port", "9", "--weight", "1", "--zone",
                              "z" * 2000)
        self.assertIn(run.wait(), (2, 125))
        self.assertEqual(run.output(), "")
        run = self.start("run", "--service", "hello", "--port", "9", "--", "/nonexistent/program")
        self.assertEqual(run.wait(), 127)
        run = self.start("run", "--service", "hello", "--port", "9", "--", "/etc/passwd")
        self.assertEqual(run.wait(), 126)
        self.assertEqual(self.ids("hello", status=["starting", "up"]), [])

    def test_it_starts_without_a_registry_and_registers_later(self):
        port = free_port()
        url = f"http://127.0.0.1:{port}/RPC2"
        run = self.run_python("import signal; print('ready', flush=True); signal.pause()", "--port",
                              "9", "--check", "none", env={"MICROREG_URL": url})
        run.wait_output("ready")
        late = self.stage.registry(port=port)
        wait_until(lambda: late.lookup("hello")["instances"], "hello's registration")
        self.assertEqual(run.stop(), 128 + signal.SIGTERM)

    def test_a_second_signal_does_not_wait(self):
        """Nobody answers the deregistration: the first signal waits for it, the second does not."""
        run = self.run_python("import signal; print('ready', flush=True); signal.pause()", "--port",
                              "9", "--check", "none", "--timeout", "10m")
        run.wait_output("ready")
        wait_until(lambda: self.ids("hello"), "hello")
        self.registry.pause()
        run.send_signal(signal.SIGTERM)
        wait_until(lambda: not has_pending(run.pid), "the first signal being taken")
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(), 128 + signal.SIGTERM)
        self.registry.send_signal(signal.SIGCONT)


def has_pending(pid):
    """Whether a signal was sent to the process that it has not taken yet."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return not re.search(r"(?m)^ShdPnd:\t0+$", file.read())


if __name__ == "__main__":
    unittest.main()
