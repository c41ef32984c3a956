"""security_headers: on every answer, whoever makes it, unless the answer has them itself."""

import unittest

from harness import Case
from origin import reply

USUAL = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
         "Content-Security-Policy": "frame-ancestors 'none'",
         "Referrer-Policy": "strict-origin-when-cross-origin",
         "Cross-Origin-Opener-Policy": "same-origin", "X-Permitted-Cross-Domain-Policies": "none"}


class SecurityHeaders(Case):
    """Each test has its own gateway."""

    def start(self, top, **routes):
        """A gateway whose service says a Content-Security-Policy of its own."""
        self.origin = self.stage.origin(lambda request, peer: reply(headers={
            "content-security-policy": "default-src 'self'", "Cache-Control": "max-age=60"}))
        settings = {
            "services": {"o": {"instances": [self.origin.address]},
                         "gone": {"instances": ["http://127.0.0.1:1"]}},
            "routes": [{"path": "/" + name, "service": "o", **more}
                       for name, more in routes.items()]
            + [{"path": "/gone", "service": "gone"},
               {"path": "/fixed", "respond": {"text": "a"}},
               {"path": "/sent", "redirect": {"to": "/a"}}]}
        if top is not None:
            settings["security_headers"] = top
        return self.stage.gateway(settings)

    def has(self, gateway, path):
        """Those of the usual ones that an answer has, each once."""
        fields = gateway.get(path).headers
        for name in USUAL:
            self.assertLessEqual(len(fields.all(name)), 1, name)
        return {name: fields.get(name) for name in USUAL if name in fields}

    def test_every_answer_has_the_usual_ones(self):
        gateway = self.start(True, a={"cache": {"ttl": "1m"}}, edited={
            "cache": "off", "reply": {"headers": {"set": {"X-Frame-Options": "SAMEORIGIN"},
                                                  "remove": ["Referrer-Policy"]}}})
        own = {**USUAL, "Content-Security-Policy": "default-src 'self'"}
        for path, want in (("/a", own), ("/a", own), ("/gone", USUAL), ("/fixed", USUAL),
                           ("/sent", USUAL), ("/nowhere", USUAL)):
            with self.subTest(path):
                self.assertEqual(self.has(gateway, path), want)
        self.assertEqual(len(self.origin.requests), 1)  # the second was a kept one
        edited = {**own, "X-Frame-Options": "SAMEORIGIN"}
        del edited["Referrer-Policy"]
        self.assertEqual(self.has(gateway, "/edited"), edited)

    def test_a_route_has_its_own_or_none(self):
        gateway = self.start({"X-Frame-Options": "SAMEORIGIN", "X-Own": "yes"}, a={},
                             none={"security_headers": False},
                             usual={"security_headers": True})
        self.assertEqual(self.has(gateway, "/fixed"), {"X-Frame-Options": "SAMEORIGIN"})
        self.assertEqual(gateway.get("/a").headers.get("X-Own"), "yes")
        self.assertEqual(self.has(gateway, "/none"),
                         {"Content-Security-Policy": "default-src 'self'"})
        self.assertEqual(self.has(gateway, "/usual"),
                         {**USUAL, "Content-Security-Policy": "default-src 'self'"})

    def test_without_them_nothing_is_added(self):
        self.assertEqual(self.has(self.start(None), "/fixed"), {})

    def test_mistakes_are_told(self):
        for text, told in (("yes please", "write true for the usual ones"), ("[a]", "write true"),
                           ("{Via: a}", "the gateway writes this field itself"),
                           ("{X-A: ''}", "the value is empty"),
                           ('{X-A: "a\\r\\nX-B: c"}', "what no field can hold"),
                           ("{'X A': b}", "no field has such a name")):
            with self.subTest(text):
                with open(self.stage.dir + "/g.yaml", "w", encoding="utf-8") as file:
                    file.write("routes: [{path: /, respond: {text: a}}]\n"
                               f"security_headers: {text}\n")
                code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                                  self.stage.dir + "/g.yaml")
                self.assertEqual(code, 1, out)
                self.assertRegex(err, "g.yaml:2: .*" + told)


if __name__ == "__main__":
    unittest.main()
