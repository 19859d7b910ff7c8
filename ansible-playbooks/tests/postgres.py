"""A real PostgreSQL server on loopback, whose one user has a password (SCRAM), and what logs in to it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time

from tests.support import LIMIT_S, PROJECT, unavailable

NOBODY = 65534


class Postgres:
    """`host`, `port`, and the user and password that it takes."""

    host = "127.0.0.1"

    def __init__(self, user, password):
        look = [os.path.join(PROJECT, "tools", "postgres.sh"), "--print"]
        found = subprocess.run(look, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self._programs = found.stdout.decode().strip().partition("=")[2]
        if not self._programs:
            unavailable("there is no PostgreSQL to log in to: %s" % found.stderr.decode().strip())
        # It refuses to run as root.
        self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self._folder = tempfile.mkdtemp(prefix="nexus-pull-pg-")
        if self._as:
            os.chown(self._folder, NOBODY, NOBODY)
        with open(self._folder + "/password", "w", encoding="utf-8") as stream:
            stream.write(password)
        os.chmod(self._folder + "/password", 0o644)
        how = ["-A", "scram-sha-256", "--pwfile", self._folder + "/password", "-E", "UTF8", "--no-locale", "--no-sync"]
        self._do("initdb", "-D", self._folder + "/data", "-U", user, *how)
        with socket.socket() as any_port:
            any_port.bind((self.host, 0))
            self.port = any_port.getsockname()[1]
        settings = ["-c", "listen_addresses=" + self.host, "-c", "shared_buffers=16MB", "-c", "fsync=off"]
        argv = [self._programs + "/postgres", "-D", self._folder + "/data", "-k", self._folder, "-p", str(self.port)]
        self._server = subprocess.Popen(
            [*argv, *settings], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as
        )

    def _do(self, name, *arguments, **environment):
        return subprocess.run(
            [os.path.join(self._programs, name), *arguments],
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S,
            check=name == "initdb",
            **self._as,
        )

    def says(self, host, port, database, user, password, question):
        """(exit code, what psql prints), once the server takes connections."""
        until = time.monotonic() + LIMIT_S
        while True:
            # By the environment: psql takes an argument with "=" for more than a name.
            place = {"PGHOST": host, "PGPORT": str(port), "PGUSER": user, "PGDATABASE": database}
            done = self._do("psql", "-X", "-A", "-t", "-w", "-c", question, PGPASSWORD=password, **place)
            said = done.stdout.decode()
            passing = "Connection refused" in said or "starting up" in said
            if not passing or self._server.poll() is not None or time.monotonic() > until:
                return done.returncode, said.strip()
            time.sleep(0.1)

    def close(self):
        self._server.terminate()
        self._server.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)
