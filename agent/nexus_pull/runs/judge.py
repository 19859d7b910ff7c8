"""Did the run succeed? The four conditions of a success (contract/lifecycle.json), and nothing less."""

import signal

from nexus_pull.runs import failures

# ansible-pull passes its child's negative return code to exit(), which keeps the lowest eight bits.
KILLED_CHILDREN = {256 - number: number for number in (signal.SIGKILL, signal.SIGTERM)}


class Verdict:
    """outcome: a success's, "drift" or "failed"; then reason and message say why."""

    def __init__(self, outcome, reason=None, message=None, **more):
        self.outcome, self.reason, self.message = outcome, reason, message
        self.exit_code = more.get("exit_code")
        self.signal = more.get("signal")
        self.failed_conditions = more.get("failed_conditions")


class Ended:
    """How ansible-pull ended. `missing`: playbooks that are not in the checkout; `names`: what it looked for in the inventory."""

    def __init__(self, code, late, lines, missing=(), names=(), checkout=""):
        self.late, self.lines, self.missing, self.names = late, lines, missing, names
        self.checkout = checkout
        number = -code if code < 0 else KILLED_CHILDREN.get(code)
        self.signal = signal.Signals(number).name if number else None
        self.exit_code = 128 + number if number else code


def strict(verdict, run, notices):
    """With run.strict what had no effect is no success."""
    if not run.get("strict") or not notices or verdict.outcome == "failed":
        return verdict
    message = "; ".join(one["message"] for one in notices)
    return Verdict("failed", notices[0]["reason"], message, exit_code=0, failed_conditions=["tasks_run"])


def judge(ended, evidence, run, commits, last_success):
    """`commits`: (intended, applied, config digest); `last_success`: {commit, config_digest} or None."""
    if ended.late:
        last = evidence.last_task
        doing = "; the last task that ended: " + last["task"] if last else ""
        message = "ansible-pull was ended after %d s%s" % (run["timeout_s"], doing)
        return Verdict("failed", "timeout", message, failed_conditions=["exit_code"])
    if ended.exit_code != 0:
        reason, message = failures.cause(ended, evidence)
        more = {"exit_code": ended.exit_code, "signal": ended.signal, "failed_conditions": ["exit_code"]}
        return Verdict("failed", reason, message, **more)
    return _judge_zero(evidence, run, commits, last_success)


def _judge_zero(evidence, run, commits, last_success):
    """ansible-pull exits 0 for a number of things that are no success."""
    intended, applied, digest = commits
    names, ends, unmet = run["playbooks"], evidence.ended, []
    seen = min(evidence.begun, len(ends))
    if seen < len(names):
        said = "%s has no %s" % (names[seen], "end" if evidence.begun > seen else "beginning")
        said = said if evidence.there else "there is no evidence.jsonl"
        unmet.append(("hosts_matched", "evidence_missing", "ansible-pull ended with 0 without proof of its work: " + said))
        unmet.append(("tasks_run", "evidence_missing", ""))
    else:
        # Each for itself: what one playbook did is no proof of another.
        for condition, reason, why in (
            ("hosts_matched", "no_hosts_matched", _no_hosts),
            ("tasks_run", "no_tasks_run", _no_tasks),
        ):
            idle = ["%s: %s" % (name, why(end, run)) for name, end in zip(names, ends) if end.get(condition, 0) < 1]
            if idle:
                unmet.append((condition, reason, "; ".join(idle)))
    if evidence.not_reached:
        unmet.append(("tasks_run", "delegate_not_reached", "; ".join(map(_not_reached, evidence.not_reached[:3]))))
    if applied != intended:
        message = "%s was checked out instead of %s" % (applied or "nothing", intended)
        unmet.append(("commit", "commit_mismatch", message))
    if unmet:
        _, reason, message = unmet[0]
        conditions = list(dict.fromkeys(name for name, _, _ in unmet))
        return Verdict("failed", reason, message, exit_code=0, failed_conditions=conditions)
    return Verdict(_outcome(evidence.totals(), run, (applied, digest), last_success), exit_code=0)


def _not_reached(task):
    return "%s was meant for %s and was done on this VM" % (failures.place(task), task["delegate"])


def _no_hosts(end, _):
    return "no host of the inventory matched: " + ", ".join(dict.fromkeys(end["patterns"]))


def _no_tasks(end, run):
    why = ["%d were skipped" % end["skipped"]] if end["skipped"] else []
    why += ["%s: %s" % (name, ", ".join(run[name])) for name in ("tags", "skip_tags") if run[name]]
    why += ["a meta task, %s, may have ended it first" % ", ".join(end["endings"])] if end.get("endings") else []
    return "a host matched and no task ran" + (" (%s)" % "; ".join(why) if why else "")


def _outcome(totals, run, applied, last_success):
    if totals["changed"] == 0:
        return "unchanged"
    if run["mode"] == "audit":
        return "drift"
    before = last_success or {}
    same = (before.get("commit"), before.get("config_digest")) == applied
    return "changed-corrective" if same else "changed-intentional"
