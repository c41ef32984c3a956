"""Consumers that the registry keeps: made, changed and ended by Python's own XML-RPC client."""

import glob
import os
import sqlite3
import threading
import unittest
import xmlrpc.client

from harness import Case, SharedCase
from test_access import make_token, write_settings

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
                (-32602, "either rate or concurrent", "put", {"name": "x", "limits": [
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

    def test_there_are_no_more_than_the_settings_allow(self):
        self.call("admin", "consumer_put", {"name": "bob"})
        with self.assertRaisesRegex(xmlrpc.client.Fault, r"limits\.consumers"):
            self.call("admin", "consumer_put", {"name": "eve"})
        self.call("admin", "consumer_delete", {"name": "bob"})


if __name__ == "__main__":
    unittest.main()
