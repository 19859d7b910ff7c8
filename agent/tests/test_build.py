import ast
import base64
import gzip
import json
import os
import subprocess
import sys
import unittest

import build
from tests import AGENT, PROGRAM

BUILT = os.path.join(AGENT, "built")


def code_of(source):
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if build._docstring(node) is not None:
            del node.body[0]
            if not node.body and not isinstance(node, ast.Module):
                node.body = [ast.Pass()]
    return ast.dump(tree)


class Build(unittest.TestCase):
    def read(self, name):
        with open(os.path.join(BUILT, name), "rb") as stream:
            return stream.read()

    def test_what_is_committed_is_what_the_sources_give(self):
        remedy = "run python3 agent/build.py"
        made = build.products()
        self.assertEqual(sorted(made), sorted(os.listdir(BUILT)), remedy)
        self.assertTrue(made["nexus-pull-agent"] == self.read("nexus-pull-agent"), remedy)
        self.assertEqual(made["manifest.json"], self.read("manifest.json"), remedy)

    def test_what_travels_unpacks_to_the_program(self):
        # Compared unpacked: deflate's output differs between zlib versions, its meaning does not.
        packed = base64.b64decode(self.read("nexus-pull-agent.gz.b64").strip(), validate=True)
        self.assertTrue(gzip.decompress(packed) == self.read("nexus-pull-agent"), "run python3 agent/build.py")
        self.assertEqual(packed[4:8], b"\0\0\0\0", "gzip's header holds a time")

    def test_two_builds_are_the_same_bytes(self):
        self.assertTrue(build.products() == build.products())

    def test_the_program_fits_the_seed(self):
        self.assertLess(len(base64.b64decode(self.read("nexus-pull-agent.gz.b64"))), 96 * 1024)

    def test_what_is_left_out_of_a_source_is_prose_alone(self):
        count = 0
        for folder, _, names in os.walk(os.path.join(AGENT, "nexus_pull")):
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(folder, name), "rb") as stream:
                        source = stream.read()
                    shipped = build.without_prose(source)
                    self.assertEqual(code_of(shipped), code_of(source), name)
                    self.assertNotIn(b'"""', shipped.splitlines()[0], name)
                    count += 1
        self.assertGreater(count, 20)

    def test_a_text_keeps_what_looks_like_prose(self):
        tricky = b'"""doc"""\nX = """a # b\n\n  # c\n"""  # d\n\ndef f():\n    """doc"""\n\nY = "#"\n'
        self.assertEqual(build.without_prose(tricky), b'X = """a # b\n\n  # c\n"""\ndef f():\n pass\nY = "#"\n')

    def test_indents_are_one_space_except_in_texts(self):
        source = b'if X:\n    if (A and\n            B):\n        Y = f"""\n    {X}\n\n    """, [\n            1,\n        ]\n    Z = 2\n'
        shipped = b'if X:\n if (A and\nB):\n  Y = f"""\n    {X}\n\n    """, [\n1,\n]\n Z = 2\n'
        self.assertEqual(build.without_prose(source), shipped)
        self.assertEqual(ast.dump(ast.parse(shipped)), ast.dump(ast.parse(source)))

    def test_the_file_runs_alone(self):
        done = subprocess.run([sys.executable, build.FLAGS, PROGRAM, "--version"], capture_output=True, text=True, check=True)
        version = json.loads(self.read("manifest.json"))["version"]
        self.assertEqual(done.stdout, "nexus-pull-agent %s\n" % version)

    def test_what_is_tested_is_the_archive(self):
        import nexus_pull

        self.assertTrue(nexus_pull.__file__.startswith(PROGRAM), nexus_pull.__file__)

    def test_nothing_needs_more_than_the_standard_library(self):
        code = "import sys; sys.path.insert(0, %r); import nexus_pull.cli" % PROGRAM
        subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
