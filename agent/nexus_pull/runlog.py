"""/var/log/ansible-pull.log and the journal (standard output), both without secrets."""

import collections
import contextlib
import os
import sys
import time

from nexus_pull import files
from nexus_pull.console import plain

LARGEST = 10 * 1024 * 1024
GENERATIONS = 4
KEPT = 400


def _plain(text):
    return "\t".join(map(plain, text.split("\t")))


class RunLog:
    """Lines of one run. The last ones stay in memory, to find out why it failed.

    A full disk is no error: what cannot be written to the file still goes to the journal.
    """

    def __init__(self, path, redact):
        self._path = path
        self.redact = redact  # replaced when more secrets are known
        self._file, self._written = None, 0
        self.lines = collections.deque(maxlen=KEPT)
        files.make_directory(os.path.dirname(path), 0o755)
        with contextlib.suppress(OSError):
            self._open()

    def line(self, text):
        # A server's and a task's words: a terminal shows them and does not obey.
        text = _plain(self.redact(text))
        self.lines.append(text[:2000])
        with contextlib.suppress(OSError):
            self._write("%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text))
        with contextlib.suppress(OSError):
            print(text, flush=True)

    def tail(self, count=20):
        return [line[:500] for line in list(self.lines)[-count:]]

    def close(self):
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        sys.stdout.flush()

    def _write(self, text):
        if self._file is None or self._written > LARGEST:
            self._open()
        content = text.encode(errors="replace")
        self._file.write(content)
        self._written += len(content)

    def _open(self):
        """Also rotates: .1 is the newest of the old ones."""
        if self._file is not None:
            self._file.close()
        if os.path.exists(self._path) and os.path.getsize(self._path) > LARGEST:
            for number in range(GENERATIONS - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace("%s.%d" % (self._path, number), "%s.%d" % (self._path, number + 1))
            os.replace(self._path, self._path + ".1")
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        os.fchmod(descriptor, 0o600)  # a file that was there may be open to more
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._written = os.path.getsize(self._path)
