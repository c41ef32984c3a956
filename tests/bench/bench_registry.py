"""The registry's rows: lookups, heartbeats, durable registrations, watchers; etcd beside it where
it is installed. The registry is alone on one core, the load on the other."""

import base64
import json
import os
import shutil
import socket
import statistics
import subprocess
import xmlrpc.client

from bench_server import BUILD, LOAD_CORE, SERVER_CORE, Server, measure

BATCH = 250
BATCHES = 400  # so that no instance beats more often than it may
SINGLES = 20000
WATCHERS = 10000


def post(path, body, kind="text/xml"):
    """A whole HTTP request."""
    return (f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def call(method, param):
    """A call as Python's client writes it."""
    return post("/RPC2", xmlrpc.client.dumps((param,), method).encode())


def heartbeat(number):
    """One of a service's instances; the service is another one in each call."""
    return {"service": "beat@@@@@@@@", "id": f"i-{number}", "lease": ""}


def registrations(proxy, services, ids):
    """All of these instances, by heartbeats that carry their registrations."""
    every = [{"service": service, "id": name, "host": "10.0.0.1", "port": 80, "ttl_ms": 3600000}
             for service in services for name in ids]
    for i in range(0, len(every), BATCH):
        proxy.registry.heartbeats(every[i:i + BATCH])


def start(folder):
    """A registry that many may watch, and three instances to look up."""
    config = os.path.join(folder, "registry.yaml")
    with open(config, "w", encoding="ascii") as file:
        json.dump({"limits": {"watchers": 2 * WATCHERS, "connections": 2 * WATCHERS}}, file)
    registry = Server(folder, SERVER_CORE, [
        os.path.join(BUILD, "microreg-registry"), "--config", config, "--listen", "127.0.0.1:0",
        "--data-dir", os.path.join(folder, "registry")], r"listening on \S*:(\d+)")
    with xmlrpc.client.ServerProxy(f"http://127.0.0.1:{registry.port}/RPC2") as proxy:
        for port in (9001, 9002, 9003):
            proxy.registry.register({"service": "orders", "port": port, "ttl_ms": 3600000})
        registrations(proxy, [f"beat{n:08}" for n in range(BATCHES)],
                      [f"i-{n}" for n in range(BATCH)])
        registrations(proxy, ["single"], [f"i{n:08}" for n in range(SINGLES)])
    return registry


def start_etcd(folder):
    """etcd with its HTTP door, or None."""
    if not shutil.which("etcd"):
        return None
    with socket.create_server(("127.0.0.1", 0)) as one, \
            socket.create_server(("127.0.0.1", 0)) as two:
        client, peer = one.getsockname()[1], two.getsockname()[1]
    etcd = Server(folder, SERVER_CORE, [
        "etcd", "--data-dir", os.path.join(folder, "etcd"), "--listen-client-urls",
        f"http://127.0.0.1:{client}", "--advertise-client-urls", f"http://127.0.0.1:{client}",
        "--listen-peer-urls", f"http://127.0.0.1:{peer}"])
    etcd.ports = [client]
    etcd.wait_for(r"ready to serve")
    return etcd


def rows(registry, etcd):
    """(label, server, request, connections, how many operations each is, options of load)"""
    yield "lookup of 3 instances, 64 connections", registry, call(
        "registry.lookup", {"service": "orders"}), 64, 1, ()
    yield "heartbeat, 64 connections", registry, call(
        "registry.heartbeat", {"service": "single", "id": "i@@@@@@@@", "lease": ""}), 64, 1, (
            "--numbers", str(SINGLES))
    yield f"heartbeats, {BATCH} a call, 8 connections", registry, call(
        "registry.heartbeats", [heartbeat(i) for i in range(BATCH)]), 8, BATCH, (
            "--numbers", str(BATCHES))
    put = {"service": "new", "id": "i@@@@@@@@", "host": "10.0.0.1", "port": 80, "ttl_ms": 3600000}
    yield "durable registration, 64 callers", registry, call("registry.register", put), 64, 1, ()
    put = {**put, "id": "j@@@@@@@@"}
    yield "durable registration, 1 caller", registry, call("registry.register", put), 1, 1, ()
    if etcd:
        key = base64.b64encode(b"orders/1").decode()
        value = base64.b64encode(json.dumps(put).encode()).decode()
        yield "etcd: range of one key, 64 connections", etcd, post(
            "/v3/kv/range", json.dumps({"key": key}).encode(), "application/json"), 64, 1, ()
        yield "etcd: put, 64 callers", etcd, post("/v3/kv/put", json.dumps(
            {"key": key, "value": value}).encode(), "application/json"), 64, 1, ()


def print_registry(folder, options):
    """All rows, then the watchers."""
    registry, etcd = start(folder), start_etcd(folder)
    print("\nregistry, one core\n\n| | CPU us | a core could/s | measured/s | errors |")
    print("|---|---|---|---|---|")
    for label, server, request, connections, each, more in rows(registry, etcd):
        times = [measure(server, server.port, request, options.seconds, connections, *more)
                 for _ in range(options.rounds)]
        cpu, rate = (statistics.median(column) for column in list(zip(*times))[:2])
        print(f"| {label} | {cpu / each:.2f} | {1e6 * each / cpu:,.0f} | {rate * each:,.0f} | "
              f"{sum(t[2] for t in times):.0f} |")
    watched = [subprocess.run(
        ["taskset", "-c", LOAD_CORE, os.path.join(BUILD, "bench/watchers"), str(registry.port),
         str(WATCHERS)], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(options.rounds)]
    p50, p99, most = (statistics.median(float(v) for v in column) for column in zip(*watched))
    print(f"\na change seen by {WATCHERS:,} watchers, 20 ms of quiet included: p50 {p50:.0f} ms, "
          f"p99 {p99:.0f} ms, all {most:.0f} ms")
    if not etcd:
        print("etcd is not installed, so there is nothing to compare with (apt-get install "
              "etcd-server)")
