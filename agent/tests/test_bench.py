"""When the benchmark of the agent (bench/agent) is red."""

import os
import sys
import unittest

from tests import AGENT

sys.path.insert(0, os.path.join(os.path.dirname(AGENT), "bench", "agent"))

import bench  # noqa: E402 - found by the line above

QUIET = [(4.0, 4.0), (4.1, 4.0), (9.0, 4.2)]
BUSY = [(4.0, 4.0), (8.0, 4.0), (9.0, 4.2)]


class BenchTest(unittest.TestCase):
    def red(self, bare, clock, processor):
        lines, red = bench.judge(bare, [(99.0, 99.0), (clock, processor)])
        self.assertEqual(len(lines), 2)
        self.assertEqual(red, "more than" in "".join(lines), lines)
        return red

    def test_is_green_within_what_is_wanted_and_what_noise_explains(self):
        self.assertFalse(self.red(QUIET, 4.1, 4.1))
        self.assertFalse(self.red(QUIET, 4.6, 4.6))

    def test_is_red_when_the_processor_works_more_however_busy_the_machine_is(self):
        self.assertTrue(self.red(QUIET, 4.1, 4.63))
        self.assertTrue(self.red(BUSY, 4.1, 4.63))

    def test_either_bound_makes_it_red(self):
        self.assertTrue(self.red([(1.0, 1.0)], 1.32, 1.32), "1.32 times, though only 0.32 s")
        self.assertTrue(self.red([(20.0, 20.0)], 20.63, 20.63), "0.63 s, though only 1.03 times")

    def test_is_red_when_the_agent_waits_on_a_quiet_machine(self):
        self.assertTrue(self.red(QUIET, 4.63, 4.1))

    def test_judges_no_clock_on_a_busy_machine_and_says_so(self):
        self.assertFalse(self.red(BUSY, 4.63, 4.1))
        self.assertIn("not judged", bench.judge(BUSY, [(4.63, 4.1)])[0][0])


if __name__ == "__main__":
    unittest.main()
