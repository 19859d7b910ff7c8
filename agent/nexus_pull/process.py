"""Programs that the agent starts: an environment of their own, a deadline, and no survivors."""

import contextlib
import os
import signal
import subprocess
import threading

# A proxy is the machine's own setting; everything else of the caller's environment stays outside.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NEXUS_PULL_ROOT")
GRACE_S = 20
DRAIN_S = 5
LINE_LIMIT = 64 * 1024


def environment(paths, **more):
    # ansible needs UTF-8: with LC_ALL=C it ends with exit code 1.
    base = {"PATH": paths.search_path, "HOME": paths.home, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
    base.update((name, os.environ[name]) for name in PASSED_ON if name in os.environ)
    base.update(more)
    return base


def run(argv, env, cwd, timeout_s, on_line):
    """Run to the end or to the deadline. Returns (exit code, whether the deadline passed)."""
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
        return child.wait(timeout_s), False
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


def _read(stream, on_line):
    while True:
        line = stream.readline(LINE_LIMIT)
        if not line:
            return
        on_line(line.decode(errors="replace").rstrip("\r\n"))


def _end(child):
    _signal_group(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_S)
    # Also after the leader went: members of its group may have outlived it.
    _signal_group(child, signal.SIGKILL)
    return child.wait()


def _signal_group(child, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
