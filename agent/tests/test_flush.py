import base64
import contextlib
import hashlib
import hmac
import io
import json
import os
import socket
import subprocess
import sys
import threading
import unittest.mock

from nexus_pull import events, facts, files, status, status_text
from nexus_pull.errors import AgentError
from nexus_pull.events import flusher as flushers, restream, spool as spools, standing
from nexus_pull.events.answers import RETRY, Verdict
from nexus_pull.events.clock import Clock
from nexus_pull.events.flusher import Flusher
from nexus_pull.events.spool import Spool
from tests.support import KEY, PROGRAM, MachineTest, Receiver, configuration, keeps_event_schema

NOW = 1767225600
ASIDE = b'{"code": "event_invalid", "action": "set_aside", "remedy": "Upgrade the receiver."}'
CONFLICT = b'{"code": "id_conflict", "action": "set_aside"}'
TOO_OLD = b'{"code": "timestamp_too_old", "action": "retry"}'


class FlushTest(MachineTest):
    """A machine with a receiver, and a clock that only the flusher's own pauses move."""

    synced = True

    def setUp(self):
        super().setUp()
        self.pauses = []
        self.skew = 0

    def receiver(self, *answers):
        receiver = Receiver(*answers)
        self.addCleanup(receiver.close)
        return receiver

    def adopted(self, url, **receiver):
        self.settings(configuration(receiver={"url": url, "heartbeat_s": 900, **receiver}))

    def settings(self, config):
        self.config = config
        self.place("/etc/nexus-pull/agent.json", json.dumps(config))
        self.place("/etc/nexus-pull/secrets/receiver_key", KEY, 0o600)

    def record(self, count=1):
        recorder = events.Recorder(self.paths, self.config)
        return [recorder.record("run.queued", run_id="r-%d" % number, trigger="timer") for number in range(count)]

    def flusher(self):
        elapsed = lambda: sum(self.pauses)  # noqa: E731 - three clocks from one
        clock = Clock(
            now=lambda: NOW + self.skew + elapsed(),
            monotonic=elapsed,
            sleep=self.pauses.append,
            synced=lambda: self.synced if isinstance(self.synced, bool) else self.synced(),
        )
        return Flusher(self.paths, clock, chance=lambda: 0)

    def flush(self):
        return self.quietly(self.flusher().run)

    def waiting(self):
        return [json.loads(one.read()) for one in Spool(self.paths).waiting()]

    def aside(self):
        folder = self.paths.spool + "/set-aside/"
        return [files.read_json(folder + name) for name in sorted(os.listdir(folder))]

    def bodies(self, receiver):
        return [json.loads(body) for _, _, body in receiver.requests]

    def assert_signed(self, request):
        """The receiver's side of Standard Webhooks, written from contract/vectors alone."""
        _, headers, body = request
        signed = ("%s.%s." % (headers["webhook-id"], headers["webhook-timestamp"])).encode() + body
        mac = base64.b64encode(hmac.new(KEY.encode(), signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], "v1," + mac)


SUPERSEDED = b'{"accepted": 1, "duplicates": 0, "machine": {"standing": "superseded", "contested": true}}'
CURRENT = b'{"accepted": 1, "duplicates": 0, "machine": {"standing": "current", "converged": true, "commit": "%s"}}'
COMMIT = "1" * 40


class Standing(FlushTest):
    def test_a_machine_that_is_told_that_it_is_superseded_says_so_until_it_is_not(self):
        receiver = self.receiver((200, {}, SUPERSEDED), (200, {}, CURRENT % COMMIT.encode()))
        self.adopted(receiver.url)
        self.record()
        self.flush()
        found, alarm = status.status(self.paths)
        self.assertEqual((found["standing"]["reason"], alarm), ("identity_contested", True))
        self.assertIn("identity_contested", self.read("/run/motd.d/nexus-pull"))
        self.assertIn("NOT SURELY THIS VM", status_text.text(found))
        self.record()
        self.flush()
        self.assertIsNone(status.status(self.paths)[0]["standing"])
        self.assertFalse(self.exists("/run/motd.d/nexus-pull"))

    def test_only_what_the_receiver_holds_justifies_a_skip(self):
        stream = "a" * 32
        justified = lambda: standing.justifies_skip(self.paths, stream, COMMIT)  # noqa: E731
        self.assertTrue(justified())
        files.make_directory(self.paths.var)
        for machine, expected in (
            ({"standing": "current", "converged": True, "commit": COMMIT}, True),
            ({"standing": "current", "converged": False, "commit": COMMIT}, False),
            ({"standing": "current", "converged": True, "commit": "2" * 40}, False),
            ({"standing": "superseded"}, True),
            ({"standing": "current"}, True),
        ):
            with self.subTest(machine):
                files.write_json(self.paths.standing, {"stream": stream, **machine})
                self.assertEqual(justified(), expected)

    def test_a_copy_with_other_hardware_begins_a_stream_of_its_own(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        uuid = "/sys/class/dmi/id/product_uuid"
        first = self.record()[0]["data"]["stream"]
        self.place(uuid, "0E8C0D6C-3A0E-4C0B-9D86-0D5A1C2B3E4F\n")
        self.assertEqual(self.record()[0]["data"]["stream"], first)
        self.place(uuid, "1E8C0D6C-3A0E-4C0B-9D86-0D5A1C2B3E4F\n")
        copy = self.record()[0]["data"]["stream"]
        self.assertNotEqual(copy, first)
        self.assertEqual(self.record()[0]["data"]["stream"], copy)

    def test_the_generation_id_is_read_as_the_firmware_has_it(self):
        full = self.place("/sys/firmware/qemu_fw_cfg/by_name/etc/vmgenid_guid/raw", "")
        with open(full, "wb") as raw:
            raw.write(bytes(40) + bytes.fromhex("33221100554477668899aabbccddeeff"))
        self.assertEqual(facts.hardware(self.paths), {"generation_id": "00112233-4455-6677-8899-aabbccddeeff"})

    def test_a_conflict_that_comes_again_and_again_begins_no_streams_without_end(self):
        receiver = self.receiver((409, {}, CONFLICT))
        self.adopted(receiver.url)
        self.record()
        self.quietly(lambda: self.flusher().run(once=True))
        bodies = [body if isinstance(body, list) else [body] for body in self.bodies(receiver)]
        streams = {event["data"]["stream"] for body in bodies for event in body}
        self.assertEqual((len(streams), len(self.waiting())), (1 + restream.MOST, 1 + restream.MOST))

    def test_a_conflict_of_a_stream_before_this_one_begins_none(self):
        receiver = self.receiver((409, {}, CONFLICT), (200, {}, b""))
        self.adopted(receiver.url)
        self.record()
        self.place("/etc/machine-id", "f" * 32 + "\n")
        self.record()
        self.flush()
        self.assertEqual([one["refusal"]["code"] for one in self.aside()], ["id_conflict"])


class Sent(FlushTest):
    def test_one_event_goes_alone_and_several_in_one_batch_in_their_order(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        first = self.record()
        self.assertEqual(self.flush(), 0)
        later = self.record(3)
        self.flush()
        (_, one, _), (_, many, _) = receiver.requests
        self.assertEqual(self.bodies(receiver), [first[0], later])
        self.assertEqual(one["webhook-id"], first[0]["id"])
        self.assertEqual(many["webhook-id"], first[0]["data"]["stream"] + "-2-4")
        self.assertEqual(one["content-type"], "application/cloudevents+json; charset=utf-8")
        self.assertEqual(many["content-type"], "application/cloudevents-batch+json; charset=utf-8")
        for request in receiver.requests:
            self.assert_signed(request)

    def test_a_batch_is_no_longer_than_the_contract_allows(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        self.record(205)
        self.flush()
        self.assertEqual([len(body) for body in self.bodies(receiver)], [100, 100, 5])

    def test_a_batch_is_no_larger_than_the_contract_allows(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        recorder = events.Recorder(self.paths, self.config)
        task = {"task": "t", "message": "m" * 1000}
        for _ in range(40):
            recorder.record("run.progress", run_id="r", tasks_run=1, failed_tasks=[task] * 20, changed_tasks=[task] * 40)
        self.flush()
        self.assertGreater(len(receiver.requests), 1)
        self.assertLessEqual(max(len(body) for _, _, body in receiver.requests), 1048576)

    def test_a_batch_holds_one_stream(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        self.record(2)
        self.place("/etc/machine-id", "f" * 32 + "\n")
        self.record(2)
        self.flush()
        streams = [{event["data"]["stream"] for event in body} for body in self.bodies(receiver)]
        self.assertEqual([len(found) for found in streams], [1, 1])

    def test_what_a_clone_found_in_its_spool_is_not_said_in_its_own_name(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        self.record()
        self.settings({**self.config, "identity": {**self.config["identity"], "vm": "clone-01"}})
        mine = self.record()
        self.flush()
        self.assertEqual(self.bodies(receiver), mine)
        self.assertEqual([one["refusal"]["code"] for one in self.aside()], ["source_mismatch"])

    def test_a_damaged_file_holds_nobody_up(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        self.record(3)
        with open(Spool(self.paths).waiting()[1].path, "wb") as stream:
            stream.write(b"\0\0\0")
        self.flush()
        self.assertEqual([event["data"]["seq"] for event in self.bodies(receiver)[0]], [1, 3])
        self.assertEqual(self.aside()[0]["refusal"]["code"], "body_malformed")

    def test_nothing_is_sent_without_a_receiver(self):
        self.settings(configuration())
        self.record()
        self.assertEqual(self.flush(), 0)

    def test_never_shows_the_key(self):
        self.adopted(self.receiver((422, {}, ASIDE)).url)
        self.record()
        done = self.agent("flush", "--once")
        self.assertNotIn(KEY, done.stdout + done.stderr + self.read("/dev/console"))
        for path, content in self.tree().items():
            self.assertTrue(KEY.encode() not in content or path.startswith("/etc/nexus-pull/secrets/"), path)

    def test_what_the_receiver_says_commands_no_console(self):
        said = b'{"code": "event_invalid", "action": "set_aside", "detail": "no \\u001b[2J\\u009b\\nnever"}'
        self.adopted(self.receiver((422, {}, said)).url)
        self.record()
        self.flush()
        self.assertIn("event_invalid: no \\x1b[2J\\x9b never\n", self.read("/dev/console"))


class TriedAgain(FlushTest):
    def test_each_attempt_is_signed_anew_and_the_id_stays(self):
        receiver = self.receiver((503, {}, b""), (429, {"retry-after": "20"}, b""), (200, {}, b""))
        self.adopted(receiver.url)
        self.record(2)
        self.flush()
        self.assertEqual(self.pauses, [0.5, 20])
        stamps = [int(headers["webhook-timestamp"]) for _, headers, _ in receiver.requests]
        self.assertEqual(stamps, [NOW, NOW, NOW + 20])
        self.assertEqual(len({headers["webhook-id"] for _, headers, _ in receiver.requests}), 1)
        for request in receiver.requests:
            self.assert_signed(request)

    def test_the_pauses_grow_to_a_limit_and_differ_from_machine_to_machine(self):
        self.adopted(self.receiver(*[(500, {}, b"")] * 12, (200, {}, b"")).url)
        self.record()
        self.flush()
        self.assertEqual(self.pauses, [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150])
        flusher = self.flusher()
        flusher._chance = lambda: 1
        self.assertEqual(self.quietly(flusher._failed, Verdict(RETRY, "x")), 1)
        self.assertAlmostEqual(self.quietly(flusher._failed, Verdict(RETRY, "x", retry_after_s=300)), 330)

    def fails(self, reason, pause):
        """One attempt, its reason for people, the pause after it; and nothing is lost."""
        made = self.record()
        found = self.quietly(self.flusher().step)
        self.assertEqual(files.read_json(self.paths.delivery)["reason"], reason)
        self.assertEqual(found, pause)
        self.assertIn("events wait in the spool: " + reason, self.read("/dev/console"))
        self.assertEqual(self.waiting()[-1:], made)

    def test_a_receiver_that_is_down_loses_nothing(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.adopted("http://127.0.0.1:%d/webhook" % closed.getsockname()[1])
            self.fails("receiver_unreachable", 0.5)

    def test_a_receiver_that_hangs_up_loses_nothing(self):
        self.adopted(self.receiver((None, {}, b"")).url)
        self.fails("receiver_unreachable", 0.5)

    def test_no_redirect_is_followed(self):
        other = self.receiver()
        for status in (301, 302, 307, 308):
            self.adopted(self.receiver((status, {"location": other.url}, b"")).url)
            self.fails("receiver_redirected", 300)
        self.assertEqual(other.requests, [])

    def test_what_a_proxy_refuses_without_the_receivers_word_is_not_set_aside(self):
        self.adopted(self.receiver((404, {}, b"<html>")).url)
        self.fails("receiver_refused", 300)

    def test_a_wrong_key_waits_for_the_right_one(self):
        self.adopted(self.receiver((401, {}, b'{"code": "signature_invalid", "action": "retry"}')).url)
        self.fails("receiver_refused", 300)

    def test_a_key_that_is_not_there_is_said(self):
        self.adopted(self.receiver().url)
        os.unlink(self.paths.secret("receiver_key"))
        self.fails("secret_missing", 0.5)

    def test_a_code_that_is_newer_than_the_agent_is_obeyed(self):
        answer = b'{"code": "moon_phase", "action": "retry", "retry_after_s": 77}'
        self.adopted(self.receiver((418, {}, answer)).url)
        self.fails("receiver_refused", 77)

    def test_a_hostile_retry_after_is_bounded(self):
        self.adopted(self.receiver((429, {"retry-after": "99999999999"}, b"")).url)
        self.fails("receiver_refused", 3600)

    def test_new_settings_count_from_the_next_attempt_on(self):
        good = self.receiver()
        self.adopted(self.receiver((503, {}, b"")).url)
        self.record()
        flusher = self.flusher()
        self.quietly(flusher.step)
        self.adopted(good.url)
        self.assertEqual(self.quietly(flusher.run), 0)
        self.assertEqual(len(good.requests), 1)

    def test_once_ends_at_the_first_failure_and_says_how_many_wait(self):
        self.adopted(self.receiver((503, {}, b"")).url)
        self.record(3)
        done = self.agent("flush", "--once")
        self.assertEqual((done.returncode, done.stdout), (1, "nexus-pull: 0 events delivered, 3 wait\n"))

    def test_without_a_configuration_it_fails_and_says_why_and_what_to_do(self):
        done = self.agent("flush", "--once")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"^nexus-pull: flush FAILED: config_invalid: \S+agent\.json .*\(nexus-pull-agent adopt ")
        # Nor does the one that goes on until nothing waits.
        self.assertRaises(AgentError, self.flusher().step)
        self.adopted("http://127.0.0.1:9/webhook")
        self.record(2)
        os.unlink(self.paths.config)
        done = self.agent("flush", "--once")
        self.assertEqual((done.returncode, done.stdout), (1, "nexus-pull: 0 events delivered, 2 wait\n"))
        self.assertIn("events wait in the spool: config_invalid: ", done.stderr)

    def test_is_said_once_when_it_begins_and_once_when_it_is_over(self):
        self.adopted(self.receiver((503, {}, b""), (503, {}, b""), (200, {}, b"")).url)
        self.record()
        self.flush()
        console = self.read("/dev/console")
        self.assertEqual(console.count("events wait in the spool"), 1)
        self.assertEqual(console.count("events are delivered again"), 1)
        self.assertEqual(files.read_json(self.paths.delivery)["state"], "delivering")


class OneAtATime(FlushTest):
    """Real processes: the first one holds a request open for as long as the test wants."""

    def setUp(self):
        super().setUp()
        self.asked, self.answer = threading.Event(), threading.Event()
        receiver = Receiver((200, {}, b""), before=self.hold)
        self.addCleanup(receiver.close)
        self.addCleanup(self.answer.set)
        self.adopted(receiver.url)
        self.record()
        self.first = self.flushes()
        self.assertTrue(self.asked.wait(60), "the first one never asked")

    def hold(self):
        if not self.asked.is_set():
            self.asked.set()
            self.answer.wait(60)

    def flushes(self, *arguments):
        env = {**os.environ, "NEXUS_PULL_ROOT": self.root}
        argv = [sys.executable, PROGRAM, "flush", *arguments]
        process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_another_one_says_at_once_whom_it_waits_for_and_ends_after_it(self):
        for arguments, limit in (((), ""), (("--once",), ", 60 s at most")):
            second = self.flushes(*arguments)
            said = "nexus-pull: waiting for the flusher that runs (process %d) to end%s\n" % (self.first.pid, limit)
            self.assertEqual(second.stderr.readline(), said)
            self.assertIsNone(self.first.poll())
        self.answer.set()
        self.assertEqual(self.first.communicate(timeout=60)[0], "nexus-pull: 1 events delivered, 0 wait\n")
        self.assertEqual(second.communicate(timeout=60)[0], "nexus-pull: 0 events delivered, 0 wait\n")

    def test_once_waits_no_longer_than_it_says_and_fails_with_where_to_look(self):
        with unittest.mock.patch.object(flushers, "LONGEST_WAIT_S", 0.2), self.assertRaises(AgentError) as raised:
            with contextlib.redirect_stderr(io.StringIO()), flushers.alone(self.paths, once=True):
                self.fail("two at once")
        self.assertEqual(raised.exception.reason, "already_running")
        self.assertIn("(process %d) still sends" % self.first.pid, raised.exception.message)
        self.assertIn("nexus-pull-agent status", raised.exception.message)


class SetAside(FlushTest):
    def test_only_the_guilty_event_of_a_batch_with_the_reason_beside_it(self):
        guilty = (422, {}, ASIDE)
        receiver = self.receiver(guilty, (200, {}, b""), guilty, (200, {}, b""))
        self.adopted(receiver.url)
        made = self.record(4)
        self.assertEqual(self.flush(), 0)
        alone = [body if isinstance(body, dict) else len(body) for body in self.bodies(receiver)]
        self.assertEqual(alone, [4, *made])
        self.assertEqual([one["event"] for one in self.aside()], [made[1]])
        refusal = self.aside()[0]["refusal"]
        self.assertEqual((refusal["status"], refusal["code"]), (422, "event_invalid"))
        self.assertEqual(refusal["remedy"], "Upgrade the receiver.")
        self.assertIn("events_set_aside", self.read("/dev/console"))

    def test_a_batch_that_is_too_large_for_a_proxy_goes_one_by_one(self):
        receiver = self.receiver((413, {}, b"<html>"), (200, {}, b""))
        self.adopted(receiver.url)
        self.record(3)
        self.flush()
        self.assertEqual(len(receiver.requests), 4)
        self.assertEqual(self.aside(), [])

    def test_a_single_event_that_is_too_large_for_a_proxy_is_set_aside(self):
        self.adopted(self.receiver((413, {}, b"<html>")).url)
        made = self.record()
        self.flush()
        self.assertEqual([one["event"] for one in self.aside()], made)

    def test_are_the_newest_ones_and_the_others_count_as_dropped(self):
        self.adopted(self.receiver((422, {}, b'{"code": "webhook_id_malformed", "action": "set_aside"}')).url)
        most, spools.MOST_ASIDE = spools.MOST_ASIDE, 5
        self.addCleanup(setattr, spools, "MOST_ASIDE", most)
        self.record(8)
        self.flush()
        self.assertEqual([one["event"]["data"]["seq"] for one in self.aside()], [4, 5, 6, 7, 8])
        self.assertEqual(Spool(self.paths).counts(), {"events": 0, "bytes": 0, "set_aside": 5, "dropped": 3})


class WrongClock(FlushTest):
    def test_a_refused_time_is_corrected_by_the_answers_date_and_signed_anew_at_once(self):
        self.skew = -86400 * 365
        date = {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}
        receiver = self.receiver((401, date, TOO_OLD), (503, {}, b""), (200, {}, b""))
        self.adopted(receiver.url)
        self.record()
        self.flush()
        stamps = [int(headers["webhook-timestamp"]) for _, headers, _ in receiver.requests]
        self.assertEqual(stamps, [NOW + self.skew, NOW, NOW])
        self.assertEqual(self.pauses, [0.5], "only the 503 was waited for")

    def test_a_clock_that_gets_its_time_in_between_does_not_spoil_the_correction(self):
        self.skew = -86400
        date = {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}
        receiver = self.receiver((401, date, TOO_OLD), (503, {"retry-after": "100"}, b""), (200, {}, b""))
        self.adopted(receiver.url)
        self.record()
        flusher = self.flusher()
        self.quietly(flusher.step)
        self.quietly(flusher.step)
        self.pauses.append(100)
        self.skew = 0
        self.quietly(flusher.step)
        self.assertEqual(int(receiver.requests[-1][1]["webhook-timestamp"]), NOW + 100)

    def test_a_receiver_whose_date_helps_nothing_is_waited_for(self):
        self.adopted(self.receiver((401, {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}, TOO_OLD)).url)
        self.record()
        self.assertEqual(self.quietly(self.flusher().step), 0.5)


class BegunAnew(FlushTest):
    """The state went back, as after a snapshot: numbers are used that the receiver knows with other events."""

    def assert_moved(self, sent, made):
        self.assertEqual([event["data"]["seq"] for event in sent], [1, 2, 3, 4])
        self.assertEqual(len({event["data"]["stream"] for event in sent} | {made[0]["data"]["stream"]}), 2)
        self.assertEqual([event["type"] for event in sent[:2]], ["io.nexus-pull.vm.booted", "io.nexus-pull.run.queued"])
        self.assertEqual((sent[0]["data"]["reason"], sent[0]["data"]["first_boot"]), ("seq_reused", True))
        self.assertEqual([event["data"]["run_id"] for event in sent[1:]], ["r-0", "r-1", "r-2"])
        for event in sent:
            self.assertEqual(event["id"], "%s-%d" % (event["data"]["stream"], event["data"]["seq"]))
            keeps_event_schema(event)

    def test_what_waits_goes_over_into_a_new_stream(self):
        receiver = self.receiver((409, {}, CONFLICT), (409, {}, CONFLICT), (200, {}, b""))
        self.adopted(receiver.url)
        made = self.record(3)
        self.assertEqual(self.flush(), 0)
        self.assert_moved(self.bodies(receiver)[-1], made)
        self.assertEqual(self.record()[0]["data"]["seq"], 5)
        self.assertEqual(self.aside(), [])

    def test_whenever_the_power_goes_each_event_is_in_one_stream(self):
        class PowerGone(Exception):
            pass

        def introduce(stream, seq, old):
            return json.dumps({"data": {"stream": stream, "seq": seq}}).encode()

        outcomes = set()
        for steps in range(40):
            self.root_again()
            self.adopted("http://receiver.example/webhook")
            made = self.record(3)
            left = [steps]

            def dies(original, left=left):
                def step(*arguments):
                    if left[0] == 0:
                        raise PowerGone()
                    left[0] -= 1
                    return original(*arguments)

                return step

            originals = {(files, "commit"): files.commit, (os, "replace"): os.replace, (files, "remove"): files.remove}
            for (module, name), original in originals.items():
                setattr(module, name, dies(original))
            try:
                restream.begin(Spool(self.paths), introduce, NOW)
                ended = True
            except PowerGone:
                ended = False
            finally:
                for (module, name), original in originals.items():
                    setattr(module, name, original)
            spool = Spool(self.paths)
            with spool.locked() as record:
                stream = record["stream"]
            found = [json.loads(one.read()) for one in spool.waiting()]
            seqs = [event["data"]["seq"] for event in found]
            moved = stream != made[0]["data"]["stream"]
            self.assertEqual({event["data"]["stream"] for event in found}, {stream}, steps)
            self.assertEqual(seqs, [1, 2, 3, 4] if moved else [1, 2, 3], steps)
            outcomes.add(moved)
            if ended:
                break
        self.assertTrue(ended, "the steps did not end")
        self.assertEqual(outcomes, {True, False})

    def root_again(self):
        """Another machine of the same kind."""
        MachineTest.setUp(self)


class Kept(FlushTest):
    def test_what_is_too_old_is_dropped_and_the_drop_is_reported(self):
        receiver = self.receiver((503, {}, b""), (200, {}, b""))
        self.adopted(receiver.url)
        self.record(3)
        waiting = Spool(self.paths).waiting()
        for one in waiting:
            event = json.loads(one.read())
            event["data"]["clock_synced"] = one is not waiting[1]
            with open(one.path, "w", encoding="utf-8") as stream:
                json.dump(event, stream)
            os.utime(one.path, (NOW - 86400 * 8,) * 2 if one is not waiting[2] else (NOW,) * 2)
        self.flush()
        sent = self.bodies(receiver)
        self.assertEqual([event["data"]["seq"] for event in sent[1]], [2, 3], "an age by a wrong clock proves nothing")
        report = sent[2]
        self.assertEqual(report["type"], "io.nexus-pull.vm.heartbeat")
        self.assertEqual((report["data"]["reason"], report["data"]["spool"]["dropped"]), ("events_dropped", 1))
        self.assertEqual(len(sent), 3, "reported once")

    def test_nothing_is_too_old_while_the_clock_is_wrong(self):
        self.adopted(self.receiver().url)
        self.synced = False
        self.record()
        os.utime(Spool(self.paths).waiting()[0].path, (0, 0))
        self.flush()
        self.assertEqual(Spool(self.paths).counts()["dropped"], 0)

    def test_of_too_much_progress_goes_first(self):
        self.adopted(self.receiver().url)
        self.record(2)
        recorder = events.Recorder(self.paths, self.config)
        for _ in range(20):
            recorder.record("run.progress", run_id="r", tasks_run=1)
        size = Spool(self.paths).counts()["bytes"]
        limit, spools.MOST_BYTES = spools.MOST_BYTES, size - 1
        self.addCleanup(setattr, spools, "MOST_BYTES", limit)
        self.assertEqual(limit, 64 * 1024 * 1024)
        Spool(self.paths).trim(NOW, True)
        kinds = [event["type"] for event in self.waiting()]
        self.assertEqual(kinds[:2], ["io.nexus-pull.run.queued"] * 2)
        self.assertLess(Spool(self.paths).counts()["bytes"], size * 0.91)
        self.assertEqual(Spool(self.paths).counts()["dropped"], 22 - len(kinds))
