"""Which machine speaks: (instance id, stream) and the stream's one counter."""

import hashlib
import secrets

from nexus_pull import files
from nexus_pull.errors import AgentError


class Stream:
    """The stream of this machine; `take` hands out its next number, on disk before it is used."""

    def __init__(self, paths):
        self._path = paths.stream
        self._lock = paths.stream + ".lock"
        self._machine_id_path = paths.machine_id
        files.make_directory(paths.var)

    def take(self, kind):
        """(stream, seq, whether the stream said `kind` for the first time)."""
        with files.locked(self._lock):
            record = self._load()
            first = kind not in record["said"]
            record["seq"] += 1
            record["said"] = sorted({*record["said"], kind})
            files.write_json(self._path, record)
        return record["stream"], record["seq"], first

    def _load(self):
        record = files.read_json(self._path) or {"random_id": secrets.token_hex(16)}
        name = "%s:%s" % (self._machine_id(), record["random_id"])
        stream = hashlib.sha256(name.encode()).hexdigest()[:32]
        if record.get("stream") != stream:
            # New, or a clone of a machine that had a stream: its numbers begin anew.
            record.update(stream=stream, seq=0, said=[])
        return record

    def _machine_id(self):
        try:
            with open(self._machine_id_path, encoding="ascii") as source:
                return source.read().strip()
        except OSError as error:
            raise AgentError("bootstrap_step_failed", "/etc/machine-id cannot be read: %s" % error.strerror) from error
