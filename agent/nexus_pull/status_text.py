"""The status as lines for people."""

from nexus_pull.console import plain

# Of the run's output: what fits on one screen beside the rest.
LINES = 10
DETAILS = ("trigger", "finished_at", "exit_code", "intended_sha", "applied_sha", "reason", "message")


def text(found):
    lines = ["agent       " + found["agent_version"]]
    lines += _configured(found)
    if found["not_adopted"]:
        lines.append("SEED NOT ADOPTED: %(reason)s: %(message)s" % found["not_adopted"])
    if found["vault_secret_id"]:
        lines.append("vault       the secret id is kept " + found["vault_secret_id"])
    lines += found["unmasked"]
    if found["standing"]:
        lines.append("NOT SURELY THIS VM: %(reason)s: %(message)s" % found["standing"])
    failed = found["bootstrap_failed"]
    if failed:
        lines.append("BOOTSTRAP FAILED at step %(step)s, %(at)s: %(reason)s: %(message)s" % failed)
    lines += _commits(found)
    lines += _last_run(found["last_run"])
    lines += _machine(found)
    lines += _runs(found["runs"])
    lines += _spool(found)
    lines += _set_aside(found["set_aside"])
    return "\n".join(map(plain, lines))


def _configured(found):
    if found["config_error"]:
        return ["NOT CONFIGURED: " + found["config_error"]]
    identity, source, schedule = found["identity"], found["source"], found["schedule"]
    return [
        "vm          %s/%s (instance %s)" % (identity["fleet"], identity["vm"], identity["instance_id"]),
        "generation  " + found["generation"][:12],
        "source      %s %s" % (source["url"], source["commit"] or source["ref"]),
        "schedule    %s every %d s, plus up to %d s" % (found["mode"], schedule["interval_s"], schedule["jitter_s"]),
        "receiver    " + (found["receiver"]["url"] if found["receiver"] else "none"),
        *("REFUSES TO RUN: " + reason for reason in found["refuses"]),
    ]


def _commits(found):
    applied = (found["applied"] or {}).get("commit")
    intended = found["intended"]
    note = "" if applied == intended or not (applied and intended) else " (not the intended one)"
    return ["intended    " + (intended or "not known yet"), "applied     " + (applied or "none") + note]


def _last_run(last):
    if not last:
        return ["last run    none"]
    lines = ["last run    %s, started %s" % (last["outcome"], last.get("started_at", "?"))]
    lines += ["  %-13s %s" % (key, last[key]) for key in DETAILS if last.get(key) is not None]
    lines += ["  %-13s %s: %s" % ("notice", one["reason"], one["message"]) for one in last.get("notices") or ()]
    # Of a good run the last lines are its recap, which nobody needs who looks for a fault.
    bad = last["outcome"] in ("failed", "interrupted")
    return lines + ["  | " + line for line in (last.get("last_lines") or ())[-LINES:] if bad and line.strip()]


def _machine(found):
    lines = []
    if found["last_skipped"]:
        skipped = found["last_skipped"]
        lines.append("checked     %s: %s" % (skipped.get("finished_at", "?"), skipped.get("reason", "?")))
    if found["reboot_required"]:
        lines.append("REBOOT REQUIRED by the package manager; the playbook or you have to do it")
    return lines


def _runs(runs):
    lines = []
    for run in runs:
        words = (run["type"][len("run.") :] if run["type"].startswith("run.") else run["type"], run.get("reason", ""))
        lines.append("  %s %-14s %s" % (run["time"], run.get("outcome") or words[0], words[1]))
    return ["runs", *(line.rstrip() for line in lines)] if lines else []


def _spool(found):
    spool = found["spool"]
    lines = ["spool       %d events wait" % spool["events"]]
    if spool["events"]:
        lines[0] += ", the oldest since %s" % _duration(spool["oldest_s"])
        delivery = spool["delivery"] or {}
        if delivery.get("state") == "waiting":
            lines.append("  %-13s %s: %s" % ("why", delivery["reason"], delivery["message"]))
            if delivery.get("remedy"):
                lines.append("  %-13s %s" % ("remedy", delivery["remedy"]))
            lines.append("  %-13s %d, the next within %s" % ("attempts", delivery["attempts"], _duration(delivery["pause_s"])))
    if spool["dropped"]:
        lines.append("  %-13s %d events, for age, size or a full disk" % ("dropped", spool["dropped"]))
    return lines


def _set_aside(aside):
    if not aside["events"]:
        return []
    lines = ["set aside   %d events that the receiver refuses for good" % aside["events"]]
    for one in aside["newest"]:
        lines.append("  %s %s: %s" % (one.get("type") or "?", one.get("id") or one["file"], one.get("message", "?")))
        if one.get("remedy"):
            lines.append("    remedy: " + one["remedy"])
    return lines


def _duration(seconds):
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return "%d %s" % (seconds // size, unit)
    return "%d s" % seconds
