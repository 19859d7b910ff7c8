import json

from nexus_pull import cli, events, files, status, status_text
from nexus_pull.events.spool import Spool
from tests.support import KEY, MachineTest, configuration, seed_of

COMMIT = "4d9fc0c9a1d3f0b8e7c6a5948372615041322314"
OTHER = "5e9fc0c9a1d3f0b8e7c6a5948372615041322315"


class Status(MachineTest):
    def setUp(self):
        super().setUp()
        self.config = configuration(receiver={"url": "http://receiver.example/webhook", "heartbeat_s": 900})
        self.place("/etc/nexus-pull/agent.json", json.dumps(self.config))

    def state(self, **value):
        self.place("/var/lib/nexus-pull/state.json", json.dumps(value))

    def record(self, kind, **data):
        return self.quietly(events.Recorder(self.paths, self.config).record, kind, **data)

    def failed(self, run_id, reason):
        return self.record("run.failed", run_id=run_id, reason=reason, message="m", outcome="failed", exit_code=2)

    def status(self):
        found, alarming = status.status(self.paths)
        self.assertEqual(alarming, bool(found["alarms"]))
        return found, status_text.text(found)

    def test_a_machine_that_did_nothing_yet_has_nothing_to_alarm(self):
        found, text = self.status()
        self.assertEqual(found["alarms"], [])
        self.assertIn("intended    not known yet\napplied     none\nlast run    none", text)
        self.assertIn("spool       0 events wait", text)

    def test_changes_nothing(self):
        before = self.state_tree()
        done = self.agent("status", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.state_tree(), before)
        self.assertFalse(self.exists("/var/lib/nexus-pull"))

    def test_shows_what_is_intended_and_what_is_applied(self):
        run = {"run_id": "r-2", "outcome": "failed", "reason": "task_failed", "started_at": "x", "intended_sha": OTHER}
        self.state(last_run=run, last_success={"commit": COMMIT, "run_id": "r-1"})
        found, text = self.status()
        self.assertEqual((found["intended"], found["applied"]["commit"]), (OTHER, COMMIT))
        self.assertIn("intended    %s\napplied     %s (not the intended one)" % (OTHER, COMMIT), text)
        self.assertEqual(found["alarms"], ["task_failed"])

    def test_one_screen_says_what_failed_and_what_waits(self):
        lines = ["line %d" % number for number in range(20)]
        said = [{"reason": "plays_idle", "message": "1 of 2 plays matched no host: web"}]
        run = {"run_id": "r-2", "outcome": "failed", "reason": "task_failed", "last_lines": lines, "notices": said}
        skipped = {"finished_at": "2026-01-02T03:04:05Z", "reason": "up_to_date"}
        self.state(last_run=run, last_skipped=skipped)
        self.place("/run/reboot-required", "")
        found, text = self.status()
        self.assertTrue(found["reboot_required"])
        for wanted in ("notice        plays_idle: 1 of 2", "  | line 10\n", "  | line 19\n", "checked     2026-01-02T03:04:05Z", "REBOOT"):
            self.assertIn(wanted, text)
        self.assertNotIn("line 9\n", text)
        self.state(last_run={**run, "outcome": "unchanged", "reason": "converged"})
        self.assertNotIn("  | line", self.status()[1])

    def test_drift_is_an_alarm_and_a_run_that_goes_on_is_none(self):
        self.state(last_run={"run_id": "r", "outcome": "unchanged", "reason": "drift_found"})
        self.assertEqual(self.status()[0]["alarms"], ["drift_found"])
        files.make_directory(self.paths.run)
        with files.locked(self.paths.run_lock):
            self.state(last_run={"run_id": "r", "outcome": "running"})
            self.assertEqual(self.status()[0]["alarms"], [])

    def test_lists_the_last_runs_whether_they_were_sent_or_not(self):
        self.failed("r-1", "task_failed")
        Spool(self.paths).finish()
        self.record("run.queued", run_id="r-2", trigger="timer")
        self.failed("r-2", "timeout")
        found, text = self.status()
        runs = [(run["run_id"], run["reason"]) for run in found["runs"]]
        self.assertEqual(runs, [("r-2", "timeout"), ("r-1", "task_failed")])
        self.assertRegex(text, r"runs\n  \S+ failed +timeout\n  \S+ failed +task_failed\n")

    def test_says_what_waits_and_why(self):
        config = configuration(receiver={"url": "http://127.0.0.1:9/webhook", "heartbeat_s": 900})
        self.must_adopt(seed_of({**config, "generation": "b" * 64}, {"receiver_key": KEY}))
        self.failed("r-1", "timeout")
        self.agent("flush", "--once")
        found, text = self.status()
        self.assertEqual(found["alarms"], ["receiver_unreachable"])
        self.assertRegex(text, r"spool       1 events wait, the oldest since \d+ s\n  why +receiver_unreachable: the rec")
        self.assertRegex(text, r"attempts +1, the next within \d s")
        Spool(self.paths).finish()
        self.assertEqual(self.status()[0]["alarms"], [], "what does not wait any more is no alarm")

    def test_what_others_said_is_shown_on_one_line_and_commands_no_terminal(self):
        self.failed("r-1", "timeout")
        said = {"reason": "receiver_refused", "message": "no\nrun\x1b[2J\u202e", "remedy": "a\rb\x9b", "attempts": 1}
        self.place("/var/lib/nexus-pull/delivery.json", json.dumps({**said, "state": "waiting", "pause_s": 1}))
        self.state(last_run={"outcome": "failed", "reason": "task_failed", "message": "a task:\n  \x07said"})
        text = self.status()[1]
        self.assertIn("  why           receiver_refused: no\\nrun\\x1b[2J\\u202e\n  remedy        a\\rb\\x9b\n", text)
        self.assertIn("  message       a task:\\n  \\x07said\n", text)
        self.assertEqual(json.loads(self.agent("status", "--json").stdout)["spool"]["delivery"]["message"], said["message"])

    def test_every_command_and_option_says_what_it_is_for(self):
        commands = next(action for action in cli._parser()._actions if action.dest == "name")
        self.assertEqual(len(commands._choices_actions), len(commands.choices))
        for name, parser in commands.choices.items():
            for action in parser._actions:
                self.assertTrue(action.help, "%s %s" % (name, action.dest))

    def test_says_what_was_set_aside_and_why(self):
        event = self.failed("r-1", "timeout")
        one = Spool(self.paths).waiting()[0]
        refusal = {"status": 422, "code": "type_unknown", "message": "answered 422: type_unknown", "remedy": "Upgrade."}
        Spool(self.paths).set_aside(one, one.read(), refusal)
        found, text = self.status()
        self.assertEqual(found["set_aside"]["newest"][0]["code"], "type_unknown")
        self.assertEqual(found["alarms"], ["events_set_aside"])
        self.assertIn("  run.failed %s: answered 422: type_unknown\n    remedy: Upgrade." % event["id"], text)

    def test_says_what_was_dropped(self):
        with Spool(self.paths).locked():
            pass
        stream = files.read_json(self.paths.stream)
        self.place("/var/lib/nexus-pull/stream.json", json.dumps({**stream, "dropped": 3}))
        self.assertIn("dropped       3 events", self.status()[1])

    def test_damaged_files_are_no_reason_to_say_nothing(self):
        Spool(self.paths)
        for folder in ("", "/recent", "/set-aside"):
            self.place("/var/lib/nexus-pull/spool%s/000001-0000000000000001.json" % folder, "\0")
        self.place("/var/lib/nexus-pull/delivery.json", "")
        found, text = self.status()
        self.assertEqual((found["spool"]["events"], found["set_aside"]["events"]), (1, 1))
        self.assertIn("set aside   1 events", text)
