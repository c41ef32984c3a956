"""Server-Timing: where the time of an answer went, for those who may know."""

import re
import unittest

from harness import SharedCase
from origin import reply


class ServerTiming(SharedCase):
    """One gateway, whose routes differ in what they tell."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(lambda request, peer: reply(
            200, b"{}", {"Cache-Control": "max-age=60", "Server-Timing": "db;dur=5"}))
        cls.gateway = cls.stage.gateway({
            "workers": 1, "server_timing": "asked",
            "services": {"s": {"instances": [cls.origin.address]},
                         "gone": {"instances": ["http://127.0.0.1:1"]}},
            "routes": [
                {"path": "/on", "service": "s", "server_timing": True},
                {"path": "/off", "service": "s", "server_timing": False},
                {"path": "/asked", "service": "s"},
                {"path": "/cached", "service": "s", "server_timing": True, "cache": {}},
                {"path": "/gone", "service": "gone", "server_timing": True},
                {"path": "/fixed", "respond": {"text": "x"}, "server_timing": True},
                {"path": "/dropped", "service": "s", "server_timing": True,
                 "reply": {"headers": {"remove": ["Server-Timing"]}}},
                {"path": "/composed", "server_timing": True, "compose": {
                    "calls": {"a": {"service": "s", "path": "/a"}}, "reply": {"from": "a"}}}]})

    def timing(self, path, headers=None):
        """{name: ms} of the gateway's own line, or None."""
        answer = self.gateway.get(path, headers)
        told = [value for value in answer.headers.all("Server-Timing") if "total;" in value]
        if not told:
            return None
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], r"^([a-z]+;dur=\d+\.\d{3}(, |$))+$")
        return {name: float(ms) for name, ms in re.findall(r"([a-z]+);dur=([0-9.]+)", told[0])}

    def test_what_a_request_went_through_is_told(self):
        told = self.timing("/on")
        self.assertLessEqual(set(told), {"resolve", "connect", "ttfb", "total"})
        self.assertIn("ttfb", told)
        self.assertGreaterEqual(told["total"], told["ttfb"])

    def test_nothing_is_told_where_it_is_off_or_nobody_asked(self):
        self.assertIsNone(self.timing("/off", {"X-Server-Timing": "1"}))
        self.assertIsNone(self.timing("/asked"))
        self.assertIn("ttfb", self.timing("/asked", {"X-Server-Timing": "1"}))

    def test_answers_of_the_gateways_own_have_it_too(self):
        self.timing("/cached")
        self.assertEqual(set(self.timing("/cached")), {"total"})
        for path in ("/fixed", "/composed"):
            self.assertEqual(set(self.timing(path)), {"total"}, path)
        self.assertIn("total", self.timing("/gone"))

    def test_the_services_own_line_stays_unless_the_route_removes_it(self):
        def lines(path):
            return len(self.gateway.get(path).headers.all("Server-Timing"))
        self.assertEqual(lines("/on"), 2)
        self.assertEqual(lines("/dropped"), 1)


if __name__ == "__main__":
    unittest.main()
