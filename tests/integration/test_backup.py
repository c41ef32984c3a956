"""A backup service answers what the service of the route can't."""

import json
import unittest

from harness import Case, wait_until
from origin import reply


class Backup(Case):
    """An origin, and one that stands in for it."""

    def start(self, route=(), **service):
        """A gateway before the two; both are well at first."""
        self.main = self.stage.origin(lambda request, peer: reply(200, b"main"))
        self.spare = self.stage.origin(lambda request, peer: reply(200, b"spare" + request.body))
        return self.stage.gateway({
            "services": {"main": {"instances": [self.main.address], "backup": "spare", **service},
                         "spare": {"instances": [self.spare.address]}},
            "routes": [{"path": "/*", "service": "main", "cache": "off", **dict(route)}]})

    def assert_spare(self, answer, body=b""):
        """An answer of the backup that says so."""
        self.assertEqual((answer.status, answer.body), (200, b"spare" + body))
        self.assertEqual(answer.headers.get("Proxy-Status"),
                         'microreg; next-hop="spare"; details="backup of main"')

    def test_it_is_not_asked_while_the_service_is_well(self):
        gateway = self.start()
        answer = gateway.get("/x")
        self.assertEqual(answer.body, b"main")
        self.assertNotIn("Proxy-Status", answer.headers)
        self.assertEqual(self.spare.requests, [])

    def test_it_answers_the_same_request_when_the_service_fails(self):
        failures = {
            "503": lambda request, peer: reply(503, b"no"),
            "502": lambda request, peer: reply(502, b"no"),
            "reset": lambda request, peer: peer.reset(),
            "malformed": lambda request, peer: b"what?\r\n\r\n",
        }
        gateway = self.start()
        for name, failure in failures.items():
            with self.subTest(name):
                self.main.behave = failure
                self.spare.clear()
                self.assert_spare(gateway.request("PUT", "/a?b=c", b"-body", {"X-A": "1"}),
                                  b"-body")
                seen = self.spare.requests[0]
                self.assertEqual((seen.method, seen.target, seen.headers.get("X-A")),
                                 ("PUT", "/a?b=c", "1"))

    def test_it_answers_when_the_service_refuses_connections_also_a_post(self):
        gateway = self.start()
        self.main.close()
        self.assert_spare(gateway.request("POST", "/x", b"-once"), b"-once")

    def test_it_answers_within_the_time_when_the_service_hangs(self):
        gateway = self.start(route={"timeout": "2s"})
        self.main.behave = lambda request, peer: None
        self.assert_spare(gateway.get("/x"))

    def test_it_answers_while_the_breaker_is_open(self):
        gateway = self.start(breaker={"requests": 2, "open": "1h"})
        self.main.behave = lambda request, peer: reply(503, b"no")
        for _ in range(6):
            self.assert_spare(gateway.get("/x"))
        self.assertEqual(len(self.main.requests), 2 * 2)  # a retry each, before it opened

    def test_a_post_that_was_sent_is_not_done_twice(self):
        gateway = self.start()
        self.main.behave = lambda request, peer: reply(503, b"no")
        answer = gateway.request("POST", "/x", b"once")
        self.assertEqual((answer.status, answer.body), (503, b"no"))
        self.assertEqual(self.spare.requests, [])

    def test_a_body_that_is_no_longer_held_is_not_sent_to_it(self):
        gateway = self.start()
        self.main.behave = lambda request, peer: reply(503, b"no")
        self.assertEqual(gateway.request("PUT", "/x", b"b" * 1000000).status, 503)
        self.assertEqual(self.spare.requests, [])

    def test_when_it_fails_too_the_default_reply_is_sent(self):
        gateway = self.start(route={"fallback": {"json": "default"}})
        self.main.close()
        self.spare.behave = lambda request, peer: reply(503, b"no")
        answer = gateway.get("/x")
        self.assertEqual((answer.status, json.loads(answer.body)), (200, "default"))
        self.spare.close()
        self.assertEqual(json.loads(gateway.get("/x").body), "default")

    def test_when_it_fails_too_the_problem_names_it(self):
        gateway = self.start()
        self.main.close()
        self.spare.close()
        answer = gateway.get("/x")
        self.assertEqual(answer.status, 502)
        self.assertIn('next-hop="spare', answer.headers.get("Proxy-Status"))

    def test_a_stale_reply_comes_before_it(self):
        gateway = self.start(route={"cache": {"stale_if_error": "1h"}})
        self.main.behave = lambda request, peer: reply(
            200, b"kept", {"Cache-Control": "max-age=0"})
        self.assertEqual(gateway.get("/x").body, b"kept")
        self.main.close()
        self.assertEqual(gateway.get("/x").body, b"kept")
        self.assert_spare(gateway.get("/other"))

    def test_its_reply_is_not_kept_as_the_services(self):
        gateway = self.start(route={"cache": {"ttl": "1h"}})
        self.main.behave = lambda request, peer: reply(503, b"no")
        self.assert_spare(gateway.get("/x"))
        self.main.behave = lambda request, peer: reply(200, b"main")
        self.assertEqual(gateway.get("/x").body, b"main")

    def test_the_log_and_the_metrics_tell(self):
        gateway = self.start()
        self.main.close()
        self.assert_spare(gateway.get("/x"))
        line = wait_until(lambda: gateway.access_log(), "the access log")[0]
        self.assertIn("BK", line["flags"])
        self.assertEqual((line["service"], line["status"]), ("spare", 200))
        self.assertIn('microreg_gateway_service_backups_total{service="main"} 1',
                      gateway.admin("/metrics").body.decode())


if __name__ == "__main__":
    unittest.main()
