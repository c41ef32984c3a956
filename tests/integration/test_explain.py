"""microreg-gateway --explain: the route that takes a request, and why others do not."""

import unittest

from harness import Case, free_port

SETTINGS = """\
registry: {urls: ["%s"]}
services: {legacy: {instances: ["http://10.0.0.9:80", {url: "http://old:81", weight: 3}]}}
routes:
  - {path: "/orders/{id}", methods: GET, service: orders}
  - {path: "/orders/{id}", methods: GET, headers: {X-Canary: "1"}, service: canary}
  - {path: "/orders/*", service: orders, methods: [GET, DELETE]}
  - {path: /orders/7, hosts: [a.example, "*.b.example"], service: legacy}
  - {path: "/new/{id}", query: {v: "2"}, service: legacy, rewrite: "/x?id={id}"}
  - {path: "/old/*", redirect: {to: "/new/{*}", status: 308}}
  - {path: /ping, respond: {status: 203, text: pong}}
  - {path: /files/*, service: legacy}
  - {path: /guarded, service: legacy, auth: [key, optional], allow: ["group:a", "method:GET"],
     ip: {deny: 10.0.0.0/8}, cors: {origins: "*"}, user_agents: {deny: ["*bot*"]},
     rate_limit: [{rate: 5, per: 1m}, {concurrent: 2, by: "header:X-A"}]}
  - {path: /both, split: [{service: legacy, weight: 9}, {service: legacy}]}
  - path: "/whole/{id}"
    compose:
      calls:
        user: {service: legacy, path: "/u/{order.user}", require: optional, when: "{query.u} == y"}
        order: {service: legacy, path: "/o/{id}?x={query.x}"}
        goods: {service: other, path: "/g/{item}", for_each: ".order.goods[]", timeout: 2s}
      reply: {from: order, set: {user: user}, drop: [userId]}
paths: {escaped_slash: keep}
"""


class Explain(Case):
    """Each case runs the program once."""

    def setUp(self):
        super().setUp()
        self.url = f"http://127.0.0.1:{free_port()}/RPC2"

    def explain(self, request):
        """(exit code, standard output, standard error)"""
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write(SETTINGS % self.url)
        return self.stage.check("microreg-gateway", "--config", self.stage.dir + "/g.yaml",
                                "--explain", request)

    def test_the_route_and_its_instances_are_told(self):
        registry = self.stage.registry()
        self.url = registry.url
        registry.register("orders", 9001, id="one")
        registry.register("orders", 9002, id="two", weight=5)
        registry.register("orders", 9003, id="three", status="draining")
        registry.register("orders", 9004, id="four", scheme="https")
        code, out, _ = self.explain("GET /orders/7?x=1")
        self.assertEqual(code, 0)
        for line in (r"route: /orders/\{id\}  \S*g\.yaml:4\n  \{id\} is 7\n", r"service: orders\n",
                     r"  one  127\.0\.0\.1:9001  weight 1  takes requests\n",
                     r"  two  127\.0\.0\.1:9002  weight 5  takes requests\n",
                     r"  three .*left out: it is draining",
                     r"  four  https://127.0.0.1:9004  weight 1  takes requests",
                     r"less specific routes that would take it:\n  /orders/\*  \S*:6\n",
                     r"nearly take it:\n  /orders/\{id\}  \S*:5  it wants the header X-Canary "
                     r'to be "1"\n',
                     r"  /orders/7  \S*:7  its hosts are a\.example \*\.b\.example\n"):
            with self.subTest(line):
                self.assertRegex(out, line)
        self.assertRegex(self.explain("/orders/8 X-Canary:1")[1], "does not know the service|none")

    def test_the_calls_of_a_composed_route_are_told_in_their_order(self):
        self.url = self.stage.registry().url
        code, out, _ = self.explain("GET /whole/7?x=a%26b")
        self.assertEqual(code, 0)
        self.assertIn("""composed of:
  order: GET /o/7?x=a%26b of legacy, required
then, as their values come:
  user: GET /u/{order.user} of legacy, optional, when {query.u} == y; waits for order
  goods: GET /g/{item} of other, required, for each of at most 100 values of order, """
                      """8 requests at once, within 2000 ms; waits for order
joined: order with "user" without "userId"
service: legacy
""", out)
        self.assertEqual(out.count("service: "), 2)

    def test_what_a_request_has_to_pass_is_told(self):
        out = self.explain("GET /guarded")[1]
        for line in ("ip: 0 networks allowed, 1 denied",
                     "user_agents: 0 patterns allowed, 1 denied",
                     "cors: any origin", 'limit: "route", 5 in 60000 ms by address',
                     'limit: "route-2", 2 at once by header X-A', "auth: key, or nobody",
                     "allow: group:a", "    or method:GET"):
            self.assertIn(line + "\n", out)

    def test_a_registry_that_is_down_is_told(self):
        code, out, _ = self.explain("GET /orders/7")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"instances: the registry can't be asked: .*refused")
        self.assertNotIn("takes those of", out)
        path = self.stage.dir + "/kept.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write((SETTINGS % self.url).replace("registry: {", "registry: {snapshot: /kept, "))
        _, out, _ = self.stage.check("microreg-gateway", "--config", path, "--explain",
                                     "GET /orders/7")
        self.assertRegex(out, r"asked: .*refused.*; a gateway that starts now takes those of /kept")

    def test_headers_choose_as_they_do_in_a_request(self):
        cases = [
            ("GET /orders/7 Host:x.b.example:8080", "7"), ("/orders/7 host:A.Example", "7"),
            ("/orders/7 Host:b.example", "4"), ("/orders/7 X-Canary:1 Accept: a b", "5"),
            ("DELETE /orders/7", "6"), ("/orders/./8", "4"),
        ]
        for request, line in cases:
            with self.subTest(request):
                code, out, _ = self.explain(request)
                self.assertEqual(code, 0)
                self.assertRegex(out, rf"^route: .*g\.yaml:{line}\n")

    def test_actions_are_shown_as_they_would_come_out(self):
        code, out, _ = self.explain("/new/a%2fb?v=2")
        self.assertEqual(code, 0)
        self.assertIn("rewritten: /x?id=a%2Fb\n", out)
        self.assertIn("http://old:81  weight 3  takes requests\n", out)
        self.assertIn("refused with 400: the path has a semicolon", self.explain("/new/a;b?v=2")[1])
        self.assertIn("answer: 308\nlocation: /new/a/b?c\n", self.explain("/old/a/b?c")[1])
        self.assertIn("answer: 203, fixed\n", self.explain("/ping")[1])

    def test_the_shares_of_a_split_are_told(self):
        code, out, _ = self.explain("/both")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"service: legacy, weight 9 of 10\ninstances.*\n(.*\n)*"
                              r"service: legacy, weight 1 of 10\ninstances")

    def test_no_route_is_exit_code_1_with_what_was_near(self):
        cases = [
            ("PATCH /orders/8", r"405.*\n(.*\n)*.*:4  its methods are GET HEAD\n"),
            ("/ordrs/8/x", r"404.*\n(.*\n)*.*:6  the path has \"ordrs\" where it has \"orders\""),
            ("/ping/", r"404.*\n(.*\n)*.*:10  the path goes on with \"/\""),
            ("/files", r"404.*\n(.*\n)*.*:11  the path ends before \*"),
            ("/new/7?v=3", r"404.*\n(.*\n)*.*:8  it wants the query parameter v to be \"2\""),
            ("/%00", r"refused with 400"), ("GET nothing", r"refused with 400"),
            ("/a Host:a Host:b", r"refused with 400"), ("/", r"404[^\n]*\n$"),
        ]
        for request, text in cases:
            with self.subTest(request):
                code, out, _ = self.explain(request)
                self.assertEqual(code, 1)
                self.assertRegex(out, text)

    def test_what_is_no_request_is_exit_code_2(self):
        for request in ("", "GET", "GET /a nonsense"):
            with self.subTest(request):
                code, out, err = self.explain(request)
                self.assertEqual((code, out), (2, ""))
                self.assertIn("--explain", err)


if __name__ == "__main__":
    unittest.main()
