"""What the callback costs a task: measured inside a real run, where a busy machine cannot blur it."""

import json
import os
import shutil
import statistics

from tests.receiver import Receiver
from tests.support import PLUGINS, PlaybookTest, cores
from tests import test_by_hand

TASKS = 150
MOST_MS = 1.0
# Appended to the callback itself: each call's time, in wall and in processor time, written down at the end.
MEASURED = """

import json, time

SPENT = {"task": [], "now": [0.0, 0.0]}


def measured(name, call):
    def timed(self, *args, **kwargs):
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return call(self, *args, **kwargs)
        finally:
            now = SPENT["now"]
            now[0] += time.perf_counter() - wall
            now[1] += time.thread_time() - cpu
            if name == "v2_runner_on_ok":
                SPENT["task"].append(list(now))
                SPENT["now"] = [0.0, 0.0]
            if name == "v2_playbook_on_stats":
                with open("spent.json", "w", encoding="utf-8") as stream:
                    json.dump(SPENT["task"], stream)

    return timed


for each in [name for name in vars(CallbackModule) if name.startswith("v2_")]:
    setattr(CallbackModule, each, measured(each, getattr(CallbackModule, each)))
"""


class Overhead(PlaybookTest):
    def measured(self, venv, folder, **environment):
        """Milliseconds a task: (median of wall time, mean of processor time)."""
        shutil.copytree(PLUGINS, folder.path + "/.git/plugins")
        with open(folder.path + "/.git/plugins/callback/nexus_pull.py", "a", encoding="utf-8") as stream:
            stream.write(MEASURED)
        environment["ANSIBLE_CALLBACK_PLUGINS"] = folder.path + "/.git/plugins/callback"
        code, said = folder.play(venv, **environment)
        self.assertEqual(code, 0, said)
        with open(folder.path + "/spent.json", encoding="utf-8") as stream:
            spent = json.load(stream)
        self.assertEqual(len(spent), TASKS)
        # The first has the start of the whole in it: the file, or git and the sender's process.
        walls, cpus = zip(*spent[1:])
        return statistics.median(walls) * 1000, statistics.mean(cpus) * 1000

    def test_a_task_is_slowed_by_less_than_a_millisecond(self):
        tasks = "".join(
            "    - name: Task %d\n      ansible.builtin.debug: {msg: %s}\n" % (n, "x" * 200) for n in range(TASKS)
        )
        text = "- hosts: localhost\n  gather_facts: false\n  tasks:\n" + tasks
        for version, venv in cores().items():
            with self.subTest(core=version, case="evidence"):
                os.makedirs((folder := self.folder({"site.yml": text})).path + "/.git")
                self.expect_cheap(version, "evidence", self.measured(venv, folder))
            # The receiver never answers in time: posting must be off the way.
            with self.subTest(core=version, case="by hand"), Receiver(delay_s=3) as receiver:
                folder = test_by_hand.ByHand.repository(self, text)
                settings = test_by_hand.ByHand.settings(self, folder, receiver, NEXUS_PULL_WAIT_S="1")
                self.expect_cheap(version, "by hand", self.measured(venv, folder, **settings))

    def expect_cheap(self, version, case, spent):
        wall, cpu = spent
        print("callback on ansible-core %s, %s: %.3f ms a task, %.3f ms of processor" % (version, case, wall, cpu))
        self.assertLess(wall, MOST_MS)
        self.assertLess(cpu, MOST_MS)
