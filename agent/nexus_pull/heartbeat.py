"""Record vm.heartbeat: what an operator asks for first, in at most 1 KB."""

import calendar
import contextlib
import json
import time

from nexus_pull import VERSION, config as configs, events, facts, files
from nexus_pull.events.answers import LIMITS
from nexus_pull.events.spool import Spool

OUTCOMES = ("unchanged", "changed-intentional", "changed-corrective", "failed", "interrupted", "skipped")
LONGEST_AGO_S = 8640000
# Left out first to last until the rest fits; what is not named here always stays.
DISPENSABLE = (
    "generation", "heartbeat_s", "message", "reboot_required", "disk_free_mib", "last_run", "applied_sha", "os",
    "ansible_version",
)  # fmt: skip


def heartbeat(paths):
    """Returns a sentence on what was done."""
    config = configs.load(paths)
    if config["receiver"] is None:
        return "no receiver is configured: no heartbeat is sent"
    event = record(paths, config)
    return "vm.heartbeat is in the spool (seq %d)" % event["data"]["seq"]


def record(paths, config):
    """Record it; what was dropped since the last one is reported with it."""
    spool = Spool(paths)
    counts = spool.counts()
    unreported = spool.unreported_drops()
    data = _facts(paths, config, counts)
    if unreported > 0:
        data.update(reason="events_dropped", message="%d events were dropped for age, size or a full disk" % unreported)
    elif counts["set_aside"]:
        data["reason"] = "events_set_aside"
    else:
        data.update(files.read_json(paths.not_adopted) or {})
    recorder = events.Recorder(paths, config)
    event = recorder.record("vm.heartbeat", **_fitting(recorder, data))
    if unreported > 0:
        spool.drops_are_reported(counts["dropped"])
    return event


def _fitting(recorder, data):
    """The contract's limit is on all of data, so what the recorder adds counts too."""
    limit = LIMITS["heartbeat_data_bytes"] - recorder.common_bytes()
    data = {key: value for key, value in data.items() if value is not None}
    for key in DISPENSABLE:
        if _size(data) <= limit:
            break
        data.pop(key, None)
    while _size(data) > limit and len(data["addresses"]) > 1:
        data["addresses"] = data["addresses"][:-1]
    return data


def _size(data):
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())


def _facts(paths, config, counts):
    state = files.read_json(paths.state) or {}
    return {
        "addresses": facts.addresses(paths),
        "agent_version": VERSION,
        # As the last run found it: asking ansible itself takes a second of the processor.
        "ansible_version": (state.get("ansible") or {}).get("version"),
        "os": facts.operating_system(paths),
        "applied_sha": (state.get("last_success") or {}).get("commit"),
        "last_run": _last_run(state, time.time()),
        "spool": counts,
        "disk_free_mib": facts.disk_free_mib(paths.var),
        "reboot_required": facts.reboot_required(paths),
        "heartbeat_s": config["receiver"]["heartbeat_s"],
        "generation": config["generation"],
    }


def _last_run(state, now):
    """The last run that has ended; one that goes on has none of these facts yet."""
    last = state.get("last_run") or {}
    if last.get("outcome") == "running":
        last = state.get("before") or {}
    if last.get("outcome") not in OUTCOMES:
        return None
    found = {"run_id": last["run_id"], "outcome": last["outcome"]}
    if last.get("reason"):
        found["reason"] = last["reason"]
    with contextlib.suppress(KeyError, ValueError):
        ago = now - calendar.timegm(time.strptime(last["finished_at"], "%Y-%m-%dT%H:%M:%SZ"))
        if 0 <= ago <= LONGEST_AGO_S:  # neither, if the clock was or is wrong
            found["ago_s"] = int(ago)
    return found
