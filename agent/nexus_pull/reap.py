"""After a run of the unit that did not end by itself: what is left of it goes.

The unit's KillMode leaves alone what a playbook started to go on (a job with `async` and `poll: 0`, a program behind nohup), as
cron does. A run that is told to stop ends its own; one whose agent was killed cannot, and this is its ExecStopPost.
"""

import contextlib
import os
import signal

from nexus_pull.runs.state import State

# systemd's $SERVICE_RESULT of a run that came to its own end.
BY_ITSELF = ("success", "exit-code")
CGROUPS = "/sys/fs/cgroup"


def reap(paths, result, kill=os.kill):
    """Kills what is in this process' cgroup and is no older than the run that state.json says goes on. Returns the pids."""
    last = State(paths).get("last_run") or {}
    if result in BY_ITSELF or last.get("outcome") != "running" or "began_uptime_s" not in last:
        return []
    ticks = os.sysconf("SC_CLK_TCK")
    ended = []
    for pid in _beside(paths):
        began = _began_ticks(pid)
        # What an earlier run left running, and meant to, is older.
        if pid != os.getpid() and began is not None and began / ticks >= last["began_uptime_s"]:
            with contextlib.suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
                ended.append(pid)
    return ended


def _beside(paths):
    """Pids of this process' cgroup: of the unified hierarchy, else of systemd's own."""
    with open(paths.at("/proc/self/cgroup"), encoding="ascii", errors="replace") as stream:
        lines = [line.strip().split(":", 2) for line in stream]
    for controller, folder in (("", CGROUPS), ("name=systemd", CGROUPS + "/systemd")):
        for _, name, path in lines:
            if name == controller and os.path.isfile(paths.at(folder + path + "/cgroup.procs")):
                with open(paths.at(folder + path + "/cgroup.procs"), encoding="ascii") as stream:
                    return [int(line) for line in stream]
    return []


def _began_ticks(pid):
    try:
        with open("/proc/%d/stat" % pid, "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
