"""--reference: what runs is in it."""

import json
import os
import re
import subprocess
import unittest

from harness import BUILD, Case


def reference(program):
    """The page that a program prints."""
    return subprocess.check_output([os.path.join(BUILD, program), "--reference"], text=True)


class Reference(Case):
    """Metrics and methods of running daemons."""

    def test_each_metric_of_the_pages_is_in_the_reference(self):
        registry = self.stage.registry()
        gateway = self.stage.gateway({"routes": [{"path": "/a", "service": "a"}]})
        gateway.get("/a")
        for program, page in (("microreg-gateway", gateway.admin("/metrics").body),
                              ("microreg-registry", registry.http(path="/metrics").body)):
            known = reference(program)
            names = set(re.findall(r"(?m)^# TYPE (\S+)", page.decode()))
            self.assertGreater(len(names), 5)
            self.assertEqual([n for n in sorted(names) if f"| `{n}` |" not in known], [])

    def test_each_page_and_change_of_the_admin_door_is_in_the_reference(self):
        known = reference("microreg-gateway")
        gateway = self.stage.gateway({})
        told = json.loads(gateway.admin("/").body)["detail"]
        for path in re.findall(r"/[-/a-zA-Z]+", told):
            self.assertRegex(known, rf"\| `(GET|POST) {path}` \| \| \S")
        self.assertIn("| `POST /drain` | `draining`: boolean |", known)

    def test_each_method_of_the_registry_is_in_the_reference(self):
        known = reference("microreg-registry")
        methods = self.stage.registry().call("system.listMethods")
        self.assertEqual([name for name in methods if f"| `{name}` |" not in known], [])


if __name__ == "__main__":
    unittest.main()
