"""The distribution's package manager: apt or dnf."""

import re
import shutil

from nexus_pull.bootstrap.commands import StepFailed

LOCK_WAIT_S = 120
APT_NAMES = {"ssh": "openssh-client", "gpg": "gnupg", "venv": "python3-venv"}
DNF_NAMES = {"ssh": "openssh-clients", "gpg": "gnupg2", "venv": "python3-pip"}


def manager(commands):
    """The same one for the same attempt, so that the lists are updated once in it."""
    if commands.packages is None:
        commands.packages = _find(commands)
    return commands.packages


def _find(commands):
    for kind in (Apt, Dnf):
        if shutil.which(kind.program, path=commands.paths.search_path):
            return kind(commands)
    raise StepFailed("package_install_failed", "neither apt-get nor dnf is there to install anything with")


class Apt:
    program = "apt-get"

    def __init__(self, commands):
        self._commands = commands
        self._fresh = False

    def install(self, wanted):
        """Install the packages for these needs; returns their names."""
        names = [APT_NAMES.get(name, name) for name in wanted]
        # A machine that went down in the middle of an installation is left like that, and apt refuses everything.
        self._commands.attempt(["dpkg", "--configure", "-a"], DEBIAN_FRONTEND="noninteractive")
        lists = self._refresh()
        code, late, lines = self._get("install", "--no-install-recommends", *names)
        if code == 0 and not late:
            return names
        # Old lists make a missing package of what is a broken network.
        failed, about = (lists, "update") if lists else (lines, "install")
        default = "bootstrap_deadline" if late else "package_install_failed"
        raise self._commands.failure([self.program, about, *names], code, failed, default)

    def candidate(self, name):
        """The version that `install` would take, as upstream numbers it, or None."""
        failed = self._refresh()
        _, _, lines = self._commands.attempt(["apt-cache", "policy", APT_NAMES.get(name, name)])
        found = re.search(r"Candidate: (?:\d+:)?([0-9][0-9.]*)", "\n".join(lines))
        if found is None and failed:
            raise self._commands.failure([self.program, "update"], 100, failed, "package_install_failed")
        return found.group(1) if found else None

    def _refresh(self):
        """Update the lists, until that worked once; returns what apt said when it did not, else nothing."""
        if self._fresh:
            return []
        # Without the option apt-get ends with 0 although nothing could be fetched.
        code, late, lines = self._get("update", "-o", "APT::Update::Error-Mode=any")
        self._fresh = code == 0 and not late
        return [] if self._fresh else lines

    def _get(self, *arguments):
        wait = min(LOCK_WAIT_S, self._commands.remaining_s())
        options = ["-y", "-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=%d" % wait]
        options += ["-o", "Dpkg::Options::=--force-confold", "-o", "Acquire::Retries=2"]
        return self._commands.attempt([self.program, *options, *arguments], DEBIAN_FRONTEND="noninteractive")


class Dnf:
    program = "dnf"

    def __init__(self, commands):
        self._commands = commands

    def install(self, wanted):
        names = [DNF_NAMES.get(name, name) for name in wanted]
        # Not quiet: -q hides why a download failed.
        self._commands.run([self.program, "-y", "--color=never", "install", *names], "package_install_failed")
        return names

    def candidate(self, name):
        argv = [self.program, "repoquery", "--latest-limit=1", "--qf", "%{version}\n", DNF_NAMES.get(name, name)]
        lines = self._commands.run(argv, "package_install_failed")
        found = [line.strip() for line in lines if re.match(r"[0-9][0-9.]*\s*\Z", line)]
        return found[-1] if found else None
