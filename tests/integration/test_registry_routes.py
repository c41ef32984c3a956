"""Routes that come with registrations: who may have them, and what gateways make of them."""

import unittest
import xmlrpc.client

from harness import Case, wait_until


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


if __name__ == "__main__":
    unittest.main()
