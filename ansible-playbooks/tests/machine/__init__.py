"""A Debian machine in namespaces, to try the roles on; nothing of the one below it is touched."""

import glob
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from tests.support import PROJECT, REPOSITORY, all_cores, unavailable

HERE = os.path.dirname(os.path.abspath(__file__))
NEXUS_VERSION = "3.95.2-01"
# Of the stand-in, to go up to; and the real one's.
NEXT_VERSION, REAL_VERSION = "3.96.0-01", "3.71.0-06"
# Packages that are big or bring services: empty ones of the same name, with the files that the roles rely on.
PACKAGES = {
    "openjdk-21-jre-headless": {
        "/usr/lib/jvm/java-21-openjdk-amd64/bin/java": "#!/bin/sh\n",
        "/usr/lib/jvm/java-21-openjdk-amd64/release": 'JAVA_VERSION="21.0.9"\n',
    },
    "systemd-timesyncd": {"/usr/lib/systemd/system/systemd-timesyncd.service": "[Service]\nExecStart=/bin/true\n"},
    "unattended-upgrades": {"/etc/apt/apt.conf.d/50unattended-upgrades": "// the package's own\n"},
    "prometheus-node-exporter": {
        "/usr/lib/systemd/system/prometheus-node-exporter.service": "[Service]\nExecStart=/bin/true\n",
        "/etc/default/prometheus-node-exporter": 'ARGS=""\n',
    },
}


def real_server():
    """Folder of tools/nexus-server.sh."""
    look = [os.path.join(PROJECT, "tools", "nexus-server.sh"), "--print", "--no-build"]
    found = subprocess.run(look, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if found.returncode:
        unavailable("there is no real Nexus: run tools/nexus-server.sh (%s)" % found.stderr.decode().strip())
    return found.stdout.decode().strip().partition("=")[2]


class Machine:
    """With `real`, /java-17 and the release of a real Nexus are there beside the stand-in's."""

    def __init__(self, real=None):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            unavailable("the roles are tried as root, with unshare")
        script = subprocess.run([REPOSITORY + "/tests/root.sh", "--no-build"], stdout=subprocess.PIPE, check=False)
        if script.returncode:
            unavailable("there is no machine to try the roles on: run ansible-playbooks/tests/root.sh")
        # Debian 13's Python.
        venvs = [venv for venv in all_cores().values() if glob.glob(venv + "/lib/python3.13")]
        if not venvs:
            unavailable("no ansible-core is there for Python 3.13")
        self._work = tempfile.mkdtemp(prefix="nexus-pull-machine-")
        self.share = os.path.join(self._work, "share")
        os.mkdir(self.share)
        fill(self.share, real)
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc"]
        inside = [
            sys.executable,
            HERE + "/inside.py",
            script.stdout.decode().strip(),
            self._work,
            REPOSITORY,
            venvs[-1],
            real or "",
        ]
        self._process = subprocess.Popen([*namespaces, *inside], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        prepare = "rm -rf /etc/apt/sources.list.d/*; cp /share/local.list /etc/apt/sources.list; apt-get update"
        code, said = self.run("sh", "-c", prepare)
        assert code == 0, said

    def run(self, *argv, **environment):
        """(exit code, what it said)."""
        self._process.stdin.write(json.dumps({"argv": argv, "env": environment}).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["said"]

    def release(self, version):
        """The variables that ask for a release."""
        code, said = self.run("sha256sum", "/share/" + archive(version))
        assert code == 0, said
        return {
            "nexus_version": version,
            "nexus_download_url": "http://127.0.0.1:8099/" + archive(version),
            "nexus_checksum": "sha256:" + said.split()[0],
        }

    def ask(self, port, method, path, body=None, login=None, context=""):
        """(status, what was JSON or else the text, headers) of a call of Nexus' REST API."""
        request = {"port": port, "method": method, "path": path, "body": body, "login": login, "context": context}
        code, said = self.run("python3", "/repository/tests/machine/ask.py", json.dumps(request))
        assert code == 0, said
        answer = json.loads(said)
        return answer["status"], answer["value"], answer["headers"]

    def play(self, playbook, *arguments, **variables):
        """(exit code, what it said, the recap's numbers)."""
        with open(os.path.join(self.share, "vars.json"), "w", encoding="utf-8") as stream:
            json.dump(variables, stream)
        program = 'cd /repository && exec python3 -m ansible playbook -e @/share/vars.json "$@"'
        environment = {
            "PYTHONPATH": "/ansible/lib/python3.13/site-packages",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "0",
        }
        code, said = self.run("sh", "-c", program, "sh", playbook, *arguments, **environment)
        recap = re.findall(r"(\w+)=(\d+)", said[said.rindex("PLAY RECAP") :]) if "PLAY RECAP" in said else []
        return code, said, {name: int(number) for name, number in recap}

    def read(self, path):
        code, said = self.run("cat", path)
        assert code == 0, said
        return said

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
        shutil.rmtree(self._work, ignore_errors=True)


def archive(version):
    return "sonatype-nexus-repository-%s-assembly.zip" % version


def fill(share, real):
    """What the machine downloads: releases of Nexus, and packages."""
    for version in (NEXUS_VERSION, NEXT_VERSION):
        pack(share, version)
    if real:
        # Where it is within the machine.
        os.symlink("/nexus-server/release.zip", os.path.join(share, archive(REAL_VERSION)))
    index = [package(share, name, files) for name, files in PACKAGES.items()]
    for name, text in (("Packages", "\n".join(index)), ("local.list", "deb [trusted=yes] file:/share ./\n")):
        with open(os.path.join(share, name), "w", encoding="utf-8") as stream:
            stream.write(text)


def pack(share, version):
    with zipfile.ZipFile(os.path.join(share, archive(version)), "w") as made:
        for name in ("nexus", "answers.py", "repositories.py"):
            program = zipfile.ZipInfo("nexus-%s/bin/%s" % (version, name))
            program.external_attr = 0o100755 << 16
            with open(os.path.join(HERE, "standin", name), "rb") as stream:
                made.writestr(program, stream.read())
        made.writestr("nexus-%s/etc/nexus-default.properties" % version, "application-port=8081\n")
        made.writestr("sonatype-work/nexus3/log/.placeholder", "")


def package(share, name, files):
    """Makes NAME.deb, an ar archive of two tar archives. Returns its entry in the index."""
    control = (
        "Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: tests <tests@example.org>\nDescription: for tests\n"
        % name
    )
    members = (("debian-binary", b"2.0\n"), ("control.tar", tar({"/control": control})), ("data.tar", tar(files)))
    content = b"!<arch>\n"
    for member, data in members:
        content += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (member.encode(), 0, 0, 0, b"100644", len(data))
        content += data + b"\n" * (len(data) % 2)
    with open(os.path.join(share, name + ".deb"), "wb") as stream:
        stream.write(content)
    return "%sFilename: ./%s.deb\nSize: %d\nSHA256: %s\n" % (
        control,
        name,
        len(content),
        hashlib.sha256(content).hexdigest(),
    )


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, text in files.items():
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                folder = tarfile.TarInfo("./" + "/".join(parts[:depth]))
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(folder)
            entry = tarfile.TarInfo("./" + "/".join(parts))
            entry.size, entry.mode = len(text), 0o755 if text.startswith("#!") else 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
