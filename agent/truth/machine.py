"""One machine of the truth table: a root of its own, the shipped agent, one ansible-core, and what the agent said."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import build
from tests.support import KEY, Repository, configuration

PROGRAMS = ("ansible", "ansible-galaxy", "ansible-playbook", "ansible-pull", "ansible-vault")
LIMIT_S = 900
MACHINE_ID = "0123456789abcdef0123456789abcdef\n"


class Machine:
    """`core`: the folder of a venv with ansible-core."""

    def __init__(self, case, core, program, receiver_url):
        self.case, self.core = case, core
        self.root = tempfile.mkdtemp(prefix="nexus-pull-truth-")
        self.env = {**os.environ, "NEXUS_PULL_ROOT": self.root}
        self.facts = {}
        self.mounted = []
        self.place("/etc/machine-id", MACHINE_ID)
        self.place("/etc/os-release", 'ID=debian\nVERSION_ID="12"\n')
        self.place("/dev/console", "")
        self.agent_program = self.root + "/usr/local/bin/nexus-pull-agent"
        os.makedirs(self.root + "/usr/local/bin", exist_ok=True)
        shutil.copy(program, self.agent_program)
        for name in PROGRAMS:
            os.symlink("%s/bin/%s" % (core, name), "%s/usr/local/bin/%s" % (self.root, name))
        self.repository = Repository(self.root + "/srv/r")
        self.config = configuration(
            identity={"vm": case.replace("_", "-")},
            source={"url": self.repository.url},
            run={"extra_vars": {"target": self.target}, "timeout_s": 600},
            receiver={"url": receiver_url, "heartbeat_s": 900},
        )
        self.place("/etc/nexus-pull/secrets/receiver_key", KEY, 0o600)

    @property
    def target(self):
        return self.root + "/made"

    def close(self):
        for path in self.mounted:
            subprocess.run(["umount", "--lazy", path], check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def place(self, path, content, mode=0o644):
        full = self.root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as stream:
            stream.write(content)
        os.chmod(full, mode)
        return full

    def read(self, path):
        with open(self.root + path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def secret(self, name, content):
        self.place("/etc/nexus-pull/secrets/" + name, content, 0o600)

    def commit(self, files, **options):
        return self.repository.commit({name: text for name, text in files.items()}, **options)

    def agent(self, *arguments, **env):
        """The exit status; its output is kept for when the case fails."""
        self._write_config()
        done = subprocess.run(
            [sys.executable, build.FLAGS, self.agent_program, *arguments],
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
        )
        self._keep(done.stdout)
        return done.returncode

    def run(self, **env):
        return self.agent("run", **env)

    def timer(self):
        return self.agent("run", "--trigger", "timer")

    def start(self, until):
        """The agent in the background; returns when the file `until` is there."""
        self._write_config()
        argv = [sys.executable, build.FLAGS, self.agent_program, "run"]
        child = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + LIMIT_S
        while not os.path.exists(self.root + until):
            if child.poll() is not None or time.monotonic() > deadline:
                self._keep(child.communicate()[0])
                raise AssertionError("%s did not appear" % until)
            time.sleep(0.05)
        return child

    def ended(self, child):
        self._keep(child.communicate(timeout=LIMIT_S)[0])
        return child.returncode

    def kill_tree(self, child):
        """SIGKILL for the agent and everything below it, as systemd does it for a unit."""
        family = [child.pid, *descendants(child.pid)]
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.ended(child)

    def events(self):
        paths = sorted(glob.glob(self.root + "/var/lib/nexus-pull/spool/*-*.json"))
        found = []
        for path in paths:
            with open(path, encoding="utf-8") as stream:
                found.append(json.load(stream))
        return found

    def deliver(self):
        """What waits goes to the receiver, as the flusher's unit would send it."""
        status = self.agent("flush", "--once")
        assert status == 0, "flush ended with %d" % status

    def all_text(self):
        """Everything that lies on the machine and is no secret's own file: what a canary must not be in."""
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                if "/etc/nexus-pull/secrets/" not in path and not os.path.islink(path):
                    with open(path, "rb") as stream:
                        found[path[len(self.root) :]] = stream.read()
        return found

    def log(self):
        return self.read("/log") if os.path.exists(self.root + "/log") else ""

    def _keep(self, output):
        with open(self.root + "/log", "ab") as stream:
            stream.write(output or b"")

    def _write_config(self):
        self.place("/etc/nexus-pull/agent.json", json.dumps(self.config), 0o600)


def descendants(pid):
    """Pids below `pid`, found in /proc: a test must not depend on pgrep."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as stream:
                    parents[int(name)] = int(stream.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, wave = [], {pid}
    while wave:
        wave = {child for child, parent in parents.items() if parent in wave}
        found += sorted(wave)
    return found
