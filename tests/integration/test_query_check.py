"""query_check: how long a query may be, how many parameters it has, and which."""

import json
import unittest

from harness import SharedCase
from origin import reply


class QueryCheck(SharedCase):
    """One gateway before one origin."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(lambda request, peer: reply(body=request.target.encode()))
        service = {"service": "o", "cache": "off"}
        cls.gateway = cls.stage.gateway({
            "services": {"o": {"instances": [cls.origin.address]}},
            "routes": [
                {"path": "/short", "query_check": {"max_bytes": 10}, **service},
                {"path": "/few", "query_check": {"max_parameters": 2}, **service},
                {"path": "/none", "query_check": {"max_parameters": 0}, **service},
                {"path": "/listed", "query_check": {"allow": ["page", "sort by"]}, **service},
                {"path": "/own", "query_check": {"allow": ["page"]}, "fields": True,
                 "auth": [{"key": {"header": "X-Key", "query": "api_key"}}, "optional"], **service},
                {"path": "/usual", "query_check": {}, **service},
                {"path": "/open", **service}]})

    def setUp(self):
        self.origin.clear()

    def refused(self, target, status, told):
        """The answer says that, and no service was asked."""
        answer = self.gateway.get(target)
        self.assertEqual((answer.status, answer.headers.get("Content-Type")),
                         (status, "application/problem+json"), target)
        self.assertRegex(json.loads(answer.body)["detail"], told)
        self.assertEqual(self.origin.requests, [])

    def passes(self, target):
        """It arrives as it was sent."""
        self.assertEqual(self.gateway.get(target).body.decode(), target)
        self.origin.clear()

    def test_a_long_one_is_a_414(self):
        self.passes("/short?a=23456789"[:len("/short?") + 10])
        self.refused("/short?a=234567890", 414, "the query has 11 bytes; the route takes 10")
        self.passes("/usual?" + "a" * 8192)
        self.refused("/usual?" + "a" * 8193, 414, "takes 8192")
        self.passes("/open?" + "a" * 9000)

    def test_many_are_a_400(self):
        self.passes("/few?a=1&b=2")
        self.refused("/few?a=1&b=2&a=3", 400, "more parameters than the 2")
        self.passes("/none")
        self.refused("/none?a", 400, "more parameters than the 0")
        self.refused("/usual?" + "&".join("a" * 101), 400, "than the 100")

    def test_names_that_are_not_listed_are_a_400(self):
        self.passes("/listed?page=1&sort%20by=x&sort+by=y&p%61ge=2")
        self.refused("/listed?page=1&Page=1", 400, 'no query parameter "Page"')
        self.refused("/listed?" + "x" * 100 + "=1", 400, 'parameter "' + "x" * 64 + '"$')
        self.refused("/listed?%22%0a", 400, 'parameter "%22%0a"')

    def test_those_of_auth_and_fields_are_the_routes_own(self):
        self.assertEqual(self.gateway.get("/own?page=1&fields=id").status, 200)
        self.assertEqual(self.gateway.get("/own?api_key=x").status, 401)
        self.origin.clear()
        self.refused("/own?fieldz=id", 400, "fieldz")

    def test_refusals_are_counted_and_explained(self):
        before = self.gateway.metrics()['microreg_gateway_denied_total{policy="check"}']
        self.refused("/none?a", 400, "parameters")
        after = self.gateway.metrics()['microreg_gateway_denied_total{policy="check"}']
        self.assertEqual(after - before, 1)
        code, out, _ = self.stage.check("microreg-gateway", "--config", self.gateway.file,
                                        "--explain", "GET /listed")
        self.assertEqual(code, 0)
        self.assertIn("query: at most 8192 bytes and 100 parameters, of those that are listed",
                      out)


if __name__ == "__main__":
    unittest.main()
