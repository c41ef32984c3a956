"""The example shop: what its services answer, and that they are registered while they run."""

import json
import os
import unittest

from harness import ROOT, Case, SharedCase, request, wait_until


class Answers(SharedCase):
    """Each service, asked directly."""

    @classmethod
    def prepare(cls):
        cls.stage.registry()
        cls.services = {kind: cls.stage.service(kind)
                        for kind in ("users", "products", "orders", "inventory")}

    def get(self, kind, path):
        """The JSON that a service answers."""
        answer = self.services[kind].get(path)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get("Content-Type"), "application/json")
        return json.loads(answer.body)

    def test_an_order_leads_to_its_customer_its_products_and_their_stock(self):
        order = self.get("orders", "/orders/1")
        self.assertEqual(order["id"], 1)
        self.assertEqual(self.get("users", f"/users/{order['customerId']}")["id"], 56)
        for line in order["lines"]:
            item = line["product"]
            self.assertEqual(self.get("products", f"/products/{item}")["item"], item)
            self.assertEqual(self.get("inventory", f"/stock/{item}")["item"], item)

    def test_lists_hold_what_can_be_asked_for_singly(self):
        for kind, key in (("users", "id"), ("products", "item"), ("orders", "id")):
            listed = self.get(kind, f"/{kind}")
            self.assertEqual(len(listed), 3)
            for record in listed:
                self.assertEqual(self.get(kind, f"/{kind}/{record[key]}"), record)

    def test_orders_can_be_asked_for_by_customer(self):
        self.assertEqual([o["id"] for o in self.get("orders", "/orders?user=56")], [1, 3])
        self.assertEqual(self.get("orders", "/orders?user=99"), [])

    def test_a_posted_order_is_echoed(self):
        port = self.services["orders"].port
        answer = request(port, "POST", "/orders", b'{"id": 9}')
        self.assertEqual((answer.status, answer.body), (201, b'{"id": 9}'))
        self.assertEqual(request(port, "POST", "/orders", b"").status, 400)

    def test_what_is_not_there_is_a_404_and_other_methods_a_405(self):
        for path in ("/users/99", "/users/", "/users/1/2", "/nothing", "/"):
            self.assertEqual(self.services["users"].get(path).status, 404, path)
        self.assertEqual(request(self.services["users"].port, "PUT", "/users/56").status, 405)

    def test_every_reply_says_which_instance_it_is_from(self):
        for service in self.services.values():
            self.assertEqual(service.get("/health").headers.get("X-Instance"), service.id)


class Options(Case):
    """What the options do."""

    def test_the_id_and_address_are_registered_and_gone_after_sigterm(self):
        registry = self.stage.registry()
        service = self.stage.service("users", "--id", "users-1")
        found = registry.lookup("users")["instances"]
        self.assertEqual([(i["id"], i["host"], i["port"]) for i in found],
                         [("users-1", "127.0.0.1", service.port)])
        self.assertEqual(service.stop(), 0)
        self.assertEqual(registry.lookup("users")["instances"], [])

    def test_the_lease_is_kept_and_runs_out_after_a_kill(self):
        registry = self.stage.registry()
        service = self.stage.service("users", "--ttl-ms", "1000")
        service.kill()
        wait_until(lambda: not registry.lookup("users")["instances"], "expiry")

    def test_a_share_of_the_requests_may_fail(self):
        self.stage.registry()
        always = self.stage.service("users", "--fail-rate", "100")
        self.assertEqual(always.get("/users/56").status, 503)
        self.assertEqual(always.get("/health").status, 200)

    def test_without_a_registry_it_says_so_and_ends(self):
        code, _, err = self.stage.check("shop/users", "--registry", "http://127.0.0.1:1/RPC2")
        self.assertEqual(code, 1)
        self.assertIn("127.0.0.1:1", err)

    def test_a_wrong_option_is_exit_code_2(self):
        for args in (["--port", "70000"], ["--port", "x"], ["--fail-rate", "101"], ["--what"],
                     ["x"]):
            self.assertEqual(self.stage.check("shop/users", *args)[0], 2, args)


class Composed(Case):
    """The shop's own settings: one request, many services."""

    def prepare(self):
        """All services and a gateway with tests/shop/gateway.yaml, but for its addresses."""
        registry = self.stage.registry()
        services = {kind: self.stage.service(kind)
                    for kind in ("users", "products", "orders", "inventory")}
        with open(os.path.join(ROOT, "tests/shop/gateway.yaml"), encoding="utf-8") as file:
            text = file.read()
        for old, new in (("127.0.0.1:8080", "127.0.0.1:0"), ("127.0.0.1:8081", "127.0.0.1:0"),
                         ("http://127.0.0.1:8000/RPC2", registry.url),
                         ("/tmp/microreg-shop.snapshot", self.stage.dir + "/snapshot")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        gateway = self.stage.gateway(text)
        for path in ("/orders/1", "/my/order-history?user=56"):
            gateway.wait_status(path, 200)
        return gateway, services

    def test_an_order_has_its_customer(self):
        gateway, services = self.prepare()
        answer = gateway.get("/orders/1")
        order = json.loads(answer.body)
        self.assertEqual(order["customer"]["name"], "Ada Lovelace")
        self.assertNotIn("customerId", order)
        self.assertIn(b'"total":598.50', answer.body)
        self.assertEqual(gateway.get("/orders/99").status, 404)
        services["users"].kill()
        answer = gateway.get("/orders/1")
        self.assertEqual(json.loads(answer.body), order)
        self.assertIn("customer=stale", answer.headers.get("X-Composition"))

    def test_the_order_history_has_products_and_stock(self):
        gateway, services = self.prepare()
        orders = json.loads(gateway.get("/my/order-history?user=56").body)
        self.assertEqual([order["id"] for order in orders], [1, 3])
        desk = orders[0]["lines"][0]
        self.assertEqual((desk["product"]["name"], desk["stock"]), ("Standing desk", 2))
        phone = {"User-Agent": "Mozilla/5.0 (Android 14; Mobile; rv:130.0)"}
        answer = gateway.get("/my/order-history?user=7", phone)
        self.assertEqual(answer.body, b'[{"id":2,"description":"Light to read by","total":35.10,'
                                      b'"items":1}]')
        self.assertEqual(answer.headers.get("Vary"), "User-Agent")
        services["inventory"].kill()
        orders = json.loads(gateway.get("/my/order-history?user=56").body)
        self.assertIsNone(orders[0]["lines"][0]["stock"])
        self.assertEqual(orders[0]["lines"][0]["product"]["name"], "Standing desk")


if __name__ == "__main__":
    unittest.main()
