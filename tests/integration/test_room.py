"""Instances take only so many requests at once; who finds none with room waits for one."""

import json
import threading
import unittest

from harness import Case, wait_until
from origin import reply


class Instance:
    """A behaviour of an origin that counts who is in, and holds each back until it is let go."""

    def __init__(self, status=200):
        self.status = status
        self.changed = threading.Condition()
        self.inside = self.most = self.passes = 0  # guarded by changed

    def __call__(self, request, peer):
        with self.changed:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.changed.wait_for(lambda: self.passes)
            self.passes -= 1
            self.inside -= 1
        return reply(self.status, request.target.encode())

    def let(self, count):
        """So many go on."""
        with self.changed:
            self.passes += count
            self.changed.notify_all()


class Room(Case):
    """Services whose instances have a limit each."""

    def start(self, *instances, workers=2, route=None, **service):
        """A gateway before these."""
        self.instances = instances
        self.origins = [self.stage.origin(instance) for instance in instances]
        for instance in instances:
            self.addCleanup(instance.let, 100000)
        self.gateway = self.stage.gateway({
            "workers": workers,
            "services": {"s": {"instances": [o.address for o in self.origins],
                               "breaker": "off", "max_wait": "1h", **service}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", "timeout": "1h",
                        **(route or {})}]})

    def send(self, path, field=""):
        """A client that has asked and not read yet."""
        client = self.gateway.connect()
        client.send(f"GET {path} HTTP/1.1\r\nHost: t\r\n{field}\r\n".encode())
        return client

    def wait_waiting(self, count):
        """Until so many wait."""
        wait_until(lambda: json.loads(self.gateway.admin("/services/s").body)["waiting"] == count,
                   f"{count} waiting")

    def targets(self, number=0):
        """What came to one of the instances."""
        return [request.target for request in self.origins[number].requests]

    def test_never_more_than_the_limit_over_all_workers_and_in_order(self):
        self.start(Instance(), max_per_instance=3)
        clients = [self.send(f"/first{number}") for number in range(3)]
        self.origins[0].wait_requests(3)
        for number in range(47):
            clients.append(self.send(f"/{number:02}"))
            self.wait_waiting(number + 1)
        service = json.loads(self.gateway.admin("/services/s").body)
        self.assertEqual((service["per_instance_max"], service["in_flight"]), (3, 50))
        self.assertEqual(
            self.gateway.metrics()['microreg_gateway_service_waiting{service="s"}'], 47)
        self.assertEqual(len(self.origins[0].requests), 3)
        for number in range(47):
            self.instances[0].let(1)
            self.origins[0].wait_requests(4 + number)
        self.instances[0].let(3)
        for client in clients:
            self.assertEqual(client.reply().status, 200)
        self.assertEqual(self.instances[0].most, 3)
        self.assertEqual(self.targets()[3:], [f"/{number:02}" for number in range(47)])

    def test_many_clients_at_once_are_all_answered(self):
        self.start(Instance(), Instance(), workers=3, max_per_instance=3, balance="least_request")
        for instance in self.instances:
            instance.let(100000)
        statuses = []

        def ask():
            with self.gateway.connect() as client:
                for _ in range(40):
                    client.send(b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n")
                    statuses.append(client.reply().status)
        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, [200] * 2000)
        for instance in self.instances:
            self.assertLessEqual(instance.most, 3)
        self.wait_waiting(0)

    def test_one_that_is_full_is_passed_over_however_instances_are_chosen(self):
        for balance in ("round_robin", "least_request", "random", {"hash": "path"},
                        {"sticky": {"cookie": "at"}}):
            with self.subTest(balance=balance):
                self.start(Instance(), Instance(), max_per_instance=1, balance=balance)
                self.instances[0].let(1)
                self.instances[1].let(1)
                cookie = self.gateway.get("/same").headers.get("Set-Cookie", "").split(";")[0]
                for instance in self.instances:
                    with instance.changed:
                        instance.passes = 0
                for origin in self.origins:
                    origin.clear()
                field = f"Cookie: {cookie}\r\n" if cookie else ""
                clients = [self.send("/same", field) for _ in range(2)]
                for origin in self.origins:
                    origin.wait_requests(1)
                clients.append(self.send("/same", field))
                self.wait_waiting(1)
                self.instances[1].let(1)
                self.origins[1].wait_requests(2)
                for instance in self.instances:
                    instance.let(1)
                for client in clients:
                    self.assertEqual(client.reply().status, 200)
                self.assertEqual([instance.most for instance in self.instances], [1, 1])

    def test_a_retry_waits_for_room(self):
        self.start(Instance(), Instance(503), max_per_instance=1)
        full = self.send("/full")
        self.origins[0].wait_requests(1)
        again = self.send("/again")
        self.origins[1].wait_requests(1)
        self.instances[1].let(1)
        self.wait_waiting(1)
        self.assertEqual(self.targets(0), ["/full"])
        self.instances[0].let(2)
        self.assertEqual(full.reply().status, 200)
        self.assertEqual(again.reply().status, 200)
        self.assertEqual(self.instances[0].most, 1)

    def test_a_second_request_is_not_sent_where_no_room_is(self):
        self.start(Instance(), Instance(), workers=1, max_per_instance=1,
                   route={"hedge": {"after": "1ms"}})
        clients = [self.send("/a")]
        self.origins[0].wait_requests(1)
        self.origins[1].wait_requests(1)  # its second one
        clients.append(self.send("/b"))
        self.wait_waiting(1)
        self.instances[0].let(1)
        self.assertEqual(clients[0].reply().body, b"/a")
        for instance in self.instances:
            instance.let(2)
        self.assertEqual(clients[1].reply().body, b"/b")
        self.assertLessEqual(self.instances[0].most, 1)

    def test_the_queue_and_the_wait_are_bounded(self):
        self.start(Instance(), max_per_instance=1, max_waiting=1, max_wait="50ms",
                   retry={"attempts": 1})
        first = self.send("/a")
        self.origins[0].wait_requests(1)
        for _ in range(3):
            answer = self.gateway.get("/b")
            self.assertEqual(answer.status, 503)
            self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:overload")
        self.instances[0].let(1)
        self.assertEqual(first.reply().status, 200)
        self.assertEqual(self.targets(), ["/a"])
        self.instances[0].let(1)
        self.assertEqual(self.gateway.get("/c").status, 200)

    def test_clients_that_leave_are_passed_over(self):
        self.start(Instance(), max_per_instance=1)
        first = self.send("/a")
        self.origins[0].wait_requests(1)
        gone = self.send("/gone")
        self.wait_waiting(1)
        last = self.send("/last")
        self.wait_waiting(2)
        gone.close()
        self.wait_waiting(1)
        self.instances[0].let(2)
        self.assertEqual(first.reply().status, 200)
        self.assertEqual(last.reply().status, 200)
        self.assertEqual(self.targets(), ["/a", "/last"])

    def test_a_reload_that_makes_room_lets_in_who_waits(self):
        for limit in ("max_per_instance", "max_in_flight"):
            self.start(Instance(), **{limit: 1})
            clients = [self.send("/first")]
            self.origins[0].wait_requests(1)
            clients += [self.send(f"/{number}") for number in range(6)]
            self.wait_waiting(6)
            with open(self.gateway.file, encoding="utf-8") as file:
                settings = json.load(file)
            settings["services"]["s"][limit] = 5
            self.gateway.write(settings)
            self.origins[0].wait_requests(5)
            self.wait_waiting(2)
            self.instances[0].let(7)
            for client in clients:
                self.assertEqual(client.reply().status, 200)
                client.close()

    def test_who_waits_goes_to_an_instance_that_comes(self):
        old, new = Instance(), Instance()
        registry = self.stage.registry()
        origins = [self.stage.origin(instance) for instance in (old, new)]
        for instance in (old, new):
            self.addCleanup(instance.let, 1000)
        registry.register("s", origins[0].port, id="old")
        self.gateway = self.stage.gateway({
            "workers": 1, "services": {"s": {"max_per_instance": 1, "max_wait": "1h"}},
            "routes": [{"path": "/*", "service": "s", "cache": "off", "timeout": "1h"}]})
        old.let(1)
        self.gateway.wait_status("/first", 200)
        first = self.send("/a")
        origins[0].wait_requests(2)
        second = self.send("/b")
        self.wait_waiting(1)
        registry.register("s", origins[1].port, id="new")
        origins[1].wait_requests(1)
        new.let(1)
        self.assertEqual(second.reply().body, b"/b")
        old.let(1)
        self.assertEqual(first.reply().body, b"/a")


if __name__ == "__main__":
    unittest.main()
