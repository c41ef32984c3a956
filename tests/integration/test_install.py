"""make install: what one can do who has only the installed files."""

import os
import re
import signal
import subprocess
import tempfile
import unittest

from harness import BUILD, ROOT, Case, wait_until

# How the build under test was made, for make and for programs that link its library.
FLAVOUR, _, COMPILER = os.path.basename(BUILD).partition("-")
MAKE = {"build": [], "clang": ["CC=clang"]}.get(
    FLAVOUR, [f"FLAVOUR={FLAVOUR}"] + (["CC=clang"] if COMPILER else []))
LINK = {"asan": ["-fsanitize=address,undefined"], "tsan": ["-fsanitize=thread"],
        "coverage": ["--coverage"]}.get(FLAVOUR, [])
CC = "clang" if "clang" in (FLAVOUR, COMPILER) else "gcc"


def run(*args, **options):
    """Runs a command to its end and returns what it printed; fails with what it said."""
    result = subprocess.run(args, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, **options)
    if result.returncode:
        raise AssertionError(f"{args} ended with {result.returncode}:\n{result.stdout}")
    return result.stdout


class Installed(Case):
    """The files of one installation under DESTDIR."""

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="microreg-install-")
        cls.prefix = cls.holder.name + "/opt/microreg"
        outer = {name: value for name, value in os.environ.items()
                 if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD")}
        run("make", "-s", "-C", ROOT, *MAKE, "install", f"DESTDIR={cls.holder.name}",
            "PREFIX=/opt/microreg", env=outer)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def read(self, name):
        """A file under the prefix."""
        with open(f"{self.prefix}/{name}", encoding="utf-8") as file:
            return file.read()

    def build(self, url, *how):
        """The ten lines of the installed header, linked as pkg-config says; `how` replaces the
        library's name."""
        shown = re.search(r"^ \* {5}#include <microreg.h>.*?^ \* {5}\}$",
                          self.read("include/microreg.h"), re.M | re.S).group()
        source, program = (os.path.join(self.stage.dir, name) for name in ("hello.c", "hello"))
        with open(source, "w", encoding="utf-8") as file:
            file.write(re.sub(r"^ \* {0,5}", "", shown, flags=re.M).replace(
                "http://127.0.0.1:8000/RPC2", url) + "\n")
        flags = run("pkg-config", "--define-prefix", "--cflags", "--libs", *how, "microreg",
                    env={**os.environ, "PKG_CONFIG_PATH": f"{self.prefix}/lib/pkgconfig"}).split()
        if how:
            flags = ["-l:libmicroreg.a" if flag == "-lmicroreg" else flag for flag in flags]
        run(CC, "-Wall", "-Wextra", "-Werror", "-o", program, source, *flags, *LINK)
        return program

    def check_registers(self, program, registry, **env):
        """It is found in the registry, and ends by SIGTERM."""
        hello = self.stage.run("hello", path=program, env=env)
        hello.expect = {-signal.SIGTERM}
        found = wait_until(lambda: registry.lookup("hello")["instances"], "hello's registration")
        self.assertEqual(found[0]["port"], 9000)

    def test_a_program_links_the_shared_library_by_pkg_config(self):
        registry = self.stage.registry()
        program = self.build(registry.url)
        self.assertIn("libmicroreg.so.1", run("readelf", "-d", program))
        self.check_registers(program, registry, LD_LIBRARY_PATH=f"{self.prefix}/lib")

    def test_a_program_links_the_static_library_by_pkg_config(self):
        registry = self.stage.registry()
        program = self.build(registry.url, "--static")
        self.assertNotIn("libmicroreg", run("readelf", "-d", program))
        self.check_registers(program, registry)

    def test_the_library_is_there_under_its_three_names(self):
        lib = f"{self.prefix}/lib"
        self.assertEqual(os.readlink(f"{lib}/libmicroreg.so"), "libmicroreg.so.1")
        self.assertEqual(os.readlink(f"{lib}/libmicroreg.so.1"), "libmicroreg.so.1.0.0")
        self.assertIn("soname: [libmicroreg.so.1]", run("readelf", "-d", f"{lib}/libmicroreg.so"))

    def test_the_shared_library_exports_only_names_of_its_own(self):
        shown = run("nm", "-D", "--defined-only", f"{self.prefix}/lib/libmicroreg.so.1")
        names = [line.split()[-1] for line in shown.splitlines()]
        self.assertEqual([name for name in names if not name.startswith(("microreg_", "__"))], [])
        self.assertGreater(len(names), 20)

    def test_the_programs_are_there_and_tell_the_version_of_pkg_config(self):
        version = re.search(r"(?m)^Version: (\S+)$", self.read("lib/pkgconfig/microreg.pc"))[1]
        for name in ("microreg-gateway", "microreg-registry", "microreg"):
            self.assertEqual(run(f"{self.prefix}/bin/{name}", "--version"), f"{name} {version}\n")

    def test_the_units_start_the_installed_programs(self):
        for name in ("microreg-gateway", "microreg-registry"):
            unit = self.read(f"lib/systemd/system/{name}.service")
            self.assertIn(f"\nExecStart=/opt/microreg/bin/{name} ", unit)
            self.assertNotIn("@BINDIR", unit)

    def test_each_setting_is_in_a_manual_page(self):
        for name in ("microreg-gateway", "microreg-registry"):
            page = self.read(f"share/man/man5/{name}.yaml.5")
            shown = run(f"{self.prefix}/bin/{name}", "--reference").partition("## Settings")[2]
            keys = re.findall(r"(?m)^\| `([^`]+)`", shown.partition("\n## ")[0])
            self.assertGreater(len(keys), 5)
            for key in keys:
                self.assertIn(f'"{key}"', page)

    def test_each_function_is_in_the_manual_page(self):
        page = self.read("share/man/man3/libmicroreg.3")
        for name in re.findall(r"(?m)^MICROREG_API .*?\b(microreg_\w+)\(",
                               self.read("include/microreg.h")):
            self.assertIn(f"{name}(", page)

    def test_the_reference_has_the_tables_of_all_programs(self):
        titles = re.findall(r"(?m)^#+ (.*)$", self.read("share/doc/microreg/reference.md"))
        self.assertEqual(titles, [
            "microreg-gateway", "Settings", "Templates", "XML as JSON", "Problems", "Admin door",
            "Metrics", "Exit codes",
            "microreg-registry", "Settings", "Methods", "Faults", "Metrics", "Exit codes",
            "microreg", "Commands", "Options", "Exit codes"])

    def test_bash_completes_each_option(self):
        for name in ("microreg-gateway", "microreg-registry"):
            file = f"{self.prefix}/share/bash-completion/completions/{name}"
            shown = run("bash", "-c", f'. "{file}"; COMP_WORDS=({name} --); COMP_CWORD=1; '
                        f'_{name.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
            asked = run(f"{self.prefix}/bin/{name}", "--help")
            self.assertEqual(set(shown.split()), set(re.findall(r"(?m)^  (--[a-z-]+)", asked)))

    def complete(self, *words):
        """What bash offers for the last word of a command line of the tool."""
        file = f"{self.prefix}/share/bash-completion/completions/microreg"
        line = " ".join(f"'{word}'" for word in ("microreg", *words))
        return set(run("bash", "-c", f'. "{file}"; COMP_WORDS=({line}); COMP_CWORD={len(words)}; '
                       '_microreg; printf "%s\\n" "${COMPREPLY[@]}"').split())

    def test_bash_completes_the_tools_commands_and_their_options(self):
        self.assertEqual(self.complete("se"), {"services"})
        self.assertLess({"run", "watch", "history", "--help"}, self.complete(""))
        self.assertEqual(self.complete("lookup", "--z"), {"--zone"})
        self.assertNotIn("--port", self.complete("lookup", "--"))
        self.assertIn("--port", self.complete("run", "--"))


if __name__ == "__main__":
    unittest.main()
