"""What a requirements file asks for, and where it is found without a network."""

import os
import shlex
import sys

from nexus_pull.errors import AgentError
from nexus_pull.runs import ansible_cfg, wanted
from nexus_pull.runs.requirements import Requirements
from nexus_pull.source.checkout import resolved
from tests.support import MachineTest, Repository, configuration

WANTED = '{"collections": [{"name": "acme.tools", "version": ">=1.0.0"}]}'
# What is tested is where it is looked for, not YAML, and JSON is YAML.
PARSER = "import json\nsafe_load = json.load\n"
# As ansible-galaxy: installs what its file asks for, by the version that it names.
GALAXY = """#!%s
import json, os, sys
kind, path, target = sys.argv[1], sys.argv[4], sys.argv[6]
assert sys.argv[2:4] == ["install", {"collection": "--requirements-file", "role": "--role-file"}[kind]], sys.argv
assert sys.argv[5] == "-p" and sys.argv[7:] == ["--force"], sys.argv
with open(path) as stream:
    entries = json.load(stream)[kind + "s"]
with open(%r, "a") as log:
    log.write("%%s %%s\\n" %% (kind, [entry if isinstance(entry, str) else entry.get("name") for entry in entries]))
for entry in entries:
    name = entry.get("name") or entry["src"].split("/")[-1].replace(".git", "")
    if kind == "role":
        os.makedirs(os.path.join(target, name, "meta"), exist_ok=True)
        with open(os.path.join(target, name, "meta", ".galaxy_install_info"), "w") as note:
            note.write("install_date: today\\nversion: %%s\\n" %% entry.get("version", ""))
    else:
        folder = os.path.join(target, "ansible_collections", "acme", "tools")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "MANIFEST.json"), "w") as manifest:
            manifest.write(json.dumps({"version": "1.0.0"}))
"""


class RequirementsTest(MachineTest):
    def setUp(self):
        super().setUp()
        self.place("/python/yaml.py", PARSER)
        start = "#!/usr/bin/env -S PYTHONPATH=%s %s\n" % (shlex.quote(self.root + "/python"), sys.executable)
        self.place("/usr/local/bin/ansible-pull", start, 0o755)
        self.place("/usr/local/bin/ansible-galaxy", GALAXY % (sys.executable, self.root + "/galaxy.log"), 0o755)
        self.place("/galaxy.log", "")
        self.checkout = self.root + "/checkout"
        self.lines = []
        self.place("/checkout/.git/HEAD", "a" * 40)
        os.makedirs(self.paths.var + "/work")

    redact = staticmethod(str)

    def line(self, text):
        self.lines.append(text)

    def wants(self, text, cfg="", playbooks=("site.yml",)):
        self.place("/checkout/requirements.yml", text)
        self.place("/checkout/ansible.cfg", cfg)
        config = configuration(run={"requirements": "requirements.yml", "playbooks": list(playbooks)})
        return Requirements(self.paths, config, self.checkout, ansible_cfg.read(self.paths, self.checkout), self)

    def missing(self, text=WANTED, **options):
        return self.wants(text, **options).missing()

    def install(self, text, **options):
        """Returns what was asked of ansible-galaxy."""
        self.place("/galaxy.log", "")
        wants = self.wants(text, **options)
        if wants.missing():
            self.quietly(wants.install, lambda _: None)
        return self.read("/galaxy.log")


class BesideAnsible(RequirementsTest):
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


class WhereAnsibleLooks(RequirementsTest):
    ROLE = '{"roles": [{"src": "https://git.example/x.git", "version": "v2"}]}'
    CASES = (
        ("/checkout/roles/x/tasks/main.yml", {}),
        ("/checkout/ansible/roles/x/tasks/main.yml", {"playbooks": ("ansible/site.yml",)}),
        ("/checkout/ansible/x/tasks/main.yml", {"playbooks": ("ansible/site.yml",)}),
        ("/checkout/galaxy_roles/x/tasks/main.yml", {"cfg": "[defaults]\nroles_path = galaxy_roles:roles\n"}),
    )

    def test_vendored_roles(self):
        for path, options in self.CASES:
            with self.subTest(path):
                self.assertEqual(self.missing(self.ROLE, **options), ["x"])
                os.remove(self.place(path, "[]\n"))
                self.assertEqual(self.missing(self.ROLE, **options), [])
                os.rename(os.path.dirname(os.path.dirname(self.root + path)), self.root + "/away-%d" % len(self.lines))
                self.line(path)

    def test_collections_of_an_absolute_path_and_beside_the_playbook(self):
        inside = "/ansible_collections/acme/tools/MANIFEST.json"
        cfg = "[defaults]\ncollections_path = %s/opt/galaxy\n" % self.root
        self.place("/opt/galaxy" + inside, '{"version": "1.0.0"}')
        self.assertEqual((self.missing(), self.missing(cfg=cfg)), (["acme.tools"], []))
        self.place("/checkout/ansible/collections" + inside, '{"version": "2.0.0"}')
        self.assertEqual(self.missing(playbooks=("ansible/site.yml",)), [])

    def test_fails_when_another_version_is_found_first(self):
        """Installing it elsewhere would not help, and the run would be green with the wrong one."""
        self.place("/checkout/collections/ansible_collections/acme/tools/MANIFEST.json", '{"version": "0.9.0"}')
        with self.assertRaises(AgentError) as caught:
            self.install(WANTED)
        self.assertIn("ansible finds %s/collections" % self.checkout, caught.exception.message)


class AsAsked(RequirementsTest):
    """What is there is not enough: it has to be what is asked for."""

    def setUp(self):
        super().setUp()
        self.source = Repository(self.root + "/srv/x")
        self.commit = self.source.commit({"tasks/main.yml": "[]\n"})
        self.source.git("tag", "release-5")
        self.source.git("tag", "v1")

    def role(self, version, src=None):
        return '{"roles": [{"src": "git+%s", "name": "x", "version": "%s"}]}' % (src or self.source.url, version)

    def test_a_role_is_installed_once_and_again_in_another_version(self):
        self.assertEqual(self.install(self.role("v1")), "role ['x']\n")
        self.assertEqual(self.install(self.role("v1")), "")
        self.assertEqual(self.install(self.role("release-5")), "role ['x']\n")

    def test_a_role_from_another_address_is_another_role(self):
        self.install(self.role("v1"))
        other = Repository(self.root + "/srv/other")
        other.commit({"tasks/main.yml": "[]\n"})
        other.git("tag", "v1")
        self.assertEqual(self.install(self.role("v1", other.url)), "role ['x']\n")

    def test_a_role_that_somebody_else_installed_is_held_to_its_version(self):
        self.place("/var/lib/nexus-pull/roles/x/meta/.galaxy_install_info", "install_date: x\nversion: v1\n")
        self.assertEqual(self.install(self.role("v1")), "")
        self.assertEqual(self.install(self.role("v2")), "role ['x']\n")

    def test_a_branch_is_installed_anew_when_it_has_moved(self):
        self.install(self.role("main"))
        self.assertEqual(self.install(self.role("main")), "")
        self.source.commit({"tasks/main.yml": "[] # 2\n"})
        self.assertEqual(self.install(self.role("main")), "role ['x']\n")
        os.rename(self.source.folder, self.source.folder + ".away")
        self.assertEqual(self.install(self.role("main")), "", "what is installed stays while nobody can be asked")
        self.assertIn("cannot be asked", self.lines[-1])

    def test_collections_of_git_in_every_form(self):
        url = self.source.url
        for entry in (
            '{"name": "%s", "type": "git", "version": "main"}' % url,
            '{"name": "git+%s", "version": "%s"}' % (url, self.commit),
            '{"name": "acme.tools", "source": "%s", "type": "git", "version": "release-5"}' % url,
            '"git+%s#/inside/,v1"' % url,
        ):
            with self.subTest(entry):
                if entry.startswith('"'):
                    self.skip_str_entry(entry)
                    continue
                asked = '{"collections": [%s]}' % entry
                self.assertIn("collection", self.install(asked))
                self.assertEqual(self.install(asked), "")

    def skip_str_entry(self, entry):
        one = wanted.read({"collections": [entry.strip('"')]})[0][0]
        self.assertEqual((one.git, one.version, one.galaxy), (self.source.url, "v1", False))

    def test_what_it_installed_is_gone(self):
        asked = '{"collections": [{"name": "%s", "type": "git"}]}' % self.source.url
        self.install(asked)
        os.rename(self.paths.var + "/collections/ansible_collections/acme/tools", self.root + "/away")
        self.assertIn("collection", self.install(asked))


class Submodules(MachineTest):
    def test_relative_addresses_as_git_reads_them(self):
        for address, base, expected in (
            ("../common", "https://git.example/a/site.git", "https://git.example/a/common"),
            ("../../b/common.git", "https://git.example/a/site.git/", "https://git.example/b/common.git"),
            ("./inside", "ssh://git@h/a", "ssh://git@h/a/inside"),
            ("../common", "git@h:a/site.git", "git@h:a/common"),
            ("../common", "git@h:site.git", "git@h:common"),
            ("https://x/y.git", "https://git.example/a.git", "https://x/y.git"),
        ):
            self.assertEqual(resolved(address, base), expected)
