"""By hand, with this project's own receiver: what it makes of the callback's events."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request

from tests import test_by_hand
from tests.receiver import SECRET
from tests.support import LIMIT_S, PROJECT, PlaybookTest, newest, unavailable


class RealReceiver(PlaybookTest):
    def start(self, folder):
        """(process, its address)."""
        node = shutil.which("node")
        if node is None or not os.path.isdir(PROJECT + "/node_modules/tsx"):
            unavailable("the receiver needs node and npm ci")
        where = ["--host", "127.0.0.1", "--port", "0", "--data", folder.run_directory + "/data"]
        log = open(folder.run_directory + "/receiver.out", "w+", encoding="utf-8")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [
                node,
                "--import",
                "tsx",
                "receiver/src/main.ts",
                *where,
                "--log-file",
                folder.run_directory + "/events.log",
            ],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], "HOME": folder.run_directory, "NEXUS_PULL_SECRET": SECRET},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and process.poll() is None:
            with open(log.name, encoding="utf-8") as stream:
                found = re.search(r"listening: (http://[^/]+)/status", stream.read())
            if found:
                return found.group(1)
            time.sleep(0.1)
        raise AssertionError("the receiver does not listen")

    def phase(self, address):
        with urllib.request.urlopen(address + "/status/nexus-01", timeout=60) as answer:
            return json.load(answer)["phase"]

    def test_a_run_by_hand_makes_its_vm_configured_and_a_failure_failed(self):
        ((_, venv),) = newest().items()
        folder = test_by_hand.ByHand.repository(self, test_by_hand.play("{ansible.builtin.debug: {}}"))
        address = self.start(folder)
        receiver = type("Address", (), {"url": address})
        settings = test_by_hand.ByHand.settings(self, folder, receiver)
        code, said = folder.play(venv, **settings)
        self.assertEqual(code, 0, said)
        self.assertNotIn("nexus_pull", said)
        self.assertEqual(self.phase(address), "Configured")
        folder.write({"site.yml": test_by_hand.play("{ansible.builtin.fail: {}}")})
        test_by_hand.git(folder, "commit", "-qam", "two")
        self.assertEqual(folder.play(venv, **settings)[0], 2)
        self.assertEqual(self.phase(address), "Failed")
