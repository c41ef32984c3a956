"""What the gateway says to its operator: --check, --help, exit codes."""

import re
import socket
import unittest

from harness import Case

MISTAKES = """\
listen: ["127.0.0.1:0"]
admn: "127.0.0.1:0"
registry: {urls: ["ftp://127.0.0.1:8000/RPC2"]}
workers: many
limits: {body: 10MB, header_count: -3}
services:
  orders: {connect_timeout: 1}
  users: {instances: ["127.0.0.1:99999"]}
routes:
  - {path: "/orders/{id}", service: ordrs}
  - {path: "/users/{id}", service: users, metods: [GET]}
  - {path: "/same/{a}", service: users}
  - {path: "/same/{b}", service: users}
  - {path: "no-slash", service: users}
  - {path: /x, service: users, methods: [GRAB!]}
  - {path: /y}
"""

# Line -> what its message has to hold.
EXPECTED = {
    2: r"admn.*admin", 3: r"ftp", 4: r"many", 5: r"10MB|header_count", 7: r"connect_timeout",
    8: r"99999", 10: r"ordrs.*orders", 11: r"metods.*methods", 13: r"routes\[2\] on line 12",
    14: r"no-slash", 15: r"GRAB", 16: r"service",
}


class Check(Case):
    """--check and mistakes in the settings."""

    def check(self, text, *args):
        """Runs --check on a file of that text."""
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        code, out, err = self.stage.check(
            "microreg-gateway", "--config", self.stage.dir + "/g.yaml", *args)
        return code, out + err

    def test_every_mistake_is_told_in_one_run_with_its_line(self):
        code, said = self.check(MISTAKES, "--check")
        self.assertEqual(code, 1)
        for line, text in EXPECTED.items():
            with self.subTest(line):
                self.assertRegex(said, rf"g\.yaml:{line}: .*(?i:{text})")

    def test_the_daemon_refuses_to_start_on_a_mistake(self):
        code, said = self.check(MISTAKES)
        self.assertEqual(code, 1)
        self.assertRegex(said, r"g\.yaml:2: ")

    def test_a_good_file_passes_without_being_started(self):
        code, _ = self.check("""\
listen: ["127.0.0.1:1"]
admin: off
registry: {urls: ["http://127.0.0.1:1/RPC2"]}
routes: [ {path: "/a/{b}", methods: [GET], service: some, cache: {ttl: 30s}} ]
""", "--check")
        self.assertEqual(code, 0)

    def test_what_is_no_yaml_is_told_with_its_line(self):
        code, said = self.check("listen: [\n", "--check")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"g\.yaml:\d+: ")

    def test_a_variable_that_is_not_set_is_one_mistake(self):
        code, said = self.check('listen: ["127.0.0.1:${MICROREG_NOT_SET}"]\n', "--check")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"^\S+:1: .*MICROREG_NOT_SET is not set.*\n$")

    def test_an_admin_door_that_is_taken_is_told_by_its_key(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            code, said = self.check(f'listen: ["127.0.0.1:0"]\nadmin: "127.0.0.1:{port}"\n')
        self.assertEqual(code, 3)
        self.assertRegex(said, rf"admin: can't listen on 127.0.0.1:{port}: .*`admin`")

    def test_a_file_that_is_not_there_is_told(self):
        code, out, err = self.stage.check("microreg-gateway", "--config", "/nowhere/g.yaml")
        self.assertEqual(code, 1)
        self.assertIn("/nowhere/g.yaml", out + err)

    def test_an_unlisted_service_without_a_registry_is_a_mistake(self):
        code, said = self.check("routes: [ {path: /x, service: lost} ]\n", "--check")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"lost.*registry|registry.*lost")


class CommandLine(Case):
    """Both daemons, the same habits."""

    def test_help_and_version_go_to_standard_output(self):
        for name in ("microreg-gateway", "microreg-registry"):
            with self.subTest(name):
                code, out, _ = self.stage.check(name, "--help")
                self.assertEqual(code, 0)
                self.assertIn("usage: " + name, out)
                self.assertRegex(out, r"(?m)^ +0 .*\n +1 .*settings")
                code, out, _ = self.stage.check(name, "--version")
                self.assertEqual(code, 0)
                self.assertTrue(re.search(r"\d+\.\d+\.\d+", out))

    def test_an_unknown_option_is_exit_code_2(self):
        for name in ("microreg-gateway", "microreg-registry"):
            with self.subTest(name):
                code, _, err = self.stage.check(name, "--nonsense")
                self.assertEqual(code, 2)
                self.assertTrue(err)

    def test_a_port_in_use_is_exit_code_3_and_names_it(self):
        taken = self.stage.origin().port
        code, _, err = self.stage.check("microreg-registry", "--listen", f"127.0.0.1:{taken}",
                                        "--data-dir", self.stage.dir)
        self.assertEqual(code, 3)
        self.assertIn(str(taken), err)
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write(f'{{"listen": ["127.0.0.1:{taken}"], "admin": "127.0.0.1:0"}}\n')
        code, _, err = self.stage.check("microreg-gateway", "--config", self.stage.dir + "/g.yaml")
        self.assertEqual(code, 3)
        self.assertIn(str(taken), err)


if __name__ == "__main__":
    unittest.main()
