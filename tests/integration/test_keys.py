"""API keys: who may call, what services are told of them, and what nobody is told."""

import hashlib
import json
import re
import unittest

from harness import Case, SharedCase, wait_until
from origin import reply


def hashed(secret):
    """A key as the settings keep it."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


ADA, ADA_NEW, BOB, OLD = ("mrk_" + letter * 43 for letter in "abco")
CONSUMERS = [
    {"name": "ada", "id": "c-1", "groups": ["staff", "eu"],
     "keys": [hashed(ADA), {"hash": hashed(ADA_NEW), "expires": "2999-01-31T12:00:00Z"}]},
    {"name": "bob", "keys": hashed(BOB), "ip": {"deny": "10.6.0.0/16"}},
    {"name": "old", "keys": [{"hash": hashed(OLD), "expires": "2020-01-31"}]},
]
IDENTITY = ("X-Consumer-Id", "X-Consumer-Name", "X-Consumer-Groups", "X-Auth-Scopes")


class Keys(SharedCase):
    """One gateway before one origin."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(
            lambda request, peer: reply(body=(request.headers.get("X-Consumer-Name") or "-")
                                        .encode(), headers={"Cache-Control": "max-age=60"}))
        cls.gateway = cls.stage.gateway({
            "services": {"o": {"instances": [cls.origin.address]}},
            "consumers": CONSUMERS, "trusted_proxies": "127.0.0.1", "workers": 2,
            "routes": [
                {"path": "/key", "service": "o", "auth": "key", "cache": "off"},
                {"path": "/open", "service": "o", "cache": "off"},
                {"path": "/maybe", "service": "o", "auth": ["key", "optional"], "cache": "off"},
                {"path": "/named", "service": "o", "cache": "off", "auth": [
                    {"key": {"header": "X-Token", "query": "api_key"}}]},
                {"path": "/both", "service": "o", "cache": "off", "auth": {"all": [
                    "key", {"key": {"header": "X-Second"}}]}},
                {"path": "/either", "service": "o", "cache": "off", "auth": [
                    "key", {"key": {"header": "X-Second"}}]},
                {"path": "/kept", "service": "o", "auth": ["key", "optional"],
                 "cache": {"ttl": "1h"}},
                {"path": "/shared", "service": "o", "auth": "key",
                 "cache": {"ttl": "1h", "shared": True}},
                {"path": "/told", "auth": ["key", "optional"], "respond": {"text": "hello"},
                 "reply": {"headers": {"set": {"X-You": "{consumer.id} {consumer.name}"}}}},
            ]})

    def seen(self, path, headers=None):
        """What the service was sent."""
        self.origin.clear()
        answer = self.gateway.get(path, headers)
        self.assertEqual(answer.status, 200, answer)
        return self.origin.wait_requests(1)[0]

    def test_a_key_opens_and_the_service_is_told_whose(self):
        for secret in (ADA, ADA_NEW):
            fields = self.seen("/key", {"X-Api-Key": secret}).headers
            self.assertEqual([fields.all(name) for name in IDENTITY],
                             [["c-1"], ["ada"], ["staff,eu"], []])
            self.assertNotIn("X-Api-Key", fields)

    def test_without_one_the_answer_is_a_401_with_a_challenge(self):
        for headers in ({}, {"X-Api-Key": "wrong"}, {"X-Api-Key": ADA + "a"}, {"X-Api-Key": ""},
                        {"X-Api-Key": ADA.upper()}, {"X-Api-Key": OLD},
                        {"X-Api-Key": hashed(ADA)}, {"X-Api-Key": "a" * 5000},
                        {"Authorization": "Bearer " + ADA}):
            with self.subTest(headers):
                answer = self.gateway.get("/key", headers)
                self.assertEqual(answer.status, 401)
                self.assertEqual(answer.headers.get("WWW-Authenticate"),
                                 'ApiKey realm="microreg"')
                self.assertEqual(json.loads(answer.body)["type"],
                                 "urn:microreg:problem:unauthorized")
                self.assertNotIn("detail", json.loads(answer.body))

    def test_a_duplicate_is_refused(self):
        with self.gateway.connect() as connection:
            connection.send(f"GET /key HTTP/1.1\r\nHost: a\r\nX-Api-Key: {ADA}\r\n"
                            f"x-api-key: {ADA}\r\n\r\n".encode())
            self.assertEqual(connection.reply().status, 401)
        self.assertEqual(self.gateway.get("/named?api_key=" + ADA, {"X-Token": ADA}).status, 401)
        self.assertEqual(self.gateway.get(f"/named?api_key={ADA}&api%5fkey={ADA}").status, 401)

    def test_a_key_in_the_query_is_taken_out_of_it(self):
        for query, left in ((f"?api_key={ADA}", ""), (f"?a=1&api_key={ADA}&b=%20", "?a=1&b=%20"),
                            (f"?api%5Fkey={ADA}&b", "?b")):
            with self.subTest(query):
                request = self.seen("/named" + query)
                self.assertEqual(request.target, "/named" + left)
                self.assertEqual(request.headers.get("X-Consumer-Name"), "ada")
        self.assertEqual(self.gateway.get("/key?api_key=" + ADA).status, 401)

    def test_optional_lets_the_anonymous_in_but_no_bad_key(self):
        fields = self.seen("/maybe").headers
        self.assertEqual([name for name in IDENTITY if name in fields], [])
        self.assertEqual(self.seen("/maybe", {"X-Api-Key": BOB}).headers.get("X-Consumer-Id"),
                         "bob")
        self.assertEqual(self.gateway.get("/maybe", {"X-Api-Key": "bad"}).status, 401)

    def test_any_or_all(self):
        cases = (("/either", {"X-Api-Key": ADA}, "ada"), ("/either", {"X-Second": BOB}, "bob"),
                 ("/either", {"X-Api-Key": "bad", "X-Second": BOB}, "bob"),
                 ("/either", {"X-Api-Key": ADA, "X-Second": "bad"}, "ada"),
                 ("/either", {"X-Second": "bad"}, None), ("/either", {}, None),
                 ("/both", {"X-Api-Key": ADA, "X-Second": BOB}, "ada"),
                 ("/both", {"X-Api-Key": ADA}, None), ("/both", {"X-Second": BOB}, None),
                 ("/both", {"X-Api-Key": ADA, "X-Second": "bad"}, None), ("/both", {}, None))
        for path, headers, name in cases:
            with self.subTest(path, headers=headers):
                if name:
                    fields = self.seen(path, headers).headers
                    self.assertEqual(fields.all("X-Consumer-Name"), [name])
                    self.assertNotIn("X-Second", fields)
                    self.assertNotIn("X-Api-Key", fields)
                else:
                    self.assertEqual(self.gateway.get(path, headers).status, 401)

    def test_a_consumer_may_be_bound_to_addresses(self):
        for secret, address, status in ((BOB, "10.7.0.1", 200), (BOB, "10.6.0.1", 403),
                                        (ADA, "10.6.0.1", 200)):
            answer = self.gateway.get("/key", {"X-Api-Key": secret, "X-Forwarded-For": address})
            self.assertEqual(answer.status, status)

    def test_no_spelling_of_an_identity_header_gets_through(self):
        spellings = []
        for name in IDENTITY:
            for one in (name, name.lower(), name.upper(), name.replace("-", "_"),
                        name.replace("-", "_", 1), name.lower().replace("-", "_").title()):
                spellings.append(one)
        for path, key in (("/open", ""), ("/maybe", ""), ("/key", f"X-Api-Key: {BOB}\r\n")):
            for spelling in spellings:
                with self.subTest(path, spelling=spelling):
                    self.origin.clear()
                    with self.gateway.connect() as connection:
                        connection.send(
                            f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: {spelling}, close"
                            f"\r\n{spelling}: forged\r\n{key}{spelling}: forged2\r\n\r\n".encode())
                        self.assertEqual(connection.reply().status, 200)
                    request = self.origin.wait_requests(1)[0]
                    self.assertNotIn(b"forged", request.raw)
                    if key:
                        self.assertEqual(request.headers.all("X-Consumer-Id"), ["bob"])

    def test_nor_one_in_a_trailer(self):
        with self.gateway.connect() as connection:
            self.origin.clear()
            connection.send(b"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"1\r\nx\r\n0\r\nX-Consumer-Id: forged\r\n\r\n")
            self.assertEqual(connection.reply().status, 200)
        self.assertNotIn(b"forged", self.origin.wait_requests(1)[0].raw)

    def test_replies_are_kept_for_each_consumer(self):
        for headers, name in (({"X-Api-Key": ADA}, b"ada"), ({"X-Api-Key": BOB}, b"bob"),
                              ({}, b"-")):
            first, second = (self.gateway.get("/kept", headers) for _ in range(2))
            self.assertEqual((first.body, second.body), (name, name))
            self.assertIn("hit", second.headers.get("Cache-Status"))
        answers = [self.gateway.get("/shared", {"X-Api-Key": secret}) for secret in (ADA, BOB)]
        self.assertEqual([answer.body for answer in answers], [b"ada", b"ada"])
        self.assertEqual(self.gateway.get("/shared").status, 401)

    def test_templates_name_the_consumer(self):
        self.assertEqual(self.gateway.get("/told", {"X-Api-Key": ADA}).headers.get("X-You"),
                         "c-1 ada")
        self.assertNotIn("forged", self.gateway.get("/told", {"X-Consumer-Id": "forged"})
                         .headers.get("X-You") or "")

    def test_secrets_are_in_no_log(self):
        self.gateway.get("/key", {"X-Api-Key": ADA})
        self.gateway.get("/key", {"X-Api-Key": OLD})
        self.gateway.get(f"/named?a=7&api_key={BOB}")
        self.gateway.get(f"/named?api_key={OLD}&b=8")
        self.gateway.get(f"/nowhere?api_key={BOB}", {"Referer": f"http://a/?api_key={ADA}"})
        with self.gateway.connect() as connection:
            connection.send(f"GET /named?api_key={ADA} HTTP/1.1\r\nHost: a\r\nX-Token: {ADA}\r\n"
                            "X-Forwarded-For: 1.2.3.4\r\n\r\n".encode())
            self.assertEqual(connection.reply().status, 401)
        lines = wait_until(lambda: [one for one in self.gateway.access_log()
                                    if one.get("client") == "1.2.3.4"])
        self.assertEqual(lines[0]["reason"], "there are two keys")
        self.assertEqual(lines[0]["query"], "api_key=***")
        queries = [one.get("query") for one in self.gateway.access_log()]
        self.assertIn("a=7&api_key=***", queries)
        self.assertIn("api_key=***&b=8", queries)
        everything = self.gateway.output() + self.gateway.log()
        everything += "".join(self.gateway.admin(path).body.decode() for path in
                              ("/status", "/metrics", "/routes", "/services", "/health"))
        for secret in (ADA, ADA_NEW, BOB, OLD):
            self.assertFalse(secret in everything, secret)
        self.assertIn("ada", [one.get("consumer") for one in self.gateway.access_log()])


class Settings(Case):
    """What the file says of consumers."""

    def check(self, text):
        """What --check says of a file."""
        with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
            file.write(text)
        return self.stage.check("microreg-gateway", "--check", "--config",
                                self.stage.dir + "/g.yaml")

    def test_the_admin_door_numbers_the_keys_of_the_settings(self):
        gateway = self.stage.gateway({"consumers": [{"name": "bob", "keys": [
            hashed("a"), {"hash": hashed("b"), "expires": "2099-01-01T00:00:00Z"}]}]})
        keys = json.loads(gateway.admin("/consumers").body)["consumers"][0]["keys"]
        self.assertEqual([key["number"] for key in keys], [1, 2])
        self.assertIn("2099-01-01", keys[1]["expires"])

    def test_mistakes_are_told_with_their_line(self):
        route = "routes:\n  - {path: /, respond: {text: a}, auth: %s}\n"
        for text, told in (
                (f"consumers:\n  - {{name: ada, keys: [{ADA}]}}\n",
                 r"g.yaml:2: consumers\[0\]\.keys\[0\]: this is no hash of a key; .*--new-key"),
                ("consumers:\n  - {name: a}\n  - {name: a}\n",
                 r'g.yaml:3: consumers\[1\]: the name "a" is that of line 2'),
                ("consumers:\n  - {name: a, id: x}\n  - {name: b, id: x}\n",
                 r'g.yaml:3: .*the id "x" is that of line 2'),
                (f"consumers:\n  - {{name: a, keys: {hashed('x')}}}\n"
                 f"  - {{name: b, keys: {hashed('x')}}}\n",
                 r"g.yaml:3: consumers\[1\]: keys\[0\] is a key of line 2, too"),
                ("consumers:\n  - {name: 'a\tb'}\n", r"g.yaml:2: .*can't be a name"),
                ("consumers:\n  - {name: a, groups: ['a,b']}\n", r"g.yaml:2: .*can't be a name"),
                ("consumers:\n  - {name: a, keys: [{hash: x, expires: soon}]}\n",
                 r'g.yaml:2: .*expires: "soon" is no time; write one like 2027-01-31'),
                (route % "kye", r'g.yaml:2: routes\[0\]\.auth: "kye" is no way'),
                (route % "[{all: [key, basic]}]",
                 r"auth\[0\]: `all` is no method of a list: it stands alone, as `auth: {all: "),
                (route % "[{kye: {}}]", r'auth\[0\]\.kye: .*did you mean "key"'),
                (route % "[optional]", r"there is no method beside optional"),
                (route % "[]", r"there are 0 methods; write 1 to 8"),
                (route % "[{key: {header: 'a b'}}]", r'"a b" can\'t carry a key'),
                (route % "[{key: {header: Host}}]", r'"Host" can\'t carry a key'),
                ("routes:\n  - {path: /, service: s, request: {headers: {set: "
                 "{X_Consumer_Id: a}}}}\n", r"the gateway writes this field itself")):
            with self.subTest(text):
                code, out, err = self.check(text)
                self.assertEqual(code, 1, out)
                self.assertRegex(err, told)
                self.assertNotIn(ADA, err)

    def test_a_new_key_opens_and_a_reload_takes_it_away(self):
        code, out, _ = self.stage.check("microreg-gateway", "--new-key", "eve")
        self.assertEqual(code, 0)
        secret = re.search(r"(mrk_[\w-]{43})\n", out).group(1)
        consumers = out[out.index("consumers:"):]
        self.assertNotIn(secret, consumers)
        self.assertIn(hashed(secret), consumers)
        other = self.stage.check("microreg-gateway", "--new-key", "eve")[1]
        self.assertNotIn(secret, other)
        head = "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nroutes:\n"
        route = "  - {path: /, auth: key, respond: {text: hello}}\n"
        gateway = self.stage.gateway(head + route + consumers)
        self.assertEqual(gateway.get("/", {"X-Api-Key": secret}).status, 200)
        gateway.write(head + route)
        gateway.wait_status("/", 401, {"X-Api-Key": secret})


if __name__ == "__main__":
    unittest.main()
