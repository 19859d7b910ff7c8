"""The spool on a file system of one megabyte that has no block left, and from there to the receiver."""

import contextlib
import os
import subprocess

from nexus_pull import events, files
from nexus_pull.events.spool import Spool
from tests.test_events import EventsTest
from tests.test_flush import FlushTest


class SmallDisk:
    """Mounts a small tmpfs where the agent keeps what is to stay: skipped loudly where that is not allowed, failed in CI."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.paths.var, exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", self.paths.var]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            if os.environ.get("CI"):
                self.fail("in CI every test runs: %s" % done.stderr)
            self.skipTest("NOT TESTED: no right to mount a small tmpfs: %s" % done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.paths.var], check=False)

    def fill(self):
        with contextlib.suppress(OSError), open(self.paths.var + "/filler", "wb", buffering=0) as stream:
            while True:
                stream.write(b"\0" * 4096)
        self.assertEqual(os.statvfs(self.paths.var).f_bavail, 0)

    def make_room(self):
        os.unlink(self.paths.var + "/filler")

    def dropped(self):
        return files.read_json(self.paths.stream)["dropped"]


class Kept(SmallDisk, EventsTest):
    def setUp(self):
        super().setUp()
        # On this disk from its first event on: its reserve lies there too.
        self.recorder = events.Recorder(self.paths, self.config, now=lambda: 1767225600)

    def counted(self, made):
        """All that was recorded is there, or was counted as dropped; in order. Their kinds."""
        waiting = self.waiting()
        dropped = self.dropped()
        self.assertEqual(len(waiting) + dropped, made)
        seqs = [event["data"]["seq"] for event in waiting]
        self.assertEqual(seqs, sorted(set(seqs)))
        return [event["type"].rsplit(".", 1)[-1] for event in waiting], dropped

    def test_the_last_words_are_kept_and_when_there_is_room_all_is(self):
        made = 5
        for number in range(made):
            self.record("run.progress", run_id="r-1", tasks_run=number)
        self.fill()
        while self.dropped() <= 5:
            self.record("run.interrupted", run_id="r-1", reason="disk_full", outcome="interrupted")
            made += 1
            self.assertLess(made, 1000, "the disk is never full")
        kinds, dropped = self.counted(made)
        self.assertNotIn("progress", kinds)
        # Another process, as the flusher is one: what it finds is whole.
        self.assertEqual(len(Spool(self.paths).waiting()), len(kinds))
        Spool(self.paths).finish(Spool(self.paths).waiting()[:3])
        self.make_room()
        for _ in range(20):
            self.record()
        after, dropped_after = self.counted(made + 20 - 3)
        self.assertEqual((after.count("queued"), dropped_after), (20, dropped))
        self.assertEqual(Spool(self.paths).unreported_drops(), dropped)
        # The reserve is there again for the next time.
        self.fill()
        self.record()
        self.assertEqual(self.counted(made + 20 - 3 + 1)[1], dropped)


class Delivered(SmallDisk, FlushTest):
    def test_all_that_was_kept_is_delivered_and_what_was_not_is_said(self):
        receiver = self.receiver()
        self.adopted(receiver.url)
        made = self.record(5)
        self.fill()
        while self.dropped() < 3:
            made += self.quietly(self.record)
            self.assertLess(len(made), 1000, "the disk is never full")
        kept = self.waiting()
        dropped = self.dropped()
        self.assertEqual(len(kept) + dropped, len(made))
        self.assertEqual([event for event in made if event in kept], kept)
        self.make_room()
        after = self.record(2)
        self.assertEqual(self.flush(), 0)
        came = [event for body in self.bodies(receiver) for event in (body if isinstance(body, list) else [body])]
        self.assertEqual(came[: len(kept) + 2], kept + after)
        said = [event for event in came[len(kept) + 2 :] if event["type"] == "io.nexus-pull.vm.heartbeat"]
        self.assertEqual([event["data"]["spool"]["dropped"] for event in said], [dropped])
        self.assertEqual(files.read_json(self.paths.stream)["drops_reported"], dropped)
