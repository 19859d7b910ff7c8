"""ansible-pull of one commit from the local mirror."""

import json
import os
import shutil
import socket
import stat

from nexus_pull import ansible_core, files, process
from nexus_pull.errors import AgentError
from nexus_pull.runs import callbacks, no_log

# Explicit, so that `hosts: all` matches; then the implicit localhost's interpreter and connection must be said too.
INVENTORY = 'localhost ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n'

# An inventory that cannot be read counts as none otherwise, and the run goes on with the wrong variables. And outputs beside
# ours would have what no masking has seen.
OURS_ALONE = {
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
    "ANSIBLE_LOG_PATH": "/dev/null",
    "ANSIBLE_NO_TARGET_SYSLOG": "1",
}


class Playbook:
    """One execution: `require_ansible` finds what is needed, `prepare` makes the run directory, `execute` runs it."""

    def __init__(self, paths, config, log):
        self._paths = paths
        self._run = config["run"]
        self._minimum = config["bootstrap"]["ansible_core"].get("minimum")
        self._log = log
        self.checkout = paths.work + "/checkout"
        self.evidence = paths.work + "/" + callbacks.EVIDENCE
        self.version = None

    def require_ansible(self, state):
        known = ansible_core.found(self._paths, state.get("ansible"))
        state.value["ansible"] = known  # written with the next change
        self.version = known["version"]
        if self._minimum is not None and ansible_core.numbers(self.version) < ansible_core.numbers(self._minimum):
            raise AgentError("ansible_too_old", "ansible-core is %s, wanted is %s" % (self.version, self._minimum))

    def require_private_folders(self):
        """Ansible ignores ansible.cfg in a folder that others may write to, and whoever can write there is root soon."""
        for path in (self._paths.var, self._paths.work):
            try:
                found = os.lstat(path)
                mode = found.st_mode
            except FileNotFoundError:
                continue
            if found.st_uid != os.geteuid() or mode & (stat.S_IWOTH | stat.S_IWGRP) or stat.S_ISLNK(mode):
                said = "%s is of user %d with mode %o: others may write to it" % (path, found.st_uid, stat.S_IMODE(mode))
                raise AgentError("checkout_world_writable", said)

    def prepare(self):
        """An empty run directory: with a checkout that is there, ansible-pull takes the inventory of the commit before,
        and when that names other hosts it checks nothing out, exits 0 for it and runs the old commit."""
        files.make_directory(self._paths.work)
        for name in os.listdir(self._paths.work):
            path = self._paths.work + "/" + name
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                files.remove(path)

    def execute(self, commit, settings, secret_vars=None, more=None):
        """(exit code, whether the deadline passed). `settings`: ansible_cfg.Settings of the checkout."""
        argv = self._argv(commit, settings, secret_vars)
        plugins = callbacks.install(self._paths.run + "/plugins")
        merged = callbacks.environment(plugins, self._paths.work, settings)
        own = {"PYTHONUNBUFFERED": "1", "ANSIBLE_NOCOLOR": "1", **OURS_ALONE}
        environment = process.account_environment(self._paths, **own, **merged, **(more or {}))
        # Files that tasks create get the mode that they would get by hand.
        before = os.umask(0o022)
        shown = no_log.NoLogFilter(self._log.line)
        try:
            return process.run(argv, environment, self._paths.work, self._run["timeout_s"], shown.line)
        finally:
            os.umask(before)
            shown.end()

    def missing(self):
        """Of the playbooks, those that are not in the checkout: ansible-pull's last word names none."""
        return [name for name in self._run["playbooks"] if not os.path.exists(self.checkout + "/" + name)]

    def _argv(self, commit, settings, secret_vars):
        extra_vars = self._paths.work + "/extra-vars.yml"
        files.write(extra_vars, unsafe_yaml(self._run["extra_vars"]).encode())
        argv = [self._programs() + "/ansible-pull", "--url", self._paths.mirror, "--checkout", commit, "--full"]
        argv += ["--directory", self.checkout, "--extra-vars", "@" + extra_vars]
        argv += ["--extra-vars", "@" + secret_vars] if secret_vars else []
        inventory = self._inventory(settings)
        if inventory is not None:
            argv += ["--inventory", inventory]
        for option, tags in (("--tags", self._run["tags"]), ("--skip-tags", self._run["skip_tags"])):
            argv += [option, ",".join(tags)] if tags else []
        if os.path.exists(self._paths.secret("vault_password")):
            argv += ["--vault-password-file", self._paths.secret("vault_password")]
        argv += ["--check", "--diff"] if self._run["mode"] == "audit" else []
        argv += ["-" + "v" * self._run["verbosity"]] if self._run["verbosity"] else []
        return argv + list(self._run["playbooks"])

    def _programs(self):
        """A folder with ansible-pull, beside which it looks for the two others. The checkout is made already, from the files
        that were verified: in the place of `ansible`, which would make it anew, is a program that does nothing."""
        folder = self._paths.work + "/bin"
        files.make_directory(folder)
        program = shutil.which("ansible-pull", path=self._paths.search_path)
        os.symlink(program, folder + "/ansible-pull")
        os.symlink(os.path.dirname(program) + "/ansible-playbook", folder + "/ansible-playbook")
        os.symlink(shutil.which("true", path=self._paths.search_path) or "/bin/true", folder + "/ansible")
        return folder

    def _inventory(self, settings):
        """The configured one, else what ansible.cfg says, else one with localhost."""
        if "inventory" in self._run:
            return self.checkout + "/" + self._run["inventory"]
        if "inventory" in settings:
            return None
        files.write(self._paths.work + "/inventory", INVENTORY.encode())
        return self._paths.work + "/inventory"


def names_of_machine():
    """What ansible-pull limits a run to."""
    node = os.uname().nodename
    full = socket.getfqdn()
    return list(dict.fromkeys(["localhost", full, node, full.split(".")[0], node.split(".")[0], "127.0.0.1"]))


def unsafe_yaml(value):
    """YAML in which every string is data: nothing in it is a template, whatever braces it has."""
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (json.dumps(key), unsafe_yaml(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(unsafe_yaml(inner) for inner in value)
    # An empty text marked as unsafe is null to ansible-core 2.19 and newer.
    if isinstance(value, str) and value:
        # As YAML's double-quoted form, which has no surrogate pairs: one escape for each character beyond ASCII.
        quoted = json.dumps(value, ensure_ascii=False)
        return "!unsafe " + "".join(c if " " <= c <= "~" else "\\U%08x" % ord(c) for c in quoted)
    return json.dumps(value)
