"""Consumers that the registry keeps: made, changed and ended by Python's own XML-RPC client."""

import base64
import glob
import json
import os
import re
import sqlite3
import stat
import subprocess
import threading
import unittest
import xmlrpc.client

from harness import BUILD, Case, SharedCase, free_port, wait_until
from origin import reply
from test_access import make_token, write_settings
from test_keys import hashed

LIMIT = {"rate": 5, "per_ms": 60000, "burst": 5}


def in_files(folder, secret):
    """The files below the folder that hold the secret."""
    found = []
    for name in glob.glob(os.path.join(folder, "**"), recursive=True):
        if os.path.isfile(name):
            with open(name, "rb") as file:
                if secret.encode() in file.read():
                    found.append(name)
    return found


class Methods(Case):
    """A registry without access control."""

    def setUp(self):
        super().setUp()
        self.registry = self.stage.registry()

    def call(self, method, **members):
        """registry.consumer_METHOD of the struct."""
        return self.registry.call("registry.consumer_" + method, members)

    def fault(self, code, pattern, method, **members):
        """The call must be refused with that code and text."""
        with self.assertRaisesRegex(xmlrpc.client.Fault, pattern) as caught:
            self.call(method, **members)
        self.assertEqual(caught.exception.faultCode, code)

    def test_a_consumer_is_told_as_it_was_put(self):
        self.call("put", name="ada", id="7", groups=["staff", "eu"], limits=[LIMIT],
                  ip={"allow": ["10.0.0.0/8"], "deny": ["10.6.0.1"]}, meta={"team": "x"},
                  certificates=["san:ada@example.org"], password_hash="$2b$12$abc")
        told = self.call("get", name="ada")
        for member, value in {"id": "7", "groups": ["staff", "eu"], "password": True, "keys": [],
                              "ip": {"allow": ["10.0.0.0/8"], "deny": ["10.6.0.1"]},
                              "meta": {"team": "x"},
                              "certificates": ["san:ada@example.org"]}.items():
            self.assertEqual(told[member], value)
        self.assertEqual(told["limits"], [{**LIMIT, "name": "default", "by": "consumer",
                                           "algorithm": "bucket"}])
        self.assertNotIn("$2b$", str(told))
        self.assertEqual(self.call("list"), {"consumers": [told], "more": False,
                                             "revision": told["revision"]})

    def test_a_quota_is_told_as_it_was_put(self):
        for given, told in (({"quota": 5}, {"quota": 5, "per": "day"}),
                            ({"quota": 5, "per": "month", "by": "key", "name": "plan"},
                             {"quota": 5, "per": "month", "by": "key", "name": "plan"})):
            self.call("put", name="ada", limits=[given])
            self.assertEqual(self.call("get", name="ada")["limits"],
                             [{"name": "default", "by": "consumer", **told}])
            self.assertFalse(self.call("put", name="ada", limits=[given])["changed"])

    def test_putting_the_same_again_changes_nothing(self):
        first = self.call("put", name="ada", groups=["a"])
        again = self.call("put", name="ada", groups=["a"])
        self.assertEqual((first["existed"], first["changed"]), (False, True))
        self.assertEqual((again["existed"], again["changed"]), (True, False))
        self.assertEqual(first["revision"], again["revision"])
        self.assertTrue(self.call("delete", name="ada")["existed"])
        self.assertFalse(self.call("delete", name="ada")["existed"])

    def test_replacing_a_consumer_keeps_its_keys(self):
        self.call("put", name="ada", groups=["a"])
        key = self.call("key_new", name="ada", label="laptop")
        self.call("put", name="ada", groups=["b"])
        told = self.call("get", name="ada")
        self.assertEqual((told["groups"], [k["id"] for k in told["keys"]]), (["b"], [key["key"]]))
        self.assertTrue(self.call("key_revoke", name="ada", key=key["key"])["existed"])
        self.assertFalse(self.call("key_revoke", name="ada", key=key["key"])["existed"])
        self.assertEqual(self.call("get", name="ada")["keys"], [])

    def test_a_rotation_gives_the_old_keys_an_end(self):
        self.call("put", name="ada")
        old = self.call("key_new", name="ada")
        short = self.call("key_new", name="ada", ttl_ms=1000)
        new = self.call("key_new", name="ada", grace_ms=3600000, expires="2999-01-31T12:00:00Z")
        keys = {key["id"]: key for key in self.call("get", name="ada")["keys"]}
        self.assertEqual(old["expires"], "")
        self.assertGreater(keys[old["key"]]["expires"], keys[new["key"]]["created"])
        self.assertLess(keys[old["key"]]["expires"], "2999")
        self.assertEqual(keys[short["key"]]["expires"], short["expires"])  # it ends before
        self.assertEqual(keys[new["key"]]["expires"], "2999-01-31T12:00:00.000Z")

    def test_there_are_no_more_keys_than_sixteen(self):
        self.call("put", name="ada")
        for _ in range(16):
            self.call("key_new", name="ada")
        self.fault(429, "has 16 keys.*revoke one", "key_new", name="ada")

    def test_what_is_wrong_is_a_fault_that_says_what_is_right(self):
        self.call("put", name="ada", id="1")
        for code, pattern, method, members in (
                (-32602, 'name: "a b"; allowed: 1 to 128 letters', "put", {"name": "a b"}),
                (-32602, "name", "put", {}),
                (-32602, 'no member is called "group"; did you mean "groups"', "put", {
                    "name": "x", "group": "y"}),
                (-32602, "groups", "put", {"name": "x", "groups": ["a,b"]}),
                (-32602, "limits: rate: 0; allowed", "put", {"name": "x", "limits": [
                    {"rate": 0}]}),
                (-32602, "either rate, or concurrent, or quota", "put", {"name": "x", "limits": [
                    {"rate": 1, "quota": 1}]}),
                (-32602, "per: is of a quota", "put", {"name": "x", "limits": [
                    {"rate": 1, "per": "day"}]}),
                (-32602, "neither per_ms nor burst", "put", {"name": "x", "limits": [
                    {"quota": 1, "per_ms": 1000}]}),
                (-32602, "per: .year.; allowed", "put", {"name": "x", "limits": [
                    {"quota": 1, "per": "year"}]}),
                (-32602, "either rate, or concurrent", "put", {"name": "x", "limits": [
                    {"rate": 1, "concurrent": 1}]}),
                (-32602, "a window has none", "put", {"name": "x", "limits": [
                    {"rate": 1, "algorithm": "window", "burst": 1}]}),
                (-32602, "ip: allow: \"all\"; allowed: addresses", "put", {
                    "name": "x", "ip": {"allow": ["all"]}}),
                (-32602, "certificates", "put", {"name": "x", "certificates": ["ada"]}),
                (-32602, "password_hash: this is no hash", "put", {
                    "name": "x", "password_hash": "hunter2"}),
                (409, 'consumer "ada" has the id "1"', "put", {"name": "x", "id": "1"}),
                (404, 'no consumer "x".*consumer_list', "get", {"name": "x"}),
                (404, 'no consumer "x"', "key_new", {"name": "x"}),
                (404, 'no consumer "x"', "key_revoke", {"name": "x", "key": "k"}),
                (-32602, "is over", "key_new", {"name": "ada", "expires": "2020-01-01T00:00:00Z"}),
                (-32602, "allowed: a time", "key_new", {"name": "ada", "expires": "tomorrow"}),
                (-32602, "the same", "key_new", {"name": "ada", "ttl_ms": 5,
                                                 "expires": "2999-01-01T00:00:00Z"})):
            with self.subTest(method=method, **members):
                self.fault(code, pattern, method, **members)
        self.assertEqual([c["name"] for c in self.call("list")["consumers"]], ["ada"])

    def test_the_password_of_a_mistake_is_not_repeated(self):
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            self.call("put", name="x", password_hash="hunter2")
        self.assertNotIn("hunter2", caught.exception.faultString)

    def test_many_are_listed_in_pages(self):
        names = [f"c{number:03}" for number in range(250)]
        with self.registry.proxy() as proxy:
            for name in reversed(names):
                proxy.registry.consumer_put({"name": name})
        seen, after, pages = [], "", 0
        while True:
            page = self.call("list", after=after, prefix="c", limit=100)
            seen += [c["name"] for c in page["consumers"]]
            pages += 1
            if not page["more"]:
                break
            after = seen[-1]
        self.assertEqual((seen, pages), (names, 3))
        self.assertEqual(len(self.call("list", prefix="c24")["consumers"]), 10)

    def test_the_history_tells_who_did_what(self):
        self.call("put", name="ada")
        key = self.call("key_new", name="ada", label="laptop")
        self.call("key_revoke", name="ada", key=key["key"])
        self.call("delete", name="ada")
        events = [e for e in self.registry.call("registry.history")["events"] if e["id"] == "ada"]
        self.assertEqual([e["event"] for e in events],
                         ["consumer_put", "key_made", "key_revoked", "consumer_deleted"])
        self.assertIn(key["key"] + " laptop", events[1]["detail"])
        self.assertEqual({e["actor"] for e in events}, {"127.0.0.1"})
        self.assertNotIn(key["secret"], str(events))

    def test_a_watch_sleeps_until_a_consumer_changes(self):
        self.call("put", name="ada")
        first = self.call("watch", revision="")
        self.assertEqual((first["reset"], [c["name"] for c in first["changes"]]), (True, ["ada"]))
        told = []

        def watch():
            told.append(self.registry.call("registry.consumer_watch", {
                "revision": first["revision"], "wait_ms": 60000}))
        thread = threading.Thread(target=watch)
        thread.start()
        self.registry.register("orders", 9000)  # nothing that it waits for
        self.assertEqual(told, [])
        self.call("delete", name="ada")
        thread.join()
        self.assertEqual((told[0]["reset"], told[0]["changes"]),
                         (False, [{"name": "ada", "deleted": True}]))

    def test_a_watch_of_services_sleeps_on(self):
        at = self.registry.call("registry.watch", {"revision": ""})["revision"]
        told = []

        def watch():
            told.append(self.registry.call("registry.watch", {"revision": at, "wait_ms": 60000}))
        thread = threading.Thread(target=watch)
        thread.start()
        self.call("put", name="ada")
        self.call("watch", revision="")
        self.registry.register("orders", 9000)
        thread.join()
        self.assertEqual([c["service"] for c in told[0]["changes"]], ["orders"])

    def test_a_watch_tells_many_in_pages(self):
        with self.registry.proxy() as proxy:
            for number in range(1200):
                proxy.registry.consumer_put({"name": f"c{number}"})
        seen, at, resets = set(), "", 0
        while True:
            page = self.call("watch", revision=at)
            seen |= {c["name"] for c in page["changes"]}
            at, resets = page["revision"], resets + page["reset"]
            if not page["more"]:
                break
        self.assertEqual((len(seen), resets), (1200, 1))


class Durability(Case):
    """What was acknowledged is kept."""

    def test_kill_9_keeps_what_was_answered(self):
        registry = self.stage.registry()
        registry.call("registry.consumer_put", {"name": "ada", "groups": ["a"]})
        key = registry.call("registry.consumer_key_new", {"name": "ada"})
        told = registry.call("registry.consumer_get", {"name": "ada"})
        at = registry.call("registry.consumer_watch", {"revision": ""})["revision"]
        registry.kill()
        registry = self.stage.registry(data=registry.data)
        self.assertEqual(registry.call("registry.consumer_get", {"name": "ada"}), told)
        again = registry.call("registry.consumer_watch", {"revision": at})
        self.assertEqual((again["reset"], again["changes"]), (False, []))  # nothing new
        self.assertEqual(in_files(self.stage.dir, key["secret"]), [])

    def test_a_backup_carries_them(self):
        registry = self.stage.registry()
        registry.call("registry.consumer_put", {"name": "ada"})
        registry.call("registry.consumer_key_new", {"name": "ada"})
        told = registry.call("registry.consumer_get", {"name": "ada"})
        file = os.path.join(registry.data, registry.call("registry.backup")["file"])
        registry.call("registry.consumer_delete", {"name": "ada"})
        at = registry.call("registry.consumer_watch", {"revision": ""})["revision"]
        registry.stop()
        code, _, said = self.stage.check("microreg-registry", "--restore", file, "--data-dir",
                                         registry.data)
        self.assertEqual(code, 0, said)
        registry = self.stage.registry(data=registry.data)
        again = registry.call("registry.consumer_get", {"name": "ada"})
        self.assertEqual((again["keys"], again["id"]), (told["keys"], told["id"]))
        watched = registry.call("registry.consumer_watch", {"revision": at})
        self.assertTrue(watched["reset"])  # its revisions are of another database
        self.assertEqual([c["name"] for c in watched["changes"]], ["ada"])

    def test_a_database_of_before_is_brought_up(self):
        registry = self.stage.registry()
        registry.register("orders", 9000, id="one")
        registry.stop()
        with sqlite3.connect(os.path.join(registry.data, "registry.db")) as db:
            db.executescript("DROP TABLE consumers; DELETE FROM meta WHERE name = "
                             "'consumers_gone'; PRAGMA user_version = 4")
        db.close()
        registry = self.stage.registry(data=registry.data)
        self.assertEqual(len(registry.lookup("orders")["instances"]), 1)
        registry.call("registry.consumer_put", {"name": "ada"})
        registry.kill()
        registry = self.stage.registry(data=registry.data)
        self.assertEqual(registry.call("registry.consumer_get", {"name": "ada"})["id"], "ada")


class Roles(SharedCase):
    """A registry with a token of each role."""

    @classmethod
    def prepare(cls):
        cls.secrets, tokens = {}, []
        for role in ("read", "gateway", "register", "admin"):
            cls.secrets[role], digest = make_token(role)
            tokens.append({"name": role, "hash": digest, "role": role})
        settings = {"tokens": tokens, "limits": {"consumers": 2}}
        cls.registry = cls.stage.registry(
            args=["--config", write_settings(cls.stage.dir, settings)])
        cls.call("admin", "consumer_put", {"name": "ada"})
        cls.key = cls.call("admin", "consumer_key_new", {"name": "ada"})

    @classmethod
    def call(cls, role, method, members):
        """registry.METHOD with the token of that role."""
        url = f"http://any:{cls.secrets[role]}@127.0.0.1:{cls.registry.port}/"
        with xmlrpc.client.ServerProxy(url) as proxy:
            return getattr(proxy, "registry." + method)(members)

    def test_only_an_admin_changes_and_lists_them(self):
        for role in ("read", "gateway", "register"):
            for method, members in (("consumer_put", {"name": "x"}),
                                    ("consumer_get", {"name": "ada"}), ("consumer_list", {}),
                                    ("consumer_delete", {"name": "ada"}),
                                    ("consumer_key_new", {"name": "ada"}),
                                    ("consumer_key_revoke", {"name": "ada", "key": "k"})):
                with self.subTest(role=role, method=method):
                    with self.assertRaises(xmlrpc.client.ProtocolError) as caught:
                        self.call(role, method, members)
                    self.assertEqual(caught.exception.errcode, 403)

    def test_hashes_are_for_gateways(self):
        for role in ("gateway", "admin"):
            told = self.call(role, "consumer_watch", {"revision": ""})["changes"][0]
            self.assertRegex(told["keys"][0]["hash"], "^sha256:[0-9a-f]{64}$")
        for role in ("read", "register"):
            with self.assertRaises(xmlrpc.client.ProtocolError) as caught:
                self.call(role, "consumer_watch", {"revision": ""})
            self.assertEqual(caught.exception.errcode, 403)
        self.assertNotIn("hash", str(self.call("admin", "consumer_get", {"name": "ada"})))

    def test_a_gateway_may_read_and_watch_but_not_register(self):
        self.call("gateway", "watch", {"revision": ""})
        self.call("gateway", "services", {})
        with self.assertRaises(xmlrpc.client.ProtocolError):
            self.call("gateway", "register", {"service": "x", "port": 1})

    def test_the_history_tells_readers_nothing_of_them(self):
        events = self.call("read", "history", {})["events"]
        self.assertEqual([e for e in events if e["id"] == "ada"], [])
        events = self.call("admin", "history", {})["events"]
        self.assertEqual({e["actor"].split("@")[0] for e in events if e["id"] == "ada"}, {"admin"})

    def test_what_readers_are_not_told_takes_no_place_in_a_page(self):
        made = self.call("register", "register", {"service": "page", "port": 1, "id": "a"})
        key = self.call("admin", "consumer_key_new", {"name": "ada"})["key"]
        self.call("admin", "consumer_key_revoke", {"name": "ada", "key": key})
        self.call("register", "register", {"service": "page", "port": 2, "id": "b"})
        new = self.call("read", "history", {"limit": 2})["events"]
        old = self.call("read", "history", {"limit": 1, "since": made["revision"]})["events"]
        self.assertEqual([event["id"] for event in new + old], ["a", "b", "b"])

    def test_there_are_no_more_than_the_settings_allow(self):
        self.call("admin", "consumer_put", {"name": "bob"})
        with self.assertRaisesRegex(xmlrpc.client.Fault, r"limits\.consumers"):
            self.call("admin", "consumer_put", {"name": "eve"})
        self.call("admin", "consumer_delete", {"name": "bob"})


class Gateways(Case):
    """A gateway whose consumers come from the registry, before one origin."""

    WORKERS = 3

    def setUp(self):
        super().setUp()
        self.registry = self.stage.registry()
        self.origin = self.stage.origin(lambda request, peer: reply(
            body=(request.headers.get("X-Consumer-Name") or "-").encode()))
        self.gateway = self.stage.gateway(self.settings())

    def settings(self, **more):
        """The same for each gateway of the test."""
        return {
            "services": {"o": {"instances": [self.origin.address]}}, "workers": self.WORKERS,
            "registry": {"urls": [self.registry.url], "consumers": True,
                         "snapshot": os.path.join(self.stage.dir, "snapshot")},
            "trusted_proxies": "127.0.0.1",
            "routes": [{"path": "/key", "service": "o", "auth": "key", "cache": "off"},
                       {"path": "/basic", "service": "o", "auth": "basic", "cache": "off"},
                       {"path": "/staff", "service": "o", "auth": "key", "cache": "off",
                        "allow": ["group:staff"]}], **more}

    def call(self, method, **members):
        """registry.consumer_METHOD of the struct."""
        return self.registry.call("registry.consumer_" + method, members)

    def make(self, name, **members):
        """A consumer with a key, whose secret is returned."""
        self.call("put", name=name, **members)
        return self.call("key_new", name=name)["secret"]

    def everywhere(self, status, secret, path="/key", gateway=None):
        """Waits until each worker answers so: as many connections in a row as make it sure."""
        gateway = gateway or self.gateway
        wait_until(lambda: all(gateway.get(path, {"X-Api-Key": secret}).status == status
                               for _ in range(8 * self.WORKERS)), f"{path} -> {status}")

    def test_a_key_opens_in_every_worker_until_it_is_revoked(self):
        other = self.stage.gateway(self.settings(registry={
            "urls": [self.registry.url], "consumers": True}))
        secret = self.make("ada", id="7", groups=["staff", "eu"])
        for gateway in (self.gateway, other):
            self.everywhere(200, secret, gateway=gateway)
            self.everywhere(200, secret, "/staff", gateway)
        seen = self.origin.requests[-1].headers
        self.assertEqual([seen.all(name) for name in (
            "X-Consumer-Id", "X-Consumer-Name", "X-Consumer-Groups", "X-Api-Key")],
            [["7"], ["ada"], ["staff,eu"], []])
        key = self.call("get", name="ada")["keys"][0]["id"]
        self.call("key_revoke", name="ada", key=key)
        for gateway in (self.gateway, other):
            self.everywhere(401, secret, gateway=gateway)

    def test_changes_one_after_the_other_are_each_in_effect(self):
        secret = self.make("ada")
        for _ in range(3):
            new = self.call("key_new", name="ada")
            self.everywhere(200, new["secret"])
            self.call("key_revoke", name="ada", key=new["key"])
            self.everywhere(401, new["secret"])
        self.everywhere(200, secret)

    def test_keys_expire_and_rotate(self):
        old = self.make("ada")
        short = self.call("key_new", name="ada", ttl_ms=2000)["secret"]
        self.everywhere(200, short)
        self.everywhere(401, short)  # by itself
        new = self.call("key_new", name="ada", grace_ms=0)["secret"]
        self.everywhere(200, new)
        self.everywhere(401, old)

    def test_a_consumer_changes_and_goes(self):
        secret = self.make("ada", groups=["staff"])
        self.everywhere(200, secret, "/staff")
        self.call("put", name="ada", groups=["eu"])
        self.everywhere(403, secret, "/staff")
        self.call("put", name="ada", ip={"deny": ["10.0.0.0/8"]})

        def refused():
            return self.gateway.get("/key", {"X-Api-Key": secret, "X-Forwarded-For": "10.1.2.3"}
                                    ).status == 403
        wait_until(refused)
        self.everywhere(200, secret)
        self.call("delete", name="ada")
        self.everywhere(401, secret)

    def test_limits_hold_for_them(self):
        secret = self.make("ada", limits=[{"rate": 3, "per_ms": 3600000, "name": "hourly"}])
        self.everywhere(429, secret)
        answer = self.gateway.get("/key", {"X-Api-Key": secret})
        self.assertIn('"hourly"', answer.headers.get("RateLimit-Policy"))
        self.assertLessEqual(len(self.origin.requests), 3)

    def test_quotas_hold_for_them_at_all_gateways_and_over_a_restart(self):
        secret = self.make("ada", limits=[{"quota": 20, "per": "month", "name": "plan"}])
        other = self.stage.gateway(self.settings())
        for gateway in (self.gateway, other):
            self.everywhere(429, secret, gateway=gateway)
        answer = other.get("/key", {"X-Api-Key": secret})
        self.assertRegex(answer.headers.get("RateLimit-Policy"), r'^"plan";q=20;w=2\d{6}$')
        self.assertLessEqual(len(self.origin.requests), 20 + 2)  # what both let in at the end

        def used():
            return [(one["name"], one["key"], one["used"]) for one in
                    self.registry.call("registry.quota_list", {})["quotas"]]
        wait_until(lambda: used() == [("plan", "consumer:ada", len(self.origin.requests))])
        self.gateway.stop()
        self.gateway = self.stage.gateway(self.settings())
        self.everywhere(429, secret)
        self.call("put", name="ada", limits=[{"quota": 1000, "per": "month", "name": "plan"}])
        self.everywhere(200, secret)

    def test_passwords_open_for_them(self):
        said = subprocess.run([os.path.join(BUILD, "microreg-gateway"), "--hash-password"],
                              input=b"open sesame", check=True, capture_output=True)
        digest = re.search(r"\$argon2id\$\S+", said.stdout.decode()).group(0).strip("'\"")
        self.call("put", name="ada", password_hash=digest)
        shown = {"Authorization": "Basic " + base64.b64encode(b"ada:open sesame").decode()}
        wrong = {"Authorization": "Basic " + base64.b64encode(b"ada:open").decode()}
        self.gateway.wait_status("/basic", 200, shown)
        self.assertEqual(self.gateway.get("/basic", wrong).status, 401)

    def test_they_are_known_while_the_registry_is_down_and_over_a_restart(self):
        secret = self.make("ada", groups=["staff"])
        self.registry.register("some", 9000)
        self.everywhere(200, secret)
        file = os.path.join(self.stage.dir, "snapshot.consumers")
        wait_until(lambda: os.path.exists(file) and os.path.exists(file[:-len(".consumers")]))
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        self.registry.kill()
        self.everywhere(200, secret, "/staff")
        self.gateway.stop()
        again = self.stage.gateway(self.settings())
        for _ in range(10):  # from the first request on
            self.assertEqual(again.get("/staff", {"X-Api-Key": secret}).status, 200)
        self.assertEqual(again.admin("/ready").status, 200)

    def test_before_they_come_who_is_unknown_is_told_to_come_again(self):
        port = free_port()
        gateway = self.stage.gateway(self.settings(
            registry={"urls": [f"http://127.0.0.1:{port}/RPC2"], "consumers": True},
            consumers=[{"name": "eve", "keys": [hashed("mrk_eve")]}]))
        shown = {"Authorization": "Basic " + base64.b64encode(b"ada:open").decode()}
        for path, headers in (("/key", {"X-Api-Key": "mrk_ada"}), ("/basic", shown)):
            answer = gateway.get(path, headers)
            self.assertEqual((answer.status, answer.headers.get("Retry-After")), (503, "1"))
            self.assertIn(b"auth-unavailable", answer.body)
        self.assertEqual(gateway.get("/key", {"X-Api-Key": "mrk_eve"}).status, 200)
        self.assertEqual(gateway.get("/key").status, 401)
        registry = self.stage.registry(port=port)
        gateway.wait_status("/key", 401, {"X-Api-Key": "mrk_ada"})
        gateway.wait_status("/basic", 401, shown)
        registry.call("registry.consumer_put", {"name": "ada"})
        secret = registry.call("registry.consumer_key_new", {"name": "ada"})["secret"]
        gateway.wait_status("/key", 200, {"X-Api-Key": secret})

    def test_a_registry_that_lost_its_memory_locks_nobody_out(self):
        secret = self.make("ada")
        self.everywhere(200, secret)
        port = self.registry.port
        self.registry.stop()
        self.registry = self.stage.registry(port=port)  # an empty database
        self.gateway.wait_log("has another database, which knows none")
        self.everywhere(200, secret)
        other = self.make("bob")
        self.everywhere(200, other)
        self.everywhere(401, secret)

    def test_the_settings_win(self):
        theirs = self.make("ada")
        shared = self.make("bob")
        self.everywhere(200, theirs)
        own = "mrk_" + "s" * 43
        self.gateway.write({**self.stage.settings(), **self.settings(consumers=[
            {"name": "ada", "keys": [hashed(own)]}, {"name": "eve", "keys": [hashed(shared)]}])})
        self.everywhere(200, own)
        self.everywhere(401, theirs)
        self.everywhere(200, shared)
        self.assertEqual(self.gateway.get("/key", {"X-Api-Key": shared}).body, b"eve")
        self.gateway.wait_log("consumers of the registry: 1 in effect, 2 left out.*\"ada\"")
        metrics = self.gateway.metrics()
        self.assertEqual(metrics['microreg_gateway_registry_consumers{result="left_out"}'], 2)
        self.assertEqual(metrics["microreg_gateway_registry_consumers_current"], 1)
        self.gateway.write({**self.stage.settings(), **self.settings()})
        self.everywhere(200, theirs)
        self.everywhere(401, own)

    def test_the_admin_door_names_them_without_hashes(self):
        self.make("ada", groups=["staff"])
        key = self.call("get", name="ada")["keys"][0]["id"]

        def told():
            page = self.gateway.admin("/consumers")
            return page if json.loads(page.body)["consumers"] else None
        page = wait_until(told)
        wait_until(lambda: key in self.gateway.admin("/consumers").body.decode())
        page = self.gateway.admin("/consumers")
        one = json.loads(page.body)["consumers"][0]
        self.assertEqual((one["name"], one["from"], one["groups"], one["keys"]),
                         ("ada", "registry", ["staff"], [{"id": key}]))
        self.assertNotIn(b"sha256", page.body)

    def test_secrets_are_in_no_log_and_no_file(self):
        secret = self.make("ada")
        self.everywhere(200, secret)
        wait_until(lambda: os.path.exists(os.path.join(self.stage.dir, "snapshot.consumers")))
        wait_until(lambda: any(e.get("consumer") == "ada" for e in self.gateway.access_log()))
        self.assertNotIn(secret, self.gateway.admin("/consumers").body.decode())
        self.assertEqual(in_files(self.stage.dir, secret), [])


class Allowed(Case):
    """A gateway asks only when it may, and serves all the same."""

    def test_a_token_that_may_not_see_them_stops_nothing_else(self):
        reader, digest = make_token("reader")
        admin, admin_digest = make_token("admin")
        gateway_secret, gateway_digest = make_token("gateway")
        tokens = [{"name": "reader", "hash": digest},
                  {"name": "admin", "hash": admin_digest, "role": "admin"},
                  {"name": "gateway", "hash": gateway_digest, "role": "gateway"}]
        registry = self.stage.registry(
            args=["--config", write_settings(self.stage.dir, {"tokens": tokens})])
        origin = self.stage.origin(lambda request, peer: reply(body=b"fine"))
        url = f"http://any:{admin}@127.0.0.1:{registry.port}/"
        with xmlrpc.client.ServerProxy(url) as proxy:
            proxy.registry.register({"service": "o", "host": "127.0.0.1", "ttl_ms": 3600000,
                                     "port": origin.port})
            proxy.registry.consumer_put({"name": "ada"})
            secret = proxy.registry.consumer_key_new({"name": "ada"})["secret"]
        gateways = []
        for shown in (reader, gateway_secret):
            file = os.path.join(self.stage.dir, f"token.{len(gateways)}")
            with open(file, "w", encoding="ascii") as out:
                out.write(shown)
            gateways.append(self.stage.gateway({
                "registry": {"urls": [registry.url], "token_file": file, "consumers": True},
                "routes": [{"path": "/open", "service": "o"},
                           {"path": "/key", "service": "o", "auth": "key"}]}))
        gateways[0].wait_log("watch of consumers: .*HTTP 403.*the role gateway")
        for gateway in gateways:
            gateway.wait_status("/open", 200)
        gateways[1].wait_status("/key", 200, {"X-Api-Key": secret})
        self.assertEqual(gateways[0].get("/key", {"X-Api-Key": secret}).status, 503)
        self.assertEqual(gateways[0].get("/key").status, 401)
        wait_until(lambda: gateways[0].admin("/ready").status == 200)

    def test_a_gateway_that_does_not_ask_knows_none(self):
        registry = self.stage.registry()
        origin = self.stage.origin(lambda request, peer: reply(body=b"fine"))
        registry.call("registry.consumer_put", {"name": "ada"})
        secret = registry.call("registry.consumer_key_new", {"name": "ada"})["secret"]
        gateway = self.stage.gateway({
            "services": {"o": {"instances": [origin.address]}},
            "routes": [{"path": "/key", "service": "o", "auth": "key"}]})
        self.assertEqual(gateway.get("/key", {"X-Api-Key": secret}).status, 401)
        self.assertEqual(json.loads(gateway.admin("/consumers").body), {"consumers": []})


class Tool(Case):
    """microreg consumer."""

    def setUp(self):
        super().setUp()
        self.registry = self.stage.registry()

    def tool(self, *args, code=0):
        """What it prints; it must end with that code. self.said: what it says of mistakes."""
        done = subprocess.run([os.path.join(BUILD, "microreg"), "consumer", *args],
                              env={"MICROREG_URL": self.registry.url}, capture_output=True,
                              text=True, check=False)
        self.said = done.stderr
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def test_a_consumer_from_its_making_to_its_end(self):
        self.tool("put", "ada", "--group", "staff", "--group", "eu", "--limit", "100/1m",
                  "--limit", "5", "--limit", "9000/month", "--deny", "10.0.0.0/8", "--meta",
                  "team=x", "--certificate", "san:ada")
        told = json.loads(self.tool("get", "ada", "--json"))
        self.assertEqual(told, self.registry.call("registry.consumer_get", {"name": "ada"}))
        self.assertEqual((told["groups"], told["ip"]["deny"], told["meta"]),
                         (["staff", "eu"], ["10.0.0.0/8"], {"team": "x"}))
        self.assertEqual([(one.get("rate"), one.get("per_ms"), one.get("concurrent"),
                           one.get("quota"), one.get("per")) for one in told["limits"]],
                         [(100, 60000, None, None, None), (None, None, 5, None, None),
                          (None, None, None, 9000, "month")])
        key = dict(line.split(": ", 1) for line in self.tool(
            "new-key", "ada", "--expires", "90d", "--label", "laptop").splitlines())
        self.assertRegex(key["secret"], "^mrk_[A-Za-z0-9_-]{43}$")
        text = self.tool("get", "ada")
        for part in ("groups: staff,eu", "limits: 100/60000ms by consumer, 5 at once by consumer, "
                     "9000/month by consumer",
                     "deny: 10.0.0.0/8", key["key"], "laptop", key["expires"]):
            self.assertIn(part, text)
        self.assertNotIn(key["secret"], text)
        line = self.tool("list").splitlines()[1].split()
        self.assertEqual(line[:5], ["ada", "ada", "staff,eu", "1", "no"])
        self.tool("revoke-key", "ada", key["key"])
        self.tool("revoke-key", "ada", key["key"], code=1)
        self.assertIn('"ada" has no key "k', self.said)
        self.tool("revoke-key", "eve", key["key"], code=1)
        self.assertIn('no consumer "eve"', self.said)
        self.tool("delete", "ada")
        self.tool("delete", "ada", code=1)
        self.assertIn('no consumer "ada"', self.said)
        self.assertEqual(json.loads(self.tool("list", "--json")), [])

    def test_a_rotation_gives_the_keys_before_an_end(self):
        self.tool("put", "ada")
        old = json.loads(self.tool("new-key", "ada", "--json"))
        new = json.loads(self.tool("new-key", "ada", "--json", "--grace", "7d", "--expires",
                                   "2999-01-31"))
        keys = {one["id"]: one["expires"]
                for one in json.loads(self.tool("get", "ada", "--json"))["keys"]}
        self.assertLess(keys[old["key"]], "2999")
        self.assertNotEqual(keys[old["key"]], "")
        self.assertEqual(keys[new["key"]], "2999-01-31T00:00:00.000Z")

    def test_mistakes_are_told(self):
        for args, code, said in ((("lst",), 2, 'did you mean "list"'),
                                 (("get",), 2, "it takes get NAME"),
                                 (("get", "ada"), 1, 'no consumer "ada"'),
                                 (("put", "ada", "--limit", "many"), 2, "--limit many: allowed"),
                                 (("put", "ada", "--limit", "5/day/2"), 2, "a quota"),
                                 (("put", "ada", "--limit", "5/1m/2/3"), 2, "a burst"),
                                 (("put", "ada", "--limit", "5/"), 2, "--limit 5/: allowed"),
                                 (("put", "a b"), 1, "allowed: 1 to 128 letters"),
                                 (("new-key", "ada", "--expires", "soon"), 2, "--expires soon"),
                                 (("new-key", "ada", "--grace", "soon"), 2, "--grace soon")):
            with self.subTest(args):
                self.tool(*args, code=code)
                self.assertIn(said, self.said)

    def test_many_are_listed(self):
        with self.registry.proxy() as proxy:
            for number in range(520):
                proxy.registry.consumer_put({"name": f"c{number:03}"})
        self.assertEqual(len(json.loads(self.tool("list", "--json"))), 520)
        self.assertEqual(len(json.loads(self.tool("list", "--json", "--limit", "7"))), 7)
        self.assertEqual(len(json.loads(self.tool("list", "--json", "--prefix", "c51"))), 10)


if __name__ == "__main__":
    unittest.main()
