#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Waits until Nexus accepts writes, is the release that was asked for and uses the database that was asked for."""

from __future__ import annotations

import glob
import os
import re
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.nexus_rest import Nexus

DOCUMENTATION = """
module: nexus_wait
short_description: Wait until Sonatype Nexus Repository accepts writes, or say why it will not
description: Ends as soon as the unit is failing or the log says that the start is lost. It changes nothing.
options:
  api: { description: Address up to and with /service/rest/v1., type: str, required: true }
  unit: { description: The systemd unit., type: str, default: nexus.service }
  log: { description: Nexus' log., type: path, required: true }
  version: { description: Release that must answer. Empty - any., type: str, required: true }
  embedded: { description: File of the embedded database., type: path, required: true }
  embedded_allowed: { description: Whether that file may be in use., type: bool, required: true }
  timeout_s: { description: Seconds until it must accept writes., type: int, required: true }
author: the nexus-vm-pull project
"""
EXAMPLES = """
- nexus_wait:
    api: http://127.0.0.1:8081/service/rest/v1
    log: /var/lib/nexus/log/nexus.log
    version: 3.95.2-01
    embedded: /var/lib/nexus/db/nexus.mv.db
    embedded_allowed: true
    timeout_s: 600
"""
RETURN = """
server: { description: What the server says that it is., returned: success, type: str }
"""
PAUSE_S = 1.0
TAIL_BYTES = 262144
SHOWN = 5
# A process that says one of these stays, and never accepts a request.
LOST = re.compile(r"later version of Nexus|Failed (?:transition|to start)|FATAL|Unable to (?:start|upgrade)")


def unit_state(unit):
    names = ("ActiveState", "SubState", "NRestarts", "Result", "MainPID")
    command = ["systemctl", "show", unit, *("--property=" + name for name in names)]
    try:
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.split("=", 1) for line in said.decode("utf-8", "replace").splitlines() if "=" in line)


def failing(state, before):
    """Why the unit will not come up by itself; None when it may."""
    if state.get("ActiveState") in ("failed", "inactive"):
        return "the unit is %(ActiveState)s (%(Result)s)" % {"Result": "?", **state}
    if state.get("SubState") == "auto-restart" or state.get("NRestarts", "0") != before.get("NRestarts", "0"):
        return "it ended, and systemd starts it again (NRestarts=%s)" % state.get("NRestarts", "?")
    return None


def errors_since(log, since):
    """The first lines of the errors in the log that are not older than `since` (seconds of the epoch)."""
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL_BYTES))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        match = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})([+-]\d{4}) (ERROR|FATAL)\b", line)
        if match and _epoch(*match.groups()[:3]) >= since:
            found.append(line[:400])
        elif found and re.match(r"(Caused by: |[\w.$]+(?:Exception|Error): )", line) and line[:400] not in found:
            found.append("  " + line[:400])
    return found


def _epoch(second, thousandths, zone):
    import calendar

    plain = calendar.timegm(time.strptime(second, "%Y-%m-%d %H:%M:%S")) + int(thousandths) / 1000
    offset = int(zone[1:3]) * 3600 + int(zone[3:]) * 60
    return plain - offset if zone[0] == "+" else plain + offset


def started_at(state):
    """When its main process began, by the kernel: the time of a file below /proc is that of the first look."""
    try:
        with open("/proc/%s/stat" % state["MainPID"], encoding="utf-8", errors="replace") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
        with open("/proc/stat", encoding="ascii") as stream:
            boot = next(int(line.split()[1]) for line in stream if line.startswith("btime"))
    except (KeyError, OSError, ValueError, IndexError, StopIteration):
        return time.time()
    # Both are rounded.
    return boot + ticks / os.sysconf("SC_CLK_TCK") - 2


def is_open(path):
    """Whether a process has the file open."""
    path = os.path.realpath(path)
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) == path:
                return True
        except OSError:
            continue
    return False


def journal(unit):
    command = ["journalctl", "--no-pager", "--quiet", "--output=cat", "--lines=%d" % SHOWN, "--unit=" + unit]
    try:
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line[:400] for line in said.decode("utf-8", "replace").splitlines() if line.strip()]


def wait(asked):
    """(answer, None), or (None, why not)."""
    nexus, before, until = Nexus(asked["api"]), unit_state(asked["unit"]), time.monotonic() + asked["timeout_s"]
    since = started_at(before)
    while True:
        answer = nexus.call("GET", "/status/writable", limit_s=10)
        if answer.status == 200:
            return answer, None
        why = failing(unit_state(asked["unit"]), before)
        errors = errors_since(asked["log"], since)
        if not why and any(LOST.search(line) for line in errors):
            why = "its start is lost"
        if not why and time.monotonic() > until:
            last = "status %d" % answer.status if answer.status else answer.text
            why = "it did not accept writes in %d s (%s)" % (asked["timeout_s"], last)
        if why:
            said = errors[-SHOWN:] or journal(asked["unit"])
            more = " | ".join(said) if said else "nothing: see journalctl -u " + asked["unit"]
            return None, "Nexus does not run: %s; it said: %s. Log: %s" % (why, more, asked["log"])
        time.sleep(PAUSE_S)


def wrong(asked, answer):
    """What runs and is not what was asked for; None when all is."""
    server = answer.server or ""
    if asked["version"] and server.startswith("Nexus/") and server.split()[0] != "Nexus/" + asked["version"]:
        words = "What answers is %s, and nexus_version is %s: another process has the port, or an older start still runs"
        return words % (server, asked["version"])
    if not asked["embedded_allowed"] and is_open(asked["embedded"]):
        return (
            "nexus_postgresql_host is set, and this Nexus uses the embedded database %s all the same: its release or edition "
            "(%s) has no PostgreSQL. Take one that has it, or empty nexus_postgresql_host" % (asked["embedded"], server)
        )
    return None


def main():
    module = AnsibleModule(
        argument_spec={
            "api": {"type": "str", "required": True},
            "unit": {"type": "str", "default": "nexus.service"},
            "log": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "embedded": {"type": "path", "required": True},
            "embedded_allowed": {"type": "bool", "required": True},
            "timeout_s": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    answer, why = wait(module.params)
    why = why or wrong(module.params, answer)
    if why:
        module.fail_json(msg=why)
    module.exit_json(changed=False, server=answer.server)


if __name__ == "__main__":
    main()
