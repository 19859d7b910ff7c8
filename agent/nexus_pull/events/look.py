"""The spool as somebody sees it who only looks: no lock, nothing made, and a file may go away meanwhile."""

import os
import time

from nexus_pull import files
from nexus_pull.events.spool import NAME

LAST_WORDS = ("run.succeeded", "run.failed", "run.interrupted", "run.skipped", "drift.detected")
PREFIX = "io.nexus-pull."


def waiting(paths, now=time.time):
    """How much waits, since when, and what the flusher said of it last."""
    found = [stat for stat in map(_stat, _files(paths.spool)) if stat is not None]
    result = {"events": len(found), "bytes": sum(stat.st_size for stat in found), "oldest_s": None}
    if found:
        result["oldest_s"] = max(0, int(now() - min(stat.st_mtime for stat in found)))
    stream = files.read_json(paths.stream) or {}
    result["dropped"] = stream.get("dropped", 0)
    result["stream"] = stream.get("stream")
    result["delivery"] = files.read_json(paths.delivery)
    return result


def set_aside(paths, most=10):
    """(how many, the newest ones with the refusal)."""
    names = _files(paths.spool + "/set-aside")
    return len(names), [_refused(path) for path in names[-most:]]


def last_runs(paths, most=10):
    """The last words of runs, newest first, from the events that are still here, sent or not."""
    found = []
    for path in reversed(sorted(_files(paths.spool + "/recent") + _files(paths.spool), key=os.path.basename)):
        event = files.read_json(path)
        kind = _kind(event)
        if kind in LAST_WORDS:
            data = event["data"]
            kept = ("run_id", "outcome", "reason", "message", "intended_sha", "applied_sha", "exit_code", "duration_s")
            found.append({"type": kind, "time": event["time"], **{key: data[key] for key in kept if key in data}})
        if len(found) == most:
            break
    return found


def _refused(path):
    value = files.read_json(path)
    if not isinstance(value, dict):
        return {"file": os.path.basename(path)}
    event = value.get("event", value)
    refusal = value.get("refusal", {})
    shown = {"file": os.path.basename(path), "type": _kind(event), **refusal}
    if isinstance(event, dict):
        shown["id"] = event.get("id")
    return shown


def _kind(event):
    kind = event.get("type") if isinstance(event, dict) else None
    return kind[len(PREFIX) :] if isinstance(kind, str) and kind.startswith(PREFIX) else None


def _files(folder):
    try:
        return sorted(folder + "/" + name for name in os.listdir(folder) if NAME.match(name))
    except FileNotFoundError:
        return []


def _stat(path):
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
