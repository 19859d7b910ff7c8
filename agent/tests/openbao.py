"""A real OpenBao server in dev mode: in memory, on loopback, on a free port."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

from tests import AGENT

ROOT = "root-of-a-test"
POLICY = 'path "secret/data/nexus" { capabilities = ["read"] }'


def program():
    """What tools/openbao.sh installed, or None."""
    script = os.path.join(os.path.dirname(AGENT), "tools", "openbao.sh")
    done = subprocess.run([script, "--no-build", "--print"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode().strip().partition("=")[2] if done.returncode == 0 else None


class OpenBao:
    """`role()` makes an AppRole that may read secret/data/nexus; `wrapped()` a secret id of it in its wrapping."""

    def __init__(self, bao):
        self._home = tempfile.TemporaryDirectory()
        self._server = None
        # A port that was free a moment ago may be taken; three in a row are not.
        if not any(self._start(bao) for _ in range(3)):
            raise RuntimeError("OpenBao did not start: " + self._said)
        # Its words are read on, or it would stop at a full pipe.
        threading.Thread(target=self._server.stdout.read, daemon=True).start()
        try:
            self.call("POST", "sys/auth/approle", {"type": "approle"})
            self.call("POST", "sys/policies/acl/nexus", {"policy": POLICY})
        except BaseException:
            self.close()
            raise

    def _start(self, bao):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            listen = "127.0.0.1:%d" % probe.getsockname()[1]
        argv = [bao, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=" + ROOT, "-dev-listen-address=" + listen]
        env = {"HOME": self._home.name, "PATH": os.environ["PATH"]}
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self._server = subprocess.Popen(argv, env=env, **quiet)
        self.address = "http://" + listen
        self._said = ""
        for line in self._server.stdout:
            self._said += line.decode()
            if b"server started" in line:
                return True
        self._server.wait(30)
        self._server.stdout.close()
        return False

    def close(self):
        self._server.terminate()
        self._server.wait(30)
        self._server.stdout.close()
        self._home.cleanup()

    def call(self, method, path, body=None, **headers):
        content = None if body is None else json.dumps(body).encode()
        about = {"X-Vault-Token": ROOT, **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = urllib.request.Request("%s/v1/%s" % (self.address, path), content, about, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise AssertionError("%s %s: %d %s" % (method, path, error.code, error.read())) from None

    def role(self, **settings):
        self.call("POST", "auth/approle/role/nexus", {"token_policies": "nexus", "token_ttl": "10m", **settings})
        return self.call("GET", "auth/approle/role/nexus/role-id")["data"]["role_id"]

    def wrapped(self, ttl="10m"):
        answer = self.call("POST", "auth/approle/role/nexus/secret-id", {}, X_Vault_Wrap_TTL=ttl)
        return answer["wrap_info"]["token"]

    def put(self, **fields):
        self.call("POST", "secret/data/nexus", {"data": fields})

    def unwrap(self, token):
        return self.call("POST", "sys/wrapping/unwrap", {"token": token})["data"]


def require(test):
    """The server's program; without it the test is skipped loudly, and failed in CI."""
    found = program()
    if found is None:
        message = "NO OPENBAO: run tools/openbao.sh; this test proved nothing"
        if os.environ.get("CI"):
            test.fail(message)
        print(message, file=sys.stderr)
        test.skipTest(message)
    return found
