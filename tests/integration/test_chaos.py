"""Everything wrong at once, while good clients go on: nothing mixed up, nothing left behind.

CHAOS_SECONDS (10) and CHAOS_SEED (chosen, and shown when it fails) in the environment.
"""

import asyncio
import itertools
import json
import os
import random
import signal
import unittest

from chaos import Clients, Origins
from harness import BUILD, Case, free_port, wait_until
from test_tls import make_certificate

SECONDS = float(os.environ.get("CHAOS_SECONDS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
GOOD_CLIENTS, BAD_CLIENTS, ORIGINS = 12, 80, 3
WORKERS, SPARE_PIPES = 4, 8  # of each worker, which it keeps for the next large replies
SANITIZED = os.path.basename(BUILD) in ("asan", "tsan")


class Chaos(Case):
    """One registry, one gateway, and a crowd."""

    def settings(self, cert, turn):
        """Small limits, so that all of them are met. Each reload changes what is done with it."""
        timeout = ("500ms", "1s")[turn % 2]
        balance = ("round_robin", "least_request", "random", {"hash": "path"})[turn % 4]
        breaker = ("off", "on", "off")[turn % 3]
        bad = {"retry": {"attempts": 3}, "balance": balance, "breaker": breaker}
        if turn % 5 > 1:
            bad["backup"] = "good"
        if turn % 2:
            bad.update(max_in_flight=8, max_waiting=20, max_wait="300ms")
        hedged = {"hedge": {"after": ("5ms", "p90")[turn % 2]}} if turn % 3 < 2 else {}
        copied = {"mirror": {"service": "bad", "share": "30%"}} if turn % 3 else {}
        return {
            **self.stage.settings(), "workers": WORKERS,
            "listen": ["127.0.0.1:0", {"address": f"127.0.0.1:{self.tls_port}", "tls": cert}],
            # Long enough for good clients that share a busy machine with the others.
            "limits": {"header_timeout": "3s", "idle_timeout": "6s", "min_rate": "1KiB",
                       "min_rate_grace": "2s", "body": "2MiB"},
            "services": {"bad": bad, "good": {"balance": balance}},
            "routes": [{"path": "/good/*", "service": "good", "cache": "off", "timeout": "30s",
                        **copied, **hedged},
                       {"path": "/bad/*", "service": "bad", "cache": {}, "timeout": timeout,
                        **hedged}]}

    def descriptors(self):
        """How many the gateway has open."""
        return len(os.listdir(f"/proc/{self.gateway.pid}/fd"))

    def resident(self):
        """Its memory, in bytes."""
        with open(f"/proc/{self.gateway.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def gauge(self, name):
        """A sample of /metrics."""
        return self.gateway.metrics()[f"microreg_gateway_{name}"]

    async def come_and_go(self, ports, stop):
        """Registers and deregisters instances, of each service all but one."""
        dice = random.Random(SEED + 1)
        here = {("good", port): True for port in ports["good"]}
        here.update({("bad", port): True for port in ports["bad"]})
        while not stop.is_set():
            service, port = dice.choice(list(here))
            others = sum(on for (name, other), on in here.items()
                         if name == service and other != port)
            if here[service, port] and others:
                here[service, port] = False
                await asyncio.to_thread(self.registry.deregister, service, f"127.0.0.1:{port}")
            else:
                here[service, port] = True
                await asyncio.to_thread(self.registry.register, service, port)
            await asyncio.sleep(0.1)

    async def reload(self, cert, stop):
        """Other settings every second."""
        for turn in itertools.count():
            if stop.is_set():
                return
            self.gateway.write(self.settings(cert, turn))
            await asyncio.sleep(1)

    async def crowd(self, cert, seconds, end=False):
        """All of them, for a while; with `end` the gateway goes first: (origins, clients)."""
        origins = Origins(random.Random(SEED))
        ports = {"good": [await origins.start(origins.good) for _ in range(ORIGINS)],
                 "bad": [await origins.start(origins.bad) for _ in range(ORIGINS)]}
        for service, list_of_ports in ports.items():
            for port in list_of_ports:
                await asyncio.to_thread(self.registry.register, service, port)
        await asyncio.to_thread(wait_until, lambda: self.gateway.get(
            "/good/x", {"X-Tag": "x", "X-Size": "1"}).status == 200)
        clients = Clients(random.Random(SEED + 2), self.gateway.port, self.tls_port, cert["cert"])
        tasks = [asyncio.create_task(clients.good(i, i % 3 == 0)) for i in range(GOOD_CLIENTS)]
        tasks += [asyncio.create_task(clients.bad()) for _ in range(BAD_CLIENTS)]
        tasks.append(asyncio.create_task(self.come_and_go(ports, clients.stop)))
        tasks.append(asyncio.create_task(self.reload(cert, clients.stop)))
        await asyncio.sleep(seconds)
        if end:
            clients.ending = True
            self.gateway.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self.gateway.wait)
        clients.stop.set()
        await asyncio.gather(*tasks)
        return origins, clients

    def test_nothing_is_mixed_up_and_nothing_is_left_behind(self):
        cert = make_certificate(self.stage.dir, "shop", ["shop.test"])
        self.registry, self.tls_port = self.stage.registry(), free_port()
        self.gateway = self.stage.gateway(self.settings(cert, 0))
        self.gateway.get("/none")
        descriptors, resident = self.descriptors(), self.resident()
        asyncio.run(self.run_chaos(cert, descriptors, resident))

    async def run_chaos(self, cert, descriptors, resident):
        """The crowd, and what must be true after it."""
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)  # they went
        origins, clients = await self.crowd(cert, SECONDS)
        print(f"chaos: seed {SEED}: {clients.asked} good requests, {clients.hostile} bad "
              f"deeds in {SECONDS:g} s")
        self.assertEqual(clients.wrong[:5], [], f"seed {SEED}")
        self.assertEqual(origins.mixed_up[:5], [], f"seed {SEED}")
        self.assertGreater(clients.asked, 0)
        # The origins still listen, so that nothing ends by their end.
        await asyncio.to_thread(self.check_rest, descriptors, resident)

    def test_a_drain_in_the_middle_of_it_cuts_no_reply(self):
        cert = make_certificate(self.stage.dir, "shop", ["shop.test"])
        self.registry, self.tls_port = self.stage.registry(), free_port()
        self.gateway = self.stage.gateway(self.settings(cert, 0))

        async def run():
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            origins, clients = await self.crowd(cert, 2, end=True)
            self.assertEqual(clients.wrong[:5], [], f"seed {SEED}")
            self.assertEqual(origins.mixed_up[:5], [], f"seed {SEED}")
        asyncio.run(run())
        self.assertNotIn("are cut", self.gateway.log())

    def check_rest(self, descriptors, resident):
        """All that was under way has ended, by itself."""
        for name in ("requests_in_flight", "upstream_retries_in_flight", "connections",
                     "upstream_connections"):
            wait_until(lambda name=name: self.gauge(name) == 0, f"seed {SEED}: 0 {name}")
        services = json.loads(self.gateway.admin("/services").body)
        self.assertNotRegex(json.dumps(services), r'"in_flight": [1-9]')
        self.assertEqual(self.gateway.get("/none").status, 404)
        spare = 2 * WORKERS * SPARE_PIPES
        wait_until(lambda: self.descriptors() <= descriptors + 4 + spare, "descriptors: as before")
        if not SANITIZED:
            self.assertLess(self.resident() - resident, 128 << 20, f"seed {SEED}")


if __name__ == "__main__":
    unittest.main()
