"""Machines of the delivery tests: each is delivery_agent.py in a process of its own, with a spool of its own."""

import os
import shutil
import subprocess
import sys
import tempfile

from nexus_pull import files
from nexus_pull.events.spool import Spool
from nexus_pull.paths import Paths
from tests import PROGRAM
from tests.support import configuration


class Fleet:
    """`keys`: {VM: its key}. Each has `writers` writers of `each` events, and processes that are killed `kills` times."""

    def __init__(self, url, keys, seed, writers, each, kills):
        self.vms = list(keys)
        self._url, self._keys, self._seed = url, keys, seed
        self._writers, self._each, self._kills = writers, each, kills
        # In memory where that is possible: a kill shows no missing fsync anyway (test_events.py does), it only waits for them.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._folder = tempfile.mkdtemp(prefix="nexus-pull-delivery-", dir=memory)

    def remove(self):
        shutil.rmtree(self._folder, ignore_errors=True)

    def live(self, longest_s):
        """Until all have written and nothing waits. Exit statuses."""
        machines = [self._start(vm) for vm in self.vms]
        try:
            return [machine.wait(longest_s) for machine in machines]
        finally:
            for machine in machines:
                machine.kill()
                machine.wait()

    def acknowledged(self, vm):
        """{event id: run id} of what `record` returned for."""
        found = {}
        for writer in range(self._writers):
            with open("%s/acknowledged-writer-%d" % (self._root(vm), writer), encoding="ascii") as stream:
                found.update(line.split() for line in stream)
        return found

    def left(self, vm):
        """What did not arrive, and is known not to have."""
        spool = Spool(Paths(self._root(vm)))
        counts = spool.counts()
        return {"waiting": len(spool.waiting()), "set_aside": counts["set_aside"], "dropped": counts["dropped"]}

    def _root(self, vm):
        return os.path.join(self._folder, vm)

    def _start(self, vm):
        number, root = self.vms.index(vm), self._root(vm)
        identity = {"fleet": "dev", "vm": vm, "instance_id": "iid-%d" % number}
        config = configuration(identity=identity, receiver={"url": self._url, "heartbeat_s": 900})
        paths = Paths(root)
        for folder in (paths.etc, paths.secrets, os.path.dirname(paths.machine_id)):
            files.make_directory(folder)
        files.write_json(paths.config, config)
        files.write(paths.secret("receiver_key"), self._keys[vm].encode())
        files.write(paths.machine_id, b"%032x\n" % number)
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "delivery_agent.py")
        seed = "%s/%d" % (self._seed, number)
        numbers = [str(value) for value in (self._writers, self._each, self._kills)]
        return subprocess.Popen([sys.executable, program, PROGRAM, root, files.json.dumps(config), seed, *numbers])
