"""The six methods of the original MicroReg, as its unmodified clients call them."""

import json
import os
import socket
import unittest
import xmlrpc.client

from harness import Case, free_port, wait_until


class Legacy(Case):
    """Value for value what the original answered."""

    def start(self, settings=""):
        """A registry whose checks are quick."""
        file = os.path.join(self.stage.dir, "registry.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write("checks: {interval: 50ms, timeout: 1s, keep: 1h}\n" + settings)
        self.registry = self.stage.registry(args=["--config", file])
        self.proxy = self.registry.proxy()
        self.addCleanup(self.proxy("close"))

    def listener(self):
        """Something that accepts connections; returns (socket, port)."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return listener, listener.getsockname()[1]

    def test_the_whole_life_of_a_service(self):
        self.start()
        _, users = self.listener()
        _, orders = self.listener()
        self.assertEqual(self.proxy.register("users", "http://127.0.0.1", users), 1)
        self.assertEqual(self.proxy.register("orders", "http://127.0.0.1", orders, 1), 2)
        self.assertEqual(self.proxy.get_reg_count(), 2)
        self.assertEqual(self.proxy.get_service_details("users"), ["http://127.0.0.1", users])
        self.assertIs(self.proxy.get_service_details("nobody"), False)
        self.assertIs(self.proxy.update_status("users", 0), True)
        self.assertIs(self.proxy.get_service_details("users"), False)
        self.assertIs(self.proxy.update_status("users", 1), True)
        self.assertEqual(self.proxy.get_service_details("users"), ["http://127.0.0.1", users])
        self.assertIs(self.proxy.update_status("nobody", 1), False)
        self.assertIs(self.proxy.unregister("users"), True)
        self.assertIs(self.proxy.unregister("users"), False)
        self.assertEqual(self.proxy.get_reg_count(), 1)

    def test_the_listing_is_a_string_of_json(self):
        self.start()
        _, port = self.listener()
        self.proxy.register("users", "http://127.0.0.1", port)
        listing = self.proxy.get_all_service_details()
        self.assertIsInstance(listing, str)
        self.assertEqual(list(json.loads(listing)), ["1"])
        entry = json.loads(listing)["1"]
        stamp = entry.pop("reg_timestamp")
        self.assertIsInstance(stamp, float)
        self.assertEqual(entry, {"id": 1, "name": "users", "host": "http://127.0.0.1",
                                 "port": port, "status": 1})
        self.proxy.update_status("users", -1)
        self.assertEqual(json.loads(self.proxy.get_all_service_details())["1"]["status"], -1)

    def test_instances_take_turns(self):
        self.start()
        ports = [self.listener()[1] for _ in range(3)]
        for port in ports:
            self.proxy.register("users", "http://127.0.0.1", port)
        seen = [self.proxy.get_service_details("users")[1] for _ in range(9)]
        self.assertEqual(sorted(seen), sorted(ports * 3))

    def test_a_name_is_taken_once_where_the_settings_say_so(self):
        self.start("legacy_strict: true\n")
        _, port = self.listener()
        self.assertEqual(self.proxy.register("users", "http://127.0.0.1", port), 1)
        self.assertIs(self.proxy.register("users", "http://127.0.0.1", port + 1), False)

    def test_one_that_does_not_answer_is_down_and_comes_back(self):
        self.start()
        listener, port = self.listener()
        self.proxy.register("users", "http://127.0.0.1", port)
        self.assertEqual(self.proxy.get_service_details("users")[1], port)
        listener.close()
        wait_until(lambda: self.proxy.get_service_details("users") is False, "it to be down")
        down = self.registry.lookup("users", status=["down"])["instances"][0]
        self.assertIn("no answer", down["detail"])
        with socket.create_server(("127.0.0.1", port)):
            wait_until(lambda: self.proxy.get_service_details("users"), "it to be back")

    def test_they_and_new_clients_see_each_other(self):
        self.start()
        _, port = self.listener()
        self.proxy.register("users", "http://127.0.0.1", port)
        found = self.registry.lookup("users")["instances"][0]
        self.assertEqual((found["host"], found["port"], found["scheme"]),
                         ("127.0.0.1", port, "http"))
        self.registry.register("new", 9000, scheme="https")
        self.assertEqual(self.proxy.get_service_details("new"), ["https://127.0.0.1", 9000])

    def test_they_survive_a_restart_with_their_numbers(self):
        self.start()
        _, port = self.listener()
        self.proxy.register("users", "http://127.0.0.1", port)
        self.registry.kill()
        again = self.stage.registry(data=self.registry.data)
        self.assertEqual(again.call("get_service_details", "users"), ["http://127.0.0.1", port])
        self.assertEqual(again.call("register", "more", "http://127.0.0.1", port), 2)
        self.assertFalse(again.lookup("users")["held"])

    def test_bad_input_is_a_fault_and_stores_nothing(self):
        self.start()
        for params in (("users",), ("users", "h", 0), ("users", "h", 70000), ("a/b", "h", 1),
                       ("users", "h", "x"), ("users", "", 1), ("users", "h", 1, 5),
                       (5, "h", 1), ("users", "h", 1, 1, 1)):
            with self.subTest(params=params), self.assertRaises(xmlrpc.client.Fault) as caught:
                self.proxy.register(*params)
            self.assertEqual(caught.exception.faultCode, -32602)
        self.assertEqual(self.proxy.get_reg_count(), 0)

    def test_an_address_nobody_listens_on_is_found_out(self):
        self.start()
        self.proxy.register("ghost", "http://127.0.0.1", free_port())
        wait_until(lambda: self.proxy.get_service_details("ghost") is False, "it to be down")


if __name__ == "__main__":
    unittest.main()
