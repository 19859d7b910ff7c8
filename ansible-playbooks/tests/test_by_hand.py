"""The callback without an agent: signed events to a receiver, with real ansible-core, git and HTTP."""

import json
import os
import signal
import subprocess
import time
import unittest

from tests.receiver import KEY, SECRET, Receiver
from tests.support import LIMIT_S, PlaybookTest, cores, newest, schema_errors

from nexus_pull_report import by_hand, events

COPY = "{name: Write, ansible.builtin.copy: {content: one, dest: '{{ playbook_dir }}/.git/written', mode: '0644'}}"


def play(*tasks, hosts="localhost"):
    return "- hosts: %s\n  gather_facts: false\n  tasks:\n" % hosts + "".join("    - %s\n" % task for task in tasks)


def git(folder, *arguments):
    settings = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": folder.run_directory}
    who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", folder.path, *who, *arguments]
    return (
        subprocess.run(command, env={**os.environ, **settings}, check=True, capture_output=True)
        .stdout.decode()
        .strip()
    )


class ByHand(PlaybookTest):
    def repository(self, text, **files):
        folder = self.folder({"site.yml": text, **files})
        git(folder, "init", "-q")
        git(folder, "add", "--all")
        git(folder, "commit", "-qm", "one")
        return folder

    def settings(self, folder, receiver, **more):
        return {
            "NEXUS_PULL_RUN_DIR": "",
            "NEXUS_PULL_URL": receiver.url,
            "NEXUS_PULL_FLEET": "dev",
            "NEXUS_PULL_VM": "nexus-01",
            "NEXUS_PULL_KEY": KEY,
            "NEXUS_PULL_STATE_DIR": folder.run_directory + "/state",
            "NEXUS_PULL_AGENT_CONFIG": folder.run_directory + "/agent.json",
            "PYTHONDONTWRITEBYTECODE": "",
            # Long enough for a machine on which everything is slow.
            "NEXUS_PULL_WAIT_S": "120",
            **more,
        }

    def run_and_read(self, folder, venv, *arguments, answers=(), **settings):
        """(exit code, what Ansible said, events by type, but for progress: a run on a busy machine takes long enough for it)."""
        with Receiver(answers) as receiver:
            code, said = folder.play(venv, *arguments, **self.settings(folder, receiver, **settings))
            found = receiver.events()
        if found:
            self.assertEqual(schema_errors("event.schema.json", found), [])
        told = [(event["type"].replace("io.nexus-pull.", ""), event["data"]) for event in found]
        return code, said, [(kind, data) for kind, data in told if kind != "run.progress"]

    def test_a_run_is_told_from_its_start_to_its_end(self):
        for version, venv in cores().items():
            with self.subTest(core=version):
                folder = self.repository(play(COPY))
                head = git(folder, "rev-parse", "HEAD")
                code, said, told = self.run_and_read(folder, venv)
                self.assertEqual((code, [kind for kind, _ in told]), (0, ["run.started", "run.succeeded"]), said)
                self.assertNotIn("nexus_pull", said)
                started, ended = (data for _, data in told)
                self.assertEqual((started["intended_sha"], started["playbooks"]), (head, ["site.yml"]))
                self.assertEqual(
                    (ended["applied_sha"], ended["exit_code"], ended["outcome"]), (head, 0, "changed-intentional")
                )
                self.assertEqual([task["task"] for task in ended["changed_tasks"]], ["Write"])
                self.assertEqual((ended["evidence"]["hosts_matched"], ended["evidence"]["tasks_run"]), (1, 1))
                self.assertEqual([data["seq"] for _, data in told], [1, 2])
                _, _, again = self.run_and_read(folder, venv)
                self.assertEqual((again[1][1]["outcome"], again[1][1]["seq"]), ("unchanged", 4))
                os.unlink(folder.path + "/.git/written")
                _, _, third = self.run_and_read(folder, venv, "--diff", "site.yml")
                self.assertEqual(third[1][1]["outcome"], "changed-corrective")
                self.assertEqual(third[1][1]["diff_summary"]["lines_added"], 1)

    def test_a_failure_is_told_with_its_cause_and_without_what_no_log_hides(self):
        secret = "{name: Hidden, ansible.builtin.fail: {msg: canary}, no_log: true, ignore_errors: true}"
        fails = "{name: Break, ansible.builtin.command: cat /absent}"
        for version, venv in cores().items():
            with self.subTest(core=version):
                code, said, told = self.run_and_read(self.repository(play(secret, fails)), venv)
                self.assertEqual((code, [kind for kind, _ in told]), (2, ["run.started", "run.failed"]), said)
                self.assertEqual((told[1][1]["reason"], told[1][1]["exit_code"]), ("task_failed", 2))
                self.assertIn("/absent", told[1][1]["message"])
                self.assertEqual([task["task"] for task in told[1][1]["failed_tasks"]], ["Break"])
                self.assertNotIn("canary", json.dumps(told))

    def test_no_false_green(self):
        missing_role = play("{ansible.builtin.debug: {}}", "{ansible.builtin.include_role: {name: absent}}")
        cases = {
            "a role that is missing": (missing_role, None),
            "no host": (play("{ansible.builtin.debug: {}}", hosts="web"), "no_hosts_matched"),
            "no task": (play("{ansible.builtin.debug: {}, when: false}"), "no_tasks_run"),
        }
        for version, venv in cores().items():
            for name, (text, reason) in cases.items():
                with self.subTest(core=version, case=name):
                    code, said, told = self.run_and_read(self.repository(text), venv)
                    self.assertEqual([kind for kind, _ in told], ["run.started", "run.failed"], said)
                    self.assertEqual(told[1][1]["exit_code"], code)
                    self.assertIn(told[1][1]["reason"], [reason] if reason else ["ansible_failed", "task_failed"])

    def test_what_one_playbook_did_is_no_proof_of_another(self):
        idle = {"no_hosts_matched": play("{ansible.builtin.debug: {}}", hosts="web"), "no_tasks_run": play()}
        for version, venv in newest().items():
            for reason, text in idle.items():
                for order in (["site.yml", "idle.yml"], ["idle.yml", "site.yml"]):
                    with self.subTest(core=version, case=reason, order=order):
                        folder = self.repository(play("{ansible.builtin.debug: {}}"), **{"idle.yml": text})
                        code, said, told = self.run_and_read(folder, venv, *order)
                        self.assertEqual((code, [kind for kind, _ in told]), (0, ["run.started", "run.failed"]), said)
                        ended = told[1][1]
                        self.assertEqual((ended["reason"], ended["evidence"]["playbooks"]), (reason, 2))
                        self.assertIn("idle.yml", ended["message"])
                        self.assertNotIn("site.yml", ended["message"])

    def test_what_is_in_no_commit_is_not_told_as_a_commit(self):
        for version, venv in newest().items():
            with self.subTest(core=version, case="changed"):
                folder = self.repository(play(COPY))
                folder.write({"site.yml": play(COPY, COPY)})
                _, _, told = self.run_and_read(folder, venv)
                self.assertEqual((told[1][0], told[1][1]["reason"]), ("run.failed", "commit_mismatch"))
                self.assertNotIn("applied_sha", told[1][1])
                code, said, told = self.run_and_read(folder, venv, "--check", "site.yml")
                self.assertEqual((code, told), (0, []), said)
                self.assertRegex(said, r"no\s+commit\s+has")
            with self.subTest(core=version, case="no Git"):
                code, said, told = self.run_and_read(
                    self.folder({"site.yml": play("{ansible.builtin.debug: {}}")}), venv
                )
                self.assertEqual((code, told), (0, []), said)
                self.assertRegex(said, r"in no\s+Git\s+commit")

    def test_a_check_tells_of_drift(self):
        for version, venv in newest().items():
            with self.subTest(core=version):
                folder = self.repository(play(COPY))
                self.run_and_read(folder, venv)
                _, _, clean = self.run_and_read(folder, venv, "--check", "site.yml")
                self.assertEqual((clean[1][0], clean[1][1]["mode"]), ("run.succeeded", "audit"))
                os.unlink(folder.path + "/.git/written")
                _, _, drifted = self.run_and_read(folder, venv, "--check", "site.yml")
                self.assertEqual(drifted[1][0], "drift.detected")
                self.assertEqual([task["task"] for task in drifted[1][1]["drifted_tasks"]], ["Write"])

    def test_where_an_agent_speaks_for_the_vm_nothing_is_sent(self):
        for version, venv in newest().items():
            for name, vm, sent in (("its VM", "nexus-01", 0), ("another VM", "other", 2)):
                with self.subTest(core=version, case=name):
                    folder = self.repository(play("{ansible.builtin.debug: {}}"))
                    identity = {"identity": {"fleet": "dev", "vm": vm}}
                    with open(folder.run_directory + "/agent.json", "w", encoding="utf-8") as stream:
                        json.dump(identity, stream)
                    code, said, told = self.run_and_read(folder, venv)
                    self.assertEqual((code, len(told)), (0, sent), said)
                    self.assertEqual("systemctl" in said, sent == 0)

    def test_in_an_agents_run_nothing_is_sent(self):
        for version, venv in newest().items():
            with self.subTest(core=version):
                folder = self.repository(play("{ansible.builtin.debug: {}}"))
                code, said, told = self.run_and_read(folder, venv, NEXUS_PULL_RUN_DIR=folder.run_directory)
                self.assertEqual((code, told), (0, []), said)
                self.assertEqual(folder.evidence()[-1]["record"], "end")

    def test_a_killed_run_is_told_all_the_same(self):
        wait = "ansible.builtin.wait_for: {path: '{{ playbook_dir }}/never', timeout: 250}"
        for version, venv in cores().items():
            with self.subTest(core=version), Receiver() as receiver:
                folder = self.repository(play(wait))
                process = subprocess.Popen(
                    folder.command(venv),
                    cwd=folder.path,
                    env=folder.environment(**self.settings(folder, receiver)),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                try:
                    self.until(lambda: receiver.requests)
                finally:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                self.until(lambda: len(receiver.requests) > 1)
                last = receiver.events()[-1]
                self.assertEqual(
                    (last["type"], last["data"]["reason"]), ("io.nexus-pull.run.interrupted", "ansible_killed")
                )

    def until(self, seen):
        deadline = time.monotonic() + LIMIT_S
        while not seen():
            self.assertLess(time.monotonic(), deadline, "it did not come to that")
            time.sleep(0.05)

    def test_a_receiver_that_is_down_or_wrong_changes_nothing_but_a_warning(self):
        for version, venv in newest().items():
            folder = self.repository(play("{ansible.builtin.debug: {}}"))
            with self.subTest(core=version, case="refuses"):
                code, said, told = self.run_and_read(folder, venv, answers=[401, 401])
                self.assertEqual((code, len(told)), (0, 2), said)
                self.assertRegex(said, r"WARNING\]: nexus_pull: not every event")
            with self.subTest(core=version, case="redirects"):
                code, said, told = self.run_and_read(folder, venv, answers=[307, 307])
                self.assertEqual((code, len(told)), (0, 2), said)
            with self.subTest(core=version, case="fails once"):
                code, said, told = self.run_and_read(folder, venv, answers=[503])
                self.assertEqual([data["seq"] for _, data in told], [5, 5, 6], said)
                self.assertNotIn("nexus_pull", said)
            with self.subTest(core=version, case="is not there"):
                code, said, _ = self.run_and_read(
                    folder, venv, NEXUS_PULL_URL="http://127.0.0.1:9", NEXUS_PULL_WAIT_S="1"
                )
                self.assertEqual(code, 0, said)
                self.assertRegex(said, r"WARNING\]: nexus_pull: not every event")

    def test_keys_are_derived_as_the_contract_says_and_reach_no_task(self):
        environment = "{ansible.builtin.shell: 'env >{{ playbook_dir }}/.git/environment'}"
        for version, venv in newest().items():
            with self.subTest(core=version):
                folder = self.repository(play(environment))
                secret = {"NEXUS_PULL_KEY": "", "NEXUS_PULL_SECRET": SECRET}
                code, said, told = self.run_and_read(folder, venv, **secret)
                self.assertEqual((code, len(told)), (0, 2), said)
                with open(folder.path + "/.git/environment", encoding="utf-8") as stream:
                    seen = stream.read()
                self.assertIn("NEXUS_PULL_FLEET=dev", seen)
                self.assertNotIn(SECRET, seen)
                self.assertNotIn(KEY, seen)

    def test_half_a_configuration_is_said_and_breaks_nothing(self):
        cases = {
            "NEXUS_PULL_FLEET": "",
            "NEXUS_PULL_KEY": "short",
            "NEXUS_PULL_URL": "ftp://receiver",
            "NEXUS_PULL_CA_FILE": "/absent",
        }
        version, venv = next(iter(cores().items()))
        for name, value in cases.items():
            with self.subTest(core=version, case=name):
                code, said, told = self.run_and_read(
                    self.repository(play("{ansible.builtin.debug: {}}")), venv, **{name: value}
                )
                self.assertEqual((code, told), (0, []), said)
                self.assertRegex(said, r"WARNING\]: nexus_pull: nothing is sent[^\n]*")


def settings_of(*playbooks):
    settings = {"run_id": "r", "mode": "apply", "intended_sha": "a" * 40, "clean": True, "shaping": {}}
    return {**settings, "playbooks": list(playbooks)}


class Progress(unittest.TestCase):
    def test_fails_when_a_playbook_was_not_seen(self):
        told = []
        run = events.Run(settings_of("p", "q"), lambda kind, data: told.append((kind, data)), lambda: 0.0)
        for playbook, seen in (("p", "evidence_missing"), ("q", "")):
            run.write({"record": "begin", "playbook": playbook, "ansible_version": "2.14.0"})
            run.write({"record": "task", "host": "h", "task": "t", "status": "changed"})
            run.write({"record": "end", "plays": 1, "hosts_matched": 1, "tasks_run": 1})
            run.last_word(0)
            self.assertEqual(told[-1][1].get("reason", ""), seen)

    def test_progress_is_told_at_most_every_ten_seconds_and_a_last_word_fits(self):
        told, clock = [], [0.0]
        run = events.Run(settings_of("p"), lambda kind, data: told.append((kind, data)), lambda: clock[0])
        run.write({"record": "begin", "playbook": "p", "ansible_version": "2.14.0"})
        run.write({"record": "play", "play": "P"})
        for _ in range(250):
            clock[0] += 0.1
            run.write(
                {"record": "task", "host": "h" * 253, "task": "t" * 256, "status": "changed", "path": "p" * 512}
            )
        run.write({"record": "end", "plays": 1, "hosts_matched": 1, "tasks_run": 250})
        run.last_word(0)
        self.assertEqual([kind for kind, _ in told], ["run.started", "run.progress", "run.progress", "run.succeeded"])
        self.assertEqual(told[-1][1]["evidence"]["changed"], 250)
        self.assertLess(len(json.dumps(told[-1][1])), 65536)

    def test_every_key_of_the_contracts_vectors(self):
        path = os.path.join(os.path.dirname(__file__), "..", "..", "contract", "vectors", "keys.json")
        with open(path, encoding="utf-8") as stream:
            vectors = json.load(stream)["vectors"]
        self.assertGreater(len(vectors), 3)
        for vector in vectors:
            self.assertEqual(
                by_hand.derive(vector["secret"], vector["fleet"], vector["vm"]), vector["key"], vector["name"]
            )
