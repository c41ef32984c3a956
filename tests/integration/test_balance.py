"""Which instance gets a request, and what happens when one does not take it."""

import collections
import concurrent.futures
import threading
import unittest

from harness import Case, SharedCase, wait_until
from origin import reply


def ask_many(gateway, path, threads, each):
    """`each` GETs from every one of `threads` threads at once; all replies."""
    start = threading.Barrier(threads)

    def work():
        start.wait()
        return [gateway.get(path) for _ in range(each)]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return [r for f in [pool.submit(work) for _ in range(threads)] for r in f.result()]


class RoundRobin(SharedCase):
    """Origins that answer with their number."""

    @classmethod
    def prepare(cls):
        cls.origins = [cls.stage.origin(lambda request, peer, i=i: reply(200, b"%d" % i))
                       for i in range(5)]
        addresses = [origin.address for origin in cls.origins]
        cls.gateway = cls.stage.gateway({
            "workers": 2,
            "services": {"five": {"instances": addresses}, "two": {"instances": addresses[:2]},
                         "one": {"instances": addresses[:1]}},
            "routes": [{"path": f"/{name}", "service": name, "cache": "off"}
                       for name in ("five", "two", "one")]})

    def test_requests_go_to_each_instance_in_turn(self):
        first = [self.gateway.get("/five").body for _ in range(5)]
        self.assertEqual(sorted(first), [b"0", b"1", b"2", b"3", b"4"])
        self.assertEqual([self.gateway.get("/five").body for _ in range(10)], first * 2)

    def test_each_instance_gets_its_exact_share_when_50_threads_ask_at_once(self):
        replies = ask_many(self.gateway, "/five", 50, 10)
        counts = collections.Counter(r.body for r in replies)
        self.assertEqual(set(counts.values()), {100}, counts)

    def test_the_turns_of_one_service_do_not_touch_those_of_another(self):
        turns = []
        for _ in range(4):
            turns.append(self.gateway.get("/two").body)
            self.gateway.get("/five")
        self.assertEqual(turns[:2], turns[2:])
        self.assertNotEqual(turns[0], turns[1])

    def test_one_instance_gets_all(self):
        self.assertEqual({self.gateway.get("/one").body for _ in range(5)}, {b"0"})


class Algorithms(Case):
    """Other ways to choose, each before origins that answer with their number."""

    def start(self, count, workers=2, **service):
        """A gateway before `count` origins."""
        self.origins = [self.stage.origin(lambda request, peer, i=i: reply(200, b"%d" % i))
                        for i in range(count)]
        instances = service.pop("instances", [o.address for o in self.origins])
        return self.stage.gateway({
            "workers": workers,
            "services": {"s": {"instances": instances, **service}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})

    def test_random_reaches_all(self):
        gateway = self.start(3, balance="random")
        counts = collections.Counter(r.body for r in ask_many(gateway, "/x", 4, 75))
        self.assertEqual(set(counts), {b"0", b"1", b"2"})
        self.assertGreater(min(counts.values()), 50)

    def test_least_request_leaves_an_instance_that_hangs_alone(self):
        gateway = self.start(2, balance="least_request")
        held = threading.Event()
        self.origins[0].behave = lambda request, peer: held.wait(20) and reply(200, b"late")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            def hang():
                while not self.origins[0].requests:
                    gateway.get("/hang")
            hanging = pool.submit(hang)
            self.origins[0].wait_requests(1)
            self.assertEqual({gateway.get("/x").body for _ in range(40)}, {b"1"})
            held.set()
            hanging.result()

    def test_hash_keeps_a_user_at_one_instance_whichever_worker_takes_the_request(self):
        gateway = self.start(5, balance={"hash": {"header": "X-User"}})
        homes = {}
        for user in range(40):
            bodies = {gateway.get(f"/{i}", {"X-User": f"u{user}"}).body for i in range(5)}
            self.assertEqual(len(bodies), 1)
            homes[user] = bodies.pop()
        self.assertEqual(len(set(homes.values())), 5)

    def test_hash_takes_cookies_paths_and_addresses(self):
        cases = {"path": ({}, "/same"), "client": ({}, None),
                 "cookie": ({"Cookie": "a=b; session=7; c=d"}, None)}
        for name, (headers, path) in cases.items():
            with self.subTest(name):
                key = {"cookie": "session"} if name == "cookie" else name
                gateway = self.start(3, balance={"hash": key})
                bodies = {gateway.get(path or f"/{i}", headers).body for i in range(12)}
                self.assertEqual(len(bodies), 1)

    def test_without_the_key_of_the_hash_requests_are_spread(self):
        gateway = self.start(3, balance={"hash": {"header": "X-User"}})
        self.assertEqual({gateway.get("/x").body for _ in range(60)}, {b"0", b"1", b"2"})

    def test_keys_of_an_instance_that_refuses_go_elsewhere_and_others_stay(self):
        gateway = self.start(4, balance={"hash": "path"})
        homes = {path: gateway.get(path).body for path in (f"/{i}" for i in range(40))}
        self.origins[2].close()
        for path, home in homes.items():
            answer = gateway.get(path)
            self.assertEqual(answer.status, 200)
            if home != b"2":
                self.assertEqual(answer.body, home)


class Zones(Case):
    """A gateway that prefers its own zone."""

    def test_requests_stay_in_the_zone_while_it_has_an_instance(self):
        registry = self.stage.registry()
        origins = {zone: self.stage.origin(lambda request, peer, z=zone: reply(200, z.encode()))
                   for zone in ("east", "west")}
        gateway = self.stage.gateway({
            "zone": "west", "routes": [{"path": "/*", "service": "s", "cache": "off"}]})
        for zone, origin in origins.items():
            registry.register("s", origin.port, id=zone, zone=zone)
        wait_until(lambda: gateway.get("/x").body == b"west", "use of the zone")
        self.assertEqual({gateway.get("/x").body for _ in range(10)}, {b"west"})
        origins["west"].close()
        self.assertEqual({gateway.get("/x").body for _ in range(10)}, {b"east"})

    def test_a_reload_changes_the_way_of_choosing(self):
        origins = [self.stage.origin(lambda request, peer, i=i: reply(200, b"%d" % i))
                   for i in range(2)]
        instances = [{"url": o.address, "zone": f"z{i}"} for i, o in enumerate(origins)]
        base = {**self.stage.settings(), "services": {"s": {"instances": instances}},
                "routes": [{"path": "/*", "service": "s", "cache": "off"}]}
        gateway = self.stage.gateway(base)
        self.assertEqual({gateway.get("/x").body for _ in range(4)}, {b"0", b"1"})
        gateway.write({**base, "zone": "z1"})
        wait_until(lambda: {gateway.get("/x").body for _ in range(4)} == {b"1"}, "the zone")


class Retries(Case):
    """What a failed attempt leads to."""

    def start(self, origins, **service):
        """A gateway before these origins."""
        return self.stage.gateway({
            "services": {"s": {"instances": [o.address for o in origins], **service}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]})

    def test_a_refused_connect_is_tried_on_every_other_instance(self):
        origins = [self.stage.origin() for _ in range(4)]
        gateway = self.start(origins)
        for origin in origins[:3]:
            origin.close()
        for method in ("GET", "POST"):
            for _ in range(8):
                self.assertEqual(gateway.request(method, "/x", b"body").status, 200)

    def test_no_instance_left_to_connect_to_is_a_problem(self):
        origins = [self.stage.origin() for _ in range(2)]
        gateway = self.start(origins)
        for origin in origins:
            origin.close()
        answer = gateway.get("/x")
        self.assertIn(answer.status, (502, 503))
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")
        self.assertIn("error=connection_refused", answer.headers.get("Proxy-Status"))

    def test_a_get_that_failed_on_one_instance_is_answered_by_another(self):
        failures = {
            "503": lambda request, peer: reply(503, b"no"),
            "502": lambda request, peer: reply(502, b"no"),
            "reset": lambda request, peer: peer.reset(),
            "close": lambda request, peer: peer.close(),
            "malformed": lambda request, peer: b"what?\r\n\r\n",
        }
        for name, failure in failures.items():
            with self.subTest(name):
                good = self.stage.origin(lambda request, peer: reply(200, b"good"))
                bad = self.stage.origin(failure)
                gateway = self.start([bad, good])
                for _ in range(4):
                    self.assertEqual(gateway.get("/x").body, b"good")
                self.assertTrue(bad.requests)

    def test_a_post_that_was_sent_is_not_sent_again(self):
        origins = [self.stage.origin(lambda request, peer: reply(503, b"no")) for _ in range(2)]
        gateway = self.start(origins)
        self.assertEqual(gateway.request("POST", "/x", b"once").status, 503)
        self.assertEqual(sum(len(o.requests) for o in origins), 1)

    def test_a_post_is_sent_again_where_the_service_allows_it(self):
        bad = self.stage.origin(lambda request, peer: reply(503, b"no"))
        good = self.stage.origin(lambda request, peer: reply(200, request.body))
        gateway = self.start([bad, good], retry={"non_idempotent": True})
        for _ in range(2):
            answer = gateway.request("POST", "/x", b"again")
            self.assertEqual((answer.status, answer.body), (200, b"again"))

    def test_an_instance_that_ends_under_many_requests_fails_none(self):
        # More at once than the retry budget of a few would let through.
        waiting, gone = threading.Semaphore(0), threading.Event()
        self.addCleanup(gone.set)

        def hang(request, peer):
            waiting.release()
            gone.wait(20)
            peer.reset()

        ending, other = self.stage.origin(hang), self.stage.origin()
        gateway = self.start([ending, other])
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            asked = [pool.submit(gateway.get, "/x") for _ in range(100)]
            for _ in range(50):
                self.assertTrue(waiting.acquire(timeout=20))
            gone.set()
            self.assertEqual({a.result(20).status for a in asked}, {200})

    def test_attempts_are_limited(self):
        origins = [self.stage.origin(lambda request, peer: reply(503, b"no")) for _ in range(4)]
        gateway = self.start(origins)
        self.assertEqual(gateway.get("/x").status, 503)
        self.assertEqual(sum(len(o.requests) for o in origins), 2)

    def test_retries_can_be_switched_off(self):
        origins = [self.stage.origin(lambda request, peer: reply(503, b"no")) for _ in range(2)]
        gateway = self.start(origins, retry={"attempts": 1})
        self.assertEqual(gateway.get("/x").status, 503)
        self.assertEqual(sum(len(o.requests) for o in origins), 1)


class Instances(Case):
    """Instances that come and go in the registry."""

    def prepare(self, count, *args):
        """A registry, `count` instances of users, and a gateway that knows them."""
        self.registry = self.stage.registry()
        self.users = [self.stage.service("users", "--id", f"users-{i}", *args)
                      for i in range(count)]
        self.gateway = self.stage.gateway({
            "routes": [{"path": "/users/{id}", "service": "users", "cache": "off"}]})
        self.gateway.wait_status("/users/56", 200)

    def seen(self, requests=10):
        """Which instances answer."""
        return {self.gateway.get("/users/56").headers.get("X-Instance") for _ in range(requests)}

    def test_a_new_instance_gets_its_share_as_soon_as_it_is_registered(self):
        self.prepare(1)
        self.stage.service("users", "--id", "users-new")
        wait_until(lambda: self.seen() == {"users-0", "users-new"}, "use of the new instance")

    def test_one_that_deregisters_on_sigterm_gets_no_more_requests_and_loses_none(self):
        self.prepare(2)
        stopping = threading.Thread(target=self.users[0].stop)
        stopping.start()
        statuses = collections.Counter()
        while stopping.is_alive():
            statuses[self.gateway.get("/users/56").status] += 1
        stopping.join()
        for _ in range(20):
            statuses[self.gateway.get("/users/56").status] += 1
        self.assertEqual(set(statuses), {200})
        wait_until(lambda: self.seen() == {"users-1"}, "the end of its use")

    def test_kill_9_of_one_instance_under_requests_fails_none(self):
        self.prepare(2)
        killed = threading.Event()
        replies = []

        def ask():
            after = 0
            while after < 60:
                replies.append(self.gateway.get("/users/56").status)
                after += killed.is_set()
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(replies) > 100, "traffic")
        self.users[0].kill()
        killed.set()
        for thread in threads:
            thread.join()
        self.assertEqual(collections.Counter(replies), {200: len(replies)})

    def test_instances_that_are_not_up_get_no_requests(self):
        self.prepare(3)
        for instance, status in (("users-0", "draining"), ("users-1", "maintenance")):
            self.registry.call("registry.set_status", {
                "service": "users", "id": instance, "status": status, "reason": "test"})
        wait_until(lambda: self.seen() == {"users-2"}, "the end of their use")
        self.registry.call("registry.set_status", {
            "service": "users", "id": "users-0", "status": "up", "reason": "test"})
        wait_until(lambda: self.seen() == {"users-0", "users-2"}, "its use")

    def test_instances_that_are_starting_are_not_called_down(self):
        registry = self.stage.registry()
        for name, statuses in (("late", ["starting"]), ("mixed", ["starting", "draining"]),
                               ("gone", ["draining"])):
            for number, status in enumerate(statuses):
                registry.register(name, 1 + number, status=status)
        gateway = self.stage.gateway({
            "routes": [{"path": "/" + name, "service": name}
                       for name in ("late", "mixed", "gone")]})
        for name, told in (("late", r"none is up yet \(starting\)"),
                           ("mixed", "none is up, and some are starting"),
                           ("gone", "all are down or draining")):
            self.assertEqual(gateway.get("/" + name).status, 503)
            gateway.wait_log(f'"{name}": no instance for /{name}: the registry says that {told}')

    def test_one_whose_lease_ran_out_gets_no_requests(self):
        self.prepare(1)
        silent = self.stage.origin(lambda request, peer: reply(200, b"", {"X-Instance": "silent"}))
        self.registry.register("users", silent.port, id="silent", ttl_ms=1000)
        wait_until(lambda: "silent" in self.seen(), "its use")
        wait_until(lambda: self.seen() == {"users-0"}, "the end of its use")

    def test_a_service_nobody_registered_is_a_503(self):
        self.registry = self.stage.registry()
        gateway = self.stage.gateway({"routes": [{"path": "/x", "service": "nobody"}]})
        answer = gateway.get("/x")
        self.assertEqual(answer.status, 503)
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")


if __name__ == "__main__":
    unittest.main()
