"""Room on the disk that is taken before it is needed, so that "disk full" can still be said.

A slot is a file whose blocks are allocated already. On a full disk an event is written into a slot, which then is renamed
into place: no block is needed, and no other program can take the room in between, as it could after a mere deletion.
"""

import os

from nexus_pull import files
from nexus_pull.errors import is_full

SLOT_BYTES = 66560  # an event of the largest size, in whole blocks
SLOTS = 8
STATE_BYTES = 4096


class Reserve:
    """Slots in one folder. Whoever calls holds the spool's lock."""

    def __init__(self, folder):
        self._state = folder + "/state.slot"
        self._events = [folder + "/event-%d.slot" % number for number in range(SLOTS)]

    def fill(self):
        """Make what is missing, as far as the disk allows."""
        for path, size in [(self._state, STATE_BYTES), *((path, SLOT_BYTES) for path in self._events)]:
            if os.path.exists(path):
                continue
            try:
                _allocate(path, size)
            except OSError:
                files.remove(path)
                return

    def write_event(self, path, content):
        """As files.write; on a full disk into a slot. Raises OSError when none is left."""
        self._write(path, content, lambda: next((slot for slot in self._events if os.path.exists(slot)), None))

    def write_state(self, path, content):
        """As files.write, for one small file that is replaced again and again: the old one becomes the next slot."""
        if not os.path.exists(path):
            self._write(path, content, lambda: None)
            return
        self._write(path, content, lambda: self._state, keeps=True)

    def give(self, path):
        """Make a slot of a file that is not needed any more."""
        free = next((slot for slot in self._events if not os.path.exists(slot)), None)
        if free is None:
            files.remove(path)
        else:
            os.rename(path, free)

    def _write(self, path, content, slot_of, keeps=False):
        try:
            files.write(path, content)
        except OSError as error:
            files.remove(path + files.NEW_SUFFIX)
            slot = slot_of()
            if not is_full(error) or slot is None or not os.path.exists(slot):
                raise
            _fill_slot(slot, content)
            if keeps:
                files.remove(slot + ".next")
                os.link(path, slot + ".next")
            files.commit(slot, path)
            if keeps:
                os.rename(slot + ".next", slot)


def _allocate(path, size):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill_slot(slot, content):
    descriptor = os.open(slot, os.O_WRONLY | os.O_CLOEXEC)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        # Only now shorter: the blocks were ours all the time.
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
