"""/var/log/ansible-pull.log and the journal (standard output), both without secrets."""

import os
import sys
import time

from nexus_pull import files

LARGEST = 10 * 1024 * 1024


class RunLog:
    """Lines of one run. Keeps the last ones for the state file."""

    KEPT = 20

    def __init__(self, path, redact):
        files.make_directory(os.path.dirname(path), 0o755)
        if os.path.exists(path) and os.path.getsize(path) > LARGEST:
            os.replace(path, path + ".1")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        os.fchmod(descriptor, 0o600)  # a file that was there may be open to more
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", buffering=1)
        self._redact = redact
        self.last_lines = []

    def line(self, text):
        text = self._redact(text)
        self.last_lines = (self.last_lines + [text[:500]])[-self.KEPT :]
        self._file.write("%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text))
        print(text, flush=True)

    def redact(self, text):
        return self._redact(text)

    def close(self):
        self._file.close()
        sys.stdout.flush()
