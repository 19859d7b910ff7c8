"""What failed, where somebody looks who has no log: the console's login prompt, and the message after a login.

Below /run: a message is true for this boot, and whoever makes things good takes it away.
"""

import contextlib
import os
import subprocess

from nexus_pull import files
from nexus_pull.console import plain
from nexus_pull.process import environment

WHERE = "see: journalctl -u nexus-pull, /var/log/ansible-pull.log; again: systemctl start nexus-pull"
LONGEST = 400


def post(paths, lines):
    """`lines` are without secrets. A message that cannot be written is no failure of its own."""
    words = [plain(" ".join(str(line).split()))[:LONGEST] for line in lines]
    shown = ["nexus-pull: " + words[0], *("  " + line for line in (*words[1:], WHERE))]
    with contextlib.suppress(OSError):
        _write(paths.motd, "\n".join(shown) + "\n")
        # agetty takes a backslash for the start of something to expand.
        _write(paths.issue, "\n".join(line.replace("\\", "\\\\") for line in shown) + "\n\n")
    _reload(paths)


def clear(paths):
    there = [path for path in (paths.motd, paths.issue) if os.path.exists(path)]
    for path in there:
        files.remove(path)
    if there:
        _reload(paths)


def _write(path, text):
    files.make_directory(os.path.dirname(path), 0o755)
    files.write(path, text.encode(errors="replace"), 0o644)


def _reload(paths):
    """Ask the consoles to show it now. Nobody who is typing is disturbed: agetty sees to that."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        program = paths.at("/usr/sbin/agetty") if paths.root else "agetty"
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([program, "--reload"], env=environment(paths), timeout=10, check=False, **quiet)
