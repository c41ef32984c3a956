"""Quotas by day and month: counted by the registry for all gateways, kept over restarts."""

import hashlib
import http.client
import http.server
import json
import os
import re
import threading
import time
import unittest

from harness import Case, PATIENCE, SharedCase, free_port, wait_until

CLIENTS = 50


def hashed(secret):
    """A key as the settings keep it."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def settings(quota, per="day", **more):
    """A gateway whose route `/` every consumer may ask for so often."""
    limit = {"quota": quota, "per": per, "by": "consumer", "name": "plan", **more}
    return {"workers": 2,
            "consumers": [{"name": name, "keys": [hashed(name)]} for name in ("ada", "bob")],
            "routes": [{"path": "/", "auth": "key", "respond": {"text": "in"},
                        "rate_limit": limit},
                       {"path": "/cost", "auth": "key", "respond": {"text": "in"}, "cost": 5,
                        "rate_limit": limit}]}


class Crowd:
    """Many clients that ask until they are refused; what they were answered."""

    def __init__(self, gateways, key="ada", each=None):
        self.statuses = {}
        self.lock = threading.Lock()
        self.each = each
        self.threads = [threading.Thread(target=self._ask, args=(gateways[i % len(gateways)], key))
                        for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _ask(self, gateway, key):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=PATIENCE)
        left = self.each
        while left is None or left > 0:
            try:
                connection.request("GET", "/", headers={"X-Api-Key": key})
                answer = connection.getresponse()
                answer.read()
            except OSError:
                break  # its gateway was killed
            with self.lock:
                self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
            if answer.status != 200:
                break
            left = None if left is None else left - 1
        connection.close()

    def wait(self):
        """Their end; how many were let in."""
        for thread in self.threads:
            thread.join()
        return self.statuses.get(200, 0)


def used(registry, key="consumer:ada", name="plan"):
    """What the registry has counted."""
    rows = registry.call("registry.quota_list", {"name": name, "key": key})["quotas"]
    return sum(row["used"] for row in rows)


class TwoGateways(Case):
    """Two gateways with two workers each, one registry."""

    def setUp(self):
        super().setUp()
        self.registry = self.stage.registry(port=free_port())

    def pair(self, quota, **more):
        """Both, having heard of each other."""
        both = [self.stage.gateway(settings(quota, **more)) for _ in range(2)]
        wait_until(lambda: self.registry.call("registry.stats")["gateways"] >= 2)
        return both

    def restart(self):
        """The registry killed, and another one in its place."""
        self.registry.kill()
        self.registry = self.stage.registry(port=self.registry.port, data=self.registry.data)

    def test_fifty_clients_at_two_gateways_get_what_is_allowed(self):
        both = self.pair(2000)
        let_in = Crowd(both).wait()
        self.assertGreaterEqual(let_in, 2000)
        self.assertLessEqual(let_in, 2001)  # the last one may be let in by each
        wait_until(lambda: used(self.registry) == let_in)
        self.assertEqual(Crowd(both).wait(), 0)

    def test_the_count_is_kept_over_restarts_of_all(self):
        both = self.pair(300)
        self.assertEqual(Crowd(both, each=2).wait(), 100)
        wait_until(lambda: used(self.registry) == 100)
        self.restart()
        self.assertEqual(used(self.registry), 100)
        both[0].stop()
        both[1].stop()
        both = self.pair(300)
        self.assertEqual(Crowd(both, each=2).wait(), 100)
        both[0].stop()  # it tells what it has not told yet
        both[1].kill()  # it can't
        both = self.pair(300)
        let_in = 200 + Crowd(both).wait()
        self.assertGreaterEqual(let_in, 300)
        self.assertLessEqual(let_in, 351)  # what the killed one had not told: a second's, of 50
        self.assertEqual(Crowd(self.pair(300)).wait(), 0)

    def test_a_registry_that_dies_under_load_is_told_when_it_is_back(self):
        both = self.pair(100000)
        crowd = Crowd(both, each=40)
        wait_until(lambda: crowd.statuses.get(200, 0) > 300)
        self.restart()
        self.assertEqual(crowd.wait(), 50 * 40)
        wait_until(lambda: used(self.registry) == 50 * 40)

    def test_without_the_registry_each_goes_on_with_what_it_knows(self):
        both = self.pair(200)
        self.assertEqual(Crowd(both, each=2).wait(), 100)
        wait_until(lambda: used(self.registry) == 100)
        self.registry.kill()
        for gateway in both:
            wait_until(lambda: not json.loads(gateway.admin("/status").body)["quotas"]["live"])
        let_in = [Crowd([gateway]).wait() for gateway in both]
        for count in let_in:  # each knows at least of its own 50
            self.assertTrue(100 <= count <= 150, let_in)
        self.registry = self.stage.registry(port=self.registry.port, data=self.registry.data)
        wait_until(lambda: used(self.registry) == 100 + sum(let_in))
        self.assertEqual(Crowd(both).wait(), 0)

    def test_a_report_whose_answer_is_lost_counts_once(self):
        proxy = Proxy(self.registry.port)
        self.addCleanup(proxy.close)
        gateway = self.stage.gateway({**settings(1000), "registry": {
            "urls": [f"http://127.0.0.1:{proxy.port}/RPC2"]}})
        self.assertEqual(Crowd([gateway], each=2).wait(), 100)
        wait_until(lambda: used(self.registry) == 100)
        proxy.drop = 3
        self.assertEqual(Crowd([gateway], each=2).wait(), 100)
        wait_until(lambda: proxy.drop == 0)
        self.assertEqual(Crowd([gateway], each=2).wait(), 100)
        wait_until(lambda: used(self.registry) >= 300)
        wait_until(lambda: json.loads(gateway.admin("/status").body)["quotas"]["live"])
        self.assertEqual(used(self.registry), 300)


class Proxy:
    """Between a gateway and its registry: delivers calls, and loses answers to reports of use."""

    def __init__(self, port):
        outer = self
        self.drop = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            """One call."""
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                """Asks the registry."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                connection.request("POST", self.path, body,
                                   {"Content-Type": self.headers["Content-Type"]})
                reply = connection.getresponse()
                answer = reply.read()
                connection.close()
                if outer.drop and b"<name>used</name>" in body:
                    outer.drop -= 1
                    self.close_connection = True
                    return
                try:
                    self.send_response(reply.status)
                    self.send_header("Content-Type", "text/xml")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # the gateway has left

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class OneGateway(SharedCase):
    """What clients and administrators see."""

    @classmethod
    def prepare(cls):
        cls.registry = cls.stage.registry()
        cls.registry.register("any", 1)
        plan = {"quota": 3, "per": "day", "name": "plan"}
        route = {"respond": {"text": "in"}}
        names = ("ada", "bob", "eve", "dan", "tom", "kim")
        cls.gateway = cls.stage.gateway({
            "workers": 2, "trusted_proxies": "127.0.0.1",
            "consumers": [{"name": name, "keys": [hashed(name)]} for name in names] + [
                {"name": "own", "keys": [hashed("own")],
                 "rate_limit": {"quota": 2, "per": "month", "name": "contract",
                                "by": "consumer"}}],
            "routes": [
                {**route, "path": "/day", "auth": "key",
                 "rate_limit": {**plan, "by": "consumer"}},
                {**route, "path": "/same", "auth": "key",
                 "rate_limit": [{**plan, "by": "consumer"},
                                {**plan, "quota": 2, "by": "consumer"}]},
                {**route, "path": "/month", "rate_limit": {
                    "quota": 10, "per": "month", "name": "trial"}},
                {**route, "path": "/cost", "auth": "key", "cost": 2,
                 "rate_limit": {**plan, "quota": 5, "name": "cost", "by": "consumer"}},
                {**route, "path": "/own", "auth": "key"},
                {**route, "path": "/key", "auth": "key",
                 "rate_limit": {**plan, "name": "key", "by": "key"}},
                {**route, "path": "/header",
                 "rate_limit": {**plan, "name": "header", "by": "header:X-Secret"}},
                {**route, "path": "/both", "auth": "key", "rate_limit": [
                    {**plan, "name": "both", "by": "consumer"},
                    {"rate": 1, "per": "1h", "name": "slow", "by": "consumer"}]},
            ]})

    def statuses(self, path, count, **headers):
        """What so many requests get."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return [self.gateway.get(path, headers).status for _ in range(count)]

    def test_a_day(self):
        answer = self.gateway.get("/day", {"X-Api-Key": "ada"})
        self.assertEqual(answer.headers.get("RateLimit-Policy"), '"plan";q=3;w=86400')
        self.assertRegex(answer.headers.get("RateLimit"), r'^"plan";r=2;t=\d+$')
        self.assertEqual(self.statuses("/day", 3, X_Api_Key="ada"), [200, 200, 429])
        answer = self.gateway.get("/day", {"X-Api-Key": "ada"})
        self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:rate-limited")
        wait = int(answer.headers.get("Retry-After"))
        self.assertLessEqual((time.time() + wait) % 86400, 2)
        self.assertRegex(answer.headers.get("RateLimit"), rf'^"plan";r=0;t={wait}$')
        self.assertEqual(self.statuses("/day", 1, X_Api_Key="bob"), [200])
        line = wait_until(lambda: [one for one in self.gateway.access_log()
                                   if one["status"] == 429 and one["path"] == "/day"])[0]
        self.assertEqual(line["flags"], ["RL"])
        self.assertRegex(line["reason"], r'^rate_limit "plan" of line \d+$')

    def test_a_month(self):
        answer = self.gateway.get("/month", {"X-Forwarded-For": "192.0.2.7"})
        days = int(re.search(r'"trial";q=10;w=(\d+)', answer.headers.get("RateLimit-Policy"))[1])
        self.assertIn(days, [86400 * n for n in (28, 29, 30, 31)])
        self.gateway.get("/month", {"X-Forwarded-For": "2001:db8::1"})
        self.gateway.get("/month", {"X-Forwarded-For": "2001:db8::2"})
        wait_until(lambda: used(self.registry, "address:192.0.2.7", "trial") == 1)
        wait_until(lambda: used(self.registry, "address:2001:db8::/64", "trial") == 2)

    def test_costs_and_a_consumers_own(self):
        self.assertEqual(self.statuses("/cost", 3, X_Api_Key="ada"), [200, 200, 429])
        self.assertEqual(self.statuses("/own", 3, X_Api_Key="own"), [200, 200, 429])
        wait_until(lambda: used(self.registry, name="cost") == 4)
        wait_until(lambda: used(self.registry, "consumer:own", "contract") == 2)

    def test_a_name_is_one_quota_wherever_it_stands(self):
        self.assertEqual(self.statuses("/same", 3, X_Api_Key="eve"), [200, 200, 429])
        self.assertEqual(self.statuses("/day", 2, X_Api_Key="eve"), [200, 429])
        wait_until(lambda: used(self.registry, "consumer:eve") == 3)

    def test_what_another_limit_refuses_uses_nothing(self):
        self.assertEqual(self.statuses("/both", 5, X_Api_Key="kim"), [200, 429, 429, 429, 429])
        wait_until(lambda: used(self.registry, "consumer:kim", "both") == 1)

    def test_the_registry_learns_no_secrets(self):
        self.assertEqual(self.statuses("/key", 4, X_Api_Key="dan"), [200, 200, 200, 429])
        self.assertEqual(self.statuses("/header", 4, X_Secret="letmein"), [200, 200, 200, 429])
        key = hashlib.sha256(b"dan").hexdigest()[:32]
        secret = hashlib.sha256(b"letmein").hexdigest()[:32]
        wait_until(lambda: used(self.registry, "key:" + key, "key") == 3)
        wait_until(lambda: used(self.registry, "header:" + secret, "header") == 3)

    def test_an_administrator_looks_and_resets(self):
        self.assertEqual(self.statuses("/day", 4, X_Api_Key="tom"), [200, 200, 200, 429])
        wait_until(lambda: used(self.registry, "consumer:tom") == 3)
        url = ("--url", self.registry.url)
        code, out, err = self.stage.check("microreg", "quotas", "plan", "consumer:tom", *url)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"QUOTA +KEY +PERIOD +USED +LEFT +OF\n"
                              r"plan +consumer:tom +\d{4}-\d\d-\d\d +3 +0 +3\n")
        code, out, err = self.stage.check("microreg", "quotas", "--json", *url)
        tom = {"name": "plan", "key": "consumer:tom", "used": 3, "left": 0, "quota": 3}
        self.assertTrue([one for one in json.loads(out)["quotas"] if {**one, **tom} == one], out)
        code, out, err = self.stage.check("microreg", "reset-quota", "plan", "consumer:tom", *url)
        self.assertEqual((code, out, err), (0, "3 were used\n", ""))
        for name, key in (("plan", "consumer:nobody"), ("plam", "consumer:tom")):
            code, out, err = self.stage.check("microreg", "reset-quota", name, key, *url)
            self.assertEqual((code, out), (1, ""))
            self.assertIn("nobody has used that quota", err)
        self.gateway.wait_status("/day", 200, {"X-Api-Key": "tom"})
        wait_until(lambda: [one for one in self.registry.call("registry.history", {})["events"]
                            if one["event"] == "quota_reset" and
                            one["detail"] == "plan of consumer:tom: 3 were used"])

    def test_what_the_operator_sees(self):
        self.statuses("/month", 1, X_Forwarded_For="192.0.2.99")
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_quota_unreported"] == 0)
        self.assertGreaterEqual(self.gateway.metrics()["microreg_gateway_quota_keys"], 1)
        self.assertEqual(self.gateway.metrics()["microreg_gateway_quota_live"], 1)
        quotas = json.loads(self.gateway.admin("/status").body)["quotas"]
        self.assertTrue(quotas["live"])
        self.assertEqual(quotas["gateways"], 1)
        metrics = self.registry.http(path="/metrics").body.decode()
        self.assertRegex(metrics, r"microreg_registry_quota_keys [1-9]")
        _, out, _ = self.stage.check("microreg-gateway", "--config", self.gateway.file,
                                     "--explain", "GET /month")
        self.assertIn('limit: "trial", 10 each month by address, at all gateways\n', out)

    def test_without_quotas_nothing_is_said_of_other_gateways(self):
        gateway = self.stage.gateway({"routes": [{"path": "/", "respond": {"text": "in"}}]})
        self.assertIsNone(json.loads(gateway.admin("/status").body)["quotas"]["gateways"])


class Settings(Case):
    """What --check says."""

    def test_mistakes_say_what_to_write(self):
        route = "routes: [{path: /, respond: {text: x}, rate_limit: %s}]\n"
        registry = "registry: {urls: ['http://127.0.0.1:1/RPC2']}\n"
        cases = [
            (route % "{quota: 5}", r"counted by the registry, and there is no `registry`"),
            (registry + route % "{quota: 5, per: 1h}", r"counted by day or month"),
            (registry + route % "{quota: 5, per: week}", r'"week".*or day or month'),
            (registry + route % "{rate: 5, per: day}", r"write `quota` in the place of `rate`"),
            (registry + route % "{rate: 5, quota: 5}",
             r"write one of `rate`, `quota` and `concurrent`"),
            (registry + route % "{quota: 5, burst: 2}", r"a quota has no burst"),
            (registry + route % "{quota: 5, algorithm: window}", r"a quota has no algorithm"),
            (registry + route % "{quota: 0}", r"quota"),
            (registry + route % ("{quota: 5, name: %s}" % ("n" * 65)), r"at most 64 characters"),
            (registry + "routes: [{path: /, respond: {text: x}, cost: 6, rate_limit: {quota: 5}}]",
             r"cost of 6 is over the 5"),
        ]
        for text, pattern in cases:
            with self.subTest(text):
                path = os.path.join(self.stage.dir, "g.yaml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                code, _, said = self.stage.check("microreg-gateway", "--config", path, "--check")
                self.assertEqual(code, 1)
                self.assertRegex(said, pattern)


if __name__ == "__main__":
    unittest.main()
