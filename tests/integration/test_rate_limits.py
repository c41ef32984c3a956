"""How often, and how many at once: what is let in, what is refused, and what callers are told."""

import hashlib
import json
import re
import threading
import time
import unittest

from harness import Case, SharedCase, wait_until
from origin import reply


def hashed(secret):
    """A key as the settings keep it."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


class Limits(SharedCase):
    """One gateway with two workers; each test has a route of its own."""

    @classmethod
    def prepare(cls):
        cls.held = threading.Event()
        cls.origin = cls.stage.origin(cls.behave)
        hour = {"per": "1h"}
        route = {"service": "o", "cache": "off"}
        cls.gateway = cls.stage.gateway({
            "workers": 2, "trusted_proxies": "127.0.0.1",
            "services": {"o": {"instances": [cls.origin.address]}},
            "consumers": [{"name": name, "keys": [hashed(name), hashed(name + "2")]}
                          for name in ("ada", "bob")] + [
                {"name": "slow", "keys": hashed("slow"),
                 "rate_limit": {"rate": 2, "per": "1h", "name": "own"}}],
            "routes": [
                {**route, "path": "/address", "rate_limit": {"rate": 3, **hour}},
                {**route, "path": "/header", "rate_limit": {
                    "rate": 2, "by": "header:X-Tenant", **hour}},
                {**route, "path": "/route", "rate_limit": {"rate": 2, "by": "route", **hour}},
                {**route, "path": "/all", "rate_limit": {"rate": 2, "by": "all", **hour}},
                {**route, "path": "/s1", "rate_limit": {
                    "rate": 3, "by": "service", "name": "shared", **hour}},
                {**route, "path": "/s2", "rate_limit": {
                    "rate": 3, "by": "service", "name": "shared", **hour}},
                {**route, "path": "/consumer", "auth": ["key", "optional"], "rate_limit": {
                    "rate": 3, "by": "consumer", **hour}},
                {**route, "path": "/key", "auth": "key", "rate_limit": {
                    "rate": 2, "by": "key", **hour}},
                {**route, "path": "/several", "rate_limit": [
                    {"rate": 100, "per": "1h", "name": "long"},
                    {"rate": 2, "per": "1m", "name": "short"}]},
                {**route, "path": "/cost", "cost": 4, "rate_limit": {"rate": 10, **hour}},
                {**route, "path": "/window", "rate_limit": {
                    "rate": 5, "per": "1h", "algorithm": "window"}},
                {**route, "path": "/guess", "auth": "key", "rate_limit": {"rate": 3, **hour}},
                {**route, "path": "/own", "auth": "key"},
                {**route, "path": "/once", "rate_limit": {"concurrent": 2, "by": "all"}},
                {"path": "/hammer", "respond": {"text": "in"}, "rate_limit": {
                    "rate": 200, "per": "1s", "burst": 50, "by": "all"}},
                {"path": "/hammered", "respond": {"text": "in"}, "rate_limit": {
                    "rate": 500, "per": "1h", "by": "all"}},
            ]})

    @classmethod
    def behave(cls, request, peer):
        """Holds what asks for /once until it is let go."""
        if request.target == "/once":
            cls.held.wait(20)
        return reply()

    def statuses(self, path, count, **headers):
        """What so many requests get."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return [self.gateway.get(path, headers).status for _ in range(count)]

    def test_an_address_is_limited_and_an_ipv6_household(self):
        self.assertEqual(self.statuses("/address", 5, X_Forwarded_For="192.0.2.1"),
                         [200, 200, 200, 429, 429])
        self.assertEqual(self.statuses("/address", 1, X_Forwarded_For="192.0.2.2"), [200])
        for host in ("1", "2", "ffff:1"):
            self.assertEqual(self.statuses("/address", 1, X_Forwarded_For=f"2001:db8::{host}"),
                             [200])
        self.assertEqual(self.statuses("/address", 1, X_Forwarded_For="2001:db8::9"), [429])
        self.assertEqual(self.statuses("/address", 1, X_Forwarded_For="2001:db8:0:1::9"), [200])

    def test_a_refusal_says_when_to_come_back(self):
        self.statuses("/address", 3, X_Forwarded_For="192.0.2.9")
        answer = self.gateway.get("/address", {"X-Forwarded-For": "192.0.2.9"})
        self.assertEqual(answer.status, 429)
        self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:rate-limited")
        self.assertTrue(1190 <= int(answer.headers.get("Retry-After")) <= 1200, answer)
        self.assertEqual(answer.headers.get("RateLimit-Policy"), '"route";q=3;w=3600')
        self.assertRegex(answer.headers.get("RateLimit"), r'^"route";r=0;t=1(19\d|200)$')
        line = wait_until(lambda: [one for one in self.gateway.access_log() if one["status"] == 429
                                   and one.get("client") == "192.0.2.9"])[0]
        self.assertEqual(line["flags"], ["RL"])
        self.assertRegex(line["reason"], r'^rate_limit "route" of line \d+$')

    def test_answers_tell_what_is_left(self):
        for left in (9, 8):
            answer = self.gateway.get("/several", {"X-Forwarded-For": f"192.0.2.{left}"})
            self.assertEqual(answer.headers.all("RateLimit-Policy"),
                             ['"long";q=100;w=3600, "short";q=2;w=60'])
            self.assertEqual(answer.headers.all("RateLimit"), ['"short";r=1;t=30'])
        self.assertNotIn("RateLimit", self.gateway.get("/own", {"X-Api-Key": "ada"}).headers)

    def test_the_tightest_of_several_answers_and_the_others_get_theirs_back(self):
        self.assertEqual(self.statuses("/several", 4, X_Forwarded_For="192.0.2.50"),
                         [200, 200, 429, 429])
        answer = self.gateway.get("/several", {"X-Forwarded-For": "192.0.2.50"})
        self.assertRegex(answer.headers.get("RateLimit"), r'^"short";r=0;t=30$')
        self.assertLessEqual(int(answer.headers.get("Retry-After")), 30)

    def test_headers_routes_services_and_all(self):
        self.assertEqual(self.statuses("/header", 3, X_Tenant="a"), [200, 200, 429])
        self.assertEqual(self.statuses("/header", 1, X_Tenant="b"), [200])
        self.assertEqual(self.statuses("/header", 3, X_Forwarded_For="192.0.2.60"),
                         [200, 200, 429])
        for path in ("/route", "/all"):
            self.assertEqual([self.statuses(path, 1, X_Forwarded_For=f"192.0.2.{host}")[0]
                              for host in range(3)], [200, 200, 429])
        self.assertEqual(self.statuses("/s1", 2) + self.statuses("/s2", 2), [200, 200, 200, 429])

    def test_consumers_and_keys(self):
        self.assertEqual(self.statuses("/consumer", 2, X_Api_Key="ada"), [200, 200])
        self.assertEqual(self.statuses("/consumer", 2, X_Api_Key="ada2"), [200, 429])
        self.assertEqual(self.statuses("/consumer", 1, X_Api_Key="bob"), [200])
        self.assertEqual(self.statuses("/consumer", 4, X_Forwarded_For="192.0.2.70"),
                         [200, 200, 200, 429])
        self.assertEqual(self.statuses("/key", 3, X_Api_Key="ada"), [200, 200, 429])
        self.assertEqual(self.statuses("/key", 3, X_Api_Key="ada2"), [200, 200, 429])
        self.assertEqual(self.statuses("/own", 3, X_Api_Key="slow"), [200, 200, 429])
        self.assertEqual(self.statuses("/own", 3, X_Api_Key="ada"), [200, 200, 200])

    def test_guessing_keys_is_limited_too(self):
        self.assertEqual(
            self.statuses("/guess", 5, X_Api_Key="wrong", X_Forwarded_For="192.0.2.80"),
            [401, 401, 401, 429, 429])

    def test_costs_and_windows(self):
        self.assertEqual(self.statuses("/cost", 3), [200, 200, 429])
        self.assertEqual(self.statuses("/window", 7), [200] * 5 + [429] * 2)

    def test_so_many_at_once(self):
        def ask():
            statuses.append(self.gateway.get("/once").status)
        statuses, threads = [], [threading.Thread(target=ask) for _ in range(2)]
        self.origin.clear()
        for thread in threads:
            thread.start()
        self.origin.wait_requests(2)
        answer = self.gateway.get("/once")
        self.assertEqual((answer.status, answer.headers.get("Retry-After")), (429, "1"))
        self.assertNotIn("RateLimit", answer.headers)
        self.held.set()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, [200, 200])
        self.gateway.wait_status("/once", 200)

    def hammer(self, path, seconds=None, count=None):
        """50 clients at once: (how many were let in, how long it took)."""
        let_in, begin = [], time.monotonic()

        def run():
            mine = tries = 0
            with self.gateway.connect() as connection:
                while (time.monotonic() - begin < seconds) if seconds else tries < count:
                    connection.send(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path)
                    mine += connection.reply().status == 200
                    tries += 1
            let_in.append(mine)
        threads = [threading.Thread(target=run) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(let_in), time.monotonic() - begin

    def test_fifty_clients_get_what_is_allowed_and_no_more(self):
        self.assertEqual(self.hammer(b"/hammered", count=20)[0], 500)
        let_in, took = self.hammer(b"/hammer", seconds=2)
        self.assertLessEqual(let_in, 50 + 200 * took)
        self.assertGreaterEqual(let_in, 0.99 * (50 + 200 * 2))


class Reloads(Case):
    """Counters outlive the table they were declared in."""

    def test_a_reload_keeps_what_was_used(self):
        route = {"path": "/", "respond": {"text": "a"}, "rate_limit": {"rate": 2, "per": "1h"}}
        gateway = self.stage.gateway({"routes": [route]})
        self.assertEqual([gateway.get("/").status for _ in range(3)], [200, 200, 429])
        with open(gateway.file, encoding="utf-8") as file:
            text = file.read()
        gateway.write(text.replace('"text": "a"', '"text": "b"'))
        gateway.wait_log("is in effect")
        self.assertEqual(gateway.get("/").status, 429)

    def test_a_limit_of_all_routes_together(self):
        gateway = self.stage.gateway({
            "rate_limit": {"rate": 3, "per": "1h", "name": "gateway"},
            "routes": [{"path": path, "respond": {"text": "a"}} for path in ("/a", "/b")]})
        self.assertEqual([gateway.get(path).status for path in ("/a", "/b", "/a", "/b")],
                         [200, 200, 200, 429])

    def test_limits_without_a_name_are_told_apart(self):
        limits = [{"rate": 9, "per": "1h"}, {"rate": 8, "per": "1m"}]
        gateway = self.stage.gateway({
            "rate_limit": limits[0],
            "consumers": [{"name": "ada", "keys": hashed("ada"), "rate_limit": limits}],
            "routes": [{"path": "/", "auth": "key", "respond": {"text": "x"},
                        "rate_limit": [*limits, {"rate": 7, "name": "own"}, limits[0]]}]})
        answer = gateway.get("/", {"X-Api-Key": "ada"})
        names = re.findall(r'"([^"]+)"', answer.headers.get("RateLimit-Policy"))
        self.assertEqual(sorted(names), ["consumer", "consumer-2", "gateway", "own", "route",
                                         "route-2", "route-3"])
        self.assertEqual(answer.headers.get("RateLimit").partition(";t=")[0], '"own";r=6')

    def test_mistakes_are_told_with_their_line(self):
        route = "routes:\n  - {path: /, respond: {text: a}, rate_limit: %s}\n"
        for text, told in (
                (route % "100", r"g.yaml:2: .*rate_limit: this is a value; write {rate: 100, p"),
                (route % "{}", r"g.yaml:2: .*write one of `rate`, `quota` and `concurrent`"),
                (route % "{rate: 1, concurrent: 1}", r"one of `rate`, `quota` and `concurrent`"),
                (route % "{rate: 0}", r"rate: 0 is too little"),
                (route % "{rate: 1, by: adress}", r'"adress" is nobody to count for'),
                (route % "{rate: 1, by: 'header:'}", r"is nobody to count for"),
                (route % "{rate: 1, burts: 2}", r'did you mean "burst"'),
                (route % "{rate: 1, algorithm: window, burst: 2}", r"a window has no burst"),
                (route % "{rate: 5}, cost: 6", r"g.yaml:2: .*a cost of 6 is over the 5"),
                (route % "{rate: 1, name: 'a b'}", r"can't be a name"),
                (route % ("[" + "{rate: 1}, " * 9 + "]"), r"there are 9 limits; at most 8")):
            with self.subTest(text):
                with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write(text)
                code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                  self.stage.dir + "/g.yaml")
                self.assertEqual(code, 1, out)
                self.assertTrue(re.search(told, err), err)


if __name__ == "__main__":
    unittest.main()
