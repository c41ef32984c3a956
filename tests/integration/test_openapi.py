"""What the gateway offers: an OpenAPI document that a validator of others takes, and the page."""

import base64
import hashlib
import html.parser
import json
import re
import subprocess
import unittest

from harness import SharedCase, peer, wait_until

DOCUMENT_KEY = "sha256:" + hashlib.sha256(b"mrk_docs").hexdigest()

SETTINGS = {
    "openapi": {"title": "The <shop>", "version": "7", "description": "First.\n\nSecond `x<y`.",
                "servers": ["https://api.shop.test"]},
    "rate_limit": {"rate": 100000, "per": "1m", "by": "address"},
    "consumers": [{"name": "ada", "keys": DOCUMENT_KEY}],
    "issuers": {
        "main": {"issuer": "https://id.test", "audience": ["shop"],
                 "discovery": "https://id.test/.well-known/openid-configuration"},
        "two": {"issuer": "https://two.test", "audience": ["shop"],
                "jwks_url": "https://two.test/jwks"}},
    "services": {name: {"instances": ["http://127.0.0.1:1"]}
                 for name in ("orders", "canary", "stock", "calc")},
    "routes": [
        {"path": "/orders/{id}", "methods": ["GET"], "service": "orders", "docs": {
            "summary": "One <order>", "description": "Whole:\n\n- with lines", "tags": ["orders"],
            "reply": {"type": "object", "properties": {"id": {"type": "integer"}}}}},
        {"path": "/orders/{number}", "methods": ["PUT"], "service": "orders",
         "auth": [{"key": {"query": "api_key"}}, {"jwt": "main"}, {"jwt": "two"}, "basic",
                  {"certificate": {}}],
         "docs": {"request": {"type": "object"}}},
        {"path": "/orders/{id}", "methods": ["GET"], "service": "canary",
         "headers": {"X-Canary": "1"}, "hosts": ["*.shop.test"]},
        {"path": "/all", "methods": ["GET"], "service": "orders",
         "auth": {"all": ["key", "basic"]}, "allow": "known"},
        {"path": "/perhaps", "methods": ["GET"], "service": "orders", "auth": ["key", "optional"]},
        {"path": "/asked", "methods": ["GET"], "service": "orders",
         "auth": [{"forward": {"service": "stock", "path": "/may"}}]},
        {"path": "/files/*", "service": "orders", "rate_limit": {"rate": 5, "per": "1s"},
         "query": {"v": "2", "w": True}, "headers": {"X-Tenant": True}, "hosts": ["a.test"],
         "content_types": ["image/png"], "query_check": {}},
        {"path": "/both", "compose": {
            "calls": {"a": {"service": "orders", "path": "/o?u={query.user}"},
                      "b": {"service": "stock", "path": "/s", "require": "optional"}},
            "reply": {"from": "a", "set": {"b": "b"}}}},
        {"path": "/sum/{a}", "service": "calc", "xmlrpc": {"method": "add", "params": [
            "{a:int}", "{query.b:int=5}", "{query.at:dateTime}", "{header.X-Who}",
            {"deep": ["{query.x:boolean}"]}]}},
        {"path": "/old", "redirect": {"to": "/orders/1", "status": 308}},
        {"path": "/hello", "respond": {"json": {"hello": [1]}}},
        {"path": "/tea", "respond": {"status": 418, "text": "short"}},
        {"path": "/secret", "service": "orders", "docs": {"hidden": True}},
        {"path": "/split", "split": [{"service": "orders", "weight": 3}, {"service": "stock"}]},
        {"path": "/RPC2", "rpc": {"methods": {"orders.get": {
            "call": "GET /orders/{id}", "params": [{"id": "int"}], "returns": "struct",
            "help": "One order."}}}},
        {"path": "/form", "methods": ["POST"], "service": "orders", "docs": {
            "request": {"type": "object"}, "reply": {"type": "object"}},
         "request": {"body": {"from": "form", "to": "xml", "root": "order"}},
         "reply": {"body": {"from": "xml", "to": "json", "type": "application/hal+json"}}},
        {"path": "/any", "methods": ["PUT"], "service": "orders",
         "request": {"body": {"jq": ".a"}}, "reply": {"body": {"on": ["2xx", 404], "to": "xml"}}},
        {"path": "/text", "methods": ["PUT"], "service": "orders",
         "request": {"body": {"from": "text"}}, "reply": {"body": {"template": "Hello"}}},
        {"path": "/failed", "service": "orders", "methods": ["GET"],
         "reply": {"body": {"on": "4xx", "to": "xml"}}},
        {"path": "/less", "service": "orders", "methods": ["GET"], "fields": True, "views": {
            "small": {"query": {"view": "small"}, "device": "mobile", "reply": ".id"},
            "tiny": {"query": {"view": "tiny"}, "headers": {"X-Tiny": True}, "reply": ".id"},
            "staff": {"groups": ["staff", "root"], "reply": "."}}},
        {"path": "/checked", "service": "orders", "methods": ["POST"], "body_check": "json",
         "query_check": {"allow": ["page", "v"]}, "query": {"v": "1"}},
        {"path": "/openapi.json", "openapi": "document"},
        {"path": "/guarded.json", "openapi": "document", "auth": ["key"]},
        {"path": "/docs", "openapi": "page"},
        {"path": "/", "service": "orders"}]}


class Page(html.parser.HTMLParser):
    """Whether elements nest, and what there is."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


class OpenApi(SharedCase):
    """One gateway for all."""

    @classmethod
    def prepare(cls):
        cls.gateway = cls.stage.gateway(SETTINGS)
        cls.document = json.loads(cls.gateway.get("/openapi.json").body)

    def operation(self, path, method="get"):
        """One of the document's."""
        return self.document["paths"][path][method]

    def test_a_validator_takes_it(self):
        file = self.stage.dir + "/openapi.json"
        with open(file, "wb") as out:
            out.write(self.gateway.get("/openapi.json").body)
        done = subprocess.run([*peer("openapi_validate.mjs"), file], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "3.1\n"), done.stderr)

    def test_paths_of_one_shape_are_one(self):
        paths = self.document["paths"]
        self.assertEqual(list(paths), [
            "/orders/{id}", "/all", "/perhaps", "/asked", "/files/{rest}", "/both", "/sum/{a}",
            "/old", "/hello", "/tea", "/split", "/RPC2", "/form", "/any", "/text", "/failed",
            "/less", "/checked", "/"])
        self.assertEqual(list(paths["/orders/{id}"]), ["get", "put"])
        self.assertEqual(list(paths["/split"]), ["get", "post", "put", "patch", "delete"])
        self.assertEqual(list(paths["/RPC2"]), ["post"])
        get = self.operation("/orders/{id}")
        self.assertEqual((get["summary"], get["tags"]), ("One <order>", ["orders"]))
        self.assertIn("Otherwise at the host `*.shop.test`, with the header `X-Canary: 1`: "
                      "Answered by the service `canary`.", get["description"])
        schema = get["responses"]["2XX"]["content"]["application/json"]["schema"]
        self.assertEqual(schema, SETTINGS["routes"][0]["docs"]["reply"])

    def test_callers_show_who_they_are(self):
        schemes = self.document["components"]["securitySchemes"]
        self.assertEqual(schemes["key-X-Api-Key"],
                         {"type": "apiKey", "in": "header", "name": "X-Api-Key"})
        self.assertEqual(schemes["query-api_key"],
                         {"type": "apiKey", "in": "query", "name": "api_key"})
        self.assertEqual(schemes["token-main"]["type"], "openIdConnect")
        self.assertEqual(schemes["token-two"],
                         {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
        self.assertEqual(schemes["basic"], {"type": "http", "scheme": "basic"})
        self.assertEqual(schemes["certificate"], {"type": "mutualTLS"})
        self.assertEqual(schemes["service-stock"]["type"], "apiKey")
        put = self.operation("/orders/{id}", "put")
        self.assertEqual([list(one)[0] for one in put["security"]], [
            "key-X-Api-Key", "query-api_key", "token-main", "token-two", "basic", "certificate"])
        self.assertEqual(self.operation("/all")["security"], [{"key-X-Api-Key": [], "basic": []}])
        self.assertEqual(self.operation("/perhaps")["security"], [{}, {"key-X-Api-Key": []}])
        self.assertEqual([code for code in self.operation("/all")["responses"]],
                         ["2XX", "400", "401", "403", "429", "502", "503", "504"])

    def test_parameters_are_those_of_path_conditions_and_templates(self):
        def told(path):
            return {(p["in"], p["name"]): (p["required"], p["schema"])
                    for p in self.operation(path)["parameters"]}
        text = {"type": "string"}
        self.assertEqual(told("/files/{rest}"), {
            ("path", "rest"): (True, text), ("query", "v"): (True, {**text, "const": "2"}),
            ("query", "w"): (True, text), ("header", "X-Tenant"): (True, text)})
        self.assertEqual(told("/sum/{a}"), {
            ("path", "a"): (True, {"type": "integer", "format": "int32"}),
            ("query", "b"): (False, {"type": "integer", "format": "int32", "default": 5}),
            ("query", "at"): (True, {**text, "format": "date-time"}),
            ("header", "X-Who"): (True, {}), ("query", "x"): (True, {"type": "boolean"})})
        self.assertEqual(told("/both"), {("query", "user"): (False, text)})
        files = self.operation("/files/{rest}", "post")
        self.assertEqual(files["servers"], [{"url": "http://a.test"}])
        self.assertEqual(list(files["requestBody"]["content"]), ["image/png"])
        self.assertIn("414", files["responses"])
        self.assertIn("415", files["responses"])
        self.assertIn("At most 5 requests in 1 s", files["x-limits"])

    def test_bodies_have_the_types_that_the_settings_make_of_them(self):
        def told(path, method):
            operation = self.operation(path, method)
            return [list(part.get("content", ())) for part in (
                operation.get("requestBody", {}), operation["responses"]["2XX"])]
        form = "application/x-www-form-urlencoded"
        self.assertEqual(told("/form", "post"), [[form], ["application/hal+json"]])
        self.assertEqual(told("/any", "put"), [["application/json", "application/xml", form],
                                               ["application/xml"]])
        self.assertEqual(told("/text", "put"), [["text/plain; charset=utf-8"]] * 2)
        self.assertEqual(told("/failed", "get"), [[], []])
        self.assertEqual(told("/less", "get"), [[], ["application/json"]])
        post = self.operation("/form", "post")
        self.assertEqual(post["requestBody"]["content"][form]["schema"], {"type": "object"})
        self.assertIn("415", post["responses"])

    def test_what_is_checked_is_told(self):
        post = self.operation("/checked", "post")
        self.assertEqual(
            [(p["name"], p["required"], p["schema"]) for p in post["parameters"]],
            [("v", True, {"type": "string", "const": "1"}), ("page", False, {"type": "string"})])
        self.assertTrue(post["requestBody"]["required"])
        self.assertNotIn("required", self.operation("/form", "post")["requestBody"])

    def test_views_and_selections_are_told(self):
        less = self.operation("/less")
        self.assertEqual(
            {(p["in"], p["name"]): (p["required"], p["schema"]) for p in less["parameters"]},
            {key: (False, {"type": "string"})
             for key in (("query", "view"), ("header", "X-Tiny"), ("query", "fields"))})
        self.assertIn("`id,customer.name,lines(price)`", less["parameters"][-1]["description"])
        self.assertEqual(less["description"], (
            "Answered by the service `orders`. The first of these views that fits is answered: "
            "`small` with the parameter `view=small`, for mobile devices; `tiny` with the header "
            "`X-Tiny`, with the parameter `view=tiny`; `staff` for callers of the group `staff` or "
            "`root`."))

    def test_answers_of_the_gateway_itself(self):
        old = self.operation("/old")["responses"]
        self.assertIn("Location", old["308"]["headers"])
        hello = self.operation("/hello")["responses"]["200"]["content"]["application/json"]
        self.assertEqual(hello["example"], {"hello": [1]})
        self.assertIn("418", self.operation("/tea")["responses"])
        rpc = self.operation("/RPC2", "post")
        self.assertEqual(rpc["x-xmlrpc-methods"]["orders.get"], {
            "params": [{"name": "id", "type": "int", "required": True}], "returns": "struct",
            "help": "One order."})

    def test_it_is_served_as_any_route(self):
        answer = self.gateway.get("/openapi.json")
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")
        tag = answer.headers.get("ETag")
        again = self.gateway.get("/openapi.json", {"If-None-Match": f'"x", W/{tag}'})
        self.assertEqual((again.status, again.body, again.headers.get("ETag")), (304, b"", tag))
        head = self.gateway.request("HEAD", "/docs")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(self.gateway.get("/guarded.json").status, 401)
        guarded = self.gateway.get("/guarded.json", {"X-Api-Key": "mrk_docs"})
        self.assertEqual((guarded.status, guarded.body), (200, answer.body))
        self.assertEqual(self.gateway.request("POST", "/docs", b"x").status, 405)

    def test_the_page_needs_nothing_from_elsewhere(self):
        answer = self.gateway.get("/docs")
        text = answer.body.decode()
        page = Page(text)
        policy = answer.headers.get("Content-Security-Policy")
        style = re.search("<style>(.*?)</style>", text, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.assertIn(f"style-src 'sha256-{digest}'", policy)
        self.assertIn("default-src 'none'", policy)
        self.assertEqual({tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}, set())
        self.assertFalse([a for _, a in page.tags if "src" in a or "style" in a])
        for words in ("The <shop>", "One <order>", "/orders/{id}", "POST", "x<y", "Too many",
                      "orders.get(int id)", "needs a credential", "a name and password"):
            self.assertIn(words, page.text)
        self.assertNotIn("/secret", page.text)

    def test_the_command_prints_the_same(self):
        code, said, log = self.stage.check("microreg-gateway", "--config", self.gateway.file,
                                           "--openapi")
        self.assertEqual(code, 0, log)
        self.assertEqual(json.loads(said), self.document)


class Reloaded(SharedCase):
    """A document is of one reading of the settings."""

    def test_it_changes_with_them(self):
        routes = [{"path": "/openapi.json", "openapi": "document"},
                  {"path": "/a", "respond": {"text": "a"}}]
        gateway = self.stage.gateway({"routes": routes})
        before = gateway.get("/openapi.json")
        self.assertEqual(list(json.loads(before.body)["paths"]), ["/a"])
        gateway.write({"listen": f"127.0.0.1:{gateway.port}", "admin": "127.0.0.1:0",
                       "routes": [*routes, {"path": "/b", "respond": {"text": "b"}}]})

        def changed():
            return "/b" in json.loads(gateway.get("/openapi.json").body)["paths"]
        wait_until(changed, "the new document")
        self.assertNotEqual(gateway.get("/openapi.json").headers.get("ETag"),
                            before.headers.get("ETag"))

    def test_mistakes(self):
        file = self.stage.dir + "/g.yaml"
        for route, text in (("{path: /x, openapi: html}", "page"),
                            ("{path: /x, openapi: page, service: s}", "keep one of them"),
                            ("{path: /x, openapi: page, methods: [POST]}", "can only be read"),
                            ("{path: /x, respond: {}, docs: {reply: 5}}", "no schema")):
            with open(file, "w", encoding="utf-8") as out:
                out.write(f"services: {{s: {{instances: [\"http://127.0.0.1:1\"]}}}}\n"
                          f"routes:\n  - {route}\n")
            code, said, more = self.stage.check("microreg-gateway", "--check", "--config", file)
            with self.subTest(route):
                self.assertEqual(code, 1)
                self.assertRegex(said + more, r"g\.yaml:3: ")
                self.assertIn(text, said + more)


class Registered(SharedCase):
    """Routes that came with registrations are in it."""

    def test_a_claimed_route(self):
        registry = self.stage.registry()
        gateway = self.stage.gateway({
            "registry": {"urls": [registry.url]},
            "registry_routes": [{"service": "orders", "paths": ["/orders/*"]}],
            "routes": [{"path": "/openapi.json", "openapi": "document"}]})
        registry.register("orders", 1, host="127.0.0.1", routes=["GET /orders/{id}"])

        def told():
            return json.loads(gateway.get("/openapi.json").body)["paths"].get("/orders/{id}")
        self.assertEqual(wait_until(told, "the route")["get"]["tags"], ["orders"])
        code, said, log = self.stage.check("microreg-gateway", "--openapi", "--config",
                                           gateway.file)
        self.assertEqual(code, 0, log)
        self.assertIn("/orders/{id}", json.loads(said)["paths"])


if __name__ == "__main__":
    unittest.main()
