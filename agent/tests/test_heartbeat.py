import json
import time

from nexus_pull import boot, events, heartbeat
from nexus_pull.events.spool import Spool
from tests.support import KEY, MachineTest, configuration, keeps_event_schema, seed_of

COMMIT = "4d9fc0c9a1d3f0b8e7c6a5948372615041322314"


class SpoolTest(MachineTest):
    def setUp(self):
        super().setUp()
        self.config = configuration(receiver={"url": "http://receiver.example/webhook", "heartbeat_s": 600})
        self.place("/etc/nexus-pull/agent.json", json.dumps(self.config))

    def last(self):
        return json.loads(Spool(self.paths).waiting()[-1].read())

    def state(self, **changes):
        finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
        last = {"run_id": "r-1", "outcome": "failed", "reason": "task_failed", "finished_at": finished}
        value = {"last_run": last, "last_success": {"commit": COMMIT}, "ansible": {"version": "2.19.11"}, **changes}
        self.place("/var/lib/nexus-pull/state.json", json.dumps(value))


class Heartbeat(SpoolTest):
    def beat(self):
        self.quietly(heartbeat.heartbeat, self.paths)
        event = self.last()
        keeps_event_schema(event)
        size = len(json.dumps(event["data"], ensure_ascii=False, separators=(",", ":")).encode())
        self.assertLessEqual(size, 1024)
        return event

    def test_says_what_an_operator_asks_first(self):
        self.state()
        self.place("/run/reboot-required", "")
        data = self.beat()["data"]
        self.assertEqual((data["applied_sha"], data["ansible_version"]), (COMMIT, "2.19.11"))
        last = data["last_run"]
        self.assertEqual((last["run_id"], last["outcome"], last["reason"]), ("r-1", "failed", "task_failed"))
        self.assertTrue(60 <= last["ago_s"] < 600)
        self.assertEqual(data["os"]["id"], "debian")
        self.assertTrue(data["reboot_required"])
        self.assertEqual((data["heartbeat_s"], data["generation"]), (600, "a" * 64))
        self.assertGreaterEqual(data["disk_free_mib"], 0)
        self.assertEqual(data["spool"]["events"], 0)
        self.assertEqual(self.beat()["data"]["spool"]["events"], 1)

    def test_a_run_that_goes_on_is_no_last_run(self):
        running = {"run_id": "r-2", "outcome": "running"}
        self.state(last_run=running, before={"run_id": "r-1", "outcome": "unchanged"})
        self.assertEqual(self.beat()["data"]["last_run"], {"run_id": "r-1", "outcome": "unchanged"})
        self.state(last_run=running)
        self.assertNotIn("last_run", self.beat()["data"])

    def test_a_time_that_cannot_be_is_left_out(self):
        self.state(last_run={"run_id": "r-1", "outcome": "unchanged", "finished_at": "2999-01-01T00:00:00Z"})
        self.assertNotIn("ago_s", self.beat()["data"]["last_run"])

    def test_the_longest_facts_fit_into_a_kilobyte(self):
        from nexus_pull import facts

        long = ["2001:0db8:0000:0000:0000:0000:0000:%04x" % number for number in range(8)]
        original, facts.addresses = facts.addresses, lambda paths: long
        self.addCleanup(setattr, facts, "addresses", original)
        identity = {"fleet": "f" * 63, "vm": "v" * 63, "instance_id": "i" * 128}
        self.place("/etc/nexus-pull/agent.json", json.dumps({**self.config, "identity": identity}))
        self.place("/etc/os-release", "ID=%s\nVERSION_ID=%s\n" % ("x" * 40, "y" * 40))
        self.state(last_run={"run_id": "r" * 64, "outcome": "changed-intentional", "reason": "c" * 64})
        data = self.beat()["data"]
        self.assertEqual(data["addresses"], long, "what everybody looks for stays longest")
        self.assertNotIn("generation", data)

    def test_reports_what_was_dropped_and_only_once(self):
        spool = Spool(self.paths)
        with spool.locked() as record:
            record["dropped"] = 7
            spool.stream.save()
        data = self.beat()["data"]
        self.assertEqual((data["reason"], data["spool"]["dropped"]), ("events_dropped", 7))
        self.assertIn("7 events", data["message"])
        self.assertNotIn("reason", self.beat()["data"])

    def test_reports_that_events_were_set_aside(self):
        events.Recorder(self.paths, self.config).record("run.queued", run_id="r", trigger="timer")
        one = Spool(self.paths).waiting()[0]
        Spool(self.paths).set_aside(one, one.read(), {})
        self.assertEqual(self.beat()["data"]["reason"], "events_set_aside")

    def test_the_command_says_what_it_did(self):
        done = self.agent("heartbeat")
        self.assertEqual((done.returncode, done.stdout), (0, "nexus-pull: vm.heartbeat is in the spool (seq 1)\n"))
        self.place("/etc/nexus-pull/agent.json", json.dumps(configuration()))
        self.assertIn("no receiver is configured", self.agent("heartbeat").stdout)


class Booted(SpoolTest):
    def test_says_what_the_machine_is_and_which_boot_was_the_first(self):
        self.must_adopt(seed_of(self.config, {"receiver_key": KEY}))
        done = self.agent("boot")
        self.assertEqual(done.returncode, 0, done.stderr)
        event = self.last()
        keeps_event_schema(event)
        self.assertEqual(event["source"], "/fleets/dev/vms/nexus-01")
        data = event["data"]
        self.assertEqual((data["heartbeat_s"], data["generation"], data["first_boot"]), (600, "a" * 64, True))
        self.assertEqual(data["agent_sha256"], self.config["agent"]["sha256"])
        self.quietly(boot.boot, self.paths)
        self.assertFalse(self.last()["data"]["first_boot"])
        self.assertEqual(self.last()["data"]["spool"]["events"], 1)

    def test_without_a_receiver_it_says_so(self):
        self.place("/etc/nexus-pull/agent.json", json.dumps(configuration()))
        self.assertIn("no receiver", self.quietly(boot.boot, self.paths))
