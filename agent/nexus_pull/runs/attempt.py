"""One run, from the fetch to its last word. Everything in here happens under the run lock.

Order (contract/README.md): run.queued, fetch and verification, run.source.verified or run.source.rejected, then run.skipped
or run.started, then one last word. Each word is in the spool before the next step.
"""

import os
import time

from nexus_pull import playbook, redact, vault
from nexus_pull.errors import AgentError
from nexus_pull.events import config_digest, standing
from nexus_pull.runs import ansible_cfg, evidence, judge, notices, progress, reapply, requirements, secret_vars
from nexus_pull.source import Mirror, Rejected

EXIT_FAILED = 1
EXIT_DRIFT = 3


class Attempt:
    """`record`: Recorder.record; `last`: the run's entry in state.json, which grows as the run goes on."""

    def __init__(self, paths, config, state, record, log, last, sleep, monotonic=time.monotonic, wall=time.time):
        self._paths, self._config, self._state = paths, config, state
        self._record, self._log, self.last = record, log, last
        self._sleep, self._monotonic, self._begun = sleep, monotonic, monotonic()
        self._wall = wall
        self._run, self._notices = config["run"], []
        self._digest = config_digest(config)
        self._playbook = playbook.Playbook(paths, config, log)
        self._mirror = Mirror(paths, config["source"], log)

    def perform(self):
        """Returns the exit status. Raises AgentError for what ends it before ansible-pull ended."""
        queued = self._record("run.queued", run_id=self.last["run_id"], trigger=self.last["trigger"])
        self.last["stream"] = queued["data"]["stream"]
        if not self._state.fill_reserve():
            raise AgentError("disk_full", "%s has no room left" % self._paths.var)
        self._playbook.require_private_folders()
        with vault.fetched(self._paths, self._config["vault"], self._log, self._sleep):
            self._log.redact = redact.redactor(redact.secret_texts(self._paths))
            return self._with_secrets()

    def _with_secrets(self):
        self._playbook.require_ansible(self._state)
        commit = self._source()
        if self._is_up_to_date(commit):
            return self._skip(commit)
        self._playbook.prepare()
        return self._execute(commit)

    def failed(self, error):
        """The last word of a run that `error` ended."""
        if isinstance(error, Rejected):
            self._record(
                "run.source.rejected",
                **self._common("run_id"),
                reason=error.reason,
                message=self._log.redact(error.message),
                rejected_sha=self.last.get("rejected_sha"),
                signer=error.signer,
                **self._about_source(),
            )
        self._end_failed(judge.Verdict("failed", error.reason, self._log.redact(error.message)), None)

    def interrupted(self, reason, message, signal_name=None):
        """The last word of a run that was cut short, now or at the time of an earlier start."""
        found = evidence.read(self._playbook.evidence, self._log.redact) if self.last.get("started") else None
        evidence.mask(self._playbook.evidence, self._log.redact)
        self._record(
            "run.interrupted",
            **self._common("run_id", "mode", "intended_sha", "config_digest", "duration_s"),
            outcome="interrupted",
            reason=reason,
            message=message + ("" if found is None or found.last_task is None else "; last task: " + found.last_task["task"]),
            signal=signal_name,
            evidence=found.totals() if found else None,
            last_task=_without_message(found.last_task) if found and found.last_task else None,
            changed_tasks=[_without_message(task) for task in found.changed_tasks] or None if found else None,
        )
        self._end("interrupted", reason, message)

    def _source(self):
        candidate = self._mirror.fetch(self._sleep)
        self.last["rejected_sha"] = candidate.commit
        signer = self._mirror.accept(candidate, self._state.get("tip"))
        del self.last["rejected_sha"]
        self.last["intended_sha"] = candidate.commit
        self._record(
            "run.source.verified",
            **self._common("run_id", "intended_sha"),
            pinned=self._config["source"]["commit"] is not None,
            signer=signer or None,
            **self._about_source(),
        )
        return candidate.commit

    def _is_up_to_date(self, commit):
        """Only by the timer, only after a success of the very same: everything else runs.

        In the same stream, too: to the receiver another one is another machine, which has proved nothing yet.
        """
        success = self._state.get("last_success") or {}
        proved = tuple(success.get(key) for key in ("commit", "config_digest", "stream"))
        same = proved == (commit, self._digest, self.last["stream"])
        due = reapply.is_due(self._config["schedule"].get("reapply_s"), success, self._wall())
        if due or not (self.last["trigger"] == "timer" and same and self._run["mode"] == "apply"):
            return False
        # A receiver that lost its store, or doubts which machine is the VM's, has not what was proved: it is proved anew.
        return standing.justifies_skip(self._paths, self.last["stream"], commit)

    def _skip(self, commit):
        self._record(
            "run.skipped",
            **self._common("run_id", "intended_sha"),
            trigger=self.last["trigger"],
            reason="up_to_date",
            applied_sha=commit,
        )
        self._log.line("run %s: skipped: up_to_date" % self.last["run_id"])
        # The last run stays the one that succeeded: a skip proves nothing of its own.
        self._state.save(last_run=self._state.get("before"), before=None, last_skipped=self._ended("skipped", "up_to_date"))
        return 0

    def _execute(self, commit):
        checkout = self._playbook.checkout
        self._mirror.check_out(commit, checkout)
        names = playbook.names_of_machine()
        inventory = self._run.get("inventory")
        if inventory is not None and not os.path.exists(checkout + "/" + inventory):
            # ansible-pull only warns, matches no host and exits 0.
            raise AgentError("inventory_invalid", "the inventory %s is not in commit %s" % (inventory, commit))
        settings = ansible_cfg.read(self._paths, checkout)
        more = self._requirements(commit, settings)
        extra = secret_vars.checked(self._paths)
        self._announce(commit)
        with progress.reported(
            self._record, self.last["run_id"], self._playbook.evidence, self._log.redact, self._monotonic
        ):
            code, late = self._playbook.execute(commit, settings, extra, more)
        found = evidence.read(self._playbook.evidence, self._log.redact)
        evidence.mask(self._playbook.evidence, self._log.redact)
        ended = judge.Ended(code, late, list(self._log.lines), self._playbook.missing(), names, checkout)
        applied = self._mirror.head_of(self._playbook.checkout)
        commits = (commit, applied, self._digest)
        verdict = judge.judge(ended, found, self._run, commits, self._state.get("last_success"))
        has_inventory = inventory is not None or "inventory" in settings
        self._notices = notices.of_checkout(checkout, self._mirror.files_of(checkout), names, has_inventory)
        self._notices += notices.of_run(found, names) + notices.of_settings(settings)
        for one in self._notices:
            self._log.line("notice: %(reason)s: %(message)s" % one)
        return self._conclude(judge.strict(verdict, self._run, self._notices), found)

    def _announce(self, commit):
        self.last["started"] = True
        tip = {"followed": self._mirror.followed(), "commit": commit}
        self._state.save(last_run=self.last, tip=tip)
        self._record(
            "run.started",
            **self._common("run_id", "mode", "intended_sha", "config_digest"),
            trigger=self.last["trigger"],
            ref=self._config["source"].get("ref"),
            playbooks=self._run["playbooks"],
            timeout_s=self._run["timeout_s"],
            ansible_version=self._playbook.version,
        )
        self._log.line("ansible-pull of %s" % commit)
        self._log.lines.clear()

    def _requirements(self, commit, settings):
        """Collections and roles; a bootstrap of its own, since they are known only with the commit."""
        if "requirements" not in self._run:
            return None
        wanted = requirements.Requirements(self._paths, self._config, self._playbook.checkout, settings, self._log)
        lacks = wanted.missing()
        if lacks:
            begun = self._monotonic()
            run_id = self.last["run_id"]
            step = {"run_id": run_id, "step": "requirements"}
            self._record(
                "bootstrap.started",
                run_id=run_id,
                deadline_s=self._config["bootstrap"]["deadline_s"],
                steps=["requirements"],
            )
            try:
                wanted.install(self._sleep)
            except AgentError as error:
                self._record("bootstrap.failed", **step, reason=error.reason, message=self._log.redact(error.message))
                raise
            took = int(self._monotonic() - begun)
            self._record("bootstrap.step", **step, status="done", duration_s=took)
            self._record(
                "bootstrap.succeeded",
                run_id=run_id,
                duration_s=took,
                installed=lacks,
                ansible_version=self._playbook.version,
            )
        return wanted.environment()

    def _conclude(self, verdict, found):
        if verdict.outcome == "failed":
            return self._end_failed(verdict, found)
        self.last.update(exit_code=0, applied_sha=self.last["intended_sha"])
        shared = {
            **self._common("run_id", "mode", "intended_sha", "applied_sha", "config_digest", "duration_s"),
            "exit_code": 0,
            "evidence": found.totals(),
            "diff_summary": found.diff_summary(),
            "notices": self._notices or None,
        }
        if verdict.outcome == "drift":
            self._record("drift.detected", **shared, reason="drift_found", drifted_tasks=found.changed_tasks)
            tasks = ", ".join(task["task"] for task in found.changed_tasks)
            self._end("unchanged", "drift_found", "would change: " + tasks)
            return EXIT_DRIFT
        self._record("run.succeeded", **shared, outcome=verdict.outcome, changed_tasks=found.changed_tasks or None)
        success = {key: self.last[key] for key in ("run_id", "stream")}
        success.update(commit=self.last["applied_sha"], config_digest=self._digest, at=int(self._wall()))
        self._end(verdict.outcome, "converged", None, {"last_success": success} if self._run["mode"] == "apply" else {})
        return 0

    def _end_failed(self, verdict, found):
        message = self._log.redact(verdict.message)
        self._record(
            "run.failed",
            **self._common("run_id", "mode", "intended_sha", "config_digest", "duration_s"),
            outcome="failed",
            reason=verdict.reason,
            message=message,
            exit_code=verdict.exit_code,
            signal=verdict.signal,
            failed_conditions=verdict.failed_conditions,
            applied_sha=(self._state.get("last_success") or {}).get("commit"),
            evidence=found.totals() if found else None,
            failed_tasks=_without_marks(found.failed_tasks + found.unreachable_tasks) if found else None,
            changed_tasks=(found.changed_tasks or None) if found else None,
            diff_summary=found.diff_summary() if found else None,
            notices=self._notices or None,
            tail=self._log.tail() or None,
        )
        self.last["exit_code"] = verdict.exit_code
        self._end("failed", verdict.reason, message)
        code = verdict.exit_code or 0
        return code if 0 < code < 256 else EXIT_FAILED

    def _end(self, outcome, reason, message, changes=None):
        try:
            self._state.save(last_run=self._ended(outcome, reason, message), before=None, **(changes or {}))
        except OSError as error:
            # It was said; what cannot be kept beside that must not hide it.
            self._log.line("state.json cannot be written: %s" % error.strerror)
        said = ": %s" % message if message else ""
        self._log.line("run %s: %s: %s%s" % (self.last["run_id"], outcome, reason, said))

    def _ended(self, outcome, reason, message=None):
        self.last.update(outcome=outcome, reason=reason, message=message, last_lines=self._log.tail(), finished_at=now())
        self.last["notices"] = self._notices or None
        return {key: value for key, value in self.last.items() if value is not None}

    def _common(self, *names):
        known = dict(self.last)
        if "duration_s" in names:
            known.setdefault("duration_s", int(self._monotonic() - self._begun))
        return {name: known.get(name) for name in names}

    def _about_source(self):
        source = self._config["source"]
        return {
            "ref": source.get("ref"),
            "url": source["url"],
            "policy": source["verify"]["policy"],
            "object": source["verify"]["object"],
        }


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _without_marks(tasks):
    return [{key: value for key, value in task.items() if key != "censored"} for task in tasks] or None


def _without_message(task):
    """After a reboot nobody knows any more what Vault gave, and so what would have to be masked in it."""
    return {key: value for key, value in task.items() if key != "message"}
