import errno
import glob
import json
import os
import signal
import subprocess
import sys
import unittest.mock

from nexus_pull import events, files
from nexus_pull.events import limits
from nexus_pull.events.spool import Spool
from tests.support import CONTRACT, PROGRAM, MachineTest, configuration, definition_of, keeps_event_schema

RECEIVER = {"receiver": {"url": "http://receiver.example/webhook", "heartbeat_s": 900}}
MANY = """
import sys
sys.path.insert(0, %r)
from nexus_pull import events
from nexus_pull.paths import Paths
import json
recorder = events.Recorder(Paths(sys.argv[1]), json.loads(sys.argv[2]))
print("begun", flush=True)
for number in range(int(sys.argv[3])):
    recorder.record("run.queued", run_id="r-%%s-%%d" %% (sys.argv[4], number), trigger="timer")
""" % PROGRAM


class EventsTest(MachineTest):
    def setUp(self):
        super().setUp()
        self.config = configuration(**RECEIVER)
        self.recorder = events.Recorder(self.paths, self.config, now=lambda: 1767225600)

    def record(self, kind="run.queued", **data):
        data = data or {"run_id": "r-1", "trigger": "timer"}
        return self.quietly(self.recorder.record, kind, **data)

    def waiting(self):
        return [json.loads(one.read()) for one in Spool(self.paths).waiting()]

    def trace(self):
        """Names of what is synced and moved, in the order of the calls."""
        calls = []

        def traced(name, path_of):
            original = getattr(os, name)

            def call(*arguments):
                calls.append((name, os.path.basename(path_of(*arguments))))
                return original(*arguments)

            setattr(os, name, call)
            self.addCleanup(setattr, os, name, original)

        traced("fsync", lambda descriptor: os.readlink("/proc/self/fd/%d" % descriptor))
        traced("replace", lambda old, new: new)
        return calls


class Recorded(EventsTest):
    def test_an_event_keeps_the_contract_and_lies_in_the_spool_as_it_was_returned(self):
        event = self.record()
        self.assertEqual(self.waiting(), [event])
        keeps_event_schema(event)
        self.assertEqual(event["id"], event["data"]["stream"] + "-1")
        self.assertEqual(event["type"], "io.nexus-pull.run.queued")
        self.assertEqual(event["time"], "2026-01-01T00:00:00Z")

    def test_unknown_is_absent(self):
        self.assertNotIn("intended_sha", self.record(run_id="r-1", reason="busy", intended_sha=None)["data"])

    def test_nobody_but_the_recorder_says_who_speaks(self):
        event = self.record(run_id="r-1", trigger="timer", vm="other", seq=99)
        self.assertEqual((event["data"]["vm"], event["data"]["seq"]), ("nexus-01", 1))

    def test_what_is_too_long_is_cut_to_the_contracts_lengths(self):
        task = {"task": "t" * 999, "role": "r" * 999, "host": "h" * 999, "path": "p" * 999, "message": "m" * 9999}
        event = self.record(
            "run.failed",
            run_id="r-1",
            reason="task_failed",
            message="x" * 9999,
            outcome="failed",
            failed_tasks=[task] * 99,
            changed_tasks=[task] * 99,
            diff_summary={"files": ["f" * 999] * 99, "lines_added": 1, "lines_removed": 1},
            tail=["line %d %s" % (number, "é" * 999) for number in range(99)],
        )
        keeps_event_schema(event)
        kept = self.waiting()[0]
        keeps_event_schema(kept)
        self.assertLessEqual(os.path.getsize(Spool(self.paths).waiting()[0].path), 65536)
        self.assertTrue(kept["data"]["tail"][-1].startswith("line 98 "), "the end of the output is what matters")

    def test_the_lengths_are_the_contracts(self):
        with open(os.path.join(CONTRACT, "event.schema.json"), encoding="utf-8") as stream:
            known = json.load(stream)["$defs"]
        agent = [definition_of(kind) for kind in known["agentEvent"]["properties"]["type"]["enum"]]
        properties = [(key, value) for name in agent for key, value in known[name]["properties"].items()]
        # By design no text of a person's or program's: made by the agent or held to a pattern before.
        ours = ("ansible_version", "git_version", "python_version", "agent_version", "signal")
        for key, value in properties:
            value = known[value["$ref"].rsplit("/", 1)[1]] if value.get("$ref", "").startswith("#") else value
            if value.get("type") == "string" and "maxLength" in value and "pattern" not in value and key not in ours:
                self.assertEqual(limits.TEXTS.get(key), value["maxLength"], key)
            if value.get("items", {}).get("maxLength"):
                self.assertEqual(limits.TEXT_LISTS.get(key), (value["maxItems"], value["items"]["maxLength"]), key)
        self.assertEqual(
            limits.TASK_TEXTS, {key: value["maxLength"] for key, value in known["task"]["properties"].items()}
        )
        self.assertEqual(limits.TASK_LISTS["changed_tasks"], known["changedTasks"]["maxItems"])

    def test_the_log_has_a_line_for_each(self):
        event = self.record("run.skipped", run_id="r-1", reason="up_to_date")
        self.assertIn("event %s run.skipped" % event["id"], self.read("/var/log/ansible-pull.log"))
        self.assertEqual(self.mode("/var/log/ansible-pull.log"), "0o600")

    def test_without_a_receiver_nothing_waits_and_the_last_ones_are_kept_to_be_looked_at(self):
        self.recorder = events.Recorder(self.paths, configuration())
        made = [self.record() for _ in range(60)]
        self.assertEqual(self.waiting(), [])
        self.assertEqual([event["data"]["seq"] for event in made], list(range(1, 61)))
        kept = [files.read_json(path) for path in sorted(glob.glob(self.paths.spool + "/recent/*.json"))]
        self.assertEqual(kept, made[-50:])

    def test_the_digest_of_the_settings_changes_with_what_shapes_a_run_only(self):
        digest = events.config_digest(self.config)
        self.assertEqual(digest, events.config_digest(configuration(schedule={"interval_s": 60, "jitter_s": 1})))
        self.assertNotEqual(digest, events.config_digest(configuration(run={"tags": ["x"]})))
        self.assertNotEqual(digest, events.config_digest(configuration(source={"ref": "other"})))


class Numbers(EventsTest):
    def seqs(self):
        return [event["data"]["seq"] for event in self.waiting()]

    def test_go_on_after_everything_left_the_spool(self):
        self.record()
        self.record()
        Spool(self.paths).finish()
        self.assertEqual(self.record()["data"]["seq"], 3)

    def test_begin_anew_on_a_clone_and_after_the_state_was_lost(self):
        first = self.record()
        self.place("/etc/machine-id", "f" * 32 + "\n")
        second = self.record()
        os.unlink(self.paths.stream)
        third = self.record()
        self.assertEqual([event["data"]["seq"] for event in (first, second, third)], [1, 1, 1])
        self.assertEqual(len({event["data"]["stream"] for event in (first, second, third)}), 3)
        self.assertEqual([event["id"] for event in self.waiting()], [first["id"], second["id"], third["id"]])

    def test_are_given_once_when_several_processes_record_at_a_time(self):
        argv = [sys.executable, "-c", MANY, self.root, json.dumps(self.config), "40"]
        running = [subprocess.Popen([*argv, str(number)], stdout=subprocess.DEVNULL) for number in range(4)]
        self.assertEqual([process.wait(120) for process in running], [0] * 4)
        self.assertEqual(self.seqs(), list(range(1, 161)))

    def test_have_no_gap_and_no_double_after_kill_9(self):
        for number in range(8):
            argv = [sys.executable, "-c", MANY, self.root, json.dumps(self.config), "100000", str(number)]
            process = subprocess.Popen(argv, stdout=subprocess.PIPE)
            process.stdout.readline()
            before = len(Spool(self.paths).waiting())
            while len(Spool(self.paths).waiting()) < before + 3 + number:
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            if number % 2:
                Spool(self.paths).finish(Spool(self.paths).waiting()[:2])
        self.record()
        seqs = self.seqs()
        self.assertEqual(seqs, list(range(seqs[0], seqs[-1] + 1)))
        self.assertEqual(seqs[0], 9, "four times two were finished")


class Durable(EventsTest):
    """What kill -9 cannot show, since the page cache outlives it: nothing is relied on before it was fsynced."""

    def test_an_event_is_synced_then_named_then_its_name_is_synced(self):
        self.record()
        calls = self.trace()
        self.record()
        name = "000001-0000000000000002.json"
        self.assertEqual(calls, [("fsync", name + files.NEW_SUFFIX), ("replace", name), ("fsync", "spool")])

    def test_all_of_it_is_written_when_it_is_synced(self):
        original, synced = os.fsync, {}

        def fsync(descriptor):
            path = os.readlink("/proc/self/fd/%d" % descriptor)
            if os.path.isfile(path):
                with open(path, "rb") as stream:
                    synced[os.path.basename(path)] = stream.read()
            return original(descriptor)

        with unittest.mock.patch.object(os, "fsync", fsync):
            event = self.record()
        name = "000001-0000000000000001.json" + files.NEW_SUFFIX
        self.assertEqual(json.loads(synced[name].decode() or "null"), event)

    def test_its_number_is_used_up_on_disk_before_it_leaves(self):
        self.record()
        calls = self.trace()
        Spool(self.paths).finish()
        number = ["stream.json" + files.NEW_SUFFIX, "stream.json", "nexus-pull"]
        self.assertEqual([name for _, name in calls], [*number, "000001-0000000000000001.json", "spool"])


class FullDisk(EventsTest):
    def fill(self):
        """From now on only blocks that are allocated already can be written."""
        original = files.write_new

        def write_new(path, content, mode):
            raise OSError(errno.ENOSPC, "No space left on device")

        files.write_new = write_new
        self.addCleanup(setattr, files, "write_new", original)
        allocate = os.posix_fallocate
        os.posix_fallocate = lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
        self.addCleanup(setattr, os, "posix_fallocate", allocate)

    def test_events_go_into_the_reserve(self):
        self.record()
        self.fill()
        made = [self.record() for _ in range(7)]
        self.assertEqual(self.waiting()[1:], made)
        self.assertEqual(self.read("/dev/console"), "")

    def test_an_event_in_the_reserve_is_synced_then_named_then_its_name_is_synced(self):
        self.record()
        self.fill()
        calls = self.trace()
        self.record()
        name = "000001-0000000000000002.json"
        self.assertEqual(calls, [("fsync", "event-0.slot"), ("replace", name), ("fsync", "spool")])

    def test_progress_gives_way_before_a_last_word_and_what_is_dropped_is_counted(self):
        last_word = {"run_id": "r-1", "reason": "disk_full", "outcome": "interrupted"}
        for number in range(5):
            self.record("run.progress", run_id="r-1", tasks_run=number)
        self.fill()
        for _ in range(8 + 3):
            self.record("run.interrupted", **last_word)
        kinds = [event["type"] for event in self.waiting()]
        self.assertEqual(kinds.count("io.nexus-pull.run.interrupted"), 11)
        self.assertEqual(kinds.count("io.nexus-pull.run.progress"), 2)
        self.assertEqual(files.read_json(self.paths.stream)["dropped"], 3)
        for _ in range(4):
            self.record("run.interrupted", **last_word)
        self.assertEqual(files.read_json(self.paths.stream)["dropped"], 7)
        self.assertEqual([event["data"]["seq"] for event in self.waiting()], list(range(8, 21)))

    def test_without_any_room_the_event_is_said_on_the_console(self):
        self.fill()
        event = self.record()
        self.assertEqual(self.waiting(), [])
        self.assertIn("the event %s run.queued could NOT be kept" % event["id"], self.read("/dev/console"))
