"""Pages of other origins, and what a request must look like to be taken."""

import unittest

from harness import Case, SharedCase
from origin import reply

SHOP, OTHER = "https://shop.example", "https://evil.example"


class Cors(SharedCase):
    """One gateway before an origin that has headers of its own."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(lambda request, peer: reply(headers={
            "Access-Control-Allow-Origin": "*", "Vary": "Accept", "Cache-Control": "max-age=60",
            "access-control-expose-headers": "X-All"}))
        cors = {"origins": [SHOP, "https://*.example.org", "null"], "credentials": True,
                "expose": ["X-Total", "ETag"], "headers": ["Authorization", "X-A"],
                "max_age": "1h"}
        cls.gateway = cls.stage.gateway({
            "services": {"o": {"instances": [cls.origin.address]}},
            "routes": [
                {"path": "/a", "methods": ["GET"], "service": "o", "cors": cors, "auth": [
                    "key", "optional"], "cache": {"ttl": "1h"}},
                {"path": "/a", "methods": ["POST"], "service": "o", "cors": {"origins": "*"}},
                {"path": "/kept", "service": "o", "auth": "key", "cors": {"origins": SHOP}},
                {"path": "/plain", "service": "o"}]})

    def ask(self, path, origin, method="GET", **headers):
        """An answer to a page of that origin."""
        fields = {"Origin": origin, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.gateway.request(method, path, None, fields)

    def test_a_preflight_is_answered_without_credentials(self):
        answer = self.ask("/kept", SHOP, "OPTIONS", Access_Control_Request_Method="PUT",
                          Access_Control_Request_Headers="x-api-key, content-type")
        self.assertEqual((answer.status, answer.body), (204, b""))
        fields = answer.headers
        self.assertEqual(fields.get("Access-Control-Allow-Origin"), SHOP)
        self.assertIn("PUT", fields.get("Access-Control-Allow-Methods"))
        self.assertNotRegex(fields.get("Access-Control-Allow-Methods"), "CONNECT|TRACE")
        self.assertEqual(fields.get("Access-Control-Allow-Headers"), "x-api-key, content-type")
        self.assertEqual(fields.get("Access-Control-Max-Age"), "600")
        self.assertNotIn("Access-Control-Allow-Credentials", fields)
        self.assertEqual(sorted(", ".join(fields.all("Vary")).split(", ")), [
            "Access-Control-Request-Headers", "Access-Control-Request-Method", "Origin"])
        self.assertEqual(self.gateway.request("OPTIONS", "/kept").status, 401)

    def test_the_route_of_the_method_that_is_asked_for_answers(self):
        answer = self.ask("/a", SHOP, "OPTIONS", Access_Control_Request_Method="GET")
        self.assertEqual(answer.headers.get("Access-Control-Allow-Methods"), "GET, HEAD")
        self.assertEqual(answer.headers.get("Access-Control-Allow-Headers"), "Authorization, X-A")
        self.assertEqual(answer.headers.get("Access-Control-Allow-Credentials"), "true")
        answer = self.ask("/a", OTHER, "OPTIONS", Access_Control_Request_Method="POST")
        self.assertEqual(answer.headers.get("Access-Control-Allow-Origin"), "*")
        self.assertEqual(self.ask("/a", SHOP, "OPTIONS",
                                  Access_Control_Request_Method="DELETE").status, 405)
        self.assertEqual(self.ask("/a", OTHER, "OPTIONS",
                                  Access_Control_Request_Method="GET").status, 403)
        self.origin.clear()
        self.assertEqual(self.ask("/plain", SHOP, "OPTIONS",
                                  Access_Control_Request_Method="GET").status, 200)
        self.assertEqual(self.origin.wait_requests(1)[0].method, "OPTIONS")

    def test_origins_are_matched_whole(self):
        for origin, told in (
                (SHOP, True), ("HTTPS://SHOP.example", True), ("https://a.example.org", True),
                ("https://a.b-c.example.org", True), ("null", True), (OTHER, False),
                ("http://shop.example", False), (SHOP + ":8443", False), (SHOP + ".evil", False),
                ("https://example.org", False), ("https://.example.org", False),
                ("https://evil/.example.org", False), ("https://evil#.example.org", False),
                ("https://a.example.org.evil.example", False), ("", False)):
            with self.subTest(origin):
                answer = self.ask("/a", origin)
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers.all("Access-Control-Allow-Origin"),
                                 [origin] if told else [])
                self.assertIn("Origin", answer.headers.all("Vary"))
                self.assertIn("Accept", answer.headers.all("Vary"))
                self.assertEqual(answer.headers.all("Access-Control-Expose-Headers"),
                                 ["X-Total, ETag"] if told else [])

    def test_refusals_can_be_read_too(self):
        answer = self.ask("/kept", SHOP)
        self.assertEqual((answer.status, answer.headers.get("Access-Control-Allow-Origin")),
                         (401, SHOP))

    def test_without_cors_the_service_decides(self):
        self.assertEqual(self.ask("/plain", OTHER).headers.get("Access-Control-Allow-Origin"), "*")


class Checks(SharedCase):
    """What clients call themselves, what bodies are, what methods are."""

    @classmethod
    def prepare(cls):
        fixed = {"respond": {"text": "hello"}}
        cls.gateway = cls.stage.gateway({"routes": [
            {**fixed, "path": "/agent", "user_agents": {"deny": ["*Bot*", "curl/*"]}},
            {**fixed, "path": "/only", "user_agents": {"allow": ["shop/?*", "shop/*"]}},
            {**fixed, "path": "/json", "content_types": ["application/json", "image/*"]},
            {**fixed, "path": "/any"}]})

    def test_clients_are_matched_by_name(self):
        for path, agent, status in (
                ("/agent", "Googlebot/2.1", 403), ("/agent", "curl/8", 403),
                ("/agent", "my curl/8", 200), ("/agent", "", 200), ("/only", "shop/7", 200),
                ("/only", "SHOP/", 200), ("/only", "workshop/1", 403), ("/only", "", 403)):
            with self.subTest(path, agent=agent):
                self.assertEqual(self.gateway.get(path, {"User-Agent": agent}).status, status)

    def test_bodies_are_of_a_type(self):
        for kind, status in (("application/json", 200), ("Application/JSON ; charset=utf-8", 200),
                             ("image/png", 200), ("text/plain", 415), ("application/jsonp", 415),
                             ("", 415)):
            with self.subTest(kind):
                self.assertEqual(self.gateway.request(
                    "POST", "/json", b"{}", {"Content-Type": kind}).status, status)
        self.assertEqual(self.gateway.get("/json").status, 200)

    def test_the_method_is_what_the_request_says(self):
        for name in ("X-HTTP-Method-Override", "x-http-method", "X_Method-Override"):
            self.assertEqual(self.gateway.get("/any", {name: "DELETE"}).status, 400)
        self.assertEqual(self.gateway.get("/any", {"X-HTTP-Method-Overrides": "a"}).status, 200)


class Settings(Case):
    """What the file says of them."""

    def test_mistakes_are_told_with_their_line(self):
        for cors, told in (
                ("{origins: '*', credentials: true}", r"g.yaml:3: .*name the origins"),
                ("{origins: ['*', 'https://a']}", r"name the origins"),
                ("{origins: 'shop.example'}", r'"shop.example" is no origin; write one like'),
                ("{origins: 'https://a/b'}", r"is no origin"),
                ("{origins: 'https://a*.b'}", r"is no origin"),
                ("{}", r'the key "origins" is missing'),
                ("{origins: 'https://a', headers: ['a b']}", r"can't be a name"),
                ("{origns: 'https://a'}", r'did you mean "origins"')):
            with self.subTest(cors):
                with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write("routes:\n  - {path: /, respond: {text: a},\n"
                               f"     cors: {cors}}}\n")
                code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                  self.stage.dir + "/g.yaml")
                self.assertEqual(code, 1, out)
                self.assertRegex(err, told)


if __name__ == "__main__":
    unittest.main()
