"""Agents that deliver to a receiver which is there already, through a bad network, while they are killed -9.

    python3 -m tests.delivery_through <ORDER >REPORT

ORDER: {"port": the receiver's, "keys": {VM: key}, "seed", "writers", "each", "kills"}. REPORT: {"statuses", "faults",
"vms": {VM: {"left", "acknowledged": {event id: run id}}}}.
"""

import json
import sys

from tests.delivery_fleet import Fleet
from tests.faulty_network import Faults, proxy

LONGEST_S = 300


def main():
    order = json.load(sys.stdin)
    faults = Faults(order["seed"])
    front = proxy(order["port"], faults)
    url = "http://127.0.0.1:%d/webhook" % front.begin()
    fleet = Fleet(url, order["keys"], order["seed"], order["writers"], order["each"], order["kills"])
    try:
        report = {"statuses": fleet.live(LONGEST_S), "faults": faults.seen}
        report["vms"] = {vm: {"left": fleet.left(vm), "acknowledged": fleet.acknowledged(vm)} for vm in fleet.vms}
    finally:
        fleet.remove()
        front.shutdown()
        front.server_close()
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
