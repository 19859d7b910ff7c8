"""10,000 events through a bad network, from agents that are killed -9 at random: none lost, none doubled, in order.

NEXUS_PULL_SEED repeats the dice of a run; which instruction a kill hits is up to the machine.
"""

import os
import random
import sys
import unittest

from tests.delivery_fleet import Fleet
from tests.faulty_network import Faults, Receiver, proxy, serve

MACHINES, WRITERS, EACH, KILLS = 4, 2, 1250, 25
LONGEST_S = 600


class Delivery(unittest.TestCase):
    def setUp(self):
        self.seed = os.environ.get("NEXUS_PULL_SEED") or "%08x" % random.getrandbits(32)
        keys = {"vm-%d" % number: "%064x" % number for number in range(MACHINES)}
        self.receiver = Receiver(keys)
        self.faults = Faults(self.seed)
        server = serve(self.receiver)
        front = proxy(server.begin(), self.faults)
        url = "http://127.0.0.1:%d/webhook" % front.begin()
        for each in (front, server):
            self.addCleanup(each.server_close)
            self.addCleanup(each.shutdown)
        self.fleet = Fleet(url, keys, self.seed, WRITERS, EACH, KILLS)
        self.addCleanup(self.fleet.remove)

    def test_nothing_is_lost_nothing_is_doubled_and_the_order_is_kept(self):
        print("\nNEXUS_PULL_SEED=%s" % self.seed, file=sys.stderr)
        self.assertEqual(self.fleet.live(LONGEST_S), [0] * MACHINES)
        self.assertEqual(self.receiver.conflicts, [], "a number was used for two events")
        for vm in self.fleet.vms:
            self.check(vm)
        total = sum(len(self.fleet.acknowledged(vm)) for vm in self.fleet.vms)
        self.assertGreaterEqual(total, MACHINES * WRITERS * EACH)
        # Else the network was a good one, and nothing was proved.
        self.assertEqual(set(self.faults.seen), {name for name, _ in Faults.SHARES})
        self.assertGreater(self.receiver.duplicates, 0)
        print(
            "%d events acknowledged, %d stored, %d requests, %d duplicates, faults %s"
            % (total, len(self.receiver.stored), self.receiver.requests, self.receiver.duplicates, self.faults.seen),
            file=sys.stderr,
        )

    def check(self, vm):
        self.assertEqual(self.fleet.left(vm), {"waiting": 0, "set_aside": 0, "dropped": 0})
        arrived = [event for event in self.receiver.order if event["data"]["vm"] == vm]
        self.assertEqual(len({event["data"]["stream"] for event in arrived}), 1)
        # First arrivals in order and without a gap: nothing was overtaken, nothing recorded is missing.
        self.assertEqual([event["data"]["seq"] for event in arrived], list(range(1, len(arrived) + 1)))
        said = {event["id"]: event["data"]["run_id"] for event in arrived}
        acknowledged = self.fleet.acknowledged(vm)
        self.assertEqual({key: said.get(key) for key in acknowledged}, acknowledged)
