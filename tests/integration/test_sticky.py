"""A cookie brings clients back to their instance, as long as that takes requests."""

import re
import unittest

from harness import Case, wait_until
from origin import reply

KEY = "0123456789abcdef"


class Sticky(Case):
    """Three instances in the registry that answer with their number."""

    def start(self, workers=2, **sticky):
        """A gateway before them."""
        self.registry = self.stage.registry()
        self.origins = [self.stage.origin(lambda request, peer, i=i: reply(200, b"%d" % i))
                        for i in range(3)]
        for number, origin in enumerate(self.origins):
            self.registry.register("s", origin.port, id=f"s-{number}")
        self.settings = {
            "workers": workers,
            "services": {"s": {"balance": {"sticky": {"cookie": "at", "key": KEY, **sticky}}}},
            "routes": [{"path": "/*", "service": "s", "cache": "off"}]}
        self.gateway = self.stage.gateway(self.settings)
        self.wait_instances(3)

    def wait_instances(self, count, gateway=None):
        """Until so many take requests."""
        wait_until(lambda: len({(gateway or self.gateway).get("/x").body
                                for _ in range(2 * count)}) == count, f"{count} instances")

    def cookie(self, answer):
        """The pair of Set-Cookie, or None."""
        told = answer.headers.get("Set-Cookie")
        return told and told.split(";")[0]

    def test_a_client_comes_back_to_its_instance(self):
        self.start()
        first = self.gateway.get("/x")
        cookie = self.cookie(first)
        self.assertRegex(first.headers.get("Set-Cookie"),
                         r"^at=[0-9a-f]{16}; Path=/; HttpOnly; SameSite=Lax$")
        for _ in range(12):
            answer = self.gateway.get("/x", {"Cookie": f"a=b; {cookie}; c=d"})
            self.assertEqual(answer.body, first.body)
            self.assertNotIn("Set-Cookie", answer.headers)

    def test_clients_without_it_are_balanced(self):
        self.start()
        answers = [self.gateway.get("/x") for _ in range(9)]
        self.assertEqual(sorted(a.body for a in answers), [b"0"] * 3 + [b"1"] * 3 + [b"2"] * 3)
        self.assertEqual(len({self.cookie(a) for a in answers}), 3)

    def test_cookies_of_somebody_else_are_no_harm(self):
        self.start()
        for value in ("", "x", "0" * 16, "0" * 17, "G" * 16, "a" * 5000, "\t", "s-1"):
            answer = self.gateway.get("/x", {"Cookie": f"at={value}"})
            self.assertEqual(answer.status, 200)
            self.assertTrue(self.cookie(answer))

    def test_it_is_the_same_in_all_gateways_and_after_a_restart(self):
        self.start()
        pairs = {self.cookie(a): a.body for a in [self.gateway.get("/x") for _ in range(3)]}
        self.gateway.stop()
        other = self.stage.gateway({**self.settings, "workers": 1})
        self.wait_instances(3, other)
        for cookie, body in pairs.items():
            for _ in range(4):
                self.assertEqual(other.get("/x", {"Cookie": cookie}).body, body)

    def test_another_key_makes_other_cookies(self):
        self.start()
        cookies = {self.cookie(self.gateway.get("/x")) for _ in range(3)}
        self.settings["services"]["s"]["balance"]["sticky"]["key"] = KEY[::-1]
        other = self.stage.gateway(self.settings)
        self.wait_instances(3, other)
        self.assertFalse(cookies & {self.cookie(other.get("/x")) for _ in range(3)})

    def move(self, away):
        """A client's instance is taken away; it must stay at another one."""
        first = self.gateway.get("/x")
        away(int(first.body))
        cookie = self.cookie(first)

        def moved():
            answer = self.gateway.get("/x", {"Cookie": cookie})
            self.assertEqual(answer.status, 200)
            return answer if answer.body != first.body else None
        answer = wait_until(moved, "another instance")
        self.assertTrue(self.cookie(answer))
        for _ in range(6):
            again = self.gateway.get("/x", {"Cookie": self.cookie(answer)})
            self.assertEqual((again.body, self.cookie(again)), (answer.body, None))
        return first, answer

    def test_when_the_instance_is_gone_another_one_is_kept(self):
        self.start()
        self.move(lambda number: self.registry.deregister("s", f"s-{number}"))

    def test_when_the_instance_refuses_another_one_answers_and_is_kept(self):
        self.start()
        self.move(lambda number: self.origins[number].close())

    def test_an_instance_that_drains_keeps_no_clients(self):
        self.start()
        first, _ = self.move(lambda number: self.registry.call("registry.set_status", {
            "service": "s", "id": f"s-{number}", "status": "draining"}))
        self.registry.call("registry.set_status", {
            "service": "s", "id": f"s-{first.body.decode()}", "status": "up"})
        wait_until(lambda: self.gateway.get("/x", {"Cookie": self.cookie(first)}).body ==
                   first.body, "the way back")

    def test_a_reload_keeps_the_clients(self):
        self.start()
        first = self.gateway.get("/x")
        self.gateway.write({**self.stage.settings(), **self.settings,
                            "routes": [{"path": "/*", "service": "s", "cache": "off"},
                                       {"path": "/new", "respond": {"text": "new"}}]})
        self.gateway.wait_status("/new", 200)
        for _ in range(6):
            self.assertEqual(self.gateway.get("/x", {"Cookie": self.cookie(first)}).body,
                             first.body)

    def test_its_attributes_are_what_the_settings_say(self):
        self.start(ttl="1h", path="/shop", secure="true", http_only=False, same_site="none")
        told = self.gateway.get("/x").headers.get("Set-Cookie")
        self.assertTrue(re.fullmatch(
            r"at=[0-9a-f]{16}; Path=/shop; Max-Age=3600; Secure; SameSite=None", told), told)

    def test_a_kept_reply_holds_no_cookie(self):
        self.start()
        self.settings["routes"] = [{"path": "/*", "service": "s", "cache": {"ttl": "1h"}}]
        gateway = self.stage.gateway(self.settings)
        self.assertTrue(self.cookie(gateway.wait_status("/kept", 200)))
        again = gateway.get("/kept")
        self.assertIn("hit", again.headers.get("Cache-Status"))
        self.assertIsNone(self.cookie(again))


if __name__ == "__main__":
    unittest.main()
