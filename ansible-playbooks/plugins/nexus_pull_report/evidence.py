# SPDX-License-Identifier: Apache-2.0
"""evidence.jsonl: each record is one write() to a file opened once, so that what was done outlives a SIGKILL."""

from __future__ import annotations

import json
import os

NAME = "evidence.jsonl"
MOST_RECORD_BYTES = 8 * 1024
MOST_FILE_BYTES = 8 * 1024 * 1024
# Kept free for what is written whatever came before: that a playbook began, and how it ended.
RESERVE_BYTES = 256 * 1024
# The first to go in a record that is too long.
LONG_FIELDS = ("message", "file", "path", "action", "role", "pattern", "playbook")


class EvidenceFile:
    """Bounded, append-only. An error of the file system is one warning and the end of the file: no end record, no proof."""

    def __init__(self, directory, warn, most_bytes=MOST_FILE_BYTES, reserve_bytes=RESERVE_BYTES):
        # Never followed, never truncated, never made anew: a play that removes it has removed its evidence.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(os.path.join(directory, NAME), flags, 0o600)
        self._warn = warn
        self._most, self._reserve = most_bytes, reserve_bytes
        self._size = os.fstat(self._descriptor).st_size
        self._broken = self._truncated = False
        self.dropped = 0

    def write(self, record, minor=False, closing=False):
        """`minor` records stop at half the size; `closing` ones may use the reserve."""
        if self._broken or (self._truncated and not closing):
            self.dropped += 1
            return
        data = encode(record)
        size = self._size + len(data)
        if minor and size > self._most // 2:
            self.dropped += 1
        elif size > self._most - (0 if closing else self._reserve):
            self._truncate(record)
        else:
            self._append(data)

    def _truncate(self, record):
        self.dropped += 1
        if not self._truncated:
            self._truncated = True
            self._append(encode({"record": "truncated", "t": record["t"]}))

    def _append(self, data):
        self._size += len(data)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            self._broken = True
            self._warn("nexus_pull: the evidence of this run ends here, %s" % error)


def encode(record):
    """One line; the contract's longest is 8 KiB, which strings within their limits can exceed in bytes."""
    data = _line(record)
    fields = iter(LONG_FIELDS)
    while len(data) > MOST_RECORD_BYTES:
        name = next(fields)
        if name in record:
            record = {**record, name: record[name][: len(record[name]) // 4]}
            data = _line(record)
    return data


def _line(record):
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"
