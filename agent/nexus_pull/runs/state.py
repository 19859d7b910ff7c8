"""state.json: what ran last and what succeeded last. Whoever writes holds the run lock."""

import contextlib
import os

from nexus_pull import files
from nexus_pull.errors import is_full

RESERVE_BYTES = 64 * 1024


class State:
    """Reads and writes the file; on a full disk it gives up its reserve to be able to write."""

    def __init__(self, paths):
        self._path = paths.state
        self._reserve = paths.state + ".reserve"
        self.value = files.read_json(self._path) or {"version": 1}

    def get(self, name):
        return self.value.get(name)

    def save(self, **changes):
        """Raises OSError of a full disk only when the reserve does not help either."""
        self.value.update(version=1, **changes)
        try:
            files.write_json(self._path, self.value)
        except OSError as error:
            files.remove(self._path + files.NEW_SUFFIX)
            if not is_full(error) or not os.path.exists(self._reserve):
                raise
            files.remove(self._reserve)
            files.write_json(self._path, self.value)

    def fill_reserve(self):
        """Take room while there is some. True: it is there."""
        if os.path.exists(self._reserve):
            return True
        try:
            descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(self._reserve)
            return False
        return True
