"""The events that wait to be sent: one file each, in the order of their numbers.

spool/<epoch>-<seq>.json  waiting; an epoch is one stream, in the order in which this machine began them
spool/recent/             the last ones that were delivered (or, without a receiver, recorded): for `status`
spool/set-aside/          refused for good, each with the refusal beside it
stream.json               see stream.py; its seq is raised BEFORE an event's file leaves the spool
Every process of the agent may record at any time: one lock, held for the length of a few writes, orders them.
"""

import contextlib
import json
import os
import re

from nexus_pull import files
from nexus_pull.errors import is_full
from nexus_pull.events import reserve as reserves
from nexus_pull.events.stream import Stream

NAME = re.compile(r"([0-9]{6})-([0-9]{16})\.json\Z")
RECENT = 50
MOST_ASIDE = 200
MOST_BYTES = 64 * 1024 * 1024
LONGEST_S = 7 * 24 * 3600
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
        self.staged = paths.spool + "/restream"
        self._lock = paths.stream + ".lock"
        for folder in (paths.var, self.folder, self.recent, self.aside, self.staged):
            files.make_directory(folder)
        self._reserve = reserves.Reserve(self.folder)
        self.stream = Stream(paths, self._reserve)

    @contextlib.contextmanager
    def locked(self):
        """Hold the lock; yields the stream's record."""
        with files.locked(self._lock):
            newest = self._newest()
            record = self.stream.load(newest.epoch if newest else 0)
            if self.stream.moving:
                self.settle()
            yield record

    def waiting(self):
        """What waits, oldest first."""
        names = [entry.name for entry in os.scandir(self.folder) if NAME.match(entry.name)]
        return sorted((Waiting(self.folder, name) for name in names), key=lambda one: one.order)

    def _newest(self):
        """What waits and was recorded last. The names sort as the numbers do, and each event pays for this."""
        name = max((name for name in os.listdir(self.folder) if NAME.match(name)), default=None)
        return Waiting(self.folder, name) if name else None

    def add(self, kind, make):
        """Number an event and keep it: `make(stream, seq, first)` gives its bytes. Returns whether it was kept."""
        with self.locked() as record:
            newest = self._newest()
            seq = max(record["seq"], newest.seq if newest and newest.epoch == record["epoch"] else 0) + 1
            first = kind not in record["said"]
            content = make(record["stream"], seq, first)
            kept = self._store("%06d-%016d.json" % (record["epoch"], seq), content)
            if kept and first:
                record["said"] = sorted({*record["said"], kind})
                with contextlib.suppress(OSError):
                    self.stream.save()
            self._reserve.fill()
            return kept

    def finish(self, done=None):
        """These (or all) were delivered, or nobody wants them: they leave the spool."""
        with self.locked() as record:
            waiting = self.waiting()
            names = None if done is None else {one.name for one in done}
            gone = [one for one in waiting if names is None or one.name in names]
            self._raise(record, gone)
            for one in gone:
                os.replace(one.path, self.recent + "/" + one.name)
            files.sync_directory(self.folder)
        for name in sorted(os.listdir(self.recent))[:-RECENT]:
            files.remove(self.recent + "/" + name)

    def set_aside(self, one, content, refusal):
        """The receiver never takes this one: keep it, and why, where `status` shows it."""
        with self.locked() as record:
            self._raise(record, [one])
            try:
                event = json.loads(content.decode())
            except ValueError:
                event = content.decode(errors="replace")
            try:
                files.write_json(self.aside + "/" + one.name, {"refusal": refusal, "event": event})
                files.remove(one.path)
            except OSError as error:
                if not is_full(error):
                    raise
                files.remove(self.aside + "/" + one.name + files.NEW_SUFFIX)
                os.replace(one.path, self.aside + "/" + one.name)
            self._drop_oldest_aside(record)

    def trim(self, now, synced):
        """Drop what is too old or too much, and count it. An age needs a right clock, now as then."""
        with self.locked() as record:
            waiting = self.waiting()
            found = {one: os.stat(one.path) for one in waiting}
            old = [one for one in waiting if synced and now - found[one].st_mtime > LONGEST_S and self._was_synced(one)]
            size = sum(stat.st_size for stat in found.values())
            much = []
            if size > MOST_BYTES:
                for one in sorted(waiting, key=lambda one: self._kind(one) not in EXPENDABLE):
                    if size <= MOST_BYTES * 9 // 10:  # some room at once: this looks into every file
                        break
                    size -= found[one].st_size
                    much.append(one)
            gone = {one.name: one for one in (*old, *much)}.values()
            if gone:
                self._raise(record, gone, dropped=len(gone))
                for one in gone:
                    files.remove(one.path)

    def counts(self):
        """What vm.booted and vm.heartbeat say of the spool."""
        sizes = [os.stat(one.path).st_size for one in self.waiting()]
        aside = len([name for name in os.listdir(self.aside) if NAME.match(name)])
        with self.locked() as record:
            return {"events": len(sizes), "bytes": sum(sizes), "set_aside": aside, "dropped": record["dropped"]}

    def unreported_drops(self):
        """How many were dropped and no event has said so."""
        with self.locked() as record:
            return record["dropped"] - record["drops_reported"]

    def drops_are_reported(self, dropped):
        with self.locked() as record:
            record["drops_reported"] = dropped
            self.stream.save()

    def settle(self):
        """The second half of restream.begin; again after a crash in it. Under the lock."""
        for name in sorted(os.listdir(self.staged)):
            if NAME.match(name):
                os.replace(self.staged + "/" + name, self.folder + "/" + name)
        for one in self.waiting():
            if one.epoch == self.stream.record["epoch"] - 1:
                files.remove(one.path)
        files.sync_directory(self.folder)
        self.stream.settled()

    def _raise(self, record, gone, dropped=0):
        highest = max([record["seq"], *(one.seq for one in gone if one.epoch == record["epoch"])])
        if highest > record["seq"] or dropped:
            record["seq"] = highest
            record["dropped"] += dropped
            self.stream.save()

    def _store(self, name, content):
        path = self.folder + "/" + name
        for victim in self._victims():
            try:
                if victim is not None:
                    self._raise(self.stream.record, [victim], dropped=1)
                    self._reserve.give(victim.path)
                self._reserve.write_event(path, content)
                return True
            except OSError as error:
                if not is_full(error):
                    raise
        with contextlib.suppress(OSError):
            self._raise(self.stream.record, [Waiting(self.folder, name)], dropped=1)
        return False

    def _victims(self):
        """Nobody at first; then, which only a full disk without slots asks for, who gives way. Lazily."""
        yield None
        waiting = self.waiting()
        yield from (one for one in waiting if self._kind(one) in EXPENDABLE)
        yield from (one for one in waiting if os.path.exists(one.path))

    def _kind(self, one):
        value = files.read_json(one.path) or {}
        return value.get("type", "").replace("io.nexus-pull.", "", 1)

    def _was_synced(self, one):
        value = files.read_json(one.path) or {}
        return value.get("data", {}).get("clock_synced") is True

    def _drop_oldest_aside(self, record):
        names = sorted(name for name in os.listdir(self.aside) if NAME.match(name))[:-MOST_ASIDE]
        for name in names:
            files.remove(self.aside + "/" + name)
        self._raise(record, [], dropped=len(names))
