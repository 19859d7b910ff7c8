"""What the cases share: a Git server with TLS and a token, the SSH server that was started for us, keys."""

import json
import os
import shutil
import socket
import subprocess
import tempfile

from tests import openbao
from tests.gitserver import GitServer, make_certificate
from tests.support import Receiver

TOKEN = "CANARY-t0ken/with+odd=characters"


class Servers:
    """Repositories of all machines lie below /, so both serve any of them by its path."""

    def __init__(self, arguments):
        self.folder = tempfile.mkdtemp(prefix="nexus-pull-truth-servers-")
        certificate, key = make_certificate(self.folder)
        with open(certificate, encoding="utf-8") as stream:
            self.certificate = stream.read()
        self.https = GitServer("/", certificate, key, "x-access-token", TOKEN)
        self.receiver = Receiver()
        self.ssh_port = arguments.ssh_port
        self.host_key = "[127.0.0.1]:%d %s" % (arguments.ssh_port, arguments.ssh_host_key)
        with open(arguments.deploy_key, encoding="utf-8") as stream:
            self.deploy_key = stream.read()
        for name in ("signer", "stranger"):
            self.ssh_key(name)
        self._gpg = self._make_gpg_key()
        program = openbao.program()
        if program is None:
            raise SystemExit("NO OPENBAO: run tools/openbao.sh; its cases would prove nothing")
        self.bao = openbao.OpenBao(program)
        self.role_id = self.bao.role()

    def delivered(self, vm):
        """The events that came from one VM, each once, in the order of their numbers."""
        found = {}
        for _, _, body in list(self.receiver.requests):
            said = json.loads(body)
            for event in said if isinstance(said, list) else [said]:
                if event["data"]["vm"] == vm:
                    found[event["id"]] = event
        return sorted(found.values(), key=lambda event: event["data"]["seq"])

    def https_source(self, machine):
        return {
            "url": self.https.url + machine.repository.folder + "/.git",
            "credential": {"kind": "token"},
            "ca_certificate": self.certificate,
        }

    def ssh_source(self, machine):
        return {
            "url": "ssh://git@127.0.0.1:%d%s" % (self.ssh_port, machine.repository.folder),
            "credential": {"kind": "deploy_key"},
            "known_hosts": [self.host_key],
        }

    def gpg_key(self):
        """(GNUPGHOME, armored public key, fingerprint)."""
        return self._gpg

    def _make_gpg_key(self):
        home = os.path.join(self.folder, "gnupg")
        os.mkdir(home, 0o700)

        def gpg(*arguments):
            argv = ["gpg", "--homedir", home, "--batch", "--no-tty", *arguments]
            return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

        gpg("--passphrase", "", "--quick-generate-key", "signer@example.org", "ed25519", "sign", "never")
        listing = gpg("--list-keys", "--with-colons")
        fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
        return home, gpg("--export", "--armor"), fingerprint

    def ssh_key(self, name):
        """(private key's path, public key's text)."""
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]
            subprocess.run(argv, check=True, capture_output=True)
        with open(path + ".pub", encoding="utf-8") as stream:
            return path, stream.read().strip()

    def close(self):
        self.bao.close()
        self.receiver.close()
        self.https.close()
        # It started an agent of its own, which would stay.
        subprocess.run(["gpgconf", "--homedir", self._gpg[0], "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def closed_port():
    """A port of loopback on which nobody listens. It stays bound for nobody: a collision is one in thousands."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
