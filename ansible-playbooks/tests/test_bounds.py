"""The evidence file's limits, and text of any origin. No Ansible."""

import json
import os
import tempfile
import types
import unittest

from tests.support import schema_errors  # also makes the package importable

from nexus_pull_report import diffs, evidence, recorder, text


class Bounds(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.directory = made.name
        self.warnings = []

    def file(self, **limits):
        return evidence.EvidenceFile(self.directory, self.warnings.append, **limits)

    def records(self):
        with open(os.path.join(self.directory, evidence.NAME), encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    def test_unchanged_tasks_stop_at_half_the_size_changed_ones_at_the_reserve_and_the_end_is_always_written(self):
        sink = self.file(most_bytes=4000, reserve_bytes=1000)
        for kind, minor in (("ok", True), ("changed", False)):
            for number in range(60):
                sink.write({"record": "task", "t": number, "host": "h", "task": "t", "status": kind}, minor=minor)
        sink.write({"record": "end", "t": 99, "plays": 1, "hosts_matched": 1, "tasks_run": 120}, closing=True)
        seen = [(one["record"], one.get("status")) for one in self.records()]
        size = os.path.getsize(os.path.join(self.directory, evidence.NAME))
        self.assertLess(size, 4000)
        self.assertEqual(seen[-2:], [("truncated", None), ("end", None)])
        self.assertEqual(seen.count(("truncated", None)), 1)
        self.assertGreater(seen.count(("task", "ok")), 20)
        self.assertGreater(seen.count(("task", "changed")), 10)
        self.assertEqual(sink.dropped, 120 - len(seen) + 2)

    def test_a_playbook_that_begins_in_a_file_that_is_full_is_seen_to_begin(self):
        sink = self.file(most_bytes=3000, reserve_bytes=2500)
        report = recorder.Recorder(sink)
        for name in ("a.yml", "b.yml"):
            report.begin(name, "2.19.0", False)
            for number in range(9):
                sink.write({"record": "task", "t": number, "host": "h", "task": "t", "status": "changed"})
            report.end(types.SimpleNamespace(processed={}))
        records = self.records()
        self.assertEqual(schema_errors("evidence.schema.json", records), [])
        seen = [(one["record"], one.get("playbook")) for one in records if one["record"] != "task"]
        wanted = [("begin", "a.yml"), ("truncated", None), ("end", None), ("begin", "b.yml"), ("end", None)]
        self.assertEqual(seen, wanted)

    def test_what_ansible_counted_in_an_earlier_playbook_is_not_this_ones(self):
        report = recorder.Recorder(self.file())
        for failures in (1, 1, 3):
            report.begin("p.yml", "2.19.0", False)
            counted = {"ok": 2, "failures": failures, "unreachable": 0, "changed": 0, "skipped": 0}
            report.end(types.SimpleNamespace(processed={"h": 1}, summarize=lambda host, counted=counted: counted))
        seen = [one.get("failed", one.get("hosts_matched")) for one in self.records() if one["record"] != "begin"]
        self.assertEqual(seen, [1, 1, 0, 2, 1])

    def test_the_file_is_appended_to_and_private(self):
        self.file().write({"record": "truncated", "t": 1})
        self.file().write({"record": "truncated", "t": 2})
        self.assertEqual([one["t"] for one in self.records()], [1, 2])
        self.assertEqual(os.stat(os.path.join(self.directory, evidence.NAME)).st_mode & 0o777, 0o600)

    def test_the_longest_record_fits_the_contract(self):
        wide = "\N{PERFORMING ARTS}"
        record = {
            "record": "task",
            "t": 1,
            "status": "failed",
            "host": text.line(wide * 999, 253),
            "task": text.line(wide * 999, 256),
            "role": text.line(wide * 999, 256),
            "action": text.line(wide * 999, 256),
            "path": text.line(wide * 999, 512),
            "message": text.lines(wide * 9999, 1000),
        }
        line = evidence.encode(record)
        self.assertLessEqual(len(line), evidence.MOST_RECORD_BYTES)
        self.assertEqual(schema_errors("evidence.schema.json", [json.loads(line)]), [])

    def test_text_cannot_break_a_line_a_terminal_or_utf8(self):
        self.assertEqual(text.line("a\nb\x1b[2J\udcff", 20), "a b [2J?")
        self.assertEqual(text.lines(" a\nb\x07 ", 20), "a\nb")

    def test_a_long_message_keeps_its_start_and_its_end(self):
        said = text.lines("cause" + "x" * 5000 + "place", 100)
        self.assertEqual(len(said), 100)
        self.assertTrue(said.startswith("cause") and said.endswith("place"), said)

    def test_a_diff_is_counted_by_lines_whatever_its_form(self):
        cases = [
            ({"diff": {"before": "a\nb\n", "after": "b\nc\nd\n"}, "dest": "/f"}, [("/f", 2, 1)]),
            ({"diff": [{"before": "", "after": "a\n", "before_header": "/g"}]}, [("/g", 1, 0)]),
            ({"diff": {"prepared": "--- a\n+++ b\n+x\n-y\n-z\n"}, "path": "/h"}, [("/h", 1, 2)]),
            ({"diff": {"before": {"mode": "0644"}, "after": {"mode": "0600"}}, "path": "/i"}, [("/i", 1, 1)]),
            ({"diff": {"before": "same", "after": "same"}}, []),
            ({"results": [{"diff": {"before": "", "after": "a"}, "dest": "/j"}, {"skipped": True}]}, [("/j", 1, 0)]),
            ({"diff": {"before": "a\n" * 200000, "after": "b\n" * 200001}, "dest": "/k"}, [("/k", 1, 1)]),
            ({"diff": None}, []),
        ]
        for result, expected in cases:
            with self.subTest(result=str(result)[:60]):
                self.assertEqual(diffs.summaries(result), expected)
