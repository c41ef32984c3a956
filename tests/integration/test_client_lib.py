"""libmicroreg against the real registry: it keeps what it promises whatever becomes of that."""

import os
import re
import signal
import subprocess
import unittest

from driver import Driver, Failed
from harness import BUILD, ROOT, Case, free_port, wait_until

SANITIZERS = {"asan": ["-fsanitize=address,undefined"], "tsan": ["-fsanitize=thread"],
              "coverage": ["--coverage"]}


class TenLines(Case):
    """The program that microreg.h shows in its first comment."""

    def build(self, change):
        """Compiles and links it, after `change` of its text."""
        with open(os.path.join(ROOT, "client-lib/microreg.h"), encoding="utf-8") as header:
            shown = re.search(r"^ \* {5}#include <microreg.h>.*?^ \* {5}\}$", header.read(),
                              re.M | re.S).group()
        source, program = (os.path.join(self.stage.dir, name) for name in ("hello.c", "hello"))
        with open(source, "w", encoding="utf-8") as file:
            file.write(change(re.sub(r"^ \* {0,5}", "", shown, flags=re.M)) + "\n")
        libraries = subprocess.check_output(["xmlrpc-c-config", "--libs"], text=True).split()
        subprocess.run(["gcc", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                        f"-I{ROOT}/client-lib", "-o", program, source,
                        os.path.join(BUILD, "libmicroreg.a"), "-lcurl", "-pthread", *libraries,
                        *SANITIZERS.get(os.path.basename(BUILD), [])], check=True)
        return program

    def test_they_register_a_service(self):
        registry = self.stage.registry()
        program = self.build(lambda text: text.replace("http://127.0.0.1:8000/RPC2", registry.url))
        hello = self.stage.run("hello", path=program)
        hello.expect = {-signal.SIGTERM}
        found = wait_until(lambda: registry.lookup("hello")["instances"], "hello's registration")
        self.assertEqual([(found[0]["host"], found[0]["port"])], [("127.0.0.1", 9000)])

    def test_they_say_why_when_there_is_no_registry(self):
        url = f"http://127.0.0.1:{free_port()}/RPC2"
        program = self.build(lambda text: text.replace("http://127.0.0.1:8000/RPC2", url))
        # The ten lines end without closing the handle.
        hello = self.stage.run("hello", path=program, env={"ASAN_OPTIONS": "detect_leaks=0"})
        hello.expect = {1}
        self.assertEqual(hello.wait(), 1)
        self.assertEqual(hello.log(), f"no registry answered at {url}: Connection refused; is "
                                      "microreg-registry running?\n")


class Libraries(unittest.TestCase):
    """What a program that links the library gets into itself."""

    def test_no_name_but_those_of_the_header_is_exported(self):
        with open(os.path.join(ROOT, "client-lib/microreg.h"), encoding="utf-8") as header:
            declared = set(re.findall(r"\b(microreg_\w+)\(", re.sub(
                r"/\*.*?\*/", "", header.read(), flags=re.S)))
        for library, option in (("libmicroreg.so", "-D"), ("libmicroreg.a", "-g")):
            shown = subprocess.check_output(["nm", option, "--defined-only",
                                             os.path.join(BUILD, library)], text=True)
            names = {line.split()[2] for line in shown.splitlines() if len(line.split()) == 3}
            self.assertEqual({name for name in names if not name.startswith("__")}, declared)

    def test_the_header_stands_alone_in_c_and_in_cplusplus(self):
        for language in ("c", "c++"):
            subprocess.run(["gcc", "-x", language, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                            "-fsyntax-only", os.path.join(ROOT, "client-lib/microreg.h")],
                           check=True)


class Leases(Case):
    """Registering and what follows."""

    def test_an_instance_is_registered_found_and_taken_out(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        self.assertEqual(driver.do("register", 1, "orders", 80), ["127.0.0.1:80"])
        self.assertEqual(driver.do("state", 1), ["held"])
        found = registry.lookup("orders")["instances"][0]
        self.assertEqual((found["id"], found["meta"], found["tags"]),
                         ("127.0.0.1:80", {"colour": "blue"}, ["driven"]))
        self.assertEqual(driver.do("lookup", "orders")[3:], ["127.0.0.1:80=127.0.0.1:80/up"])
        driver.do("deregister", 1, 0)
        self.assertEqual(registry.lookup("orders")["instances"], [])

    def test_a_lease_is_kept_alive_over_many_times_its_ttl(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        beats = 8
        driver.do("register", 1, "orders", 80, "-", 1000)
        before = registry.call("registry.stats", {})
        del before  # whatever it counts, the instance is there all the time
        for slot in range(2, 2 + beats):
            driver.do("register", slot, "orders", 80 + slot, "-", 1000)
        # An instance that nobody keeps alive, with the same ttl, marks the time.
        for _ in range(3):
            registry.register("mark", 1, ttl_ms=1000)
            wait_until(lambda: not registry.lookup("mark")["instances"], "the mark's expiry")
            self.assertEqual(len(registry.lookup("orders")["instances"]), 1 + beats)
        for slot in range(1, 2 + beats):
            self.assertEqual(driver.do("state", slot), ["held"])

    def test_a_registry_that_restarts_hears_of_the_instance_again(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "-", 1000)
        registry.kill()
        driver.wait_state(1, "lost")
        again = self.stage.registry(port=registry.port)  # over an empty directory
        wait_until(lambda: len(again.lookup("orders")["instances"]) == 1, "the registration")
        driver.wait_state(1, "held")
        self.assertEqual(again.lookup("orders")["instances"][0]["meta"], {"colour": "blue"})

    def test_many_leases_of_one_handle_come_back_too(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        for slot in range(20):
            driver.do("register", slot, "orders", 80 + slot, "-", 2000)
        registry.kill()
        again = self.stage.registry(port=registry.port)
        wait_until(lambda: len(again.lookup("orders")["instances"]) == 20, "20 registrations")

    def test_a_status_is_set_and_stays_over_heartbeats_and_restarts(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80, "-", 1000)
        driver.do("status", 1, "draining", "tired")
        self.assertEqual(registry.lookup("orders")["instances"], [])
        registry.kill()
        again = self.stage.registry(port=registry.port)
        found = wait_until(lambda: again.lookup("orders", status=["draining"])["instances"],
                           "the registration")
        self.assertEqual(found[0]["status"], "draining")

    def test_a_newer_process_of_one_id_fences_the_older(self):
        registry = self.stage.registry()
        old, new = Driver(self.stage, registry.url), Driver(self.stage, registry.url)
        old.do("register", 1, "orders", 80, "a", 1000)
        new.do("register", 1, "orders", 81, "a", 1000)
        old.wait_state(1, "fenced")
        self.assertEqual(new.do("state", 1), ["held"])
        with self.assertRaises(Failed) as caught:
            old.do("deregister", 1, 0)
        self.assertEqual(caught.exception.code, "fenced")
        self.assertEqual(registry.lookup("orders")["instances"][0]["port"], 81)

    def test_an_older_process_of_many_leases_never_wins_its_id_back(self):
        registry = self.stage.registry()
        old = Driver(self.stage, registry.url)
        old.do("register", 1, "orders", 80, "a", 1000, "up", "/a")
        for slot in range(2, 6):
            old.do("register", slot, "orders", 80 + slot, f"a{slot}", 1000)
        old.pause()
        registry.kill()
        again = self.stage.registry(port=registry.port)  # over an empty directory
        again.register("shop", 90, id="s", routes=["/a"])
        again.register("mark", 1, ttl_ms=1000)
        wait_until(lambda: not again.lookup("mark")["instances"], "the mark's expiry")
        old.send_signal(signal.SIGCONT)  # all of its leases are due, and beat together
        old.wait_log('warn orders/a: .*belongs to service "shop"')  # it is lost, and goes on trying
        new = Driver(self.stage, registry.url)
        new.do("register", 1, "orders", 81, "a", 2000)
        again.deregister("shop", "s")
        old.wait_state(1, "fenced")
        for slot in range(2, 6):
            old.wait_state(slot, "held")
        new.wait_state(1, "held")
        self.assertIn(("a", 81), [(one["id"], one["port"])
                                  for one in again.lookup("orders")["instances"]])

    def test_the_registrys_refusals_come_through(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        with self.assertRaises(Failed) as caught:
            driver.do("register", 1, "a/b", 80)
        self.assertEqual(caught.exception.code, "bad_argument")
        self.assertIn('service: "a/b"', caught.exception.text)

    def test_a_deregistration_may_be_asked_to_wait_for_longer_than_a_registry_does(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        driver.do("register", 1, "orders", 80)
        driver.do("deregister", 1, 120000)
        self.assertEqual(registry.lookup("orders")["instances"], [])

    def test_a_deregistration_is_told_to_a_dead_registry_within_its_deadline(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url, timeout_ms=500)
        driver.do("register", 1, "orders", 80)
        driver.do("register", 2, "orders", 81)
        registry.pause()
        with self.assertRaises(Failed) as caught:
            driver.do("deregister", 1, 0)
        self.assertEqual(caught.exception.code, "timeout")
        self.assertLess(driver.took, 3000)
        registry.send_signal(signal.SIGCONT)
        registry.kill()
        with self.assertRaises(Failed) as caught:
            driver.do("deregister", 2, 0)
        self.assertIn(caught.exception.code, ("unreachable", "timeout"))


class Following(Case):
    """The snapshot."""

    def test_changes_arrive_by_themselves(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        driver.do("follow", "orders")
        driver.do("wait", 10000)
        self.assertFalse(driver.instances("orders"))
        registry.register("orders", 80, id="a")
        driver.wait_instances("orders", ["a"])
        registry.register("orders", 81, id="b")
        driver.wait_instances("orders", ["a", "b"])
        registry.deregister("orders", "a")
        driver.wait_instances("orders", ["b"])
        registry.register("users", 82, id="c")
        self.assertIsNone(driver.instances("users"))
        registry.deregister("orders", "b")
        wait_until(lambda: not driver.instances("orders"), "the last one's going")

    def test_all_services_are_followed_by_one_watch(self):
        registry = self.stage.registry()
        for port in range(1, 41):
            registry.register(f"s{port % 4}", port, id=f"i{port}")
        driver = Driver(self.stage, registry.url)
        driver.do("follow", "*")
        driver.do("wait", 10000)
        self.assertEqual(driver.do("count"), ["4", "40"])
        registry.register("late", 99, id="x")
        driver.wait_instances("late", ["x"])
        registry.deregister("late", "x")
        wait_until(lambda: not driver.instances("late"), "its going")

    def test_more_services_than_connections_are_followed_by_name(self):
        registry = self.stage.registry()
        driver = Driver(self.stage, registry.url)
        for number in range(40):
            registry.register(f"s{number}", 80, id="a")
            driver.do("follow", f"s{number}")
        registry.register("other", 80, id="a")
        driver.do("wait", 10000)
        for number in range(40):
            driver.wait_instances(f"s{number}", ["a"])
        self.assertIsNone(driver.instances("other"))
        registry.register("s39", 81, id="b")
        driver.wait_instances("s39", ["a", "b"])

    def test_what_is_known_stays_when_the_registry_dies(self):
        registry = self.stage.registry()
        registry.register("orders", 80, id="a")
        driver = Driver(self.stage, registry.url, timeout_ms=300)
        driver.do("follow", "*")
        driver.do("wait", 10000)
        registry.kill()
        wait_until(lambda: driver.do("watch")[0] == "away", "noticing")
        self.assertEqual(driver.instances("orders"), {"a"})
        with self.assertRaises(Failed):
            driver.do("lookup", "orders")
        again = self.stage.registry(port=registry.port, data=registry.data)
        wait_until(lambda: driver.do("watch")[0] == "connected", "coming back")
        again.register("orders", 81, id="b")
        driver.wait_instances("orders", ["a", "b"])

    def test_a_registry_that_lost_its_memory_empties_no_list(self):
        registry = self.stage.registry()
        registry.register("orders", 80, id="a")
        driver = Driver(self.stage, registry.url)
        driver.do("follow", "*")
        driver.do("wait", 10000)
        registry.kill()
        again = self.stage.registry(port=registry.port)
        again.register("users", 80, id="u")
        driver.wait_instances("users", ["u"])
        self.assertEqual(driver.instances("orders"), {"a"})
        self.assertTrue(driver.is_held("orders"))
        again.register("orders", 81, id="b")
        driver.wait_instances("orders", ["b"])
        self.assertFalse(driver.is_held("orders"))

    def test_a_stopped_registry_holds_no_call_beyond_its_deadline(self):
        registry = self.stage.registry()
        registry.register("orders", 80, id="a")
        driver = Driver(self.stage, registry.url, timeout_ms=300)
        driver.do("follow", "orders")
        driver.do("wait", 10000)
        registry.pause()
        try:
            with self.assertRaises(Failed) as caught:
                driver.do("lookup", "orders")
            self.assertEqual(caught.exception.code, "timeout")
            self.assertLess(driver.took, 3000)
            self.assertEqual(driver.instances("orders"), {"a"})
            driver.do("close")
            self.assertLess(driver.took, 3000)
        finally:
            registry.send_signal(signal.SIGCONT)

    def test_a_program_that_restarts_without_a_registry_knows_its_services(self):
        registry = self.stage.registry()
        registry.register("orders", 80, id="a")
        file = os.path.join(self.stage.dir, "snapshot")
        driver = Driver(self.stage, registry.url, snapshot=file)
        driver.do("follow", "*")
        driver.do("wait", 10000)
        wait_until(lambda: os.path.exists(file), "the snapshot file")
        driver.kill()
        registry.kill()
        for follow in ("*", "orders"):
            again = Driver(self.stage, registry.url, snapshot=file)
            self.assertIsNone(again.instances("orders"))
            again.do("follow", follow)
            again.do("wait", 0)
            self.assertEqual(again.instances("orders"), {"a"})
            again.stop()

    def test_a_damaged_snapshot_file_is_ignored_with_a_warning(self):
        file = os.path.join(self.stage.dir, "snapshot")
        with open(file, "w", encoding="utf-8") as out:
            out.write("something else")
        registry = self.stage.registry()
        registry.register("orders", 80, id="a")
        driver = Driver(self.stage, registry.url, snapshot=file)
        self.assertIn("not a snapshot of MicroReg", driver.log())
        driver.do("follow", "orders")
        driver.do("wait", 10000)
        self.assertEqual(driver.instances("orders"), {"a"})

    def test_of_two_addresses_the_first_may_be_dead(self):
        registry = self.stage.registry()
        urls = f"http://127.0.0.1:{free_port()}/RPC2,{registry.url}"
        driver = Driver(self.stage, urls)
        driver.do("follow", "orders")
        driver.do("register", 1, "orders", 80, "a")
        driver.wait_instances("orders", ["a"])
        self.assertEqual(len(driver.do("lookup", "orders")), 4)

    def test_of_two_addresses_the_first_may_hang(self):
        first, second = self.stage.registry(), self.stage.registry()
        driver = Driver(self.stage, f"{first.url},{second.url}", timeout_ms=2000)
        first.pause()
        try:
            self.assertEqual(driver.do("register", 1, "orders", 80, "a"), ["a"])
            self.assertEqual(len(second.lookup("orders")["instances"]), 1)
            driver.do("lookup", "orders")
            self.assertLess(driver.took, 1000, "the one that answered last is asked first")
        finally:
            first.send_signal(signal.SIGCONT)

    def test_a_report_is_taken(self):
        registry = self.stage.registry()
        registry.register("orders", 80, id="a")
        driver = Driver(self.stage, registry.url)
        driver.do("follow", "orders")
        driver.do("wait", 10000)
        driver.do("report", "orders", "a", 3, driver.do("watch")[1])


if __name__ == "__main__":
    unittest.main()
