# SPDX-License-Identifier: Apache-2.0
"""A run without an agent, with a receiver and a key in the settings: events by the sender's process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import select
import subprocess
import sys
import time
import unicodedata
import uuid

from nexus_pull_report import checkout, events

FLEET = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
VM = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?"


class Refused(Exception):
    """Why nothing can be sent: said once, as a warning."""


def start(options, playbook, arguments, warn):
    """A sink for the recorder, once it is sure that its events can be believed. `arguments`: Ansible's command line."""
    settings = _settings(options)
    commit = checkout.commit_of(os.path.dirname(os.path.abspath(playbook)))
    if commit is None:
        raise Refused("the playbooks are in no Git commit, so nobody could tell what was applied")
    if arguments.get("check") and not commit[1]:
        raise Refused("the working tree has changes that no commit has, so this check says nothing of a commit")
    shaping = {name: arguments.get(name) for name in ("args", "check", "limit", "skip_tags", "subset", "tags")}
    described = {
        "run_id": "manual-" + uuid.uuid4().hex,
        "mode": "audit" if arguments.get("check") else "apply",
        "intended_sha": commit[0],
        "clean": commit[1],
        "playbooks": [os.path.basename(str(name))[:512] for name in arguments.get("args") or [playbook]][:32],
        "shaping": json.loads(json.dumps(shaping, default=str)),
    }
    sender = Sender(settings, warn)
    run = events.Run(described, sender.send, time.monotonic)
    _watch_exit(lambda code: (run.last_word(code), sender.finish()), warn)
    return run


class Sender:
    """The other end of sender.py's standard input. Never waits while tasks run."""

    def __init__(self, settings, warn):
        self._warn, self._wait_s = warn, settings["wait_s"]
        program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "sender.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for Ansible; the last word is still sent
        )
        os.set_blocking(self._process.stdin.fileno(), False)
        self._write(_encoded(settings))

    def send(self, kind, data):
        """A pipe that is full means a receiver that does not answer: then progress is lost, which the end makes good."""
        line = _encoded({"type": kind, "data": data})
        if kind != "run.progress":
            self._write(line)
        elif len(line) <= select.PIPE_BUF:  # written whole or not at all
            with contextlib.suppress(BlockingIOError):
                os.write(self._process.stdin.fileno(), line)

    def finish(self):
        """Closes the pipe and waits a little for the outcome."""
        self._process.stdin.close()
        answer = self._process.stdout
        if select.select([answer], [], [], self._wait_s)[0]:
            said = answer.readline()
            failed = json.loads(said)["failed"] if said else "the process that sends them failed"
        else:
            failed = "no answer yet; it is still being tried"
        if failed:
            self._warn("nexus_pull: not every event was delivered: %s" % failed)

    def _write(self, data):
        pipe, deadline = self._process.stdin.fileno(), time.monotonic() + self._wait_s
        while data:
            if not select.select([], [pipe], [], max(0.0, deadline - time.monotonic()))[1]:
                raise TimeoutError("the receiver does not answer")
            data = data[os.write(pipe, data) :]


def _encoded(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _settings(options):
    fleet, vm = options["fleet"], options["vm"]
    if not re.fullmatch(FLEET, fleet) or not re.fullmatch(VM, vm):
        raise Refused("set NEXUS_PULL_FLEET and NEXUS_PULL_VM to the names that the key was made for")
    _no_agent(options["agent_config"], fleet, vm)
    url = options["url"].rstrip("/")
    if not re.fullmatch(r"https?://[^\s/@?#]+(?:/[^\s@?#]*)?", url):
        raise Refused("NEXUS_PULL_URL is not an http or https address without credentials")
    if options["ca_file"] and not os.access(options["ca_file"], os.R_OK):
        raise Refused("NEXUS_PULL_CA_FILE cannot be read")
    return {
        "url": url if url.endswith("/webhook") else url + "/webhook",
        "key": _key(options, fleet, vm),
        "fleet": fleet,
        "vm": vm,
        "instance_id": options["instance_id"],
        "ca_file": options["ca_file"],
        "state_directory": os.path.join(options["state_directory"], fleet, vm),
        "wait_s": options["wait_s"],
        "patience_s": 60,
    }


def _no_agent(path, fleet, vm):
    """An agent alone speaks for its machine: another stream of the same VM would make it an impostor."""
    try:
        with open(path, encoding="utf-8") as stream:
            identity = json.load(stream)["identity"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        identity = {"fleet": fleet, "vm": vm}
    if (identity.get("fleet"), identity.get("vm")) == (fleet, vm):
        raise Refused("this machine's agent reports for it; run the playbooks by `systemctl start nexus-pull`")


def _key(options, fleet, vm):
    key = options["key"].strip()
    if not key and options["key_file"]:
        with open(options["key_file"], encoding="ascii") as stream:
            key = stream.read().strip()
    if not key and options["secret"]:
        key = derive(options["secret"], fleet, vm)
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise Refused(
            "the key is not 64 hex digits; the secret that all keys are made of goes into NEXUS_PULL_SECRET"
        )
    return key


def derive(secret, fleet, vm):
    """The VM's key from the operator's secret (contract/README.md)."""
    operator = unicodedata.normalize("NFC", secret).encode("utf-8")
    inner = hashlib.sha256(operator + ("%s/%s" % (fleet, vm)).encode("utf-8")).hexdigest()
    return hashlib.sha256(operator + inner.encode("ascii")).hexdigest()


def _watch_exit(report, warn):
    """Calls `report(exit code)` right before the interpreter ends by sys.exit, as ansible-playbook does.

    Statistics alone would lie: a role that is missing ends the run with exit code 2 and is in none of them.
    """
    original, owner = sys.exit, os.getpid()

    def watched(code=None):
        sys.exit = original
        if os.getpid() == owner:
            try:
                report(0 if code is None else int(code) if isinstance(code, int) else 1)
            except Exception as error:  # whatever it is, the play's exit code stands
                warn("nexus_pull: the end of this run could not be sent: %s" % error)
        original(code)

    sys.exit = watched
