"""The kept code of the program: it is used, and never for another program, nor when others could have written it."""

import marshal
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import build
from nexus_pull import compiled
from nexus_pull.paths import Paths
from tests import PROGRAM

LONG_AGO = 10**9
MARK = compile("def main():\n    print('kept')\n    return 0\n", "mark", "exec")


class CompiledTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="nexus-pull-compiled-")
        self.addCleanup(shutil.rmtree, self.root)
        self.folder = Paths(self.root).run
        self.kept = self.folder + "/compiled"
        self.program = self.root + "/agent"
        os.makedirs(self.folder)
        self.install()

    def install(self, when=LONG_AGO):
        shutil.copyfile(PROGRAM, self.program + ".new")
        os.replace(self.program + ".new", self.program)
        if when is not None:
            os.utime(self.program, (when, when))

    def run_program(self, *arguments):
        argv = [sys.executable, build.FLAGS, self.program, *arguments]
        return subprocess.run(argv, env={"NEXUS_PULL_ROOT": self.root}, capture_output=True, text=True)

    def start(self):
        done = self.run_program("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.strip()

    def read(self):
        with open(self.kept, "rb") as stream:
            return marshal.load(stream)

    def mark(self):
        """What is kept now says so when it is used."""
        self.start()
        key, codes = self.read()
        codes["nexus_pull.cli"] = (False, MARK)
        with open(self.kept, "wb") as stream:
            marshal.dump((key, codes), stream)

    def test_what_ran_is_kept_and_used(self):
        self.mark()
        self.assertEqual(self.start(), "kept")
        self.assertEqual(os.stat(self.kept).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.folder), ["compiled"])

    def test_another_command_adds_what_it_needs(self):
        self.start()
        before = set(self.read()[1])
        self.assertNotIn("nexus_pull.source.program", before)
        self.assertIn("config_invalid", self.run_program("run").stderr)
        self.assertLess(before | {"nexus_pull.source.program", "nexus_pull.source"}, set(self.read()[1]))
        self.start()
        self.assertLess(before | {"nexus_pull.source.program", "nexus_pull.source"}, set(self.read()[1]))

    def test_a_replaced_program_of_the_same_size_and_time_runs_itself(self):
        self.mark()
        shutil.copyfile(PROGRAM, self.program)
        os.utime(self.program, (LONG_AGO, LONG_AGO))
        self.assertRegex(self.start(), "^nexus-pull-agent ")
        self.mark()
        self.install()
        self.assertRegex(self.start(), "^nexus-pull-agent ")

    def test_a_program_that_was_replaced_a_moment_ago_keeps_nothing(self):
        self.install(when=None)
        self.start()
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_program_that_is_replaced_meanwhile_keeps_nothing(self):
        found = compiled.Compiled(self.program, self.folder)
        self.assertIsNotNone(found.find_spec("nexus_pull.cli"))
        self.install()
        found.keep()
        self.assertEqual(os.listdir(self.folder), [])

    def test_another_python_does_not_use_it(self):
        self.mark()
        with mock.patch.object(sys, "version", "4.0"):
            self.assertNotEqual(self.code_seen(), MARK)
        self.assertEqual(self.code_seen(), MARK)

    def code_seen(self):
        found = compiled.Compiled(self.program, self.folder)
        found.find_spec("nexus_pull.cli")
        return found._codes["nexus_pull.cli"][1]

    def test_what_others_may_write_or_read_is_not_believed(self):
        self.mark()
        for mode in (0o602, 0o620, 0o644):
            os.chmod(self.kept, mode)
            self.assertNotEqual(self.code_seen(), MARK, oct(mode))
        os.chmod(self.kept, 0o600)
        with mock.patch.object(os, "geteuid", return_value=os.geteuid() + 1):
            self.assertNotEqual(self.code_seen(), MARK)

    def test_garbage_is_replaced(self):
        self.start()
        with open(self.kept, "rb") as stream:
            whole = stream.read()
        for content in (b"", b"x", whole[: len(whole) // 2], marshal.dumps(1), marshal.dumps((1, 2, 3))):
            with open(self.kept, "wb") as stream:
                stream.write(content)
            self.assertRegex(self.start(), "^nexus-pull-agent ")
            with open(self.kept, "rb") as stream:
                self.assertEqual(len(stream.read()), len(whole))

    def test_without_the_folder_it_runs_and_makes_none(self):
        os.rmdir(self.folder)
        self.assertRegex(self.start(), "^nexus-pull-agent ")
        self.assertFalse(os.path.exists(self.folder))

    def test_a_full_disk_leaves_nothing_behind(self):
        found = compiled.Compiled(self.program, self.folder)
        found.find_spec("nexus_pull.cli")
        with mock.patch.object(os, "fsync", side_effect=OSError(28, "No space left on device")) as full:
            found.keep()
        self.assertTrue(full.called)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_run_that_needs_no_network_of_its_own_imports_none(self):
        code = "import sys; sys.path.insert(0, %r); import nexus_pull.run; print(*sys.modules)" % PROGRAM
        done = subprocess.run([sys.executable, build.FLAGS, "-c", code], capture_output=True, text=True, check=True)
        loaded = set(done.stdout.split())
        self.assertIn("nexus_pull.vault.fetch", loaded)
        self.assertEqual(loaded & {"ssl", "http.client", "urllib.parse", "email", "typing", "random", "datetime"}, set())
