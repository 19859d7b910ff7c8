import base64
import json
import os
import shutil
import subprocess
import sys
import unittest

from nexus_pull import adopt, files
from nexus_pull.events.spool import Spool
from tests import PROGRAM
from tests.support import KEY, UNIT, UNIT_TEXT, MachineTest, configuration, seed_of, sha256

SECRETS = {"git_token": "t0ken-one", "deploy_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"}
OLD = seed_of(configuration(), SECRETS)
NEW = seed_of(
    configuration(generation="b" * 64, source={"ref": "next"}),
    {"git_token": "t0ken-two"},
    {"/etc/systemd/system/nexus-pull-heartbeat.service": "[Unit]\n\n[Install]\nWantedBy=cloud-init.target\n"},
)


class Crash(BaseException):
    """Stands for the power going: nothing after it runs, `except Exception` included."""


class Adopt(MachineTest):
    def test_puts_everything_in_place(self):
        self.must_adopt(OLD)
        self.assertEqual(sha256(self.root + "/usr/local/bin/nexus-pull-agent"), sha256(PROGRAM))
        self.assertEqual(self.mode("/usr/local/bin/nexus-pull-agent"), "0o755")
        self.assertEqual(self.mode("/etc/nexus-pull"), "0o700")
        self.assertEqual(self.mode("/etc/nexus-pull/agent.json"), "0o600")
        self.assertEqual(self.mode("/etc/nexus-pull/secrets"), "0o700")
        self.assertEqual(self.mode("/etc/nexus-pull/secrets/git_token"), "0o600")
        self.assertEqual(self.read("/etc/nexus-pull/secrets/git_token"), "t0ken-one")
        self.assertEqual(self.mode(UNIT), "0o644")
        self.assertFalse([path for path in self.tree() if files.NEW_SUFFIX in path])

    def test_gives_a_private_key_its_final_newline(self):
        self.must_adopt(OLD)
        self.assertTrue(self.read("/etc/nexus-pull/secrets/deploy_key").endswith("AAAA\n"))

    def test_tells_systemd_in_the_right_order(self):
        self.must_adopt(OLD)
        self.assertEqual(
            self.read("/systemctl.log").splitlines(),
            ["daemon-reload", "enable nexus-pull.service", "start --no-block nexus-pull.service"],
        )

    def test_rewrites_nothing_for_the_generation_it_has(self):
        self.must_adopt(OLD)
        before = self.inodes()
        os.unlink(self.root + "/systemctl.log")
        self.must_adopt(OLD)
        self.assertEqual(self.inodes(), before)
        self.assertFalse(self.exists("/systemctl.log"))

    def inodes(self):
        found = {path: os.stat(self.root + path) for path in self.state_tree() if path != "/seed.json"}
        return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}

    def test_takes_another_generation_and_removes_what_it_lacks(self):
        self.must_adopt(OLD)
        self.must_adopt(NEW)
        self.assertIn('"ref": "next"', self.read("/etc/nexus-pull/agent.json"))
        self.assertEqual(self.read("/etc/nexus-pull/secrets/git_token"), "t0ken-two")
        self.assertFalse(self.exists("/etc/nexus-pull/secrets/deploy_key"))
        self.assertFalse(self.exists(UNIT))
        self.assertIn("disable nexus-pull.service", self.read("/systemctl.log"))

    def test_uses_the_images_agent_without_copying_it(self):
        self.must_adopt(OLD)
        installed = self.root + "/usr/local/bin/nexus-pull-agent"
        inode = os.stat(installed).st_ino
        done = self.agent("adopt", "--seed", self.write_seed(NEW), program=installed)
        self.assertEqual((done.returncode, os.stat(installed).st_ino), (0, inode), done.stderr)

    def test_leaves_it_to_bootstrap_to_report_that_the_image_has_another_agent(self):
        installed = self.place("/usr/local/bin/nexus-pull-agent", "")
        shutil.copy(PROGRAM, installed)
        seed = self.write_seed(seed_of(configuration(agent={"version": "9.9.9", "sha256": "f" * 64})))
        done = self.agent("adopt", "--seed", seed, program=installed)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.agent("bootstrap", program=installed)
        self.assertEqual(done.returncode, 1)
        self.assertIn("agent_mismatch: the configuration asks for agent 9.9.9", self.read("/dev/console"))

    def test_refuses_another_agent_than_the_configured_one(self):
        done = self.adopt(seed_of(configuration(agent={"sha256": "0" * 64})))
        self.assertEqual(done.returncode, 1)
        self.assertIn("agent_mismatch", self.read("/dev/console"))
        self.assertFalse(self.exists("/etc/nexus-pull/agent.json"))

    def test_says_a_failure_on_the_console_and_keeps_the_old_state(self):
        self.must_adopt(OLD)
        before = self.state_tree()
        for broken in ("", "{", "[]", '{"config": CANARY}', '{"secrets": {"git_token": "CANARY"}}', "\x00"):
            with self.subTest(broken):
                done = self.adopt(broken)
                self.assertEqual(done.returncode, 1)
                self.assertIn("adopt FAILED: seed_invalid", self.read("/dev/console"))
                self.assertNotIn("CANARY", done.stdout + done.stderr + self.read("/dev/console"))
        after = self.state_tree()
        for path in ("/seed.json", "/dev/console", "/run/nexus-pull/not-adopted.json"):
            before.pop(path, None), after.pop(path, None)
        self.assertEqual(before, after)

    def test_says_so_when_systemd_refuses_and_tries_again_at_the_next_boot(self):
        self.place("/systemctl.fails", "")
        done = self.adopt(OLD)
        self.assertEqual(done.returncode, 1)
        self.assertIn("daemon-reload", self.read("/dev/console"))
        os.unlink(self.root + "/systemctl.fails")
        os.unlink(self.root + "/systemctl.log")
        self.must_adopt(OLD)
        self.assertIn("start --no-block nexus-pull.service", self.read("/systemctl.log"))
        self.assertFalse(self.exists("/etc/nexus-pull/adopting.json"))

    def test_a_failure_is_told_to_the_receiver_and_by_status_until_a_seed_is_adopted(self):
        receiver = {"url": "http://receiver.example/webhook", "heartbeat_s": 900}
        self.must_adopt(seed_of(configuration(receiver=receiver), {"receiver_key": KEY}))
        self.assertEqual(self.adopt("{").returncode, 1)
        self.assertEqual(self.agent("boot").returncode, 0)
        self.assertEqual(self.agent("heartbeat").returncode, 0)
        told = [(event["type"][14:], event["data"].get("reason")) for event in self.spooled()]
        self.assertEqual(told, [("vm.booted", "seed_invalid"), ("vm.heartbeat", "seed_invalid")])
        self.assertIn("adopting the seed failed: the seed is not JSON", self.spooled()[0]["data"]["message"])
        said = self.agent("status")
        self.assertEqual(said.returncode, 1)
        self.assertIn("SEED NOT ADOPTED: seed_invalid: adopting", said.stdout)
        self.must_adopt(seed_of(configuration(receiver=receiver, generation="c" * 64), {"receiver_key": KEY}))
        self.agent("boot")
        self.assertNotIn("reason", self.spooled()[-1]["data"])
        self.assertEqual(self.agent("status").returncode, 0)

    def spooled(self):
        return [json.loads(one.read()) for one in Spool(self.paths).waiting()]

    def test_needs_no_console(self):
        os.unlink(self.root + "/dev/console")
        self.assertEqual(self.adopt("{").returncode, 1)

    def test_removes_secrets_that_an_interrupted_adoption_left_beside_their_place(self):
        self.must_adopt(OLD)
        self.place("/etc/nexus-pull/secrets/vault_password" + files.NEW_SUFFIX, "CANARY")
        self.must_adopt(OLD)
        self.assertFalse([path for path in self.tree() if files.NEW_SUFFIX in path])

    def test_refuses_a_seed_that_places_a_file_twice(self):
        seed = seed_of(configuration())
        seed["files"] *= 2
        self.assertIn("twice", self.adopt(seed).stderr)

    def test_does_not_follow_a_link_in_a_temporary_files_place(self):
        victim = self.place("/victim", "untouched")
        self.must_adopt(OLD)
        os.symlink(victim, self.root + "/etc/nexus-pull/secrets/git_token" + files.NEW_SUFFIX)
        self.must_adopt(NEW)
        self.assertEqual(self.read("/victim"), "untouched")

    def test_carries_bytes_exactly(self):
        text = "[Unit]\nDescription=\u00e9 $x %n \\ \"quoted\" 'single' \U0001f511\n"
        self.must_adopt(seed_of(configuration(), files={UNIT: text}))
        self.assertEqual(self.read(UNIT), text)


class PowerCut(MachineTest):
    """Cut after every single step that changes the disk: what the next start sees is the old state or the new one."""

    STEPS = ("write_new", "commit", "remove")

    def interesting(self):
        kept = ("/etc/", "/usr/local/")
        return {p: c for p, c in self.tree().items() if p.startswith(kept) and files.NEW_SUFFIX not in p}

    def cut_at(self, count):
        """Adopt NEW over OLD; the power goes before the count-th step. Returns whether it did."""
        done, originals = [0], {name: getattr(files, name) for name in self.STEPS}

        def counted(original):
            def step(*arguments, **named):
                done[0] += 1
                if done[0] > count:
                    raise Crash()
                return original(*arguments, **named)

            return step

        for name in self.STEPS:
            setattr(files, name, counted(originals[name]))
        try:
            self.quietly(adopt.adopt, self.paths, self.write_seed(NEW), PROGRAM)
            return False
        except Crash:
            return True
        finally:
            for name in self.STEPS:
                setattr(files, name, originals[name])

    def fresh(self):
        for folder in ("/etc/nexus-pull", "/etc/systemd", "/usr/local", "/var", "/run"):
            shutil.rmtree(self.root + folder, ignore_errors=True)
        self.quietly(adopt.adopt, self.paths, self.write_seed(OLD), PROGRAM)

    def test_leaves_the_old_state_or_the_new_one(self):
        self.fresh()
        old = self.interesting()
        self.quietly(adopt.adopt, self.paths, self.write_seed(NEW), PROGRAM)
        new = self.interesting()
        seen, count = set(), 0
        while True:
            self.fresh()
            if not self.cut_at(count):
                break
            # What `run` does first: it reads agent.json and the secrets, so these must belong together.
            self.quietly(adopt.recover_files, self.paths)
            which = self.state_seen(old, new)
            self.assertIsNotNone(which, "a mix after %d steps" % count)
            seen.add(which)
            # And the next boot ends where an undisturbed one would have.
            self.quietly(adopt.adopt, self.paths, self.write_seed(NEW), PROGRAM)
            self.assertEqual(self.interesting(), new, "after %d steps" % count)
            self.assertFalse([path for path in self.tree() if files.NEW_SUFFIX in path])
            count += 1
        self.assertEqual(seen, {"old", "new"})
        self.assertGreater(count, 15)

    def state_seen(self, old, new):
        """Files that the new state removes may outlive it until the next boot: nothing reads them any more."""
        now = self.interesting()
        now.pop("/etc/nexus-pull/adopting.json", None)
        if now == old:
            return "old"
        extra = {path for path in now if path not in new}
        return "new" if {p: now.get(p) for p in new} == new and extra <= set(old) else None


@unittest.skipUnless(os.geteuid() == 0 or os.access("/proc/self/environ", os.R_OK), "needs /proc")
class Argv(MachineTest):
    def test_timers_follow_new_settings_and_stop_with_their_unit(self):
        timer = "/etc/systemd/system/nexus-pull.timer"
        text = "[Timer]\nOnUnitActiveSec=%d\n\n[Install]\nWantedBy=timers.target\n"
        self.must_adopt(seed_of(configuration(), files={UNIT: UNIT_TEXT, timer: text % 1800}))
        os.unlink(self.root + "/systemctl.log")
        self.must_adopt(seed_of(configuration(generation="b" * 64), files={UNIT: UNIT_TEXT, timer: text % 60}))
        self.assertEqual(
            self.read("/systemctl.log").splitlines()[-2:],
            ["restart --no-block nexus-pull.timer", "start --no-block nexus-pull.service"],
        )
        os.unlink(self.root + "/systemctl.log")
        self.must_adopt(seed_of(configuration(generation="c" * 64), files={UNIT: UNIT_TEXT}))
        told = self.read("/systemctl.log").splitlines()
        self.assertEqual(told[:2], ["disable nexus-pull.timer", "stop --no-block nexus-pull.timer"])
        self.assertFalse(self.exists(timer))

    def test_no_secret_reaches_systemctl(self):
        log = self.root + "/environment.log"
        self.place("/usr/bin/systemctl", '#!/bin/sh\n(env; echo "$*") >>"%s"\n' % log, 0o755)
        self.must_adopt(OLD)
        said = self.read("/environment.log")
        self.assertIn("daemon-reload", said)
        for secret in (*SECRETS.values(), base64.b64encode(b"t0ken-one").decode()):
            self.assertNotIn(secret, said)

    def test_runs_isolated_from_the_callers_python_settings(self):
        evil = self.place("/evil/json.py", "raise SystemExit('evil')\n")
        env = {**os.environ, "NEXUS_PULL_ROOT": self.root, "PYTHONPATH": os.path.dirname(evil)}
        done = subprocess.run([PROGRAM, "--version"], env=env, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(sys.executable)
