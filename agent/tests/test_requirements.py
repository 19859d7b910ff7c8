"""What a requirements file asks for, and where it is found without a network."""

import os
import shlex
import sys

from nexus_pull.runs.requirements import Requirements
from tests.support import MachineTest, configuration

WANTED = '{"collections": [{"name": "acme.tools", "version": ">=1.0.0"}]}'
# What is tested is where it is looked for, not YAML, and JSON is YAML.
PARSER = "import json\nsafe_load = json.load\n"


class Repository:
    """The two files of a commit that are asked for."""

    def file_at(self, _commit, path):
        return WANTED if path == "requirements.yml" else None


class BesideAnsible(MachineTest):
    def setUp(self):
        super().setUp()
        self.place("/python/yaml.py", PARSER)
        start = "#!/usr/bin/env -S PYTHONPATH=%s %s\n" % (shlex.quote(self.root + "/python"), sys.executable)
        self.place("/usr/local/bin/ansible-pull", start, 0o755)

    def missing(self):
        config = configuration(run={"requirements": "requirements.yml"})
        return Requirements(self.paths, config, Repository(), "a" * 40, None).missing()

    def test_a_collection_that_comes_with_ansible_is_there(self):
        self.assertEqual(self.missing(), ["acme.tools"])
        self.place("/python/ansible_collections/__init__.py", "")
        self.assertEqual(self.missing(), ["acme.tools"])
        self.place("/python/ansible_collections/acme/tools/MANIFEST.json", '{\n "version": "1.4.0"\n}')
        self.assertEqual(self.missing(), [])

    def test_one_that_is_too_old_is_missing(self):
        self.place("/python/ansible_collections/__init__.py", "")
        self.place("/python/ansible_collections/acme/tools/MANIFEST.json", '{\n "version": "0.9.0"\n}')
        self.assertEqual(self.missing(), ["acme.tools"])

    def test_nothing_of_the_folder_is_imported_in_which_somebody_stands(self):
        self.place("/elsewhere/json.py", "raise SystemExit('imported')")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.root + "/elsewhere")
        self.assertEqual(self.missing(), ["acme.tools"])
