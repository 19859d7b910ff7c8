"""What systemd is told. Unit files come in the seed, rendered from templates/systemd."""

import os
import subprocess

from nexus_pull.errors import AgentError
from nexus_pull.process import environment

TIMEOUT_S = 60


def installable(paths, placed):
    """Names of the units that say when they start ([Install])."""
    return sorted(
        os.path.basename(path)
        for path, content, _ in placed
        if os.path.dirname(path) == paths.units and b"\n[Install]" in content
    )


def activate(paths, units, old_units):
    """Make systemd know the new units, and start them at each boot from now on."""
    # Before their files go: `disable` reads [Install] from them. One that is gone already is no failure.
    if old_units:
        _systemctl(paths, ["disable", *old_units], tolerant=True)
    if _watching(old_units):
        _systemctl(paths, ["stop", "--no-block", *_watching(old_units)], tolerant=True)
    _systemctl(paths, ["daemon-reload"])
    if units:
        _systemctl(paths, ["enable", *units])


def start(paths, units):
    """Queue the start jobs; --no-block, because the units wait for stages of the boot that wait for us.

    A timer or path that goes on already keeps its old settings until it is started anew; a service is never ended here.
    """
    watching = _watching(units)
    if watching:
        _systemctl(paths, ["restart", "--no-block", *watching])
    services = [unit for unit in units if unit not in watching]
    if services:
        _systemctl(paths, ["start", "--no-block", *services])


def _watching(units):
    """Those that start others, and end nothing when they are stopped."""
    return [unit for unit in units if unit.endswith((".timer", ".path"))]


def _systemctl(paths, arguments, tolerant=False):
    try:
        done = subprocess.run(
            [paths.at("/usr/bin/systemctl") if paths.root else "systemctl", *arguments],
            env=environment(paths),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError("bootstrap_step_failed", "systemctl %s: %s" % (arguments[0], type(error).__name__)) from error
    if done.returncode != 0 and not tolerant:
        said = done.stdout.decode(errors="replace").strip()[-300:]
        raise AgentError("bootstrap_step_failed", "systemctl %s: exit %d: %s" % (arguments[0], done.returncode, said))
