"""Where everything lies. NEXUS_PULL_ROOT puts it all under another root, so that tests touch nothing of the host."""

import os

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Paths:
    """Absolute paths under one root ("" on a real machine)."""

    def __init__(self, root=""):
        self.root = root.rstrip("/")
        self.etc = self.at("/etc/nexus-pull")
        self.config = self.etc + "/agent.json"
        self.secrets = self.etc + "/secrets"
        self.managed = self.etc + "/managed.json"
        self.journal = self.etc + "/adopting.json"
        self.units = self.at("/etc/systemd/system")
        self.program = self.at("/usr/local/bin/nexus-pull-agent")
        self.var = self.at("/var/lib/nexus-pull")
        self.mirror = self.var + "/mirror.git"
        self.submodules = self.var + "/submodules"
        self.installed = self.var + "/installed.json"
        self.work = self.var + "/work"
        self.home = self.var + "/home"
        self.state = self.var + "/state.json"
        self.stream = self.var + "/stream.json"
        self.bootstrap = self.var + "/bootstrap.json"
        self.vault = self.var + "/vault.json"
        self.spool = self.var + "/spool"
        self.delivery = self.var + "/delivery.json"
        self.standing = self.var + "/standing.json"
        self.log = self.at("/var/log/ansible-pull.log")
        # Not below /var/lib/nexus-pull, which is root's alone: a task may become another user and needs this Python.
        self.lib = self.at("/usr/local/lib/nexus-pull")
        self.run = self.at("/run/nexus-pull")
        # Memory, not disk: what Vault gave, for as long as a run takes, and the token with which it was read.
        self.fetched = self.run + "/secrets"
        self.vault_token = self.run + "/vault-token.json"
        self.not_adopted = self.run + "/not-adopted.json"
        self.run_lock = self.run + "/run.lock"
        self.flush_lock = self.run + "/flush.lock"
        self.console = self.at("/dev/console")
        self.motd = self.at("/run/motd.d/nexus-pull")
        self.issue = self.at("/run/issue.d/nexus-pull.issue")
        self.machine_id = self.at("/etc/machine-id")
        self.os_release = self.at("/etc/os-release")

    @classmethod
    def from_environment(cls):
        return cls(os.environ.get("NEXUS_PULL_ROOT", ""))

    def at(self, absolute):
        return self.root + absolute

    def seed_secret(self, name):
        return self.secrets + "/" + name

    def secret(self, name):
        """The secret that counts: what Vault gave wins over a file of the seed's."""
        fetched = self.fetched + "/" + name
        return fetched if os.path.exists(fetched) else self.seed_secret(name)

    @property
    def search_path(self):
        """PATH for every program that is started: the system's, never the caller's; what bootstrap installed goes first."""
        own = self.lib + "/bin"
        if not self.root:
            return own + ":" + SYSTEM_PATH
        # A test may hide what the host has.
        system = os.environ.get("NEXUS_PULL_SYSTEM_PATH", SYSTEM_PATH)
        return own + ":" + self.at("/usr/local/bin") + ":" + system
