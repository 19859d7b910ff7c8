"""Programs that the agent starts."""

import os
import signal
import unittest
from unittest import mock

from nexus_pull import process
from nexus_pull.errors import Interrupted


def run(*argv, timeout_s=60):
    lines = []
    return process.run(argv, {"PATH": os.environ["PATH"]}, "/", timeout_s, lines.append), lines


class ProcessTest(unittest.TestCase):
    def test_the_end_is_noticed_at_once_and_not_at_the_next_look(self):
        with mock.patch("subprocess.time.sleep", side_effect=AssertionError("it looks now and then")):
            self.assertEqual(run("sh", "-c", "sleep 0.3; echo done; exit 3"), ((3, False), ["done"]))

    def test_a_kernel_without_pidfd_does_too(self):
        with mock.patch.object(os, "pidfd_open", side_effect=OSError(38, "not implemented"), create=True):
            self.assertEqual(run("sh", "-c", "exit 3"), ((3, False), []))

    def test_the_deadline_ends_it(self):
        self.assertEqual(run("sleep", "600", timeout_s=0.2), ((-signal.SIGTERM, True), []))

    def test_a_signal_to_the_agent_ends_it(self):
        def interrupted(number, frame):
            raise Interrupted()

        others = process.descendants(os.getpid())
        before = signal.signal(signal.SIGALRM, interrupted)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with self.assertRaises(Interrupted):
                run("sleep", "600")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        self.assertLessEqual(set(process.descendants(os.getpid())), set(others))


if __name__ == "__main__":
    unittest.main()
