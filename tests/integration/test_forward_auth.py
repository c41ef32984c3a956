"""Forward auth: a service is asked whether a caller may; its answer is heard, kept or missed."""

import hashlib
import json
import os
import re
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import tokens
from harness import Case, SharedCase, wait_until
from origin import chunked, reply

KEY = "mrk_" + "k" * 43
WELL = {"Authorization": "Bearer ada"}


def decide(request, peer):
    """The service that is asked: it knows ada and eve, and what each path of its is for."""
    del peer
    token, path = request.headers.get("Authorization") or "", request.target.split("?")[0]
    if path == "/strange":
        return reply(int(request.headers.get("X-Status") or 500))
    if path == "/login" and not token:
        return reply(302, b"<p>log in</p>", [
            ("Location", "https://id.example.org/?back=/a"), ("Set-Cookie", "state=1; Path=/"),
            ("Set-Cookie", "other=2"), ("Content-Type", "text/html"), ("X-Own", "hidden")])
    if token.endswith("eve"):
        return reply(403, b'{"no":"eve"}', {"Content-Type": "application/json", "X-Why": "eve"})
    if not token.endswith("ada"):
        return reply(401, b"who?", [("WWW-Authenticate", 'Own realm="a"'),
                                    ("WWW-Authenticate", "Second"), ("X-Own", "hidden")])
    return reply(200, b"welcome", [
        ("X-User", "ada"), ("X-User-Mail", "ada@example.org"), ("X-Name", "Ada Lovelace"),
        ("X-Groups", "staff, eu"), ("X-Scopes", "read write"), ("X-Own", "hidden"),
        ("X-Session", "fresh"), ("Authorization", "Internal 7"),
        ("Cache-Control", request.headers.get("X-Say") or "max-age=600")])


class Asked(SharedCase):
    """One gateway, the service that is asked, and the one behind."""

    @classmethod
    def prepare(cls):
        cls.authz = cls.stage.origin(decide)
        def serve(request, _):
            if request.target == "/viewed/a":
                return reply(body=b'{"id":1,"secret":2}',
                             headers={"Content-Type": "application/json"})
            return reply(body=(request.headers.get("X-User") or "-").encode(),
                         headers={"X-Session": "services"})
        cls.origin = cls.stage.origin(serve)

        def forward(path="/check", **more):
            return {"forward": {"service": "authz", "path": path, **more}}
        named = {"consumer_header": "X-User", "name_header": "X-Name",
                 "groups_header": "X-Groups", "scopes_header": "X-Scopes"}
        routes = {
            "plain": forward(),
            "told": forward(request_headers=["X-User", "X-User-Mail"],
                            reply_headers=["X-Session"], **named),
            "viewed": forward(**named),
            "swap": forward(request_headers=["Authorization"]),
            "login": forward("/login"),
            "body": forward(body=True, reply_headers=["X-Why"]),
            "few": forward("/check?p={request.path}&q={query.q}", method="POST",
                           headers=["Authorization"]),
            "strange": forward("/strange"),
            "needs": forward("/check/{query.tenant}"),
            "kept": forward(cache={"ttl": "1h", "by": ["header Authorization", "cookie sid"]},
                            request_headers="X-User"),
            "route": forward(cache={"ttl": "1h", "by": "header Authorization", "per": "route"}),
            "maybe": [forward(request_headers="X-User"), "optional"],
            "either": ["key", forward()],
            "either-way": [forward(request_headers="X-User"), "key"],
            "both": {"all": ["key", forward(request_headers="X-User")]},
            "down": [{"forward": {"service": "gone", "path": "/"}}, "key"],
        }
        rest = {"told": {"allow": "group:staff and group:eu and scope:write and known"},
                "viewed": {"views": {"eu": {"groups": ["eu"], "reply": "{id}"}}},
                "few": {"rewrite": "/elsewhere"}}
        cls.gateway = cls.stage.gateway({
            "workers": 2, "consumers": [
                {"name": "key", "keys": "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()}],
            "services": {"o": {"instances": [cls.origin.address]},
                         "authz": {"instances": [cls.authz.address]},
                         "gone": {"instances": ["http://127.0.0.1:1"]}},
            "routes": [{"path": f"/{name}/*", "service": "o", "cache": "off", "auth": auth,
                        **rest.get(name, {})} for name, auth in routes.items()]})

    def setUp(self):
        self.origin.clear()
        self.authz.clear()

    def get(self, path, headers=None, status=200):
        """GET, with the answer looked at."""
        answer = self.gateway.get(path, WELL if headers is None else headers)
        self.assertEqual(answer.status, status, answer)
        return answer

    def reason(self, path):
        """What the log says of the last request to that path."""
        lines = wait_until(lambda: [one for one in self.gateway.access_log()
                                    if one["path"] == path], "the line")
        return lines[-1]

    def test_groups_that_a_service_tells_have_their_views(self):
        self.assertEqual(self.get("/viewed/a").body, b'{"id":1}')

    def test_the_question_has_the_clients_fields_and_not_its_body(self):
        self.gateway.request("PUT", "/plain/../plain/a%41?x=1", b'{"a":1}', {
            **WELL, "Content-Type": "application/json", "Accept": "text/html", "Cookie": "a=b",
            "X-Forwarded-Uri": "/forged", "X_Forwarded_Method": "forged", "If-Match": "x",
            "Accept-Encoding": "gzip", "Connection": "X-Hop", "X-Hop": "hop", "Range": "bytes=0-"})
        asked = self.authz.wait_requests(1)[0]
        self.assertEqual((asked.method, asked.target, asked.body), ("GET", "/check", b""))
        for name, value in (("X-Forwarded-Method", "PUT"), ("X-Forwarded-Uri", "/plain/aA?x=1"),
                            ("X-Forwarded-Proto", "http"), ("X-Forwarded-For", "127.0.0.1"),
                            ("X-Forwarded-Host", f"127.0.0.1:{self.gateway.port}"),
                            ("Accept", "text/html"), ("Cookie", "a=b"),
                            ("Authorization", "Bearer ada")):
            self.assertEqual(asked.headers.all(name), [value], name)
        for name in ("Content-Type", "Content-Length", "If-Match", "Range", "X-Hop",
                     "Accept-Encoding", "X_Forwarded_Method"):
            self.assertNotIn(name, asked.headers)
        self.assertNotIn(b"forged", asked.raw)
        self.assertEqual(self.origin.wait_requests(1)[0].body, b'{"a":1}')

    def test_which_fields_go_and_what_is_asked_can_be_said(self):
        self.get("/few/a b?q=1%262".replace(" ", "%20"), {**WELL, "X-Other": "1", "Cookie": "a=b"})
        asked = self.authz.wait_requests(1)[0]
        self.assertEqual((asked.method, asked.target),
                         ("POST", "/check?p=%2Ffew%2Fa%20b&q=1%262"))
        self.assertEqual(asked.headers.get("Content-Length"), "0")
        self.assertNotIn("X-Other", asked.headers)
        self.assertNotIn("Cookie", asked.headers)
        self.assertEqual(asked.headers.get("X-Forwarded-Uri"), "/few/a%20b?q=1%262")
        self.assertEqual(self.origin.wait_requests(1)[0].target, "/elsewhere?q=1%262")
        self.get("/needs/a", status=401)
        self.get("/needs/a?tenant=7")
        self.assertEqual(self.authz.wait_requests(2)[1].target, "/check/7")

    def test_a_yes_passes_with_its_fields(self):
        answer = self.get("/told/a", {**WELL, "X-User": "forged", "x_user_mail": "forged"})
        seen = self.origin.wait_requests(1)[0]
        self.assertEqual([seen.headers.all(name) for name in (
            "X-User", "X-User-Mail", "X-Consumer-Id", "X-Consumer-Name", "X-Consumer-Groups",
            "X-Auth-Scopes", "X-Own", "Authorization")],
            [["ada"], ["ada@example.org"], ["ada"], ["Ada Lovelace"], ["staff,eu"],
             ["read write"], [], ["Bearer ada"]])
        self.assertNotIn(b"forged", seen.raw)
        self.assertNotIn(b"forged", self.authz.wait_requests(1)[0].raw)
        self.assertEqual(answer.headers.all("X-Session"), ["services", "fresh"])
        self.assertNotIn("X-Own", answer.headers)
        line = self.reason("/told/a")
        self.assertEqual(line["consumer"], "Ada Lovelace")
        self.assertGreater(line["auth_ms"], 0)

    def test_what_it_brings_can_be_sent_by_nobody_on_any_route(self):
        for path in ("/plain/a", "/maybe/a"):
            self.origin.clear()
            self.gateway.get(path, {**WELL, "X-User-Mail": "forged", "X_USER_MAIL": "forged"})
            self.assertNotIn(b"forged", self.origin.wait_requests(1)[0].raw)

    def test_a_credential_may_be_swapped(self):
        self.get("/swap/a")
        self.assertEqual(self.origin.wait_requests(1)[0].headers.all("Authorization"),
                         ["Internal 7"])

    def test_a_no_is_the_services_own(self):
        answer = self.get("/plain/no", {}, 401)
        self.assertEqual(answer.headers.all("WWW-Authenticate"), ['Own realm="a"', "Second"])
        self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:unauthorized")
        self.assertNotIn("X-Own", answer.headers)
        line = self.reason("/plain/no")
        self.assertEqual((line["reason"], line["flags"]),
                         ('"authz", which is asked, answers 401', ["UA"]))
        answer = self.get("/plain/eve", {"Authorization": "eve"}, 403)
        self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:forbidden")
        self.assertNotIn("X-Why", answer.headers)
        answer = self.get("/body/eve", {"Authorization": "eve"}, 403)
        self.assertEqual((answer.body, answer.headers.get("Content-Type"),
                          answer.headers.get("X-Why")),
                         (b'{"no":"eve"}', "application/json", "eve"))
        answer = self.get("/login/a", {}, 302)
        self.assertEqual((answer.body, answer.headers.get("Location"),
                          answer.headers.all("Set-Cookie")),
                         (b"", "https://id.example.org/?back=/a", ["state=1; Path=/", "other=2"]))
        self.assertEqual(self.origin.requests, [])

    def test_anything_else_fails_closed(self):
        for status in (300, 304, 400, 404, 429, 500, 503, 299, 204):
            with self.subTest(status):
                path, good = f"/strange/{status}", status in (299, 204)
                answer = self.get(path, {"X-Status": str(status)}, 200 if good else 503)
                if not good:
                    self.assertEqual(json.loads(answer.body)["type"],
                                     "urn:microreg:problem:auth-unavailable")
        self.assertEqual(len(self.origin.requests), 2)
        self.assertEqual(self.reason("/strange/404")["reason"],
                         '"authz", which is asked, answers 404')
        self.get("/down/a", {}, 503)
        self.assertRegex(self.reason("/down/a")["reason"],
                         'no answer of "gone", which is asked: .*refused')
        self.get("/down/b", {"X-Api-Key": KEY})  # another way in stays one

    def test_combinations(self):
        key, bad = {"X-Api-Key": KEY}, {"X-Api-Key": "bad"}
        for path, headers, status in (
                ("/either/a", key, 200), ("/either/a", WELL, 200), ("/either/a", {}, 401),
                ("/either/a", {**bad, **WELL}, 200), ("/either/a", bad, 401),
                ("/both/a", key, 401), ("/both/a", WELL, 401), ("/both/a", {**key, **WELL}, 200),
                ("/both/a", {**bad, **WELL}, 401), ("/both/a", {}, 401),
                ("/maybe/a", {}, 200), ("/maybe/a", WELL, 200), ("/either-way/a", key, 200),
                ("/maybe/a", {"Authorization": "x"}, 401), ("/maybe/a", {"Cookie": "a=b"}, 401),
                ("/maybe/a", {"Authorization": "eve"}, 403), ("/either-way/a", WELL, 200)):
            with self.subTest(path, headers=headers):
                self.get(path, headers, status)
        self.authz.clear()
        self.get("/either/b", key)
        self.get("/both/b", {**bad, **WELL}, 401)
        self.assertEqual(self.authz.requests, [])  # it would change nothing
        self.origin.clear()
        self.get("/both/b", {**key, **WELL})
        fields = self.origin.wait_requests(1)[0].headers
        self.assertEqual((fields.get("X-Consumer-Id"), fields.get("X-User")), ("key", "ada"))
        self.assertEqual(self.authz.wait_requests(1)[0].headers.get("X-Consumer-Id"), "key")
        self.assertNotIn("X-Api-Key", fields)

    def questions(self, *requests):
        """How many questions those requests came to: (path, headers) each."""
        before = len(self.authz.requests)
        for path, headers in requests:
            self.gateway.get(path, headers)
        return len(self.authz.requests) - before

    def test_a_yes_is_kept_for_its_caller_and_request(self):
        sid = {**WELL, "Cookie": "x=1; sid=7"}
        self.assertEqual(self.questions(*[("/kept/a", WELL)] * 3), 1)
        self.assertEqual({one.headers.get("X-User") for one in self.origin.requests}, {"ada"})
        self.assertEqual(self.questions(*[("/kept/b", WELL)] * 2), 1)
        self.assertEqual(self.questions(*[("/kept/a", sid)] * 2), 1)
        self.assertEqual(self.questions(*[("/kept/a", {**WELL, "Cookie": "sid=8"})] * 2), 1)
        self.assertEqual(self.questions(*[("/kept/a", {**WELL, "Cookie": "sid=7; sid=8"})] * 2),
                         2)
        self.assertEqual(self.questions(*[("/kept/a", {**WELL, "authorization_": "x"})] * 2), 0)
        self.assertEqual(self.questions(*[("/kept/none", {"X-A": "b"})] * 2), 2)
        self.assertEqual(self.questions(*[("/kept/store", {**WELL, "X-Say": "no-store"})] * 2), 2)
        self.assertEqual(self.questions(*[("/kept/age", {**WELL, "X-Say": "max-age=0"})] * 2), 2)
        self.assertEqual(self.questions(("/route/a", WELL), ("/route/b?c=d", WELL)), 1)
        self.assertGreaterEqual(self.gateway.metrics()[
            'microreg_gateway_auth_forward_total{result="kept"}'], 6)

    def test_a_no_is_kept_shortly(self):
        eve = {"Authorization": "eve"}
        self.assertEqual(self.questions(*[("/kept/eve", eve)] * 2), 1)
        wait_until(lambda: self.questions(("/kept/eve", eve)) == 1, "another question")

    def test_many_ask_once(self):
        gate = threading.Event()

        def slow(request, peer):
            gate.wait(20)
            return decide(request, peer)
        self.authz.behave = slow
        self.addCleanup(setattr, self.authz, "behave", decide)
        headers = {**WELL, "Cookie": "sid=many"}
        with ThreadPoolExecutor(16) as pool:
            answers = [pool.submit(self.gateway.get, "/kept/many", headers) for _ in range(16)]
            self.authz.wait_requests(1)
            wait_until(lambda: self.gateway.metrics()["microreg_gateway_requests_in_flight"] == 16)
            gate.set()
            self.assertEqual({one.result().body for one in answers}, {b"ada"})
        self.assertEqual(len(self.authz.requests), 1)


class Alone(Case):
    """Each test has its own gateway."""

    def start(self, behave, **forward):
        """A gateway whose one route asks a service that behaves so."""
        self.authz, self.origin = self.stage.origin(behave), self.stage.origin()
        self.gateway = self.stage.gateway(self.file(**forward))

    def file(self, **forward):
        """Its settings."""
        return {**self.stage.settings(), "workers": 1, "services": {
            "o": {"instances": [self.origin.address]},
            "authz": {"instances": [self.authz.address]}}, "routes": [
            {"path": "/*", "service": "o", "auth": {
                "forward": {"service": "authz", "path": "/", **forward}}}]}

    def test_a_client_that_leaves_takes_its_question_along(self):
        gone = threading.Event()

        def wait(request, peer):
            del request
            if not peer.sock.recv(1):  # the gateway has closed
                gone.set()
        self.start(wait, timeout="1h")
        with self.gateway.connect() as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.authz.wait_requests(1)
        wait_until(gone.is_set, "the end of the question")
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_requests_in_flight"] == 0)

    def test_one_that_waits_asks_when_the_first_has_left(self):
        self.start(lambda request, peer: None, timeout="1h",
                   cache={"ttl": "1h", "by": "header Authorization"})
        question = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: ada\r\n\r\n"
        with self.gateway.connect() as first, self.gateway.connect() as second:
            first.send(question)
            self.authz.wait_requests(1)
            second.send(question)
            wait_until(lambda: self.gateway.metrics()[
                "microreg_gateway_requests_in_flight"] == 2)
            self.authz.behave = decide
            first.close()
            self.assertEqual(second.reply().status, 200)
        self.assertEqual(len(self.authz.requests), 2)

    def test_a_slow_one_is_not_waited_for(self):
        self.start(lambda request, peer: None, timeout="200ms")
        self.assertEqual(self.gateway.get("/").status, 503)
        self.assertEqual(self.origin.requests, [])

    def test_bad_answers_are_none(self):
        big = b"x" * (1 << 20)
        answers = {"/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
                   "/bad": b"nonsense\r\n\r\n", "/long": chunked([big, b"x"]),
                   "/coded": reply(headers={"Content-Encoding": "gzip"}), "/": reply(body=big)}

        def behave(request, peer):
            peer.send(answers[request.headers.get("X-Forwarded-Uri")])
            peer.close()
        self.start(behave)
        for path in answers:
            with self.subTest(path):
                self.assertEqual(self.gateway.get(path).status, 200 if path == "/" else 503)

    def test_what_is_kept_of_one_token_is_not_said_of_another(self):
        signer = tokens.key("P-256", "e")
        keys = os.path.join(self.stage.dir, "keys.jwks")
        with open(keys, "w", encoding="utf-8") as file:
            file.write(tokens.public(signer))
        authz = self.stage.origin(lambda request, peer: reply(
            200 if request.headers.get("X-Auth-Scopes") == "admin" else 403))
        gateway = self.stage.gateway({
            "workers": 1, "issuers": {"id": {"jwks_file": keys}},
            "services": {"o": {"instances": [self.stage.origin().address]},
                         "authz": {"instances": [authz.address]}},
            "routes": [{"path": "/*", "service": "o", "auth": {"all": [{"jwt": "id"}, {"forward": {
                "service": "authz", "path": "/",
                "cache": {"ttl": "1h", "by": "cookie sid"}}}]}}]})

        def ask(scope):
            token = tokens.sign(signer, "ES256", tokens.claims(sub="ada", scope=scope))
            return gateway.get("/", {"Authorization": "Bearer " + token, "Cookie": "sid=7"}).status
        self.assertEqual([ask("admin"), ask("admin"), ask("read")], [200, 200, 403])
        self.assertEqual(len(authz.requests), 2)

    def test_a_reload_forgets_what_was_kept(self):
        cache = {"ttl": "1h", "by": "header Authorization"}
        self.start(decide, cache=cache)
        for _ in range(2):
            self.assertEqual(self.gateway.get("/", WELL).status, 200)
        self.assertEqual(len(self.authz.requests), 1)
        self.authz.behave = lambda request, peer: reply(403)
        self.gateway.write(self.file(cache=cache, request_headers="X-User"))
        self.gateway.wait_status("/", 403, WELL)

    def test_its_service_goes_the_way_of_every_service(self):
        registry = self.stage.registry()
        tries = iter([reply(503), reply(204)])
        bad = self.stage.origin(lambda request, peer: next(tries, reply(204)))
        good = self.stage.origin(lambda request, peer: next(tries, reply(204)))
        for number, one in enumerate((bad, good)):
            registry.register("authz", one.port, id=str(number))
        self.origin = self.stage.origin()
        gateway = self.stage.gateway({
            "services": {"o": {"instances": [self.origin.address]}},
            "routes": [{"path": "/*", "service": "o", "auth": {
                "forward": {"service": "authz", "path": "/"}}}]})
        self.assertEqual(gateway.wait_status("/", 200).status, 200)  # the 503 was tried again

    def test_mistakes_are_told_and_explain_tells_what_is_asked(self):
        def check(forward, *more):
            with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                file.write("services: {o: {instances: ['http://a:1']}, "
                           "authz: {instances: ['http://a:2']}}\nroutes:\n"
                           f"  - path: /a/{{id}}\n    service: o\n    auth:\n      - {forward}\n")
            return self.stage.check("microreg-gateway", "--config", self.stage.dir + "/g.yaml",
                                    *(more or ["--check"]))
        good = "service: authz, path: /c"
        for forward, told in (
                ("{service: autz, path: /}",
                 r'g.yaml:6: .*no service "autz" is listed; did you mean "authz"'),
                ("{service: authz}", r'g.yaml:6: .*the key "path" is missing'),
                ("{service: authz, path: check}", r"g.yaml:6: .*path: .*/"),
                ("{service: authz, path: '/{ids}'}", r'g.yaml:6: .*did you mean \{id\}'),
                (f"{{{good}, request_headers: [X-Consumer-Id]}}", "writes this field itself"),
                (f"{{{good}, request_headers: [Host]}}", "can't choose the Host"),
                (f"{{{good}, cache: {{ttl: 1s}}}}", r'the key "by" is missing'),
                (f"{{{good}, cache: {{ttl: 1s, by: Authorization}}}}",
                 'write one like "header Authorization"'),
                (f"{{{good}, timeuot: 1s}}", r'did you mean "timeout"')):
            with self.subTest(forward):
                code, out, err = check("{forward: " + forward + "}")
                self.assertEqual(code, 1, out)
                self.assertRegex(err, told)
        cache = "cache: {ttl: 5s, by: [header X-A, cookie b]}"
        _, out, _ = check(f"{{forward: {{{good}, {cache}}}}}", "--explain", "GET /a/1")
        self.assertTrue(re.search(r"auth: forward authz\n  authz is asked: GET /c, within 2000 ms; "
                                  r"a yes counts 5000 ms, a no 1000 ms, for the same request by "
                                  r"header X-A and cookie b\n", out), out)


if __name__ == "__main__":
    unittest.main()
