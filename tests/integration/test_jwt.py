"""Tokens: what lets in, what is refused and why, where keys come from, what services are told."""

import json
import os
import re
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import tokens
from harness import Case, SharedCase, wait_until
from origin import reply
from tokens import b64, claims, hmac_raw, key, public, raw, sign

RSA, EC, ED, OTHER = key("RSA", "r"), key("P-256", "e"), key("Ed25519", "d"), key("RSA", "r")
SECRET = key("oct", "s")
KINDS = {"HS": SECRET, "RS": RSA, "PS": RSA, "ES256": EC, "ES384": key("P-384", "e3"),
         "ES512": key("P-521", "e5"), "EdDSA": ED}


class Tokens(SharedCase):
    """One gateway whose issuers' keys are in files."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin(lambda request, peer: reply(
            body=(request.headers.get("X-Consumer-Id") or "-").encode()))

        def write(name, text):
            path = os.path.join(cls.stage.dir, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return path
        main = {"issuer": tokens.ISSUER, "audience": ["gw", "gw2"], "jwks_file": write(
            "main.jwks", public(*{id(k): k for k in KINDS.values() if k is not SECRET}.values())),
            "revoked_file": write("revoked", "# gone\nbad-id\r\n\n other\n\ttab \t\n")}
        every = {"issuer": tokens.ISSUER, "algorithms": list(tokens.ALGORITHMS), "skew": "0s",
                 "jwks_file": write("all.jwks", public(
                     *{id(k): k for k in KINDS.values()}.values()))}
        cls.gateway = cls.stage.gateway({
            "workers": 1, "services": {"o": {"instances": [cls.origin.address]}},
            "consumers": [{"name": "Ada.L", "id": "ada", "groups": ["staff"]}],
            "issuers": {
                "main": main, "every": every,
                "told": {"jwks_file": main["jwks_file"], "consumer": "sub", "strip": True,
                         "headers": {"X-User-Email": "email", "X-Roles": "realm.roles"}},
                "named": {"jwks_file": main["jwks_file"], "name": "preferred_username",
                          "scope": "realm.roles"},
                "open": {"jwks_file": main["jwks_file"], "require": [], "types": ["dpop+jwt"]},
                "strict": {"jwks_file": main["jwks_file"], "require": ["exp", "tenant"],
                           "algorithms": ["ES256"]}},
            "routes": [{"path": "/" + name, "service": "o", "cache": "off", "auth": [
                {"jwt": name}]} for name in ("main", "every", "told", "named", "open", "strict")]
            + [{"path": "/places", "service": "o", "cache": "off", "auth": [
                {"jwt": {"issuer": "main", "cookie": "session", "query": "access_token"}},
                {"jwt": {"issuer": "main", "header": "X-Token"}}]},
               {"path": "/mine/*", "service": "o", "cache": "off", "auth": {"jwt": "main"},
                "rewrite": "/users/{claims.sub}?t={claims.n}"}]})

    def get(self, path, token, header="Authorization", scheme="Bearer "):
        """GET with a token."""
        return self.gateway.get(path, {header: scheme + token})

    def seen(self, path, token, **options):
        """What the service was sent."""
        self.origin.clear()
        answer = self.get(path, token, **options)
        self.assertEqual(answer.status, 200, answer)
        return self.origin.wait_requests(1)[0]

    def test_each_algorithm_lets_in(self):
        for algorithm in tokens.ALGORITHMS:
            signer = KINDS.get(algorithm) or KINDS[algorithm[:2]]
            with self.subTest(algorithm):
                token = sign(signer, algorithm)
                self.assertEqual(self.get("/every", token).status, 200)
                self.assertEqual(self.get("/main", token).status,
                                 401 if algorithm.startswith("HS") else 200)

    def test_a_token_counts_while_its_time_is(self):
        now = int(time.time())
        for said, status in (({"exp": now + 30}, 200), ({"exp": now - 1}, 401),
                             ({"exp": now + 0.5 + 30}, 200), ({"nbf": now - 1}, 200),
                             ({"nbf": now + 30}, 401), ({"iat": now + 30}, 401),
                             ({"iat": None}, 200), ({"exp": None}, 401), ({"exp": -1}, 401),
                             ({"exp": 1e300}, 200), ({"nbf": -1e300}, 200)):
            with self.subTest(said):
                self.assertEqual(self.get("/every", sign(EC, "ES256", claims(**said))).status,
                                 status)
        for said, status in (({"exp": now - 30}, 200), ({"exp": now - 61}, 401),
                             ({"nbf": now + 30}, 200), ({"nbf": now + 90}, 401)):
            with self.subTest(said, skew=60):
                self.assertEqual(self.get("/main", sign(EC, "ES256", claims(**said))).status,
                                 status)

    def test_a_remembered_token_expires_too(self):
        token = sign(EC, "ES256", claims(exp=time.time() + 1.5))
        self.assertEqual(self.get("/every", token).status, 200)
        wait_until(lambda: self.get("/every", token).status == 401, "the end of the token")

    def test_services_are_told_what_it_says(self):
        said = claims(email="ada@example.org\r\nX-Evil: 1", scope="orders.read orders.write",
                      realm={"roles": ["a", "b"]}, preferred_username="Ada Lovelace")
        token = sign(RSA, "RS256", said)
        fields = self.seen("/told", token).headers
        self.assertEqual([fields.all(name) for name in (
            "X-Consumer-Id", "X-Consumer-Name", "X-Consumer-Groups", "X-Auth-Scopes",
            "X-Auth-Issuer", "X-User-Email", "X-Roles", "X-Evil", "Authorization")],
            [["ada"], ["Ada.L"], ["staff"], ["orders.read orders.write"], ["told"],
             ["ada@example.org%0D%0AX-Evil: 1"], ["a b"], [], []])
        fields = self.seen("/named", token).headers
        self.assertEqual([fields.all(name) for name in (
            "X-Consumer-Id", "X-Consumer-Name", "X-Consumer-Groups", "X-Auth-Scopes",
            "Authorization")],
            [["ada"], ["Ada Lovelace"], [], ["a b"], ["Bearer " + token]])

    def test_chosen_fields_can_not_be_sent_by_clients(self):
        for spelling in ("X-User-Email", "x_user_email", "X-ROLES", "x-Auth_Issuer"):
            self.origin.clear()
            self.gateway.get("/named", {
                "Authorization": "Bearer " + sign(EC, "ES256"), spelling: "forged"})
            self.assertNotIn(b"forged", self.origin.wait_requests(1)[0].raw)

    def test_templates_have_its_claims(self):
        token = sign(EC, "ES256", claims(sub="a/../b?c", n=12345678901234567))
        self.assertEqual(self.seen("/mine/x", token).target,
                         "/users/a%2F..%2Fb%3Fc?t=12345678901234567")
        token = sign(EC, "ES256", claims(n=0.1))
        self.assertEqual(self.seen("/mine/x", token).target, "/users/ada?t=0.1")

    def test_a_token_has_its_places(self):
        token, other = sign(EC, "ES256"), sign(RSA, "RS256")
        for path, headers in (
                ("", {"Authorization": "bearer  " + token}), ("", {"X-Token": token}),
                ("", {"X-Token": "Bearer " + token}), ("?a=1&access_token=" + token, {}),
                ("", {"Cookie": f"a=b; session={token}; sessions=x"}),
                ("", {"Authorization": "Basic YTpi", "X-Token": token})):
            with self.subTest(path, headers=headers):
                self.origin.clear()
                self.assertEqual(self.gateway.get("/places" + path, headers).status, 200)
                self.assertNotIn("access_token", self.origin.wait_requests(1)[0].target)
        for path, headers in (
                ("?access_token=" + token, {"Authorization": "Bearer " + token}),
                ("", {"Cookie": f"session={token}; session={other}"}),
                (f"?access_token={token}&access_token={token}", {}),
                ("", {"Authorization": token}), ("", {"Authorization": "Basic " + token}),
                ("", {"Authorization": "Bearer"}), ("", {"Cookie": "Session=" + token})):
            with self.subTest(path, headers=headers):
                self.assertEqual(self.gateway.get("/places" + path, headers).status, 401)
        text = self.gateway.output() + self.gateway.log()
        self.assertFalse(token in text or other in text)

    def test_the_answer_has_a_challenge(self):
        answer = self.gateway.get("/main")
        self.assertEqual(answer.headers.get("WWW-Authenticate"), 'Bearer realm="microreg"')
        self.assertEqual(self.get("/main", "a.b.c").headers.get("WWW-Authenticate"),
                         'Bearer realm="microreg", error="invalid_token"')

    def test_a_revoked_token_counts_no_more(self):
        self.assertEqual(self.get("/main", sign(EC, "ES256", claims(jti="bad-id"))).status, 401)
        token = sign(EC, "ES256", claims(jti="later"))
        self.assertEqual(self.get("/main", token).status, 200)
        with open(os.path.join(self.stage.dir, "revoked"), "a", encoding="utf-8") as file:
            file.write("later\n")
        wait_until(lambda: self.get("/main", token).status == 401, "the revocation")

    def test_white_space_around_the_revoked_is_none_of_theirs(self):
        for jti in ("other", "tab", "bad-id"):
            token = sign(EC, "ES256", claims(jti=jti))
            self.assertEqual(self.get("/main", token).status, 401, jti)

    def test_other_demands_of_an_issuer(self):
        def ask(path, signer, algorithm, header=None, **said):
            return self.get(path, sign(signer, algorithm, claims(**said), header)).status
        self.assertEqual(ask("/open", EC, "ES256", {"typ": "dpop+jwt"}, exp=None, sub=None), 200)
        self.assertEqual(ask("/open", EC, "ES256", {"typ": "application/DPoP+jwt"}), 200)
        self.assertEqual(ask("/open", EC, "ES256", {"typ": "JWT"}), 401)
        self.assertEqual(ask("/open", EC, "ES256"), 401)
        self.assertEqual(ask("/strict", EC, "ES256", tenant=""), 200)
        self.assertEqual(ask("/strict", EC, "ES256"), 401)
        self.assertEqual(ask("/strict", RSA, "RS256", tenant="t"), 401)
        self.assertEqual(ask("/main", EC, "ES256", {"typ": "at+JWT"}, aud=["x", "gw2"]), 200)

    def attacks(self):
        """(name, token, what the log says)"""
        pem, der = RSA.export_to_pem(), json.loads(RSA.export_public())
        good, now = sign(RSA, "RS256"), int(time.time())
        head, body, mark = good.split(".")
        es_head, es_body, es_mark = sign(EC, "ES256").split(".")
        order = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)

        def pair(r, s, size=32):
            return f"{es_head}.{es_body}." + b64(r.to_bytes(size, "big") + s.to_bytes(size, "big"))
        for none in ("none", "None", "NONE", "nOnE", "", " none", "none ", "n\\u006fne"):
            header = ('{"alg":"%s"}' % none).encode()
            yield "alg " + none, raw(header, claims()), "alg is unknown, or none"
            yield f"alg {none}, no mark", raw(header, claims(), b""), "signature is missing"
        for name, header in (
                ("no alg", {}), ("alg null", {"alg": None}), ("alg number", {"alg": 256}),
                ("alg list", {"alg": ["RS256"]})):
            yield name, raw(header, claims()), "alg is missing"
        yield "alg in lower case", raw({"alg": "rs256"}, claims()), "unknown"
        for name, secret in (("PEM", pem), ("PEM cut", pem.strip()), ("n", der["n"].encode()),
                             ("JWK", RSA.export_public().encode()), ("empty", b"")):
            for algorithm in ("HS256", "HS384"):
                yield (f"{algorithm} by the public key as {name}",
                       hmac_raw(secret, {"alg": algorithm, "kid": "r"}, claims()), "not allowed")
        own = key("RSA", "mine")
        yield "by another key of that name", sign(OTHER, "RS256"), "signature is wrong"
        yield "by another key", sign(own, "RS256"), "kid is no known"
        yield ("with its own key", sign(own, "RS256", None, {
            "jwk": json.loads(own.export_public()), "kid": None}), "signature is wrong")
        yield ("with its own key and name", sign(own, "RS256", None, {
            "jwk": json.loads(own.export_public()), "kid": "r"}), "signature is wrong")
        for name in ("jku", "x5u"):
            yield name, sign(own, "RS256", None, {name: "https://evil.example/keys"}), "kid is no"
        yield "x5c", sign(own, "RS256", None, {"x5c": ["MIIB"], "kid": "r"}), "signature is wrong"
        for kid in ("../../../../dev/null", "/dev/null", "r' OR '1'='1", "r\u0000", "", "R",
                    "r" * 3000, "$(id)", "http://127.0.0.1/"):
            yield f"kid {kid[:20]!r}", sign(own, "RS256", None, {"kid": kid}), "."
        yield "kid number", raw({"alg": "RS256", "kid": 1}, claims()), "kid or typ is no text"
        yield "crit", raw(
            {"alg": "RS256", "kid": "r", "crit": ["exp"]}, claims()), "has crit"
        yield "crit empty", raw({"alg": "RS256", "kid": "r", "crit": []}, claims()), "has crit"
        yield "b64", raw({"alg": "RS256", "kid": "r", "b64": False}, claims()), "has b64"
        yield "zip", raw({"alg": "RS256", "kid": "r", "zip": "DEF"}, claims()), "compressed"
        yield "alg twice", raw(b'{"alg":"RS256","alg":"none","kid":"r"}', claims()), "twice"
        yield "kid twice", raw(b'{"alg":"RS256","kid":"r","kid":"e"}', claims()), "twice"
        twice = json.dumps(claims())[:-1].encode() + b',"sub":"root"}'
        yield "sub twice", sign(RSA, "RS256", twice), "there twice"
        yield "header list", raw(b'["RS256"]', claims()), "header is no"
        yield "header text", raw(b'"RS256"', claims()), "header is no"
        yield "header no JSON", raw(b"{alg:RS256}", claims()), "header is no"
        yield "header empty", raw(b"", claims()), "header is no"
        yield "header with a tail", raw(b'{"alg":"RS256","kid":"r"} x', claims()), "header is no"
        yield ("header nested", raw(b'{"alg":"RS256","x":' + b"[" * 2500 + b"]" * 2500 + b"}",
               {}), ".")
        yield "header not UTF-8", raw(b'{"alg":"RS256","kid":"\xff"}', claims()), "header is no"
        yield "claims list", sign(RSA, "RS256", b"[1]"), "no JSON object"
        yield "claims text", sign(RSA, "RS256", b'"a"'), "no JSON object"
        yield "claims no JSON", sign(RSA, "RS256", b"hello"), "no JSON object"
        yield "claims empty", sign(RSA, "RS256", b""), "no JSON object"
        yield "claims with NUL", sign(RSA, "RS256", b'{"sub":"a\\u0000b"}'), "no JSON object"
        yield "claims nested", sign(RSA, "RS256", b'{"a":' + b"[" * 2200 + b"]" * 2200 + b"}"), "."
        yield "huge", sign(RSA, "RS256", claims(pad="x" * 9000)), "too long"
        yield "signature stripped", f"{head}.{body}.", "signature is missing"
        yield "signature gone", f"{head}.{body}", "three parts"
        yield "four parts", f"{good}.{mark}", "three parts"
        yield "five parts", f"{head}.{body}.{mark}.a.b", "three parts"
        yield "only dots", "..", "signature is missing"
        yield "no parts", "hello", "three parts"
        yield "padding", f"{head}.{body}.{mark}==", "no base64url"
        yield ("plain base64", f"{head}.{body}." + mark.replace("-", "+").replace("_",
               "/") + "+", ".")
        yield "a character more", good + "A", "."
        yield "a character less", good[:-1], "."
        yield "bits beyond the end", good[:-1] + chr(ord(good[-1]) + 1), "."
        yield ("other claims", f"{head}.{b64(json.dumps(claims(sub='root')).encode())}.{mark}",
               "wrong")
        yield "another's signature", f"{head}.{body}.{es_mark}", "signature is wrong"
        yield "ES256 by name, RSA by key", f"{es_head}.{es_body}.{mark}", "signature is wrong"
        yield "RS256 with an EC key", raw({"alg": "RS256", "kid": "e"}, claims()), "does not fit"
        yield "ES256 with an RSA key", raw({"alg": "ES256", "kid": "r"}, claims()), "does not fit"
        yield "ES384 with P-256", raw({"alg": "ES384", "kid": "e"}, claims()), "does not fit"
        yield "EdDSA with an EC key", raw({"alg": "EdDSA", "kid": "e"}, claims()), "does not fit"
        for name, token in (
                ("zero", pair(0, 0)), ("zero r", pair(0, 1)), ("zero s", pair(1, 0)),
                ("r is the order", pair(order, 1)), ("s is the order", pair(1, order)),
                ("over the order", pair(order + 1, order + 1)), ("ones", pair(1, 1)),
                ("all bits", pair(2**256 - 1, 2**256 - 1)), ("longer", pair(1, 1, 33)),
                ("shorter", pair(1, 1, 31)),
                ("DER", f"{es_head}.{es_body}." + b64(bytes.fromhex("3006020100020100")))):
            yield "ECDSA " + name, token, "signature is wrong"
        yield "Ed25519 zero", raw({"alg": "EdDSA", "kid": "d"}, claims(), bytes(64)), "wrong"
        yield "RSA zero", raw({"alg": "RS256", "kid": "r"}, claims(), bytes(256)), "wrong"
        yield "RSA one", raw({"alg": "RS256", "kid": "r"}, claims(), bytes(255) + b"\1"), "wrong"
        for name, said, told in (
                ("expired", {"exp": now - 61}, "expired"), ("exp text", {"exp": "never"},
                 "no number"),
                ("exp null", {"exp": "null"}, "no number"), ("exp list", {"exp": [now + 9]},
                 "no num"),
                ("exp true", {"exp": True}, "no number"), ("no exp", {"exp": None}, "required"),
                ("exp of before 1970", {"exp": -now}, "expired"),
                ("not yet", {"nbf": now + 120}, "not valid yet"), ("nbf text", {"nbf": ""},
                 "no num"),
                ("of the future", {"iat": now + 120}, "future"), ("iat object", {"iat": {}},
                 "no num"),
                ("another's", {"iss": "https://evil.example"}, "iss is another"),
                ("almost its", {"iss": tokens.ISSUER + "/"}, "iss is another"),
                ("no iss", {"iss": None}, "iss is another"), ("iss list",
                 {"iss": [tokens.ISSUER]}, "no text"),
                ("for another", {"aud": "other"}, "aud is another"), ("for nobody", {"aud": []},
                 "aud"),
                ("no aud", {"aud": None}, "aud is another"), ("aud object", {"aud": {"gw": 1}},
                 "aud"),
                ("aud almost", {"aud": "gw "}, "aud is another"), ("sub number", {"sub": 1},
                 "no text"),
                ("jti number", {"jti": 1}, "no text"), ("revoked", {"jti": "bad-id"}, "revoked")):
            yield name, sign(RSA, "RS256", claims(**said)), told
        for typ in ("logout+jwt", "dpop+jwt", "JWE", "secevent+jwt"):
            yield "typ " + typ, sign(RSA, "RS256", None, {"typ": typ}), "another kind of token"
        yield "typ number", raw({"alg": "RS256", "kid": "r", "typ": 1}, claims()), "typ is no text"
        yield "JSON form", '{"payload":"e30","signatures":[]}', "three parts"
        yield ("HS256 by a secret that it brings", hmac_raw(b"k" * 32, {
            "alg": "HS256", "jwk": {"kty": "oct", "k": b64(b"k" * 32)}}, claims()), "not allowed")
        changed = b64(b'{"alg":"PS256","kid":"r"}')
        yield "another alg after signing", f"{changed}.{body}.{mark}", "signature is wrong"
        for name in ("ES256K", "RSA1_5", "dir", "RS256 ", "HS1"):
            yield "alg " + name, raw({"alg": name, "kid": "r"}, claims()), "unknown"
        yield ("crit by an escape", raw(b'{"alg":"RS256","kid":"r","cr\\u0069t":["x"]}', claims()),
               "has crit")
        yield ("alg twice by an escape", raw(b'{"alg":"RS256","kid":"r","al\\u0067":"none"}',
                                             claims()), "twice")
        yield ("header after a BOM", raw(b'\xef\xbb\xbf{"alg":"RS256","kid":"r"}', {}),
               "header is no")
        yield "a token in a token", sign(RSA, "RS256", good.encode(), {"cty": "JWT"}), "no JSON"
        yield "exp twice", sign(RSA, "RS256", json.dumps(claims(exp=1))[:-1].encode()
                                + b',"exp":99999999999}'), "there twice"
        yield "a blank within", f"{head}. {body}.{mark}", "no base64url"
        yield "small RSA", sign(key("RSA", "r", size=1024), "RS256"), "signature is wrong"

    def test_no_attack_gets_in_and_the_log_says_why(self):
        cases = list(self.attacks())
        self.assertGreaterEqual(len(cases), 60)
        self.origin.clear()
        for number, (name, token, _) in enumerate(cases):
            with self.subTest(name):
                answer = self.gateway.get("/main", {"Authorization": "Bearer " + token,
                                                    "X-Request-Id": f"attack-{number}"})
                self.assertEqual(answer.status, 401)
                self.assertNotIn("detail", json.loads(answer.body))
        self.assertEqual(self.origin.requests, [])
        lines = {}

        def logged():
            lines.update({one.get("request_id"): one for one in self.gateway.access_log()})
            return f"attack-{len(cases) - 1}" in lines
        wait_until(logged)
        for number, (name, _, told) in enumerate(cases):
            with self.subTest(name):
                line = lines[f"attack-{number}"]
                self.assertEqual(line["flags"], ["UA"])
                self.assertTrue(re.search(told, line["reason"]), line["reason"])
        self.assertEqual(self.get("/main", sign(RSA, "RS256")).status, 200)


class Fetched(Case):
    """Keys from a URL."""

    def prepare(self, **issuer):
        """A gateway whose issuer is an origin; both."""
        self.keys = [key("P-256", "one")]
        self.status = 200
        base = self.stage.origin()

        def behave(request, _):
            if request.target.startswith("/.well-known/"):
                return reply(body=json.dumps({
                    "issuer": base.address, "jwks_uri": base.address + "/keys"}).encode())
            return reply(self.status, public(*self.keys).encode())
        base.behave = behave
        settings = {name: value.replace("BASE", base.address) for name, value in issuer.items()}
        gateway = self.stage.gateway({
            "issuers": {"i": settings}, "workers": 2,
            "routes": [{"path": "/", "respond": {"text": "hello"}, "auth": [{"jwt": "i"}]}]})
        return gateway, base

    @staticmethod
    def ask(gateway, signer, **said):
        """The status for a token."""
        token = sign(signer, "ES256", claims(**said))
        return gateway.get("/", {"Authorization": "Bearer " + token}).status

    def test_a_new_key_is_fetched_when_a_token_names_it(self):
        gateway, base = self.prepare(jwks_url="BASE/keys")
        self.assertEqual(self.ask(gateway, self.keys[0]), 200)
        self.keys.append(key("P-256", "two"))
        asked = len(base.requests)
        self.assertEqual(self.ask(gateway, self.keys[1]), 401)  # within 10 s of the last fetch
        self.assertEqual(len(base.requests), asked)

    def test_the_last_good_keys_stay_while_the_issuer_is_down(self):
        gateway, _ = self.prepare(jwks_url="BASE/keys", refresh="1s")
        self.assertEqual(self.ask(gateway, self.keys[0]), 200)
        self.status = 500
        gateway.wait_log(r'issuer "i": .*the answer is 500; what was known before stays')
        self.assertEqual(self.ask(gateway, self.keys[0]), 200)
        self.status, self.keys = 200, [key("P-256", "two")]
        wait_until(lambda: self.ask(gateway, self.keys[0]) == 200, "the new key")

    def test_a_key_that_is_gone_counts_no_more_even_for_remembered_tokens(self):
        gateway, _ = self.prepare(jwks_url="BASE/keys", refresh="1s")
        token = {"Authorization": "Bearer " + sign(self.keys[0], "ES256")}
        self.assertEqual(gateway.get("/", token).status, 200)
        self.keys = [key("P-256", "two")]
        gateway.wait_status("/", 401, token)

    def test_the_revoked_are_read_until_they_can_be(self):
        path = os.path.join(self.stage.dir, "revoked")

        def write(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        write("one\n")
        gateway, _ = self.prepare(jwks_url="BASE/keys", revoked_file=path)
        self.assertEqual(self.ask(gateway, self.keys[0], jti="one"), 401)
        before = os.stat(path)
        write("two\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        wait_until(lambda: self.ask(gateway, self.keys[0], jti="two") == 401, "the other one")
        os.remove(path)
        os.mkdir(path)
        wait_until(lambda: len(re.findall("revoked can't be read", gateway.log())) > 1, "a try")
        self.assertEqual(self.ask(gateway, self.keys[0], jti="two"), 401)
        os.rmdir(path)
        write("three\n")
        wait_until(lambda: self.ask(gateway, self.keys[0], jti="three") == 401, "the third")

    def test_of_two_tokens_the_first_is_known_to_the_end(self):
        revoked, gate = os.path.join(self.stage.dir, "revoked"), threading.Event()
        keys, one = os.path.join(self.stage.dir, "keys"), key("P-256", "one")
        first = {"jwt": {"issuer": "a", "header": "X-First"}}
        for path, text in ((revoked, ""), (keys, public(one))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        origin = self.stage.origin(lambda request, peer: gate.wait(20) and reply())
        gateway = self.stage.gateway({
            "workers": 1, "issuers": {"a": {"jwks_file": keys, "revoked_file": revoked},
                                      "b": {"jwks_file": keys}},
            "services": {"o": {"instances": [origin.address]}},
            "routes": [{"path": "/first", "respond": {"text": "hello"}, "auth": first},
                       {"path": "/slow", "service": "o", "auth": {"all": [first, {"jwt": "b"}]}}]})
        token = {"X-First": sign(one, "ES256", claims(sub="ada", jti="first")),
                 "Authorization": "Bearer " + sign(one, "ES256", claims(sub="bob"))}
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(gateway.get, "/slow", token)
            origin.wait_requests(1)
            with open(revoked, "w", encoding="utf-8") as file:
                file.write("first\n")
            gateway.wait_status("/first", 401, token)
            for number in range(8):  # they take the room of whatever was given back
                eve = sign(one, "ES256", claims(sub="eve", jti=f"eve-{number}"))
                self.assertEqual(gateway.get("/first", {"X-First": eve}).status, 200)
            gate.set()
            self.assertEqual(slow.result().status, 200)
        line = wait_until(lambda: [one for one in gateway.access_log()
                                   if one["path"] == "/slow"], "the line")[0]
        self.assertEqual(line["consumer"], "ada")

    def test_discovery_finds_the_keys_and_says_who_the_issuer_is(self):
        gateway, base = self.prepare(discovery="BASE/")
        self.assertEqual(self.ask(gateway, self.keys[0], iss=base.address), 200)
        self.assertEqual(self.ask(gateway, self.keys[0]), 401)

    def test_discovery_of_another_issuer_is_refused(self):
        gateway, _ = self.prepare(discovery="BASE", issuer="https://id.example.org")
        gateway.wait_log(r'openid-configuration is of "http://127.0.0.1:\d+", not of "https://id')
        self.assertEqual(self.ask(gateway, self.keys[0]), 401)

    def test_requests_wait_for_the_first_keys(self):
        gateway, base = self.prepare(jwks_url="BASE/keys")
        base.wait_requests(1)
        self.assertEqual(self.ask(gateway, self.keys[0]), 200)

    def test_news_of_another_issuer_do_not_end_the_wait(self):
        one, gates = key("P-256", "one"), {"slow": threading.Event(), "fast": threading.Event()}

        def keys(name):
            def behave(request, peer):
                del request, peer
                gates[name].wait(20)
                return reply(body=public(one).encode())
            return self.stage.origin(behave)
        origins = {name: keys(name) for name in gates}
        gateway = self.stage.gateway({
            "workers": 1,
            "issuers": {name: {"jwks_url": origins[name].address} for name in gates},
            "routes": [{"path": "/" + name, "respond": {"text": name}, "auth": {"jwt": name}}
                       for name in gates]})
        token = {"Authorization": "Bearer " + sign(one, "ES256")}
        with ThreadPoolExecutor(2) as pool:
            for origin in origins.values():
                origin.wait_requests(1)
            answers = {name: pool.submit(gateway.get, "/" + name, token) for name in gates}
            wait_until(lambda: gateway.metrics()["microreg_gateway_requests_in_flight"] == 2)
            gates["fast"].set()
            self.assertEqual(answers["fast"].result().status, 200)
            gates["slow"].set()
            self.assertEqual(answers["slow"].result().status, 200)

    def test_a_reload_keeps_what_is_known(self):
        gateway, base = self.prepare(jwks_url="BASE/keys")
        self.assertEqual(self.ask(gateway, self.keys[0]), 200)
        with open(gateway.file, encoding="utf-8") as file:
            text = file.read()
        gateway.write(text.replace("hello", "hello again"))
        gateway.wait_log("is in effect")
        base.close()
        self.assertEqual(self.ask(gateway, self.keys[0]), 200)
        gateway.write(text.replace('"jwt": "i"', '"key": {}'))
        gateway.wait_log("is in effect")
        self.assertEqual(gateway.stop(), 0)


class Settings(Case):
    """What the file says of issuers."""

    def test_mistakes_are_told_with_their_line(self):
        jwks = os.path.join(self.stage.dir, "k.jwks")
        with open(jwks, "w", encoding="utf-8") as file:
            file.write(public(key("P-256")))
        with open(self.stage.dir + "/bad.jwks", "w", encoding="utf-8") as file:
            file.write('{"keys": []}')
        good = f"issuers: {{main: {{jwks_file: {jwks}}}}}\n"
        route = "routes:\n  - {path: /, respond: {text: a}, auth: [%s]}\n"
        for text, told in (
                (good + route % "{jwt: mian}",
                 r'g.yaml:3: .*no issuer "mian".*did you mean "main"'),
                (good + route % "{jwt: {}}", r'the key "issuer" is missing'),
                (good + route % "jwt", r'"jwt" is no way .*\{jwt: ISSUER\}'),
                ("issuers: {a: {}}", r"g.yaml:1: issuers\.a: there is no way to its keys"),
                (f"issuers: {{a: {{jwks_file: {jwks}, jwks_url: http://a/}}}}",
                 "there are two ways"),
                ("issuers: {a: {jwks_file: /nowhere/k}}", r"jwks_file: /nowhere/k can't be read"),
                ("issuers: {a: {jwks_file: bad.jwks}}", r"there is no key in it"),
                (f"issuers: {{a: {{jwks_file: {jwks}, algorithms: [RS255]}}}}",
                 r'did you mean "RS256"'),
                (f"issuers: {{a: {{jwks_file: {jwks}, algorithms: [none]}}}}", r"none"),
                (f"issuers: {{a: {{jwks_file: {jwks}, skew: 1h}}}}", r"skew: 1h is too much"),
                (f"issuers: {{a: {{jwks_file: {jwks}, headers: {{Host: a}}}}}}",
                 r"can't be a field"),
                ("issuers: {a: {jwks_url: 'ftp://a'}}", r"g.yaml:1: issuers\.a\.jwks_url")):
            with self.subTest(text):
                with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write(text)
                code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                  self.stage.dir + "/g.yaml")
                self.assertEqual(code, 1, out)
                self.assertRegex(err, told)


if __name__ == "__main__":
    unittest.main()
