"""What every Python that the agent is for must take; agent/tests/pythons.sh runs this on each."""

import json
import os
import subprocess
import sys
import unittest
import warnings

import build
from tests import PROGRAM
from tests.support import MachineTest, configuration, seed_of

OLDEST = (3, 9)


class Sources(unittest.TestCase):
    def test_each_is_compiled_without_a_warning(self):
        compiled = 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name, content in build.sources().items():
                if name.endswith(".py"):
                    compile(content, name, "exec")
                    compiled += 1
        self.assertGreater(compiled, 50)

    def test_each_is_imported_without_a_warning(self):
        """By a Python without this one's paths. The callback alone needs ansible, which has Pythons of its own."""
        plugins = "nexus_pull/plugins/"
        files = [name[: -len(".py")] for name in build.sources() if name.endswith(".py") and name != "__main__.py"]
        own = [name.replace("/", ".").replace(".__init__", "") for name in files if not name.startswith(plugins)]
        added = [name[len(plugins) :] for name in files if name.startswith(plugins + "nexus_pull_report")]
        added = [name.replace("/", ".").replace(".__init__", "") for name in added]
        self.assertGreater(len(added), 3)
        code = "import importlib, sys\nsys.path[:0] = %r\nfor name in %r: importlib.import_module(name)"
        places = [PROGRAM, os.path.join(PROGRAM, "nexus_pull", "plugins")]
        argv = [sys.executable, "-I", "-W", "error", "-c", code % (places, own + added)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Started(MachineTest):
    """The program itself, isolated as on a machine, where any warning is an error."""

    def start(self, *arguments):
        argv = [sys.executable, "-I", "-W", "error", PROGRAM, *arguments]
        env = {"PATH": os.environ["PATH"], "NEXUS_PULL_ROOT": self.root}
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120)

    def test_it_is_a_python_that_is_promised(self):
        self.assertGreaterEqual(sys.version_info[:2], OLDEST)

    def test_it_says_what_it_can(self):
        done = self.start("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for command in ("adopt", "bootstrap", "flush", "heartbeat", "run", "status"):
            self.assertIn(command, done.stdout)
            self.assertEqual(self.start(command, "--help").returncode, 0)

    def test_it_takes_a_seed_and_tells_its_status(self):
        done = self.start("adopt", "--seed", self.write_seed(seed_of(configuration())))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for command in ("boot", "heartbeat"):
            done = self.start(command)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        done = self.start("status", "--json")
        self.assertEqual(json.loads(done.stdout)["generation"], "a" * 64, done.stderr)
        self.assertIn("dev/nexus-01", self.start("status").stdout)
