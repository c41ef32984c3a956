"""What routes do beside choosing a service: rewrite, edit headers, redirect, answer."""

import json
import unittest

from harness import Case, SharedCase, wait_until
from origin import reply


class Actions(SharedCase):
    """One gateway before one origin."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin()
        edits = {
            "set": {"Host": "backend.internal", "X-User": "user {id}", "X-Page": "{query.page}",
                    "Authorization": "Bearer fixed"},
            "add": {"X-Via-Route": "{request.path} from {client.address}"},
            "remove": ["Cookie"]}
        back = {"set": {"Server": "shop", "X-User": "{id}"}, "add": {"Vary": "X-User"},
                "remove": ["X-Powered-By"]}
        routes = [
            {"path": "/v1/users/{id}", "service": "o", "rewrite": "/v2/users?id={id}"},
            {"path": "/v1/keep/{id}", "service": "o", "rewrite": "/keep/{id}"},
            {"path": "/strip/*", "service": "o", "rewrite": "/{*}"},
            {"path": "/search/{kind}", "service": "o",
             "rewrite": "/find/{query.what}?kind={kind}&{request.query}"},
            {"path": "/tenant", "service": "o", "rewrite": "/t/{header.X-Tenant}/home"},
            {"path": "/edit/{id}", "service": "o", "request": {"headers": edits},
             "reply": {"headers": back}},
            {"path": "/language", "service": "o", "cache": {"ttl": "1h"},
             "request": {"headers": {"set": {"X-Language": "{header.X-Want}"}}},
             "reply": {"headers": {"remove": ["ETag"], "set": {"X-Answer": "{request.id}"}}}},
            {"path": "/old/*", "redirect": {"to": "/new/{*}", "status": 301}},
            {"path": "/open/*", "redirect": {"to": "/{*}"}},
            {"path": "/secure/*", "redirect": {
                "to": "https://{request.host}{request.path}", "status": 308}},
            {"path": "/clean", "redirect": {"to": "/index?", "status": 302}},
            {"path": "/ping", "respond": {"json": {"pong": True}},
             "reply": {"headers": {"set": {"Cache-Control": "no-store"}}}},
            {"path": "/teapot", "respond": {"status": 418, "text": "short and stout"}},
            {"path": "/nothing", "respond": {"status": 204}},
        ]
        cls.gateway = cls.stage.gateway({
            "paths": {"repeated_slash": "keep", "escaped_slash": "keep", "backslash": "keep"},
            "services": {"o": {"instances": [cls.origin.address]}}, "routes": routes})

    def asked(self, path, headers=None, method="GET", body=None):
        """The request that came to the origin."""
        self.origin.clear()
        answer = self.gateway.request(method, path, body, headers)
        self.assertEqual(answer.status, 200, answer)
        return self.origin.wait_requests(1)[0]

    def test_a_path_is_rewritten(self):
        cases = [
            ("/v1/users/7", "/v2/users?id=7"),
            ("/v1/users/7?x=1", "/v2/users?id=7"),
            ("/v1/users/a%26b%2Fc", "/v2/users?id=a%26b%2Fc"),
            ("/v1/users/a&b=c", "/v2/users?id=a%26b%3Dc"),
            ("/v1/keep/7", "/keep/7"),
            ("/v1/keep/7?x=1&y", "/keep/7?x=1&y"),
            ("/v1/keep/a%2fb", "/keep/a%2Fb"),
            ("/strip/a/b/", "/a/b/"),
            ("/strip/", "/"),
            ("/search/book?what=a/b+c", "/find/a%2Fb%20c?kind=book&what=a/b+c"),
        ]
        for path, target in cases:
            with self.subTest(path):
                self.assertEqual(self.asked(path).target, target)

    def test_a_body_goes_with_a_rewritten_request(self):
        request = self.asked("/v1/keep/7", method="POST", body=b"data")
        self.assertEqual((request.target, request.body), ("/keep/7", b"data"))

    def test_a_header_fills_a_path(self):
        self.assertEqual(self.asked("/tenant", {"X-Tenant": "a/../b c"}).target,
                         "/t/a%2F..%2Fb%20c/home")

    def test_a_value_that_climbs_or_lacks_is_a_400(self):
        for path, headers in (("/tenant", {}), ("/tenant", {"X-Tenant": ".."}),
                              ("/search/book", {}), ("/search/book?what=%00", {})):
            with self.subTest(path, headers=headers):
                self.origin.clear()
                answer = self.gateway.get(path, headers)
                self.assertEqual(answer.status, 400)
                self.assertIn("detail", json.loads(answer.body))
                self.assertEqual(self.origin.requests, [])

    def test_header_fields_of_requests_are_set_added_and_removed(self):
        request = self.asked("/edit/a%20b?page=%0d%0aEvil:1", {
            "Cookie": "secret", "X-User": "forged", "authorization": "Basic x", "X-Other": "stays",
            "X-Via-Route": "before", "X_User": "forged", "x_page": "forged"})
        fields = request.headers
        self.assertEqual([name for name in ("X_User", "X_Page") if name in fields], [])
        self.assertEqual(fields.all("Host"), ["backend.internal"])
        self.assertEqual(fields.all("X-User"), ["user a b"])
        self.assertEqual(fields.all("X-Page"), ["%0D%0AEvil:1"])
        self.assertEqual(fields.all("Authorization"), ["Bearer fixed"])
        self.assertEqual(fields.all("X-Via-Route"), ["before", "/edit/a%20b from 127.0.0.1"])
        self.assertEqual(fields.all("X-Other"), ["stays"])
        self.assertNotIn("Cookie", fields)
        self.assertNotIn("Evil", fields)

    def test_an_empty_value_leaves_the_field_out(self):
        self.assertNotIn("X-Page", self.asked("/edit/1", {"X-Page": "forged"}).headers)

    def test_header_fields_of_replies_are_set_added_and_removed(self):
        self.origin.behave = lambda request, peer: reply(200, b"ok", [
            ("Server", "old"), ("X-Powered-By", "secret"), ("Vary", "Accept"), ("X-Stays", "1")])
        self.addCleanup(setattr, self.origin, "behave", lambda request, peer: reply())
        fields = self.gateway.get("/edit/7").headers
        self.assertEqual(fields.all("Server"), ["shop"])
        self.assertEqual(fields.all("X-User"), ["7"])
        self.assertEqual(fields.all("Vary"), ["Accept", "X-User"])
        self.assertEqual(fields.all("X-Stays"), ["1"])
        self.assertNotIn("X-Powered-By", fields)

    def test_what_a_route_tells_its_service_keeps_cached_replies_apart(self):
        self.origin.behave = lambda request, peer: reply(
            200, (request.headers.get("X-Language") or "none").encode(), {"ETag": '"1"'})
        self.addCleanup(setattr, self.origin, "behave", lambda request, peer: reply())
        self.origin.clear()
        for _ in range(2):
            for want in ("de", "fr"):
                answer = self.gateway.get("/language", {"X-Want": want, "X-Request-Id": want})
                self.assertEqual(answer.body, want.encode())
                self.assertEqual(answer.headers.all("X-Answer"), [want])
                self.assertNotIn("ETag", answer.headers)
        self.assertEqual(len(self.origin.requests), 2)
        self.assertIn("hit", answer.headers.get("Cache-Status"))

    def test_clients_are_redirected(self):
        cases = [
            ("/old/a/b", 301, "/new/a/b"),
            ("/old/a?x=1&y=<", 301, "/new/a?x=1&y=%3C"),
            ("/secure/a%20b?x", 308, "https://shop.example/secure/a%20b?x"),
            ("/clean?x=1", 302, "/index?"),
            ("/open/a", 307, "/a"),
        ]
        for path, status, location in cases:
            with self.subTest(path):
                answer = self.gateway.get(path, {"Host": "shop.example:8080"})
                self.assertEqual((answer.status, answer.headers.get("Location")),
                                 (status, location))
                self.assertEqual(answer.body, b"")

    def test_a_redirect_leads_to_no_other_host(self):
        self.assertEqual(self.gateway.get("/open//evil.example").status, 400)
        self.assertEqual(self.gateway.get("/open/%5Cevil").headers.get("Location"), "/%5Cevil")

    def test_fixed_answers_ask_nobody(self):
        self.origin.clear()
        answer = self.gateway.get("/ping")
        self.assertEqual((answer.status, json.loads(answer.body)), (200, {"pong": True}))
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")
        self.assertEqual(answer.headers.get("Cache-Control"), "no-store")
        answer = self.gateway.request("HEAD", "/teapot")
        self.assertEqual((answer.status, answer.body), (418, b""))
        self.assertEqual(answer.headers.get("Content-Length"), "15")
        self.assertEqual(self.gateway.get("/nothing").status, 204)
        self.assertEqual(self.origin.requests, [])

    def test_a_connection_goes_on_after_a_fixed_answer_to_a_body(self):
        with self.gateway.connect() as client:
            client.send(b"POST /teapot HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
                        b"GET /old/x HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(client.reply().body, b"short and stout")
            self.assertEqual(client.reply().status, 301)


class Split(Case):
    """A route whose requests go to more than one service."""

    def gateway(self, *shares, **route):
        """A gateway that splits between services of those weights; each answers its number."""
        services, split = {}, []
        for number, weight in enumerate(shares):
            origin = self.stage.origin(
                lambda request, peer, number=number: reply(200, str(number).encode()))
            services[f"s{number}"] = {"instances": [origin.address]}
            split.append({"service": f"s{number}", "weight": weight})
        return self.stage.gateway({
            "workers": 2, "services": services, "trusted_proxies": ["127.0.0.1"],
            "routes": [{"path": "/*", "cache": "off", "split": split, **route}]})

    def ask(self, gateway, count, headers=None):
        """How many of so many requests each service answered."""
        found = {}
        for _ in range(count):
            answer = gateway.get("/", headers).body
            found[answer] = found.get(answer, 0) + 1
        return found

    def test_requests_are_shared_by_weight(self):
        found = self.ask(self.gateway(30, 10, 0), 200)
        self.assertEqual(set(found), {b"0", b"1"})
        self.assertGreater(found[b"0"], found[b"1"])

    def test_a_client_keeps_to_its_service(self):
        gateway = self.gateway(1, 1, split_by="client")
        services = set()
        for number in range(40):
            found = self.ask(gateway, 3, {"X-Forwarded-For": f"10.0.0.{number}"})
            self.assertEqual(len(found), 1)
            services |= set(found)
        self.assertEqual(services, {b"0", b"1"})

    def test_the_log_names_the_service_that_was_chosen(self):
        gateway = self.gateway(0, 1)
        gateway.get("/")
        wait_until(gateway.access_log, "a line")
        self.assertEqual(gateway.access_log()[0]["service"], "s1")

    def test_a_kept_reply_is_that_of_its_service(self):
        gateway = self.gateway(1, 1, split_by="client", cache={"ttl": "1h"})
        for _ in range(2):
            for number in range(10):
                client = {"X-Forwarded-For": f"10.0.0.{number}"}
                self.assertEqual(len(self.ask(gateway, 2, client)), 1)


class Mirror(Case):
    """Copies of requests to another service."""

    def gateway(self, behave=None, **mirror):
        """A gateway before self.origin that copies to self.shadow."""
        self.origin = self.stage.origin()
        self.shadow = self.stage.origin(behave)
        return self.stage.gateway({
            "workers": 1,
            "services": {"o": {"instances": [self.origin.address]},
                         "s": {"instances": [self.shadow.address], "retry": {"attempts": 1}}},
            "routes": [{"path": "/*", "service": "o", "cache": "off", "rewrite": "/v2/{*}",
                        "mirror": {"service": "s", **mirror}}]})

    def test_a_copy_is_what_the_service_got(self):
        gateway = self.gateway()
        for method, path, body in (("GET", "/a?b", None), ("POST", "/c", b"x" * 60000),
                                   ("PUT", "/d", iter([b"one", b"two"]))):
            with self.subTest(method):
                self.origin.clear()
                self.shadow.clear()
                self.assertEqual(gateway.request(method, path, body).status, 200)
                copy = self.shadow.wait_requests(1)[0]
                first = self.origin.wait_requests(1)[0]
                self.assertEqual(copy.line, first.line)
                self.assertEqual(copy.headers, first.headers)
                self.assertEqual(copy.body, first.body)

    def test_a_body_too_long_to_hold_is_not_copied(self):
        gateway = self.gateway()
        self.assertEqual(gateway.request("POST", "/long", b"x" * 500000).status, 200)
        gateway.get("/after")
        self.assertEqual(self.shadow.wait_requests(1)[0].target, "/v2/after")

    def test_what_becomes_of_a_copy_changes_nothing(self):
        def misbehave(request, peer):
            if request.target.endswith("hang"):
                return None
            if request.target.endswith("reset"):
                return peer.reset()
            return b"nonsense\r\n\r\n" if request.target.endswith("bad") else reply(500)
        gateway = self.gateway(misbehave)
        for name in ("error", "hang", "reset", "bad", "error"):
            with self.subTest(name):
                answer = gateway.get("/" + name)
                self.assertEqual((answer.status, answer.body), (200, b"ok"))
        self.shadow.wait_requests(5)
        self.shadow.close()
        self.assertEqual(gateway.get("/refused").status, 200)
        gateway.stop()
        self.assertEqual(len(gateway.access_log()), 6)  # copies are nobody's requests

    def test_a_gateway_that_stops_does_not_wait_for_copies(self):
        gateway = self.gateway(lambda request, peer: None)
        self.assertEqual(gateway.get("/hang").status, 200)
        self.shadow.wait_requests(1)
        self.assertEqual(gateway.stop(), 0)

    def test_a_share_is_copied(self):
        gateway = self.gateway(share="50%")
        for _ in range(100):
            gateway.get("/")
        self.shadow.wait_requests(1)
        gateway.stop()
        self.assertLess(len(self.shadow.requests), 100)
        self.assertEqual(len(self.origin.requests), 100)


MISTAKES = """\
services: {o: {instances: ["http://127.0.0.1:1"]}}
routes:
  - {path: "/a/{user}", service: o, rewrite: "/b/{usr}"}
  - {path: /b, service: o, rewrite: "/b/{*}"}
  - {path: /c, service: o, request: {headers: {set: {Content-Length: "1"}}}}
  - {path: /d, service: o, request: {headers: {remove: [Connection]}}}
  - {path: /e, service: o, reply: {headers: {add: {Transfer-Encoding: x}}}}
  - {path: /f, service: o, request: {headers: {add: {Host: x}}}}
  - {path: /g, service: o, redirect: {to: /x}}
  - {path: /h, redirect: {to: "//x"}}
  - {path: /i, redirect: {to: /x, status: 200}}
  - {path: /j, respond: {status: 200}, rewrite: /x}
  - {path: /k}
  - {path: /l, service: o, reply: {headers: {set: {X-A: "{clinet.address}"}}}}
  - {path: /m, service: o, request: {headers: {remove: [X-Request-Id]}}}
  - {path: /n, split: [{service: o, weight: 0}]}
  - {path: /o, split: [{service: oo}]}
  - {path: /p, service: o, split_by: client}
  - {path: /q, split: [{service: o}], service: o}
  - {path: /r, split: [{service: o, weight: -1}, {weight: 1}]}
  - {path: /s, service: o, mirror: {service: o, share: 101%}}
  - {path: /t, service: o, mirror: {service: oo, share: 0.25%}}
  - {path: /u, respond: {status: 204}, mirror: {service: o, share: 100.00%}}
"""

EXPECTED = {
    3: r"rewrite: there is no \{usr\}; did you mean \{user\}", 4: r"\{\*\}.*does not end in",
    5: r"Content-Length.*frames", 6: r"Connection", 7: r"Transfer-Encoding", 8: r"one Host",
    9: r"redirect: the route has a `service` already", 10: r"redirect\.to: .*https://HOST/PATH",
    11: r"status.*301", 12: r"rewrite: the route asks no service", 13: r"service.*missing",
    14: r"X-A: there is no .*did you mean \{client.address\}", 15: r"writes this field itself",
    16: r"split: no share has a weight", 17: r"split\[0\]\.service: no service \"oo\"",
    18: r"no `split`", 19: r"split: the route has a `service` already", 20: r"weight|service",
    21: r"share: .*101.*at most 100%", 22: r"mirror\.service: no service", 23: r"asks no service",
}


class Mistakes(Case):
    """What --check says about actions."""

    def test_every_mistake_is_told_with_its_line(self):
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write(MISTAKES)
        code, out, err = self.stage.check(
            "microreg-gateway", "--config", self.stage.dir + "/g.yaml", "--check")
        self.assertEqual(code, 1)
        said = (out + err).splitlines()
        for line, text in EXPECTED.items():
            with self.subTest(line):
                mine = [one for one in said if f"g.yaml:{line}: " in one]
                self.assertEqual(len(mine), 2 if line == 20 else 1, mine)
                self.assertRegex(mine[0], text)
        self.assertEqual(len(said), len(EXPECTED) + 1)


if __name__ == "__main__":
    unittest.main()
