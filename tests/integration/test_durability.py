"""What was acknowledged survives: kill -9, a disk that is full or fails, a damaged database."""

import os
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import unittest
import xmlrpc.client

from harness import BUILD, Case, wait_until

ROUNDS = int(os.environ.get("KILL_ROUNDS", "50"))
CALLERS = 4
TTLS_MS = (5000, 20000, 80000, 320000, 1280000)
ENOSPC, EIO = 28, 5


def number(revision):
    """The counter in a revision."""
    return int(re.split(r"[.-]", revision)[1])


def ids(answer):
    """The ids of the instances in a lookup's answer."""
    return {instance["id"] for instance in answer["instances"]}


class Caller(threading.Thread):
    """Registers, and now and then deregisters, until the registry is gone."""

    def __init__(self, registry, service):
        super().__init__(daemon=True)
        self.registry, self.service = registry, service
        self.alive = {}  # acknowledged: id -> (lease, ttl_ms)
        self.gone = set()  # deregistered, acknowledged
        self.revision = 0
        self.wrong = None  # what must not happen

    def acknowledged(self, answer):
        """Notes the revision: it grows with each change that one caller makes."""
        revision = number(answer["revision"])
        if revision <= self.revision:
            self.wrong = f"revision {revision} after {self.revision}"
        self.revision = revision

    def run(self):
        try:
            with self.registry.proxy() as proxy:
                for turn in range(100000):
                    self.turn(proxy, turn)
        except (OSError, EOFError, xmlrpc.client.ProtocolError):
            pass  # it was killed
        except Exception as error:  # pylint: disable=broad-except
            self.wrong = repr(error)

    def turn(self, proxy, turn):
        """One registration; every fifth turn a deregistration too."""
        ttl_ms = TTLS_MS[turn % len(TTLS_MS)]
        name = f"i{turn}"
        answer = proxy.registry.register(
            {"service": self.service, "id": name, "port": 1 + turn % 65535, "ttl_ms": ttl_ms})
        self.acknowledged(answer)
        self.alive[name] = (answer["lease"], ttl_ms)
        if turn % 5 == 4:
            name = f"i{turn - 3}"
            lease, _ = self.alive.pop(name)  # from here on it may be gone
            self.acknowledged(proxy.registry.deregister(
                {"service": self.service, "id": name, "lease": lease}))
            self.gone.add(name)


class Starting(Case):
    """Tests of registries that must not start."""

    def refusal(self, code, data, wrap=()):
        """Starts one that must end with that code; returns the one line it says."""
        program = self.stage.run("microreg-registry", "--listen", "127.0.0.1:0",
                                 "--data-dir", data, wrap=wrap)
        program.expect = {code}
        wait_until(lambda: not program.is_running() or "listening" in program.log(), "the end")
        self.assertFalse(program.is_running(), program.log())
        self.assertEqual(program.wait(), code, program.log())
        lines = program.log().strip().splitlines()
        self.assertEqual(len(lines), 1, lines)
        return lines[0]


class Kills(Case):
    """kill -9 at any time."""

    def verify(self, registry, callers, ttl_ms=0):
        """Everything that was acknowledged to `callers` is so; of instances with that ttl or more,
        where looking may take longer."""
        with registry.proxy() as proxy:
            revision = number(proxy.registry.stats()["revision"])
            for caller in callers:
                self.assertIsNone(caller.wrong)
                self.assertGreaterEqual(revision, caller.revision)
                found = ids(proxy.registry.lookup({"service": caller.service}))
                alive = {name for name, (_, ttl) in caller.alive.items() if ttl >= ttl_ms}
                self.assertEqual(alive - found, set(), "lost")
                self.assertEqual(caller.gone & found, set(), "came back")

    def verify_leases(self, registry, callers):
        """Each lease goes on, and the next heartbeat is due by the instance's own ttl."""
        with registry.proxy() as proxy:
            for caller in callers:
                mine = list(caller.alive.items())[:250]
                beats = proxy.registry.heartbeats([
                    {"service": caller.service, "id": name, "lease": lease}
                    for name, (lease, _) in mine])
                for (name, (_, ttl_ms)), beat in zip(mine, beats):
                    self.assertTrue(beat.get("known"), (name, beat))
                    self.assertTrue(ttl_ms / 4 <= beat["heartbeat_ms"] <= ttl_ms / 3, beat)

    def test_fifty_kills_under_a_stream_of_registrations(self):
        registry = self.stage.registry()
        everybody = []
        for turn in range(ROUNDS):
            callers = [Caller(registry, f"r{turn}-{n}") for n in range(CALLERS)]
            for caller in callers:
                caller.start()
            enough = random.randint(1, 60)
            wait_until(lambda all_=callers, n=enough: sum(len(c.alive) for c in all_) >= n,
                       "registrations")
            registry.kill()
            for caller in callers:
                caller.join()
            everybody += callers
            registry = self.stage.registry(data=registry.data)
            self.verify(registry, callers)
            self.verify_leases(registry, callers)
        self.verify(registry, everybody, TTLS_MS[2])
        self.assertGreater(sum(len(caller.alive) for caller in everybody), 10 * ROUNDS)

    def test_a_kill_while_it_starts_leaves_what_the_next_start_can_use(self):
        data = os.path.join(self.stage.dir, "data")
        for turn in range(12):
            starting = self.stage.run("microreg-registry", "--listen", "127.0.0.1:0",
                                      "--data-dir", data)
            files = turn % 4  # it makes the lock, the database, its WAL and its index
            wait_until(lambda n=files, p=starting: (
                os.path.isdir(data) and len(os.listdir(data)) >= n) or not p.is_running(),
                "the files")
            starting.kill()
            if turn % 4 == 3:
                registry = self.stage.registry(data=data)
                registry.register("s", 1, id=str(turn))
                self.assertEqual(len(registry.lookup("s")["instances"]), turn // 4 + 1)
                registry.kill()


class Traced:
    """The system calls that strace -f -y wrote: (begin, end, name, text) by line number."""

    LINE = re.compile(r"(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$")

    def __init__(self, file):
        self.calls = []
        open_calls = {}
        with open(file, encoding="utf-8", errors="replace") as lines:
            for at, line in enumerate(lines):
                match = self.LINE.match(line.rstrip("\n"))
                if not match:
                    continue
                pid, name, text, _, rest = match.groups()
                if rest is not None:
                    begin, name, text = open_calls.pop(pid)
                    self.calls.append((begin, at, name, text + rest))
                elif text.endswith("<unfinished ...>"):
                    open_calls[pid] = (at, name, text)
                else:
                    self.calls.append((at, at, name, text))

    def first(self, names, after, *texts):
        """The first that began after line `after` and holds all texts."""
        found = [c for c in self.calls
                 if c[2] in names and c[0] > after and all(t in c[3] for t in texts)]
        return min(found) if found else None


class Order(Case):
    """The disk first, then the answer."""

    SENDS = ("sendto", "sendmsg", "writev", "write")

    def test_every_acknowledgement_follows_the_sync_of_its_commit(self):
        file = os.path.join(self.stage.dir, "strace")
        registry = self.stage.registry(
            wrap=("strace", "-D", "-f", "-y", "-s", "9000", "-o", file, "-e",
                  "trace=pwrite64,fdatasync,fsync,sendto,sendmsg,writev,write"),
            env={"ASAN_OPTIONS": "detect_leaks=0"})  # which itself needs ptrace

        def work(caller):
            with registry.proxy() as proxy:
                for turn in range(8):
                    proxy.registry.register({"service": "s", "id": f"own-{caller}-{turn}-name",
                                             "port": 1})
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(registry.stop(), 0)
        wait_until(lambda: "exited with 0" in open(file, encoding="utf-8",
                                                   errors="replace").read()[-3000:], "the trace")
        traced = Traced(file)
        for caller in range(6):
            for turn in range(8):
                self.check_order(traced, f"own-{caller}-{turn}-name")

    def check_order(self, traced, name):
        """Written to the WAL, synced, answered; in that order."""
        written = traced.first(("pwrite64",), -1, "registry.db-wal>", name)
        self.assertIsNotNone(written, f"{name} was not written")
        synced = traced.first(("fdatasync", "fsync"), written[1], "registry.db-wal>", " = 0")
        self.assertIsNotNone(synced, f"{name} was not synced")
        sent = traced.first(self.SENDS, -1, f"<string>{name}</string>")
        self.assertIsNotNone(sent, f"{name} was not answered")
        self.assertGreater(sent[0], synced[1], f"{name} was answered before it was durable")


class Fiu:
    """Makes system calls of a running program fail, by libfiu."""

    def __init__(self, stage, name, errno):
        self.base = os.path.join(stage.dir, "fiu")
        self.name, self.errno = name, errno
        self.wrap = ("fiu-run", "-x", "-f", self.base)
        self.env, self.program = {}, None

    def command(self, text):
        """fiu-ctrl's protocol: a line in, a line out."""
        pipe = f"{self.base}-{self.program.pid}"
        with open(pipe + ".in", "w", encoding="ascii") as to:
            with open(pipe + ".out", encoding="ascii") as answer:
                to.write(text + "\n")
                to.flush()
                if answer.readline().strip() != "0":
                    raise AssertionError(f"libfiu refused {text}")

    def on(self):
        """From now on they fail."""
        self.command(f"enable name={self.name},failinfo={self.errno}")

    def off(self):
        """They work again."""
        self.command(f"disable name={self.name}")


def failing(stage, name, errno):
    """Fiu; or, as programs with a sanitizer don't start with libfiu's preloaded code, the next best
    trouble that can be switched."""
    if "san" in os.path.basename(BUILD):
        return FileLimit(stage)
    return Fiu(stage, name, errno)


class FileLimit:
    """No file of the program may grow over what it has: works without root, and at run time."""

    def __init__(self, stage):
        self.wrap, self.env, self.program = (), {}, None
        self.stage = stage

    def on(self):
        """As large as the WAL is now, and no larger."""
        size = max(os.path.getsize(os.path.join(self.program.data, name))
                   for name in os.listdir(self.program.data))
        _, hard = resource.prlimit(self.program.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.program.pid, resource.RLIMIT_FSIZE, (size, hard))

    def off(self):
        """Unlimited again."""
        _, hard = resource.prlimit(self.program.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.program.pid, resource.RLIMIT_FSIZE, (hard, hard))


class SmallDisk:
    """A small file system that is filled by another file; needs the right to mount."""

    def __init__(self, stage):
        self.wrap, self.env, self.program = (), {}, None
        self.dir = os.path.join(stage.dir, "disk")
        self.file = os.path.join(self.dir, "other")
        os.mkdir(self.dir)
        self.mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.dir],
            capture_output=True, check=False).returncode == 0

    def on(self):
        """Writes until nothing fits."""
        with open(self.file, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def off(self):
        """Makes room."""
        os.unlink(self.file)

    def close(self):
        """Unmounts it."""
        subprocess.run(["umount", "-l", self.dir], check=True)


class Failing(Case):
    """A store that refuses."""

    def refused(self, registry, method, members):
        """The call must be answered by fault 503; returns its text."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            registry.call(method, members)
        self.assertEqual(caught.exception.faultCode, 503, caught.exception.faultString)
        self.assertRegex(caught.exception.faultString, "store refuses: .*nothing was changed")
        return caught.exception.faultString

    def register_until_refused(self, registry):
        """Returns (ids that were acknowledged, the id that was refused)."""
        with registry.proxy() as proxy:
            for turn in range(5000):
                try:
                    proxy.registry.register({"service": "s", "id": f"n{turn}", "port": 1})
                except xmlrpc.client.Fault as fault:
                    self.assertEqual(fault.faultCode, 503)
                    return {f"n{n}" for n in range(turn)}, f"n{turn}"
        raise AssertionError("it never failed")

    def survives(self, trouble, data=None):
        """The whole story: works, fails, goes on reading, recovers, and lost nothing."""
        registry = trouble.program = self.stage.registry(wrap=trouble.wrap, env=trouble.env,
                                                         data=data)
        lease = registry.register("s", 1, id="old")["lease"]
        registry.register("s", 1, id="old2")
        trouble.on()
        there, not_there = self.register_until_refused(registry)
        there |= {"old", "old2"}
        before = registry.call("registry.stats")["revision"]
        self.assertEqual(ids(registry.lookup("s")), there)
        who = {"service": "s", "id": "old"}
        self.refused(registry, "registry.deregister", {**who, "lease": lease})
        self.refused(registry, "registry.set_status", {**who, "status": "maintenance"})
        self.refused(registry, "registry.heartbeat", {
            "service": "other", "id": "lost", "lease": "feed", "port": 1})
        why = self.refused(registry, "registry.register", {
            "service": "s", "id": not_there, "port": 1})
        self.assertEqual(ids(registry.lookup("s")), there)
        self.assertEqual(registry.lookup("other")["reason"], "unknown_service")
        self.assertTrue(registry.call("registry.heartbeat", {**who, "lease": lease})["known"])
        self.assertEqual(registry.call("registry.stats")["revision"], before)
        self.assertEqual(registry.call("registry.watch", {
            "revision": before, "wait_ms": 1})["changes"], [])
        health = registry.http()
        self.assertEqual(health.status, 503)
        self.assertIn(why, health.body.decode())
        trouble.off()
        wait_until(lambda: registry.http().status == 200, "the recovery")
        answer = registry.register("s", 1, id=not_there)
        self.assertEqual(number(answer["revision"]), number(before) + 1)
        self.assertTrue(registry.call("registry.deregister", {**who, "lease": lease})["existed"])
        registry.kill()
        again = self.stage.registry(data=registry.data)
        self.assertEqual(ids(again.lookup("s")), there - {"old"} | {not_there})
        self.assertEqual(again.stop(), 0)

    def test_a_full_disk(self):
        disk = SmallDisk(self.stage)
        if not disk.mounted:  # not our machine's root: the limit of a file's size does it too
            self.survives(FileLimit(self.stage))
            return
        try:
            self.survives(disk, data=os.path.join(disk.dir, "data"))
        finally:
            disk.close()

    def test_a_limit_of_file_sizes(self):
        self.survives(FileLimit(self.stage))

    def test_no_space_is_left_for_any_write(self):
        self.survives(failing(self.stage, "posix/io/rw/pwrite", ENOSPC))

    def test_writes_fail(self):
        self.survives(failing(self.stage, "posix/io/rw/pwrite", EIO))

    def test_syncs_fail(self):
        self.survives(failing(self.stage, "posix/io/sync/fdatasync", EIO))

    def test_some_writes_fail_and_nothing_acknowledged_is_lost(self):
        trouble = failing(self.stage, "posix/io/sync/fdatasync", EIO)
        registry = trouble.program = self.stage.registry(wrap=trouble.wrap, env=trouble.env)
        registry.register("s", 1, id="first")
        there, refused = {"first"}, 0
        with registry.proxy() as proxy:
            for turn in range(400):
                if turn % 10 == 0:
                    (trouble.on, trouble.off)[turn // 10 % 2]()
                try:
                    proxy.registry.register({"service": "s", "id": f"n{turn}", "port": 1})
                    there.add(f"n{turn}")
                except xmlrpc.client.Fault as fault:
                    self.assertEqual(fault.faultCode, 503)
                    refused += 1
        self.assertGreater(refused, 0)
        self.assertEqual(ids(registry.lookup("s")), there)
        registry.kill()
        found = ids(self.stage.registry(data=registry.data).lookup("s"))
        self.assertEqual(there - found, set(), "lost")


class ReadOnly(Starting):
    """Directories and files that may not be written."""

    # Root may write anything, but not without these.
    wrap = () if os.geteuid() else (
        "setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")

    def start(self, data):
        """A registry that heeds the modes of files."""
        return self.stage.registry(data=data, wrap=self.wrap)

    def refused(self, data):
        """It must not start; returns the one line it says."""
        return self.refusal(4, data, self.wrap)

    def test_a_directory_that_may_not_be_written_is_refused(self):
        data = os.path.join(self.stage.dir, "data")
        os.mkdir(data, 0o500)
        self.assertRegex(self.refused(data), f"{data}: Permission denied; check its owner")

    def test_a_database_that_may_not_be_written_is_refused(self):
        registry = self.start(None)
        registry.register("s", 1)
        self.assertEqual(registry.stop(), 0)
        file = os.path.join(registry.data, "registry.db")
        os.chmod(file, 0o400)
        self.assertRegex(self.refused(registry.data), f"{file}.*check its owner")
        os.chmod(file, 0o600)
        os.chmod(registry.data, 0o500)
        self.assertRegex(self.refused(registry.data), "registry.db.*check its owner")
        os.chmod(registry.data, 0o700)
        self.assertEqual(len(self.start(registry.data).lookup("s")["instances"]), 1)

    def test_a_directory_that_turns_read_only_costs_nothing(self):
        registry = self.start(None)
        registry.register("s", 1, id="a")
        os.chmod(registry.data, 0o500)
        registry.register("s", 2, id="b")
        self.assertEqual(registry.http().status, 200)
        self.assertEqual(registry.stop(), 0)
        os.chmod(registry.data, 0o700)
        self.assertEqual(ids(self.start(registry.data).lookup("s")), {"a", "b"})


class Damage(Starting):
    """A database that is not what it was: refused with what to do, or recovered."""

    COUNT = 300
    PAGE = 4096

    def filled(self, kill=False):
        """The path of a new database that holds COUNT instances. With `kill` its WAL is full."""
        if kill not in self.made:
            self.made[kill] = self.fill(kill)
        data = tempfile.mkdtemp(dir=self.stage.dir)
        return os.path.join(shutil.copytree(self.made[kill], data, dirs_exist_ok=True),
                            "registry.db")

    def setUp(self):
        super().setUp()
        self.made = {}

    def fill(self, kill):
        """The directory that filled() copies."""
        registry = self.stage.registry()
        with registry.proxy() as proxy:
            for start in range(0, self.COUNT, 100):
                proxy.system.multicall([{"methodName": "registry.register", "params": [
                    {"service": "s", "id": f"i{n}", "port": 1 + n, "meta": {"pad": "x" * 200}}]}
                    for n in range(start, start + 100)])
            if kill:  # a transaction each, so that the WAL has many
                for turn in range(20):
                    proxy.registry.register({"service": "s", "id": f"k{turn}", "port": 1})
                registry.kill()
            else:
                self.assertEqual(registry.stop(), 0)
        return registry.data

    @staticmethod
    def overwrite(file, at, data):
        """Writes over what is there."""
        with open(file, "r+b") as out:
            out.seek(at)
            out.write(data)

    def overwrite_rows(self, file, offset, data):
        """Writes over a page that has rows, a leaf of a table, from its byte `offset`."""
        with open(file, "rb") as before:
            content = before.read()
        pages = [at for at in range(self.PAGE, len(content), self.PAGE)
                 if content[at] == 13 and int.from_bytes(content[at + 3:at + 5], "big") > 1]
        self.overwrite(file, pages[len(pages) // 2] + offset, data)

    @staticmethod
    def sql(file, text):
        """Changes it behind the registry's back."""
        with sqlite3.connect(file) as db:
            db.executescript(text)
        db.close()

    def refused(self, file, said):
        """The registry must refuse it, leave it as it is, and say so in one line."""
        with open(file, "rb") as before:
            content = before.read()
        self.assertRegex(self.refusal(6, os.path.dirname(file)), said)
        with open(file, "rb") as after:
            self.assertEqual(after.read(), content, "it was changed")

    def test_damaged_databases_are_refused_and_left_alone(self):
        restore = "registry.db is damaged .*restore a backup with --restore FILE, or move registry"
        for damage, change, said in (
                ("another header", lambda f: self.overwrite(f, 0, b"x" * 100),
                 "not a SQLite database; move registry.db\\* away"),
                ("half a header", lambda f: os.truncate(f, 50), "not a SQLite database|damaged"),
                ("nothing left", lambda f: os.truncate(f, 0), restore),
                ("half of it", lambda f: os.truncate(f, os.path.getsize(f) // 2), restore),
                ("a page less", lambda f: os.truncate(f, os.path.getsize(f) - self.PAGE), restore),
                ("zeros in the schema", lambda f: self.overwrite(f, 100, bytes(64)), restore),
                ("a flipped page head", lambda f: self.overwrite_rows(f, 0, b"\xff" * 8),
                 restore),
                ("a page of noise", lambda f: self.overwrite_rows(f, 0, b"\xa5" * self.PAGE),
                 restore),
                ("a flipped pointer", lambda f: self.overwrite_rows(f, 8, b"\xff\xff"),
                 restore),
                ("a newer schema", lambda f: self.sql(f, "PRAGMA user_version = 99"),
                 "schema version 99.*run the newer version"),
                ("no tables", lambda f: self.sql(f, "DROP TABLE instances"), restore),
                ("another program's", lambda f: self.sql(f, "PRAGMA application_id = 5"),
                 "of another program"),
                ("no counters", lambda f: self.sql(f, "DELETE FROM meta"), restore),
                ("a word for a counter", lambda f: self.sql(
                    f, "UPDATE meta SET value = 'x' WHERE name = 'revision'"), restore),
                ("a counter that fell back", lambda f: self.sql(
                    f, "UPDATE meta SET value = -5 WHERE name = 'number'"), restore),
                ("a port that is none", lambda f: self.sql(
                    f, "UPDATE instances SET port = 0 WHERE id = 'i7'"),
                 "instance's column port .*delete that row"),
                ("a list that is none", lambda f: self.sql(
                    f, "UPDATE instances SET tags = '{' WHERE id = 'i7'"),
                 "instance's column tags .*delete that row")):
            with self.subTest(damage=damage):
                file = self.filled()
                change(file)
                self.refused(file, said)

    def test_a_database_of_another_program_is_left_alone(self):
        data = os.path.join(self.stage.dir, "data")
        os.mkdir(data)
        file = os.path.join(data, "registry.db")
        self.sql(file, "CREATE TABLE theirs (a)")
        self.refused(file, "of another program; give another --data-dir")
        self.assertEqual(sorted(os.listdir(data)), ["registry.db", "registry.lock"])

    def test_flipped_bytes_are_refused_or_do_no_harm(self):
        file = self.filled()
        with open(file, "rb") as content:
            good = content.read()
        for turn in range(25):
            with open(file, "wb") as out:
                out.write(good)
            at = (turn * 2731 + 100) % (len(good) - 16)
            self.overwrite(file, at, bytes(byte ^ 0x55 for byte in good[at:at + 16]))
            program = self.stage.run("microreg-registry", "--listen", "127.0.0.1:0",
                                     "--data-dir", os.path.dirname(file))
            program.expect = {0, 6}
            wait_until(lambda p=program: not p.is_running() or "listening" in p.log(), "the start")
            if program.stop() == 6:
                self.assertRegex(program.log(), "damaged|not a SQLite|restore a backup|"
                                                "delete that row|another program")

    def test_a_damaged_wal_is_refused_where_it_loses_what_was_acknowledged(self):
        for damage, change, said in (
                ("noise for a head", lambda f: self.overwrite(f, 0, b"\xa5" * 32), "its head"),
                ("a flipped page", lambda f: self.overwrite(f, 32 + 4120 + 500, b"\xa5" * 8),
                 "checksum"),
                ("a flipped frame", lambda f: self.overwrite(f, 32 + 4120, b"\xa5" * 24),
                 "checksum"),
                ("a flipped checksum", lambda f: self.overwrite(f, 32 + 4120 + 16, b"\xa5" * 8),
                 "checksum"),
                ("a hole", lambda f: self.overwrite(f, 32, bytes(2 * 4120)), "checksum"),
                ("the database is gone", lambda f: os.unlink(f[:-4]), "put registry.db back")):
            with self.subTest(damage=damage):
                wal = self.filled(kill=True) + "-wal"
                change(wal)
                self.refused(wal, f"registry.db.*{said}.*away")

    def test_what_a_kill_leaves_in_the_wal_is_recovered(self):
        file = self.filled(kill=True)
        os.truncate(file + "-wal", os.path.getsize(file + "-wal") - 100)  # a torn last write
        self.overwrite(file + "-shm", 0, os.urandom(4096))
        found = ids(self.stage.registry(data=os.path.dirname(file)).lookup("s"))
        self.assertEqual({f"i{n}" for n in range(self.COUNT)} - found, set())
        self.assertEqual({f"k{n}" for n in range(19)} - found, set())


if __name__ == "__main__":
    unittest.main()
