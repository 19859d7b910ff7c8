"""What is known on this machine, as plain data; status_text makes lines of it. Changes nothing."""

from nexus_pull import VERSION, config as configs, facts, files, redact, run, vault
from nexus_pull.errors import AgentError
from nexus_pull.events import look, standing

GOOD = (*run.GOOD, "running")


def status(paths):
    """(plain data, whether it is worth an alarm)."""
    state = files.read_json(paths.state) or {}
    aside, refused = look.set_aside(paths)
    found = {
        "agent_version": VERSION,
        **_configured(paths),
        "not_adopted": files.read_json(paths.not_adopted),
        "bootstrap_failed": (files.read_json(paths.bootstrap) or {}).get("failed"),
        "vault_secret_id": vault.kept_how(paths),
        "unmasked": redact.unmasked(paths),
        "intended": _intended(state),
        "applied": state.get("last_success"),
        "last_run": _last_run(paths, state),
        "last_skipped": state.get("last_skipped"),
        "reboot_required": facts.reboot_required(paths),
        "runs": look.last_runs(paths),
        "standing": standing.problem(paths),
        "spool": look.waiting(paths),
        "set_aside": {"events": aside, "newest": refused},
    }
    found["alarms"] = list(_alarms(found))
    return found, bool(found["alarms"])


def _configured(paths):
    found = {"config_error": None, "refuses": []}
    try:
        config = configs.load(paths)
    except AgentError as error:
        return {**found, "config_error": error.message}
    return {
        "config_error": None,
        "generation": config["generation"],
        "identity": config["identity"],
        "refuses": configs.refusals(config),
        "source": {key: config["source"].get(key) for key in ("url", "ref", "commit")},
        "mode": config["run"]["mode"],
        "schedule": config["schedule"],
        "receiver": {"url": config["receiver"]["url"]} if config["receiver"] else None,
    }


def _intended(state):
    """The commit that the newest run that got that far wanted."""
    for known in (state.get("last_run"), state.get("last_skipped"), state.get("before")):
        if known and known.get("intended_sha"):
            return known["intended_sha"]
    return (state.get("tip") or {}).get("commit")


def _last_run(paths, state):
    last = state.get("last_run")
    if last and last["outcome"] == "running" and not _is_locked(paths):
        same_boot = last.get("boot_id") == facts.boot_id()
        reason, who = ("agent_killed", "agent") if same_boot else ("machine_restarted", "machine")
        last.update(outcome="interrupted", reason=reason, message="the %s went down in the middle of the run" % who)
    return last


def _alarms(found):
    """What somebody should look at, one code each."""
    last = found["last_run"]
    if found["config_error"]:
        yield "config_invalid"
    if found["refuses"]:
        yield "config_unsupported"
    if found["not_adopted"]:
        yield found["not_adopted"]["reason"]
    if found["bootstrap_failed"]:
        yield found["bootstrap_failed"]["reason"]
    if last and (last["outcome"] not in GOOD or last.get("reason") == "drift_found"):
        yield last.get("reason") or last["outcome"]
    if found["standing"]:
        yield found["standing"]["reason"]
    delivery = found["spool"]["delivery"] or {}
    if found["spool"]["events"] and delivery.get("state") == "waiting":
        yield delivery["reason"]
    if found["set_aside"]["events"]:
        yield "events_set_aside"


def _is_locked(paths):
    try:
        with files.locked(paths.run_lock, blocking=False):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
