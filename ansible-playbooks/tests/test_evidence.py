"""The callback in an agent's run: evidence.jsonl, with real ansible-core."""

import os
import re
import signal
import subprocess
import time

from tests.support import LIMIT_S, PLUGINS, Folder, PlaybookTest, all_cores, cores, of

EVERYTHING = """
- name: First
  hosts: all
  tasks:
    - name: Unchanged
      ansible.builtin.debug: {msg: hi}
    - name: Changed
      ansible.builtin.copy: {content: "a\\nb\\n", dest: "{{ playbook_dir }}/out", mode: "0644"}
      diff: true
      notify: Handler
    - name: Ignored
      ansible.builtin.command: "false"
      ignore_errors: true
    - block:
        - name: Inner
          block:
            - name: Rescued
              ansible.builtin.fail: {msg: "not 'so' bad, and on\\ntwo lines"}
          always:
            - name: Always
              ansible.builtin.debug: {}
      rescue:
        - name: Rescue
          ansible.builtin.debug: {}
    - name: Loop
      ansible.builtin.debug: {msg: "{{ item }}"}
      loop: [1, 2]
    - name: Secret
      ansible.builtin.command: echo canary-1
      no_log: true
    - name: Secret loop
      ansible.builtin.copy: {content: "{{ item }}", dest: "{{ playbook_dir }}/secret", mode: "0600"}
      loop: [canary-2]
      diff: true
      no_log: true
    - name: Secret failure
      ansible.builtin.fail: {msg: canary-3}
      no_log: true
      ignore_errors: true
    - name: Include of tasks
      ansible.builtin.include_tasks: included.yml
    - name: Include of a role
      ansible.builtin.include_role: {name: small}
    - name: Skipped
      ansible.builtin.debug: {}
      when: false
    - name: Gathering Facts
      ansible.builtin.setup: {gather_subset: [min]}
  handlers:
    - name: Handler
      ansible.builtin.debug: {}
- name: Nobody
  hosts: web
  tasks: []
"""
INCLUDED = "- name: Included\n  ansible.builtin.debug: {}\n"
FILES = {"site.yml": EVERYTHING, "included.yml": INCLUDED, "roles/small/tasks/main.yml": INCLUDED}
STATUSES = [
    ("", "Gathering Facts", "ok"),
    ("", "Unchanged", "ok"),
    ("", "Changed", "changed"),
    ("", "Ignored", "ignored"),
    ("", "Rescued", "rescued"),
    ("", "Always", "ok"),
    ("", "Rescue", "ok"),
    ("", "Loop", "ok"),
    ("", "Secret", "changed"),
    ("", "Secret loop", "changed"),
    ("", "Secret failure", "ignored"),
    ("", "Include of tasks", "ok"),
    ("", "Included", "ok"),
    ("", "Include of a role", "ok"),
    ("small", "Included", "ok"),
    ("", "Skipped", "skipped"),
    ("", "Gathering Facts", "ok"),
    ("", "Handler", "ok"),
]


def play(hosts, *tasks, facts="false"):
    return "- hosts: %s\n  gather_facts: %s\n  tasks:\n" % (hosts, facts) + "".join(
        "    - %s\n" % task for task in tasks
    )


class Everything(PlaybookTest):
    """One run of everything on each ansible-core, looked at from several sides."""

    @classmethod
    def setUpClass(cls):
        cls.runs = {}
        for version, venv in all_cores().items():
            folder = Folder(FILES)
            cls.addClassCleanup(folder.remove)
            cls.runs[version] = (folder, *folder.play(venv))

    def each(self):
        for version, (folder, code, said) in self.runs.items():
            with self.subTest(core=version):
                self.assertEqual(code, 0, said)
                yield version, folder, said

    def test_everything_that_a_task_can_come_to_is_told_apart_and_counted_as_ansible_counts(self):
        for version, folder, said in self.each():
            records = folder.evidence()
            self.assert_valid(records)
            tasks = of(records, "task")
            self.assertEqual([(task.get("role", ""), task["task"], task["status"]) for task in tasks], STATUSES)
            (begin,), (end,), (stats,) = of(records, "begin"), of(records, "end"), of(records, "stats")
            self.assertTrue(begin["ansible_version"].startswith(version + "."), begin)
            counts = {"ok": 8, "changed": 3, "ignored": 2, "rescued": 1, "skipped": 1, "failed": 0, "unreachable": 0}
            self.assertEqual({**stats, **counts, "tasks_run": 14}, stats)
            self.assertEqual((end["plays"], end["hosts_matched"], end["tasks_run"], end["dropped"]), (2, 1, 14, 0))
            self.assertEqual([one["hosts"] for one in of(records, "play")], [1, 0])
            self.compare_with_the_recap(said, tasks)

    def compare_with_the_recap(self, said, tasks):
        """Ansible's ok has the changed and the ignored ones in it, and what does no work itself; its changed has the
        ignored command, since a command that fails is `changed` too."""
        recap = dict(re.findall(r"(\w+)=(\d+)", said[said.index("PLAY RECAP") :]))
        seen = [task["status"] for task in tasks]
        ok = seen.count("ok") + seen.count("changed") + seen.count("ignored")
        # Whether the include of a role is counted as ok differs between versions.
        self.assertIn(int(recap["ok"]), [ok, ok - 1])
        self.assertEqual(int(recap["changed"]), seen.count("changed") + 1)
        for name in ("skipped", "rescued", "ignored"):
            self.assertEqual(int(recap[name]), seen.count(name), name)

    def test_says_where_and_why_and_how_much(self):
        for _, folder, _ in self.each():
            records = folder.evidence()
            by_name = {task["task"]: task for task in of(records, "task") if not task.get("role")}
            self.assertEqual(by_name["Unchanged"]["path"], "site.yml:5")
            self.assertEqual(by_name["Rescued"]["message"], "not 'so' bad, and on\ntwo lines")
            self.assertEqual(by_name["Loop"]["items"], 2)
            self.assertGreaterEqual(by_name["Ignored"]["duration_s"], 0)
            self.assertNotIn("message", by_name["Changed"])
            (diff,) = of(records, "diff")
            self.assertEqual((diff["task"], diff["lines_added"], diff["lines_removed"]), ("Changed", 2, 0))
            self.assertEqual(diff["file"], os.path.join(folder.path, "out"))

    def test_no_log_leaves_no_message_no_diff_and_no_secret(self):
        for _, folder, _ in self.each():
            with open(os.path.join(folder.run_directory, "evidence.jsonl"), encoding="utf-8") as stream:
                self.assertNotIn("canary", stream.read())
            censored = [task["task"] for task in of(folder.evidence(), "task") if task.get("censored")]
            self.assertEqual(censored, ["Secret", "Secret loop", "Secret failure"])


class Evidence(PlaybookTest):
    def test_work_is_not_claimed_where_none_was_done(self):
        cases = {
            "no host": (play("web", "ansible.builtin.debug: {}"), 0, 0),
            "no task": (play("localhost"), 1, 0),
            "only facts": ("- hosts: localhost\n  tasks: []\n", 1, 0),
            "all skipped": (play("localhost", "{name: no, ansible.builtin.debug: {}, when: false}"), 1, 0),
            "an include of skipped tasks": (play("localhost", "ansible.builtin.include_role: {name: idle}"), 1, 0),
            "one task": (play("localhost", "ansible.builtin.debug: {}"), 1, 1),
        }
        idle = {"roles/idle/tasks/main.yml": "- ansible.builtin.debug: {}\n  when: false\n"}
        for version, venv in cores().items():
            for name, (text, hosts, tasks) in cases.items():
                with self.subTest(core=version, case=name):
                    folder = self.folder({"site.yml": text, **idle})
                    code, said = folder.play(venv)
                    self.assertEqual(code, 0, said)
                    records = folder.evidence()
                    self.assert_valid(records)
                    end = records[-1]
                    self.assertEqual((end["record"], end["hosts_matched"], end["tasks_run"]), ("end", hosts, tasks))

    def test_failures_say_what_went_wrong(self):
        cases = {
            "task": (play("localhost", "ansible.builtin.command: cat /absent/file"), "failed", "/absent/file"),
            "loop": (
                play("localhost", "{ansible.builtin.command: 'cat {{ item }}', loop: [/dev/null, /absent]}"),
                "failed",
                "/absent",
            ),
            "unreachable": (play("far", "ansible.builtin.ping: {}"), "unreachable", "127.0.0.1"),
        }
        far = "far ansible_host=127.0.0.1 ansible_port=9 ansible_connection=ssh\n"
        for version, venv in cores().items():
            for name, (text, status, words) in cases.items():
                with self.subTest(core=version, case=name):
                    folder = self.folder({"site.yml": text})
                    folder.write({"inventory": open_inventory(folder) + far})
                    code, said = folder.play(venv)
                    self.assertNotEqual(code, 0, said)
                    records = folder.evidence()
                    self.assert_valid(records)
                    (task,), (stats,) = of(records, "task"), of(records, "stats")
                    self.assertEqual((task["status"], stats[status]), (status, 1))
                    self.assertIn(words, task["message"])

    def test_each_playbook_of_one_run_has_its_own_begin_and_end(self):
        for version, venv in cores().items():
            with self.subTest(core=version):
                text = play("localhost", "ansible.builtin.debug: {}")
                idle = play("web", "ansible.builtin.debug: {}")
                folder = self.folder({"a.yml": text, "b.yml": text + text, "idle.yml": idle})
                code, said = folder.play(venv, "a.yml", "b.yml", "idle.yml", "--check")
                self.assertEqual(code, 0, said)
                records = folder.evidence()
                self.assertEqual(
                    [(r["playbook"], r["check_mode"]) for r in of(records, "begin")],
                    [("a.yml", True), ("b.yml", True), ("idle.yml", True)],
                )
                ends = [(end["plays"], end["hosts_matched"], end["tasks_run"]) for end in of(records, "end")]
                self.assertEqual(ends, [(1, 1, 1), (2, 1, 2), (1, 0, 0)])
                self.assertEqual(len(of(records, "stats")), 2, "Ansible's own count on")

    def test_an_ansible_that_a_task_starts_leaves_no_evidence_in_this_run(self):
        for version, venv in cores().items():
            with self.subTest(core=version):
                inner = "ansible.builtin.command: %s/bin/ansible-playbook -i inventory inner.yml" % venv
                nested = play("localhost", "ansible.builtin.copy: {content: x, dest: \"{{ playbook_dir }}/made\", mode: '0644'}")
                folder = self.folder({"outer.yml": play("localhost", inner), "inner.yml": nested})
                code, said = folder.play(venv, "outer.yml")
                self.assertEqual(code, 0, said)
                self.assertTrue(os.path.exists(folder.path + "/made"), "the inner one did its work")
                records = folder.evidence()
                self.assertEqual([record["playbook"] for record in of(records, "begin")], ["outer.yml"])
                self.assertEqual([end["tasks_run"] for end in of(records, "end")], [1])

    def test_a_serial_play_is_one_play(self):
        for version, venv in cores().items():
            with self.subTest(core=version):
                text = play("all", "ansible.builtin.debug: {}").replace("  tasks:", "  serial: 1\n  tasks:")
                folder = self.folder({"site.yml": text})
                folder.write(
                    {"inventory": open_inventory(folder) + open_inventory(folder).replace("localhost", "other")}
                )
                code, said = folder.play(venv)
                self.assertEqual(code, 0, said)
                self.assertEqual([one["hosts"] for one in of(folder.evidence(), "play")], [2])
                self.assertEqual(folder.evidence()[-1]["hosts_matched"], 2)

    def test_a_kill_leaves_what_was_done_and_no_end(self):
        wait = "ansible.builtin.wait_for: {path: '{{ playbook_dir }}/never', timeout: 250}"
        for version, venv in cores().items():
            with self.subTest(core=version):
                done = "{name: Done, ansible.builtin.file: {path: '{{ playbook_dir }}/done', state: touch, mode: '0644'}}"
                folder = self.folder({"site.yml": play("localhost", done, wait)})
                process = subprocess.Popen(
                    folder.command(venv),
                    cwd=folder.path,
                    env=folder.environment(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                try:
                    self.until(lambda: os.path.exists(folder.path + "/done") and of(folder.evidence(), "task"))
                finally:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                records = folder.evidence()
                self.assertEqual([task["task"] for task in of(records, "task")], ["Done"])
                self.assertEqual(of(records, "end"), [])

    def until(self, seen):
        deadline = time.monotonic() + LIMIT_S
        while not seen():
            self.assertLess(time.monotonic(), deadline, "it did not come to that")
            time.sleep(0.05)

    def test_never_breaks_a_play(self):
        def full(folder):
            os.mknod(folder.run_directory + "/evidence.jsonl", 0o600 | 0o020000, os.makedev(1, 7))  # as /dev/full
            return {}

        def linked(folder):
            os.symlink(folder.path + "/elsewhere", folder.run_directory + "/evidence.jsonl")
            return {}

        def alone(folder):
            with open(os.path.join(PLUGINS, "callback", "nexus_pull.py"), encoding="utf-8") as stream:
                folder.write({"only/callback/nexus_pull.py": stream.read()})
            return {"ANSIBLE_CALLBACK_PLUGINS": folder.path + "/only/callback"}

        causes = {
            "the disk is full": full,
            "evidence.jsonl is a link": linked,
            "the run directory is not there": lambda folder: {"NEXUS_PULL_RUN_DIR": folder.path + "/absent"},
            "only one of the two files was copied": alone,
        }
        for version, venv in cores().items():
            for name, prepare in causes.items():
                with self.subTest(core=version, case=name):
                    folder = self.folder({"site.yml": play("localhost", "{name: Done, ansible.builtin.debug: {}}")})
                    environment = prepare(folder)
                    code, said = folder.play(venv, **environment)
                    self.assertEqual(code, 0, said)
                    self.assertIn("ok=1", said)
                    self.assertRegex(said, r"WARNING\]:[^\n]*nexus_pull")
                    self.assertFalse(os.path.exists(folder.path + "/elsewhere"))

    def test_the_agents_copy_comes_before_the_repositorys_and_is_the_only_one(self):
        for version, venv in cores().items():
            with self.subTest(core=version):
                folder = self.folder({"site.yml": play("localhost", "ansible.builtin.debug: {}")})
                for name in (
                    "callback/nexus_pull.py",
                    *("nexus_pull_report/" + n for n in os.listdir(PLUGINS + "/nexus_pull_report")),
                ):
                    if name.endswith(".py"):
                        with open(os.path.join(PLUGINS, name), encoding="utf-8") as stream:
                            folder.write({"plugins/" + name: stream.read()})
                both = os.path.join(PLUGINS, "callback") + ":./plugins/callback"
                code, said = folder.play(
                    venv, ANSIBLE_CALLBACK_PLUGINS=both, ANSIBLE_CALLBACKS_ENABLED="nexus_pull,nexus_pull"
                )
                self.assertEqual(code, 0, said)
                self.assertEqual(len(of(folder.evidence(), "begin")), 1)
                self.assertEqual(len(of(folder.evidence(), "task")), 1)


def open_inventory(folder):
    with open(folder.path + "/inventory", encoding="utf-8") as stream:
        return stream.read()
