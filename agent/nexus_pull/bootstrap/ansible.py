"""ansible-core: what the image has, else the distribution's, else pip's in a venv of its own."""

import os
import re
import shutil
import sys

from nexus_pull import files
from nexus_pull.ansible_core import found, numbers
from nexus_pull.bootstrap import packages
from nexus_pull.bootstrap.commands import StepFailed
from nexus_pull.errors import AgentError

WHOLE = "/whole"  # in a venv whose installation came to its end
NO_ENSUREPIP = re.compile(r"ensurepip is not\s+available|No module named '?ensurepip|python3-venv")


class AnsibleCore:
    """`seen` is what was found out about the program before: {"identity": ..., "version": ...}."""

    def __init__(self, paths, wanted, seen):
        self._paths = paths
        self._minimum = wanted.get("minimum")
        self._pip = wanted.get("pip")
        self.seen = seen or {}

    def missing(self):
        """Why it will not do, or None."""
        try:
            self.seen = found(self._paths, self.seen)
        except AgentError as error:
            self.seen = {}
            return error.reason
        return "ansible_too_old" if self._too_old(self.seen["version"]) else None

    def install(self, commands):
        """Returns what was installed."""
        lacks = self.missing()
        if self._distribution_will_do(commands, lacks):
            installed = packages.manager(commands).install(["ansible-core"])
        elif self._pip is not None:
            installed = self._by_pip(commands)
        else:
            raise StepFailed(
                "ansible_too_old",
                "ansible-core is %s here and %s in the distribution, at least %s is asked for, and no version for pip is given"
                % (self.seen.get("version") or "absent", self._offered or "absent", self._minimum),
            )
        lacks = self.missing()
        if lacks:
            version = self.seen.get("version") or "not to be started"
            raise StepFailed(lacks, "after the installation ansible-core is %s" % version)
        return installed

    def _too_old(self, version):
        return self._minimum is not None and numbers(version) < numbers(self._minimum)

    def _distribution_will_do(self, commands, lacks):
        """Without a minimum, or when its candidate is new enough. Nothing is replaced that is there and too old for nothing."""
        self._offered = None
        if self._minimum is None and self._pip is None:
            return True
        if lacks == "ansible_missing" or self._pip is None:
            self._offered = packages.manager(commands).candidate("ansible-core")
        return self._offered is not None and not self._too_old(self._offered)

    def _by_pip(self, commands):
        self._require_python()
        venv = "%s/ansible-core-%s" % (self._paths.lib, self._pip)
        if not os.path.exists(venv + WHOLE):
            shutil.rmtree(venv, ignore_errors=True)
            files.make_directory(self._paths.lib, 0o755)
            self._make_venv(commands, venv)
            argv = [venv + "/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
            argv += ["--no-cache-dir", "--progress-bar", "off", "ansible-core==" + self._pip]
            code, late, lines = commands.attempt(argv)
            if code != 0 or late:
                raise self._pip_failure(commands, argv, code, lines, late)
            files.write(venv + WHOLE, b"", 0o644)
        self._link(venv)
        return ["ansible-core==%s (pip)" % self._pip]

    def _make_venv(self, commands, venv):
        argv = ["python3", "-I", "-m", "venv", venv]
        code, late, lines = commands.attempt(argv)
        if code != 0 and NO_ENSUREPIP.search("\n".join(lines)):
            packages.manager(commands).install(["venv"])
            shutil.rmtree(venv, ignore_errors=True)
            code, late, lines = commands.attempt(argv)
        if code != 0 or late:
            raise commands.failure(argv, code, lines, "bootstrap_deadline" if late else "pip_install_failed")

    def _pip_failure(self, commands, argv, code, lines, late):
        text = "\n".join(lines)
        needs = re.search(r"\b%s Requires-Python ([^\s;]+)" % re.escape(self._pip), text)
        if needs:
            here = "%d.%d" % self._python()
            said = "ansible-core %s needs Python %s, and this is Python %s" % (self._pip, needs.group(1), here)
            return StepFailed("python_too_old", said, " ".join(argv), code, lines[-5:])
        return commands.failure(argv, code, lines, "bootstrap_deadline" if late else "pip_install_failed")

    def _require_python(self):
        """What is known without asking the index, which may list only what this Python can take."""
        needed = {(2, 22): (3, 13), (2, 20): (3, 12), (2, 18): (3, 11), (2, 16): (3, 10), (2, 14): (3, 9)}
        series = tuple(numbers(self._pip)[:2])
        for since in sorted(needed, reverse=True):
            if series >= since:
                if self._python() < needed[since]:
                    said = "ansible-core %s needs Python %d.%d or newer, and this is Python %d.%d"
                    raise StepFailed("python_too_old", said % (self._pip, *needed[since], *self._python()))
                return

    def _python(self):
        # The venv is made of the Python that runs this: both are the system's python3.
        return sys.version_info[:2]

    def _link(self, venv):
        """Only ansible's own programs go on PATH: the venv's python must not become the playbooks' python3."""
        folder = self._paths.lib + "/bin"
        files.make_directory(folder, 0o755)
        for name in os.listdir(venv + "/bin"):
            if name.startswith("ansible"):
                temporary = "%s/.%s%s" % (folder, name, files.NEW_SUFFIX)
                files.remove(temporary)
                os.symlink("%s/bin/%s" % (venv, name), temporary)
                os.replace(temporary, "%s/%s" % (folder, name))
        files.sync_directory(folder)
