"""The demo on a terminal: it stays up until Ctrl-C, and leaves nothing behind."""

import os
import pty
import re
import subprocess
import threading
import unittest

from harness import PATIENCE, ROOT, Case, request, wait_until


class Demo(Case):
    """scripts/demo as a person runs it."""

    def start(self, *args):
        """Starts it with a terminal of its own; its output is collected in self.said."""
        self.said_raw = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execve("scripts/demo", ["scripts/demo", "--free-ports", *args],
                      {**os.environ, "TMPDIR": self.stage.dir, "NO_COLOR": "1"})
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        """Reads until the terminal closes."""
        try:
            while True:
                piece = os.read(self.terminal, 65536)
                if not piece:
                    return
                self.said_raw += piece
        except OSError:  # how Linux says that the other side has closed
            return

    def text(self):
        """What it said so far."""
        return self.said_raw.decode(errors="replace").replace("\r\n", "\n")

    def interrupt(self):
        """Ctrl-C; the exit code."""
        os.write(self.terminal, b"\x03")
        result = []

        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                result.append(os.waitstatus_to_exitcode(status))
            return pid
        wait_until(ended, "the demo's end", 3 * PATIENCE)  # its programs end in good order
        self.reader.join(PATIENCE)
        os.close(self.terminal)
        return result[0]

    def assert_nothing_is_left(self):
        """No file, and no process that has the demo's directory in its arguments."""
        self.assertEqual([n for n in os.listdir(self.stage.dir) if "demo" in n], [])
        running = subprocess.run(["pgrep", "-f", self.stage.dir + "/microreg-demo"],
                                 capture_output=True, text=True, check=False).stdout
        self.assertEqual(running, "")

    def test_it_stays_up_until_ctrl_c_and_leaves_nothing(self):
        self.start()
        wait_until(lambda: "It stays up" in self.text(), "the last step", 3 * PATIENCE)
        port = re.search(r"curl -s http://127\.0\.0\.1:(\d+)/products/lamp", self.text()).group(1)
        self.assertEqual(request(int(port), "GET", "/products/lamp").status, 200)
        self.assertEqual(self.interrupt(), 0)
        self.assert_nothing_is_left()
        self.assertNotIn("✗", self.text())
        self.assertNotIn("\x1b", self.text())  # NO_COLOR

    def test_ctrl_c_in_the_middle_leaves_nothing(self):
        self.start()
        wait_until(lambda: "Requests go round" in self.text(), "the third step", 3 * PATIENCE)
        self.assertEqual(self.interrupt(), 130)
        self.assert_nothing_is_left()

    def test_an_unknown_option_is_explained(self):
        done = subprocess.run([ROOT + "/scripts/demo", "--nonsense"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("usage: scripts/demo", done.stdout)


if __name__ == "__main__":
    unittest.main()
