"""What is answered when no instance can: the stored reply, the route's default, a problem."""

import json
import os
import signal
import unittest

from harness import Case, SharedCase, wait_until
from origin import chunked, reply


class StoredReplies(Case):
    """A shop's service behind the gateway, and everything that can go away."""

    def prepare(self, *args, **route):
        """A registry, one instance of users, a gateway with a snapshot; one GET done."""
        self.registry = self.stage.registry()
        self.service = self.stage.service("users", "--id", "users-1", *args)
        self.settings = {
            "registry": {"urls": [self.registry.url],
                         "snapshot": self.stage.dir + "/gateway.snapshot"},
            "routes": [{"path": "/users/{id}", "service": "users", **route}]}
        self.gateway = self.stage.gateway(self.settings)
        self.good = wait_until(self.ask_users_1, "an answer of users-1")

    def ask_users_1(self):
        """The answer if it comes from there, not from the gateway itself."""
        answer = self.gateway.get("/users/56")
        return answer if "X-Instance" in answer.headers else None

    def assert_stale(self, answer):
        """The good reply again, and said to be a stored one."""
        self.assertEqual((answer.status, answer.body), (200, self.good.body))
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")
        self.assertRegex(answer.headers.get("Age"), r"^\d+$")
        self.assertRegex(answer.headers.get("Cache-Status"), r"^microreg; ?hit")
        self.assertRegex(answer.headers.get("Cache-Status"), r"detail=stale-if-error")

    def test_all_instances_killed(self):
        self.prepare()
        self.service.kill()
        for _ in range(5):
            self.assert_stale(self.gateway.get("/users/56"))

    def test_all_instances_gone_from_the_registry(self):
        self.prepare()
        self.service.stop()
        wait_until(lambda: not self.registry.lookup("users")["instances"], "deregistration")
        for _ in range(5):
            self.assert_stale(self.gateway.get("/users/56"))

    def test_the_lease_of_the_last_instance_ran_out(self):
        self.prepare("--ttl-ms", "1000")
        self.service.kill()
        wait_until(lambda: not self.registry.lookup("users")["instances"], "expiry")
        for _ in range(5):
            self.assert_stale(self.gateway.get("/users/56"))

    def test_the_registry_killed_while_instances_live(self):
        self.prepare()
        self.registry.kill()
        for _ in range(5):
            answer = self.gateway.get("/users/7")
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers.get("X-Instance"), "users-1")

    def test_the_registry_and_all_instances_killed(self):
        self.prepare()
        self.registry.kill()
        self.service.kill()
        for _ in range(5):
            self.assert_stale(self.gateway.get("/users/56"))

    def test_a_gateway_restarted_without_registry_knows_the_instances_from_its_snapshot(self):
        self.prepare()
        snapshot = self.stage.dir + "/gateway.snapshot"

        def is_written():
            if not os.path.exists(snapshot):
                return False
            with open(snapshot, "rb") as file:
                return b"users-1" in file.read()
        wait_until(is_written, "the snapshot")
        self.registry.kill()
        self.gateway.stop()
        gateway = self.stage.gateway(self.settings)
        answer = gateway.get("/users/7")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get("X-Instance"), "users-1")

    def test_the_registry_restarted_is_followed_again(self):
        self.prepare()
        self.registry.kill()
        self.stage.registry(port=self.registry.port, data=self.registry.data)
        self.stage.service("users", "--id", "users-2")

        def answering():
            return {self.gateway.get("/users/99").headers.get("X-Instance")
                    for _ in range(6)}
        wait_until(lambda: answering() == {"users-1", "users-2"}, "use of both")

    def test_what_was_never_asked_is_a_problem(self):
        self.prepare()
        self.service.kill()
        answer = self.gateway.get("/users/12")
        self.assertIn(answer.status, (502, 503))
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json")

    def test_a_stored_reply_answers_head_too(self):
        self.prepare()
        self.service.kill()
        answer = self.gateway.request("HEAD", "/users/56")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_an_error_does_not_replace_a_good_reply(self):
        self.prepare()
        self.service.kill()
        origin = self.stage.origin(lambda request, peer: reply(503, b"sorry"))
        self.registry.register("users", origin.port, id="users-1")
        wait_until(lambda: self.gateway.get("/users/99").body == b"sorry", "its use")
        self.assert_stale(self.gateway.get("/users/56"))

    def test_an_instance_that_hangs_is_answered_for(self):
        self.prepare(timeout="300ms")
        self.service.pause()
        try:
            self.assert_stale(self.gateway.get("/users/56"))
        finally:
            self.service.send_signal(signal.SIGCONT)

    def test_it_is_fresh_again_when_an_instance_is_back(self):
        self.prepare()
        self.service.kill()
        self.assert_stale(self.gateway.get("/users/56"))
        self.stage.service("users", "--id", "users-1")

        def is_fresh():
            answer = self.gateway.get("/users/56")
            return answer if "hit" not in answer.headers.get("Cache-Status", "") else None
        self.assertEqual(wait_until(is_fresh, "a fresh reply").body, self.good.body)

    def test_a_default_reply_answers_when_nothing_is_stored(self):
        self.prepare(cache="off", fallback={"status": 200, "json": {"item": "none"}})
        self.service.kill()
        answer = self.gateway.get("/users/56")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")
        self.assertEqual(json.loads(answer.body), {"item": "none"})

    def test_a_stored_reply_goes_before_the_default(self):
        self.prepare(fallback={"status": 200, "json": []})
        self.service.kill()
        self.assert_stale(self.gateway.get("/users/56"))


class WhatIsKept(SharedCase):
    """Which replies are stored, shown by closing the origin afterwards."""

    @classmethod
    def prepare(cls):
        pass

    def after_it_is_gone(self, behave, headers=None, path="/x", **route):
        """Asks twice the same, the second time with the origin gone. The second answer."""
        origin = self.stage.origin(behave)
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "s", **route}]})
        self.first = gateway.get(path, headers)
        origin.close()
        self.gateway = gateway
        return gateway.get(path, headers)

    def test_what_its_headers_allow_is_kept_without_any_setting(self):
        cases = [{"Cache-Control": "max-age=60"}, {"Cache-Control": "public"}, {},
                 {"Cache-Control": "max-age=0"},
                 {"Expires": "Thu, 01 Jan 2099 00:00:00 GMT"}]
        for headers in cases:
            with self.subTest(headers):
                answer = self.after_it_is_gone(lambda request, peer: reply(200, b"kept", headers))
                self.assertEqual((answer.status, answer.body), (200, b"kept"))

    def test_what_must_not_be_kept_is_not(self):
        cases = [({"Cache-Control": "no-store"}, {}), ({"Cache-Control": "private"}, {}),
                 ({"Set-Cookie": "a=1"}, {}), ({"Vary": "*"}, {}),
                 ({}, {"Authorization": "Bearer x"}), ({}, {"Cache-Control": "no-store"})]
        for headers, asked in cases:
            with self.subTest(reply=headers, request=asked):
                answer = self.after_it_is_gone(
                    lambda request, peer: reply(200, b"secret", headers), asked)
                self.assertIn(answer.status, (502, 503))
                self.assertNotIn(b"secret", answer.body)

    def test_what_must_be_asked_for_again_is_not_served_stale(self):
        for headers in ({"Cache-Control": "max-age=0, must-revalidate"},
                        {"Cache-Control": "no-cache"}, {"Cache-Control": "s-maxage=0"},
                        {"Cache-Control": "max-age=0, proxy-revalidate"}):
            with self.subTest(headers):
                answer = self.after_it_is_gone(lambda request, peer: reply(200, b"old", headers))
                self.assertIn(answer.status, (502, 503, 504))

    def test_another_variant_is_not_served(self):
        answer = self.after_it_is_gone(
            lambda request, peer: reply(200, b"english", {"Vary": "Accept-Language"}),
            {"Accept-Language": "en"})
        self.assertEqual(answer.body, b"english")
        answer = self.gateway.get("/x", {"Accept-Language": "fr"})
        self.assertIn(answer.status, (502, 503))

    def test_the_query_is_part_of_what_was_asked(self):
        answer = self.after_it_is_gone(lambda request, peer: reply(200, b"one"), path="/x?a=1")
        self.assertEqual(answer.body, b"one")
        self.assertIn(self.gateway.get("/x?a=2").status, (502, 503))

    def test_a_body_in_chunks_is_kept_whole(self):
        answer = self.after_it_is_gone(lambda request, peer: chunked([b"one", b"two"]))
        self.assertEqual((answer.status, answer.body), (200, b"onetwo"))

    def test_a_reply_too_long_for_the_cache_passes_and_is_not_kept(self):
        answer = self.after_it_is_gone(lambda request, peer: reply(200, b"a" * (2 << 20)))
        self.assertEqual(len(self.first.body), 2 << 20)
        self.assertIn(answer.status, (502, 503))

    def test_cache_off_keeps_nothing(self):
        answer = self.after_it_is_gone(
            lambda request, peer: reply(200, b"x", {"Cache-Control": "max-age=60"}), cache="off")
        self.assertIn(answer.status, (502, 503))

    def test_a_post_is_never_answered_from_the_cache(self):
        self.after_it_is_gone(lambda request, peer: reply(200, b"kept"))
        self.assertIn(self.gateway.request("POST", "/x", b"").status, (502, 503))


class FreshReplies(Case):
    """What is fresh: served at once on a route with a `cache` key, else when nothing answers."""

    def test_a_reply_that_is_still_fresh_is_served_as_such_when_no_instance_answers(self):
        origin = self.stage.origin(
            lambda request, peer: reply(200, b"x", {"Cache-Control": "max-age=60"}))
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "s"}]})
        gateway.get("/x")
        origin.close()
        answer = gateway.get("/x")
        self.assertEqual((answer.status, answer.body), (200, b"x"))
        self.assertRegex(answer.headers.get("Cache-Status"), r"^microreg; ?hit; ?ttl=\d+")

    def test_a_fresh_reply_is_served_without_asking(self):
        origin = self.stage.origin(lambda request, peer: reply(200, b"kept"))
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "s", "cache": {"ttl": "1h"}}]})
        self.assertRegex(gateway.get("/x").headers.get("Cache-Status"), r"fwd=.*stored")
        for _ in range(3):
            answer = gateway.get("/x")
            self.assertEqual(answer.body, b"kept")
            self.assertRegex(answer.headers.get("Cache-Status"), r"^microreg; ?hit; ?ttl=\d+")
            self.assertRegex(answer.headers.get("Age"), r"^\d+$")
        self.assertEqual(len(origin.requests), 1)

    def test_without_the_key_the_instance_is_asked_each_time(self):
        origin = self.stage.origin(
            lambda request, peer: reply(200, b"x", {"Cache-Control": "max-age=60"}))
        gateway = self.stage.gateway({
            "services": {"s": {"instances": [origin.address]}},
            "routes": [{"path": "/*", "service": "s"}]})
        for _ in range(3):
            gateway.get("/x")
        self.assertEqual(len(origin.requests), 3)


if __name__ == "__main__":
    unittest.main()
