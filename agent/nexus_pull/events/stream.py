"""Which machine speaks: (instance id, stream), and what is counted per stream."""

import hashlib
import json
import os

from nexus_pull import facts, files
from nexus_pull.errors import AgentError, is_full


class Stream:
    """stream.json. Whoever calls holds the spool's lock.

    `seq` in it is the highest number whose event has left the spool: the next number is one above that and above what
    waits. So an event is one file, and there is no moment in which its number is taken and the event is not there.
    """

    def __init__(self, paths, reserve):
        self._paths = paths
        self._path = paths.stream
        self._machine_id_path = paths.machine_id
        self._reserve = reserve
        self.record = None

    def load(self, highest_epoch=0):
        """Read it, or begin a stream: on a new machine, and on a clone of one that had a stream."""
        record = files.read_json(self._path)
        if not isinstance(record, dict) or "random_id" not in record:
            record = {"random_id": os.urandom(16).hex()}
        hardware = record.get("hardware", {})
        record = self._of_this_hardware({"epoch": highest_epoch, **self._fresh(), **record})
        stream = self._name(record["random_id"])
        changed = record["hardware"] != hardware
        if record.get("stream") != stream:
            record.update(self._fresh(), stream=stream, epoch=max(record["epoch"], highest_epoch) + 1)
            changed = True
        self.record = record
        if changed:
            self._save_if_there_is_room()
        return record

    def _of_this_hardware(self, record):
        """What Proxmox changes for a copy tells it from the original, whose disk it has: a copy begins a stream of its own."""
        there, known = facts.hardware(self._paths), record.get("hardware") or {}
        if any(known.get(name, value) != value for name, value in there.items()):
            record.update(random_id=os.urandom(16).hex())
        return {**record, "hardware": {**known, **there}}

    def another(self):
        """(random id, name) of a stream that this machine could begin."""
        random_id = os.urandom(16).hex()
        return random_id, self._name(random_id)

    def begin(self, random_id):
        """Begin that stream; its events lie ready. The one moment that counts in restream.begin."""
        epoch = self.record["epoch"] + 1
        self.record.update(self._fresh(), random_id=random_id, stream=self._name(random_id), epoch=epoch, moving=True)
        self.save()

    @property
    def moving(self):
        return self.record.get("moving", False)

    def settled(self):
        self.record["moving"] = False
        self.save()

    def _fresh(self):
        return {"seq": 0, "said": [], "dropped": 0, "drops_reported": 0, "moving": False}

    def save(self):
        content = (json.dumps(self.record, indent=2, sort_keys=True) + "\n").encode()
        self._reserve.write_state(self._path, content)

    def _save_if_there_is_room(self):
        # A first boot on a full disk: the events of this process still have one stream, and are at least said.
        try:
            self.save()
        except OSError as error:
            if not is_full(error):
                raise

    def _name(self, random_id):
        return hashlib.sha256(("%s:%s" % (self._machine_id(), random_id)).encode()).hexdigest()[:32]

    def _machine_id(self):
        try:
            with open(self._machine_id_path, encoding="ascii") as source:
                return source.read().strip()
        except OSError as error:
            raise AgentError("bootstrap_step_failed", "/etc/machine-id cannot be read: %s" % error.strerror) from error
