"""Backups under load, the way back, and what an original MicroReg has kept."""

import json
import os
import re
import sqlite3
import threading
import unittest

from harness import Case


class Keeping(Case):
    """registry.backup, --restore, --import."""

    def offline(self, *args):
        """Runs the registry for a job that serves nothing. (exit code, output, log)"""
        return self.stage.check("microreg-registry", *args)

    def names(self, registry, service):
        """The ids of a service."""
        return sorted(i["id"] for i in registry.lookup(service)["instances"])

    def test_a_backup_is_made_while_registrations_go_on(self):
        registry = self.stage.registry()
        for i in range(50):
            registry.register("before", 1, id=str(i))
        done, counts = threading.Event(), []

        def write():
            with registry.proxy() as proxy:
                count = 0
                while not done.is_set():
                    proxy.registry.register({"service": "during", "port": 1, "id": str(count)})
                    count += 1
                counts.append(count)
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        files = [registry.call("registry.backup")["file"] for _ in range(5)]
        done.set()
        for writer in writers:
            writer.join()
        self.assertEqual(len(set(files)), 5)
        self.assertTrue(all(count > 0 for count in counts), counts)
        seen = 0
        for name in files:
            with sqlite3.connect(os.path.join(registry.data, name)) as copy:
                self.assertEqual(copy.execute("PRAGMA integrity_check").fetchone(), ("ok",))
                newest, kept = (copy.execute(text).fetchone()[0] for text in (
                    "SELECT max(revision) FROM instances",
                    "SELECT value FROM meta WHERE name = 'revision'"))
                self.assertEqual(newest, kept)
                self.assertGreaterEqual(kept, seen)
                seen = kept

    def test_a_backup_is_restored_and_what_was_there_is_kept(self):
        registry = self.stage.registry()
        registry.register("kept", 1, id="a")
        file = os.path.join(registry.data, registry.call("registry.backup")["file"])
        revision = registry.register("lost", 1, id="b")["revision"]
        registry.stop()
        with open(os.path.join(registry.data, "registry.db"), "r+b") as damaged:
            damaged.write(b"x" * 5000)
        code, said, log = self.offline("--data-dir", registry.data, "--restore", file)
        self.assertEqual(code, 0, log)
        kept = re.search(r"kept as (\S+)", said)[1]
        self.assertTrue(os.path.exists(os.path.join(registry.data, kept)))
        again = self.stage.registry(data=registry.data)
        self.assertEqual(self.names(again, "kept"), ["a"])
        self.assertEqual(self.names(again, "lost"), [])
        # Who watched the other one is told everything.
        self.assertTrue(again.call("registry.watch", {"revision": revision})["reset"])

    def test_a_log_is_put_aside_with_its_database(self):
        registry = self.stage.registry()
        file = os.path.join(registry.data, registry.call("registry.backup")["file"])
        registry.register("lost", 1, id="b")
        registry.kill()
        self.assertGreater(os.path.getsize(os.path.join(registry.data, "registry.db-wal")), 0)
        code, said, log = self.offline("--data-dir", registry.data, "--restore", file)
        self.assertEqual(code, 0, log)
        kept = re.search(r"kept as (\S+)", said)[1]
        self.assertTrue(os.path.exists(os.path.join(registry.data, kept + "-wal")))
        self.assertEqual(self.names(self.stage.registry(data=registry.data), "lost"), [])

    def test_what_is_no_backup_is_refused(self):
        registry = self.stage.registry()
        registry.register("s", 1, id="a")
        file = os.path.join(registry.data, registry.call("registry.backup")["file"])
        self.assertEqual(self.offline("--data-dir", registry.data, "--restore", file)[0], 5)
        registry.stop()
        bad = os.path.join(self.stage.dir, "bad")
        with open(bad, "wb") as out:
            out.write(b"nonsense" * 1000)
        for name in (bad, bad + "x", self.stage.dir, "/dev/null"):
            code, _, log = self.offline("--data-dir", registry.data, "--restore", name)
            self.assertIn(code, (4, 6), log)
        self.assertEqual(self.names(self.stage.registry(data=registry.data), "s"), ["a"])

    def test_an_original_backup_is_imported(self):
        registry = self.stage.registry()
        registry.call("register", "users", "http://10.0.0.1", 80, 1)
        registry.stop()
        entries = {
            "1": {"id": 1, "name": "users", "host": "http://10.0.0.1", "port": 80, "status": 1,
                  "reg_timestamp": 1450000000.5},
            "2": {"id": 2, "name": "users", "host": "10.0.0.2", "port": "81", "status": 1,
                  "reg_timestamp": "2016-01-01 12:00:00"},
            "3": {"id": 3, "name": "orders", "host": "http://orders.local", "port": 82,
                  "status": 0, "reg_timestamp": 1450000000},
            "4": {"id": 4, "name": "bad name", "host": "h", "port": 1, "status": 1},
            "5": {"id": 5, "name": "late", "host": "h", "port": 99999, "status": 1}}
        file = os.path.join(self.stage.dir, "servicedb_backup.db")
        with open(file, "w", encoding="utf-8") as out:
            out.write(json.dumps(entries) + '"status": 1}}\x00\xff')
        code, said, log = self.offline("--data-dir", registry.data, "--import", file)
        self.assertEqual(code, 0, log)
        self.assertIn("2 imported", said)
        self.assertIn("1 were there already, 2 left out", said)
        self.assertIn('entry "4" is left out: name', log)
        self.assertIn('entry "5" is left out: port', log)
        again = self.stage.registry(data=registry.data)
        everything = json.loads(again.call("get_all_service_details"))
        self.assertEqual(sorted((e["name"], e["host"], e["port"], e["status"])
                                for e in everything.values()),
                         [("orders", "http://orders.local", 82, 0),
                          ("users", "10.0.0.2", 81, 1), ("users", "http://10.0.0.1", 80, 1)])
        self.assertEqual(len({e["id"] for e in everything.values()}), 3)
        again.stop()
        self.assertIn("0 imported",
                      self.offline("--data-dir", registry.data, "--import", file)[1])

    def test_what_is_no_original_backup_is_refused(self):
        file = os.path.join(self.stage.dir, "x")
        for text in ("", "[]", "{", "nonsense", '{"1": 5'):
            with open(file, "w", encoding="utf-8") as out:
                out.write(text)
            code, _, log = self.offline("--data-dir", os.path.join(self.stage.dir, "d"),
                                        "--import", file)
            self.assertEqual(code, 2, log)
            self.assertIn("no backup of an original MicroReg", log)


if __name__ == "__main__":
    unittest.main()
