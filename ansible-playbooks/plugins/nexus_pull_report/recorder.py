# SPDX-License-Identifier: Apache-2.0
"""Ansible's calls become records (contract/evidence.schema.json) and counts; a sink takes the records."""

from __future__ import annotations

import os
import platform
import time

from nexus_pull_report import delegation, diffs, observe, text

COUNTED = ("ok", "changed", "failed", "unreachable", "skipped", "rescued", "ignored")
WORK = ("ok", "changed", "failed", "rescued", "ignored")
MINOR = ("ok", "skipped")
SPECIAL_TAGS = {"all", "always", "never", "tagged", "untagged"}
SPEAKS = ("failed", "ignored", "rescued", "unreachable")


class Recorder:
    """One playbook at a time: begin, plays and results, end. `sink` has write(record, minor, closing) and dropped."""

    def __init__(self, sink, clock=time.monotonic):
        self._sink, self._clock = sink, clock
        self._said = {}
        self._reset()

    def _reset(self):
        self._began = self._clock()
        self._plays, self._matched, self._counts = set(), set(), {}
        self._tasks, self._started = {}, {}
        self._tags, self._asked_tags, self._check_mode = set(), (), False
        self._elsewhere, self._now = {}, None

    def begin(self, playbook, ansible_version, check_mode, tags=()):
        """`tags`: what the run was limited to."""
        self._reset()
        self._asked_tags, self._check_mode = tuple(tags), check_mode
        self._playbook = text.line(os.path.basename(playbook), 256)
        self._write(
            "begin",
            closing=True,
            version=1,
            playbook=text.line(os.path.basename(playbook), 512),
            ansible_version=text.line(ansible_version, 64),
            python_version=platform.python_version(),
            check_mode=check_mode,
            pid=os.getpid(),
        )

    def play(self, play):
        """Called once a batch where a play is serial: counted once."""
        self._tasks, self._started, self._elsewhere, self._now = {}, {}, {}, play
        if observe.task_id(play) in self._plays:
            return
        self._plays.add(observe.task_id(play))
        hosts = observe.matched_hosts(play)
        self._matched |= hosts
        name, pattern = text.line(play.get_name(), 256), text.line(observe.pattern_of(play), 512)
        ends = text.line(", ".join(observe.endings_of(play)), 64)
        self._write("play", play=name, pattern=pattern, hosts=len(hosts), **({"ends": ends} if ends else {}))

    def task_start(self, task):
        self._tasks[observe.task_id(task)] = task
        self._tags.update(str(tag) for tag in task.tags or ())
        if observe.waits_for_a_person(task):
            self._notice("prompt_unanswered", "task %s waits for a person, and goes on without" % text.line(task.get_name(), 256))

    def prompt(self, variable):
        """A vars_prompt without a default, where nobody can answer."""
        self._notice("prompt_unanswered", "vars_prompt %s has no default: it is empty" % text.line(variable, 128))

    def host_start(self, host, task):
        self._started[str(host), observe.task_id(task)] = self._clock()

    def result(self, event, status):
        host = observe.host_of(event)
        result = observe.result_of(event)
        # The one that began the task knows its blocks; the result's is a copy without them.
        task = self._tasks.get(observe.task_id(observe.task_of(event)), observe.task_of(event))
        status = _status(status, task, result)
        implicit = status != "failed" and (observe.is_implicit(task) or observe.is_include(task))
        # What check mode alone skips, as it does each command, is there and was looked at.
        tried = self._check_mode and status == "skipped" and observe.skipped_by_check_mode(result)
        self._count(host, status, implicit, tried)
        elsewhere = self._elsewhere.pop((host, observe.task_id(task)), [])
        elsewhere += self._mistaken(event, task) if status not in ("skipped", "unreachable") else []
        more = {"not_reached": text.line(", ".join(elsewhere), 256)} if elsewhere else {}
        minor = status in MINOR and not more
        self._write("task", minor=minor, **self._task(event, host, task, status, implicit), **more)

    def item(self, event):
        """One of a loop, which may be delegated to another host than the next."""
        task = self._tasks.get(observe.task_id(observe.task_of(event)), observe.task_of(event))
        found = self._mistaken(event, task)
        if found:
            self._elsewhere.setdefault((observe.host_of(event), observe.task_id(task)), []).extend(found)

    def _mistaken(self, event, task):
        name = delegation.mistaken(event, task, self._now) if task.delegate_to else None
        return [name] if name else []

    def diff(self, event):
        if observe.is_censored(event):
            return
        host, task = text.line(observe.host_of(event), 253), self._name(event)
        for file, added, removed in diffs.summaries(observe.result_of(event)):
            more = {"file": text.line(file, 512)} if file else {}
            self._write("diff", host=host, task=task, **more, lines_added=added, lines_removed=removed)

    def end(self, stats):
        """What Ansible counted as failed or unreachable and told no callback of counts too; it counts on from one
        playbook to the next, with the hosts of those before."""
        said = {str(host): stats.summarize(host) for host in stats.processed}
        for host, total in said.items():
            before = self._said.get(host, {})
            if total != before:
                counts = self._counts.setdefault(host, dict.fromkeys((*COUNTED, "tasks_run"), 0))
                for name, failures in (("failed", "failures"), ("unreachable", "unreachable")):
                    counts[name] = max(counts[name], total[failures] - before.get(failures, 0))
        self._said = said
        unknown = [tag for tag in self._asked_tags if tag not in self._tags | SPECIAL_TAGS]
        if unknown:
            self._notice("tags_unknown", "no task of %s has the tag %s" % (self._playbook, ", ".join(unknown)))
        for host, counts in sorted(self._counts.items()):
            self._write("stats", closing=True, host=text.line(host, 253), **counts)
        self._write(
            "end",
            closing=True,
            plays=len(self._plays),
            hosts_matched=len(self._matched | set(self._counts)),
            tasks_run=sum(counts["tasks_run"] for counts in self._counts.values()),
            dropped=self._sink.dropped,
        )

    def _count(self, host, status, implicit, tried):
        counts = self._counts.setdefault(host, dict.fromkeys((*COUNTED, "tasks_run"), 0))
        if not implicit:
            counts[status] += 1
            counts["tasks_run"] += status in WORK or tried

    def _task(self, event, host, task, status, implicit):
        result = observe.result_of(event)
        role = observe.role_of(task)
        censored = observe.is_censored(event)
        optional = {
            "role": text.line(role, 256),
            "action": text.line(task.action, 256),
            "path": text.line(observe.path_of(task), 512),
            "implicit": implicit,
            "items": len(observe.items_of(result)),
            "message": "" if censored or status not in SPEAKS else text.lines(observe.message_of(result), 1000),
            "censored": censored,
            "delegate": text.line(delegation.delegate_of(event, task), 253) if status == "unreachable" else "",
        }
        record = {"host": text.line(host, 253), "task": self._name(event), "status": status}
        record.update({name: value for name, value in optional.items() if value})
        record["uuid"] = text.line(observe.task_id(task), 64)
        began = self._started.pop((host, observe.task_id(task)), None)
        if began is not None:
            record["duration_s"] = round(self._clock() - began, 3)
        return record

    def _notice(self, reason, message):
        self._write("notice", closing=True, reason=reason, message=text.line(message, 512))

    def _name(self, event):
        task = self._tasks.get(observe.task_id(observe.task_of(event)), observe.task_of(event))
        return text.line(observe.name_of(event, observe.role_of(task)), 256)

    def _write(self, record, minor=False, closing=False, **fields):
        moment = {"record": record, "t": round(self._clock() - self._began, 3)}
        self._sink.write({**moment, **fields}, minor, closing)


def _status(status, task, result):
    if status == "ok" and result.get("changed"):
        return "changed"
    if status == "failed" and observe.is_rescued(task):
        return "rescued"
    if status == "unreachable" and getattr(task, "ignore_unreachable", False):
        return "ignored"
    return status
