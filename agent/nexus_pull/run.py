"""`nexus-pull-agent run`: one at a time, and whatever happens to it is known afterwards.

state.json says "running" before anything else happens. Whoever starts next and finds that, with the lock free, reports what
was cut short.
"""

import os
import signal
import time

from nexus_pull import config as configs, facts, files, process, redact, runlog
from nexus_pull.console import say
from nexus_pull.errors import AgentError, Interrupted, is_full, reason_of
from nexus_pull.events import Recorder, config_digest
from nexus_pull.runs.attempt import EXIT_DRIFT, EXIT_FAILED, Attempt, now
from nexus_pull.runs.state import State

EXIT_LOCKED = 75  # EX_TEMPFAIL
EXIT_REFUSED = 78  # EX_CONFIG
EXIT_INTERRUPTED = 143
GOOD = ("unchanged", "changed-intentional", "changed-corrective", "skipped")

__all__ = ["EXIT_DRIFT", "EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_LOCKED", "EXIT_REFUSED", "report_cut_short", "run"]


def run(paths, trigger="manual", sleep=time.sleep):
    """Returns the exit status. `trigger`: what started it. Only the timer is skipped when all is up to date."""
    for folder in (paths.var, paths.run):
        files.make_directory(folder)
    try:
        with files.locked(paths.run_lock, blocking=False):
            if os.path.exists(paths.journal):
                from nexus_pull import adopt

                adopt.recover_files(paths)
            return _run_locked(paths, trigger, sleep)
    except BlockingIOError:
        return _another_runs(paths, trigger)


def report_cut_short(paths):
    """For the boot, which must not wait for the next run: what the last boot cut short. Says nothing while a run goes on."""
    try:
        files.make_directory(paths.run)
        with files.locked(paths.run_lock, blocking=False):
            state = State(paths)
            if (state.get("last_run") or {}).get("outcome") == "running":
                config = configs.load(paths)
                _find_cut_short(paths, config, state, _open_log(paths))
    except BlockingIOError:
        pass


def _another_runs(paths, trigger):
    going_on = State(paths).get("last_run") or {}
    say(paths, "another run (%s) is going on; this one ends here" % going_on.get("run_id", "?"))
    message = "run %s holds the lock since %s" % (going_on.get("run_id", "?"), going_on.get("started_at", "?"))
    config = configs.load(paths)
    Recorder(paths, config).record(
        "run.skipped", run_id=_new_id(), trigger=_by(trigger), reason="already_running", message=message
    )
    return EXIT_LOCKED


def _run_locked(paths, trigger, sleep):
    state, log = State(paths), _open_log(paths)
    try:
        config = configs.load(paths)
        refused = configs.refusals(config)
    except AgentError as error:
        _keep_refused(paths, state, log, "failed", error)
        return EXIT_FAILED
    _find_cut_short(paths, config, state, log)
    attempt = _attempt(paths, config, state, log, trigger, sleep)
    if refused:
        error = AgentError("config_unsupported", "nothing was run: " + "; ".join(refused))
        attempt.failed(error)
        say(paths, "run refused: %s" % error.message)
        return EXIT_REFUSED
    process.adopt_orphans()
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        return _perform(paths, attempt, log)
    finally:
        log.close()


def _attempt(paths, config, state, log, trigger, sleep):
    before = state.get("last_run")
    last = {
        "run_id": _new_id(),
        "trigger": _trigger(trigger, before, config),
        "generation": config["generation"],
        "mode": config["run"]["mode"],
        "config_digest": config_digest(config),
        "boot_id": facts.boot_id(),
        "began_uptime_s": facts.uptime_s(),
        "started_at": now(),
        "outcome": "running",
    }
    try:
        state.save(last_run=last, before=before)
    except OSError as error:
        if not is_full(error):
            raise
    return Attempt(paths, config, state, Recorder(paths, config).record, log, last, sleep)


def _perform(paths, attempt, log):
    try:
        try:
            code = attempt.perform()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except Interrupted:
        # Also what was started in the very moment of the signal, before anybody watched over it.
        process.kill_descendants()
        attempt.interrupted("terminated", "told to stop in the middle of the run", "SIGTERM")
        code = EXIT_INTERRUPTED
    except AgentError as error:
        attempt.failed(error)
        code = EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody must go on believing that it runs
        attempt.failed(AgentError(reason_of(error), "%s: %s" % (type(error).__name__, error)))
        code = EXIT_FAILED
    last = attempt.last
    if last["outcome"] not in GOOD or last.get("reason") == "drift_found":
        say(paths, "run %s: %s: %s" % (last["outcome"], last["reason"], last.get("message")))
    return code


def _find_cut_short(paths, config, state, log):
    """Report a run that never got to its last word. Its evidence lies where it was left."""
    last = state.get("last_run") or {}
    if last.get("outcome") != "running":
        return
    same_boot = last.get("boot_id") == facts.boot_id()
    reason, who = ("agent_killed", "agent") if same_boot else ("machine_restarted", "machine")
    message = "the %s went down in the middle of the run that began at %s" % (who, last.get("started_at"))
    if not same_boot:
        message += " (boot %s, now %s)" % (last.get("boot_id"), facts.boot_id())
    # How long it had run nobody knows.
    last = {**last, "duration_s": None}
    Attempt(paths, config, state, Recorder(paths, config).record, log, last, None).interrupted(reason, message)
    say(paths, "run interrupted: %s: %s" % (reason, message))


def _trigger(asked, before, config):
    """The timer also fires at a boot, after new settings, and after a failure: then it is no mere timer. The unit is started
    by the boot, by the timer and by hand; systemd says since version 252 that it was the timer, before it nobody knows."""
    if asked == "manual":
        return asked
    if not before:
        return "first_boot"
    if before.get("generation") != config["generation"]:
        return "settings_changed"
    if before.get("boot_id") != facts.boot_id():
        return "boot"
    if _by(asked) == "manual":
        return "manual"
    return "timer" if before.get("outcome") in GOOD else "retry"


def _by(asked):
    if asked == "unit":
        return "timer" if "TRIGGER_UNIT" in os.environ else "manual"
    return asked


def _keep_refused(paths, state, log, outcome, error):
    message = log.redact(error.message)
    state.save(last_run={"outcome": outcome, "reason": error.reason, "message": message, "started_at": now()})
    log.line("run %s: %s: %s" % (outcome, error.reason, message))
    log.close()
    say(paths, "run %s: %s: %s" % (outcome, error.reason, message))


def _open_log(paths):
    return runlog.RunLog(paths.log, redact.redactor(redact.secret_texts(paths)))


def _new_id():
    return os.urandom(8).hex()


def _on_sigterm(number, frame):
    raise Interrupted()
