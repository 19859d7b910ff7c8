"""What is known on this machine, for people and as JSON. Changes nothing."""

from nexus_pull import VERSION, config as configs, facts, files, run
from nexus_pull.errors import AgentError


def status(paths):
    """(plain data, whether it is worth an alarm)."""
    found = {"agent_version": VERSION, "config_error": None, "refuses": []}
    try:
        config = configs.load(paths)
        found.update(
            generation=config["generation"],
            identity=config["identity"],
            refuses=configs.refusals(config),
            source={key: config["source"].get(key) for key in ("url", "ref", "commit")},
        )
    except AgentError as error:
        found["config_error"] = error.message
    found["last_run"] = _last_run(paths)
    outcome = found["last_run"]["outcome"] if found["last_run"] else None
    bad = found["config_error"] or found["refuses"] or outcome not in (*run.GOOD, "running", None)
    return found, bool(bad)


def _last_run(paths):
    last = (files.read_json(paths.state) or {}).get("last_run")
    if last and last["outcome"] == "running" and not _is_locked(paths):
        same_boot = last.get("boot_id") == facts.boot_id()
        reason, who = ("agent_killed", "agent") if same_boot else ("machine_restarted", "machine")
        last.update(outcome="interrupted", reason=reason, message="the %s went down in the middle of the run" % who)
    return last


def _is_locked(paths):
    try:
        with files.locked(paths.run_lock, blocking=False):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def text(found):
    lines = ["agent       " + found["agent_version"]]
    if found["config_error"]:
        lines.append("NOT CONFIGURED: " + found["config_error"])
    else:
        identity, source = found["identity"], found["source"]
        lines.append("vm          %s/%s (instance %s)" % (identity["fleet"], identity["vm"], identity["instance_id"]))
        lines.append("generation  " + found["generation"][:12])
        lines.append("source      %s %s" % (source["url"], source["commit"] or source["ref"]))
    lines += ["REFUSES TO RUN: " + reason for reason in found["refuses"]]
    lines += _run_lines(found["last_run"])
    return "\n".join(lines)


def _run_lines(last):
    if not last:
        return ["last run    none"]
    lines = ["last run    %s, started %s" % (last["outcome"], last["started_at"])]
    for key in ("finished_at", "exit_code", "intended_sha", "applied_sha", "reason", "message"):
        if last.get(key) is not None:
            lines.append("  %-13s %s" % (key, last[key]))
    return lines
