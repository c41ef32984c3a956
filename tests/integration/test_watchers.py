"""Ten thousand watchers: they hold no threads, and a change reaches every one of them."""

import os
import resource
import subprocess
import unittest

from harness import BUILD, Case
from test_access import write_settings

COUNT = 10000
SPARE = 200


class Watchers(Case):
    """One registry, watched by the bench's tool."""

    def test_every_one_of_ten_thousand_hears_of_a_change(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(COUNT, hard - SPARE) if hard != resource.RLIM_INFINITY else COUNT
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + SPARE)), hard))
        name = write_settings(self.stage.dir, {"limits": {
            "watchers": count, "connections": count + 100}})
        registry = self.stage.registry(args=["--config", name])
        said = subprocess.run(
            [os.path.join(BUILD, "bench/watchers"), str(registry.port), str(count)],
            capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual(len(said.stdout.split()), 3)
        with open(f"/proc/{registry.pid}/status", encoding="ascii") as file:
            threads = next(int(line.split()[1]) for line in file if line.startswith("Threads:"))
        self.assertLess(threads, 12)
        self.assertEqual(registry.call("registry.stats")["watchers"], 0)


if __name__ == "__main__":
    unittest.main()
