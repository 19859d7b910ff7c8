"""ansible-pull of one commit from the local mirror."""

import configparser
import json
import os
import re
import shutil
import subprocess

from nexus_pull import files, process
from nexus_pull.errors import AgentError

# Explicit, so that `hosts: all` matches; then the implicit localhost's interpreter and connection must be said too.
INVENTORY = 'localhost ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n'


class Playbook:
    """One execution: `prepare` finds and checks what is needed, `execute` runs it."""

    def __init__(self, paths, config, log):
        self._paths = paths
        self._run = config["run"]
        self._minimum = config["bootstrap"]["ansible_core"].get("minimum")
        self._log = log
        self.checkout = paths.work + "/checkout"

    def require_ansible(self):
        program = shutil.which("ansible-pull", path=self._paths.search_path)
        if program is None:
            raise AgentError("ansible_missing", "ansible-pull is not installed, and this agent installs nothing")
        if self._minimum is not None:
            seen = self._version(program)
            if _numbers(seen) < _numbers(self._minimum):
                raise AgentError(
                    "ansible_too_old",
                    "ansible-core is %s, at least %s is asked for, and this agent installs nothing"
                    % (seen or "of an unknown version", self._minimum),
                )

    def execute(self, source, commit):
        """(exit code, whether the deadline passed)."""
        # Anew each time: with a checkout that is there, ansible-pull takes the inventory of the commit before, and
        # when that names other hosts it checks nothing out, exits 0 for it and runs the old commit.
        shutil.rmtree(self._paths.work, ignore_errors=True)
        files.make_directory(self._paths.work)
        argv = self._argv(source, commit)
        environment = process.environment(self._paths, PYTHONUNBUFFERED="1", ANSIBLE_NOCOLOR="1")
        # Files that tasks create get the mode that they would get by hand.
        before = os.umask(0o022)
        try:
            return process.run(argv, environment, self._paths.work, self._run["timeout_s"], self._log.line)
        finally:
            os.umask(before)

    def _argv(self, source, commit):
        extra_vars = self._paths.work + "/extra-vars.json"
        files.write(extra_vars, json.dumps(self._run["extra_vars"]).encode())
        argv = ["ansible-pull", "--url", self._paths.mirror, "--checkout", commit, "--full"]
        argv += ["--directory", self.checkout, "--extra-vars", "@" + extra_vars]
        inventory = self._inventory(source, commit)
        if inventory is not None:
            argv += ["--inventory", inventory]
        for option, tags in (("--tags", self._run["tags"]), ("--skip-tags", self._run["skip_tags"])):
            argv += [option, ",".join(tags)] if tags else []
        if os.path.exists(self._paths.secret("vault_password")):
            argv += ["--vault-password-file", self._paths.secret("vault_password")]
        argv += ["-" + "v" * self._run["verbosity"]] if self._run["verbosity"] else []
        return argv + list(self._run["playbooks"])

    def _inventory(self, source, commit):
        """The configured one, else what the repository's ansible.cfg says, else one with localhost."""
        if "inventory" in self._run:
            return self.checkout + "/" + self._run["inventory"]
        if _names_inventory(source.file_at(commit, "ansible.cfg")):
            return None
        files.write(self._paths.work + "/inventory", INVENTORY.encode())
        return self._paths.work + "/inventory"

    def _version(self, program):
        try:
            done = subprocess.run(
                [program, "--version"],
                env=process.environment(self._paths),
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=60,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        found = re.search(r"core ([0-9.]+)", done.stdout.decode(errors="replace"))
        return found.group(1) if found else ""


def _numbers(version):
    return [int(part) for part in re.findall(r"\d+", version)]


def _names_inventory(text):
    parser = configparser.ConfigParser(inline_comment_prefixes=(";",), interpolation=None, strict=False)
    try:
        parser.read_string(text or "")
    except configparser.Error:
        return False
    return parser.has_option("defaults", "inventory")
