"""What the gateway tells of its work: the access log, the metrics, its health."""

import re
import unittest

from harness import SharedCase, wait_until
from origin import reply


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
