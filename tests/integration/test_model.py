"""Random operations against the registry and a simple model of it, compared after every step and
every restart; the history must tell each state of before."""

import os
import random
import unittest
import xmlrpc.client

from harness import Case

SERVICES = ("red", "green", "blue")
IDS = ("a", "b", "c", "d")
STATUSES = ("up", "starting", "draining", "maintenance", "down")
STEPS = int(os.environ.get("MODEL_STEPS", "400"))
SEED = int(os.environ.get("MODEL_SEED", "20261121"))


class Instance:
    """What is known of one."""

    def __init__(self, port, lease, own, admin=None):
        self.port, self.lease, self.own, self.admin = port, lease, own, admin

    @property
    def status(self):
        """An administrator's wins."""
        return self.admin or self.own


class Model(Case):
    """One registry, killed and started again now and then."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.registry = self.stage.registry()
        self.known = {}  # (service, id): Instance
        self.past = []   # (revision, what was known then)
        self.leases = ["0" * 32]

    def state(self, ask):
        """All instances as the registry tells them."""
        return {(service, i["id"]): (i["port"], i["status"]) for service in SERVICES
                for i in ask(service)["instances"]}

    def expected(self):
        """The same of the model."""
        return {key: (one.port, one.status) for key, one in self.known.items()}

    def call(self, method, **members):
        """(answer, fault code or None)"""
        try:
            return self.registry.call(method, members), None
        except xmlrpc.client.Fault as fault:
            return None, fault.faultCode

    def pick_lease(self, key):
        """The right one mostly, else none, or another's."""
        chance = self.random.random()
        if chance < 0.2:
            return {}
        if chance < 0.4 or key not in self.known:
            return {"lease": self.random.choice(self.leases)}
        return {"lease": self.known[key].lease}

    def may(self, key, lease):
        """Whether a call with this lease may change that instance."""
        return not lease or lease["lease"] == self.known[key].lease

    def register(self, key):
        """registry.register: a new process, whoever was there."""
        port, status = self.random.randint(1, 65535), self.random.choice(STATUSES[:3])
        answer, fault = self.call("registry.register", service=key[0], id=key[1], port=port,
                                  host="127.0.0.1", status=status, ttl_ms=3600000)
        self.assertIsNone(fault)
        admin = self.known[key].admin if key in self.known else None
        self.known[key] = Instance(port, answer["lease"], status, admin)
        self.leases.append(answer["lease"])

    def beat(self, key):
        """registry.heartbeat, sometimes with the whole registration."""
        lease, whole = self.pick_lease(key), {}
        if self.random.random() < 0.5:
            whole = {"port": self.random.randint(1, 65535), "host": "127.0.0.1",
                     "ttl_ms": 3600000}
        answer, fault = self.call("registry.heartbeat", service=key[0], id=key[1], **lease, **whole)
        if key in self.known:
            self.assertEqual(fault, None if self.may(key, lease) else 409)
            self.assertTrue(fault or answer["known"])
        elif whole:
            self.assertTrue(answer["known"])
            self.known[key] = Instance(whole["port"], answer["lease"], "up")
            self.leases.append(answer["lease"])
        else:
            self.assertFalse(answer["known"])

    def deregister(self, key):
        """registry.deregister."""
        lease = self.pick_lease(key)
        answer, fault = self.call("registry.deregister", service=key[0], id=key[1], **lease)
        if key not in self.known:
            self.assertEqual(answer["existed"], False)
        elif self.may(key, lease):
            self.assertEqual(answer["existed"], True)
            del self.known[key]
        else:
            self.assertEqual(fault, 409)

    def set_status(self, key):
        """registry.set_status, by the instance or by an administrator."""
        lease, status = self.pick_lease(key), self.random.choice(STATUSES)
        _, fault = self.call("registry.set_status", service=key[0], id=key[1], status=status,
                             **lease)
        if key not in self.known:
            self.assertEqual(fault, 404)
        elif not self.may(key, lease):
            self.assertEqual(fault, 409)
        elif not lease and status in ("draining", "maintenance", "down"):
            self.known[key].admin = status
        else:
            self.known[key].own = status
            if not lease:
                self.known[key].admin = None

    def restart(self):
        """Killed, or asked to end; all of it must be there again."""
        if self.random.random() < 0.5:
            self.registry.kill()
        else:
            self.registry.stop()
        self.registry = self.stage.registry(data=self.registry.data)

    def compare(self):
        """Lookups, services and a whole watch tell what the model knows."""
        expected = self.expected()
        with self.registry.proxy() as proxy:
            every = list(STATUSES)
            self.assertEqual(self.state(lambda service: proxy.registry.lookup(
                {"service": service, "status": every})), expected)
            self.assertEqual(self.state(lambda service: proxy.registry.lookup(
                {"service": service})), {k: v for k, v in expected.items() if v[1] == "up"})
            listed = proxy.registry.services({})["services"]
            self.assertEqual({s["name"]: s["instances"] for s in listed},
                             {name: sum(key[0] == name for key in expected)
                              for name in {key[0] for key in expected}})
            watched = proxy.registry.watch({"revision": ""})
            self.assertEqual({(c["service"], i["id"]): (i["port"], i["status"])
                              for c in watched["changes"] for i in c["instances"]},
                             {k: v for k, v in expected.items() if v[1] != "down"})
            self.past.append((watched["revision"], expected))

    def test_the_registry_does_what_its_model_does(self):
        operations = [self.register] * 4 + [self.beat] * 3 + [self.deregister] * 2 + \
            [self.set_status] * 3
        for step in range(STEPS):
            with self.subTest(step=step, seed=SEED):
                if self.random.random() < 0.02:
                    self.restart()
                else:
                    self.random.choice(operations)(
                        (self.random.choice(SERVICES), self.random.choice(IDS)))
                self.compare()
        with self.registry.proxy() as proxy:
            for revision, expected in self.random.sample(self.past, min(60, len(self.past))):
                with self.subTest(at=revision):
                    self.assertEqual(self.state(lambda service, at=revision: proxy.registry.lookup(
                        {"service": service, "status": list(STATUSES), "at": at})), expected)


if __name__ == "__main__":
    unittest.main()
