"""Where the access log goes, and what it does when that place is slow."""

import os
import re
import signal
import socket
import unittest

from harness import Case, request, wait_until
from origin import reply


class AccessLog(Case):
    """A gateway whose log goes where each test says."""

    def start(self, log, **settings):
        """A gateway before an origin."""
        origin = self.stage.origin(lambda asked, peer: reply(200, b"hello"))
        return self.stage.gateway({
            "log": log, "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/s/{id}", "service": "s", "cache": "off"}], **settings})

    def read(self, path):
        """A file's lines; none while it is not there."""
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()

    def test_a_template_lays_the_line_out(self):
        gateway = self.start(
            {"format": '{client} "{method} {path}" {status} {route} {service} {total_ms}'})
        gateway.get("/s/7?a=b")
        line = wait_until(gateway.output, "the line")
        self.assertRegex(line, r'^127\.0\.0\.1 "GET /s/7" 200 /s/\{id\} s \d+\.\d{3}\n$')

    def test_a_mistyped_field_is_refused_with_the_right_one(self):
        path = os.path.join(self.stage.dir, "bad.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('log: {format: "{cleint}"}\nroutes: []\n')
        code, _, said = self.stage.check("microreg-gateway", "--check", "--config", path)
        self.assertEqual(code, 1)
        self.assertRegex(said, r'bad\.yaml:1: .*no field "cleint"; did you mean "client"')

    def test_a_rotated_file_is_opened_anew(self):
        path = os.path.join(self.stage.dir, "access.log")
        gateway = self.start({"access": path, "format": "{path}"})
        gateway.get("/s/1")
        wait_until(lambda: self.read(path) == ["/s/1"], "the first line")
        os.rename(path, path + ".1")
        gateway.send_signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(path), "the new file")
        gateway.get("/s/2")
        wait_until(lambda: self.read(path) == ["/s/2"], "the second line in it")
        self.assertEqual(self.read(path + ".1"), ["/s/1"])

    def test_the_journal_gets_fields(self):
        path = os.path.join(self.stage.dir, "journal")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(path)
            journal.settimeout(20)
            gateway = self.start({"access": "journald:" + path})
            for number in (1, 2):
                gateway.get(f"/s/{number}")
                fields = dict(line.split("=", 1)
                              for line in journal.recv(65536).decode().splitlines())
                self.assertEqual(fields["SYSLOG_IDENTIFIER"], "microreg-gateway")
                self.assertEqual(fields["MICROREG_PATH"], f"/s/{number}")
                self.assertEqual(fields["MICROREG_STATUS"], "200")
                self.assertRegex(fields["MESSAGE"], r"GET /s/\d 200 \S+ ms")

    def test_a_journal_that_is_gone_costs_messages_only(self):
        path = os.path.join(self.stage.dir, "journal")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(path)
            gateway = self.start({"access": "journald:" + path})
        self.assertEqual(gateway.get("/s/1").status, 200)
        gateway.wait_log(r"access log: \d+ lines were lost")
        wait_until(lambda: gateway.metrics()["microreg_gateway_access_log_dropped_total"] >= 1,
                   "the count")
        os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind(path)
            journal.settimeout(20)
            gateway.get("/s/2")
            self.assertIn(b"MICROREG_PATH=/s/2", journal.recv(65536))

    def test_a_pipe_nobody_reads_costs_lines_not_answers(self):
        path = os.path.join(self.stage.dir, "pipe")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        # 500 lines of 8 KiB are more than the pipe and the log's memory hold together.
        gateway = self.start({"access": path, "format": "{target}" * 8})
        connection = gateway.connect()
        target = "/s/" + "x" * 1000
        for _ in range(500):
            connection.send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            self.assertEqual(connection.reply().status, 200)
        gateway.wait_log(r"access log: \d+ lines were lost")
        dropped = gateway.metrics()["microreg_gateway_access_log_dropped_total"]
        self.assertGreater(dropped, 0)
        self.assertEqual(request(gateway.port, "GET", "/s/1").status, 200)

    def test_durations_are_told_apart(self):
        gateway = self.start({})
        gateway.get("/s/1")
        gateway.get("/s/2")
        lines = wait_until(lambda: len(gateway.access_log()) == 2 and gateway.access_log(),
                           "the lines")
        for entry in lines:
            self.assertLessEqual(entry["first_byte_ms"], entry["total_ms"])
            self.assertLessEqual(entry.get("connect_ms", 0), entry["first_byte_ms"])

    def test_json_names_are_the_templates_names(self):
        gateway = self.start({})
        gateway.request("POST", "/s/1?a=b", b"12345")
        known = set(re.findall(r"\{(\w+)\}", " ".join(
            "{%s}" % name for name in (
                "time request_id client consumer method host path query route status bytes_in "
                "bytes_out queue_ms resolve_ms connect_ms first_byte_ms total_ms service instance "
                "attempts cache flags reason referer user_agent").split())))
        self.assertLessEqual(set(wait_until(gateway.access_log, "the line")[0]), known)

    def test_what_the_gateway_answers_itself_names_the_routes_own_service(self):
        answers = (("/b", "b", 401), ("/split", None, 401), ("/fixed", None, 200))
        origin = self.stage.origin(lambda asked, peer: reply(200, b"hello"))
        service = {"instances": [origin.address]}
        gateway = self.stage.gateway({
            "services": {"a": service, "b": service},
            "routes": [{"path": "/a", "service": "a"},
                       {"path": "/b", "service": "b", "auth": "key", "cors": {"origins": "*"}},
                       {"path": "/split", "auth": "key", "split": [
                           {"service": "a", "weight": 1}, {"service": "b", "weight": 1}]},
                       {"path": "/fixed", "respond": {"text": "x"}}]})
        for path, _, status in answers:
            self.assertEqual(gateway.get(path).status, status)
        asked = request(gateway.port, "OPTIONS", "/b", headers={
            "Origin": "http://o", "Access-Control-Request-Method": "GET"})
        self.assertEqual(asked.status, 204)
        lines = wait_until(lambda: len(gateway.access_log()) == 4 and gateway.access_log())
        # Of two workers, each of which writes in its own order.
        self.assertCountEqual(
            [(line["path"], line.get("service"), line["status"]) for line in lines],
            [*answers, ("/b", "b", 204)])


if __name__ == "__main__":
    unittest.main()
