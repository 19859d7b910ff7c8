"""Programs that the agent starts: an environment of their own, a deadline, and no survivors."""

import contextlib
import ctypes
import os
import pwd
import select
import signal
import subprocess
import threading

# A proxy is the machine's own setting; everything else of the caller's environment stays outside.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NEXUS_PULL_ROOT")
GRACE_S = 20
DRAIN_S = 5
LINE_LIMIT = 64 * 1024
LONGEST_SECRET = 8 * 1024
CUT = " [the rest of this line is left out]"
PR_SET_CHILD_SUBREAPER = 36


def environment(paths, **more):
    # ansible needs UTF-8: with LC_ALL=C it ends with exit code 1.
    base = {"PATH": paths.search_path, "HOME": paths.home, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
    base.update((name, os.environ[name]) for name in PASSED_ON if name in os.environ)
    base.update(more)
    return base


def account_environment(paths, **more):
    """For ansible and all that it starts: what the account has by itself, as from cron.

    Its home, not the agent's: ansible writes by HOME and looks up by the account, so that with two homes no async task is
    ever found again; and what a play puts at home belongs where people look for it. No TMPDIR: other users get it, too.
    """
    account = pwd.getpwuid(os.geteuid())
    own = {"HOME": home(), "USER": account.pw_name, "LOGNAME": account.pw_name, "SHELL": account.pw_shell or "/bin/sh"}
    return environment(paths, **{**own, **more})


def home():
    """The account's, whatever HOME says."""
    return pwd.getpwuid(os.geteuid()).pw_dir


def adopt_orphans():
    """What loses its parent becomes ours, so that a run that is ended leaves nobody: ansible's workers leave the group."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(argv, env, cwd, timeout_s, on_line):
    """Run to the end or to the deadline. Returns (exit code, whether the deadline passed).

    Whatever cuts it short (the deadline, a signal to us or to the program) ends everything that it started.
    """
    child = subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    reader = threading.Thread(target=_read, args=(child.stdout, on_line), daemon=True)
    reader.start()
    try:
        code = _wait(child, timeout_s)
        if code < 0:
            kill_descendants()
        return code, False
    except subprocess.TimeoutExpired:
        return _end(child), True
    except BaseException:
        _end(child)
        raise
    finally:
        # Not for ever: a service that a playbook started by hand may keep the pipe open.
        reader.join(DRAIN_S)
        if not reader.is_alive():
            child.stdout.close()


def _wait(child, timeout_s):
    """As child.wait, which looks every 50 ms only: of ten short programs that makes a good part of a second."""
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        return child.wait(timeout_s)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        ended.poll(timeout_s * 1000)
        return child.wait(0)
    finally:
        os.close(descriptor)


def _read(stream, on_line):
    while True:
        line = stream.readline(LINE_LIMIT)
        if not line:
            return
        cut = len(line) == LINE_LIMIT and not line.endswith(b"\n")
        text = line.decode(errors="replace").rstrip("\r\n")
        # A secret that lies on the seam of two pieces would be in neither: what is beyond goes, and what may begin there.
        on_line(text[:-LONGEST_SECRET] + CUT if cut else text)
        while cut:
            rest = stream.readline(LINE_LIMIT)
            cut = bool(rest) and not rest.endswith(b"\n")


def _end(child):
    _signal_group(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    # Also after the leader went: members of its group may have outlived it.
    _signal_group(child, signal.SIGKILL)
    code = child.wait()
    kill_descendants()
    return code


def _signal_group(child, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def kill_descendants():
    """Twice: the second look finds what was started during the first."""
    for _ in range(2):
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass


def descendants(pid):
    """Every process below `pid`, by /proc."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError), open("/proc/%s/stat" % name, "rb") as stream:
                parents[int(name)] = int(stream.read().rpartition(b")")[2].split()[1])
    found, wave = [], {pid}
    while wave:
        wave = {child for child, parent in parents.items() if parent in wave}
        found += sorted(wave)
    return found
