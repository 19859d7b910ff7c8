"""`nexus-pull-agent bootstrap`: before each run, and silent when all is there."""

import contextlib
import hashlib
import json
import platform
import random
import signal
import subprocess
import time

from nexus_pull import adopt, config as configs, files, notice, process, redact, runlog
from nexus_pull.bootstrap.commands import Commands, StepFailed
from nexus_pull.bootstrap.steps import steps as all_steps
from nexus_pull.console import say
from nexus_pull.errors import AgentError, Interrupted, reason_of
from nexus_pull.events import Recorder

EXIT_FAILED = 1
EXIT_LOCKED = 75
EXIT_INTERRUPTED = 143
FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 60


def bootstrap(paths, sleep=time.sleep, monotonic=time.monotonic, jitter=random.random):
    """Returns the exit status. Never at the same time as a run: both hold the run's lock."""
    for folder in (paths.var, paths.run):
        files.make_directory(folder)
    try:
        with files.locked(paths.run_lock, blocking=False):
            adopt.recover_files(paths)
            return _locked(paths, sleep, monotonic, jitter)
    except BlockingIOError:
        say(paths, "a run is going on: nothing is installed")
        return EXIT_LOCKED


def _locked(paths, sleep, monotonic, jitter):
    config = configs.load(paths)
    kept = files.read_json(paths.bootstrap) or {}
    steps = all_steps(paths, config, kept.get("ansible"))
    lacking = [step.name for step in steps if step.missing()]
    if not lacking and not kept.get("failed") and kept.get("wants") == _wants(config):
        return 0
    log = runlog.RunLog(paths.log, redact.redactor(redact.secret_texts(paths)))
    work = _Work(paths, config, steps, log, (sleep, monotonic, jitter))
    before = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        return work.perform()
    finally:
        signal.signal(signal.SIGTERM, before)
        log.close()


class _Work:
    def __init__(self, paths, config, steps, log, clock):
        self._paths, self._config, self._steps, self._log = paths, config, steps, log
        self._sleep, self._monotonic, self._jitter = clock
        self._record = Recorder(paths, config).record
        self._begun = self._monotonic()
        self._deadline_s = config["bootstrap"]["deadline_s"]
        self._installed = []
        self._attempts = 0

    def perform(self):
        names = [step.name for step in self._steps]
        generation = self._config["generation"]
        self._record("bootstrap.started", generation=generation, deadline_s=self._deadline_s, steps=names)
        for step in self._steps:
            try:
                self._make_sure(step)
            except Interrupted:
                return self._failed(step, StepFailed("terminated", "told to stop"), EXIT_INTERRUPTED)
            except StepFailed as failure:
                return self._failed(step, failure)
            except AgentError as error:
                return self._failed(step, StepFailed(error.reason, error.message))
            except OSError as error:
                said = "%s: %s" % (type(error).__name__, error)
                return self._failed(step, StepFailed(reason_of(error, "bootstrap_step_failed"), said))
        self._succeeded()
        return 0

    def _make_sure(self, step):
        begun = self._monotonic()
        if not step.missing():
            self._record("bootstrap.step", step=step.name, status="skipped")
            return
        self._record("bootstrap.step", step=step.name, status="started")
        self._attempts = 0
        while True:
            self._attempts += 1
            # Anew for each attempt: what the last one learned may be why it failed.
            commands = Commands(self._paths, self._log, self._monotonic, self._begun + self._deadline_s)
            try:
                self._installed += step.install(commands)
                break
            except StepFailed as failure:
                self._pause_or_raise(step, failure)
        took = int(self._monotonic() - begun)
        self._record("bootstrap.step", step=step.name, status="done", attempt=self._attempts, duration_s=took)

    def _pause_or_raise(self, step, failure):
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._attempts - 1, 10)) * (0.75 + self._jitter() / 2)
        left = self._begun + self._deadline_s - self._monotonic()
        if failure.permanent or pause >= left:
            raise failure
        about = {"reason": failure.reason, "message": self._log.redact(failure.message)}
        self._record("bootstrap.step", step=step.name, status="retrying", attempt=self._attempts, **about)
        self._log.line("bootstrap: %s: %s; again in %d s" % (step.name, failure.message, pause))
        self._sleep(pause)

    def _failed(self, step, failure, code=EXIT_FAILED):
        message = self._log.redact(failure.message)
        took = int(self._monotonic() - self._begun)
        self._record(
            "bootstrap.failed",
            step=step.name,
            reason=failure.reason,
            message=message,
            command=self._log.redact(failure.command) if failure.command else None,
            exit_code=failure.exit_code,
            tail=failure.tail or None,
            attempts=max(1, self._attempts),
            duration_s=took,
        )
        said = "bootstrap FAILED at step %s after %d s: %s: %s" % (step.name, took, failure.reason, message)
        self._log.line(said)
        say(self._paths, said)
        self._keep_failed({"step": step.name, "reason": failure.reason, "message": message})
        notice.post(self._paths, [said, *failure.tail[-3:]])
        return code

    def _keep_failed(self, failed):
        """For status. A full disk is said often enough elsewhere."""
        failed["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with contextlib.suppress(OSError):
            files.write_json(self._paths.bootstrap, {"version": 1, "failed": failed})

    def _succeeded(self):
        ansible = self._steps[-1].seen
        files.write_json(self._paths.bootstrap, {"version": 1, "wants": _wants(self._config), "ansible": ansible})
        self._record(
            "bootstrap.succeeded",
            duration_s=int(self._monotonic() - self._begun),
            installed=self._installed or None,
            ansible_version=ansible["version"],
            git_version=_git_version(self._paths),
            python_version=platform.python_version(),
        )
        self._log.line("bootstrap succeeded: installed %s" % (", ".join(self._installed) or "nothing"))
        notice.clear(self._paths)


def _wants(config):
    """What bootstrap was for: when this changes, it is done and reported again."""
    asked = [config["bootstrap"]["ansible_core"], config["agent"], config["source"]["verify"]["policy"]]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _git_version(paths):
    asked = subprocess.run(["git", "--version"], env=process.environment(paths), stdout=subprocess.PIPE, check=False)
    return asked.stdout.decode(errors="replace").replace("git version", "").strip()[:64] or None


def _on_sigterm(number, frame):
    raise Interrupted()
