"""Routes that come with registrations: who may have them, and what gateways make of them."""

import json
import os
import signal
import unittest
import xmlrpc.client

from harness import Case, wait_until
from origin import reply


class Claims(Case):
    """What the registry takes and refuses."""

    def refused(self, *args, **members):
        """The fault of a registration."""
        with self.assertRaises(xmlrpc.client.Fault) as caught:
            self.registry.register(*args, **members)
        return caught.exception

    def setUp(self):
        super().setUp()
        self.registry = self.stage.registry()

    def test_a_route_has_one_service(self):
        self.registry.register("orders", 9001, id="o1", routes=["GET /orders/{id}"])
        fault = self.refused("shop", 9002, id="s1", routes=["GET,PUT /orders/{order}"])
        self.assertEqual(fault.faultCode, 409)
        self.assertIn('belongs to service "orders"', fault.faultString)
        self.assertEqual(self.registry.lookup("shop")["reason"], "unknown_service")
        # Another method, another path, or the same service may have it.
        self.registry.register("shop", 9002, id="s1", routes=["POST /orders/{id}", "/shop/*"])
        self.registry.register("orders", 9003, id="o2", routes=["/orders/{id}/lines"])

    def test_it_is_free_when_the_last_instance_is_gone(self):
        for one in ("o1", "o2"):
            self.registry.register("orders", 9001, id=one, routes=["/orders/*"])
        self.registry.deregister("orders", "o1")
        self.assertEqual(self.refused("shop", 9, id="s1", routes=["/orders/*"]).faultCode, 409)
        self.registry.deregister("orders", "o2")
        self.registry.register("shop", 9, id="s1", routes=["/orders/*"])

    def test_who_lost_a_route_while_it_slept_goes_on_trying(self):
        sleeper = self.stage.run(
            "microreg", "run", "--url", self.registry.url, "--service", "orders", "--port", "9001",
            "--ttl", "1s", "--route", "/orders/*", "--check", "none", "--", "tail", "-f",
            "/dev/null")
        sleeper.expect = {0, 128 + signal.SIGTERM}
        wait_until(lambda: self.registry.lookup("orders")["instances"], "its registration")
        sleeper.pause()
        wait_until(lambda: not self.registry.lookup("orders")["instances"], "its end")
        taken = self.registry.register("shop", 9, id="s1", routes=["/orders/*"])
        sleeper.send_signal(signal.SIGCONT)
        sleeper.wait_log(r'"/orders/\*" belongs to service "shop"')
        self.assertTrue(sleeper.is_running())
        self.registry.deregister("shop", "s1", lease=taken["lease"])
        wait_until(lambda: self.registry.lookup("orders")["instances"], "its return")

    def test_it_is_free_when_the_last_lease_is_over(self):
        self.registry.register("orders", 9001, id="o1", routes=["/orders/*"], ttl_ms=1000)

        def taken():
            try:
                return self.registry.register("shop", 9, id="s1", routes=["/orders/*"])
            except xmlrpc.client.Fault:
                return None
        wait_until(taken, "the end of the lease")

    def test_a_registration_without_it_gives_it_back(self):
        self.registry.register("orders", 9001, id="o1", routes=["/a", "/b"])
        self.registry.register("orders", 9001, id="o1", routes=["/b"])
        self.registry.register("shop", 9, id="s1", routes=["/a"])
        self.assertEqual(self.refused("shop", 9, id="s2", routes=["/b"]).faultCode, 409)

    def test_it_survives_a_restart(self):
        self.registry.register("orders", 9001, id="o1", routes=["/orders/*"])
        self.registry.stop()
        self.registry = self.stage.registry(data=self.registry.data)
        self.assertEqual(self.refused("shop", 9, id="s1", routes=["/orders/*"]).faultCode, 409)
        self.assertEqual(self.registry.lookup("orders")["instances"][0]["routes"], ["/orders/*"])

    def test_what_is_no_route_is_refused_by_name(self):
        for bad in ("orders", "FETCH /a", "GET a", "/a/*/b", "/a?b", "GET  /a", ""):
            fault = self.refused("orders", 9001, id="o1", routes=[bad])
            self.assertEqual(fault.faultCode, -32602, bad)
            self.assertIn("routes", fault.faultString)


class Routes(Case):
    """What a gateway makes of them."""

    def setUp(self):
        super().setUp()
        self.registry = self.stage.registry()
        self.origins = {name: self.stage.origin(
            lambda asked, peer, name=name: reply(200, name.encode()))
            for name in ("orders", "shop", "file")}

    def register(self, service, *routes, **members):
        """An instance at the service's origin."""
        return self.registry.register(service, self.origins[service].port,
                                      **{"id": f"{service}-1", "routes": list(routes), **members})

    def start(self, *grants, routes=(), **settings):
        """A gateway that grants those; more of its settings are the file's."""
        self.gateway = self.stage.gateway({
            "registry_routes": list(grants), "routes": list(routes),
            "services": {"file": {"instances": [self.origins["file"].address]}}, **settings})
        self.gateway.wait_log("gateway: ready")
        return self.gateway

    def wait_answer(self, path, status, body=None):
        """Until the answer is that."""
        def is_so():
            answer = self.gateway.get(path)
            return answer.status == status and (body is None or answer.body == body)
        wait_until(is_so, f"{path} -> {status}")

    def test_a_granted_route_comes_and_goes_with_its_instance(self):
        self.start({"service": "orders", "paths": ["/orders/*"]})
        self.assertEqual(self.gateway.get("/orders/7").status, 404)
        self.register("orders", "GET /orders/{id}")
        self.wait_answer("/orders/7", 200, b"orders")
        self.assertEqual(self.gateway.request("POST", "/orders/7", b"x").status, 405)
        self.register("orders", "GET /orders/{id}", "/orders/{id}/lines", id="orders-2")
        self.wait_answer("/orders/7/lines", 200, b"orders")  # the union of all instances
        self.registry.deregister("orders", "orders-1")
        self.registry.deregister("orders", "orders-2")
        self.wait_answer("/orders/7", 404)

    def test_only_what_is_granted_is_taken(self):
        self.start({"service": "or*", "paths": ["/orders/*"]})
        self.register("orders", "/orders/{id}", "/admin")
        self.register("shop", "/shop/*")
        self.wait_answer("/orders/7", 200, b"orders")
        self.gateway.wait_log('its route "/admin" is left out: its path is not within')
        self.gateway.wait_log('its route "/shop/\\*" is left out: registry_routes lets')
        self.assertEqual(self.gateway.get("/admin").status, 404)
        page = json.loads(self.gateway.admin("/routes").body)
        self.assertEqual({one["route"] for one in page["left_out"]}, {"/admin", "/shop/*"})
        self.assertEqual([(one["path"], one["from"]) for one in page["routes"]],
                         [("/orders/{id}", "registration")])
        metrics = self.gateway.metrics()
        self.assertEqual(metrics['microreg_gateway_claimed_routes{result="taken"}'], 1)
        self.assertEqual(metrics['microreg_gateway_claimed_routes{result="left_out"}'], 2)

    def test_the_settings_win(self):
        self.register("orders", "/orders/{id}", "GET /mine/{x}")
        self.start({"service": "orders", "paths": ["/*"]},
                   routes=[{"path": "/orders/{order}", "methods": ["GET"], "service": "file"},
                           {"path": "/mine/{id}", "service": "file"}])
        self.wait_answer("/mine/1", 200, b"file")
        self.assertEqual(self.gateway.get("/orders/7").body, b"file")
        wait_until(lambda: self.gateway.request("POST", "/orders/7", b"x").body == b"orders",
                   "the methods that the file leaves")
        wait_until(lambda: '"GET /mine/{x}" is left out: the settings have a route for it' in
                   self.gateway.log(), "the warning")

    def test_theirs_are_like_a_route_of_the_file(self):
        self.start({"service": "orders", "paths": ["/orders/*"], "like": "guarded"},
                   routes=[{"path": "/g", "name": "guarded", "service": "file",
                            "ip": {"deny": ["127.0.0.0/8"]}}])
        self.register("orders", "/orders/{id}")
        self.wait_answer("/orders/7", 403)

    def test_a_reload_keeps_them_and_no_request_is_lost(self):
        self.register("orders", "/orders/{id}")
        self.start({"service": "orders", "paths": ["/orders/*"]})
        self.wait_answer("/orders/7", 200, b"orders")
        self.gateway.write({**self.stage.settings(),
                            "registry_routes": [{"service": "orders", "paths": ["/orders/*"]}],
                            "routes": [{"path": "/f", "service": "file"}],
                            "services": {"file": {"instances": [self.origins["file"].address]}}})

        def reloaded():
            self.assertEqual(self.gateway.get("/orders/7").body, b"orders")
            return self.gateway.get("/f").status == 200
        wait_until(reloaded, "the reload")
        self.gateway.write({**self.stage.settings(), "routes": []})
        self.wait_answer("/orders/7", 404)

    def test_they_are_there_from_the_snapshot_file(self):
        snapshot = os.path.join(self.stage.dir, "snapshot")
        registry = {"urls": [self.registry.url], "snapshot": snapshot}
        self.register("orders", "/orders/{id}")
        gateway = self.start({"service": "orders", "paths": ["/orders/*"]}, registry=registry)
        self.wait_answer("/orders/7", 200, b"orders")
        wait_until(lambda: os.path.exists(snapshot) and
                   b"/orders/{id}" in open(snapshot, "rb").read(), "the file")
        gateway.stop()
        self.registry.stop()
        self.start({"service": "orders", "paths": ["/orders/*"]}, registry=registry)
        self.assertEqual(self.gateway.get("/orders/7").body, b"orders")

    def test_explain_knows_them(self):
        self.register("orders", "/orders/{id}", "/admin")
        gateway = self.start({"service": "orders", "paths": ["/orders/*"]})
        code, out, _ = self.stage.check("microreg-gateway", "--config", gateway.file,
                                        "--explain", "GET /orders/7")
        self.assertEqual(code, 0, out)
        self.assertIn("from a registration of orders", out)
        self.assertIn('left out: "/admin" of orders', out)

    def test_mistakes_are_told(self):
        path = os.path.join(self.stage.dir, "bad.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('registry: {urls: ["http://127.0.0.1:9/RPC2"]}\n'
                       'registry_routes:\n'
                       '  - {service: "a b", paths: ["/a"]}\n'
                       '  - {service: a, paths: ["a"]}\n'
                       '  - {service: a, paths: ["/a"], like: guardd}\n'
                       'routes: [{path: /g, name: guarded, service: s}]\n')
        code, _, said = self.stage.check("microreg-gateway", "--check", "--config", path)
        self.assertEqual(code, 1)
        self.assertRegex(said, r"bad\.yaml:3: .*no name of a service")
        self.assertRegex(said, r"bad\.yaml:4: ")
        self.assertRegex(said, r'bad\.yaml:5: .*did you mean "guarded"')


if __name__ == "__main__":
    unittest.main()
