"""Programs pinned to a core, load on another, and the CPU time of the former."""

import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = str(CORES[0]), str(CORES[-1])


class Server:
    """A program pinned to a core; all of them are stopped at the end."""

    running = []

    def __init__(self, folder, core, args, ready=None, env=None):
        self.name = os.path.basename(args[0])
        self.log = os.path.join(folder, f"{self.name}.{len(Server.running)}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["taskset", "-c", core, *args], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL,
                                            env={**os.environ, **(env or {})})
        Server.running.append(self)
        self.ports = [int(port) for port in self.wait_for(ready)] if ready else []

    @property
    def port(self):
        """The first port it listens on."""
        return self.ports[0]

    def wait_for(self, pattern):
        """All matches of a pattern, once the log says that it is ready, or has one."""
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                text = log.read()
            if re.search(pattern, text) and ("microreg" not in self.name or "ready" in text
                                             or "what is registered" in text):
                return re.findall(pattern, text)
            time.sleep(0.02)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            sys.exit(f"bench: {self.log}: not ready\n{log.read()}")

    def pids(self):
        """Itself and its children."""
        pids = [str(self.process.pid)]
        return pids + subprocess.run(["pgrep", "-P", pids[0]], capture_output=True, text=True,
                                     check=False).stdout.split()

    def cpu_s(self):
        """CPU seconds so far, of all threads of it and its children."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        return total / 1e9

    def memory_kib(self):
        """Resident memory of it and its children."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                total += int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))
        return total

    def stop(self):
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @classmethod
    def stop_all(cls):
        """Ends everything that was started."""
        for server in cls.running:
            server.stop()
        cls.running.clear()


def load(port, request, seconds, connections, *options):
    """Sends that request for so long. [replies, errors, seconds], with --rate also latencies."""
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, os.path.join(BUILD, "bench/load"), *options, str(port),
         str(connections), str(seconds)], input=request, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"bench: load failed: {done.stderr.decode()}")
    return [float(number) for number in done.stdout.split()]


def measure(server, port, request, seconds, connections, *options):
    """One round: (CPU microseconds per request, requests per second, errors, [latencies])."""
    before = server.cpu_s()
    replies, errors, took, *latencies = load(port, request, seconds, connections, *options)
    cpu = (server.cpu_s() - before) / max(1, replies) * 1e6
    return cpu, replies / took, errors, latencies
