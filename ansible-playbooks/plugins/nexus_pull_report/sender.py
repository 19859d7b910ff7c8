# SPDX-License-Identifier: Apache-2.0
"""A process of its own that numbers, signs and posts what it reads from standard input; run as `python3 -I sender.py`.

A process and not a thread, because Ansible forks: a thread's locks would be copied into every worker. It outlives a
SIGKILL of Ansible, and reports that. First line: settings with the key, which is thus in no argv and no environment.
Then a line an event, {"type", "data"}. Last: one line to standard output, {"delivered", "failed"}.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import datetime
import fcntl
import hashlib
import hmac
import http.client
import json
import os
import secrets
import select
import ssl
import tempfile
import time
import urllib.error
import urllib.request
import uuid

TIMEOUT_S = 10
PAUSES_S = (1, 2, 4, 8, 15)
LAST_WORDS = ("run.succeeded", "run.failed", "run.interrupted", "drift.detected")
RUN_FIELDS = ("run_id", "mode", "intended_sha", "config_digest")
LOOK_S = 1
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the event, and a signature that is valid for minutes, to somebody else."""

    def redirect_request(self, *args, **kwargs):
        return None


class Stream:
    """The identity of who runs playbooks by hand, and the one counter of its events, on disk before it is used."""

    def __init__(self, directory):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self._path = os.path.join(directory, "stream.json")

    def take(self, note=None):
        """The record with the next seq. `note(record)` may keep something in it."""
        with open(self._path + ".lock", "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            record = self._load()
            record["seq"] += 1
            before = dict(record)
            if note:
                note(record)
            self._save(record)
        return before

    def _load(self):
        try:
            with open(self._path, encoding="utf-8") as stream:
                return json.load(stream)
        except FileNotFoundError:
            name = "%s:%s" % (_first_line("/etc/machine-id"), secrets.token_hex(16))
            return {"stream": hashlib.sha256(name.encode()).hexdigest()[:32], "seq": 0}

    def _save(self, record):
        descriptor, path = tempfile.mkstemp(dir=os.path.dirname(self._path))
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(record, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(path, self._path)


def event_of(settings, stream, kind, data):
    """CloudEvents 1.0. What only the last success can tell is decided here: applied_sha and a success's outcome."""
    succeeded = kind == "run.succeeded" and data["mode"] == "apply"
    applied = {"commit": data.get("intended_sha"), "digest": data.get("config_digest")}
    record = stream.take(lambda kept: kept.update(applied=applied) if succeeded else None)
    last = record.get("applied", {})
    if kind == "run.succeeded":
        corrective = "changed-corrective" if last == applied else "changed-intentional"
        data["outcome"] = corrective if data["evidence"]["changed"] and succeeded else "unchanged"
    commit = applied["commit"] if succeeded else last.get("commit")
    who = {"fleet": settings["fleet"], "vm": settings["vm"], "instance_id": settings["instance_id"]}
    place = {"stream": record["stream"], "seq": record["seq"], **_machine()}
    return {
        "specversion": "1.0",
        "id": "%s-%d" % (record["stream"], record["seq"]),
        "source": "/fleets/%s/vms/%s" % (settings["fleet"], settings["vm"]),
        "type": "io.nexus-pull." + kind,
        "time": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "data": {**who, **place, **({"applied_sha": commit} if commit else {}), **data},
    }


def signature(key, event_id, timestamp, body):
    """Standard Webhooks. The key is its 64 characters themselves, not what they encode."""
    signed = ("%s.%d." % (event_id, timestamp)).encode("ascii") + body
    return "v1," + base64.b64encode(hmac.new(key.encode("ascii"), signed, hashlib.sha256).digest()).decode("ascii")


class Post:
    """One event after the other, each tried until it is accepted, refused for good, or the deadline has passed."""

    def __init__(self, settings):
        self._url, self._key = settings["url"], settings["key"]
        context = ssl.create_default_context(cafile=settings.get("ca_file") or None)
        # From Python 3.13 on the default wants extensions that many a private authority leaves out; the agent takes those, too.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=context))

    def deliver(self, event, deadline):
        """What went wrong, or nothing. `deadline` is in seconds of time.monotonic()."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        for pause in (*PAUSES_S, None):
            wrong, final = self._attempt(event["id"], body)
            if not wrong or final or pause is None or time.monotonic() + pause > deadline:
                return wrong
            time.sleep(pause)
        raise AssertionError("the last attempt returns")

    def _attempt(self, event_id, body):
        """(what went wrong or nothing, whether it is of no use to try again)."""
        now = int(time.time())
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "nexus-pull-callback",
            "webhook-id": event_id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._key, event_id, now, body),
        }
        try:
            with self._opener.open(urllib.request.Request(self._url, body, headers), timeout=TIMEOUT_S):
                return "", True
        except urllib.error.HTTPError as error:
            with error:
                said = " ".join(error.read(2000).decode("utf-8", "replace").split())[:300]
            return "the receiver answered %d: %s" % (error.code, said), error.code < 500 and error.code != 429
        except (OSError, ValueError, http.client.HTTPException) as error:
            return "the receiver cannot be reached: %s" % getattr(error, "reason", error), False


def main():
    inbox = _messages(0, os.getppid())
    settings = next(inbox)
    stream, post = Stream(settings["state_directory"]), Post(settings)
    failed, delivered, run, message, until = "", 0, None, {"type": ""}, None
    while message["type"] not in LAST_WORDS:
        message = next(inbox, None) or _killed(run)
        if message is None:
            return
        if message["type"] in LAST_WORDS:
            until = time.monotonic() + settings["patience_s"]
        run = run or {name: message["data"][name] for name in RUN_FIELDS}
        event = event_of(settings, stream, message["type"], message["data"])
        wrong = post.deliver(event, until or time.monotonic() + settings["patience_s"])
        delivered, failed = delivered + (not wrong), wrong or failed
    with contextlib.suppress(OSError):
        os.write(1, json.dumps({"delivered": delivered, "failed": failed}).encode() + b"\n")


def _messages(descriptor, parent):
    """Lines, until nobody can write any more. Ansible's workers hold the pipe open too, so its death is looked for."""
    rest = b""
    while True:
        if select.select([descriptor], [], [], LOOK_S)[0]:
            chunk = os.read(descriptor, 65536)
            if not chunk:
                return
            *whole, rest = (rest + chunk).split(b"\n")
            yield from map(json.loads, whole)
        elif os.getppid() != parent:
            return


def _killed(run):
    """Ansible is gone and did not say how: SIGTERM, SIGKILL, or worse."""
    if run is None:
        return None
    killed = {"outcome": "interrupted", "reason": "ansible_killed", "message": "ansible-playbook was killed"}
    return {"type": "run.interrupted", "data": {**run, **killed}}


def _machine():
    """Where there is no Linux, what can be said without one."""
    try:
        boot_id = str(uuid.UUID(_first_line("/proc/sys/kernel/random/boot_id")))
        uptime = float(_first_line("/proc/uptime").split()[0])
        synced = 0 <= ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) < TIME_ERROR
    except (ValueError, IndexError, OSError, AttributeError):
        boot_id, uptime, synced = str(uuid.UUID(int=uuid.getnode())), time.monotonic(), False
    return {"boot_id": boot_id, "uptime_s": uptime, "clock_synced": synced}


def _first_line(path):
    try:
        with open(path, encoding="ascii") as stream:
            return stream.readline().strip()
    except (OSError, ValueError):
        return ""


if __name__ == "__main__":
    main()
