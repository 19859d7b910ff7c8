# SPDX-License-Identifier: Apache-2.0
"""A run by hand as events (contract/event.schema.json): run.started, run.progress, and one last word. No I/O.

Records go in, (type, data) come out. Who speaks and in which place of the stream, the sender adds.
"""

from __future__ import annotations

import hashlib
import json

from nexus_pull_report.recorder import COUNTED

PROGRESS_S = 10
MOST_TASKS, MOST_FAILED, MOST_FILES = 50, 20, 20
MOST_DATA_BYTES = 48 * 1024
TIMEOUT_S = 7200
INTERRUPTED = 99  # ansible's exit code for Ctrl-C
TASK_FIELDS = ("task", "role", "host", "path", "message")


class Run:
    """`settings`: run_id, mode, intended_sha, clean, playbooks, and what shapes the run, for its digest."""

    def __init__(self, settings, emit, clock):
        self._settings, self._emit, self._clock = settings, emit, clock
        self._began = self._spoke = clock()
        self._counts = dict.fromkeys(COUNTED, 0)
        self._ends, self._matched, self._open, self._playbook = [], 0, False, ""
        self._changed, self._failed, self._last = [], [], None
        self._files, self._lines = {}, [0, 0]
        self._play = ""
        self.dropped = 0

    def write(self, record, minor=False, closing=False):
        """The recorder's sink."""
        handler = getattr(self, "_on_" + record["record"], None)
        if handler is not None:
            handler(record)

    def last_word(self, exit_code):
        data = self._common()
        data["exit_code"] = exit_code
        if exit_code == INTERRUPTED:
            self._emit("run.interrupted", self._interrupted(data))
            return
        reason, message, conditions = self._verdict(exit_code)
        if reason:
            failed = {"outcome": "failed", "reason": reason, "message": message, "failed_conditions": conditions}
            data.update(failed, failed_tasks=self._failed)
            self._emit("run.failed", _fitting(data))
        elif self._settings["mode"] == "audit" and self._counts["changed"]:
            data["drifted_tasks"] = data.pop("changed_tasks")
            self._emit("drift.detected", _fitting(data))
        else:
            self._emit("run.succeeded", _fitting(data))

    def _on_begin(self, record):
        self._open, self._playbook = True, record["playbook"]
        if self._ends:
            return  # the second playbook of one run
        data = {"run_id": self._settings["run_id"], "trigger": "manual", "timeout_s": TIMEOUT_S}
        data.update({name: self._settings[name] for name in ("mode", "intended_sha", "playbooks")})
        data.update(config_digest=self._digest(), ansible_version=record["ansible_version"])
        self._emit("run.started", data)

    def _on_task(self, record):
        status, self._last = record["status"], _task_of(record)
        if not record.get("implicit"):
            self._counts[status] += 1
        if status == "changed" and len(self._changed) < MOST_TASKS:
            self._changed.append(self._last)
        if status in ("failed", "unreachable") and len(self._failed) < MOST_FAILED:
            self._failed.append(self._last)
        if self._clock() - self._spoke >= PROGRESS_S:
            self._spoke = self._clock()
            counts = {name: self._counts[name] for name in ("changed", "failed")}
            data = {"run_id": self._settings["run_id"], "task": record["task"], "play": self._play, **counts}
            self._emit("run.progress", {**data, "tasks_run": self._tasks_run(), "duration_s": self._duration()})

    def _on_play(self, record):
        self._play = record["play"]

    def _on_diff(self, record):
        if record.get("file"):
            self._files[record["file"]] = True
        self._lines[0] += record["lines_added"]
        self._lines[1] += record["lines_removed"]

    def _on_stats(self, record):
        """More than was told: see the recorder's end."""
        for name in ("failed", "unreachable"):
            self._counts[name] = max(self._counts[name], record[name])

    def _on_end(self, record):
        self._open = False
        self._ends.append({**record, "playbook": self._playbook})
        self._matched = max(self._matched, record["hosts_matched"])

    def _common(self):
        data = {"run_id": self._settings["run_id"], "mode": self._settings["mode"]}
        data.update(intended_sha=self._settings["intended_sha"], config_digest=self._digest())
        data.update(duration_s=self._duration(), evidence=self._evidence())
        data["changed_tasks"] = list(self._changed)
        if any(self._lines):
            files = list(self._files)
            lines = {"lines_added": self._lines[0], "lines_removed": self._lines[1]}
            data["diff_summary"] = {"files": files[:MOST_FILES], "files_total": len(files), **lines}
        return data

    def _evidence(self):
        counted = {**self._counts, "hosts_matched": self._matched, "tasks_run": self._tasks_run()}
        return {"playbooks": len(self._ends), "plays": sum(end["plays"] for end in self._ends), **counted}

    def _verdict(self, exit_code):
        """(reason, message, which of the four conditions do not hold); no reason: a success."""
        clean = self._settings["clean"]
        # Each playbook for itself: what one did is no proof of another.
        idle = {name: self._without(name) for name in ("hosts_matched", "tasks_run")}
        holds = {"exit_code": exit_code == 0, **{name: self._ends and not idle[name] for name in idle}}
        holds["commit"] = clean or self._settings["mode"] == "audit"
        broken = [name for name, held in holds.items() if not held]
        if exit_code:
            return (*self._failure(exit_code), broken)
        if self._open or len(self._ends) < len(self._settings["playbooks"]):
            return "evidence_missing", "Ansible ended without its statistics", broken
        if not holds["hosts_matched"]:
            return "no_hosts_matched", "the plays matched no host: %s" % idle["hosts_matched"], broken
        if not holds["tasks_run"]:
            return "no_tasks_run", "no task ran: %s" % idle["tasks_run"], broken
        if not holds["commit"]:
            return "commit_mismatch", "the working tree has changes that no commit has", broken
        return "", "", broken

    def _without(self, count):
        """Names of the playbooks of which the count is 0."""
        return ", ".join(end["playbook"] for end in self._ends if end[count] < 1)[:1500]

    def _failure(self, exit_code):
        first = self._failed[0] if self._failed else {}
        said = ": ".join(part for part in (first.get("task"), first.get("message")) if part)
        message = said[:2000] or "ansible-playbook ended with exit code %d" % exit_code
        if self._counts["failed"]:
            return "task_failed", message
        if self._counts["unreachable"]:
            return "host_unreachable", message
        return "ansible_failed", message

    def _interrupted(self, data):
        data.update(outcome="interrupted", reason="terminated", message="stopped at the keyboard", signal="SIGINT")
        if self._last:
            data["last_task"] = self._last
        return _fitting(data)

    def _tasks_run(self):
        return sum(self._counts[name] for name in ("ok", "changed", "failed", "rescued", "ignored"))

    def _duration(self):
        return max(0, int(self._clock() - self._began))

    def _digest(self):
        shaping = json.dumps(self._settings["shaping"], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(shaping.encode("utf-8", "replace")).hexdigest()


def _task_of(record):
    return {name: record[name] for name in TASK_FIELDS if record.get(name)}


def _fitting(data):
    """Lists are shortened until the event is small enough for every receiver."""
    while len(json.dumps(data).encode()) > MOST_DATA_BYTES:
        for name in ("changed_tasks", "drifted_tasks", "failed_tasks"):
            if name in data:
                data[name] = data[name][: len(data[name]) // 2]
        if "diff_summary" in data:
            data["diff_summary"]["files"] = []
    return data
