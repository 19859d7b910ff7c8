"""The repository as people have it: copied out, pushed, used with nothing of ours around it."""

import os
import shutil
import subprocess

from tests.receiver import Receiver
from tests.support import LIMIT_S, REPOSITORY, PlaybookTest, cores, of, schema_errors
from tests import test_by_hand

SITE = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - name: Say\n      ansible.builtin.debug: {}\n"


class CopiedOut(PlaybookTest):
    def copied(self):
        """Without its tests, with a playbook that touches nothing, in Git."""
        folder = self.folder({})
        shutil.rmtree(folder.path)
        leave = shutil.ignore_patterns("tests", "__pycache__", ".ansible")
        shutil.copytree(REPOSITORY, folder.path, ignore=leave)
        folder.write({"site.yml": SITE})
        test_by_hand.git(folder, "init", "-q", "-b", "main")
        test_by_hand.git(folder, "add", "--all")
        test_by_hand.git(folder, "commit", "-qm", "Playbooks for the pull model")
        return folder

    def bare(self, folder, **more):
        """What a shell of root's has: nothing that points Ansible anywhere."""
        settings = {"PATH": os.environ["PATH"], "HOME": folder.run_directory, "LC_ALL": "C.UTF-8", **more}
        return {name: value for name, value in settings.items() if value}

    def execute(self, command, directory, environment):
        return subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            check=False,
        )

    def test_by_hand_its_own_configuration_enables_the_callback(self):
        for version, venv in cores().items():
            with self.subTest(core=version), Receiver() as receiver:
                folder = self.copied()
                settings = test_by_hand.ByHand.settings(self, folder, receiver)
                program = venv + "/bin/ansible-playbook"
                done = self.execute([program, "site.yml"], folder.path, self.bare(folder, **settings))
                self.assertEqual(done.returncode, 0, done.stdout)
                events = receiver.events()
                self.assertEqual(schema_errors("event.schema.json", events), [])
                kinds = [event["type"] for event in events]
                self.assertEqual(kinds, ["io.nexus-pull.run.started", "io.nexus-pull.run.succeeded"], done.stdout)
                self.assertEqual(test_by_hand.git(folder, "status", "--porcelain"), "")

    def test_by_hand_without_settings_it_is_silent(self):
        for version, venv in cores().items():
            with self.subTest(core=version):
                folder = self.copied()
                done = self.execute([venv + "/bin/ansible-playbook", "site.yml"], folder.path, self.bare(folder))
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertNotIn(b"nexus_pull", done.stdout)
                self.assertNotIn(b"WARNING", done.stdout.replace(b"[WARNING]: You are running", b""))

    def test_ansible_pull_finds_inventory_and_callback(self):
        for version, venv in cores().items():
            with self.subTest(core=version):
                folder = self.copied()
                command = [
                    venv + "/bin/ansible-pull",
                    "-U",
                    folder.path,
                    "-C",
                    "main",
                    "-d",
                    folder.run_directory + "/checkout",
                ]
                environment = self.bare(folder, NEXUS_PULL_RUN_DIR=folder.run_directory)
                environment["PATH"] = venv + "/bin:" + environment["PATH"]
                done = self.execute([*command, "site.yml"], folder.run_directory, environment)
                self.assertEqual(done.returncode, 0, done.stdout)
                records = folder.evidence()
                self.assert_valid(records)
                self.assertEqual([task["task"] for task in of(records, "task")], ["Say"])
                self.assertEqual((records[-1]["hosts_matched"], records[-1]["tasks_run"]), (1, 1))
