"""What is left of a run that was cut short, and when a success is applied again."""

import json
import os
import subprocess
import unittest

from nexus_pull import facts, reap
from nexus_pull.runs import reapply
from tests.support import MachineTest, lives


class LeftOver(MachineTest):
    def setUp(self):
        super().setUp()
        self.child = subprocess.Popen(["sleep", "60"])
        self.addCleanup(self.child.wait)
        self.addCleanup(self.child.kill)
        self.place("/proc/self/cgroup", "0::/system.slice/nexus-pull.service\n")
        procs = "%d\n%d\n" % (self.child.pid, os.getpid())
        self.place("/sys/fs/cgroup/system.slice/nexus-pull.service/cgroup.procs", procs)

    def reaped(self, result, outcome="running", began=None):
        last = {"outcome": outcome, "began_uptime_s": 0 if began is None else began}
        self.place("/var/lib/nexus-pull/state.json", json.dumps({"version": 1, "last_run": last}))
        return reap.reap(self.paths, result)

    def test_what_a_run_left_on_purpose_goes_on(self):
        self.assertEqual([self.reaped(result) for result in ("success", "exit-code")], [[], []])
        self.assertEqual(self.reaped("timeout", outcome="failed"), [])
        # Of an earlier run: older than the one that was cut short.
        self.assertEqual(self.reaped("timeout", began=facts.uptime_s() + 60), [])
        self.assertIsNone(self.child.poll())

    def test_what_a_killed_agent_left_is_ended(self):
        self.assertEqual(self.reaped("signal"), [self.child.pid])
        self.assertFalse(lives(self.child.pid))


class Reapply(unittest.TestCase):
    def test_when_it_is_due(self):
        for after, success, now, due in (
            (None, {"at": 0}, 10**6, False),
            (0, {"at": 100}, 100, True),
            (3600, {"at": 100}, 3699, False),
            (3600, {"at": 100}, 3700, True),
            (3600, {"at": 5000}, 100, True),
            (3600, {"commit": "a"}, 100, True),
            (3600, {}, 100, False),
        ):
            self.assertEqual(reapply.is_due(after, success, now), due, (after, success, now))
