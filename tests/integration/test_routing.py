"""Which route takes a request: path, method, host, header, query."""

import json
import unittest

from harness import SharedCase
from origin import reply


def named(name):
    """An origin's behaviour: answers with its name and the target that came."""
    return lambda request, peer: reply(200, f"{name} {request.target}".encode())


class Routing(SharedCase):
    """One gateway; each route goes to an origin of its own name."""

    @classmethod
    def prepare(cls):
        routes = {
            "literal": {"path": "/a/b"},
            "parameter": {"path": "/a/{id}", "paths": {"escaped_slash": "keep"}},
            "rest": {"path": "/a/*"},
            "deep": {"path": "/a/{id}/lines/{line}"},
            "get": {"path": "/m", "methods": ["GET"]},
            "post": {"path": "/m", "methods": ["POST"]},
            "host": {"path": "/h", "hosts": ["shop.example"]},
            "wildhost": {"path": "/h", "hosts": ["*.example"]},
            "anyhost": {"path": "/h"},
            "canary": {"path": "/c", "headers": {"X-Canary": "1"}},
            "plain": {"path": "/c"},
            "present": {"path": "/p", "headers": {"X-Debug": True}},
            "query": {"path": "/q", "query": {"v": "2"}},
            "noquery": {"path": "/q"},
        }
        services = {name: {"instances": [cls.stage.origin(named(name)).address]}
                    for name in routes}
        cls.gateway = cls.stage.gateway({
            "services": services,
            "routes": [{"service": name, **route} for name, route in routes.items()]})

    def ask(self, path, method="GET", **headers):
        """(status, who answered, with what target)"""
        answer = self.gateway.request(method, path, headers={
            name.replace("_", "-"): value for name, value in headers.items()})
        who, _, target = answer.body.decode().partition(" ")
        return answer.status, who, target

    def test_the_most_specific_path_wins(self):
        cases = [
            ("/a/b", "literal"), ("/a/c", "parameter"), ("/a/c/d", "rest"), ("/a/", "rest"),
            ("/a/7/lines/2", "deep"), ("/a/7/lines/2/x", "rest"), ("/a/%62", "literal"),
            ("/a/./b", "literal"), ("/a/c/../b", "literal"), ("/a/b?x=1", "literal"),
        ]
        for path, name in cases:
            with self.subTest(path):
                self.assertEqual(self.ask(path)[:2], (200, name))

    def test_the_path_is_forwarded_as_it_was_matched_with_its_query(self):
        self.assertEqual(self.ask("/a/c/../%62?x=%20&y")[2], "/a/b?x=%20&y")
        self.assertEqual(self.ask("/a/x%2Fy")[1:], ("parameter", "/a/x%2Fy"))

    def test_what_a_service_may_read_otherwise_does_not_get_round_a_route(self):
        self.assertEqual(self.ask("//a///b//lines//2")[1:], ("deep", "/a/b/lines/2"))
        self.assertEqual(self.ask("/a//b")[1], "literal")
        for path in ("/a/b%2Fc/d", "/a/x%2f..%2fy/z", "/a/x\\y", "/a/x%5Cy", "/a/..;/m", "/a/x;y",
                     "/a/x%3by", "/m%2F"):
            with self.subTest(path):
                answer = self.gateway.get(path)
                self.assertIn(answer.status, (400, 404))
                self.assertEqual(answer.status, 404 if path == "/m%2F" else 400)

    def test_no_route_is_a_404_problem(self):
        for path in ("/", "/nothing", "/a", "/A/b"):
            with self.subTest(path):
                answer = self.gateway.get(path)
                self.assertEqual(answer.status, 404)
                self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")
                problem = json.loads(answer.body)
                self.assertEqual(problem["status"], 404)
                self.assertTrue(problem["type"] and problem["title"])

    def test_the_method_chooses_among_routes_of_one_path(self):
        self.assertEqual(self.ask("/m")[:2], (200, "get"))
        self.assertEqual(self.ask("/m", "POST")[:2], (200, "post"))

    def test_get_implies_head(self):
        answer = self.gateway.request("HEAD", "/m")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_another_method_is_a_405_that_lists_what_is_allowed(self):
        answer = self.gateway.request("DELETE", "/m")
        self.assertEqual(answer.status, 405)
        allowed = {m.strip() for m in answer.headers.get("Allow").split(",")}
        self.assertEqual(allowed, {"GET", "HEAD", "POST"})
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")

    def test_an_exact_host_wins_over_a_wildcard_over_none(self):
        cases = [("shop.example", "host"), ("SHOP.example:8080", "host"),
                 ("other.example", "wildhost"), ("elsewhere", "anyhost")]
        for host, name in cases:
            with self.subTest(host):
                self.assertEqual(self.ask("/h", Host=host)[:2], (200, name))

    def test_a_header_chooses(self):
        self.assertEqual(self.ask("/c", X_Canary="1")[1], "canary")
        self.assertEqual(self.ask("/c", X_Canary="2")[1], "plain")
        self.assertEqual(self.ask("/c")[1], "plain")

    def test_a_header_that_must_be_present_may_have_any_value(self):
        self.assertEqual(self.ask("/p", X_Debug="whatever")[1], "present")
        self.assertEqual(self.ask("/p")[0], 404)

    def test_a_query_parameter_chooses(self):
        self.assertEqual(self.ask("/q?v=2")[1], "query")
        self.assertEqual(self.ask("/q?a=1&v=2")[1], "query")
        self.assertEqual(self.ask("/q?v=22")[1], "noquery")
        self.assertEqual(self.ask("/q")[1], "noquery")

    def test_the_answer_does_not_say_where_an_instance_runs(self):
        answer = self.gateway.get("/a/b")
        said = answer.body + str(list(answer.headers)).encode()
        self.assertNotIn(b"127.0.0.1", said)


if __name__ == "__main__":
    unittest.main()
