"""python3 -m truth.run_cases: cases of the truth table with one ansible-core -> JSON, a line a case."""

import argparse
import concurrent.futures
import json
import os
import sys
import threading
import time
import traceback

from tests import PROGRAM
from truth import cases_bootstrap, cases_ends, cases_playbook, cases_run, cases_source  # noqa: F401 - they register
from truth.machine import Machine
from truth.registry import CASES
from truth.servers import Servers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", required=True, help="folder of a venv with ansible-core")
    parser.add_argument("--ssh-port", type=int, required=True)
    parser.add_argument("--ssh-host-key", required=True, help="the server's public key")
    parser.add_argument("--deploy-key", required=True, help="file of the private key that it accepts")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("cases", nargs="*", help="their ids; all when none is given")
    arguments = parser.parse_args()
    servers = Servers(arguments)
    lock = threading.Lock()
    try:
        with concurrent.futures.ThreadPoolExecutor(arguments.workers) as pool:
            wanted = [name for name in CASES if not arguments.cases or name in arguments.cases]
            # What waits for pauses first: it fills the time of the others.
            wanted.sort(key=lambda name: not CASES[name].waits)
            for result in pool.map(lambda name: _one(name, arguments.core, servers), wanted):
                with lock:
                    print(json.dumps(result), flush=True)
    finally:
        servers.close()
    return 0


def _one(name, core, servers):
    begun = time.monotonic()
    machine = Machine(name, core, PROGRAM, servers.receiver.url)
    problem = None
    try:
        CASES[name].function(machine, servers)
    except Exception:  # noqa: BLE001 - one case must not end the others
        problem = traceback.format_exc(limit=4)
    try:
        # What the receiver got is what counts, not what the agent has written down.
        machine.deliver()
    except Exception:  # noqa: BLE001
        problem = (problem or "") + traceback.format_exc(limit=4)
    try:
        return {
            "case": name,
            "events": servers.delivered(machine.config["identity"]["vm"]),
            "problem": problem,
            "last": machine.facts.get("last"),
            "skipped": machine.facts.get("skipped"),
            "log": machine.log()[-6000:],
            "seconds": round(time.monotonic() - begun, 1),
        }
    finally:
        machine.close()


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
