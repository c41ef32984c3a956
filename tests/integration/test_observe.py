"""What the gateway tells of its work: the access log, the metrics, its health."""

import os
import re
import unittest

from harness import Case, SharedCase, free_port, wait_until
from origin import reply


class Hints(Case):
    """What the gateway says of a mistake nobody else would tell."""

    def test_a_mistyped_service_is_told_in_the_log(self):
        registry = self.stage.registry()
        registry.register("orders", 9)
        gateway = self.stage.gateway({"routes": [{"path": "/o", "service": "ordrs"}]})
        gateway.wait_log("gateway: ready")
        for _ in range(3):
            self.assertEqual(gateway.get("/o").status, 503)
        gateway.wait_log(r'service "ordrs": no instance for /o: the registry knows no service '
                         r'"ordrs"; did you mean "orders"\?')
        entries = wait_until(lambda: gateway.access_log()[2:] and gateway.access_log(), "the lines")
        # Looked for once: the registry may know very many names. Two workers write in any order.
        plain = 'the registry knows no service "ordrs"'
        self.assertCountEqual([entry["reason"] for entry in entries],
                              [plain + '; did you mean "orders"?', plain, plain])
        self.assertEqual(gateway.log().count("no instance for"), 1)

    def test_ready_is_said_when_it_is_so(self):
        port = free_port()
        gateway = self.stage.gateway({"registry": {"urls": [f"http://127.0.0.1:{port}/RPC2"]},
                                      "routes": [{"path": "/o", "service": "orders"}]})
        gateway.wait_log("not ready before the registry has answered")
        self.assertEqual(gateway.admin("/ready").status, 503)
        self.stage.registry(port=port)
        gateway.wait_log("ready: the registry has answered")
        self.assertEqual(gateway.admin("/ready").status, 200)

    def test_help_has_the_exit_codes_of_the_gateway_alone(self):
        code, out, _ = self.stage.check("microreg-gateway", "--help")
        self.assertEqual(code, 0)
        self.assertNotIn("registry\n", out.partition("exit codes:")[2])
        self.assertNotRegex(out, r"(?m)^  [456]  ")
        self.assertRegex(self.stage.check("microreg-registry", "--help")[1], r"(?m)^  5  ")

    def test_check_and_explain_go_together(self):
        path = os.path.join(self.stage.dir, "one.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('services: {s: {instances: ["http://127.0.0.1:9"]}}\n'
                       'routes: [{path: /a, service: s}]\n')
        code, out, _ = self.stage.check("microreg-gateway", "--config", path, "--check",
                                        "--explain", "GET /a")
        self.assertEqual(code, 0)
        self.assertRegex(out, "no mistakes; 1 route, 1 service\n")
        self.assertIn("one.yaml:2", out)


class Observe(SharedCase):
    """One gateway, one origin."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(lambda request, peer: reply(200, b"hello"))
        gone = cls.stage.origin()
        gone.close()
        cls.gateway = cls.stage.gateway({
            "services": {"s": {"instances": [cls.origin.address]},
                         "gone": {"instances": [gone.address]}},
            "routes": [{"path": "/s/{id}", "service": "s", "methods": ["GET", "POST"]},
                       {"path": "/gone", "service": "gone"}]})

    def logged(self, answer):
        """The access log's entry of an answer."""
        wanted = answer.headers.get("X-Request-Id")
        return wait_until(lambda: next((entry for entry in self.gateway.access_log()
                                        if wanted in entry.values()), None), "the log line")

    def test_each_request_is_one_json_object(self):
        entry = self.logged(self.gateway.request("POST", "/s/7?a=b", b"12345"))
        said = {str(value) for value in entry.values()}
        for value in ("POST", "200", "s", "/s/{id}"):
            self.assertIn(value, said, entry)
        self.assertTrue(any(str(value).startswith("/s/7") for value in entry.values()), entry)
        self.assertRegex(str(entry["time"]), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertEqual(entry["status"], 200)

    def test_a_request_without_a_route_is_flagged_so(self):
        self.assertIn("NR", str(self.logged(self.gateway.get("/none"))["flags"]))

    def test_a_failed_connect_is_flagged_so(self):
        self.assertIn("UF", str(self.logged(self.gateway.get("/gone"))["flags"]))

    def test_a_log_line_can_not_be_forged(self):
        answer = self.gateway.get("/s/x%0a%22%7d", {"User-Agent": 'a"}\\'})
        self.assertEqual(self.logged(answer)["status"], 200)

    def test_metrics_are_prometheus_text(self):
        self.gateway.get("/s/1")
        page = self.gateway.admin("/metrics")
        self.assertEqual(page.status, 200)
        self.assertIn("text/plain", page.headers.get("Content-Type"))
        line = re.compile(r'[a-zA-Z_:][\w:]*(\{(\w+="([^"\\]|\\.)*",?)*\})? [-+0-9.eEinfNa]+$')
        for text in page.body.decode().splitlines():
            if text and not text.startswith("#"):
                self.assertRegex(text, line)

    def test_requests_are_counted(self):
        def count():
            return sum(value for name, value in self.gateway.metrics().items()
                       if re.match(r"microreg_\w*requests\w*total", name))
        before = count()
        for _ in range(5):
            self.gateway.get("/s/1")
        wait_until(lambda: count() >= before + 5, "the count")

    def test_health_is_on_the_admin_door_only(self):
        self.assertEqual(self.gateway.admin("/health").status, 200)
        self.assertEqual(self.gateway.get("/health").status, 404)


if __name__ == "__main__":
    unittest.main()
