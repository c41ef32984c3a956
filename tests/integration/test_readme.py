"""What the README shows works as it stands there, but for the ports."""

import os
import re
import signal
import sys
import unittest

from harness import ROOT, Case, free_port, wait_until


def read(path):
    """A file of the tree."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def blocks(kind):
    """The fenced blocks of that kind in the README."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", read("README.md"), re.M | re.S)


def shown(start):
    """The indented command that starts so, with its following lines."""
    return re.search(rf"^    ({re.escape(start)}(?:.*\n    )*.*)\n\n", read("README.md"),
                     re.M).group(1).replace("\n    ", "\n")


class Readme(Case):
    """Each block that a reader would copy."""

    def test_the_c_program_is_the_one_of_the_header(self):
        header = re.search(r"^ \* {5}#include <microreg.h>.*?^ \* {5}\}$",
                           read("client-lib/microreg.h"), re.M | re.S).group()
        self.assertEqual(blocks("c")[0].split(), re.sub(r"^ \* {0,5}", "", header,
                                                        flags=re.M).split())

    def test_the_python_program_stays_registered(self):
        registry = self.stage.registry()
        text = blocks("python")[0].replace("http://127.0.0.1:8000/RPC2", registry.url)
        text = text.replace('"port": 9000', '"port": 9000, "ttl_ms": 1000')
        program = self.stage.run("python", "-c", text, path=sys.executable)
        program.expect = {-signal.SIGTERM}
        wait_until(lambda: registry.lookup("hello")["instances"], "the registration")
        # Sooner or later a lease that is not renewed would end: this one outlives another.
        registry.register("other", 9, ttl_ms=3000)
        wait_until(lambda: not registry.lookup("other")["instances"], "the other's end")
        self.assertEqual(len(registry.lookup("hello")["instances"]), 1)

    def test_the_first_route_by_hand(self):
        registry = self.stage.registry()
        files = free_port()
        command = shown("build/microreg run").replace("9000", str(files)).split()
        server = self.stage.run("microreg", *command[1:], "--directory", ROOT,
                                env={"MICROREG_URL": registry.url})
        server.expect = {128 + signal.SIGTERM}
        wait_until(lambda: registry.lookup("files")["instances"], "the service")
        gateway = self.stage.gateway(
            blocks("yaml")[0].replace("http://127.0.0.1:8000/RPC2", registry.url)
            .replace("127.0.0.1:8080", "127.0.0.1:0") + 'admin: "127.0.0.1:0"\n')
        good = gateway.wait_status("/README.md", 200)
        self.assertEqual(good.body.decode(), read("README.md"))
        server.stop()
        stored = gateway.get("/README.md")
        self.assertEqual((stored.status, stored.body), (200, good.body))
        self.assertIn("hit", stored.headers.get("Cache-Status"))
        self.assertIn("Age", stored.headers)

    def test_the_shops_settings_have_no_mistakes(self):
        code, out, err = self.stage.check("microreg-gateway", "--check", "--config",
                                          os.path.join(ROOT, "tests/shop/gateway.yaml"))
        self.assertEqual(code, 0, out + err)


if __name__ == "__main__":
    unittest.main()
