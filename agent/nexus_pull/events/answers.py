"""What an answer of the receiver means for the events that were sent. Pure; contract/rejections.json decides."""

import json
import ssl

from nexus_pull import files

DONE, RETRY, SET_ASIDE = "done", "retry", "set_aside"
MOST_RETRY_AFTER_S = 3600
# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED: what a wrong clock looks like over https.
DATE_ERRORS = (9, 10)
_TABLE = json.loads(files.shipped("schemas/rejections.json").decode())
LIMITS = _TABLE["limits"]
_BY_CODE = {row["code"]: row for row in _TABLE["answers"] if "code" in row}
_BY_STATUS = {row["status"]: row for row in _TABLE["answers"] if "code" not in row}


class Verdict:
    """What to do now, and how it is said."""

    def __init__(self, action, reason=None, message="", row=None, **more):
        row = row or {}
        self.action = action
        self.reason = reason
        self.message = message
        self.code = more.get("code")
        self.status = more.get("status")
        self.remedy = more.get("remedy", "")
        self.retry_after_s = more.get("retry_after_s", 0)
        self.date = more.get("date")
        self.splits = row.get("split_batch", False)
        self.begins_stream = row.get("begin_stream", False)
        self.corrects_clock = row.get("correct_clock", False)
        self.machine = more.get("machine")
        self.waits_for_clock = more.get("waits_for_clock", False)


def judge(status, headers, body):
    """`headers` by lower-case names; `body` the first bytes of the answer."""
    if 200 <= status < 300:
        return Verdict(DONE, status=status, machine=_machine(body))
    said = _problem(body)
    row = _row(status, said)
    action = row.get("action") or said["action"]
    answer = "the receiver answered %d" % status
    detail = said.get("detail") or said.get("title") or " ".join(body.decode(errors="replace").split())
    if row.get("reason") == "receiver_redirected":
        answer, detail = answer + ", a redirect, which is not followed", headers.get("location", "")
    message = ": ".join(str(part) for part in (answer, said.get("code"), detail) if part)
    return Verdict(
        action,
        row.get("reason") or ("receiver_unreachable" if status >= 500 else "receiver_refused"),
        message[:500],
        row,
        code=said.get("code"),
        status=status,
        remedy=str(said.get("remedy") or "")[:500],
        retry_after_s=_retry_after(headers, said, row),
        date=headers.get("date"),
    )


def _machine(body):
    """What the receiver holds of this machine; None where it does not say."""
    machine = _problem(body).get("machine")
    if not isinstance(machine, dict) or not isinstance(machine.get("standing"), str):
        return None
    known = {"standing": str, "contested": bool, "converged": bool, "commit": str}
    return {name: machine[name] for name, kind in known.items() if isinstance(machine.get(name), kind)}


def no_answer(error, synced):
    """No HTTP answer came. `synced`: whether the kernel says that the clock is right."""
    cause = getattr(error, "reason", None) or error
    if not isinstance(cause, ssl.SSLError):
        return Verdict(RETRY, "receiver_unreachable", "the receiver cannot be reached: %s" % _words(cause))
    if getattr(cause, "verify_code", None) in DATE_ERRORS and not synced:
        message = "the clock is not synchronized and the receiver's certificate is not valid by it: waiting for the time"
        return Verdict(RETRY, "clock_not_synced", message, waits_for_clock=True)
    said = getattr(cause, "verify_message", None)
    message = "the receiver's certificate is not accepted: %s" % said if said else "TLS failed: %s" % _words(cause)
    return Verdict(RETRY, "receiver_tls_failure", message, retry_after_s=60 if said else 0)


def _words(cause):
    return str(cause) or type(cause).__name__


def _problem(body):
    """The members of problem+json that are of the right kind."""
    try:
        said = json.loads(body.decode())
    except ValueError:
        return {}
    return {key: value for key, value in said.items() if value is not None} if isinstance(said, dict) else {}


def _row(status, said):
    row = _BY_CODE.get(said.get("code")) if isinstance(said.get("code"), str) else None
    if row is not None and row["status"] == status:
        return row
    if said.get("action") in (RETRY, SET_ASIDE) and isinstance(said.get("code"), str):
        # A code newer than this agent: the answer's own word counts.
        return {"action": said["action"], "split_batch": said["action"] == SET_ASIDE}
    return _BY_STATUS.get(str(status)) or _BY_STATUS.get("%dxx" % (status // 100)) or _BY_STATUS["none"]


def _retry_after(headers, said, row):
    """The header, else the body, else the table. A date in the header is not used: our clock may be the wrong one."""
    for value in (headers.get("retry-after"), said.get("retry_after_s"), row.get("retry_after_s")):
        try:
            return min(max(float(value), 0), MOST_RETRY_AFTER_S)
        except (TypeError, ValueError):
            continue
    return 0
