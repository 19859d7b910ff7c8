"""The ansible-core that is there, for the bootstrap and for a run."""

import os
import re
import shutil

from nexus_pull import process
from nexus_pull.errors import AgentError


def found(paths, known):
    """{"identity", "version"} of it. Its version is asked once for each program: to ask costs as much as a small playbook.

    `known`: what was found before, or None.
    """
    program = shutil.which("ansible-pull", path=paths.search_path)
    if program is None:
        raise AgentError("ansible_missing", "ansible-pull is not installed: searched %s" % paths.search_path)
    real = os.path.realpath(program)
    about = os.stat(real)
    identity = [real, about.st_mtime_ns, about.st_size]
    if known and known["identity"] == identity and known["version"]:
        return known
    return {"identity": identity, "version": _ask(paths, program)}


def numbers(version):
    return [int(part) for part in re.findall(r"\d+", version or "")[:3]]


def _ask(paths, program):
    lines = []
    try:
        code, _ = process.run([program, "--version"], process.environment(paths), "/", 60, lines.append)
    except OSError as error:
        raise AgentError("ansible_missing", "%s does not start: %s" % (program, type(error).__name__)) from error
    said = " ".join(lines)
    version = re.search(r"core ([0-9][0-9a-z.]*)", said)
    if version is None:
        raise AgentError("ansible_missing", "%s --version ended with %d: %s" % (program, code, " ".join(said.split())[-300:]))
    return version.group(1)
