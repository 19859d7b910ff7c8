"""The module nexus_wait: what it reads of a unit, a log and an answer. No Ansible, no server."""

import os
import subprocess
import tempfile
import time
import unittest

from tests.role import nexus_rest, nexus_wait

LOG = """2026-11-30 20:00:00,000+0100 ERROR [old] *SYSTEM x.Y - of the start before
2026-11-30 20:10:02,404+0100 INFO  [main] *SYSTEM x.Y - Started
2026-11-30 20:10:03,404+0100 ERROR [main] *SYSTEM x.Y - The database appears to be from a later version of Nexus
java.lang.IllegalStateException: no
\tat x.Y.z(Y.java:1)
Caused by: java.io.IOException: yes
"""
# 20:05 in that zone.
SINCE = 1796065500


class Wait(unittest.TestCase):
    def setUp(self):
        handle, self.path = tempfile.mkstemp(prefix="nexus-pull-wait-")
        os.write(handle, LOG.encode())
        os.close(handle)
        self.addCleanup(os.unlink, self.path)

    def test_errors_are_those_of_this_start_with_their_causes_and_no_traces(self):
        found = nexus_wait.errors_since(self.path, SINCE)
        self.assertEqual(len(found), 3, found)
        self.assertIn("later version", found[0])
        self.assertEqual(found[2], "  Caused by: java.io.IOException: yes")
        self.assertTrue(nexus_wait.LOST.search(found[0]))
        self.assertEqual(nexus_wait.errors_since(self.path + ".none", SINCE), [])

    def test_a_process_began_when_the_kernel_says(self):
        before = time.time()
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.addCleanup(child.wait)
        self.addCleanup(child.stdin.close)
        self.assertLess(abs(nexus_wait.started_at({"MainPID": str(child.pid)}) - before), 5)
        self.assertGreaterEqual(nexus_wait.started_at({"MainPID": "0"}), before)

    def test_a_unit_that_will_not_come_up_is_seen(self):
        for state, fails in (
            ({"ActiveState": "active", "SubState": "running", "NRestarts": "0"}, False),
            ({"ActiveState": "activating", "SubState": "start", "NRestarts": "0"}, False),
            ({"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "0"}, True),
            ({"ActiveState": "active", "SubState": "running", "NRestarts": "1"}, True),
            ({"ActiveState": "failed", "SubState": "failed", "NRestarts": "0"}, True),
            ({}, False),
        ):
            self.assertEqual(bool(nexus_wait.failing(state, {"NRestarts": "0"})), fails, state)

    def test_what_answers_must_be_the_release_and_use_the_database_that_was_asked_for(self):
        asked = {"version": "3.95.2-01", "embedded": self.path, "embedded_allowed": True}
        right = nexus_rest.Answer(200, "", "Nexus/3.95.2-01 (COMMUNITY)")
        self.assertIsNone(nexus_wait.wrong(asked, right))
        self.assertIn("nexus_version is 3.95.2-01", nexus_wait.wrong(asked, nexus_rest.Answer(200, "", "Nexus/3.77.0-08 (OSS)")))
        other = {**asked, "embedded_allowed": False}
        self.assertIsNone(nexus_wait.wrong(other, right))
        with open(self.path, encoding="utf-8"):
            self.assertIn("uses the embedded database", nexus_wait.wrong(other, right))


if __name__ == "__main__":
    unittest.main()
