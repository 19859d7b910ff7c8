"""What a run needs. A step is there, or it is installed; it says which reason it would fail with."""

import hashlib
import shutil

from nexus_pull import VERSION
from nexus_pull.bootstrap import packages
from nexus_pull.bootstrap.ansible import AnsibleCore
from nexus_pull.bootstrap.commands import StepFailed


def steps(paths, config, seen):
    """In the order in which they are made sure of."""
    return [Agent(paths, config["agent"]), *_programs(paths, config["source"]), Ansible(paths, config, seen)]


def _programs(paths, source):
    found = [Program(paths, "git", "git", "git_missing")]
    signed = source["verify"]["policy"]
    # git has OpenSSH's ssh-keygen check its signatures.
    if signed == "ssh" or "@" in source["url"] or source["url"].startswith("ssh:"):
        found.append(Program(paths, "ssh", "ssh-keygen" if signed == "ssh" else "ssh", "package_install_failed"))
    if signed == "gpg":
        found.append(Program(paths, "gpg", "gpg", "package_install_failed"))
    return found


class Agent:
    """The program in the image must be the one that the configuration names (agent: "image"); nothing is installed."""

    name = "agent"

    def __init__(self, paths, wanted):
        self._paths = paths
        self._wanted = wanted

    def missing(self):
        return None if self._sha256() == self._wanted["sha256"] else "agent_mismatch"

    def install(self, commands):
        raise StepFailed(
            "agent_mismatch",
            "the configuration asks for agent %s (sha256 %s...), and %s is %s (%s...)"
            % (self._wanted["version"], self._wanted["sha256"][:12], self._paths.program, VERSION, self._sha256()[:12]),
        )

    def _sha256(self):
        try:
            with open(self._paths.program, "rb") as stream:
                return hashlib.sha256(stream.read()).hexdigest()
        except OSError:
            return "not readable"


class Program:
    """A program of a package that every distribution has."""

    def __init__(self, paths, name, program, reason):
        self._paths = paths
        self.name = name
        self._program = program
        self._reason = reason

    def missing(self):
        return None if shutil.which(self._program, path=self._paths.search_path) else self._reason

    def install(self, commands):
        installed = packages.manager(commands).install([self.name])
        if self.missing():
            raise StepFailed(self._reason, "%s is still not there after %s was installed" % (self._program, installed[0]))
        return installed


class Ansible(AnsibleCore):
    name = "ansible"

    def __init__(self, paths, config, seen):
        super().__init__(paths, config["bootstrap"]["ansible_core"], seen)
