"""Every secret is a canary: in a real run none of them is in anybody's arguments, environment, log, event or state."""

import glob
import json
import os
import secrets
import subprocess
import sys
import threading
import unittest
import zipfile

from tests import PROGRAM, openbao
from tests.gitserver import GitServer, make_certificate
from tests.support import AnsibleTest, Receiver, Repository, ansible_core, configuration, merged

# Of this run alone: what a second one beside it shows on purpose is no leak of this one's.
_OWN = secrets.token_hex(4)
CANARIES = {
    "git_token": "canary-1-git/token+x" + _OWN,
    "vault_password": "canary-2-vault-password" + _OWN,
    "variable": "canary-3-\"quoted\" \\ variable" + _OWN,
    "short": "~" + _OWN[:4],
    "deploy_key": "canary-4-deploy-key" + _OWN,
    "receiver_key": "c0ffee" + "5eed" * 12 + _OWN + "c0",
}
# What each program was given, by itself: a sample of /proc may miss one that lives for a moment.
WITNESS = """#!/bin/sh
{ tr '\\0' '\\n' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; } >>"%s"
exec "%s" "$@"
"""
PLAYBOOK = """- hosts: all
  gather_facts: false
  vars_files: [secret.yml]
  tasks:
    - name: a task that prints what it should not
      ansible.builtin.debug:
        msg: "{{ password_of_an_app }} and {{ encrypted }}"
    - name: a task that fails with what it should not say
      ansible.builtin.command:
        argv: [sh, -c, 'echo "cannot log in with $0" >&2; sleep 1; exit 1', "{{ shown }}"]
      ignore_errors: true
      vars:
        shown: harmless
    - name: a failure with a secret in its message
      ansible.builtin.fail:
        msg: "refused: {{ password_of_an_app }}, {{ short }}"
"""


class Sampler(threading.Thread):
    """Arguments and environments of every process, again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen = {}
        self._end = threading.Event()
        self._own = os.getpid()

    def run(self):
        while not self._end.wait(0.02):
            for folder in glob.glob("/proc/[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        with open("%s/%s" % (folder, name), "rb") as stream:
                            self.seen.setdefault((name, stream.read().replace(b"\0", b" ")), folder)
                    except OSError:
                        continue

    def stop(self):
        self._end.set()
        self.join()
        return self.seen


class CanaryTest(AnsibleTest):
    def setUp(self):
        super().setUp()
        self.bao = openbao.OpenBao(openbao.require(self))
        self.addCleanup(self.bao.close)
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        certificate, key = make_certificate(self.root)
        self.git = GitServer(self.root + "/srv", certificate, key, "x-access-token", CANARIES["git_token"])
        self.addCleanup(self.git.close)
        with open(certificate, encoding="ascii") as stream:
            self.certificate = stream.read()
        self._commit()
        self._witness("git", "/usr/bin/git")
        for name in ("ansible-pull", "ansible-playbook", "ansible"):
            os.unlink(self.root + "/usr/local/bin/" + name)
            self._witness(name, ansible_core() + "/bin/" + name)

    def _witness(self, name, real):
        if not os.path.exists(real):
            real = next(found for found in (folder + "/" + name for folder in os.get_exec_path()) if os.path.exists(found))
        self.place("/usr/local/bin/" + name, WITNESS % (self.root + "/witnessed", real), 0o755)

    def _commit(self):
        password = self.place("/password", CANARIES["vault_password"], 0o600)
        argv = [ansible_core() + "/bin/ansible-vault", "encrypt_string", "--vault-password-file", password]
        argv += ["--name", "encrypted", "what is encrypted is not this test's"]
        secret = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True).stdout
        os.unlink(password)
        Repository(self.root + "/srv/r").commit({"site.yml": PLAYBOOK, "secret.yml": secret})

    def machine(self, program=PROGRAM, **changes):
        """A machine that has adopted its seed and has everything else from the server."""
        role_id = self.bao.role()
        variables = {"password_of_an_app": CANARIES["variable"], "short": CANARIES["short"]}
        fields = {"token": CANARIES["git_token"], "password": CANARIES["vault_password"], "vars": variables}
        self.bao.call("POST", "secret/data/nexus", {"data": fields})
        self.wrapper = self.bao.wrapped()
        places = {"git_token": "token", "vault_password": "password", "extra_vars": "vars"}
        secrets = {name: {"path": "secret/data/nexus", "field": field} for name, field in places.items()}
        auth = {"method": "approle", "mount": "approle", "role_id": role_id}
        source = {"url": self.git.url + "/r/.git", "credential": {"kind": "token"}, "ca_certificate": self.certificate}
        base = {
            "source": source,
            "vault": {"address": self.bao.address, "auth": auth, "secrets": secrets},
            "receiver": {"url": self.receiver.url, "heartbeat_s": 900},
            "run": {"verbosity": 3},
        }
        self.place("/etc/nexus-pull/agent.json", json.dumps(configuration(**merged(base, changes))), 0o600)
        self.place("/etc/nexus-pull/secrets/wrapped_secret_id", self.wrapper, 0o600)
        self.place("/etc/nexus-pull/secrets/receiver_key", CANARIES["receiver_key"], 0o600)
        self.program = self.root + "/usr/local/bin/nexus-pull-agent"
        with open(program, "rb") as stream, open(self.program, "wb") as target:
            target.write(stream.read())
        os.chmod(self.program, 0o755)

    def watch(self, *commands):
        """Run the agent's commands; returns what they printed, and what was seen of processes meanwhile."""
        sampler = Sampler()
        sampler.start()
        printed = ""
        try:
            for command in commands:
                env = {**os.environ, "NEXUS_PULL_ROOT": self.root}
                argv = [sys.executable, self.program, *command]
                done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
                printed += done.stdout.decode(errors="replace")
        finally:
            seen = sampler.stop()
        return printed, seen

    def secrets(self):
        """Every canary, and what OpenBao made up."""
        found = dict(CANARIES, wrapper=self.wrapper)
        for name, path, key in (
            ("secret_id", "/var/lib/nexus-pull/vault.json", "secret_id"),
            ("vault_token", "/run/nexus-pull/vault-token.json", "token"),
        ):
            if self.exists(path):
                found[name] = json.loads(self.read(path))[key]
        return found

    def hits(self, printed, seen):
        """[(which secret, where)]: the secrets' own files are the only place where one may be."""
        own = ("/etc/nexus-pull/secrets/", "/var/lib/nexus-pull/vault.json", "/run/nexus-pull/vault-token.json")
        places = {"what it printed": printed.encode()}
        for (name, content), folder in seen.items():
            places["%s of %s: %r" % (name, folder, content[:60])] = content
        for path, content in self.tree().items():
            if not path.startswith(own) and path != "/usr/local/bin/nexus-pull-agent":
                places[path] = content
        for number, (path, headers, body) in enumerate(self.receiver.requests):
            places["request %d to the receiver" % number] = (path + json.dumps(headers)).encode() + body
        return sorted(
            {
                (name, where)
                for name, text in self.secrets().items()
                for where, content in places.items()
                if text.encode() in content or json.dumps(text)[1:-1].encode() in content
            }
        )

    def last_event(self):
        return json.loads(self.receiver.requests[-1][2])


class Canaries(CanaryTest):
    def test_a_run_with_every_secret_leaves_none_of_them_anywhere(self):
        self.machine()
        printed, seen = self.watch(["run"], ["heartbeat"], ["status"], ["flush", "--once"])
        self.assertEqual(self.hits(printed, seen), [])
        # It was the run that was meant: every secret was needed for it, and it got to its end.
        self.assertEqual(self.state()["last_run"]["reason"], "task_failed", printed[-3000:])
        self.assertIn("refused: ***, ***", printed)
        self.assertIn("what is encrypted is not this test's", printed)
        self.assertIn("secret_id", self.secrets())
        self.assertIn("vault_token", self.secrets())
        events = b"".join(body for _, _, body in self.receiver.requests)
        for kind in (b"run.source.verified", b"run.started", b"run.failed", b"vm.heartbeat"):
            self.assertIn(kind, events)
        # And the watching saw it: arguments and environments of what the run started.
        # Ansible lives long enough to be sampled; git may not, and was witnessed.
        for name, text in (("cmdline", b"ansible-playbook"), ("environ", b"ANSIBLE_CALLBACKS_ENABLED")):
            self.assertTrue([1 for about, content in seen if about == name and text in content], name)
        self.assertIn("credential.helper=", self.read("/witnessed"))
        self.assertIn("ANSIBLE_CALLBACKS_ENABLED", self.read("/witnessed"))

    def test_a_deploy_key_stays_in_its_file(self):
        self.machine(source={"url": "ssh://git@127.0.0.1:1/r.git", "credential": {"kind": "deploy_key"}}, vault=None)
        frame = "-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n-----END OPENSSH PRIVATE KEY-----\n"
        self.place("/etc/nexus-pull/secrets/deploy_key", frame % CANARIES["deploy_key"], 0o600)
        printed, seen = self.watch(["run"], ["flush", "--once"])
        self.assertEqual(self.state()["last_run"]["reason"], "git_unreachable", printed)
        self.assertEqual(self.hits(printed, seen), [])


class TheyAreSeen(CanaryTest):
    """The guards, taken out one at a time."""

    def broken(self, module, before, after):
        path = self.root + "/broken"
        with open(PROGRAM, "rb") as stream:
            shebang = stream.readline()
        with zipfile.ZipFile(PROGRAM) as whole, open(path, "wb") as target:
            target.write(shebang)
            with zipfile.ZipFile(target, "w") as copy:
                for name in whole.namelist():
                    content = whole.read(name).decode()
                    if name == "nexus_pull/" + module:
                        self.assertIn(before, content)
                        content = content.replace(before, after)
                    copy.writestr(name, content)
        return path

    def found(self, module, before, after):
        self.machine(self.broken(module, before, after))
        return {name for name, _ in self.hits(*self.watch(["run"], ["flush", "--once"]))}

    def test_without_redaction(self):
        unmasked = "def redact(line):\n  return line"
        self.assertEqual(self.found("redact.py", "def redact(line):", unmasked), {"variable", "short"})

    def test_with_the_token_in_a_variable_of_gits_environment(self):
        token = "GIT_CONFIG_TOKEN=open(self._paths.secret('git_token')).read(), "
        self.assertIn("git_token", self.found("source/program.py", 'GIT_TERMINAL_PROMPT="0",', token + 'GIT_TERMINAL_PROMPT="0",'))

    def test_with_the_token_in_gits_arguments(self):
        helper = '"credential.helper=!%s git-credential" % shlex.quote(self._paths.program)'
        spoken = "\"credential.helper=!f() { echo username=x-access-token; echo password=%s; }; f\" % open(self._paths.secret('git_token')).read()"
        self.assertIn("git_token", self.found("source/program.py", helper, spoken))

    def test_when_what_was_fetched_stays(self):
        self.assertIn("git_token", self.found("vault/fetch.py", "shutil.rmtree(paths.fetched, ignore_errors=True)", "pass"))


if __name__ == "__main__":
    unittest.main()
