"""What the receiver holds of this machine: whether it is the VM's, and whether it is proved to be what its commit says."""

import contextlib

from nexus_pull import files, notice
from nexus_pull.console import say

# Of what the receiver calls a machine: the reason that is shown here, and what it means.
PROBLEMS = {
    "superseded": ("stream_superseded", "another machine took this one's place: what happens here does not count"),
    "released": ("stream_released", "OpenTofu released this machine, and it still runs"),
    "contested": ("identity_contested", "another machine lives with this one's identity: neither counts as configured"),
}
REMEDY = "stop the copy, or name the right machine on the receiver: nexus-pull-receiver trust FLEET/VM/STREAM"


def known(paths):
    """As the last answer had it; {} where none did."""
    value = files.read_json(paths.standing)
    return value if isinstance(value, dict) else {}


def problem(paths):
    """{reason, message} where this machine is not, or not surely, the VM's; else None."""
    said = known(paths)
    found = PROBLEMS.get("contested" if said.get("contested") else said.get("standing"))
    if found is None:
        return None
    reason, words = found
    return {"reason": reason, "message": "%s (stream %s); %s" % (words, said.get("stream"), REMEDY)}


def keep(paths, stream, machine):
    """Keep what an answer says, and say what is wrong with it where people look."""
    if machine is None:
        return
    now = {"stream": stream, **machine}
    before = problem(paths)
    if now != known(paths):
        # On a full disk it is not worth a block.
        with contextlib.suppress(OSError):
            files.write_json(paths.standing, now)
    after = problem(paths)
    if after == before:
        return
    if after is None:
        say(paths, "this machine is the VM's again")
        notice.clear(paths)
        return
    line = "%(reason)s: %(message)s" % after
    say(paths, line)
    notice.post(paths, [line])


def justifies_skip(paths, stream, commit):
    """Whether the receiver holds what makes a run needless. Where it does not say, nothing is asked of it."""
    said = known(paths)
    if said.get("stream") != stream or said.get("standing") != "current" or "converged" not in said:
        return True
    return said["converged"] and said.get("commit") == commit
