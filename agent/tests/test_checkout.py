"""The commit as files: what ansible will read."""

import os

from nexus_pull.errors import AgentError
from nexus_pull.runs import ansible_cfg
from tests.support import Repository
from tests.test_git import GitTest


class CheckoutTest(GitTest):
    def setUp(self):
        super().setUp()
        self.folder = self.root + "/checkout"

    def check_out(self, source=None):
        source = source or self.source()
        commit = self.fetch(source)
        self.quietly(source.check_out, commit, self.folder)
        return commit

    def submodule(self, name, address, files=None):
        """A repository beside the source, and an entry for it in the source's next commit."""
        other = Repository("%s/srv/%s" % (self.root, name))
        commit = other.commit(files or {"file": name})
        self.repository.commit({".gitmodules": '[submodule "%s"]\n\tpath = %s\n\turl = %s\n' % (name, name, address)})
        self.repository.git("update-index", "--add", "--cacheinfo", "160000,%s,%s" % (commit, name))
        self.repository.git("commit", "--quiet", "-m", "submodule")
        return other


class Modes(CheckoutTest):
    def test_files_have_the_modes_that_they_would_have_by_hand(self):
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        commit = self.check_out()
        self.assertEqual(self.mode("/checkout/site.yml"), "0o644")
        self.assertEqual(self.read("/checkout/.git/HEAD").strip(), commit)

    def test_a_setting_is_found_through_a_link(self):
        self.repository.commit({"conf/ansible.cfg": "[defaults]\ninventory = inv\nroles_path = galaxy:{{CWD}}/more\n"})
        os.symlink("conf/ansible.cfg", self.repository.folder + "/ansible.cfg")
        self.repository.commit({})
        self.check_out()
        settings = ansible_cfg.read(self.paths, self.folder)
        self.assertEqual(settings.paths("inventory"), [self.folder + "/inv"])
        self.assertEqual(settings.paths("roles_path"), [self.folder + "/galaxy", self.folder + "/more"])


class Submodules(CheckoutTest):
    def test_one_with_a_relative_address_is_fetched_from_beside_the_source(self):
        other = self.submodule("common", "../common", {"file": "one"})
        source = self.source()
        self.check_out(source)
        self.assertEqual(self.read("/checkout/common/file"), "one")
        # Its mirror stays: what was fetched once needs no network again.
        os.rename(other.folder, other.folder + ".away")
        self.folder += "-2"
        self.check_out(source)
        self.assertEqual(self.read("/checkout-2/common/file"), "one")

    def test_one_inside_another(self):
        inner = Repository(self.root + "/srv/inner")
        commit = inner.commit({"file": "deep"})
        outer = self.submodule("outer", self.root + "/srv/outer")
        outer.commit({".gitmodules": '[submodule "i"]\n\tpath = in/side\n\turl = ../inner\n'})
        outer.git("update-index", "--add", "--cacheinfo", "160000,%s,in/side" % commit)
        outer.git("commit", "--quiet", "-m", "submodule")
        self.repository.git("update-index", "--cacheinfo", "160000,%s,outer" % outer.git("rev-parse", "HEAD"))
        self.repository.git("commit", "--quiet", "-m", "bump")
        self.check_out()
        self.assertEqual(self.read("/checkout/outer/in/side/file"), "deep")

    def test_fails_with_the_submodules_name(self):
        other = self.submodule("common", "../common")
        source = self.source()
        commit = self.fetch(source)
        os.rename(other.folder, other.folder + ".away")
        with self.assertRaises(AgentError) as caught:
            self.quietly(source.check_out, commit, self.folder)
        self.assertEqual(caught.exception.reason, "repository_not_found")
        self.assertIn("submodule common", caught.exception.message)

    def test_a_program_as_address_is_refused(self):
        self.submodule("common", "ext::sh -c true")
        with self.assertRaises(AgentError) as caught:
            self.check_out()
        self.assertIn("none that is followed", caught.exception.message)
