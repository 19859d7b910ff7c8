"""10,000 events through a bad network, from agents that are killed -9 at random: none lost, none doubled, in order.

NEXUS_PULL_SEED repeats the dice of a run; which instruction a kill hits is up to the machine.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

from nexus_pull import files
from nexus_pull.events.spool import Spool
from nexus_pull.paths import Paths
from tests import PROGRAM
from tests.faulty_network import Faults, Receiver, proxy, serve
from tests.support import configuration

MACHINES, WRITERS, EACH, KILLS = 4, 2, 1250, 25
LONGEST_S = 600
KEY = "%064x"


class Delivery(unittest.TestCase):
    def setUp(self):
        self.seed = os.environ.get("NEXUS_PULL_SEED") or "%08x" % random.getrandbits(32)
        self.receiver = Receiver({self.name(number): KEY % number for number in range(MACHINES)})
        self.faults = Faults(self.seed)
        server = serve(self.receiver)
        front = proxy(server.begin(), self.faults)
        self.url = "http://127.0.0.1:%d/webhook" % front.begin()
        for each in (front, server):
            self.addCleanup(each.server_close)
            self.addCleanup(each.shutdown)
        # In memory where that is possible: a kill shows no missing fsync anyway (test_events.py does), it only waits for them.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="nexus-pull-delivery-", dir=memory)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def name(self, number):
        return "vm-%d" % number

    def root(self, number):
        return os.path.join(self.folder, self.name(number))

    def start(self, number):
        root = self.root(number)
        identity = {"fleet": "dev", "vm": self.name(number), "instance_id": "iid-%d" % number}
        config = configuration(identity=identity, receiver={"url": self.url, "heartbeat_s": 900})
        paths = Paths(root)
        for folder in (paths.etc, paths.secrets, os.path.dirname(paths.machine_id)):
            files.make_directory(folder)
        files.write_json(paths.config, config)
        files.write(paths.secret("receiver_key"), (KEY % number).encode())
        files.write(paths.machine_id, b"%032x\n" % number)
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "delivery_agent.py")
        seed = "%s/%d" % (self.seed, number)
        numbers = [str(value) for value in (WRITERS, EACH, KILLS)]
        argv = [sys.executable, program, PROGRAM, root, files.json.dumps(config), seed, *numbers]
        return subprocess.Popen(argv)

    def acknowledged(self, number):
        """{event id: run id} of what `record` returned for."""
        found = {}
        for writer in range(WRITERS):
            with open("%s/acknowledged-writer-%d" % (self.root(number), writer), encoding="ascii") as stream:
                found.update(line.split() for line in stream)
        return found

    def test_nothing_is_lost_nothing_is_doubled_and_the_order_is_kept(self):
        print("\nNEXUS_PULL_SEED=%s" % self.seed, file=sys.stderr)
        machines = [self.start(number) for number in range(MACHINES)]
        try:
            self.assertEqual([machine.wait(LONGEST_S) for machine in machines], [0] * MACHINES)
        finally:
            for machine in machines:
                machine.kill()
                machine.wait()
        self.assertEqual(self.receiver.conflicts, [], "a number was used for two events")
        for number in range(MACHINES):
            self.check(number)
        total = sum(len(self.acknowledged(number)) for number in range(MACHINES))
        self.assertGreaterEqual(total, MACHINES * WRITERS * EACH)
        # Else the network was a good one, and nothing was proved.
        self.assertEqual(set(self.faults.seen), {name for name, _ in Faults.SHARES})
        self.assertGreater(self.receiver.duplicates, 0)
        print(
            "%d events acknowledged, %d stored, %d requests, %d duplicates, faults %s"
            % (total, len(self.receiver.stored), self.receiver.requests, self.receiver.duplicates, self.faults.seen),
            file=sys.stderr,
        )

    def check(self, number):
        spool = Spool(Paths(self.root(number)))
        self.assertEqual([one.name for one in spool.waiting()], [], "something still waits")
        counts = spool.counts()
        self.assertEqual((counts["set_aside"], counts["dropped"]), (0, 0))
        arrived = [event for event in self.receiver.order if event["data"]["vm"] == self.name(number)]
        self.assertEqual(len({event["data"]["stream"] for event in arrived}), 1)
        # First arrivals in order and without a gap: nothing was overtaken, nothing recorded is missing.
        self.assertEqual([event["data"]["seq"] for event in arrived], list(range(1, len(arrived) + 1)))
        said = {event["id"]: event["data"]["run_id"] for event in arrived}
        acknowledged = self.acknowledged(number)
        self.assertEqual({key: said.get(key) for key in acknowledged}, acknowledged)
