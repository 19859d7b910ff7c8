"""evidence.jsonl (contract/evidence.schema.json), which the callback writes, as the agent's events tell it.

It is read line by line and never trusted to be whole: ansible may have been killed in the middle of a line, and a playbook
may have removed the file.
"""

import json

from nexus_pull import files

SUMS = ("ok", "changed", "failed", "unreachable", "skipped", "rescued", "ignored", "tasks_run")
LARGEST = 16 * 1024 * 1024
MOST_TASKS = 50
MOST_FILES = 20
MOST_NOTICES = 8


class Evidence:
    """What a run's evidence file says. `ended`: of each playbook whose end is proved its end, patterns and skipped."""

    def __init__(self, records, there):
        self.there = there
        self.begun = self.plays = self._hosts_ended = self._skipped = 0
        self.ended, self._patterns, self._endings, self.ansible_version, self.last_task = [], [], [], None, None
        self.failed_tasks, self.changed_tasks, self.unreachable_tasks = [], [], []
        self.not_reached, self.notices, self.idle_plays = [], [], []
        self._sums = dict.fromkeys(SUMS, 0)
        self._seen = dict.fromkeys(SUMS, 0)
        self._hosts, self._files = set(), {}
        self._lines = [0, 0]
        for record in records:
            handler = getattr(self, "_" + str(record.get("record")), None)
            if handler is not None:
                handler(record)

    def totals(self):
        """The `evidence` of an event; None when there is none."""
        if not self.begun:
            return None
        # Of a playbook without stats (the run was cut short) what single tasks said is all there is.
        sums = {name: self._sums[name] + self._seen[name] for name in SUMS}
        hosts = max(len(self._hosts), self._hosts_ended)
        return {"playbooks": self.begun, "plays": self.plays, "hosts_matched": hosts, **sums}

    def hosts(self):
        """Names of the inventory under which something was done."""
        return sorted(host for host in self._hosts if host)

    def diff_summary(self):
        if not self._files and not any(self._lines):
            return None
        return {
            "files": list(self._files)[:MOST_FILES],
            "files_total": len(self._files),
            "lines_added": self._lines[0],
            "lines_removed": self._lines[1],
        }

    def _begin(self, record):
        self.begun += 1
        self.ansible_version = record.get("ansible_version")

    def _play(self, record):
        self.plays += 1
        self._hosts_ended = max(self._hosts_ended, record.get("hosts", 0))
        self._patterns.append(record.get("pattern") or record.get("play", ""))
        self._endings += [record["ends"]] if record.get("ends") else []
        if not record.get("hosts"):
            self.idle_plays.append(self._patterns[-1])

    def _task(self, record):
        status = record.get("status")
        if record.get("implicit"):
            if status in ("failed", "unreachable"):
                self._bad(status, record)
            return
        task = _task_of(record)
        self.last_task = task
        if status in self._seen:
            self._seen[status] += 1
        if status not in ("skipped", "unreachable"):
            self._seen["tasks_run"] += 1
            self._hosts.add(record.get("host"))
        if status == "changed" and len(self.changed_tasks) < MOST_TASKS:
            self.changed_tasks.append(task)
        if record.get("not_reached") and len(self.not_reached) < MOST_TASKS:
            self.not_reached.append({**task, "delegate": record["not_reached"]})
        self._bad(status, record)

    def _notice(self, record):
        if len(self.notices) < MOST_NOTICES:
            self.notices.append({"reason": record.get("reason"), "message": record.get("message", "")})

    def _bad(self, status, record):
        kept = {"failed": self.failed_tasks, "unreachable": self.unreachable_tasks}.get(status)
        if kept is not None and len(kept) < MOST_TASKS:
            task = _task_of(record)
            if record.get("censored"):
                task["censored"] = True
            kept.append(task)

    def _diff(self, record):
        self._lines[0] += record.get("lines_added", 0)
        self._lines[1] += record.get("lines_removed", 0)
        if record.get("file"):
            self._files[record["file"]] = True

    def _stats(self, record):
        self._hosts.add(record.get("host"))
        self._seen = dict.fromkeys(SUMS, 0)
        for name in SUMS:
            self._sums[name] += record.get(name, 0)
        self._skipped += record.get("skipped", 0)

    def _end(self, record):
        more = {"patterns": self._patterns, "skipped": self._skipped, "endings": self._endings}
        self.ended.append({**record, **more})
        self._patterns, self._endings, self._skipped = [], [], 0
        self._hosts_ended = max(self._hosts_ended, record.get("hosts_matched", 0))


def read(path, redact=str):
    """The evidence at `path`, with secrets masked; empty when there is no file."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(LARGEST)
    except OSError:
        return Evidence((), there=False)
    return Evidence(_records(content, redact), there=True)


def mask(path, redact):
    """Take the secrets out of the file too, which stays where it is until the next run."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            before = stream.read()
    except OSError:
        return
    # Line by line as text: what the callback wrote of a secret may stand anywhere in a record.
    after = "\n".join(redact(line) for line in before.split("\n"))
    if after != before:
        files.write(path, after.encode())


def _records(content, redact):
    for line in content.decode(errors="replace").split("\n"):
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut off in the middle; what counts is the end record
        if isinstance(record, dict):
            yield {key: redact(value) if isinstance(value, str) else value for key, value in record.items()}


def _task_of(record):
    kept = {key: record[key] for key in ("role", "host", "path", "message", "delegate") if record.get(key)}
    return {"task": record.get("task") or record.get("action") or "unnamed", **kept}
