"""The events that wait to be sent: one file each, in the order of their numbers.

spool/<epoch>-<seq>.json  waiting; an epoch is one stream, in the order in which this machine began them
spool/recent/             the last ones that were delivered (or, without a receiver, recorded): for `status`
spool/set-aside/          refused for good, each with the refusal beside it
stream.json               see stream.py; its seq is raised BEFORE an event's file leaves the spool
Every process of the agent may record at any time: one lock, held for the length of a few writes, orders them.
"""

import contextlib
import os
import re

from nexus_pull import files
from nexus_pull.events import reserve as reserves
from nexus_pull.events.stream import Stream

NAME = re.compile(r"([0-9]{6})-([0-9]{16})\.json\Z")
RECENT = 20
# On a full disk these give way first: a later one of the kind says the same.
EXPENDABLE = ("run.progress", "vm.heartbeat", "bootstrap.step")


class Waiting:
    """One event's file."""

    def __init__(self, folder, name):
        match = NAME.match(name)
        self.name = name
        self.path = folder + "/" + name
        self.order = (int(match.group(1)), int(match.group(2)))

    @property
    def epoch(self):
        return self.order[0]

    @property
    def seq(self):
        return self.order[1]

    def read(self):
        with open(self.path, "rb") as stream:
            return stream.read()


class Spool:
    """The spool of this machine."""

    def __init__(self, paths):
        self.folder = paths.spool
        self.recent = paths.spool + "/recent"
        self.aside = paths.spool + "/set-aside"
        self._lock = paths.stream + ".lock"
        for folder in (paths.var, self.folder, self.recent, self.aside):
            files.make_directory(folder)
        self._reserve = reserves.Reserve(self.folder)
        self._stream = Stream(paths, self._reserve)

    @contextlib.contextmanager
    def locked(self):
        """Hold the lock; yields the stream's record and what waits, oldest first."""
        with files.locked(self._lock):
            waiting = self.waiting()
            yield self._stream.load(waiting[-1].epoch if waiting else 0), waiting

    def waiting(self):
        """What waits, oldest first."""
        names = [entry.name for entry in os.scandir(self.folder) if NAME.match(entry.name)]
        return sorted((Waiting(self.folder, name) for name in names), key=lambda one: one.order)

    def add(self, kind, make):
        """Number an event and keep it: `make(stream, seq, first)` gives its bytes. Returns whether it was kept."""
        with self.locked() as (record, waiting):
            taken = [one.seq for one in waiting if one.epoch == record["epoch"]]
            seq = max([record["seq"], *taken]) + 1
            first = kind not in record["said"]
            content = make(record["stream"], seq, first)
            kept = self._store("%06d-%016d.json" % (record["epoch"], seq), content, waiting)
            if kept and first:
                record["said"] = sorted({*record["said"], kind})
                with contextlib.suppress(OSError):
                    self._stream.save()
            self._reserve.fill()
            return kept

    def finish(self, done=None):
        """These (or all) were delivered, or nobody wants them: they leave the spool."""
        with self.locked() as (record, waiting):
            names = None if done is None else {one.name for one in done}
            gone = [one for one in waiting if names is None or one.name in names]
            self._raise(record, gone)
            for one in gone:
                os.replace(one.path, self.recent + "/" + one.name)
            files.sync_directory(self.folder)
        for name in sorted(os.listdir(self.recent))[:-RECENT]:
            files.remove(self.recent + "/" + name)

    def _raise(self, record, gone, dropped=0):
        highest = max([record["seq"], *(one.seq for one in gone if one.epoch == record["epoch"])])
        if highest > record["seq"] or dropped:
            record["seq"] = highest
            record["dropped"] += dropped
            self._stream.save()

    def _store(self, name, content, waiting):
        path = self.folder + "/" + name
        for victim in self._victims(waiting):
            try:
                if victim is not None:
                    self._raise(self._stream.record, [victim], dropped=1)
                    self._reserve.give(victim.path)
                self._reserve.write_event(path, content)
                return True
            except OSError as error:
                if not reserves.is_full(error):
                    raise
        with contextlib.suppress(OSError):
            self._raise(self._stream.record, [Waiting(self.folder, name)], dropped=1)
        return False

    def _victims(self, waiting):
        """Nobody at first; then, which only a full disk without slots asks for, who gives way. Lazily."""
        yield None
        yield from (one for one in waiting if self._kind(one) in EXPENDABLE)
        yield from (one for one in waiting if os.path.exists(one.path))

    def _kind(self, one):
        value = files.read_json(one.path) or {}
        return value.get("type", "").replace("io.nexus-pull.", "", 1)
