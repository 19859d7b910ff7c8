"""Make an event and keep it: the one way in which this agent says anything to its receiver."""

import hashlib
import json
import os
import time

from nexus_pull import facts, files
from nexus_pull.console import say
from nexus_pull.events import limits
from nexus_pull.events.spool import Spool

TYPE_PREFIX = "io.nexus-pull."


def config_digest(config):
    """sha256 of the settings that shape a run (event.schema.json), which hold no secrets."""
    shaping = {"source": config["source"], "run": config["run"]}
    return hashlib.sha256(json.dumps(shaping, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


def source_of(config):
    """The CloudEvents source of the machine that this is the configuration of."""
    return "/fleets/%s/vms/%s" % (config["identity"]["fleet"], config["identity"]["vm"])


class Recorder:
    """Records events of the machine that `config` describes (agent.json, as config.load gives it)."""

    def __init__(self, paths, config, now=time.time):
        self._paths = paths
        self._who = config["identity"]
        self._source = source_of(config)
        self._delivers = config["receiver"] is not None
        self._now = now
        self._spool = Spool(paths)

    def record(self, kind, **data):
        """Keep an event of this type ("run.started") and return it, whole.

        It is on disk when this returns; no network is touched: the flusher sends it. What goes into every event
        (identity, stream, seq, boot_id, uptime_s, clock_synced; first_boot of vm.booted) is added here; a value of None
        is left out, and texts and lists are cut to the contract's lengths. Safe from several processes at once. A full
        disk is no error of the caller: then the reserve is used, and what could not be kept is said on the console,
        counted, and reported later.
        """
        made = []

        def make(stream, seq, first):
            made.append(self.make(kind, stream, seq, first, data))
            return limits.encode(made[0])

        kept = self._spool.add(kind, make)
        event = made[0]
        self._log(event)
        if not kept:
            say(self._paths, "disk full: the event %s %s could NOT be kept" % (event["id"], kind))
        elif not self._delivers:
            self._spool.finish()
        return event

    def make(self, kind, stream, seq, first, data):
        """The event itself; only `record` and the beginning of another stream give numbers."""
        own = {"first_boot": first, **data} if kind == "vm.booted" else data
        own = limits.fit({key: value for key, value in own.items() if value is not None})
        return {
            "specversion": "1.0",
            "id": "%s-%d" % (stream, seq),
            "source": self._source,
            "type": TYPE_PREFIX + kind,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now())),
            "datacontenttype": "application/json",
            "data": {**own, **self._common(stream, seq)},
        }

    def common_bytes(self):
        """How much of an event's data, at most, is what `record` adds."""
        return len(json.dumps(self._common("0" * 32, 2**53), separators=(",", ":"))) + 8

    def _common(self, stream, seq):
        return {
            "fleet": self._who["fleet"],
            "vm": self._who["vm"],
            "instance_id": self._who["instance_id"],
            "stream": stream,
            "seq": seq,
            "boot_id": facts.boot_id(),
            "uptime_s": facts.uptime_s(),
            "clock_synced": facts.clock_synced(),
        }

    def _log(self, event):
        """One line in the log: what was said is known on the machine too, with or without a receiver."""
        data = event["data"]
        shown = {key: data[key] for key in ("run_id", "step", "status", "outcome", "reason", "message") if key in data}
        line = "%s event %s %s %s" % (event["time"], event["id"], event["type"][len(TYPE_PREFIX) :], json.dumps(shown))
        try:
            files.make_directory(os.path.dirname(self._paths.log), 0o755)
            descriptor = os.open(self._paths.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError:
            return  # it is in the spool, which counts
        try:
            os.write(descriptor, (line + "\n").encode(errors="replace"))
        except OSError:
            pass
        finally:
            os.close(descriptor)
