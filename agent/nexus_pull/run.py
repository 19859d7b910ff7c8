"""One run: lock, fetch, ansible-pull of exactly that commit, and what came of it in state.json."""

import secrets
import signal
import time

from nexus_pull import adopt, config as configs, facts, files, git, playbook, redact, runlog
from nexus_pull.console import say
from nexus_pull.errors import AgentError, Interrupted

EXIT_LOCKED = 75  # EX_TEMPFAIL
EXIT_REFUSED = 78  # EX_CONFIG
EXIT_FAILED = 1
EXIT_INTERRUPTED = 143
NO_PROOF = "ansible-pull ended with 0; this agent collects no evidence: that is no proof of success"


def run(paths, sleep=time.sleep):
    """Returns the exit code."""
    for folder in (paths.var, paths.run):
        files.make_directory(folder)
    try:
        with files.locked(paths.run_lock, blocking=False):
            adopt.recover_files(paths)
            return _run_locked(paths, sleep)
    except BlockingIOError:
        say(paths, "another run is going on; this one ends here")
        return EXIT_LOCKED


def _run_locked(paths, sleep):
    record = {"run_id": secrets.token_hex(8), "started_at": _now(), "outcome": "running", "boot_id": facts.boot_id()}
    _keep(paths, record)
    log = runlog.RunLog(paths.log, redact.redactor(redact.secret_texts(paths)))
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        code = _attempt(paths, log, record, sleep)
    except AgentError as error:
        code = record.pop("exit_status", EXIT_FAILED)
        record.setdefault("outcome_wanted", "failed")
        record.update(outcome=record.pop("outcome_wanted"), reason=error.reason, message=log.redact(error.message))
    except Interrupted:
        code = EXIT_INTERRUPTED
        record.update(outcome="interrupted", reason="terminated", message="told to stop in the middle of the run")
    except Exception as error:  # noqa: BLE001 - whatever it is, the state must not go on saying "running"
        code = EXIT_FAILED
        said = log.redact("%s: %s" % (type(error).__name__, error))
        record.update(outcome="failed", reason="agent_error", message=said)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _finish(paths, log, record)
    return code


def _attempt(paths, log, record, sleep):
    config = configs.load(paths)
    record["generation"] = config["generation"]
    refused = configs.refusals(config)
    if refused:
        record.update(outcome_wanted="refused", exit_status=EXIT_REFUSED)
        raise AgentError("config_unsupported", "nothing was run: " + "; ".join(refused))
    runner = playbook.Playbook(paths, config, log)
    runner.require_ansible()
    source = git.Source(paths, config["source"], log)
    commit = source.fetch(sleep)
    record["intended_sha"] = commit
    _keep(paths, record)
    source.require_descent(commit, _state(paths).get("tip"))
    _keep(paths, record, tip={"followed": source.followed(), "commit": commit})
    log.line("ansible-pull of %s" % commit)
    exit_code, late = runner.execute(source, commit)
    record.update(exit_code=exit_code, applied_sha=source.head_of(runner.checkout))
    return _judge(config, record, late)


def _judge(config, record, late):
    if late:
        raise AgentError("timeout", "ansible-pull was ended after %d s" % config["run"]["timeout_s"])
    if record["exit_code"] != 0:
        record["exit_status"] = record["exit_code"] if 0 < record["exit_code"] < 256 else EXIT_FAILED
        raise AgentError("ansible_failed", "ansible-pull ended with %d" % record["exit_code"])
    if record["applied_sha"] != record["intended_sha"]:
        raise AgentError("commit_mismatch", "another commit was checked out than the one intended")
    record.update(outcome="ended", reason="evidence_missing", message=NO_PROOF)
    return 0


def _finish(paths, log, record):
    record.update(finished_at=_now(), last_lines=log.last_lines)
    log.line("run %s: %s: %s: %s" % (record["run_id"], record["outcome"], record["reason"], record["message"]))
    log.close()
    _keep(paths, record)
    if record["outcome"] != "ended":
        say(paths, "run %s: %s: %s" % (record["outcome"], record["reason"], record["message"]))


def _state(paths):
    return files.read_json(paths.state) or {}


def _keep(paths, record, **more):
    state = _state(paths)
    state.update(version=1, last_run=record, **more)
    files.write_json(paths.state, state)


def _on_sigterm(number, frame):
    raise Interrupted()


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
