"""Starts the real daemons on free ports for the integration tests.

A `Stage` owns a temporary directory and everything started in it; closing it
stops all of it and fails when a program ended badly or a sanitizer spoke. `Case`
gives each test its own stage, `SharedCase` one stage to all tests of a class:

    class Hello(Case):
        def test_a_registered_instance_is_found(self):
            registry = self.stage.registry()
            registry.register("hello", 9000)
            self.assertEqual(len(registry.lookup("hello")["instances"]), 1)

BUILD in the environment names the build directory (build, build/asan, …).
Nothing here sleeps for a guessed time: `wait_until` polls with a deadline.
"""

import atexit
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xmlrpc.client

from origin import Origin
from wire import Connection, Fields, Reply

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
# Sanitizers make everything slower; deadlines are for broken programs, not for slow machines.
PATIENCE = 20 * (3 if os.path.basename(BUILD) in ("asan", "tsan") else 1)
# Becomes the command after the --, with the descriptors before it as systemd would pass them.
PASS_SOCKETS = """
import os, sys
split = sys.argv.index("--")
fds = [os.dup(int(fd)) for fd in sys.argv[1:split]]
for number, fd in enumerate(fds, 3):
    os.dup2(fd, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.execv(sys.argv[split + 1], sys.argv[split + 1:])
"""
SANITIZER = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:")
ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"halt_on_error=0:suppressions={ROOT}/tests/data/tsan.supp",
}


def wait_until(question, what="it", timeout=None):
    """Asks until the answer is true, and returns it. Fails after the deadline."""
    end = time.monotonic() + (timeout or PATIENCE)
    pause = 0.002
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def peer(script):
    """The command that runs a script of tests/peers, beside the packages that `make peers` laid."""
    folder = os.path.join(ROOT, "build", "peers")
    if not os.path.isdir(os.path.join(folder, "node_modules")):
        raise AssertionError(f"{folder}/node_modules is missing; `make peers` brings it")
    source = os.path.join(ROOT, "tests", "peers", script)
    return "env", f"NODE_PATH={folder}/node_modules", "node", source


def free_port():
    """A port of 127.0.0.1 nobody listens on now. For tests that need to know one beforehand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Program:
    """A running program, and what it said on standard output and error (kept in files)."""

    def __init__(self, stage, name, args, env=None, path=None, wrap=(), fds=()):
        self.name = name
        self.args = [*wrap, path or os.path.join(BUILD, name), *args]
        base = os.path.join(stage.dir, f"{os.path.basename(name)}.{len(stage.programs)}")
        self.out_file, self.err_file = base + ".out", base + ".err"
        self.seen = 0  # how far wait_log has read
        self.expect = {0}  # exit codes that are right
        if fds:
            self.args = [sys.executable, "-c", PASS_SOCKETS, *map(str, fds), "--", *self.args]
        with open(self.out_file, "wb") as out, open(self.err_file, "wb") as err:
            self.process = subprocess.Popen(
                self.args, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=stage.dir,
                pass_fds=fds,
                env={**os.environ, **ENVIRONMENT, **(env or {})})

    @property
    def pid(self):
        """Its process number."""
        return self.process.pid

    def log(self):
        """All it said on standard error."""
        with open(self.err_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def output(self):
        """All it said on standard output."""
        with open(self.out_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, pattern, timeout=None):
        """Waits for a line of the log that matches, after the last one waited for."""
        def find():
            text = self.log()
            match = re.compile(pattern).search(text, self.seen)
            if match:
                self.seen = match.end()
            elif self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode} "
                                     f"before it logged {pattern!r}:\n{text}")
            return match
        return wait_until(find, f"{self.name}: log line {pattern!r}", timeout)

    def wait_output(self, pattern, timeout=None):
        """Waits for standard output to match."""
        def find():
            match = re.search(pattern, self.output())
            if not match and self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode} "
                                     f"before it said {pattern!r}:\n{self.log()}")
            return match
        return wait_until(find, f"{self.name}: output {pattern!r}", timeout)

    def is_running(self):
        """True until it has ended."""
        return self.process.poll() is None

    def send_signal(self, number):
        """Sends a signal to it, if it still runs."""
        if self.is_running():
            self.process.send_signal(number)

    def pause(self):
        """Stops all its threads (SIGSTOP) and waits until they have; send SIGCONT to go on."""
        self.send_signal(signal.SIGSTOP)

        def is_stopped():
            for task in os.listdir(f"/proc/{self.pid}/task"):
                with open(f"/proc/{self.pid}/task/{task}/stat", encoding="utf-8") as file:
                    if file.read().rpartition(")")[2].split()[0] != "T":
                        return False
            return True
        wait_until(is_stopped, f"{self.name}: the pause")

    def kill(self):
        """kill -9, and waits for its end."""
        self.expect.add(-signal.SIGKILL)
        self.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, number=signal.SIGTERM):
        """Asks it to end, waits, and returns the exit code."""
        self.send_signal(number)
        return self.wait()

    def wait(self):
        """Waits for its end and returns the exit code."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {PATIENCE} s") from None

    def problems(self):
        """What is wrong with how it ended, as texts."""
        found = []
        if self.is_running():
            try:
                self.stop()
            except AssertionError as slow:
                found.append(str(slow))
        if self.process.returncode not in self.expect:
            found.append(f"{self.name} ended with {self.process.returncode}")
        if SANITIZER.search(self.log()):
            found.append(f"{self.name}: a sanitizer found something:\n{self.log()}")
        return found


class Registry(Program):
    """microreg-registry on a free port (or `port`) over `data` (default: a fresh directory).

    `wrap` is the beginning of a command line that becomes the registry, as strace -D does."""

    def __init__(self, stage, port=0, data=None, args=(), env=None, wrap=(), fds=()):
        self.data = data or tempfile.mkdtemp(prefix="registry-", dir=stage.dir)
        super().__init__(stage, "microreg-registry", [
            "--listen", f"127.0.0.1:{port}", "--data-dir", self.data, *args], env, wrap=wrap,
            fds=fds)
        self.port = int(self.wait_log(r"listening on \S*:(\d+)").group(1))
        self.url = f"http://127.0.0.1:{self.port}/RPC2"

    def proxy(self):
        """A new xmlrpc.client.ServerProxy; one per thread."""
        return xmlrpc.client.ServerProxy(self.url)

    def call(self, method, *params):
        """One call on a connection of its own."""
        with self.proxy() as proxy:
            return getattr(proxy, method)(*params)

    def register(self, service, port, **members):
        """registry.register, with a lease of an hour, so that no heartbeat is needed."""
        return self.call("registry.register", {
            "service": service, "port": port, "host": "127.0.0.1", "ttl_ms": 3600000, **members})

    def deregister(self, service, instance, **members):
        """registry.deregister, without a lease: as an admin."""
        return self.call("registry.deregister", {"service": service, "id": instance, **members})

    def lookup(self, service, **members):
        """registry.lookup."""
        return self.call("registry.lookup", {"service": service, **members})

    def http(self, method="GET", path="/health", body=None, headers=None):
        """A plain HTTP request to its door."""
        return request(self.port, method, path, body, headers)


class Gateway(Program):
    """microreg-gateway over a settings file that reload() replaces."""

    def __init__(self, stage, settings, args=(), env=None, file=None, fds=()):
        self.file = file or os.path.join(stage.dir, f"gateway.{len(stage.programs)}.yaml")
        if settings is not None:
            self.write(settings)
        super().__init__(stage, "microreg-gateway", ["--config", self.file, *args], env, fds=fds)
        self.ports = [int(self.wait_log(r"listening on \S*:(\d+)").group(1))]
        self.port = self.ports[0]
        self.admin_port = int(re.search(r"admin on \S*:(\d+)", self.wait_admin()).group(1))

    def wait_admin(self):
        """The line that tells the admin port may come before or after the public one."""
        wait_until(lambda: re.search(r"admin on \S*:(\d+)", self.log()), "admin port")
        return self.log()

    def write(self, settings):
        """Replaces the settings file by rename. `settings` is text, or what JSON can say."""
        text = settings if isinstance(settings, str) else json.dumps(settings, indent=1)
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.file + ".new", self.file)

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own."""
        return request(self.port, method, path, body, headers)

    def get(self, path, headers=None):
        """GET on a connection of its own."""
        return request(self.port, "GET", path, None, headers)

    def connect(self):
        """A connection to send any bytes on."""
        return Connection(self.port, PATIENCE)

    def admin(self, path):
        """GET on the admin door."""
        return request(self.admin_port, "GET", path)

    def metrics(self):
        """The samples of /metrics: {'name{label="x"}': value}."""
        samples = {}
        for line in self.admin("/metrics").body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                samples[name] = float(value)
        return samples

    def access_log(self):
        """The access log's entries so far; the last line may be half written."""
        whole = self.output().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def wait_status(self, path, status, headers=None):
        """Asks until the answer has that status, and returns it."""
        def ask():
            answer = self.get(path, headers)
            return answer if answer.status == status else None
        return wait_until(ask, f"GET {path} -> {status}")


class Service(Program):
    """A service of the example shop, registered once this returns."""

    def __init__(self, stage, kind, args=(), env=None):
        super().__init__(stage, f"shop/{kind}", list(args), env)
        said = self.wait_output(r"(\S+)/(\S+): listening on \S*:(\d+)")
        self.id, self.port = said.group(2), int(said.group(3))

    def get(self, path):
        """GET without the gateway."""
        return request(self.port, "GET", path)


def request(port, method, path, body=None, headers=None):
    """One request by http.client on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, Fields(answer.getheaders()), answer.read(),
                     reason=answer.reason)
    finally:
        connection.close()


class Stage:
    """A temporary directory and everything started in it."""

    def __init__(self):
        self.holder = tempfile.TemporaryDirectory(prefix="microreg-test-")
        self.dir = self.holder.name
        self.programs = []
        self.origins = []
        self.first_registry = None
        atexit.register(self._kill_all)

    def add(self, program):
        """Takes charge of a program."""
        self.programs.append(program)
        return program

    def run(self, name, *args, **options):
        """Any program of the build, started and left running."""
        return self.add(Program(self, name, list(args), **options))

    def registry(self, **options):
        """A registry; the first one is what gateways and services use by default."""
        registry = self.add(Registry(self, **options))
        self.first_registry = self.first_registry or registry
        return registry

    def gateway(self, settings=None, **options):
        """A gateway. `settings` as a dict gets free ports and the stage's registry, unless it
        says otherwise; as text it is taken as it is."""
        if not isinstance(settings, str) and settings is not None:
            settings = {**self.settings(), **settings}
        return self.add(Gateway(self, settings, **options))

    def settings(self):
        """The settings every gateway of this stage starts from."""
        base = {"listen": ["127.0.0.1:0"], "admin": "127.0.0.1:0"}
        if self.first_registry:
            base["registry"] = {"urls": [self.first_registry.url]}
        return base

    def service(self, kind, *args, **options):
        """A service of the shop, on a free port."""
        url = options.pop("url", None) or self.first_registry.url
        return self.add(Service(self, kind, ["--port", "0", "--registry", url, *args], **options))

    def origin(self, behave=None, **options):
        """A programmable origin."""
        origin = Origin(behave, **options)
        self.origins.append(origin)
        return origin

    def check(self, name, *args):
        """Runs a program to its end; returns (exit code, standard output, standard error)."""
        program = self.run(name, *args)
        program.expect = set(range(8))
        return program.wait(), program.output(), program.log()

    def logs(self, lines=60):
        """The end of what each program said, for people."""
        parts = []
        for program in self.programs:
            tail = program.log().splitlines()[-lines:]
            parts.append(f"---- {program.name} [{program.pid}]\n" + "\n".join(tail))
        return "\n".join(parts)

    def close(self):
        """Stops everything, registries last; fails when something ended badly."""
        found = []
        for program in self.programs:
            if isinstance(program, Service):  # they take their time, so they take it together
                program.send_signal(signal.SIGTERM)
        for program in sorted(reversed(self.programs), key=lambda p: isinstance(p, Registry)):
            found += program.problems()
        for origin in self.origins:
            origin.close()
        atexit.unregister(self._kill_all)
        self.holder.cleanup()
        if found:
            raise AssertionError("\n".join(found))

    def _kill_all(self):
        for program in self.programs:
            if program.is_running():
                program.process.kill()


class SharedCase(unittest.TestCase):
    """All tests of the class share `stage`; set it up in `prepare`."""

    stage = None

    @classmethod
    def prepare(cls):
        """For the class to start what it needs on cls.stage."""

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage()
        try:
            cls.prepare()
        except BaseException:
            print(cls.stage.logs(), file=sys.stderr)
            try:
                cls.stage.close()
            except AssertionError as also:
                print(also, file=sys.stderr)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def run(self, result=None):
        """Shows what the programs said when the test fails."""
        before = len(result.failures) + len(result.errors) if result else 0
        super().run(result)
        if result and len(result.failures) + len(result.errors) > before and self.stage:
            self.show()
        return result

    def show(self):
        """Prints the logs of the stage."""
        print(f"\n==== what the programs of {self.id()} said\n{self.stage.logs()}",
              file=sys.stderr)


class Case(SharedCase):
    """Each test has a stage of its own."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.stage = Stage()
        self.said = ""
        self.addCleanup(self._close)

    def _close(self):
        self.said = self.stage.logs()  # the files are gone once it is closed
        self.stage.close()

    def show(self):
        print(f"\n==== what the programs of {self.id()} said\n{self.said}", file=sys.stderr)
