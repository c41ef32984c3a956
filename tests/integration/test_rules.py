"""Who of those that are known may: the rules of a route."""

import hashlib
import json
import unittest

import tokens
from harness import Case, SharedCase, wait_until


def hashed(secret):
    """A key as the settings keep it."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


class Rules(SharedCase):
    """One gateway, keys and tokens."""

    @classmethod
    def prepare(cls):
        cls.key = tokens.key("Ed25519", "k")
        with open(cls.stage.dir + "/k.jwks", "w", encoding="utf-8") as file:
            file.write(tokens.public(cls.key))
        fixed = {"respond": {"text": "hello"}}
        cls.gateway = cls.stage.gateway({
            "consumers": [{"name": "ada", "groups": ["staff"], "keys": hashed("ada")},
                          {"name": "bob", "keys": hashed("bob")}],
            "issuers": {"main": {"jwks_file": "k.jwks"}},
            "routes": [
                {**fixed, "path": "/staff", "auth": "key", "allow": "group:staff"},
                {**fixed, "path": "/maybe", "auth": ["key", "optional"],
                 "allow": ["method:GET,HEAD", "group:staff"]},
                {**fixed, "path": "/t/{tenant}", "auth": ["key", {"jwt": "main"}], "allow": [
                    "group:staff", "scope:orders.read and claim:tenant = {tenant}"]},
                {**fixed, "path": "/never", "allow": ["method:PUT", "not path:/never"]}]})

    def status(self, path, secret=None, token=None, method="GET"):
        """What a caller gets."""
        headers = {"X-Api-Key": secret} if secret else {}
        if token is not None:
            headers["Authorization"] = "Bearer " + tokens.sign(
                self.key, "EdDSA", tokens.claims(**token))
        return self.gateway.request(method, path, None, headers).status

    def test_rules_decide_between_those_that_are_known(self):
        read = "orders.read orders.write"
        for status, path, options in (
                (200, "/staff", {"secret": "ada"}), (403, "/staff", {"secret": "bob"}),
                (401, "/staff", {}), (401, "/staff", {"secret": "eve"}),
                (200, "/maybe", {}), (401, "/maybe", {"method": "POST"}),
                (403, "/maybe", {"method": "POST", "secret": "bob"}),
                (200, "/maybe", {"method": "POST", "secret": "ada"}),
                (200, "/t/acme", {"secret": "ada"}), (403, "/t/acme", {"secret": "bob"}),
                (200, "/t/acme", {"token": {"tenant": "acme", "scope": read}}),
                (403, "/t/other", {"token": {"tenant": "acme", "scope": read}}),
                (403, "/t/acme", {"token": {"tenant": "acme"}}),
                (403, "/t/acme", {"token": {"scope": read}}),
                (200, "/t/b", {"token": {"tenant": ["a", "b"], "scope": read}}),
                (200, "/t/a%20b", {"token": {"tenant": "a b", "scope": read}}),
                (403, "/never", {})):
            with self.subTest(path, **options):
                self.assertEqual(self.status(path, **options), status)

    def test_the_log_says_which_rule_and_the_answer_does_not(self):
        answer = self.gateway.get("/t/x", {"X-Api-Key": "bob", "X-Request-Id": "which"})
        self.assertEqual(answer.status, 403)
        self.assertNotIn(b"staff", answer.body)
        self.assertNotIn("detail", json.loads(answer.body))
        line = wait_until(lambda: [one for one in self.gateway.access_log()
                                   if one.get("request_id") == "which"])[0]
        self.assertEqual(line["consumer"], "bob")
        self.assertEqual(line["flags"], ["UA"])
        self.assertEqual(line["reason"], 'no rule of allow holds: "group:staff", '
                                         '"scope:orders.read and claim:tenant = {tenant}"')


class Settings(Case):
    """What the file says of rules."""

    def test_mistakes_are_told_with_their_line(self):
        for rules, told in (("grup:a", r'g.yaml:3: routes\[0\]\.allow: "grup:a" is no rule; did'),
                            ("['group:a', 'group:b or']", r"g.yaml:3: routes\[0\]\.allow\[1\]: so"),
                            ("[]", "there are 0 rules; write 1 to 32"),
                            ("'claim:t = {x}'", r"there is no \{x\}"),
                            ("['method:GET', 'group:a']",
                             r'g.yaml:3: routes\[0\]\.allow\[1\]: "group:a" never holds, since the '
                             r'route has no `auth`'),
                            ("known", r'g.yaml:3: routes\[0\]\.allow: "known" never holds'),
                            ("['known', 'issuer:zz'], auth: key",
                             r'allow\[1\]: "issuer:zz": there is no issuer of that name'),
                            ("'not scope:x', auth: [key, basic]",
                             'allow: "scope:x": nobody here has a scope, since `auth` takes no'),
                            ("'known and claim:a', auth: key", '"claim:a": nobody here has a cl'),
                            ("'time:08:00-08:00'", "is no time at all"),
                            ("known, content_types: [json, image/*]",
                             r'g.yaml:3: routes\[0\]\.content_types: "json" is no media type; '
                             "write application/json"),
                            ("known, content_types: [webp]", "write type/subtype"),
                            ("known, content_types: ['text/plain; charset=utf-8']",
                             "without parameters")):
            with self.subTest(rules):
                with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write("routes:\n  - {path: /, respond: {text: a},\n"
                               f"     allow: {rules}}}\n")
                code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                  self.stage.dir + "/g.yaml")
                self.assertEqual(code, 1, out)
                self.assertRegex(err, told)

    def test_rules_that_need_nobody_need_no_auth(self):
        for rules in ("method:GET", "not known", "['days:mon-fri', 'path:/a/* or group:b']",
                      "'claim:a != b'", "known, auth: key",
                      "'group:x or consumer:y', auth: key",
                      "method:GET, content_types: ['*/xml', '*']"):
            with self.subTest(rules):
                with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write("routes:\n  - {path: /, respond: {text: a},\n"
                               f"     allow: {rules}}}\n")
                code, _, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                self.stage.dir + "/g.yaml")
                self.assertEqual(code, 0, err)


if __name__ == "__main__":
    unittest.main()
