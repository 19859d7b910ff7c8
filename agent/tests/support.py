"""A machine in a temporary root, Git repositories, a receiver: all real, all on loopback."""

import base64
import contextlib
import functools
import hashlib
import http.server
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from tests import AGENT, PROGRAM

CONTRACT = os.path.join(os.path.dirname(AGENT), "contract")
KEY = "0454d5e9740336c63ae284827da6ae4e2aa5372d6077b929aaaea7e4f28ab345"
UNIT = "/etc/systemd/system/nexus-pull.service"
UNIT_TEXT = "[Unit]\nDescription=x\n\n[Install]\nWantedBy=cloud-init.target\n"
# Says what it was told, and can be made to fail: the one program that must never be the host's own.
FAKE_SYSTEMCTL = '#!/bin/sh\necho "$*" >>"%s/systemctl.log"\n[ ! -e "%s/systemctl.fails" ]\n'


def sha256(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def merged(base, changes):
    for key, value in changes.items():
        deep = isinstance(value, dict) and isinstance(base.get(key), dict)
        base[key] = merged(dict(base[key]), value) if deep else value
    return base


def configuration(**changes):
    config = {
        "version": 1,
        "generation": "a" * 64,
        "identity": {"fleet": "dev", "vm": "nexus-01", "instance_id": "iid-1"},
        "source": {
            "url": "https://git.example/r.git",
            "ref": "main",
            "commit": None,
            "credential": {"kind": "none"},
            "known_hosts": [],
            "verify": {"policy": "none", "object": "commit"},
        },
        "run": {
            "playbooks": ["site.yml"],
            "extra_vars": {},
            "mode": "apply",
            "timeout_s": 120,
            "tags": [],
            "skip_tags": [],
            "verbosity": 0,
        },
        "schedule": {"interval_s": 1800, "jitter_s": 300},
        "bootstrap": {"deadline_s": 1800, "ansible_core": {}},
        "receiver": None,
        "vault": None,
        "agent": {"version": "0.1.0", "sha256": sha256(PROGRAM)},
    }
    return merged(config, changes)


def seed_of(config, secrets=None, files=None):
    entries = {UNIT: UNIT_TEXT} if files is None else files
    return {
        "config": config,
        "secrets": secrets or {},
        "files": [
            {"path": path, "mode": "0644", "content_b64": base64.b64encode(text.encode()).decode()}
            for path, text in entries.items()
        ],
    }


def keeps_event_schema(event):
    """Raises unless this is an agent's event as the contract has it."""
    from nexus_pull import schema

    with open(os.path.join(CONTRACT, "event.schema.json"), encoding="utf-8") as stream:
        document = json.load(stream)
    own = document["$defs"][definition_of(event["type"])]
    # The agent's validator knows what its own schemas use; these keywords it has no need of.
    unknown = {"format", "patternProperties", "dependentRequired", "uniqueItems"} - set(schema.KEYWORDS)
    extra = dict.fromkeys(unknown, lambda *_: None)
    schema.KEYWORDS.update(extra)
    try:
        for part, value in ((document["$defs"]["agentData"], event["data"]), (own, event["data"])):
            schema._check(value, part, document, event["type"])
        schema._check(event, document["$defs"]["agentEvent"], document, "event")
    finally:
        for name in extra:
            del schema.KEYWORDS[name]


def definition_of(kind):
    words = kind[len("io.nexus-pull.") :].split(".")
    return words[0] + "".join(word.capitalize() for word in words[1:]) + "Data"


def lives(pid, seconds=10):
    """Whether a process still runs after a while: a killed one may wait for somebody to collect it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
                if stream.read().rpartition(")")[2].split()[0] == "Z":
                    return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.05)
    return True


class MachineTest(unittest.TestCase):
    """A test with a machine: self.root, self.paths, and the agent run in it."""

    def setUp(self):
        from nexus_pull.paths import Paths

        self.root = tempfile.mkdtemp(prefix="nexus-pull-root-")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.paths = Paths(self.root)
        self.place("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        self.place("/etc/os-release", 'ID=debian\nVERSION_ID="12"\n')
        self.place("/dev/console", "")
        self.place("/usr/bin/systemctl", FAKE_SYSTEMCTL % (self.root, self.root), 0o755)

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

    def exists(self, path):
        return os.path.lexists(self.root + path)

    def mode(self, path):
        return oct(os.stat(self.root + path).st_mode & 0o7777)

    def tree(self):
        """{path: content} of everything that is not the run's own noise."""
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)[len(self.root) :]
                if not path.endswith(".lock") and not path.startswith("/systemctl"):
                    with open(self.root + path, "rb") as stream:
                        found[path] = stream.read()
        return found

    def state_tree(self):
        """The same without the compiled code, which a program that is older than a few seconds keeps at any command."""
        found = self.tree()
        found.pop("/run/nexus-pull/compiled", None)
        return found

    def agent(self, *arguments, program=PROGRAM, stdin=""):
        env = {**os.environ, "NEXUS_PULL_ROOT": self.root}
        return subprocess.run(
            [sys.executable, program, *arguments], env=env, input=stdin, capture_output=True, text=True, timeout=180
        )

    def write_seed(self, seed):
        return self.place("/seed.json", seed if isinstance(seed, str) else json.dumps(seed), 0o600)

    def adopt(self, seed):
        return self.agent("adopt", "--seed", self.write_seed(seed))

    def must_adopt(self, seed):
        done = self.adopt(seed)
        self.assertEqual(done.returncode, 0, done.stderr)

    def quietly(self, function, *arguments, **named):
        """Call into the agent without its words in the test's output."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return function(*arguments, **named)

    def state(self):
        return json.loads(self.read("/var/lib/nexus-pull/state.json"))


class Repository:
    """A real Git repository in a folder, with `file:` as its address."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.git("init", "--quiet", "--initial-branch=main")
        self.url = "file://" + folder

    def git(self, *arguments):
        names = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org", "HOME": self.folder}
        env = {**os.environ, **names, "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org"}
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, files, message="change"):
        for name, text in files.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


class Receiver:
    """Answers with the statuses it is given (the last one for ever), after `before`, and keeps what it got."""

    def __init__(self, *answers, certificate=None, before=lambda: None):
        self.answers = list(answers) or [(200, {}, b"")]
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                outer.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                before()
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if answer[0] is None:
                    return self.connection.close()
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer[2])

            # What a followed redirect makes of a POST.
            do_GET = do_POST

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.present(certificate)
            # Not at accept, where a client that hangs up would stop the server.
            wrap = {"server_side": True, "do_handshake_on_connect": False}
            self.server.socket = self.context.wrap_socket(self.server.socket, **wrap)
        self.server.handle_error = lambda *_: None  # a refused handshake is what some tests want
        self.url = "%s://127.0.0.1:%d/webhook" % (scheme, self.server.server_address[1])
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def present(self, certificate):
        """Show this (certificate, key) from the next connection on."""
        self.context.load_cert_chain(*certificate)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@functools.lru_cache(maxsize=None)
def ansible_core(series="2.19"):
    """The folder of a venv that tools/ansible-cores.sh made ("2.14", "newest" ...), or None."""
    script = os.path.join(os.path.dirname(AGENT), "tools", "ansible-cores.sh")
    asked = subprocess.run(
        [script, "--only", series, "--no-build", "--print"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return asked.stdout.decode().strip().partition("=")[2] if asked.returncode == 0 else None


class AnsibleTest(MachineTest):
    """Needs real ansible-core: skipped loudly without it, failed in CI."""

    def setUp(self):
        super().setUp()
        folder = ansible_core()
        if folder is None:
            message = "NO ANSIBLE-CORE: run agent/tests/venv.sh; this test proved nothing"
            if os.environ.get("CI"):
                self.fail(message)
            print(message, file=sys.stderr)
            self.skipTest(message)
        os.makedirs(self.root + "/usr/local/bin", exist_ok=True)
        for name in ("ansible", "ansible-pull", "ansible-playbook"):
            os.symlink(os.path.join(folder, "bin", name), self.root + "/usr/local/bin/" + name)
